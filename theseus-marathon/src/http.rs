//! Requests and answers: addresses, credentials, time limits, size limits, and what is sent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION,
    RETRY_AFTER,
};
use http::{Method, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::classify::{Reply, classify, misread};
use crate::config::{ConfigError, Credentials, MarathonConfig};
use crate::failure::Failure;
use crate::transport::{Chunks, Transport, TransportError};

/// How many changes are told at the same time.
const WRITES_AT_A_TIME: usize = 8;

/// How many times an answer may lead elsewhere.
const MAX_REDIRECTS: usize = 3;

/// The most memory that is set aside because a header says so.
const MAX_RESERVED: usize = 64 << 20;

/// The most bytes of an answer about a failure that are looked at.
const MOST_SAID: usize = 1 << 20;

/// From so many bytes on, an answer takes a while to parse.
const LARGE: usize = 256 << 10;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// One request, to whichever address answers.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// From `/v2` on.
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: Bytes::new(),
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

    fn is_write(&self) -> bool {
        self.method != Method::GET
    }

    fn url(&self, base: &Url) -> Url {
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
}

/// An answer: its head, and its body as it comes in.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: Chunks,
    /// When all of it is to be there.
    deadline: Option<Instant>,
}

/// The way to Marathon.
#[derive(Debug)]
pub(crate) struct Http {
    transport: Arc<dyn Transport>,
    config: MarathonConfig,
    authorization: Option<HeaderValue>,
    /// The address that answered last.
    preferred: AtomicUsize,
    writes: Semaphore,
    /// How many sequences of pauses there were.
    sequences: AtomicU64,
}

impl Http {
    pub(crate) fn new(
        config: MarathonConfig,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, ConfigError> {
        check_urls(&config.urls)?;
        let authorization = config.credentials.as_ref().map(authorization).transpose()?;
        Ok(Self {
            transport,
            config,
            authorization,
            preferred: AtomicUsize::new(0),
            writes: Semaphore::new(WRITES_AT_A_TIME),
            sequences: AtomicU64::new(0),
        })
    }

    /// The same way to another server. Who asks is told there only if it is at one of Marathon's own
    /// addresses.
    pub(crate) fn elsewhere(&self, url: Url) -> Result<Self, ConfigError> {
        let mut addresses = self.config.urls.iter();
        let is_known = addresses.any(|known| known.origin() == url.origin());
        let config = MarathonConfig {
            urls: vec![url],
            credentials: self.config.credentials.clone().filter(|_| is_known),
            ..self.config.clone()
        };
        Self::new(config, self.transport.clone())
    }

    pub(crate) fn config(&self) -> &MarathonConfig {
        &self.config
    }

    /// The addresses, for people.
    pub(crate) fn address(&self) -> String {
        let shown = self
            .config
            .urls
            .iter()
            .map(|url| url.as_str().trim_end_matches('/'));
        shown.collect::<Vec<_>>().join(", ")
    }

    /// Asks for something, again and again while that can help. `limit` is on one answer.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        request: &Request,
        limit: Duration,
        parse: fn(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, Failure> {
        self.patiently(|| async {
            let body = self.exchange(request, limit).await?;
            parsed(body, parse).await
        })
        .await
    }

    /// Changes something, and sends it again only where surely nothing was done.
    pub(crate) async fn write(&self, request: &Request) -> Result<Bytes, Failure> {
        let _permit = self
            .writes
            .acquire()
            .await
            .expect("nobody closes the semaphore");
        self.patiently(|| self.exchange(request, self.config.answer_timeout))
            .await
    }

    /// Tries something until it succeeds, trying again cannot help, or patience ends.
    pub(crate) async fn patiently<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut tries = self.tries();
        loop {
            match attempt().await {
                Err(failure) => tries.pause_after(failure).await?,
                done => return done,
            }
        }
    }

    /// Pauses between tries, longer and longer, for ever.
    pub(crate) fn pauses(&self) -> ExponentialBackoff {
        let builder = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(self.config.first_pause)
            .with_max_delay(self.config.longest_pause)
            .without_max_times();
        let builder = match self.config.seed {
            Some(seed) => {
                let sequence = self.sequences.fetch_add(1, Ordering::Relaxed);
                builder.with_jitter_seed(seed.wrapping_add(sequence))
            }
            None => builder,
        };
        builder.build()
    }

    fn tries(&self) -> Tries {
        Tries {
            pauses: self.pauses(),
            patience: self.config.patience,
            began: Instant::now(),
            last: Instant::now(),
        }
    }

    /// One request and the whole of its answer, when that is a success.
    async fn exchange(&self, request: &Request, limit: Duration) -> Result<Bytes, Failure> {
        let answer = self.open(request, JSON, Some(limit)).await?;
        let (status, retry_after) = (answer.status, retry_after(&answer.headers));
        let body = if status.is_success() {
            self.body(answer, request.is_write()).await?
        } else {
            said(answer, request.is_write()).await?
        };
        let reply = Reply {
            status,
            retry_after,
            body: &body,
        };
        match classify(reply, request.is_write()) {
            Some(failure) => Err(failure),
            None => Ok(body),
        }
    }

    /// Sends a request to the first address that can be reached, and waits for the head of the
    /// answer.
    pub(crate) async fn open(
        &self,
        request: &Request,
        accept: HeaderValue,
        limit: Option<Duration>,
    ) -> Result<Answer, Failure> {
        let urls = &self.config.urls;
        let first = self.preferred.load(Ordering::Relaxed);
        let mut failure = None;
        for index in (0..urls.len()).map(|offset| (first + offset) % urls.len()) {
            match self
                .follow(request, request.url(&urls[index]), &accept, limit)
                .await
            {
                Ok(answer) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) => {
                    tracing::debug!(url = %urls[index], ?error, "no answer");
                    let never_left = matches!(error, TransportError::NotSent(_));
                    let is_write = request.is_write() && !never_left;
                    failure = Some(Failure::on_the_way(is_write, error));
                    if !never_left {
                        break;
                    }
                }
            }
        }
        Err(failure.unwrap_or_else(|| Failure::unreachable("there is no address")))
    }

