//! The other end of HTTP callbacks: a server that hears what is posted to it.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::answer::Answer;
use crate::inbox::{Heard, Inbox};

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Callback {
    pub(crate) url: String,
    serving: JoinHandle<()>,
}

impl Callback {
    /// Listens where the Marathon at this address can reach it: on the address from which this
    /// machine talks to it.
    pub(crate) async fn start(marathon: (&str, u16), path: &str, inbox: Inbox) -> io::Result<Self> {
        let listener = TcpListener::bind((facing(marathon)?, 0)).await?;
        let url = format!("http://{}{path}", listener.local_addr()?);
        let router = Router::new().fallback(hear).with_state(inbox);
        let serving = tokio::spawn(async move {
            // It ends with its task only.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, serving })
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The address of this machine that another one sees. Nothing is sent to find it.
fn facing(other: (&str, u16)) -> io::Result<IpAddr> {
    let socket = UdpSocket::bind(SocketAddr::from(([0, 0, 0, 0], 0)))?;
    socket.connect(other)?;
    Ok(socket.local_addr()?.ip())
}

async fn hear(State(inbox): State<Inbox>, body: Bytes) -> StatusCode {
    let event = Answer::event(body.clone(), serde_json::from_slice(&body).ok());
    let kind = event.at("/eventType").and_then(|it| it.as_str());
    let kind = kind.unwrap_or_default().to_owned();
    inbox.put(Heard { kind, event });
    StatusCode::OK
}
