//! One connection to `/v2/events`: from bytes to the texts of events, within bounds of time and
//! size.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::header::{CONTENT_TYPE, HeaderValue};
use sse_stream::SseByteStream;

use super::meaning;
use crate::classify::{Reply, classify};
use crate::dialect::{Dialect, Feature};
use crate::failure::Failure;
use crate::http::{Http, Request};

/// Exactly this: Marathon's servlet compares the whole header.
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// The largest event that is read, in bytes. Plans of whole groups can be megabytes.
const LARGEST_EVENT: usize = 8 << 20;

/// How long the first sign of life is waited for. It comes at once, but from where nobody sends it
/// the first may be the empty line after ten seconds.
const FIRST_SIGN: Duration = Duration::from_secs(1);

type Chunks = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A connection.
pub(super) struct Source(SseByteStream<Chunks>);

/// Opens a connection, on which everything is told that happens from now on.
pub(super) async fn attach(http: &Http, dialect: Dialect) -> Result<Source, Failure> {
    let mut request = Request::get("/v2/events");
    if dialect.has(Feature::LightPlans) {
        request = request.query("plan-format", "light");
    }
    if dialect.has(Feature::EventFilter) {
        for event_type in meaning::TYPES {
            request = request.query("event_type", event_type);
        }
    }
    let limit = http.config().answer_timeout;
    let answer = http.open(&request, EVENT_STREAM, limit).await?;
    let reply = Reply {
        status: answer.status,
        retry_after: None,
        leads_to: None,
        body: b"",
    };
    if let Some(failure) = classify(reply, false) {
        return Err(failure);
    }
    let content = answer.headers.get(CONTENT_TYPE);
    if !content.is_some_and(|it| it.as_bytes().starts_with(EVENT_STREAM.as_bytes())) {
        let reason = "what comes from /v2/events is no event stream";
        return Err(Failure::Garbled(reason.to_owned()));
    }
    let mut chunks = bounded(answer.body, http.config().longest_silence);
    // Marathon subscribes a listener after it has sent the head, and greets it then.
    let first = tokio::time::timeout(FIRST_SIGN, chunks.next()).await;
    let first = stream::iter(first.ok().flatten());
    Ok(Source(SseByteStream::new(first.chain(chunks).boxed())))
}

impl Source {
    /// The text of the next event; `None` when the connection is of no use any more.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            match self.0.next().await? {
                Ok(event) => {
                    if let Some(data) = event.data {
                        return Some(data);
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "the event stream broke");
                    return None;
                }
            }
        }
    }
}

/// The chunks, until one is too long in coming or an event grows too large.
fn bounded<S, E>(chunks: S, longest_silence: Duration) -> Chunks
where
    S: Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let state = Some((chunks, Gauge::default()));
    stream::unfold(state, move |state| async move {
        let (mut chunks, mut gauge) = state?;
        let chunk = match tokio::time::timeout(longest_silence, chunks.next()).await {
            Err(_) => Err(io::Error::other("no sign of life")),
            Ok(None) => return None,
            Ok(Some(Err(error))) => Err(io::Error::other(error)),
            Ok(Some(Ok(chunk))) if gauge.pass(&chunk) => {
                return Some((Ok(chunk), Some((chunks, gauge))));
            }
            Ok(Some(Ok(_))) => Err(io::Error::other("an event is too large")),
        };
        Some((chunk, None))
    })
    .boxed()
}

/// How much the reader of events has to hold: what came since the last empty line.
#[derive(Default)]
struct Gauge {
    held: usize,
    /// Whether the last byte ended a line.
    at_line_start: bool,
    after_cr: bool,
}

impl Gauge {
    /// Takes bytes into account; false when they are too many.
    fn pass(&mut self, chunk: &[u8]) -> bool {
        for &byte in chunk {
            self.held += 1;
            let ends_line = matches!(byte, b'\r' | b'\n');
            let is_second_half = byte == b'\n' && self.after_cr;
            if ends_line && self.at_line_start && !is_second_half {
                self.held = 0;
            }
            if self.held > LARGEST_EVENT {
                return false;
            }
            self.at_line_start = ends_line;
            self.after_cr = byte == b'\r';
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_line_lets_go_of_what_is_held() {
        for (text, held) in [
            ("data: a\n\n", 0),
            ("data: a\r\n\r\n", 1),
            ("data: a\r\rb", 1),
            ("data: a\r\ndata: b\r\n", 18),
            ("\r\n\r\n\r\n", 1),
        ] {
            let mut gauge = Gauge::default();
            assert!(gauge.pass(text.as_bytes()));
            assert_eq!(gauge.held, held, "{text:?}");
        }
    }

    #[test]
    fn an_event_without_end_is_too_large() {
        let mut gauge = Gauge::default();
        let chunk = vec![b'x'; LARGEST_EVENT / 4];
        assert_eq!((0..9).take_while(|_| gauge.pass(&chunk)).count(), 4);
    }

    proptest! {
        #[test]
        fn any_bytes_may_come(chunks in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..20),
                "(data:|event:|\\{|\\}|\r|\n|a| |\u{feff}){0,9}".prop_map(String::into_bytes),
            ],
            0..20,
        )) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                let chunks = chunks.into_iter().map(|chunk| Ok::<_, io::Error>(Bytes::from(chunk)));
                let mut source = Source(SseByteStream::new(bounded(
                    stream::iter(chunks),
                    Duration::from_secs(30),
                )));
                while let Some(data) = source.next().await {
                    let _ = meaning::of(&data);
                }
            });
        }
    }
}
