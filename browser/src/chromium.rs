//! The processes: a Chromium without a window, and the chromedriver that starts it.

use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::driver::{Driver, DriverError};

/// How often a chromedriver is started once more that gives up: the port that it has found free for
/// IPv4 may be another's for IPv6.
const TRIES: usize = 3;

/// How long a script may take: those that look at all of a large page take a while where much runs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A Chromium with a profile of its own. Both are gone with this.
#[derive(Debug)]
pub struct Chromium {
    /// Its one window.
    pub driver: Driver,
    _chromedriver: Child,
    // A driver that can no longer speak would end.
    _said: BufReader<ChildStdout>,
    _profile: TempDir,
}

impl Chromium {
    /// Starts one that keeps a log of these kinds, such as `browser` and `performance`.
    pub async fn start(http: Client, logs: &[&str]) -> Result<Self, DriverError> {
        let mut tries = 0;
        let (chromedriver, said, port) = loop {
            match chromedriver().await {
                Err(DriverError::Silent) if tries < TRIES => tries += 1,
                other => break other?,
            }
        };
        let profile = TempDir::new()?;
        let data = format!("--user-data-dir={}", profile.path().display());
        let mut arguments = vec![
            "--headless=new",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            &data,
        ];
        // Chromium's own sandbox does not start for root.
        if std::fs::metadata("/proc/self")?.uid() == 0 {
            arguments.push("--no-sandbox");
        }
        let logs: serde_json::Map<String, Value> = logs
            .iter()
            .map(|kind| ((*kind).to_owned(), Value::from("ALL")))
            .collect();
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": logs,
            "timeouts": {"script": PATIENCE.as_millis()},
        });
        let address = format!("http://127.0.0.1:{port}");
        Ok(Self {
            driver: Driver::open(http, &address, wanted).await?,
            _chromedriver: chromedriver,
            _said: said,
            _profile: profile,
        })
    }

    /// Ends it well. Whoever forgets to leaves that to the end of its driver.
    pub async fn close(self) -> Result<(), DriverError> {
        self.driver.quit().await
    }
}

/// Starts one on a free port.
async fn chromedriver() -> Result<(Child, BufReader<ChildStdout>, u16), DriverError> {
    let mut command = Command::new("chromedriver");
    let mut process = command
        .args(["--port=0", "--log-level=SEVERE"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let said = process.stdout.take().ok_or(DriverError::Silent)?;
    let mut said = BufReader::new(said);
    let port = port(&mut said).await?;
    Ok((process, said, port))
}

/// Where a chromedriver listens, as it says itself.
async fn port(said: &mut BufReader<ChildStdout>) -> Result<u16, DriverError> {
    let mut line = String::new();
    while said.read_line(&mut line).await? > 0 {
        if let Some((_, port)) = line.split_once("was started successfully on port ") {
            let port = port.trim_end().trim_end_matches('.');
            return port.parse().map_err(|_| DriverError::Silent);
        }
        line.clear();
    }
    Err(DriverError::Silent)
}
