//! The directory of a task at its agent, and requests for what is in it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::time::{Duration, timeout};

use super::files::{self, Directory};
use super::text::{Part, Piece, piece};
use crate::agents::Agent;
use crate::failure::Failure;
use crate::http::Request;
use crate::transport::Chunks;

/// How long a download may be silent.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// How many bytes a character has at most; so many less are asked for where one may be cut.
const LONGEST_CHARACTER: u64 = 4;

/// Where the files of a task are.
#[derive(Debug, Clone)]
pub(super) struct Sandbox {
    pub(super) agent: Arc<Agent>,
    pub(super) directory: String,
}

impl Sandbox {
    /// What files there are; `None` when the directory is not there any more.
    pub(super) async fn look(&self) -> Result<Option<Directory>, Failure> {
        let query = [("path", self.directory.clone())];
        self.ask("/files/browse", &query, files::directory).await
    }

    /// A piece of a file; `None` when that is not there any more. It ends within a character only
    /// where there is no way to tell, or no character.
    pub(super) async fn read(
        &self,
        path: &str,
        from: u64,
        length: u64,
    ) -> Result<Option<Piece>, Failure> {
        let (mut length, mut less, mut first) = (length, 0, None);
        loop {
            let Some(piece) = self.read_once(path, from, length - less).await? else {
                return Ok(None);
            };
            if piece.is_ambiguous {
                (length, less) = (piece.length, 0);
                continue;
            }
            if !piece.is_cut() {
                return Ok(Some(piece));
            }
            first.get_or_insert(piece);
            less += 1;
            if less >= LONGEST_CHARACTER.min(length) {
                return Ok(first);
            }
        }
    }

    async fn read_once(
        &self,
        path: &str,
        from: u64,
        length: u64,
    ) -> Result<Option<Piece>, Failure> {
        let query = [
            ("path", path.to_owned()),
            ("offset", from.to_string()),
            ("length", length.to_string()),
        ];
        let read = |body: &[u8]| serde_json::from_slice::<Part>(body);
        let Some(part) = self.ask("/files/read", &query, read).await? else {
            return Ok(None);
        };
        let is_elsewhere = part.offset != from;
        let piece = piece(part.data, length);
        if is_elsewhere && !piece.bytes.is_empty() {
            return Err(Failure::Garbled(format!(
                "it was asked for what is at {from} in a file, and tells what is at {}",
                part.offset
            )));
        }
        if piece.length > length {
            return Err(Failure::Garbled(format!(
                "it was asked for {length} bytes of a file, and tells {}",
                piece.length
            )));
        }
        Ok(Some(piece))
    }

    /// All of a file, while it comes in; `None` when it is not there any more.
    pub(super) async fn download(&self, path: &str) -> Result<Option<Chunks>, Failure> {
        for endpoint in ["/files/download", "/files/download.json"] {
            let request = Request::get(endpoint).query("path", path);
            if let Some(chunks) = self.agent.http.download(&request).await? {
                return Ok(Some(chunks));
            }
        }
        Ok(None)
    }

    /// Before Mesos 1.0 everything was spelled as a file. Nothing else tells whether it is the path
    /// or the file that is not there.
    async fn ask<T: Send + 'static>(
        &self,
        endpoint: &str,
        query: &[(&'static str, String)],
        parse: fn(&[u8]) -> serde_json::Result<T>,
    ) -> Result<Option<T>, Failure> {
        let is_old = self.agent.is_old();
        for as_file in [is_old, !is_old] {
            let spelling = if as_file { ".json" } else { "" };
            let mut request = Request::get(&format!("{endpoint}{spelling}"));
            request.query = query.to_vec();
            if let Some(told) = self.agent.http.find(&request, parse).await? {
                self.agent.spells_as_file(as_file);
                return Ok(Some(told));
            }
        }
        Ok(None)
    }
}

/// The next piece of a download; `None` at its end.
pub(super) async fn next(chunks: &mut Chunks) -> Result<Option<Bytes>, Failure> {
    match timeout(LONGEST_SILENCE, chunks.next()).await {
        Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
        Ok(Some(Err(error))) => Err(Failure::on_the_way(false, error)),
        Ok(None) => Ok(None),
        Err(_) => Err(Failure::unreachable("the download stands still")),
    }
}
