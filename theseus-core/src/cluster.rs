//! The thing that runs containers: the [`Cluster`] trait and the plain data that crosses it.
//!
//! Nothing here belongs to one engine. An *app* is whatever the engine runs for one revision of a
//! group; how it is called there is the engine's business, and core passes [`AppId`]s back as it
//! got them. Core acts on what it observes, never on what an answer promised: [`Accepted`] only
//! says that the engine took the change.

mod error;
mod foreign;
mod inventory;
mod logs;
mod operation;
mod usage;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{GroupId, Spec};

pub use error::{ClusterError, Refusal};
pub use foreign::{Foreign, Found, Unsaid};
pub use inventory::{Amounts, Delay, Host, HostState, Inventory, Rejection};
pub use logs::{
    Ended, EndedContainer, LogPiece, LogPlace, LogRequest, LogStart, Logs, Output, Outputs, Tenant,
};
pub use operation::{Operation, OperationStep};
pub use usage::{Rate, Reading, Silent, Usage, rate};

/// Which revision of a group: counted from 1.
pub type Revision = u32;

/// The engine's name of an app, opaque to core.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppId(pub String);

/// The engine's name of a container, opaque to core.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContainerId(pub String);

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What runs the containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EngineInfo {
    /// Its name, such as `marathon`.
    pub name: String,
    /// Its version, as it tells it; empty where it was not asked yet.
    pub version: String,
    /// Where it is reached, without credentials.
    pub address: String,
    /// What people should know of it before they rely on it, each in a sentence.
    pub notices: Vec<String>,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything that runs, whoever made it.
    Everything,
    /// All groups.
    All,
    /// These groups.
    Groups(Vec<GroupId>),
}

/// What the cluster runs, seen at one time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// The apps in scope that are Theseus's own.
    pub apps: Vec<App>,
    /// The groups in scope of which an app is gone from `apps` while its containers still die.
    pub stopping: Vec<GroupId>,
    /// What the engine is carrying out, as far as it tells. An operation that is not among them, or
    /// that changes anything but Theseus's own apps, is never broken off but when a person asks for
    /// it.
    pub operations: Vec<Operation>,
    /// The apps that are not Theseus's own, where those are in scope.
    pub foreign: Vec<Foreign>,
}

/// What the engine runs for one revision of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct App {
    /// The engine's name of it.
    pub id: AppId,
    /// The group that it belongs to.
    pub group: GroupId,
    /// The revision of the group that it runs.
    pub revision: Revision,
    /// Which part of the revision it runs.
    pub part: Part,
    /// The only host that its containers may run on, where there is one.
    pub pinned_to: Option<Arc<str>>,
    /// How many containers the engine is to keep running.
    pub instances: u32,
    /// Whether its containers have health checks, and so are ready only when those pass.
    pub checked: bool,
    /// The engine's operations that hold the app at the moment. While there is one, the engine
    /// refuses changes.
    pub operations: Vec<OperationId>,
    /// Its containers.
    pub containers: Vec<Container>,
    /// The last container that failed, as long as the engine remembers it.
    pub last_failure: Option<Failure>,
    /// Why it could not be read, where that is so: then nothing is known of it but that it is there.
    pub unread: Option<String>,
}

impl App {
    /// Whether all of its containers are there and do their work.
    pub fn is_complete(&self) -> bool {
        let served = self
            .containers
            .iter()
            .filter(|container| self.is_served_by(container));
        served.count() >= self.instances as usize
    }

    /// Whether one of its containers does its work: it runs, and passes its checks where it has
    /// any. Where it has none, running is all that can be asked.
    pub fn is_served_by(&self, container: &Container) -> bool {
        container.state == ContainerState::Running
            && match container.health {
                HealthState::Healthy => true,
                HealthState::Unknown => !self.checked,
                HealthState::Unhealthy => false,
            }
    }
}

/// Which part of a group's revision an app runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Part {
    /// All of its containers, in an app of this revision's own.
    #[default]
    Whole,
    /// The one container in this slot, counted from 0.
    Slot(u32),
    /// All of its containers, in the one app that the engine itself brings from revision to
    /// revision.
    Stable,
}

/// The engine's name of a change that it is carrying out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationId(pub String);

