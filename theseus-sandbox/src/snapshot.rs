//! What a sandbox holds, in a form that can be written to a file and read back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::{AppSpec, AppUpdate, VersionInfo};
use crate::path_id::PathId;
use crate::time::Stamp;

/// Apps with their versions, groups and running tasks; made by
/// [`Sandbox::snapshot`](crate::Sandbox::snapshot), taken back by
/// [`SandboxConfig::state`](crate::SandboxConfig::state). Running deployments are not part of it: an
/// app saved in the middle of one is scaled, or restarted to the end, when it is taken back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    pub(crate) apps: Vec<SavedApp>,
    pub(crate) groups: BTreeMap<String, Stamp>,
    pub(crate) tasks: Vec<SavedTask>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SavedApp {
    pub(crate) id: String,
    /// Definitions as the API shows them, oldest first.
    pub(crate) versions: Vec<Value>,
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
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stamped {
    version: Stamp,
    version_info: VersionInfo,
}

impl SavedApp {
    pub(crate) fn definition(spec: &AppSpec) -> Value {
        serde_json::to_value(spec).expect("a definition has only string keys and finite numbers")
    }

    /// The definitions that can be read.
    pub(crate) fn specs(&self, id: &PathId) -> impl Iterator<Item = AppSpec> {
        self.versions.iter().filter_map(|definition| {
            let update = AppUpdate::deserialize(definition).ok()?;
            let stamped = Stamped::deserialize(definition).ok()?;
            let mut spec = update.apply(AppSpec::blank(id.clone())).ok()?;
            spec.version = stamped.version;
            spec.version_info = stamped.version_info;
            Some(spec)
        })
    }
}
