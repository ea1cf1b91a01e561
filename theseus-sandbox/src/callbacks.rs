//! Posts events to whoever has subscribed with an address, as Marathon did before 1.5: one event
//! after the other to each, and nothing for a while to one that fails or takes too long.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use axum::http::uri::{Authority, Scheme};
use axum::http::{Request, StatusCode, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::engine::lock;

/// Addresses that may be subscribed at the same time.
const MOST_SUBSCRIBERS: usize = 100;

/// Events that may wait for one subscriber; more are not sent to him.
const MOST_WAITING: usize = 1024;

/// A subscriber that takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long nothing is sent to one that has failed; twice as long after each further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What a subscriber answers is of no interest, and so of no length.
const LARGEST_ANSWER: usize = 64 * 1024;

/// The subscribers, by address.
#[derive(Debug, Default)]
pub(crate) struct Callbacks {
    subscribers: Mutex<BTreeMap<String, mpsc::Sender<Bytes>>>,
}

/// Why nobody can be called back there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCallback {
    #[error("'{0}' is no address that events could be posted to: http://host:port/path")]
    Address(String),
    #[error("there are {MOST_SUBSCRIBERS} subscribers already")]
    TooMany,
}

impl Callbacks {
    pub(crate) fn urls(&self) -> Vec<String> {
        lock(&self.subscribers).keys().cloned().collect()
    }

    /// Posts events to `url` from now on; who has subscribed already stays subscribed.
    pub(crate) fn subscribe(&self, url: &str) -> Result<(), NoCallback> {
        let target = Target::parse(url).ok_or_else(|| NoCallback::Address(url.to_owned()))?;
        let mut subscribers = lock(&self.subscribers);
        if subscribers.contains_key(url) {
            return Ok(());
        }
        if subscribers.len() >= MOST_SUBSCRIBERS {
            return Err(NoCallback::TooMany);
        }
        let (sender, events) = mpsc::channel(MOST_WAITING);
        subscribers.insert(url.to_owned(), sender);
        tokio::spawn(deliver(target, events));
        Ok(())
    }

    /// Ends what [`subscribe`](Self::subscribe) began.
    pub(crate) fn unsubscribe(&self, url: &str) {
        lock(&self.subscribers).remove(url);
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.subscribers).is_empty()
    }

    /// Hands an event to all; those that are too far behind miss it.
    pub(crate) fn publish(&self, event: &Bytes) {
        for subscriber in lock(&self.subscribers).values() {
            drop(subscriber.try_send(event.clone()));
        }
    }
}

/// Where events are posted to.
#[derive(Clone, Debug)]
struct Target {
    address: (String, u16),
    authority: Authority,
    path: String,
}

impl Target {
    fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority()?.clone();
        let path = uri.path_and_query().map_or("/", |it| it.as_str());
        (uri.scheme() == Some(&Scheme::HTTP)).then(|| Self {
            address: (
                authority.host().trim_matches(['[', ']']).to_owned(),
                authority.port_u16().unwrap_or(80),
            ),
            path: path.to_owned(),
            authority,
        })
    }

    async fn post(&self, event: Bytes) -> Result<(), PostError> {
        let stream = TcpStream::connect((self.address.0.as_str(), self.address.1)).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the sender, or by itself.
        let connection = tokio::spawn(connection);
        let request = Request::post(&self.path)
            .header(header::HOST, self.authority.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .body(Full::new(event))?;
        let response = sender.send_request(request).await;
        let outcome = match response {
            Ok(response) if response.status().is_success() => {
                let body = Limited::new(response.into_body(), LARGEST_ANSWER);
                // Whether or not it can be read, the event has arrived.
                drop(body.collect().await);
                Ok(())
            }
            Ok(response) => Err(PostError::Refused(response.status())),
            Err(error) => Err(error.into()),
        };
        connection.abort();
        outcome
    }
}

#[derive(Debug, thiserror::Error)]
enum PostError {
    #[error("cannot connect")]
    Connect(#[from] std::io::Error),
    #[error("the connection failed")]
    Connection(#[from] hyper::Error),
    #[error("the request cannot be written")]
    Request(#[from] axum::http::Error),
    #[error("the answer was {0}")]
    Refused(StatusCode),
}

/// Posts what comes, until nobody is left to send anything.
async fn deliver(target: Target, mut events: mpsc::Receiver<Bytes>) {
    let mut pause = FIRST_PAUSE;
    let mut paused_until = Instant::now();
    while let Some(event) = events.recv().await {
        if Instant::now() < paused_until {
            continue;
        }
        if let Ok(Ok(())) = timeout(PATIENCE, target.post(event)).await {
            pause = FIRST_PAUSE;
        } else {
            paused_until = Instant::now() + pause;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood_or_refused() {
        let target = Target::parse("http://[::1]:5000/events?a=b").unwrap();
        assert_eq!(target.address, ("::1".to_owned(), 5000));
        assert_eq!(target.path, "/events?a=b");
        assert_eq!(Target::parse("http://host").unwrap().address.1, 80);
        for bad in [
            "",
            "host:80",
            "/path",
            "https://host/",
            "ftp://host/",
            "http://",
        ] {
            assert!(Target::parse(bad).is_none(), "{bad}");
        }
    }
}