/// One running copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// The engine's name of it.
    pub id: ContainerId,
    /// The host that it runs on; `None` before it is placed.
    pub host: Option<Arc<str>>,
    /// The host's ports, in the order of the spec's.
    pub ports: Vec<u16>,
    /// How far it is.
    pub state: ContainerState,
    /// What its health checks say.
    pub health: HealthState,
    /// When it was first asked for.
    pub staged_at: Option<Timestamp>,
    /// When it began to run. One that runs and does not say since when can never have been well
    /// for a `min-healthy-time`.
    pub started_at: Option<Timestamp>,
    /// Since when it has passed its checks; `None` when it does not, or has none.
    pub healthy_since: Option<Timestamp>,
    /// Whether it was started before its app came to the revision that it has now.
    pub outdated: bool,
}

/// How far a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerState {
    /// Asked for; perhaps its image is being pulled.
    Staging,
    /// About to run.
    Starting,
    /// Running.
    Running,
    /// Told to stop, and still there.
    Stopping,
    /// Its host has not been heard of for a while.
    Unreachable,
    /// Over: finished, failed, killed or lost.
    Ended,
}

impl ContainerState {
    /// Whether a container in this state may come to that one: it only moves on in its life, but for
    /// one that could not be reached and is back.
    pub fn moves_on_to(self, next: Self) -> bool {
        next > self || (self == Self::Unreachable && next != self)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Unreachable => "unreachable",
            Self::Ended => "ended",
        }
    }
}

/// What health checks say of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealthState {
    /// All of them pass.
    Healthy,
    /// At least one does not.
    Unhealthy,
    /// There is none, or none has a result yet.
    Unknown,
}

impl HealthState {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}

/// A container that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerId>,
    /// What the engine says of it.
    pub message: String,
    /// Where.
    pub host: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
}

/// One thing that the cluster is told to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Run a new app. The engine accepts it again when the very same app is there already, so that
    /// a change whose answer was lost can be repeated.
    Create(Box<NewApp>),
    /// Keep so many containers of an app running, leaving those that run alone.
    Scale {
        /// Which app.
        app: AppId,
        /// How many.
        instances: u32,
    },
    /// Stop these containers, and let the app be smaller by as many.
    Shrink {
        /// Which app.
        app: AppId,
        /// Which of its containers.
        containers: Vec<ContainerId>,
    },
    /// Stop an app with all its containers. Not an error when it is gone already.
    Delete {
        /// Which app.
        app: AppId,
    },
    /// Bring a [`Part::Stable`] app to another revision, in the engine's own way and within the
    /// bounds of the spec. Accepted again when it has been brought there already.
    Update(Box<NewApp>),
    /// Pin an app that may run anywhere to one host. Its container stops, counts as outdated until
    /// it is gone, and then another one starts there.
    Pin {
        /// Which app.
        app: AppId,
        /// The host's name.
        host: Arc<str>,
    },
    /// Give up what the engine does to a [`Part::Stable`] app, and let it bring the app back to
    /// what it was before. Not an error when the operations are over already.
    Revert {
        /// Which app.
        app: AppId,
        /// What is to be given up.
        operations: Vec<OperationId>,
    },
    /// Give up what holds an app, and leave its containers as they are. Only where what is given up
    /// is not wanted any more: the app, or a part of it. Not an error when the operations are over
    /// already.
    Release {
        /// Which app.
        app: AppId,
        /// What holds it.
        operations: Vec<OperationId>,
    },
}

impl Change {
    /// The app that it changes; `None` when it makes one that has no name yet.
    pub fn app(&self) -> Option<&AppId> {
        match self {
            Self::Create(_) | Self::Update(_) => None,
            Self::Scale { app, .. }
            | Self::Shrink { app, .. }
            | Self::Delete { app }
            | Self::Pin { app, .. }
            | Self::Revert { app, .. }
            | Self::Release { app, .. } => Some(app),
        }
    }
}

/// An app to run.
#[derive(Debug, Clone, PartialEq)]
pub struct NewApp {
    /// The group that it belongs to.
    pub group: GroupId,
    /// The revision of the group that it runs.
    pub revision: Revision,
    /// Which part of the revision it runs.
    pub part: Part,
    /// The only host that its containers may run on, where there is to be one.
    pub pinned_to: Option<Arc<str>>,
    /// What each container is, with everything in its environment that Theseus adds.
    pub spec: Arc<Spec>,
    /// How many containers, which during a rollout are fewer than the spec's.
    pub instances: u32,
}

/// The engine took a change and will carry it out, or perhaps not: look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    /// The operation that the change became, where the engine tells.
    pub operation: Option<OperationId>,
}

