//! The viewer's own server.

use std::net::SocketAddr;

use theseus_viewer::{Exposure, ExposureError, ServeError, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::world::{PATIENCE, World};

/// Asks for a page, and gives the connection with the answer on its way.
async fn get(address: SocketAddr, path: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

#[tokio::test]
async fn it_answers_on_loopback_until_it_is_stopped() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let exposure = Exposure::default();
    let serving = tokio::spawn(serve(listener, world.viewer.clone(), exposure, async {
        let _ = stopped.await;
    }));

    let mut answer = String::new();
    let mut health = get(address, "/health").await;
    health.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");

    let mut events = get(address, "/live").await;
    assert!(events.read_u8().await.is_ok(), "the stream is open");
    stop.send(()).unwrap();
    let ended = tokio::time::timeout(PATIENCE, serving);
    ended.await.expect("it ends").unwrap().unwrap();
    events.read_to_end(&mut Vec::new()).await.unwrap();
}

#[tokio::test]
async fn other_addresses_are_refused() {
    let world = World::new();
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let exposure = Exposure::default();
    let stop = std::future::pending();
    let refused = serve(listener, world.viewer.clone(), exposure, stop).await;
    assert!(
        matches!(refused, Err(ServeError::Exposed(ExposureError::NoToken(_)))),
        "{refused:?}"
    );
}
