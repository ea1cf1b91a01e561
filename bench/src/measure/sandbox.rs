//! How fast the sandbox answers with very many apps, and how soon it is there at all.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

use crate::Failure;
use crate::bare::Bare;
use crate::fleet::Fleet;
use crate::program;
use crate::stopwatch::{median, time};
use crate::table::{Row, megabytes, rate};

const PAIRS: usize = 9;
const STARTS: usize = 15;
/// How soon after a refused connection the next one is tried.
const AGAIN: Duration = Duration::from_micros(200);
/// No sandbox takes longer to start.
const NEVER: Duration = Duration::from_secs(10);

pub(super) async fn measure() -> Result<Vec<Row>, Failure> {
    let mut rows = answers().await?;
    rows.push(start().await?);
    Ok(rows)
}

async fn answers() -> Result<Vec<Row>, Failure> {
    let fleet = Fleet::large().await?;
    let mut rows = Vec::new();
    for (path, what) in [
        ("/v2/apps", "the sandbox's `/v2/apps` of 10,000 apps"),
        ("/v2/apps?embed=apps.tasks", "the same with 50,000 tasks"),
    ] {
        let body = fleet.sandbox.get(path).await?;
        let (bytes, url) = (body.len(), format!("{}{path}", fleet.sandbox.url));
        let head = format!("Content-Length: {bytes}");
        let bare = Bare::serve(vec![("/", head, body)]).await?;
        let (mut answers, mut sendings) = (Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            answers.push(time(program::curl(&[&url])).await?);
            sendings.push(time(program::curl(&[&bare.url])).await?);
        }
        let answer = median(answers);
        let name = format!("{} just sent", megabytes(bytes as u64));
        rows.push(Row::ratio(what, answer, &name, median(sendings), ""));
        rows.push(Row::new(
            "that is",
            rate(bytes as u64, answer),
            "≥ 200 MB/s",
        ));
    }
    Ok(rows)
}

/// From the start of the process to the first answer.
async fn start() -> Result<Row, Failure> {
    let (mut starts, mut nothings) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let directory = tempfile::tempdir()?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let url = format!("http://127.0.0.1:{port}/v2/info");
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()?;
        let mut command = Command::new(program::path()?);
        command
            .env_clear()
            .env("HOME", directory.path())
            .env("XDG_STATE_HOME", directory.path())
            .args(["sandbox", "--viewer-port", "0", "--port", &port.to_string()])
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let began = Instant::now();
        let mut sandbox = command.spawn()?;
        while http.get(&url).send().await.is_err() {
            if began.elapsed() > NEVER {
                return Err("the sandbox does not start".into());
            }
            tokio::time::sleep(AGAIN).await;
        }
        starts.push(began.elapsed());
        sandbox.kill().await?;
        let mut version = Command::new(program::path()?);
        nothings.push(time(program::run(version.arg("--version"))).await?);
    }
    Ok(Row::ratio(
        "`theseus sandbox`, until it answers",
        median(starts),
        "`theseus --version`",
        median(nothings),
        "< 50 ms",
    ))
}
