//! What containers write, line by line.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use theseus_core::logs::{self, Told as Piece};
use tokio::time::timeout;

use super::told::{Refused, Seen, Told, group as named, unknown};
use crate::guard::Stay;
use crate::logs::{Open, Wanted};
use crate::viewer::Viewer;

/// How often something is sent, be it an empty line, so that whoever waits knows that it goes on.
const BEAT: Duration = Duration::from_secs(15);

/// What the containers of a group write: an object a line, the same as `theseus logs --format json`.
/// Lines that are empty say only that it goes on. Whoever reads slowly is told all of it later.
#[utoipa::path(get, path = "/api/v1/groups/{group}/logs", tag = "groups",
    params(("group" = String, Path, description = "Such as `ingestor:dev`"), Wanted),
    responses((status = 200, body = String, content_type = "application/x-ndjson"), Refused))]
pub(super) async fn logs(
    State(viewer): State<Viewer>,
    Path(group): Path<String>,
    stay: Stay,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Told {
    let Query(wanted) = wanted?;
    let id = named(&group)?;
    let seen = Seen::last(&viewer)?;
    let Some(group) = seen.known().group(&id) else {
        return Err(unknown(&id, seen.known()).into());
    };
    let open = wanted.open(&viewer, &id, group)?;
    let kind = if wanted.text {
        HeaderValue::from_static("text/plain; charset=utf-8")
    } else {
        HeaderValue::from_static("application/x-ndjson")
    };
    let sending = stream::unfold(open, move |open| next(open, wanted.text));
    let sending = sending
        .take_until(Box::pin(viewer.stopped()))
        .take_until(Box::pin(stay.over()));
    let mut response: Response = Body::from_stream(sending).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // What is compressed is held back until there is more of it.
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("identity"));
    if wanted.text {
        let name = format!("attachment; filename=\"{}.log\"", plain(&id.to_string()));
        if let Ok(name) = HeaderValue::from_str(&name) {
            headers.insert(CONTENT_DISPOSITION, name);
        }
    }
    Ok(response)
}

async fn next(mut open: Open, as_text: bool) -> Option<(Result<Bytes, Infallible>, Open)> {
    // An empty line in a file would be one that nobody has written.
    let batch = if as_text {
        open.next().await?
    } else {
        match timeout(BEAT, open.next()).await {
            Ok(batch) => batch?,
            Err(_) => return Some((Ok(Bytes::from_static(b"\n")), open)),
        }
    };
    let bytes = if as_text { text(&batch) } else { json(&batch) };
    Some((Ok(bytes.into()), open))
}

fn json(batch: &[Piece]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for told in batch {
        if serde_json::to_writer(&mut bytes, told).is_ok() {
            bytes.push(b'\n');
        }
    }
    bytes
}

/// The lines, each with who has written it, and between them what is missing and why.
fn text(batch: &[Piece]) -> Vec<u8> {
    let mut text = String::new();
    for told in batch {
        // Writing to a string cannot fail.
        let _ = match told {
            Piece::Line(line) => writeln!(
                text,
                "{} {} {}",
                line.speaker.short_name(),
                line.output.as_str(),
                logs::inert(&line.text)
            ),
            Piece::Word { speaker, word } => writeln!(
                text,
                "-- {} {}",
                speaker.short_name(),
                logs::inert(&word.to_string())
            ),
            Piece::ClusterAway { reason } => writeln!(
                text,
                "-- the cluster does not tell which containers there are: {}",
                logs::inert(reason)
            ),
            Piece::CaughtUp | Piece::Untimed | Piece::ClusterBack => Ok(()),
        };
    }
    text.into_bytes()
}

/// A name that any disk takes.
fn plain(name: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.chars()
        .map(|c| if keep(c) { c } else { '-' })
        .collect()
}
