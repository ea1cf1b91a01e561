//! A server that does nothing but send: how fast bytes can be had at all.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::Failure;

/// What is sent for a path that begins so: the head's last lines, and the body.
pub(crate) type Page = (&'static str, String, Vec<u8>);

/// Serves pages until it is dropped.
#[derive(Debug)]
pub(crate) struct Bare {
    /// Its address, without a slash at the end.
    pub(crate) url: String,
    serving: JoinHandle<()>,
}

impl Bare {
    /// Serves these pages. A connection is kept open behind its answer until the client closes it.
    pub(crate) async fn serve(pages: Vec<Page>) -> Result<Self, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let pages = Arc::new(pages);
        let serving = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let pages = Arc::clone(&pages);
                // A client that goes away in between is none of our business.
                tokio::spawn(async move { drop(answer(connection, &pages).await) });
            }
        });
        Ok(Self { url, serving })
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(mut connection: TcpStream, pages: &[Page]) -> std::io::Result<()> {
    let mut request = Vec::new();
    loop {
        while !request.ends_with(b"\r\n\r\n") {
            if connection.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let path = request
            .split(|byte| *byte == b' ')
            .nth(1)
            .unwrap_or_default();
        let wanted = |page: &&Page| path.starts_with(page.0.as_bytes());
        let Some((_, head, body)) = pages.iter().find(wanted) else {
            let refusal = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
            connection.write_all(refusal).await?;
            request.clear();
            continue;
        };
        let head = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n");
        connection.write_all(head.as_bytes()).await?;
        connection.write_all(body).await?;
        request.clear();
    }
}
