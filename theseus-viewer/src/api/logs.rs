//! What containers write, line by line.

use std::fmt::Write as _;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_DISPOSITION;
use theseus_core::logs::{self, Told as Piece};

use super::told::{Refused, Seen, Told};
use crate::guard::Stay;
use crate::logs::{Sending, Wanted};
use crate::named;
use crate::viewer::Viewer;

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
    let id = named::group(&group)?;
    let seen = Seen::last(&viewer).await?;
    let Some(group) = seen.known().group(&id) else {
        return Err(named::unknown(&id, seen.known()).into());
    };
    let open = wanted.open(&viewer, &id, group)?;
    if !wanted.text {
        let sending = Sending {
            kind: HeaderValue::from_static("application/x-ndjson"),
            beats: true,
            write: json,
        };
        return Ok(open.send(&viewer, stay, sending));
    }
    let sending = Sending {
        kind: HeaderValue::from_static("text/plain; charset=utf-8"),
        beats: false,
        write: text,
    };
    let mut response = open.send(&viewer, stay, sending);
    let name = format!("attachment; filename=\"{}.log\"", plain(&id.to_string()));
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
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