    /// Follows where a standby leads to. Credentials go to configured addresses only.
    async fn follow(
        &self,
        request: &Request,
        mut url: Url,
        accept: &HeaderValue,
        limit: Option<Duration>,
    ) -> Result<Answer, TransportError> {
        for _ in 0..MAX_REDIRECTS {
            let answer = self.send(request, &url, accept, limit).await?;
            let Some(next) = self.led_to(request, &url, &answer) else {
                return Ok(answer);
            };
            tracing::debug!(%next, "led on");
            url = next;
        }
        self.send(request, &url, accept, limit).await
    }

    async fn send(
        &self,
        request: &Request,
        url: &Url,
        accept: &HeaderValue,
        limit: Option<Duration>,
    ) -> Result<Answer, TransportError> {
        let mut builder = http::Request::builder()
            .method(&request.method)
            .uri(url.as_str())
            .header(ACCEPT, accept)
            .header(CONTENT_TYPE, JSON);
        if let Some(authorization) = &self.authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        let message = builder
            .body(request.body.clone())
            .map_err(|error| TransportError::NotSent(error.into()))?;
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let response = within(deadline, self.transport.send(message)).await??;
        let (head, body) = response.into_parts();
        tracing::debug!(
            method = %request.method,
            path = %request.path,
            status = head.status.as_u16(),
            "answered"
        );
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            deadline,
        })
    }

    fn led_to(&self, request: &Request, from: &Url, answer: &Answer) -> Option<Url> {
        let follows = match answer.status.as_u16() {
            307 | 308 => true,
            // These would turn a change into a GET.
            301 | 302 => !request.is_write(),
            _ => false,
        };
        let location = answer.headers.get(LOCATION)?.to_str().ok()?;
        let next = from.join(location).ok()?;
        let known = || {
            self.config
                .urls
                .iter()
                .any(|url| url.origin() == next.origin())
        };
        (follows && (self.authorization.is_none() || known())).then_some(next)
    }

    async fn body(&self, mut answer: Answer, is_write: bool) -> Result<Bytes, Failure> {
        let most = self.config.largest_answer;
        let told = answer.headers.get(CONTENT_LENGTH);
        let told = told.and_then(|told| told.to_str().ok()?.parse::<usize>().ok());
        let mut body = Vec::with_capacity(told.unwrap_or(0).min(most).min(MAX_RESERVED));
        loop {
            let chunk = within(answer.deadline, answer.body.next()).await;
            match chunk.and_then(Option::transpose) {
                Ok(Some(chunk)) if body.len() + chunk.len() <= most => {
                    body.extend_from_slice(&chunk);
                }
                Ok(Some(_)) => {
                    let reason = format!("it answers with more than {most} bytes");
                    return Err(if is_write {
                        Failure::Unclear(reason.into())
                    } else {
                        Failure::Garbled(reason)
                    });
                }
                Ok(None) => return Ok(body.into()),
                Err(error) => return Err(Failure::on_the_way(is_write, error)),
            }
        }
    }
}

