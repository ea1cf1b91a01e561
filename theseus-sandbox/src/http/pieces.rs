//! Answers of very many apps, sent while they are being written: whoever reads has the first of tens
//! of megabytes at once.
//!
//! All of an answer shows the cluster at one moment, so it is written without a pause, on a thread
//! where that keeps nobody waiting. What a slow reader has not taken yet is kept for him.

use std::io::{self, Write};
use std::sync::Arc;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream::poll_fn;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::spawn_blocking;

use crate::cluster::Cluster;
use crate::engine::Engine;
use crate::time::Stamp;

/// How large a piece is, more or less: it is still in the processor's cache when it is sent.
const PIECE: usize = 64 << 10;

/// What is shown of a cluster.
pub(super) trait Show: Send + 'static {
    /// What it is at this moment, which is written as it is made.
    fn write(&self, cluster: &Cluster, now: Stamp, to: &mut dyn Write) -> io::Result<()>;
}

/// An answer of JSON, whose end is not there yet.
pub(super) fn in_pieces(engine: Arc<Engine>, show: impl Show) -> Response {
    let (sender, mut pieces) = unbounded_channel();
    spawn_blocking(move || {
        let mut to = Pieces {
            piece: Vec::new(),
            sender: sender.clone(),
        };
        let written = engine.read(|cluster, now| show.write(cluster, now, &mut to));
        if let Err(error) = written.and_then(|()| to.flush()) {
            // The connection breaks, unless that is what has happened.
            let _ = sender.send(Err(error));
        }
    });
    let body = Body::from_stream(poll_fn(move |context| pieces.poll_recv(context)));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

struct Pieces {
    piece: Vec<u8>,
    sender: UnboundedSender<io::Result<Bytes>>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() < PIECE {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        let next = Vec::with_capacity(PIECE + PIECE / 8);
        let piece = std::mem::replace(&mut self.piece, next);
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.sender.send(Ok(piece.into())).map_err(gone)
    }
}
