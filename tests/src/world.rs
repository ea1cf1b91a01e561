//! A sandbox, a store, and the engine over both.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use serde_json::Value;
use theseus_core::cluster::{Cluster, Scope};
use theseus_core::engine::{Engine, EngineError, Options, Progress, Report};
use theseus_core::model::GroupId;
use theseus_core::records::{self, GroupRecord, Stored};
use theseus_core::store::{Store, list_all};
use theseus_marathon::{Marathon, MarathonConfig};
use theseus_sandbox::{Sandbox, SandboxConfig, SandboxServer};
use theseus_store::MemoryStore;

use tokio::time::{sleep, timeout};

use crate::{PATIENCE, client, desired};

/// A cluster with a store, and Theseus's engine over them.
#[derive(Debug)]
pub struct World {
    /// The cluster.
    pub server: SandboxServer,
    /// What Theseus does to it.
    pub engine: Engine,
    client: Client,
    store: DynStore,
}

/// A store of any kind.
#[derive(Clone)]
struct DynStore(Arc<dyn Store>);

impl std::fmt::Debug for DynStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.address())
    }
}

/// One task, as the cluster tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// The app that it belongs to.
    pub app: String,
    /// Whether it runs, and its health checks pass if it has any.
    pub ready: bool,
}

/// A sandbox at the pace of tests.
pub fn pace() -> SandboxConfig {
    SandboxConfig {
        start_delay: Duration::from_millis(60),
        health_delay: Duration::from_millis(30),
        kill_delay: Duration::from_millis(30),
        ..SandboxConfig::default()
    }
}

/// A client that waits for milliseconds where people would wait for seconds.
///
/// # Panics
///
/// When the address is none.
pub fn marathon(url: &str) -> Marathon {
    let config = MarathonConfig {
        urls: vec![url.parse().expect("an address")],
        patience: Duration::from_millis(1500),
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(50),
        ..MarathonConfig::default()
    };
    Marathon::new(config).expect("a client")
}

impl World {
    /// A new cluster, and records in memory.
    pub async fn new() -> Self {
        Self::with(Arc::new(MemoryStore::new())).await
    }

