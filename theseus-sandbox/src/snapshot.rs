//! What a sandbox holds, in a form that can be written to a file and read back, or made by hand.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::{AppSpec, AppUpdate, Fault, Manner, VersionInfo, forms, validate};
use crate::path_id::PathId;
use crate::time::Stamp;
use crate::version::MarathonVersion;

/// Apps with their versions, groups and tasks; made by
/// [`Sandbox::snapshot`](crate::Sandbox::snapshot) or by hand, taken up by
/// [`SandboxConfig::state`](crate::SandboxConfig::state). Running deployments are not part of it: an
/// app saved in the middle of one is scaled, or restarted to the end, when it is taken back.
///
/// ```
/// use serde_json::json;
/// use theseus_sandbox::{HostConfig, Sandbox, SandboxConfig, Snapshot, TaskState};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), theseus_sandbox::SnapshotError> {
/// let mut state = Snapshot::default();
/// state.add_app(&json!({"id": "/web", "cmd": "serve", "instances": 1, "cpus": 0.5}))?;
/// state.add_task(
///     "/web",
///     TaskState {
///         ports: vec![31_005],
///         started_at: Some("2026-01-02T03:04:05Z".parse().unwrap()),
///         ..TaskState::new("web.5f8e", "host-1")
///     },
/// )?;
/// let sandbox = Sandbox::new(SandboxConfig {
///     hosts: HostConfig::several(2),
///     state: Some(state),
///     ..SandboxConfig::default()
/// });
/// assert_eq!(sandbox.task_ids("/web"), ["web.5f8e"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    pub(crate) apps: Vec<SavedApp>,
    pub(crate) groups: BTreeMap<String, SavedGroup>,
    pub(crate) tasks: Vec<SavedTask>,
}

/// A task as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskState {
    /// Its id.
    pub id: String,
    /// The name of its host. On a host that the sandbox does not have it is lost at once.
    pub host: String,
    /// Its host ports, one for each that its app asks for. They need not be on offer.
    pub ports: Vec<u16>,
    /// The version of its app that it was launched with; the present one when `None`.
    pub version: Option<Timestamp>,
    /// Since when it runs. When `None` it is launched as the sandbox starts.
    pub started_at: Option<Timestamp>,
    /// What its health checks, if any, have said since it runs and go on to say until somebody has
    /// it changed; when `None` they begin as the sandbox starts.
    pub healthy: Option<bool>,
}

impl TaskState {
    /// A task that is just being launched, without ports.
    pub fn new(id: impl Into<String>, host: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            host: host.into(),
            ports: Vec::new(),
            version: None,
            started_at: None,
            healthy: None,
        }
    }
}

