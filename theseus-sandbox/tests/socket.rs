//! The sandbox on a real socket, where a broken connection is one.

use theseus_sandbox::{FaultAction, HttpFault, SandboxConfig, SandboxServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Everything that comes back, until the connection ends.
async fn get(server: &SandboxServer, path: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is reset has ended, too.
    while stream
        .read_buf(&mut answer)
        .await
        .is_ok_and(|count| count > 0)
    {}
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn connections_break_where_they_are_told_to() {
    let server = SandboxServer::start(SandboxConfig::default(), "127.0.0.1:0")
        .await
        .unwrap();
    let whole = get(&server, "/v2/info").await;
    assert!(whole.starts_with("HTTP/1.1 200 OK\r\n"), "{whole}");
    assert!(
        whole.contains(&format!("\"leader\":\"{}\"", server.address())),
        "{whole}"
    );

    server
        .sandbox()
        .add_fault(HttpFault::next(1, FaultAction::CutBody));
    let half = get(&server, "/v2/info").await;
    assert!(
        half.starts_with("HTTP/1.1 200 OK\r\n") && half.len() < whole.len(),
        "{half}"
    );
    assert!(
        half.contains("\"buildref\"") && !half.ends_with("0\r\n\r\n"),
        "{half}"
    );

    for action in [FaultAction::DropConnection, FaultAction::LoseRequest] {
        server.sandbox().add_fault(HttpFault::next(1, action));
        assert_eq!(get(&server, "/v2/info").await, "");
    }

    let address = server.address();
    server.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());
}
