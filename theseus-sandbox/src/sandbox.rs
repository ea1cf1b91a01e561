//! The handle to a sandbox.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;

use crate::config::SandboxConfig;
use crate::engine::Engine;
use crate::faults::HttpFault;
use crate::http;
use crate::path_id::PathId;
use crate::requests::RequestRecord;
use crate::script::Script;
use crate::snapshot::Snapshot;

/// A handle to a running sandbox; clones are handles to the same one, which ends with the last
/// of them (and of its routers).
#[derive(Clone, Debug)]
pub struct Sandbox {
    engine: Arc<Engine>,
}

impl Sandbox {
    /// Starts a cluster on the current tokio runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(config: SandboxConfig) -> Self {
        Self {
            engine: Engine::start(config),
        }
    }

    /// The whole API, Marathon's and the admin endpoints: to be served, or to be called in memory.
    pub fn router(&self) -> Router {
        http::router(Arc::clone(&self.engine))
    }

    /// The API of the Mesos agent of a host; none if there is no host of that name. While the host
    /// is lost every request breaks off.
    pub fn agent_router(&self, host: &str) -> Option<Router> {
        let index = self.engine.read(|cluster, _| cluster.host_index(host))?;
        Some(self.agent(index))
    }

    pub(crate) fn agent(&self, index: usize) -> Router {
        http::agent_router(Arc::clone(&self.engine), index)
    }

    /// Tells the master where the agent of a host listens.
    pub(crate) fn agent_listens(&self, index: usize, address: SocketAddr) {
        self.engine
            .act(|cluster, _| cluster.agent_listens(index, address.to_string()));
    }

    pub(crate) fn host_count(&self) -> usize {
        self.engine.read(|cluster, _| cluster.host_count())
    }

    /// Serves [`router`](Self::router) on `listener` until the future is dropped.
    pub async fn serve(&self, listener: TcpListener) -> std::io::Result<()> {
        let service = self
            .router()
            .into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service).await
    }

    /// Cuts a host off from the cluster; `false` if there is none of that name. What becomes of
    /// its tasks is up to the `unreachableStrategy` of their apps.
    pub fn lose_host(&self, name: &str) -> bool {
        self.engine.act(|cluster, now| cluster.lose_host(name, now))
    }

    /// Brings a lost host back; `false` if there is none of that name.
    pub fn return_host(&self, name: &str) -> bool {
        self.engine
            .act(|cluster, now| cluster.return_host(name, now))
    }

    /// Lets a host keep the tasks it has and get no more; `false` if there is none of that name.
    pub fn drain_host(&self, name: &str) -> bool {
        self.engine
            .act(|cluster, now| cluster.drain_host(name, true, now))
    }

    /// Lets a drained host get tasks again; `false` if there is none of that name.
    pub fn undrain_host(&self, name: &str) -> bool {
        self.engine
            .act(|cluster, now| cluster.drain_host(name, false, now))
    }

    /// Lets a task fail with a message; `false` if no task has that id.
    pub fn fail_task(&self, id: &str, message: &str) -> bool {
        self.engine
            .act(|cluster, now| cluster.fail_task(id, message, now))
    }

    /// Lets the health checks of a task fail, or succeed, from now on; `false` if no running task
    /// with health checks has that id.
    pub fn set_task_healthy(&self, id: &str, healthy: bool) -> bool {
        self.engine
            .act(|cluster, now| cluster.set_health(id, healthy, now))
    }

    /// Lets the readiness checks of a task find it ready, or not, from now on; `false` if no running
    /// task with readiness checks has that id.
    pub fn set_task_ready(&self, id: &str, ready: bool) -> bool {
        self.engine
            .act(|cluster, now| cluster.set_ready(id, ready, now))
    }

    /// Ids of the tasks of an app, in the order of their launch; none for an unknown app.
    pub fn task_ids(&self, app: &str) -> Vec<String> {
        let Ok(app) = PathId::absolute(app) else {
            return Vec::new();
        };
        let ids = self.engine.read(|cluster, _| cluster.tasks_of(&app, None));
        ids.iter().map(ToString::to_string).collect()
    }

    /// Adds a script after those there are; it counts for tasks launched from now on.
    pub fn add_script(&self, script: Script) {
        self.engine.act(|cluster, _| cluster.scripts.push(script));
    }

    /// Forgets all scripts; tasks already launched keep theirs.
    pub fn clear_scripts(&self) {
        self.engine.act(|cluster, _| cluster.scripts.clear());
    }

    /// Adds a fault after those there are.
    pub fn add_fault(&self, fault: HttpFault) {
        self.engine.faults.add(fault);
    }

    /// Requests are answered as they should be again.
    pub fn clear_faults(&self) {
        self.engine.faults.clear();
    }

    /// Breaks off every open event stream.
    pub fn cut_event_streams(&self) {
        self.engine.hub.cut();
    }

    /// Lets event streams stay open and say nothing, not even the heartbeat, or speak again.
    /// Events of the silent time are lost.
    pub fn silence_events(&self, silenced: bool) {
        self.engine.hub.silence(silenced);
    }

    /// The last requests, oldest first; how many are remembered is up to the configuration.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.engine.requests.all()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.engine.requests.clear();
    }

    /// What the cluster holds, to be taken up later by
    /// [`SandboxConfig::state`](crate::SandboxConfig::state).
    pub fn snapshot(&self) -> Snapshot {
        self.engine.read(|cluster, _| cluster.snapshot())
    }
}
