//! The definition of an app, whole and normalised: in the shape in which Marathon 1.5 shows it, with
//! the fields of all versions.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::container::{
    Container, DockerNetwork, Fetch, IpAddress, Labels, Network, NetworkMode, PortDefinition,
    PortMapping, Volume,
};
use super::health::{HealthCheck, ReadinessCheck};
use super::show::Text;
use super::{Constraint, KillSelection, UnreachableStrategy, UpgradeStrategy};
use crate::behaviour;
use crate::path_id::PathId;
use crate::time::Stamp;
use crate::version::MarathonVersion;

/// Empty lists and maps that Marathon 1.5 leaves out are left out; nulls never appear. This is what
/// is kept, in a [`Snapshot`](crate::Snapshot) too; what a client sees is what
/// [`shown`](Self::shown) makes of it.
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
    /// Kept and handed back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) check: Option<Value>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) executor_resources: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) fetch: Vec<Fetch>,
    pub(crate) gpus: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) health_checks: Vec<HealthCheck>,
    pub(crate) instances: u32,
    /// Before 1.5: the network is where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ip_address: Option<IpAddress>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) residency: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource_limits: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub(super) secrets: IndexMap<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) store_urls: Vec<String>,
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
    #[serde(skip)]
    pub(super) text: Text,
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
    /// An app that says nothing but its id, with what `version` takes for granted.
    pub(crate) fn blank(id: PathId, version: MarathonVersion) -> Self {
        Self {
            id,
            accepted_resource_roles: None,
            args: Vec::new(),
            backoff_factor: 1.15,
            backoff_seconds: 1,
            check: None,
            cmd: None,
            constraints: Vec::new(),
            container: None,
            cpus: 1.0,
            dependencies: Vec::new(),
            disk: 0.0,
            env: IndexMap::new(),
            executor: String::new(),
            executor_resources: None,
            fetch: Vec::new(),
            gpus: 0,
            health_checks: Vec::new(),
            instances: 1,
            ip_address: None,
            kill_selection: KillSelection::default(),
            labels: Labels::new(),
            max_launch_delay_seconds: version.pick(behaviour::MAX_LAUNCH_DELAY),
            mem: 128.0,
            networks: vec![Network::of(NetworkMode::Host, None)],
            port_definitions: PortDefinition::by_default(version),
            readiness_checks: Vec::new(),
            require_ports: false,
            residency: None,
            resource_limits: None,
            role: version.has(behaviour::ROLE).then(|| "*".into()),
            secrets: IndexMap::new(),
            store_urls: Vec::new(),
            task_kill_grace_period_seconds: None,
            tty: None,
            text: Text::default(),
            unreachable_strategy: UnreachableStrategy::by_default(version, false),
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
    /// instances, what the server writes itself, and what `version` passes over.
    pub(crate) fn differs_in_config(&self, other: &Self, version: MarathonVersion) -> bool {
        let mut aligned = Self {
            instances: other.instances,
            executor_resources: other.executor_resources.clone(),
            version: other.version,
            version_info: other.version_info,
            ..self.clone()
        };
        if !version.has(behaviour::ARGS_RESTART) {
            aligned.args.clone_from(&other.args);
        }
        if version.has(behaviour::SETS) {
            if same_set(&aligned.constraints, &other.constraints) {
                aligned.constraints.clone_from(&other.constraints);
            }
            if same_set(&aligned.health_checks, &other.health_checks) {
                aligned.health_checks.clone_from(&other.health_checks);
            }
        }
        aligned != *other
    }

    /// Whether its containers have addresses of their own.
    pub(crate) fn has_address(&self) -> bool {
        self.ip_address.is_some()
    }

    /// Whether its data stays on the host: a task that is gone comes back there or not at all.
    pub(super) fn is_resident(&self) -> bool {
        self.volumes().any(|volume| volume.persistent.is_some())
    }

    pub(super) fn has_external_volume(&self) -> bool {
        self.volumes().any(|volume| volume.external.is_some())
    }

    fn volumes(&self) -> impl Iterator<Item = &Volume> {
        self.container.iter().flat_map(|it| &it.volumes)
    }

    /// Takes back what [`forms::recall`](super::forms::recall) set aside.
    pub(crate) fn keep_old_networks(
        &mut self,
        (network, address): (Value, Value),
    ) -> Result<(), serde_json::Error> {
        self.ip_address = serde_json::from_value(address)?;
        if let Some(docker) = self.container.as_mut().and_then(|it| it.docker.as_mut()) {
            docker.network = serde_json::from_value(network)?;
        }
        Ok(())
    }

    /// What was kept by a sandbox of whatever version, as one of `version` would have it.
    pub(crate) fn settle_networks(&mut self, version: MarathonVersion) {
        let container = self.container.as_mut();
        let mut docker = container.and_then(|it| it.docker.as_mut());
        if version.has(behaviour::NATIVE_NETWORKS) {
            self.ip_address = None;
            if let Some(docker) = docker {
                docker.network = None;
            }
            if self.mode() != NetworkMode::Host {
                self.port_definitions.clear();
            }
            return;
        }
        let name = self.networks.first().and_then(|it| it.name.clone());
        match (self.networks.first().map(|it| it.mode), &mut docker) {
            (Some(NetworkMode::Bridge), Some(docker)) => {
                docker.network = Some(DockerNetwork::Bridge);
            }
            (Some(NetworkMode::Container), docker) => {
                if let Some(docker) = docker {
                    docker.network.get_or_insert(DockerNetwork::User);
                }
                self.ip_address.get_or_insert_with(|| IpAddress {
                    network_name: name,
                    ..IpAddress::default()
                });
            }
            _ => {}
        }
    }
}

/// Whether both hold the same, in whatever order.
fn same_set<T: PartialEq>(left: &[T], right: &[T]) -> bool {
    let within = |inner: &[T], outer: &[T]| inner.iter().all(|it| outer.contains(it));
    left.len() == right.len() && within(left, right) && within(right, left)
}
