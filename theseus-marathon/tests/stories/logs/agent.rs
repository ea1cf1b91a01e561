//! An agent that a story tells what to write, when to rotate it, and how to misbehave. It is
//! Marathon and the Mesos master as well, and is asked in memory, on paused time.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::read::GzEncoder;
use futures_util::stream;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use theseus_marathon::{Marathon, ServiceTransport};
use tokio::time::{Instant, sleep};

use crate::server::config;

/// How an agent puts bytes into JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// As Mesos does: each byte that is not ASCII is a character of its own.
    Escaped,
    /// As they are.
    Raw,
    /// What is no text is replaced.
    Mended,
}

/// What becomes of a request instead of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    Status(u16),
    Says(&'static str),
    /// The connection breaks.
    Broken,
    /// It is answered after so long.
    Late(Duration),
    /// Of what a file holds no more than so many bytes are told.
    Short(usize),
    /// What is told is from elsewhere in the file.
    Elsewhere,
}

/// What a file holds.
#[derive(Debug, Clone)]
enum Content {
    Bytes(Vec<u8>),
    /// So many bytes, in lines of 64, or without any end of a line.
    Huge {
        size: u64,
        has_lines: bool,
    },
}

#[derive(Debug, Clone)]
struct File {
    content: Content,
    changed: f64,
}

type Faults = Box<dyn FnMut(&str) -> Option<Fault> + Send>;

struct Inner {
    task: String,
    directory: String,
    files: BTreeMap<String, File>,
    is_over: bool,
    is_known: bool,
    /// Only paths that end in `.json` are there.
    is_old: bool,
    spelling: Spelling,
    keep: u32,
    faults: Option<Faults>,
    /// `path?query`, and when.
    asked: Vec<(Duration, String)>,
    began: Instant,
}

/// The agent; clones are the same one.
#[derive(Clone)]
pub(crate) struct Agent(Arc<Mutex<Inner>>);

/// No story takes more requests.
const MOST_ASKED: usize = 20_000;

/// When the stories begin.
pub(crate) fn start() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

