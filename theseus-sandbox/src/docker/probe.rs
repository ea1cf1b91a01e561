//! Health checks, asked of the ports that clients use, or inside of the container.

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
    let broken = |error: hyper::Error| format!("{host}:{port}{path}: {error}");
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