    /// A new cluster, and this store.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub async fn with(store: Arc<dyn Store>) -> Self {
        let server = SandboxServer::start(pace(), "127.0.0.1:0").await;
        let server = server.expect("a free port");
        let cluster: Arc<dyn Cluster> = Arc::new(marathon(&server.url()));
        Self {
            engine: Engine::new(cluster, Arc::clone(&store), Timestamp::now),
            server,
            client: client(),
            store: DynStore(store),
        }
    }

    /// The cluster, to make trouble.
    pub fn sandbox(&self) -> &Sandbox {
        self.server.sandbox()
    }

    /// Plans a manifest and carries the plan out to the end.
    ///
    /// # Panics
    ///
    /// When cluster or store are out of reach.
    pub async fn deploy(&self, manifest: &str) -> Report {
        self.deploy_telling(manifest, &|_| ())
            .await
            .expect("cluster and store are there")
    }

    /// The same, telling what happens.
    pub async fn deploy_telling(
        &self,
        manifest: &str,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Report, EngineError> {
        let plan = self.engine.plan(&desired(manifest)).await?;
        let to_the_end = std::future::pending();
        self.engine
            .carry_out(&plan, &Options::default(), tell, to_the_end)
            .await
    }

    /// Waits until nobody holds a group any more: whoever died while he did is waited out.
    ///
    /// # Panics
    ///
    /// When the store is out of reach, or the group stays held.
    pub async fn until_free(&self, group: &str) {
        let group = [group.parse().expect("a group")];
        let free = async {
            while !self
                .engine
                .holders(&group)
                .await
                .expect("it is there")
                .is_empty()
            {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, free).await.expect("it is let go");
    }

    /// The ids of all apps.
    pub async fn apps(&self) -> Vec<String> {
        let apps = get(&self.client, &self.server.url(), "/v2/apps").await;
        let apps = apps["apps"].as_array().into_iter().flatten();
        apps.map(|app| text(&app["id"])).collect()
    }

    /// All tasks of all apps.
    pub async fn tasks(&self) -> Vec<Task> {
        tasks(&self.client, &self.server.url()).await
    }

    /// The ids of the tasks of an app, sorted.
    pub fn ids(&self, app: &str) -> Vec<String> {
        let mut ids = self.sandbox().task_ids(app);
        ids.sort();
        ids
    }

    /// The requests since the last time that change something, as `METHOD path?query`.
    pub fn writes(&self) -> Vec<String> {
        let requests = self.sandbox().requests();
        self.sandbox().clear_requests();
        let writes = requests.into_iter().filter(|it| it.method != "GET");
        writes
            .map(|it| format!("{} {}?{}", it.method, it.path, it.query))
            .collect()
    }

    /// What the store says is deployed: groups with their revisions.
    ///
    /// # Panics
    ///
    /// When the records cannot be read.
    pub async fn recorded(&self) -> Vec<(String, u32)> {
        let (entries, _) = list_all(&*self.store.0, records::GROUPS)
            .await
            .expect("the store is there");
        let records = entries.iter().map(|entry| {
            let record: Stored<GroupRecord> = records::decode(entry).expect("a record");
            (record.record.group.to_string(), record.record.revision)
        });
        records.collect()
    }

    /// Whether the store knows of something that is not done.
    ///
    /// # Panics
    ///
    /// When the store does not answer.
    pub async fn has_rollouts(&self) -> bool {
        let (entries, _) = list_all(&*self.store.0, records::ROLLOUTS)
            .await
            .expect("the store is there");
        !entries.is_empty()
    }

    /// Asserts that just this revision of `ingestor:dev` runs, with so many ready containers, and
    /// that the store says so.
    ///
    /// # Panics
    ///
    /// When it is otherwise.
    pub async fn assert_serves(&self, revision: u32, instances: usize) {
        let app = format!("/theseus/ingestor/dev/r{revision}");
        assert_eq!(self.apps().await, [app]);
        let tasks = self.tasks().await;
        let ready = tasks.iter().filter(|task| task.ready).count();
        assert_eq!((tasks.len(), ready), (instances, instances), "{tasks:?}");
        assert_eq!(
            self.recorded().await,
            [("ingestor:dev".to_owned(), revision)]
        );
        assert!(!self.has_rollouts().await);
    }

    /// Asserts that of this group just this revision is recorded and runs, with so many containers
    /// that do their work, in however many apps.
    ///
    /// # Panics
    ///
    /// When it is otherwise.
    pub async fn assert_runs(&self, group: &str, revision: u32, instances: usize) {
        let group: GroupId = group.parse().expect("a group");
        let scope = Scope::Groups(vec![group.clone()]);
        let observed = self.engine.observe(&scope).await.expect("it is there");
        let state = &observed.groups[&group];
        let recorded = state.record.as_ref().map(|it| it.record.revision);
        assert_eq!((recorded, &state.rollout), (Some(revision), &None));
        assert!(
            state.apps.iter().all(|app| app.revision == revision),
            "{state:?}"
        );
        let all = || {
            state
                .apps
                .iter()
                .flat_map(|app| app.containers.iter().map(move |it| (app, it)))
        };
        let ready = all().filter(|(app, it)| app.is_served_by(it) && !it.outdated);
        assert_eq!(
            (all().count(), ready.count()),
            (instances, instances),
            "{state:?}"
        );
    }

    /// Asserts that nothing runs, is recorded, or is under way.
    ///
    /// # Panics
    ///
    /// When something is.
    pub async fn assert_empty(&self) {
        assert_eq!(self.apps().await, [""; 0]);
        assert_eq!(self.tasks().await, []);
        let deployments = get(&self.client, &self.server.url(), "/v2/deployments").await;
        assert_eq!(deployments, Value::Array(Vec::new()));
        assert_eq!(self.recorded().await, []);
        assert!(!self.has_rollouts().await);
    }
}

/// What the cluster at this address answers.
async fn get(client: &Client, url: &str, path: &str) -> Value {
    let answer = client.get(format!("{url}{path}")).send().await;
    let answer = answer.expect("the sandbox answers");
    answer.json().await.expect("it answers in JSON")
}

/// All tasks of all apps of the cluster at this address.
///
/// # Panics
///
/// When it does not answer.
pub async fn tasks(client: &Client, url: &str) -> Vec<Task> {
    let answer = get(client, url, "/v2/apps?embed=apps.tasks").await;
    let apps = answer["apps"].as_array().into_iter().flatten();
    apps.flat_map(|app| {
        let checks = app["healthChecks"].as_array().map_or(0, Vec::len);
        let tasks = app["tasks"].as_array().into_iter().flatten();
        tasks.map(move |task| Task {
            id: text(&task["id"]),
            app: text(&app["id"]),
            ready: task["state"] == "TASK_RUNNING" && passes(task, checks),
        })
    })
    .collect()
}

fn passes(task: &Value, checks: usize) -> bool {
    let results = task["healthCheckResults"].as_array().into_iter().flatten();
    results.filter(|result| result["alive"] == true).count() == checks
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
