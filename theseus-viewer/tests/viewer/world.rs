//! A cluster of which tests say what it runs, beside a store in memory.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use theseus_core::cluster::{
    Accepted, Amounts, App, AppId, Change, Cluster, ClusterError, Container, ContainerId,
    ContainerState, EngineInfo, Event, EventKind, Events, Foreign, HealthState, Host, HostState,
    Inventory, LogPiece, LogRequest, Logs, Part, Scope, Snapshot, Tenant,
};
use theseus_core::engine::Engine;
use theseus_core::model::{GroupId, Port, Spec};
use theseus_core::records::{self, GroupRecord, HistoryRecord};
use theseus_core::store::{Store, Txn, Write};
use theseus_store::MemoryStore;
use theseus_viewer::{AllowedHosts, Viewer, router};
use tokio::sync::broadcast;
use tower::ServiceExt as _;

/// The host that requests name.
pub(crate) const HOST: &str = "localhost:5001";

pub(crate) struct FakeCluster {
    /// `None` while it is away.
    apps: Mutex<Option<Vec<App>>>,
    hosts: Mutex<Vec<Host>>,
    /// What runs of others.
    pub(crate) foreign: Mutex<Vec<Foreign>>,
    /// What every container has written.
    pub(crate) logs: Mutex<Vec<LogPiece>>,
    /// What comes after that.
    pub(crate) ending: Mutex<Ending>,
    /// Whose logs were asked for.
    pub(crate) asked: Mutex<Vec<String>>,
    events: broadcast::Sender<Event>,
}

/// How the logs of a container end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Ending {
    #[default]
    Well,
    /// They do not: nothing more comes.
    Never,
    /// With the machine on which they are.
    Lost,
}

impl FakeCluster {
    fn error() -> ClusterError {
        ClusterError::Unreachable {
            engine: "marathon".to_owned(),
            address: "http://cluster:8080".to_owned(),
            source: Box::new(io::Error::from(io::ErrorKind::ConnectionRefused)),
        }
    }
}

#[async_trait]
impl Cluster for FakeCluster {
    async fn engine(&self) -> Result<EngineInfo, ClusterError> {
        Err(Self::error())
    }

    async fn observe(&self, scope: &Scope) -> Result<Snapshot, ClusterError> {
        let apps = self.apps.lock().unwrap().clone().ok_or_else(Self::error)?;
        let foreign = match scope {
            Scope::Everything => self.foreign.lock().unwrap().clone(),
            Scope::All | Scope::Groups(_) => Vec::new(),
        };
        Ok(Snapshot {
            apps,
            foreign,
            ..Snapshot::default()
        })
    }

    async fn apply(&self, changes: &[Change]) -> Vec<Result<Accepted, ClusterError>> {
        assert!(changes.is_empty(), "a viewer changes nothing");
        Vec::new()
    }

    async fn hosts(&self) -> Result<Inventory, ClusterError> {
        let is_there = self.apps.lock().unwrap().is_some();
        let hosts = self.hosts.lock().unwrap().clone();
        let inventory = Inventory {
            hosts,
            is_complete: true,
        };
        is_there.then_some(inventory).ok_or_else(Self::error)
    }

    async fn tenants(&self, _: &str) -> Result<Vec<Tenant>, ClusterError> {
        let name = "chronos".to_owned();
        Ok(vec![Tenant { name, tasks: 2 }])
    }

    async fn logs(&self, id: &ContainerId, _: &LogRequest) -> Result<Logs, ClusterError> {
        self.asked.lock().unwrap().push(id.0.clone());
        let pieces = self.logs.lock().unwrap().clone();
        let pieces = stream::iter(pieces.into_iter().map(Ok));
        let ending = *self.ending.lock().unwrap();
        Ok(match ending {
            Ending::Well => pieces.boxed(),
            Ending::Never => pieces.chain(stream::pending()).boxed(),
            Ending::Lost => pieces
                .chain(stream::once(async { Err(Self::error()) }))
                .boxed(),
        })
    }

    async fn events(&self) -> Result<Events, ClusterError> {
        let events = self.events.subscribe();
        Ok(stream::unfold(events, async |mut events| {
            Some((Ok(events.recv().await.ok()?), events))
        })
        .boxed())
    }
}

pub(crate) struct World {
    pub(crate) cluster: Arc<FakeCluster>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) viewer: Viewer,
    pub(crate) router: Router,
}

impl World {
    /// A world without groups, and a viewer of it.
    pub(crate) fn new() -> Self {
        Self::with(Vec::new())
    }

    /// A world that runs these apps.
    pub(crate) fn with(apps: Vec<App>) -> Self {
        Self::on(Vec::new(), apps)
    }

    /// The same on these machines.
    pub(crate) fn on(hosts: Vec<Host>, apps: Vec<App>) -> Self {
        let cluster = Arc::new(FakeCluster {
            apps: Mutex::new(Some(apps)),
            hosts: Mutex::new(hosts),
            foreign: Mutex::default(),
            logs: Mutex::default(),
            ending: Mutex::default(),
            asked: Mutex::default(),
            events: broadcast::channel(16).0,
        });
        let store = Arc::new(MemoryStore::new());
        let engine = Engine::new(cluster.clone(), store.clone(), Timestamp::now);
        let viewer = Viewer::start(engine, cluster.clone(), store.clone());
        let router = router(viewer.clone(), AllowedHosts::loopback(5001));
        Self {
            cluster,
            store,
            viewer,
            router,
        }
    }

