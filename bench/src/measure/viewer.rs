//! The viewer over 10,000 containers: how soon a page comes and how large it is, and how late 500
//! open pages are while much changes.

mod pixels;

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use reqwest::header::ACCEPT_ENCODING;
use reqwest::{Client, Method, Response};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::Failure;
use crate::fleet::{Fleet, manifest};
use crate::marathon::Sandbox;
use crate::program;
use crate::stopwatch::{median, time};
use crate::table::{Row, kilobytes, time as written};

const GROUPS: usize = 200;
const EACH: u32 = 50;
const TURNS: usize = 15;

/// Pages that are open at once: so many of one group each, and the overview for the rest.
const OPEN: usize = 500;
const WATCHED: usize = 50;
/// Between two changes: 200 a second.
const PACE: Duration = Duration::from_millis(5);
const CHANGES: usize = 2000;
/// How long a page may take to show the last of them.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn measure() -> Result<Vec<Row>, Failure> {
    let checked = "    mem: 128\n    health: {http: {port: api, path: /health}}\n";
    let text = manifest(GROUPS, EACH).replace("    mem: 128\n", checked);
    let fleet = Fleet::deployed(&text).await?;
    let viewer = Viewer::start(&fleet.sandbox, fleet.directory.path()).await?;
    let mut rows = pages(&viewer).await?;
    let containers = containers(&fleet.sandbox).await?;
    rows.extend(live(&fleet.sandbox, &viewer, &containers).await?);
    rows.extend(pixels::measure(&fleet.sandbox, &viewer, &containers).await?);
    Ok(rows)
}

/// `theseus viewer` in a process of its own, which ends when this is dropped.
struct Viewer {
    url: String,
    http: Client,
    process: Child,
}

