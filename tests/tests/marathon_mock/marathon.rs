//! A Marathon out of wiremock: it does what it is told at once, remembers every request, and goes
//! wrong where a story wants it to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use serde_json::{Value, json};
use theseus_core::engine::{Engine, Options, Report};
use theseus_store::MemoryStore;
use theseus_tests::{desired, world};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// How a request goes wrong.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// It is answered so, and nothing is done.
    Refused(u16, &'static str),
    /// It is done, and answered so.
    Done(u16, &'static str),
    /// It is done, and half of the answer comes.
    Cut,
    /// A deployment holds the app, and goes on for so many looks.
    Locked(usize),
}

/// A mocked Marathon with Theseus's engine over it.
pub(crate) struct Marathon {
    server: MockServer,
    state: Arc<Mutex<State>>,
    engine: Engine,
    /// How many requests were given out already.
    told: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// By id: the definition, and the ids of the tasks.
    apps: BTreeMap<String, (Value, Vec<String>)>,
    started: usize,
    /// By method: what happens to the next requests.
    troubles: BTreeMap<String, VecDeque<Trouble>>,
    /// So many looks at the apps will still show a deployment.
    locked: usize,
    /// Whether there is an event stream.
    has_events: bool,
}

struct Script(Arc<Mutex<State>>);

impl Marathon {
    /// One with an event stream. Wiremock ends it at once, and so Theseus attaches it again and
    /// again, and looks each time.
    pub(crate) async fn start() -> Self {
        Self::new(true).await
    }

    /// One without.
    pub(crate) async fn without_events() -> Self {
        Self::new(false).await
    }

    async fn new(has_events: bool) -> Self {
        let server = MockServer::start().await;
        let state = Arc::new(Mutex::new(State {
            has_events,
            ..State::default()
        }));
        let script = Script(Arc::clone(&state));
        Mock::given(any()).respond_with(script).mount(&server).await;
        let cluster = Arc::new(world::marathon(&server.uri()));
        let engine = Engine::new(cluster, Arc::new(MemoryStore::new()), Timestamp::now);
        Self {
            server,
            state,
            engine,
            told: AtomicUsize::new(0),
        }
    }

    /// What happens to the next requests of this method, one after the other.
    pub(crate) fn trouble(&self, method: &str, troubles: impl IntoIterator<Item = Trouble>) {
        let mut state = self.state.lock().unwrap();
        let queue = state.troubles.entry(method.to_owned()).or_default();
        queue.extend(troubles);
    }

    pub(crate) async fn deploy(&self, manifest: &str) -> Report {
        let plan = self.engine.plan(&desired(manifest)).await.unwrap();
        let to_the_end = std::future::pending();
        let report = self
            .engine
            .carry_out(&plan, &Options::default(), &|_| (), to_the_end)
            .await;
        report.unwrap()
    }

    /// The requests since the last time, each with its body, if it has one.
    pub(crate) async fn requests(&self) -> Vec<(String, Value)> {
        let requests = self.server.received_requests().await.unwrap();
        let before = self.told.swap(requests.len(), Ordering::Relaxed);
        requests[before..].iter().map(told).collect()
    }

    /// Those of them that are to change something.
    pub(crate) async fn writes(&self) -> Vec<(String, Value)> {
        let mut requests = self.requests().await;
        requests.retain(|(line, _)| !line.starts_with("GET "));
        requests
    }
}

/// A request as `METHOD path?query`, and its body.
fn told(request: &Request) -> (String, Value) {
    let query = request.url.query().map(|query| format!("?{query}"));
    let line = format!(
        "{} {}{}",
        request.method,
        request.url.path(),
        query.unwrap_or_default()
    );
    let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    (line, body)
}

impl Respond for Script {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state: MutexGuard<'_, State> = self.0.lock().unwrap();
        let method = request.method.as_str();
        let is_about_apps = request.url.path() == "/v2/apps" || method != "GET";
        let queue = state.troubles.get_mut(method).filter(|_| is_about_apps);
        match queue.and_then(VecDeque::pop_front) {
            None => state.act(request),
            Some(Trouble::Refused(status, body)) => answer(status, body),
            Some(Trouble::Done(status, body)) => {
                state.act(request);
                answer(status, body)
            }
            Some(Trouble::Cut) => {
                state.act(request);
                answer(200, r#"{"version":"2026-01-01T00:00:00.000Z","deploy"#)
            }
            Some(Trouble::Locked(looks)) => {
                state.locked = looks;
                let message = "App is locked by one or more deployments.";
                let body = json!({"message": message, "deployments": [{"id": "d0"}]});
                ResponseTemplate::new(409).set_body_json(body)
            }
        }
    }
}

fn answer(status: u16, body: &'static str) -> ResponseTemplate {
    let kind = if body.starts_with('{') {
        "application/json"
    } else {
        "text/html"
    };
    ResponseTemplate::new(status).set_body_raw(body, kind)
}

impl State {
    /// Does as Marathon does, but at once.
    fn act(&mut self, request: &Request) -> ResponseTemplate {
        let path = request.url.path();
        let app = path.strip_prefix("/v2/apps").unwrap_or_default();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        match (request.method.as_str(), path) {
            ("GET", "/v2/info") => ok(&json!({"version": "1.5.11"})),
            ("GET", "/v2/deployments") => ok(&json!([])),
            ("GET", "/v2/apps") => ok(&self.listed()),
            ("GET", "/v2/events") if self.has_events => {
                let hello = "event: event_stream_attached\r\ndata: {\"eventType\":\"event_stream_attached\"}\r\n\r\n";
                ResponseTemplate::new(200).set_body_raw(hello, "text/event-stream")
            }
            ("PUT", _) => {
                let instances = body["instances"].as_u64();
                self.apps.insert(app.to_owned(), (body, Vec::new()));
                self.resize(app, instances)
            }
            ("PATCH", _) => self.resize(app, body["instances"].as_u64()),
            ("POST", "/v2/tasks/delete") => {
                let ids = body["ids"].as_array().cloned().unwrap_or_default();
                for (_, tasks) in self.apps.values_mut() {
                    tasks.retain(|task| !ids.contains(&json!(task)));
                }
                taken()
            }
            ("DELETE", _) => {
                self.apps.remove(app);
                taken()
            }
            _ => ResponseTemplate::new(404).set_body_raw("<html>no</html>", "text/html"),
        }
    }

    fn resize(&mut self, app: &str, instances: Option<u64>) -> ResponseTemplate {
        let wanted = usize::try_from(instances.unwrap_or(1)).unwrap();
        if let Some((_, tasks)) = self.apps.get_mut(app) {
            tasks.truncate(wanted);
            while tasks.len() < wanted {
                self.started += 1;
                tasks.push(format!("task-{}", self.started));
            }
        }
        taken()
    }

    fn listed(&mut self) -> Value {
        let deployments = match self.locked {
            0 => json!([]),
            _ => json!([{"id": "d0"}]),
        };
        self.locked = self.locked.saturating_sub(1);
        let apps = self.apps.iter().map(|(id, (definition, tasks))| {
            let mut app = definition.clone();
            app["id"] = json!(id);
            app["instances"] = json!(tasks.len());
            app["deployments"] = deployments.clone();
            app["tasks"] = tasks.iter().map(task).collect();
            app
        });
        json!({"apps": apps.collect::<Vec<_>>()})
    }
}

fn task(id: &String) -> Value {
    json!({
        "id": id,
        "host": "host-1",
        "ports": [31000],
        "state": "TASK_RUNNING",
        "stagedAt": "2026-01-01T00:00:00.000Z",
        "startedAt": "2026-01-01T00:00:01.000Z",
    })
}

fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn taken() -> ResponseTemplate {
    ok(&json!({"version": "2026-01-01T00:00:00.000Z", "deploymentId": "d1"}))
}
