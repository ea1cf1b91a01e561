//! Health checks, asked of the ports that clients use, or inside of the container.

use std::error::Error as _;
use std::io::{Error as IoError, ErrorKind};
use std::time::Duration;

use axum::http::{Request, header};
use bollard::exec::{CreateExecOptions, StartExecResults};
use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Docker;
use crate::definition::Probe;

/// In front of a bridge a proxy accepts every connection, and closes it at once if nobody listens
/// behind it.
const SECOND_THOUGHT: Duration = Duration::from_millis(100);

/// Whether all questions are answered well, each within `patience`.
pub(super) async fn ask(
    docker: &Docker,
    task: &str,
    host: &str,
    probes: &[Probe],
    patience: Duration,
) -> Result<(), String> {
    for probe in probes {
        match timeout(patience, one(docker, task, host, probe)).await {
            Ok(outcome) => outcome?,
            Err(_) => return Err(format!("no answer within {} s", patience.as_secs())),
        }
    }
    Ok(())
}

async fn one(docker: &Docker, task: &str, host: &str, probe: &Probe) -> Result<(), String> {
    match probe {
        Probe::Http { port, path } => http(host, *port, path).await,
        Probe::Tcp { port } => tcp(host, *port).await,
        Probe::Command(line) => command(docker, task, line).await,
        Probe::Impossible(why) => Err((*why).to_owned()),
    }
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let stream = TcpStream::connect((host, port)).await;
    stream.map_err(|error| format!("{host}:{port}: {error}"))
}

async fn http(host: &str, port: u16, path: &str) -> Result<(), String> {
    let stream = connect(host, port).await?;
    let broken = |error: hyper::Error| {
        if hung_up(&error) {
            format!("{host}:{port}{path} closes the connection without an answer")
        } else {
            format!("{host}:{port}{path}: {error}")
        }
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let request = Request::get(path)
        .header(header::HOST, format!("{host}:{port}"))
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("{path}: {error}"))?;
    let asked = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let code = response.status().as_u16();
        if (200..400).contains(&code) {
            Ok(())
        } else {
            Err(format!("{path} answered {code}"))
        }
    };
    // The connection works while it is waited for, and ends with the question.
    tokio::select! {
        outcome = asked => outcome,
        Err(error) = async { connection.await.map(|()| std::future::pending::<()>()) } => {
            Err(broken(error))
        }
    }
}

/// Whether the other side closed the connection, at whatever moment and in whatever way.
fn hung_up(error: &hyper::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    let io = error.source().and_then(|it| it.downcast_ref::<IoError>());
    error.is_canceled()
        || error.is_closed()
        || error.is_incomplete_message()
        || io.is_some_and(|it| matches!(it.kind(), ConnectionReset | BrokenPipe | NotConnected))
}

async fn tcp(host: &str, port: u16) -> Result<(), String> {
    let stream = connect(host, port).await?;
    let mut byte = [0];
    match timeout(SECOND_THOUGHT, stream.peek(&mut byte)).await {
        Ok(Ok(0)) => Err(format!("{host}:{port} closes every connection")),
        Ok(Err(error)) => Err(format!("{host}:{port}: {error}")),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

async fn command(docker: &Docker, task: &str, line: &str) -> Result<(), String> {
    let client = docker.client();
    let words = |error| super::words(&error);
    let options = CreateExecOptions {
        cmd: Some(vec!["/bin/sh", "-c", line]),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..CreateExecOptions::default()
    };
    let made = client.create_exec(task, options).await.map_err(words)?;
    let started = client.start_exec(&made.id, None).await.map_err(words)?;
    if let StartExecResults::Attached { mut output, .. } = started {
        while output.next().await.is_some() {}
    }
    let ended = client.inspect_exec(&made.id).await.map_err(words)?;
    match ended.exit_code {
        Some(0) => Ok(()),
        Some(code) => Err(format!("the command exited with status {code}")),
        None => Err("nobody knows how the command ended".into()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// What is made of a server that says this, and then no more.
    async fn told(says: &'static [u8], reads: bool) -> Result<(), String> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            if reads {
                let _ = stream.read(&mut [0; 1024]).await.unwrap();
            }
            stream.write_all(says).await.unwrap();
        });
        let outcome = http("127.0.0.1", port, "/").await;
        server.await.unwrap();
        outcome.map_err(|why| why.replace(&port.to_string(), "PORT"))
    }

    #[tokio::test]
    async fn an_answer_is_good_or_told_as_it_was() {
        let good = told(b"HTTP/1.1 302 Found\r\n\r\n", true).await;
        assert_eq!(good, Ok(()));
        let bad = told(b"HTTP/1.1 500 Oh\r\n\r\n", true).await;
        assert_eq!(bad, Err("/ answered 500".into()));
        // So does the proxy in front of a bridge where nobody listens.
        for reads in [false, true] {
            let silent = told(b"", reads).await;
            let expected = "127.0.0.1:PORT/ closes the connection without an answer";
            assert_eq!(silent, Err(expected.into()), "reads: {reads}");
        }
        let other = told(b"SSH-2.0-OpenSSH_9.2\r\n", true).await.unwrap_err();
        assert!(other.starts_with("127.0.0.1:PORT/: "), "{other}");
    }
}