/// Something that happened in the cluster: a hint to look, never a fact to build on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, as the engine tells it.
    pub at: Option<Timestamp>,
    /// The group that it concerns, when it is one of Theseus's.
    pub group: Option<GroupId>,
    /// The app that it concerns, when Theseus did not name it. Whether a group has adopted it is for
    /// the store to say: see [`attributed`](crate::attribution::attributed).
    pub foreign: Option<AppId>,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The stream is attached, at first or again, or something in it was missed: whatever happened
    /// before is unknown.
    Attached,
    /// The stream is cut and being attached again: until then nothing is told.
    Detached,
    /// A container came to another state.
    Container {
        /// Which.
        id: ContainerId,
        /// The state that it is in now.
        state: ContainerState,
        /// The app that is without it now, if it ended without being told to.
        failed: Option<AppId>,
    },
    /// A container's health changed.
    Health {
        /// Which.
        id: ContainerId,
        /// What its checks say now.
        health: HealthState,
    },
    /// An operation came to its end.
    Operation {
        /// Which.
        id: OperationId,
        /// Whether the engine calls it a success.
        succeeded: bool,
    },
    /// Anything else that changed an app.
    App,
}

/// A stream of events. It heals itself: a cut shows as [`EventKind::Detached`], and the end comes
/// only with an error that does not pass.
pub type Events = BoxStream<'static, Result<Event, ClusterError>>;

/// Runs containers.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// What it is.
    async fn engine(&self) -> Result<EngineInfo, ClusterError>;

    /// What the engine cannot express of what these groups are to be, each with the field that asks
    /// for it; nothing of those that it can run. It is asked before anything is changed. By default
    /// the engine has no such limits.
    async fn unsupported(
        &self,
        wanted: &BTreeMap<GroupId, Arc<Spec>>,
    ) -> Result<BTreeMap<GroupId, Vec<Refusal>>, ClusterError> {
        let _ = wanted;
        Ok(BTreeMap::new())
    }

    /// What runs, in as few requests as the engine allows, whatever the number of groups.
    async fn observe(&self, scope: &Scope) -> Result<Snapshot, ClusterError>;

    /// What runs of these apps, which Theseus did not name. Those that are gone are left out. By
    /// default there are none.
    async fn foreign(&self, apps: &[AppId]) -> Result<Vec<Foreign>, ClusterError> {
        let _ = apps;
        Ok(Vec::new())
    }

    /// What apps are that Theseus did not make: these, or all that there are. By default there are
    /// none.
    async fn survey(&self, apps: Option<&[AppId]>) -> Result<Vec<Found>, ClusterError> {
        let _ = apps;
        Ok(Vec::new())
    }

    /// Tells the engine to make these changes, in as few requests as it allows, and gives one
    /// answer for each, in their order. Changes of different apps do not depend on each other;
    /// no two are of the same app.
    async fn apply(&self, changes: &[Change]) -> Vec<Result<Accepted, ClusterError>>;

    /// What happens from now on, to whosever apps.
    async fn events(&self) -> Result<Events, ClusterError>;

    /// Why the events of the last [`Cluster::events`] only say now and then that it is time to look,
    /// where that is so. By default they are more than that.
    fn unheard(&self) -> Option<String> {
        None
    }

    /// Takes back what was left with the engine so that it tells what happens, if nobody listens any
    /// more. Whoever ends what has listened waits for it. By default nothing was left there.
    async fn unsubscribe(&self) {}

    /// The machines, as far as the engine knows them. By default it knows none.
    async fn hosts(&self) -> Result<Inventory, ClusterError> {
        Ok(Inventory::default())
    }

    /// Why containers that are wanted do not start. By default the engine does not tell.
    async fn delays(&self, scope: &Scope) -> Result<Vec<Delay>, ClusterError> {
        let _ = scope;
        Ok(Vec::new())
    }

    /// What a container writes, or has written. By default the engine does not tell.
    async fn logs(&self, container: &ContainerId, want: &LogRequest) -> Result<Logs, ClusterError> {
        let _ = (container, want);
        Err(ClusterError::Untold { what: "logs" })
    }

    /// The containers that are over and whose logs are still kept. By default there are none.
    async fn ended(&self) -> Result<Ended, ClusterError> {
        Ok(Ended::default())
    }

    /// Who else runs things on a host, besides this engine. By default nobody is known.
    async fn tenants(&self, host: &str) -> Result<Vec<Tenant>, ClusterError> {
        let _ = host;
        Ok(Vec::new())
    }

    /// What containers use, on these hosts or on all: whoever asks knows already what runs where. By
    /// default the engine does not tell.
    async fn usage(&self, hosts: Option<&BTreeSet<Arc<str>>>) -> Result<Usage, ClusterError> {
        let _ = hosts;
        Ok(Usage::default())
    }
}