    /// Writes down that a group is deployed.
    pub(crate) async fn record(&self, group: &str, revision: u32, spec: Spec) {
        let group: GroupId = group.parse().unwrap();
        let record = GroupRecord {
            group: group.clone(),
            revision,
            spec: Arc::new(spec),
            deployed_at: Timestamp::now(),
            adopted: None,
        };
        let key = records::group_key(&group);
        self.write(Write::Put(key, records::encode(&record))).await;
    }

    /// Writes something down.
    pub(crate) async fn write(&self, write: Write) {
        let txn = Txn {
            compares: Vec::new(),
            writes: vec![write],
        };
        self.store.commit(txn).await.unwrap();
    }

    /// Adds a revision to a group's history.
    pub(crate) async fn past(&self, group: &str, revision: u32, spec: Spec, by: &str) {
        let group: GroupId = group.parse().unwrap();
        let record = HistoryRecord {
            group: group.clone(),
            revision,
            spec: Arc::new(spec),
            created_at: Timestamp::now(),
            by: by.to_owned(),
            ending: None,
        };
        let key = records::history_key(&group, revision);
        self.write(Write::Put(key, records::encode(&record))).await;
    }

    /// Tells that something happened to a container.
    pub(crate) fn tell(&self, group: &str, id: &str, state: ContainerState) {
        // Nobody may be listening yet.
        let _ = self.cluster.events.send(Event {
            at: None,
            group: Some(group.parse().unwrap()),
            foreign: None,
            kind: came(id, state),
        });
    }

    /// Tells that something happened to a container of an app that Theseus did not name.
    pub(crate) fn tell_of_other(&self, app: &str, id: &str, state: ContainerState) {
        // Nobody may be listening yet.
        let _ = self.cluster.events.send(Event {
            at: None,
            group: None,
            foreign: Some(AppId(app.to_owned())),
            kind: came(id, state),
        });
    }

    /// From now on these apps run, or the cluster is away; its events tell.
    pub(crate) fn runs(&self, apps: Option<Vec<App>>) {
        let kind = match apps {
            Some(_) => EventKind::Attached,
            None => EventKind::Detached,
        };
        *self.cluster.apps.lock().unwrap() = apps;
        // Nobody may be listening yet, and then looks anyway.
        let _ = self.cluster.events.send(Event {
            at: None,
            group: None,
            foreign: None,
            kind,
        });
    }

    /// What runs, as the cluster would tell.
    pub(crate) fn apps(&self) -> Option<Vec<App>> {
        self.cluster.apps.lock().unwrap().clone()
    }

    pub(crate) async fn request(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// The status and the text of a page.
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self.request(ask(Method::GET, path)).await;
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// The text of a page once it has this in it.
    pub(crate) async fn page_with(&self, path: &str, text: &str) -> String {
        let mut page = String::new();
        let shown = async {
            loop {
                page = self.get(path).await.1;
                if page.contains(text) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, shown).await;
        assert!(in_time.is_ok(), "{path} never had {text:?}:\n{page}");
        page
    }
}

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A request that names the right host.
pub(crate) fn ask(method: Method, path: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, HOST)
        .body(Body::empty())
        .unwrap()
}

/// A spec with one port, named `api`.
pub(crate) fn spec(image: &str, instances: u32) -> Spec {
    let mut spec = Spec::new(image);
    spec.instances = instances;
    spec.ports.insert("api".to_owned(), Port::tcp(5000));
    spec
}

pub(crate) fn app(group: &str, revision: u32, containers: Vec<Container>) -> App {
    App {
        id: AppId(format!("/{group}/{revision}")),
        group: group.parse().unwrap(),
        revision,
        instances: u32::try_from(containers.len()).unwrap(),
        part: Part::Whole,
        pinned_to: None,
        checked: false,
        operations: Vec::new(),
        containers,
        last_failure: None,
        unread: None,
    }
}

pub(crate) fn container(id: &str, host: &str, state: ContainerState) -> Container {
    Container {
        id: ContainerId(id.to_owned()),
        host: Some(host.into()),
        ports: vec![31005],
        state,
        health: HealthState::Unknown,
        staged_at: None,
        started_at: Some("2026-01-02T03:04:05Z".parse().unwrap()),
        healthy_since: None,
        outdated: false,
    }
}

pub(crate) fn running(id: &str) -> Container {
    container(id, "host1", ContainerState::Running)
}

/// A machine with four processors, of which one is taken.
pub(crate) fn host(name: &str) -> Host {
    let amounts = |cpus: f64, mem: f64, ports: u16| Amounts {
        cpus,
        mem,
        disk: 0.0,
        ports: vec![31000..=31000 + ports],
    };
    Host {
        name: name.into(),
        state: HostState::Active,
        attributes: [("rack".to_owned(), "a".to_owned())].into(),
        total: Some(amounts(4.0, 65536.0, 99)),
        free: Some(amounts(3.0, 64512.0, 89)),
    }
}

/// A container came to a state.
fn came(id: &str, state: ContainerState) -> EventKind {
    EventKind::Container {
        id: ContainerId(id.to_owned()),
        state,
        failed: None,
    }
}
