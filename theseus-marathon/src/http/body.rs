//! Bodies, within bounds of time and size.

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::CONTENT_LENGTH;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::request::Answer;
use crate::classify::{NOT_JSON, misread};
use crate::failure::Failure;
use crate::transport::TransportError;

/// The most memory that is set aside because a header says so.
const MAX_RESERVED: usize = 64 << 20;

/// The most bytes of an answer about a failure that are looked at.
const MOST_SAID: usize = 1 << 20;

/// From so many bytes on, an answer takes a while to parse.
const LARGE: usize = 256 << 10;

/// Waits for something on the way, but not for ever.
pub(super) async fn within<T>(
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

/// Makes something of an answer while it comes in.
pub(crate) trait Reader: Send {
    /// What it makes.
    type Told;

    /// Takes the next piece.
    fn take(&mut self, piece: &[u8]) -> serde_json::Result<()>;

    /// Is told that there are no more.
    fn done(self) -> serde_json::Result<Self::Told>;
}

/// Hands an answer that is a success to a reader, piece by piece: none is so large that reading it
/// keeps others waiting.
pub(super) async fn read<R: Reader>(
    answer: Answer,
    most: usize,
    mut reader: R,
) -> Result<R::Told, Failure> {
    let misread = |error: serde_json::Error| misread(&error, false);
    let take = |piece: &[u8]| reader.take(piece).map_err(misread);
    pieces(answer, most, false, take).await?;
    reader.done().map_err(misread)
}

/// The whole of an answer that is a success.
pub(super) async fn whole(answer: Answer, most: usize, is_write: bool) -> Result<Bytes, Failure> {
    let told = answer.headers.get(CONTENT_LENGTH);
    let told = told.and_then(|told| told.to_str().ok()?.parse::<usize>().ok());
    let mut body = Vec::new();
    let take = |piece: &[u8]| {
        if body.is_empty() {
            body.reserve(told.unwrap_or(piece.len()).min(most).min(MAX_RESERVED));
        }
        body.extend_from_slice(piece);
        Ok(())
    };
    pieces(answer, most, is_write, take).await?;
    Ok(body.into())
}

/// Takes all pieces of an answer that is a success. What does not begin like JSON is not waited
/// for.
async fn pieces(
    mut answer: Answer,
    most: usize,
    is_write: bool,
    mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let alien = |reason: String| {
        if is_write {
            Failure::Unclear(reason.into())
        } else {
            Failure::Garbled(reason)
        }
    };
    let mut size = 0;
    loop {
        let piece = within(answer.deadline, answer.body.next()).await;
        let piece = piece.and_then(Option::transpose);
        let Some(piece) = piece.map_err(|error| Failure::on_the_way(is_write, error))? else {
            return Ok(());
        };
        if let Some(what) = alien_beginning(&piece).filter(|_| size == 0) {
            return Err(alien(format!("{NOT_JSON}: {what}")));
        }
        size += piece.len();
        if size > most {
            return Err(alien(format!("it answers with more than {most} bytes")));
        }
        take(&piece)?;
    }
}

/// What the beginning of a body is, when no JSON object or list begins so.
fn alien_beginning(chunk: &[u8]) -> Option<&'static str> {
    match chunk.trim_ascii_start().first()? {
        b'{' | b'[' => None,
        b'<' => Some("an HTML page"),
        _ => Some("some other text"),
    }
}

/// What a server says of a failure; of very much only the beginning.
pub(super) async fn said(mut answer: Answer, is_write: bool) -> Result<Bytes, Failure> {
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
pub(super) async fn parsed<T: Send + 'static>(
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
