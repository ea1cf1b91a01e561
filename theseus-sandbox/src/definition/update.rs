//! What a client may send for an app: any part of a definition, in the forms of 1.5 or of before.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::container::{
    Container, DockerNetwork, Fetch, Labels, Network, NetworkMode, PortDefinition, PortMapping,
};
use super::health::{HealthCheck, ReadinessCheck};
use super::spec::EnvValue;
use super::validate::Fault;
use super::{AppSpec, Constraint, KillSelection, UnreachableStrategy, UpgradeStrategy};
use crate::path_id::PathId;
use crate::time::Stamp;

/// An absent (or null) field keeps what was; a given one replaces it whole.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AppUpdate {
    pub(crate) id: Option<String>,
    accepted_resource_roles: Option<Vec<String>>,
    args: Option<Vec<String>>,
    backoff_factor: Option<f64>,
    backoff_seconds: Option<u32>,
    cmd: Option<String>,
    constraints: Option<Vec<Constraint>>,
    container: Option<Container>,
    cpus: Option<f64>,
    dependencies: Option<Vec<String>>,
    disk: Option<f64>,
    env: Option<IndexMap<String, EnvValue>>,
    executor: Option<String>,
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
    secrets: Option<IndexMap<String, Value>>,
    task_kill_grace_period_seconds: Option<u32>,
    tty: Option<bool>,
    unreachable_strategy: Option<UnreachableStrategy>,
    upgrade_strategy: Option<UpgradeStrategy>,
    uris: Option<Vec<String>>,
    user: Option<String>,
    pub(crate) version: Option<Stamp>,
}

/// The network of an app before 1.5, with what went with it and is of no use here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct IpAddress {
    network_name: Option<String>,
    labels: Option<Labels>,
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
    pub(crate) fn apply(mut self, mut onto: AppSpec) -> Result<AppSpec, Vec<Fault>> {
        self.translate_old_forms().map_err(|fault| vec![fault])?;
        let group = onto.id.parent().unwrap_or_else(PathId::root);
        if let Some(dependencies) = self.dependencies.take() {
            onto.dependencies = resolve_all(&group, &dependencies)?;
        }
        let (networks, definitions) = (self.networks.is_some(), self.port_definitions.is_some());
        // A command given replaces arguments kept, and the other way round.
        if self.cmd.is_some() && self.args.is_none() {
            onto.args.clear();
        } else if self.args.as_ref().is_some_and(|args| !args.is_empty()) && self.cmd.is_none() {
            onto.cmd = None;
        }
        replace!(self => onto: args, backoff_factor, backoff_seconds, constraints, cpus, disk, env,
            executor, fetch, gpus, health_checks, instances, kill_selection, labels,
            max_launch_delay_seconds, mem, networks, port_definitions, readiness_checks,
            require_ports, secrets, unreachable_strategy, upgrade_strategy);
        replace_optional!(self => onto: accepted_resource_roles, cmd, container,
            task_kill_grace_period_seconds, tty, user);
        if networks && !definitions {
            onto.settle_definitions();
        }
        onto.settle();
        Ok(onto)
    }

    fn translate_old_forms(&mut self) -> Result<(), Fault> {
        self.translate_uris()?;
        self.translate_networks()?;
        if let Some(ports) = self.ports.take() {
            let container_network = self
                .networks
                .iter()
                .flatten()
                .any(|it| it.mode != NetworkMode::Host);
            if self.port_definitions.is_none() && !container_network {
                self.port_definitions = Some(ports.into_iter().map(PortDefinition::on).collect());
            }
        }
        Ok(())
    }

    fn translate_uris(&mut self) -> Result<(), Fault> {
        let Some(uris) = self.uris.take().filter(|uris| !uris.is_empty()) else {
            return Ok(());
        };
        if self.fetch.as_ref().is_some_and(|fetch| !fetch.is_empty()) {
            return Err(Fault::at("/uris", "may not be combined with fetch"));
        }
        self.fetch = Some(uris.into_iter().map(Fetch::plain).collect());
        Ok(())
    }

    fn translate_networks(&mut self) -> Result<(), Fault> {
        let address = self.ip_address.take();
        if address.is_some() && self.networks.is_some() {
            return Err(Fault::at("/ipAddress", "may not be combined with networks"));
        }
        let (network, mappings) = self.take_docker_network();
        if network.is_some() && self.networks.is_some() {
            return Err(Fault::at(
                "/container/docker/network",
                "may not be combined with networks",
            ));
        }
        let named = |address: Option<IpAddress>| {
            let address = address.unwrap_or_default();
            Network {
                labels: address.labels.unwrap_or_default(),
                ..Network::of(NetworkMode::Container, address.network_name)
            }
        };
        match network {
            Some(DockerNetwork::Host | DockerNetwork::None) => {
                self.networks = Some(vec![Network::of(NetworkMode::Host, None)]);
                return Ok(());
            }
            Some(DockerNetwork::Bridge) => {
                self.networks = Some(vec![Network::of(NetworkMode::Bridge, None)]);
            }
            Some(DockerNetwork::User) => self.networks = Some(vec![named(address)]),
            None if address.is_some() => self.networks = Some(vec![named(address)]),
            None => {}
        }
        self.adopt_mappings(mappings)
    }

    fn take_docker_network(&mut self) -> (Option<DockerNetwork>, Option<Vec<PortMapping>>) {
        let docker = self
            .container
            .as_mut()
            .and_then(|container| container.docker.as_mut());
        docker.map_or((None, None), |docker| {
            (docker.network.take(), docker.port_mappings.take())
        })
    }

    fn adopt_mappings(&mut self, mappings: Option<Vec<PortMapping>>) -> Result<(), Fault> {
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
    /// After a change of network the ports of the other kind mean nothing any more.
    fn settle_definitions(&mut self) {
        if self.mode() != NetworkMode::Host {
            self.port_definitions.clear();
        } else if self.port_definitions.is_empty() {
            self.port_definitions = vec![PortDefinition::unnamed_default()];
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
