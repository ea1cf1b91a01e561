//! The definition of an app, whole and normalised, in the shape in which Marathon 1.5 shows it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::container::{
    Container, Fetch, Labels, Network, NetworkMode, PortDefinition, PortMapping,
};
use super::health::{HealthCheck, ReadinessCheck};
use super::{Constraint, KillSelection, UnreachableStrategy, UpgradeStrategy};
use crate::path_id::PathId;
use crate::time::Stamp;

/// Empty lists and maps that Marathon 1.5 leaves out are left out; nulls never appear.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppSpec {
    pub(crate) id: PathId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) accepted_resource_roles: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) args: Vec<String>,
    pub(crate) backoff_factor: f64,
    pub(crate) backoff_seconds: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cmd: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) constraints: Vec<Constraint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) container: Option<Container>,
    pub(crate) cpus: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) dependencies: Vec<PathId>,
    pub(crate) disk: f64,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub(super) env: IndexMap<String, EnvValue>,
    pub(super) executor: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) fetch: Vec<Fetch>,
    pub(crate) gpus: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) health_checks: Vec<HealthCheck>,
    pub(crate) instances: u32,
    pub(crate) kill_selection: KillSelection,
    pub(crate) labels: Labels,
    pub(crate) max_launch_delay_seconds: u32,
    pub(crate) mem: f64,
    pub(crate) networks: Vec<Network>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) port_definitions: Vec<PortDefinition>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) readiness_checks: Vec<ReadinessCheck>,
    pub(crate) require_ports: bool,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub(super) secrets: IndexMap<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) task_kill_grace_period_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tty: Option<bool>,
    pub(crate) unreachable_strategy: UnreachableStrategy,
    pub(crate) upgrade_strategy: UpgradeStrategy,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
    pub(crate) version: Stamp,
    pub(crate) version_info: VersionInfo,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum EnvValue {
    Text(String),
    Secret { secret: String },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VersionInfo {
    pub(crate) last_scaling_at: Stamp,
    pub(crate) last_config_change_at: Stamp,
}

impl AppSpec {
    /// An app that says nothing but its id.
    pub(crate) fn blank(id: PathId) -> Self {
        Self {
            id,
            accepted_resource_roles: None,
            args: Vec::new(),
            backoff_factor: 1.15,
            backoff_seconds: 1,
            cmd: None,
            constraints: Vec::new(),
            container: None,
            cpus: 1.0,
            dependencies: Vec::new(),
            disk: 0.0,
            env: IndexMap::new(),
            executor: String::new(),
            fetch: Vec::new(),
            gpus: 0,
            health_checks: Vec::new(),
            instances: 1,
            kill_selection: KillSelection::default(),
            labels: Labels::new(),
            max_launch_delay_seconds: 3600,
            mem: 128.0,
            networks: vec![Network::of(NetworkMode::Host, None)],
            port_definitions: vec![PortDefinition::unnamed_default()],
            readiness_checks: Vec::new(),
            require_ports: false,
            secrets: IndexMap::new(),
            task_kill_grace_period_seconds: None,
            tty: None,
            unreachable_strategy: UnreachableStrategy::default(),
            upgrade_strategy: UpgradeStrategy::default(),
            user: None,
            version: Stamp::default(),
            version_info: VersionInfo::default(),
        }
    }

    /// The image, for apps that run one.
    pub(crate) fn image(&self) -> Option<&str> {
        Some(&self.container.as_ref()?.docker.as_ref()?.image)
    }

    /// There is one at most.
    pub(crate) fn readiness_check(&self) -> Option<&ReadinessCheck> {
        self.readiness_checks.first()
    }

    pub(super) fn mode(&self) -> NetworkMode {
        self.networks
            .first()
            .map_or(NetworkMode::Host, |network| network.mode)
    }

    pub(super) fn port_mappings(&self) -> &[PortMapping] {
        let mappings = self
            .container
            .as_ref()
            .and_then(|it| it.port_mappings.as_deref());
        mappings.unwrap_or_default()
    }

    /// Host ports a task needs: a number, or `None` for any. One entry per port of the task.
    pub(crate) fn host_ports(&self) -> Vec<Option<u16>> {
        let fixed = |port: u16| (port != 0).then_some(port);
        if self.mode() == NetworkMode::Host {
            let defined = self.port_definitions.iter();
            return defined
                .map(|it| fixed(it.port).filter(|_| self.require_ports))
                .collect();
        }
        self.port_mappings()
            .iter()
            .filter_map(|it| it.host_port)
            .map(fixed)
            .collect()
    }

    pub(crate) fn service_ports(&self) -> Vec<u16> {
        if self.mode() == NetworkMode::Host {
            return self.port_definitions.iter().map(|it| it.port).collect();
        }
        self.port_mappings()
            .iter()
            .map(|it| it.service_port)
            .collect()
    }

    pub(crate) fn service_ports_mut(&mut self) -> Vec<&mut u16> {
        if self.mode() == NetworkMode::Host {
            return self
                .port_definitions
                .iter_mut()
                .map(|it| &mut it.port)
                .collect();
        }
        let mappings = self
            .container
            .as_mut()
            .and_then(|it| it.port_mappings.as_mut());
        mappings
            .into_iter()
            .flatten()
            .map(|it| &mut it.service_port)
            .collect()
    }

    /// Whether going from `self` to `other` restarts the tasks: anything but the number of
    /// instances and what the server writes itself.
    pub(crate) fn differs_in_config(&self, other: &Self) -> bool {
        let aligned = Self {
            instances: other.instances,
            version: other.version,
            version_info: other.version_info,
            ..self.clone()
        };
        aligned != *other
    }
}
