//! How fast the logs of many containers are read, and how much is asked for while they say nothing.

use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::{sleep, timeout};

use crate::Failure;
use crate::fleet::{desired, manifest};
use crate::marathon::{Pace, Sandbox, deploy};
use crate::program;
use crate::stopwatch::{median, time};
use crate::table::{Row, megabytes};

const GROUP: &str = "service-00000:bench";
const CONTAINERS: u32 = 100;
/// Lines that each of them has written.
const LINES: u64 = 50_000;
/// An agent answers with so much of a file at a time.
const PIECE: u64 = 65_536;
const PAIRS: usize = 5;
/// How long idle logs are followed.
const IDLE: Duration = Duration::from_secs(20);

pub(super) async fn measure() -> Result<Vec<Row>, Failure> {
    let directory = tempfile::tempdir()?;
    let sandbox = Sandbox::start(Pace::INSTANT).await?;
    // They have written all of it before they begin to run, and then an hour nothing.
    let script = json!({
        "logEveryMs": 3_600_000,
        "logBacklog": LINES,
        "logRotation": {"lines": 1_000_000_000, "keep": 1},
    });
    let script = script.to_string().into_bytes();
    sandbox
        .send(Method::POST, "/sandbox/scripts", script)
        .await?;
    let (engine, _) = sandbox.engine(&program::store(directory.path())).await?;
    deploy(&engine, &desired(&manifest(1, CONTAINERS))?).await?;
    Ok(vec![
        busy(&sandbox, &directory).await?,
        idle(&sandbox, &directory).await?,
    ])
}

/// All that was written, beside the bare requests for it.
async fn busy(sandbox: &Sandbox, directory: &TempDir) -> Result<Row, Failure> {
    let http = Client::builder().no_proxy().tls_certs_only([]).build()?;
    let files = files(sandbox, &http).await?;
    let bytes: u64 = files.iter().map(|(_, size)| size).sum();
    let (mut told, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let mut command = program::theseus(sandbox, directory.path())?;
        command.args(["logs", GROUP, "--stdout", "--tail=all"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        told.push(time(finished(command)).await?);
        bare.push(time(read_all(&http, &files)).await?);
    }
    Ok(Row::ratio(
        &format!(
            "`theseus logs` of {CONTAINERS} containers, {}",
            megabytes(bytes)
        ),
        median(told),
        "bare `/files/read`",
        median(bare),
        "≤ 1.25",
    ))
}

async fn finished(mut command: tokio::process::Command) -> Result<(), Failure> {
    let status = command.status().await?;
    status
        .success()
        .then_some(())
        .ok_or_else(|| "logs failed".into())
}

/// Every `stdout`, by its address up to the offset, and its size.
async fn files(sandbox: &Sandbox, http: &Client) -> Result<Vec<(String, u64)>, Failure> {
    let slaves: Value = serde_json::from_slice(&sandbox.get("/slaves").await?)?;
    let get = async |url: String| -> Result<Value, Failure> {
        let answer = http.get(url).send().await?.error_for_status()?;
        Ok(serde_json::from_slice(&answer.bytes().await?)?)
    };
    let mut files = Vec::new();
    for slave in slaves["slaves"].as_array().into_iter().flatten() {
        let pid = slave["pid"].as_str().unwrap_or_default();
        let Some((_, address)) = pid.split_once('@') else {
            continue;
        };
        if slave["used_resources"]["cpus"].as_f64() <= Some(0.0) {
            continue;
        }
        let state = get(format!("http://{address}/state")).await?;
        let executors = state["frameworks"][0]["executors"].as_array();
        for executor in executors.into_iter().flatten() {
            let directory = executor["directory"].as_str().unwrap_or_default();
            let size = get(format!(
                "http://{address}/files/read?path={directory}/stdout"
            ))
            .await?["offset"]
                .as_u64();
            let url = format!(
                "http://{address}/files/read?path={directory}/stdout&length={PIECE}&offset="
            );
            files.push((url, size.ok_or("a file has no size")?));
        }
    }
    if files.len() == CONTAINERS as usize {
        Ok(files)
    } else {
        Err(format!("there are {} logs", files.len()).into())
    }
}

/// Fetches all of all files, all of them at once.
async fn read_all(http: &Client, files: &[(String, u64)]) -> Result<(), Failure> {
    let reads = files.iter().map(async |(url, size)| {
        let mut offset = 0;
        while offset < *size {
            let answer = http.get(format!("{url}{offset}")).send().await?;
            answer.error_for_status()?.bytes().await?;
            offset += PIECE;
        }
        Ok::<(), Failure>(())
    });
    let mut reads: FuturesUnordered<_> = reads.collect();
    while let Some(read) = reads.next().await {
        read?;
    }
    Ok(())
}

/// What is asked of agents while nothing is written.
async fn idle(sandbox: &Sandbox, directory: &TempDir) -> Result<Row, Failure> {
    let mut command = program::theseus(sandbox, directory.path())?;
    command.args(["-v", "logs", GROUP, "--follow", "--tail=1"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut logs = command.kill_on_drop(true).spawn()?;
    let stderr = logs.stderr.take().ok_or("its errors are not there")?;
    let mut said = BufReader::new(stderr).lines();
    let mut asked = 0_u32;
    let count = async {
        while let Ok(Some(line)) = said.next_line().await {
            asked += u32::from(line.contains("/files/") || line.contains("/state"));
        }
    };
    // What is there at the start is read within a while.
    let settled = timeout(IDLE / 4, count).await;
    if settled.is_ok() {
        return Err("logs has ended".into());
    }
    asked = 0;
    let count = async {
        while let Ok(Some(line)) = said.next_line().await {
            asked += u32::from(line.contains("/files/") || line.contains("/state"));
        }
    };
    tokio::select! {
        () = count => return Err("logs has ended".into()),
        () = sleep(IDLE) => {}
    }
    let each = f64::from(asked) / IDLE.as_secs_f64() / f64::from(CONTAINERS);
    Ok(Row::new(
        "requests of `logs -f` a second for each idle container",
        format!("{each:.2}"),
        "≤ 1",
    ))
}