/// Why something cannot be part of a snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It is not the JSON of an app.
    #[error("that is no definition of an app")]
    Shape(#[from] serde_json::Error),
    /// Marathon would refuse the app.
    #[error("the app is not valid: {0}")]
    Invalid(String),
    /// A version of an app that was not added before.
    #[error("there is no app {app} in that version")]
    UnknownApp {
        /// The app's id.
        app: String,
    },
    /// There is a task of that id.
    #[error("there is a task {id} already")]
    SameTask {
        /// The task's id.
        id: String,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SavedApp {
    pub(crate) id: String,
    /// Definitions as the API shows them, oldest first.
    pub(crate) versions: Vec<Value>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SavedGroup {
    pub(crate) version: Stamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) dependencies: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) enforce_role: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SavedTask {
    pub(crate) id: String,
    pub(crate) app: String,
    pub(crate) version: Stamp,
    pub(crate) host: String,
    pub(crate) ports: Vec<u16>,
    pub(crate) staged_at: Stamp,
    pub(crate) started_at: Option<Stamp>,
    #[serde(default)]
    pub(crate) healthy: Option<bool>,
}

/// What the server writes into a definition. Whoever posts one leaves it out.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Stamped {
    version: Stamp,
    version_info: Option<VersionInfo>,
}

impl Snapshot {
    /// Adds an app as `POST /v2/apps` takes it or `GET /v2/apps` shows it; what it does not say of
    /// its `version` is as old as can be. Of several definitions of one app the last is in force.
    pub fn add_app(&mut self, definition: &Value) -> Result<(), SnapshotError> {
        let id = definition["id"].as_str().unwrap_or_default();
        let id =
            PathId::absolute(id).map_err(|error| SnapshotError::Invalid(format!("/id {error}")))?;
        let spec = spec(id, definition)?;
        let faults = validate(&spec, MarathonVersion::default());
        if !faults.is_empty() {
            return Err(refused(&faults));
        }
        let id = spec.id.to_string();
        let groups = std::iter::successors(spec.id.parent(), PathId::parent);
        let saved = SavedGroup {
            version: spec.version,
            ..SavedGroup::default()
        };
        self.groups
            .extend(groups.map(|group| (group.to_string(), saved.clone())));
        let version = SavedApp::definition(&spec);
        match self.apps.iter_mut().find(|app| app.id == id) {
            Some(app) => app.versions.push(version),
            None => self.apps.push(SavedApp {
                id,
                versions: vec![version],
            }),
        }
        Ok(())
    }

    /// Adds a task of an app that was added before.
    pub fn add_task(&mut self, app: &str, task: TaskState) -> Result<(), SnapshotError> {
        if self.tasks.iter().any(|other| other.id == task.id) {
            return Err(SnapshotError::SameTask { id: task.id });
        }
        let unknown = || SnapshotError::UnknownApp {
            app: app.to_owned(),
        };
        let id = PathId::absolute(app).map_err(|_| unknown())?;
        let saved = self.apps.iter().find(|saved| saved.id == id.as_str());
        let versions: BTreeSet<Stamp> = saved
            .into_iter()
            .flat_map(|saved| saved.specs(&id))
            .map(|spec| spec.version)
            .collect();
        let version = match task.version.map(Stamp::from_timestamp) {
            Some(version) => versions.get(&version),
            None => versions.last(),
        };
        let version = *version.ok_or_else(unknown)?;
        let started_at = task.started_at.map(Stamp::from_timestamp);
        self.tasks.push(SavedTask {
            id: task.id,
            app: id.to_string(),
            version,
            host: task.host,
            ports: task.ports,
            staged_at: started_at.unwrap_or(version),
            started_at,
            healthy: task.healthy,
        });
        Ok(())
    }
}

impl SavedApp {
    pub(crate) fn definition(spec: &AppSpec) -> Value {
        spec.whole()
    }

    /// The definitions that can be read.
    pub(crate) fn specs(&self, id: &PathId) -> impl Iterator<Item = AppSpec> {
        self.versions
            .iter()
            .filter_map(|definition| spec(id.clone(), definition).ok())
    }
}

/// A definition in the form of any version. What it does not say is as the default version has it.
fn spec(id: PathId, definition: &Value) -> Result<AppSpec, SnapshotError> {
    let mut definition = definition.clone();
    let stamped = Stamped::deserialize(&definition)?;
    let old_networks = forms::recall(&mut definition);
    let update = AppUpdate::deserialize(definition)?;
    let version = MarathonVersion::default();
    let mut spec = update
        .apply(AppSpec::blank(id, version), Manner::whole(version))
        .map_err(|it| refused(&it))?;
    spec.keep_old_networks(old_networks)?;
    spec.version = stamped.version;
    spec.version_info = stamped.version_info.unwrap_or(VersionInfo {
        last_scaling_at: stamped.version,
        last_config_change_at: stamped.version,
    });
    Ok(spec)
}

fn refused(faults: &[Fault]) -> SnapshotError {
    let text = |fault: &Fault| format!("{} {}", fault.path, fault.errors.join(", "));
    SnapshotError::Invalid(faults.iter().map(text).collect::<Vec<_>>().join("; "))
}
