//! One request, to whichever address answers, and what comes back of it.

use bytes::Bytes;
use http::header::{HeaderMap, LOCATION};
use http::{Method, StatusCode};
use tokio::time::Instant;
use url::Url;

use crate::transport::Chunks;

/// One request, to whichever address answers.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// From `/v2` on.
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// Whether the connection is closed behind the answer.
    pub(super) closes: bool,
}

impl Request {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: Bytes::new(),
            closes: false,
        }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Nobody asks there again soon: no connection is kept for that.
    pub(crate) fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    pub(crate) fn is_write(&self) -> bool {
        self.method != Method::GET
    }

    pub(super) fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        url.set_path(&format!(
            "{}{}",
            base.path().trim_end_matches('/'),
            self.path
        ));
        if !self.query.is_empty() {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(&self.query);
            // Any server reads `%20` as a space; a `+` of the text itself is `%2B` already.
            url.set_query(Some(&query.finish().replace('+', "%20")));
        }
        url
    }

    /// Where an answer leads that only says who else is to be asked the same; anything else, such
    /// as a page to log in, answers something else.
    pub(super) fn led_to(&self, answer: &Answer) -> Option<Url> {
        let follows = match answer.status.as_u16() {
            307 | 308 => true,
            // These would turn a change into a GET.
            301 | 302 => !self.is_write(),
            _ => false,
        };
        let next = answer.location()?;
        let is_the_same = next.path().trim_end_matches('/').ends_with(&self.path);
        (follows && is_the_same).then_some(next)
    }
}

/// An answer: its head, and its body as it comes in.
pub(crate) struct Answer {
    /// The address that was asked.
    pub(crate) base: Url,
    /// Who answers in the end.
    pub(crate) from: Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Chunks,
    /// When all of it is to be there.
    pub(super) deadline: Option<Instant>,
}

impl Answer {
    /// Where it leads, if anywhere.
    pub(super) fn location(&self) -> Option<Url> {
        if !self.status.is_redirection() {
            return None;
        }
        self.from
            .join(self.headers.get(LOCATION)?.to_str().ok()?)
            .ok()
    }
}
