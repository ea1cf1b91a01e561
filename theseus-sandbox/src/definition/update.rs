//! What a client may send for an app: any part of a definition, in the forms that [`forms`](super::forms)
//! leaves of what was sent.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::container::{
    Container, Docker, DockerNetwork, Fetch, IpAddress, Labels, Network, NetworkMode,
    PortDefinition, PortMapping,
};
use super::health::{HealthCheck, ReadinessCheck};
use super::spec::EnvValue;
use super::validate::Fault;
use super::{AppSpec, Constraint, KillSelection, UnreachableStrategy, UpgradeStrategy};
use crate::behaviour;
use crate::path_id::PathId;
use crate::time::Stamp;
use crate::version::MarathonVersion;

/// An absent (or null) field keeps what was; a given one replaces it whole.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AppUpdate {
    pub(crate) id: Option<String>,
    accepted_resource_roles: Option<Vec<String>>,
    args: Option<Vec<String>>,
    backoff_factor: Option<f64>,
    backoff_seconds: Option<u32>,
    check: Option<Value>,
    cmd: Option<String>,
    constraints: Option<Vec<Constraint>>,
    container: Option<Container>,
    cpus: Option<f64>,
    dependencies: Option<Vec<String>>,
    disk: Option<f64>,
    env: Option<IndexMap<String, EnvValue>>,
    executor: Option<String>,
    executor_resources: Option<Value>,
    fetch: Option<Vec<Fetch>>,
    gpus: Option<u32>,
    health_checks: Option<Vec<HealthCheck>>,
    pub(crate) instances: Option<u32>,
    ip_address: Option<IpAddress>,
    kill_selection: Option<KillSelection>,
    labels: Option<Labels>,
    max_launch_delay_seconds: Option<u32>,
    mem: Option<f64>,
    networks: Option<Vec<Network>>,
    port_definitions: Option<Vec<PortDefinition>>,
    ports: Option<Vec<u16>>,
    readiness_checks: Option<Vec<ReadinessCheck>>,
    require_ports: Option<bool>,
    residency: Option<Value>,
    resource_limits: Option<Value>,
    role: Option<String>,
    secrets: Option<IndexMap<String, Value>>,
    store_urls: Option<Vec<String>>,
    task_kill_grace_period_seconds: Option<u32>,
    tty: Option<bool>,
    unreachable_strategy: Option<UnreachableStrategy>,
    upgrade_strategy: Option<UpgradeStrategy>,
    uris: Option<Vec<String>>,
    user: Option<String>,
    pub(crate) version: Option<Stamp>,
}

macro_rules! replace {
    ($from:ident => $onto:ident: $($field:ident),+ $(,)?) => {
        $(if let Some(value) = $from.$field { $onto.$field = value; })+
    };
}

macro_rules! replace_optional {
    ($from:ident => $onto:ident: $($field:ident),+ $(,)?) => {
        $(if $from.$field.is_some() { $onto.$field = $from.$field; })+
    };
}

impl AppUpdate {
    /// Whether anything besides the id and the version is given.
    pub(crate) fn is_only_a_version(body: &serde_json::Map<String, Value>) -> bool {
        body.iter()
            .all(|(key, value)| matches!(&**key, "id" | "version") || value.is_null())
    }

    /// `onto` with everything that is given here.
    pub(crate) fn apply(
        mut self,
        mut onto: AppSpec,
        manner: Manner,
    ) -> Result<AppSpec, Vec<Fault>> {
        let Manner { version, .. } = manner;
        let native = version.has(behaviour::NATIVE_NETWORKS);
        self.translate_uris(manner).map_err(|fault| vec![fault])?;
        let networks = if native {
            self.check_ports(manner).map_err(|fault| vec![fault])?;
            self.translate_networks()
        } else {
            self.translate_mappings().map(|()| None)
        };
        let networks = networks.map_err(|fault| vec![fault])?;
        self.translate_ports(manner).map_err(|fault| vec![fault])?;
        let group = onto.id.parent().unwrap_or_else(PathId::root);
        if let Some(dependencies) = self.dependencies.take() {
            onto.dependencies = resolve_all(&group, &dependencies)?;
        }
        if self.ip_address.is_some() && self.port_definitions.is_none() {
            onto.port_definitions.clear();
        }
        // A command given replaces arguments kept, and the other way round.
        if self.cmd.is_some() && self.args.is_none() {
            onto.args.clear();
        } else if self.args.as_ref().is_some_and(|args| !args.is_empty()) && self.cmd.is_none() {
            onto.cmd = None;
        }
        let ports_given = self.port_definitions.is_some();
        let (strategy, unreachable) = (self.upgrade_strategy, self.unreachable_strategy);
        replace!(self => onto: args, backoff_factor, backoff_seconds, constraints, cpus, disk, env,
            executor, fetch, gpus, health_checks, instances, kill_selection, labels,
            max_launch_delay_seconds, mem, port_definitions, readiness_checks, require_ports,
            secrets, store_urls, unreachable_strategy, upgrade_strategy);
        replace_optional!(self => onto: accepted_resource_roles, check, cmd, container, ip_address,
            residency, role, task_kill_grace_period_seconds, tty, user);
        onto.replace_resources(self.executor_resources, self.resource_limits, manner);
        if let Some(networks) = networks {
            onto.networks = networks;
            if !ports_given {
                onto.settle_definitions(version);
            }
        }
        if native {
            onto.settle_ports();
        } else {
            onto.derive_networks();
        }
        if manner.fresh {
            onto.settle_resident(strategy.is_none(), unreachable.is_none(), version);
        }
        onto.drop_wrong_roles(version);
        onto.settle();
        Ok(onto)
    }