impl Viewer {
    /// Starts it, and waits until it has seen the cluster.
    async fn start(sandbox: &Sandbox, directory: &Path) -> Result<Self, Failure> {
        // Free a moment ago, which is as good as it gets.
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let port = port.port();
        let mut command: Command = program::theseus(sandbox, directory)?;
        command.args(["viewer", "--port", &port.to_string()]);
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let http = Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .no_gzip()
            .build()?;
        let url = format!("http://127.0.0.1:{port}");
        let viewer = Self { url, http, process };
        let last = format!("service-{:05}", GROUPS - 1);
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Ok(answer) = viewer.get("/", "identity").await
                && answer.text().await?.contains(&last)
            {
                return Ok(viewer);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err("the viewer does not show the groups".into())
    }

    /// The answer to a GET, of which only the head has come.
    async fn get(&self, path: &str, encoding: &'static str) -> Result<Response, Failure> {
        let request = self
            .http
            .request(Method::GET, format!("{}{path}", self.url));
        let answer = request.header(ACCEPT_ENCODING, encoding).send().await?;
        Ok(answer.error_for_status()?)
    }

    /// How much memory it holds, in bytes.
    fn memory(&self) -> Result<u64, Failure> {
        program::memory(self.process.id().ok_or("the viewer is over")?)
    }
}

/// How soon pages come, and how large they are.
async fn pages(viewer: &Viewer) -> Result<Vec<Row>, Failure> {
    let group = "/groups/service-00000:bench";
    let (mut healths, mut firsts) = (Vec::new(), HashMap::<&str, Vec<Duration>>::new());
    let mut sizes = HashMap::new();
    for _ in 0..TURNS {
        let health = async {
            viewer.get("/health", "identity").await?;
            Ok(())
        };
        healths.push(time(health).await?);
        for path in ["/", group, "/machines"] {
            let began = Instant::now();
            let answer = viewer.get(path, "gzip").await?;
            firsts.entry(path).or_default().push(began.elapsed());
            sizes.insert(path, answer.bytes().await?.len() as u64);
        }
    }
    let health = median(healths);
    let mut rows = Vec::new();
    for (path, name, target) in [
        ("/", "overview", "< 50 ms"),
        (group, "page of a group", ""),
        ("/machines", "machines", ""),
    ] {
        let first = median(firsts.remove(path).unwrap_or_default());
        rows.push(Row::ratio(
            &format!("viewer of 10,000 containers, {name}: first byte"),
            first,
            "`/health`",
            health,
            target,
        ));
        rows.push(Row::new(
            "its size, compressed",
            kilobytes(sizes[path]),
            "< 150 kB",
        ));
    }
    Ok(rows)
}

/// Which container was changed when, until a page shows it; and how long each of them took.
#[derive(Default)]
struct Ledger {
    told: HashMap<String, Instant>,
    late: Vec<Duration>,
}

type Shared = Arc<Mutex<Ledger>>;

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How late open pages are, and what they cost.
async fn live(
    sandbox: &Sandbox,
    viewer: &Viewer,
    containers: &HashMap<String, Vec<String>>,
) -> Result<Vec<Row>, Failure> {
    let ledgers: Vec<Shared> = (0..WATCHED).map(|_| Shared::default()).collect();
    let alone = viewer.memory()?;
    let mut open = JoinSet::new();
    for number in 0..OPEN {
        let ledger = ledgers.get(number).cloned();
        let path = match ledger {
            Some(_) => format!("/groups/service-{number:05}:bench"),
            None => "/".to_owned(),
        };
        let stream = stream(viewer, &path).await?;
        open.spawn(follow(stream, ledger));
    }
    let mut pace = tokio::time::interval(PACE);
    for number in 0..CHANGES {
        pace.tick().await;
        let (group, each) = (number % GROUPS, number / GROUPS);
        let id = &containers[&format!("service-{group:05}")][each];
        if let Some(ledger) = ledgers.get(group) {
            lock(ledger).told.insert(id.clone(), Instant::now());
        }
        let path = format!("/sandbox/tasks/{id}/unhealthy");
        sandbox.send(Method::POST, &path, Vec::new()).await?;
    }
    let began = Instant::now();
    while ledgers.iter().any(|ledger| !lock(ledger).told.is_empty()) {
        if began.elapsed() > PATIENCE {
            return Err("open pages were not told of all changes".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let memory = viewer.memory()?;
    if let Some(ended) = open.try_join_next() {
        ended??;
        return Err("a stream ended".into());
    }
    let mut late: Vec<Duration> = ledgers
        .iter()
        .flat_map(|ledger| std::mem::take(&mut lock(ledger).late))
        .collect();
    late.sort_unstable();
    Ok(vec![
        Row::new(
            "change to open page, 95 of 100, at 200 a second, 500 pages",
            written(late[late.len() * 95 / 100]),
            "< 250 ms",
        ),
        Row::size_ratio(
            "memory of the viewer with them",
            memory,
            "with none",
            alone,
            "< 200 MB",
        ),
    ])
}

/// The ids of the containers of each service.
async fn containers(sandbox: &Sandbox) -> Result<HashMap<String, Vec<String>>, Failure> {
    let tasks: Value = serde_json::from_slice(&sandbox.get("/v2/tasks").await?)?;
    let mut containers: HashMap<String, Vec<String>> = HashMap::new();
    for task in tasks["tasks"].as_array().into_iter().flatten() {
        let app = task["appId"].as_str().unwrap_or_default();
        let service = app.split('/').nth(2).unwrap_or_default();
        let id = task["id"].as_str().unwrap_or_default();
        let service = containers.entry(service.to_owned()).or_default();
        service.push(id.to_owned());
    }
    Ok(containers)
}

/// What keeps the page at this path true: the page itself says where that is had.
async fn stream(viewer: &Viewer, path: &str) -> Result<Response, Failure> {
    let page = viewer.get(path, "identity").await?.text().await?;
    let attribute = |name: &str| {
        let value = page.split_once(name)?.1.split_once('"')?.0;
        Some(value.replace("&amp;", "&"))
    };
    let live = attribute("data-live=\"").ok_or("the page does not say where changes are told")?;
    let version = attribute("data-version=\"").ok_or("the page does not say what it shows")?;
    let separator = if live.contains('?') { '&' } else { '?' };
    let path = format!("{live}{separator}version={version}");
    viewer.get(&path, "identity").await
}

/// Reads a stream as a page does. Where there is a ledger, what is told is struck off it.
async fn follow(stream: Response, ledger: Option<Shared>) -> Result<(), Failure> {
    let mut bytes = stream.bytes_stream();
    let mut message = Vec::new();
    while let Some(piece) = bytes.next().await {
        let Some(ledger) = &ledger else { continue };
        message.extend_from_slice(&piece?);
        if !message.ends_with(b"\n\n") {
            continue;
        }
        let text = String::from_utf8_lossy(&message);
        let mut ledger = lock(ledger);
        let Ledger { told, late } = &mut *ledger;
        told.retain(|id, at| {
            let shown = text.contains(id.as_str());
            if shown {
                late.push(at.elapsed());
            }
            !shown
        });
        message.clear();
    }
    Ok(())
}
