//! The sandbox that is measured against: a process of its own, so that neither its memory nor its
//! work counts as Theseus's.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Client, Method};
use serde_json::Value;
use theseus_core::engine::{Engine, Options, Outcome};
use theseus_core::plan::Desired;
use theseus_core::store::Store;
use theseus_marathon::{Marathon, MarathonConfig};
use theseus_sandbox::{HostConfig, SandboxConfig, SandboxServer};
use theseus_store::SqliteStore;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use url::Url;

use crate::Failure;
use crate::witness::Witness;

/// The word with which this program is a sandbox and nothing else.
pub(crate) const SERVE: &str = "serve";

/// Enough room for 50,000 containers of 0.1 CPUs and two ports.
const HOSTS: usize = 500;

/// How long containers take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// From the launch until it runs.
    pub(crate) start: Duration,
    /// From the kill until it is gone.
    pub(crate) kill: Duration,
}

impl Pace {
    /// Containers that come at once, for what does not wait for them.
    pub(crate) const INSTANT: Self = Self::starting_in(1);

    /// Containers that start in so many milliseconds and die in 50.
    pub(crate) const fn starting_in(millis: u64) -> Self {
        Self {
            start: Duration::from_millis(millis),
            kill: Duration::from_millis(50),
        }
    }
}

/// A sandbox in a process of its own, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Sandbox {
    /// Its address, without a slash at the end.
    pub(crate) url: String,
    http: Client,
    _process: Child,
}

impl Sandbox {
    /// Starts one, empty.
    pub(crate) async fn start(pace: Pace) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(SERVE)
            .args([pace.start, pace.kill].map(|delay| delay.as_millis().to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = process.stdout.take().ok_or("its output is not there")?;
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url).await?;
        // An error only says that the process has a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            url: url.trim().to_owned(),
            http: Client::builder().no_proxy().tls_certs_only([]).build()?,
            _process: process,
        })
    }

    /// The answer to a GET.
    pub(crate) async fn get(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.send(Method::GET, path, Vec::new()).await
    }

    /// Sends a request, and gives the whole answer when it is a success.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, Failure> {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let answer = request.body(body).send().await?.error_for_status()?;
        Ok(answer.bytes().await?.into())
    }

    /// The requests that it got since they were last forgotten: method and path with query.
    pub(crate) async fn requests(&self) -> Result<Vec<(String, String)>, Failure> {
        let log: Vec<Value> = serde_json::from_slice(&self.get("/sandbox/requests").await?)?;
        let text =
            |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let request = |record: &Value| {
            let (path, query) = (text(record, "path"), text(record, "query"));
            let separator = if query.is_empty() { "" } else { "?" };
            (text(record, "method"), format!("{path}{separator}{query}"))
        };
        Ok(log.iter().map(request).collect())
    }

    /// Forgets the requests so far.
    pub(crate) async fn forget_requests(&self) -> Result<(), Failure> {
        self.send(Method::DELETE, "/sandbox/requests", Vec::new())
            .await?;
        Ok(())
    }

    /// Waits until no deployment is under way.
    pub(crate) async fn at_rest(&self) -> Result<(), Failure> {
        while self.get("/v2/deployments").await? != b"[]" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// What was last asked of `/v2/apps` since requests were forgotten: how many bytes it is, and
    /// where it is had.
    pub(crate) async fn apps_that_were_read(&self) -> Result<(u64, String), Failure> {
        let requests = self.requests().await?;
        let mut reads = requests.iter().filter(|(method, _)| method == "GET");
        let (_, path) = reads
            .rfind(|(_, path)| path.starts_with("/v2/apps"))
            .ok_or("nobody asked for apps")?;
        let bytes = self.get(path).await?.len() as u64;
        Ok((bytes, format!("{}{path}", self.url)))
    }

    /// An engine over it, with its records in this file, and the witness of what it does.
    pub(crate) async fn engine(&self, store: &Path) -> Result<(Engine, Arc<Witness>), Failure> {
        self.engine_over(Arc::new(SqliteStore::open(store).await?))
    }

    /// The same with its records in this store.
    pub(crate) fn engine_over(
        &self,
        store: Arc<dyn Store>,
    ) -> Result<(Engine, Arc<Witness>), Failure> {
        let witness = Arc::new(Witness::new(client(&self.url)?));
        let engine = Engine::new(Arc::clone(&witness) as _, store, Timestamp::now);
        Ok((engine, witness))
    }
}

/// Theseus's own client of a Marathon.
pub(crate) fn client(url: &str) -> Result<Marathon, Failure> {
    Ok(Marathon::new(MarathonConfig {
        urls: vec![Url::parse(url)?],
        ..MarathonConfig::default()
    })?)
}

/// Plans what is wanted and carries it out to the end.
pub(crate) async fn deploy(engine: &Engine, desired: &Desired) -> Result<(), Failure> {
    let plan = engine.plan(desired).await?;
    let report = engine
        .carry_out(&plan, &Options::default(), &|_| {}, std::future::pending())
        .await?;
    match report.outcome() {
        Outcome::Ok => Ok(()),
        outcome => Err(format!("the deploy ended as {outcome:?}").into()),
    }
}

/// Serves a sandbox whose address is then told on stdout, until stdin ends. The words are the
/// milliseconds that containers take to start and to die.
pub(crate) async fn serve(words: &[String]) -> Result<(), Failure> {
    let delay = |index: usize| -> Result<Duration, Failure> {
        let word = words.get(index).ok_or("a delay is missing")?;
        Ok(Duration::from_millis(word.parse()?))
    };
    let config = SandboxConfig {
        hosts: HostConfig::several(HOSTS),
        start_delay: delay(0)?,
        kill_delay: delay(1)?,
        service_ports: 1024..=u16::MAX,
        ..SandboxConfig::default()
    };
    let server = SandboxServer::start(config, ("127.0.0.1", 0)).await?;
    println!("{}", server.url());
    // Whoever started it holds the other end.
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()))
        .await??;
    Ok(())
}