    fn translate_uris(&mut self, manner: Manner) -> Result<(), Fault> {
        let Some(uris) = self.uris.take() else {
            return Ok(());
        };
        let clash = match &self.fetch {
            Some(_) if manner.refuses_uris_beside_fetch() => true,
            Some(fetch) => !fetch.is_empty() && !uris.is_empty(),
            None => false,
        };
        if clash {
            return Err(Fault::at("/uris", "may not be combined with fetch"));
        }
        if !uris.is_empty() || self.fetch.is_none() {
            self.fetch = Some(uris.into_iter().map(Fetch::plain).collect());
        }
        Ok(())
    }

    /// The networks that are given, be it in the form of before 1.5.
    fn translate_networks(&mut self) -> Result<Option<Vec<Network>>, Fault> {
        let (address, networks) = (self.ip_address.take(), self.networks.take());
        if address.is_some() && networks.is_some() {
            return Err(Fault::at("/ipAddress", "may not be combined with networks"));
        }
        let old = self.docker().and_then(|docker| docker.network.take());
        if old.is_some() && networks.is_some() {
            return Err(Fault::at(
                "/container/docker/network",
                "may not be combined with networks",
            ));
        }
        self.translate_mappings()?;
        if old.is_none() && address.is_none() {
            return Ok(networks);
        }
        Ok(Some(vec![Network::of_old(old, address.as_ref())]))
    }

    fn docker(&mut self) -> Option<&mut Docker> {
        self.container.as_mut().and_then(|it| it.docker.as_mut())
    }

    fn translate_mappings(&mut self) -> Result<(), Fault> {
        let mappings = self.docker().and_then(|docker| docker.port_mappings.take());
        let Some((container, mappings)) = self.container.as_mut().zip(mappings) else {
            return Ok(());
        };
        if container.port_mappings.is_some() {
            let path = "/container/docker/portMappings";
            return Err(Fault::at(
                path,
                "may not be combined with container.portMappings",
            ));
        }
        container.port_mappings = Some(mappings);
        Ok(())
    }

    fn translate_ports(&mut self, manner: Manner) -> Result<(), Fault> {
        let Some(ports) = self.ports.take() else {
            return Ok(());
        };
        let Some(definitions) = &self.port_definitions else {
            self.port_definitions = Some(ports.into_iter().map(PortDefinition::on).collect());
            return Ok(());
        };
        let same = definitions.iter().map(|it| it.port).eq(ports);
        if !same && manner.checks_ports() {
            let error = "ports and portDefinitions are both given and differ";
            return Err(Fault::at("/ports", error));
        }
        Ok(())
    }

    /// Ports beside a network of the other kind, where what is said together must fit together.
    fn check_ports(&self, manner: Manner) -> Result<(), Fault> {
        let Some(networks) = self.networks.as_ref() else {
            return Ok(());
        };
        if !(manner.put && manner.checks_ports()) {
            return Ok(());
        }
        let mappings = self
            .container
            .as_ref()
            .and_then(|it| it.port_mappings.as_ref());
        let on_host = |network: &Network| network.mode == NetworkMode::Host;
        if networks.iter().any(on_host) && mappings.is_some_and(|it| !it.is_empty()) {
            let error = "portMappings are not allowed with host-networking";
            return Err(Fault::at("/", error));
        }
        let definitions = self.port_definitions.as_ref();
        if !networks.iter().all(on_host) && definitions.is_some_and(|it| !it.is_empty()) {
            let error = "portDefinitions are only allowed with host-networking";
            return Err(Fault::at("/", error));
        }
        Ok(())
    }
}

/// How an update is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    version: MarathonVersion,
    /// It came by PUT or PATCH.
    put: bool,
    /// There was nothing before, or it does not count.
    fresh: bool,
    /// It takes the place of what was.
    replaces: bool,
}

impl Manner {
    /// A whole definition of a new app.
    pub(crate) fn whole(version: MarathonVersion) -> Self {
        Self {
            version,
            put: false,
            fresh: true,
            replaces: false,
        }
    }

    /// A part of a definition, put onto what is there, or onto nothing.
    pub(crate) fn partial(version: MarathonVersion, fresh: bool) -> Self {
        Self {
            version,
            put: true,
            fresh,
            replaces: false,
        }
    }