/// Waits for something on the way, but not for ever.
async fn within<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = T>,
) -> Result<T, TransportError> {
    match deadline {
        Some(deadline) => timeout_at(deadline, work)
            .await
            .map_err(|_| TransportError::unknown("the answer takes too long")),
        None => Ok(work.await),
    }
}

/// What a server says of a failure; of very much only the beginning.
async fn said(mut answer: Answer, is_write: bool) -> Result<Bytes, Failure> {
    let mut body = Vec::new();
    while body.len() < MOST_SAID {
        let chunk = within(answer.deadline, answer.body.next()).await;
        let Some(chunk) = chunk
            .and_then(Option::transpose)
            .map_err(|error| Failure::on_the_way(is_write, error))?
        else {
            break;
        };
        let room = MOST_SAID - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(body.into())
}

/// What a body says. A large one is parsed where nothing else waits for the thread.
async fn parsed<T: Send + 'static>(
    body: Bytes,
    parse: fn(&[u8]) -> serde_json::Result<T>,
) -> Result<T, Failure> {
    let parsed = if body.len() < LARGE {
        parse(&body)
    } else {
        spawn_blocking(move || parse(&body))
            .await
            .map_err(|cut| Failure::unreachable(cut.to_string()))?
    };
    parsed.map_err(|error| misread(&error, false))
}

/// The tries of one request.
struct Tries {
    pauses: ExponentialBackoff,
    patience: Duration,
    began: Instant,
    /// When the last try began.
    last: Instant,
}

impl Tries {
    /// Waits before the next try, or gives the failure back: because trying again cannot help, or
    /// because a try as long as the last would end too late.
    async fn pause_after(&mut self, failure: Failure) -> Result<(), Failure> {
        let Failure::Unreachable { cause, after } = &failure else {
            return Err(failure);
        };
        let pause = self
            .pauses
            .next()
            .unwrap_or(self.patience)
            .max(after.unwrap_or_default());
        if self.began.elapsed() + pause + self.last.elapsed() > self.patience {
            return Err(failure);
        }
        tracing::debug!(%cause, ?pause, "trying again");
        tokio::time::sleep(pause).await;
        self.last = Instant::now();
        Ok(())
    }
}

fn check_urls(urls: &[Url]) -> Result<(), ConfigError> {
    if urls.is_empty() {
        return Err(ConfigError::NoUrl);
    }
    for url in urls {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ConfigError::NotHttp(url.to_string()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let shown = format!("{}{}", url.origin().ascii_serialization(), url.path());
            return Err(ConfigError::CredentialsInUrl(shown));
        }
    }
    Ok(())
}

/// The header that says who asks. It is never shown.
fn authorization(credentials: &Credentials) -> Result<HeaderValue, ConfigError> {
    let text = match credentials {
        Credentials::Basic { user, password } => {
            let pair = format!("{user}:{password}");
            format!("Basic {}", BASE64_STANDARD.encode(pair))
        }
        Credentials::Token(token) => format!("token={token}"),
    };
    let mut header = HeaderValue::try_from(text).map_err(|_| ConfigError::Credentials)?;
    header.set_sensitive(true);
    Ok(header)
}

/// How long a server asks to wait: so many seconds, or until a time.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = rfc2822::parse(value).ok()?.timestamp();
    let now = Timestamp::now();
    Some(until.duration_since(now).try_into().unwrap_or_default())
}
