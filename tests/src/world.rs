//! A sandbox, a store, and the engine over both.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use theseus_core::attribution::attributed;
use theseus_core::cluster::{Cluster as _, Events, Scope};
use theseus_core::engine::{Engine, EngineError, Options, Progress, Report};
use theseus_core::model::GroupId;
use theseus_core::records::{self, GroupRecord, Stored};
use theseus_core::store::{Store, list_all};
use theseus_marathon::{Marathon, MarathonConfig};
use theseus_sandbox::{Sandbox, SandboxConfig, SandboxServer};
use theseus_store::MemoryStore;

use tokio::time::{sleep, timeout};

use crate::ground::Ground;
use crate::reader::{Reader, Task, text};
use crate::{PATIENCE, desired};

/// A cluster with a store, and Theseus's engine over them.
#[derive(Debug)]
pub struct World {
    /// What Theseus does to the cluster.
    pub engine: Engine,
    cluster: Arc<Marathon>,
    sandbox: Sandbox,
    store: DynStore,
    _server: Option<SandboxServer>,
}

/// A store of any kind.
#[derive(Clone)]
struct DynStore(Arc<dyn Store>);

impl std::fmt::Debug for DynStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.address())
    }
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
    Marathon::new(impatient(url)).expect("a client")
}

/// # Panics
///
/// When the address is none.
pub(crate) fn impatient(url: &str) -> MarathonConfig {
    MarathonConfig {
        urls: vec![url.parse().expect("an address")],
        patience: Duration::from_millis(1500),
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(50),
        ..MarathonConfig::default()
    }
}

impl World {
    /// A new cluster, and records in memory.
    pub async fn new(ground: Ground) -> Self {
        Self::with(ground, Arc::new(MemoryStore::new())).await
    }

    /// A new cluster, and this store.
    pub async fn with(ground: Ground, store: Arc<dyn Store>) -> Self {
        let built = ground.build().await;
        let clock = built.clock();
        let cluster = Arc::new(built.cluster);
        Self {
            engine: Engine::new(cluster.clone(), Arc::clone(&store), clock),
            cluster,
            sandbox: built.sandbox,
            store: DynStore(store),
            _server: built.server,
        }
    }

    /// The cluster, to make trouble.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// What happens from now on, to the groups that there are.
    ///
    /// # Panics
    ///
    /// When the cluster is out of reach.
    pub async fn events(&self) -> Events {
        let events = self.cluster.events().await.expect("it is there");
        attributed(events, Arc::clone(&self.store.0))
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

    /// Whoever looks at the cluster without Theseus.
    pub fn reader(&self) -> Reader {
        Reader::Here(self.sandbox.router())
    }

    /// The ids of all apps.
    pub async fn apps(&self) -> Vec<String> {
        let apps = self.reader().get("/v2/apps").await;
        let apps = apps["apps"].as_array().into_iter().flatten();
        apps.map(|app| text(&app["id"])).collect()
    }

    /// All tasks of all apps.
    pub async fn tasks(&self) -> Vec<Task> {
        self.reader().tasks().await
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

    /// Whether Marathon is done with everything that it was told.
    pub async fn is_quiet(&self) -> bool {
        let deployments = self.reader().get("/v2/deployments").await;
        deployments == Value::Array(Vec::new())
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
        assert!(self.is_quiet().await);
        assert_eq!(self.recorded().await, []);
        assert!(!self.has_rollouts().await);
    }
}