    /// A whole definition in the place of another.
    pub(crate) fn replacing(version: MarathonVersion) -> Self {
        Self {
            version,
            put: true,
            fresh: true,
            replaces: true,
        }
    }

    /// Whether ports that contradict each other are refused, rather than one of them passed over.
    fn checks_ports(self) -> bool {
        let native = self.version.has(behaviour::NATIVE_NETWORKS);
        !native || !self.put || self.version.has(behaviour::PUT_CHECKS_PORTS)
    }

    /// Before 1.5 a PUT may not even say that there are none of the one kind.
    fn refuses_uris_beside_fetch(self) -> bool {
        self.put && !self.version.has(behaviour::NATIVE_NETWORKS)
    }
}

fn resolve_all(group: &PathId, raw: &[String]) -> Result<Vec<PathId>, Vec<Fault>> {
    let resolved = raw.iter().enumerate().map(|(index, id)| {
        group
            .resolve(id)
            .map_err(|error| vec![Fault::at(format!("/dependencies({index})"), error)])
    });
    resolved.collect()
}

impl AppSpec {
    /// What an update says nothing of is not kept in every version.
    fn replace_resources(
        &mut self,
        executor: Option<Value>,
        limits: Option<Value>,
        manner: Manner,
    ) {
        let Manner { version, .. } = manner;
        if manner.replaces {
            self.executor_resources = None;
        } else if executor.is_some() || version.has(behaviour::CLEARS_EXECUTOR_RESOURCES) {
            self.executor_resources = executor;
        }
        if limits.is_some() || version.has(behaviour::CLEARS_RESOURCE_LIMITS) {
            self.resource_limits = limits;
        }
    }

    /// After a change of network the ports of the other kind mean nothing any more.
    fn settle_definitions(&mut self, version: MarathonVersion) {
        if self.mode() != NetworkMode::Host {
            self.port_definitions.clear();
        } else if self.port_definitions.is_empty() {
            self.port_definitions = PortDefinition::by_default(version);
        }
    }

    /// Since 1.5 each network has ports of its own kind, and of the other kind nothing is kept: mappings
    /// without a network of the container's own go without a word, and on such a network every definition
    /// stands for a mapping.
    fn settle_ports(&mut self) {
        if self.mode() == NetworkMode::Host {
            if let Some(container) = &mut self.container {
                container.port_mappings = None;
            }
            return;
        }
        self.require_ports = false;
        let definitions = std::mem::take(&mut self.port_definitions).len();
        let container = self.container.get_or_insert_with(Container::bare);
        let mappings = container
            .port_mappings
            .get_or_insert_with(|| vec![PortMapping::by_default()]);
        if mappings.len() < definitions {
            mappings.resize_with(definitions, PortMapping::default);
        }
    }

    /// Before 1.5 the network follows from the container and the address; without one of its own
    /// a container has no mappings.
    fn derive_networks(&mut self) {
        let docker = self.container.as_ref().and_then(|it| it.docker.as_ref());
        let network = docker.and_then(|it| it.network);
        self.networks = vec![Network::of_old(network, self.ip_address.as_ref())];
        let mapped = matches!(network, Some(DockerNetwork::Bridge | DockerNetwork::User));
        if let (false, Some(container)) = (mapped, &mut self.container) {
            container.port_mappings = None;
        }
    }

    /// The defaults of an app whose data stays where it is.
    fn settle_resident(&mut self, strategy: bool, unreachable: bool, version: MarathonVersion) {
        let resident = self.is_resident();
        if strategy && (resident || self.has_external_volume()) {
            self.upgrade_strategy = UpgradeStrategy::RESIDENT;
        }
        if unreachable && resident {
            self.unreachable_strategy = UnreachableStrategy::by_default(version, true);
        }
    }

    /// Roles that the app cannot have, where they are passed over. That there are none is refused.
    fn drop_wrong_roles(&mut self, version: MarathonVersion) {
        if !version.has(behaviour::ROLE) || version.has(behaviour::WRONG_ROLES_REFUSED) {
            return;
        }
        let role = self.role.clone();
        let listed = self.accepted_resource_roles.as_mut();
        if let Some(roles) = listed.filter(|it| !it.is_empty()) {
            roles.retain(|it| it == "*" || Some(it) == role.as_ref());
            if roles.is_empty() {
                self.accepted_resource_roles = None;
            }
        }
    }

    fn settle(&mut self) {
        let bridged = self.mode() == NetworkMode::Bridge;
        let mappings = self
            .container
            .as_mut()
            .and_then(|it| it.port_mappings.as_mut());
        for mapping in mappings.into_iter().flatten().filter(|_| bridged) {
            mapping.host_port.get_or_insert(0);
        }
        let has_ports = !self.service_ports().is_empty();
        for check in &mut self.health_checks {
            check.settle_port(has_ports);
        }
    }
}