impl Agent {
    pub(crate) fn new(task: &str) -> Self {
        let mut agent = Inner {
            task: task.to_owned(),
            directory: format!("/var/lib/mesos/{task}/runs/1"),
            files: BTreeMap::new(),
            is_over: false,
            is_known: true,
            is_old: false,
            spelling: Spelling::Escaped,
            keep: 50,
            faults: None,
            asked: Vec::new(),
            began: Instant::now(),
        };
        agent.file("stdout");
        agent.file("stderr");
        Self(Arc::new(Mutex::new(agent)))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(crate) fn client(&self) -> Marathon {
        let router = Router::new().fallback(answer).with_state(self.clone());
        let transport = Arc::new(ServiceTransport::new(router));
        Marathon::over(config("http://memory"), transport).unwrap()
    }

    pub(crate) fn write(&self, output: &str, bytes: &[u8]) {
        let mut inner = self.inner();
        let now = inner.now();
        let file = inner.file(output);
        file.changed = now;
        let Content::Bytes(content) = &mut file.content else {
            panic!("nobody writes to a huge file");
        };
        content.extend_from_slice(bytes);
    }

    /// What was `stdout` is `stdout.1`, and so on.
    pub(crate) fn rotate(&self, output: &str, compress: bool) {
        let mut inner = self.inner();
        let keep = inner.keep;
        for number in (0..=keep).rev() {
            for suffix in ["", ".gz"] {
                let named = |number: u32| match number {
                    0 => format!("{output}{suffix}"),
                    number => format!("{output}.{number}{suffix}"),
                };
                let Some(mut file) = inner.files.remove(&named(number)) else {
                    continue;
                };
                if number == keep {
                    continue;
                }
                // What was just written to stays as it is for one more rotation.
                let packs = compress && number == 1 && suffix.is_empty();
                let name = if packs {
                    file.content = Content::Bytes(packed(&file.content));
                    format!("{}.gz", named(number + 1))
                } else {
                    named(number + 1)
                };
                inner.files.insert(name, file);
            }
        }
        inner.file(output);
    }

    /// Writes nothing more, and is known for a while.
    pub(crate) fn end(&self) {
        self.inner().is_over = true;
    }

    pub(crate) fn keep(&self, files: u32) {
        self.inner().keep = files;
    }

    pub(crate) fn spell(&self, spelling: Spelling) {
        self.inner().spelling = spelling;
    }

    pub(crate) fn set_known(&self, is_known: bool) {
        self.inner().is_known = is_known;
    }

    pub(crate) fn speak_old(&self) {
        self.inner().is_old = true;
    }

    pub(crate) fn directory(&self, directory: &str) {
        directory.clone_into(&mut self.inner().directory);
    }

    /// A file that nobody could hold in memory.
    pub(crate) fn huge(&self, output: &str, size: u64, has_lines: bool) {
        let mut inner = self.inner();
        inner.file(output).content = Content::Huge { size, has_lines };
    }

    pub(crate) fn remove_all(&self) {
        self.inner().files.clear();
    }

    /// From now on each request is asked about by its path and query.
    pub(crate) fn trouble(&self, faults: impl FnMut(&str) -> Option<Fault> + Send + 'static) {
        self.inner().faults = Some(Box::new(faults));
    }

    pub(crate) fn heal(&self) {
        self.inner().faults = None;
    }

    /// What was asked of the agent since the last time, and when.
    pub(crate) fn asked(&self) -> Vec<(Duration, String)> {
        let mut inner = self.inner();
        let asked = std::mem::take(&mut inner.asked);
        let of_agent = |(_, path): &(Duration, String)| {
            path.starts_with("/files") || path.starts_with("/state")
        };
        asked.into_iter().filter(of_agent).collect()
    }
}

fn packed(content: &Content) -> Vec<u8> {
    let Content::Bytes(bytes) = content else {
        panic!("nobody packs a huge file");
    };
    let mut packed = Vec::new();
    let mut encoder = GzEncoder::new(bytes.as_slice(), Compression::fast());
    encoder.read_to_end(&mut packed).unwrap();
    packed
}

impl Inner {
    fn now(&self) -> f64 {
        let now = start() + SignedDuration::try_from(self.began.elapsed()).unwrap();
        now.as_duration().as_secs_f64()
    }

    fn file(&mut self, name: &str) -> &mut File {
        let now = self.now();
        self.files.entry(name.to_owned()).or_insert(File {
            content: Content::Bytes(Vec::new()),
            changed: now,
        })
    }

    fn state(&self) -> Value {
        let executor = json!({
            "id": self.task, "directory": self.directory,
            "tasks": [{"id": self.task, "statuses": [
                {"state": "TASK_RUNNING", "timestamp": 1.0},
                {"state": if self.is_over { "TASK_FAILED" } else { "TASK_RUNNING" }, "timestamp": 2.0},
            ]}],
        });
        let all = if self.is_known {
            vec![executor]
        } else {
            Vec::new()
        };
        let (live, over) = if self.is_over {
            (Vec::new(), all)
        } else {
            (all, Vec::new())
        };
        let framework =
            json!({"id": "F", "name": "marathon", "executors": live, "completed_executors": over});
        json!({"frameworks": [framework]})
    }

    fn browse(&self) -> Value {
        let entry = |(name, file): (&String, &File)| {
            json!({
                "path": format!("{}/{name}", self.directory),
                "size": file.content.size(),
                "mtime": file.changed,
                "mode": "-rw-r--r--",
            })
        };
        self.files.iter().map(entry).collect()
    }

    fn at(&self, path: &str) -> Option<&File> {
        let name = path.strip_prefix(&self.directory)?.strip_prefix('/')?;
        self.files.get(name)
    }

    fn read(&self, query: &HashMap<String, String>, fault: Option<&Fault>) -> Option<Vec<u8>> {
        let file = self.at(&query["path"])?;
        let number = |name: &str| query[name].parse::<u64>().unwrap();
        let (mut offset, length) = (number("offset"), number("length"));
        let mut bytes = file.content.piece(offset, length.min(65_536));
        match fault {
            Some(Fault::Short(most)) => bytes.truncate(*most),
            Some(Fault::Elsewhere) => offset += 1,
            _ => {}
        }
        let mut answer = b"{\"data\":\"".to_vec();
        answer.extend(spelled(&bytes, self.spelling));
        write!(answer, "\",\"offset\":{offset}}}").unwrap();
        Some(answer)
    }
}

impl Content {
    fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Huge { size, .. } => *size,
        }
    }

    fn piece(&self, offset: u64, length: u64) -> Vec<u8> {
        let end = self.size().min(offset.saturating_add(length));
        let range = offset.min(end)..end;
        match self {
            Self::Bytes(bytes) => {
                let place = |at: u64| usize::try_from(at).unwrap();
                bytes[place(range.start)..place(range.end)].to_vec()
            }
            Self::Huge { has_lines, .. } => range
                .map(|at| match (has_lines, at % 64) {
                    (true, 63) => b'\n',
                    _ => b'x',
                })
                .collect(),
        }
    }
}

/// The bytes in a string of JSON.
fn spelled(bytes: &[u8], spelling: Spelling) -> Vec<u8> {
    let mut spelled = Vec::new();
    match spelling {
        Spelling::Mended => {
            let text = serde_json::to_vec(&String::from_utf8_lossy(bytes)).unwrap();
            spelled.extend_from_slice(&text[1..text.len() - 1]);
        }
        Spelling::Escaped | Spelling::Raw => {
            for &byte in bytes {
                let is_plain = match byte {
                    b'"' | b'\\' | 0..0x20 => false,
                    0x80.. => spelling == Spelling::Raw,
                    _ => true,
                };
                if is_plain {
                    spelled.push(byte);
                } else {
                    let mut escape = String::new();
                    write!(escape, "\\u{byte:04x}").unwrap();
                    spelled.extend(escape.bytes());
                }
            }
        }
    }
    spelled
}

async fn answer(State(agent): State<Agent>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let fault = {
        let mut inner = agent.inner();
        let at = inner.began.elapsed();
        let asked = format!("{path}?{query}");
        let fault = inner.faults.as_mut().and_then(|faults| faults(&asked));
        inner.asked.push((at, asked.clone()));
        assert!(inner.asked.len() < MOST_ASKED, "{asked:?}");
        fault
    };
    match fault {
        Some(Fault::Status(status)) => {
            return StatusCode::from_u16(status).unwrap().into_response();
        }
        Some(Fault::Says(text)) => return text.into_response(),
        Some(Fault::Broken) => {
            let broken = stream::iter([Err::<&str, _>(std::io::Error::other("broken"))]);
            return Body::from_stream(broken).into_response();
        }
        Some(Fault::Late(delay)) => sleep(delay).await,
        _ => {}
    }
    let inner = agent.inner();
    let json = |value: Value| Some(value.to_string().into_bytes());
    let plain = path.trim_end_matches(".json");
    let is_of_agent = !path.starts_with("/v2") && path != "/slaves";
    if is_of_agent && inner.is_old == (plain == path) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let query: HashMap<String, String> = pairs.into_owned().collect();
    let body = match plain {
        "/v2/info" => json(json!({
            "version": "1.11.0", "frameworkId": "F",
            "marathon_config": {"mesos_leader_ui_url": "http://memory"},
        })),
        "/slaves" => json(json!({"slaves": [{"hostname": "h1", "pid": "slave(1)@10.0.0.1:5051"}]})),
        "/state" => json(inner.state()),
        "/files/browse" if query["path"] == inner.directory && !inner.files.is_empty() => {
            json(inner.browse())
        }
        "/files/read" => inner.read(&query, fault.as_ref()),
        "/files/download" => inner.at(&query["path"]).map(|file| match &file.content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::Huge { .. } => panic!("nobody asks for all of it"),
        }),
        _ => None,
    };
    match body {
        Some(body) => body.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
