//! The semantic checks of an app definition, answered with 422 and the path of each fault.

use std::collections::HashSet;

use serde::Serialize;

use super::container::{ContainerKind, NetworkMode};
use super::{AppSpec, UpgradeStrategy};
use crate::behaviour::{self, Least};
use crate::version::MarathonVersion;

/// One or more errors at one place of the document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Fault {
    pub(crate) path: String,
    pub(crate) errors: Vec<String>,
}

impl Fault {
    pub(crate) fn at(path: impl Into<String>, error: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            errors: vec![error.into()],
        }
    }

    /// The place as it was written before there were paths: `upgradeStrategy.minimumHealthCapacity`.
    pub(crate) fn attribute(&self) -> String {
        self.path.trim_start_matches('/').replace('/', ".")
    }

    /// The same fault, of an element deeper in the document.
    pub(crate) fn below(mut self, place: &str) -> Self {
        self.path.insert_str(0, place);
        self
    }
}

/// Everything wrong with `app`; nothing if it may be deployed.
pub(crate) fn validate(app: &AppSpec, version: MarathonVersion) -> Vec<Fault> {
    let mut faults = Vec::new();
    check_id(app, version, &mut faults);
    check_what_runs(app, version, &mut faults);
    check_numbers(app, version, &mut faults);
    check_roles(app, version, &mut faults);
    check_single_instance(app, version, &mut faults);
    if version.has(behaviour::NATIVE_NETWORKS) {
        check_networks(app, &mut faults);
    } else {
        check_address(app, version, &mut faults);
    }
    check_port_names(app, &mut faults);
    check_health(app, version, &mut faults);
    check_readiness(app, &mut faults);
    if version.has(behaviour::CONSTRAINT_VALUES) {
        check_constraints(app, &mut faults);
    }
    faults
}

/// Ends of ids that would be mistaken for paths of the API.
const RESERVED: [&str; 3] = ["restart", "tasks", "versions"];

fn check_id(app: &AppSpec, version: MarathonVersion, faults: &mut Vec<Fault>) {
    if app.id.is_root() {
        faults.push(Fault::at("/id", "must not be the root path"));
    }
    let last = app.id.as_str().rsplit('/').next().unwrap_or_default();
    if version.has(behaviour::RESERVED_IDS) && RESERVED.contains(&last) {
        let error = format!(
            "must not end with any of the following reserved keywords: {}",
            RESERVED.join(", ")
        );
        faults.push(Fault::at("/id", error));
    }
}

fn check_constraints(app: &AppSpec, faults: &mut Vec<Fault>) {
    for (index, constraint) in app.constraints.iter().enumerate() {
        if let Some(error) = constraint.fault() {
            faults.push(Fault::at(format!("/constraints({index})"), error));
        }
    }
}

fn check_what_runs(app: &AppSpec, version: MarathonVersion, faults: &mut Vec<Fault>) {
    let runs_image = app.image().is_some();
    match (&app.cmd, app.args.is_empty()) {
        (Some(_), false) => faults.push(Fault::at(
            "/",
            "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.",
        )),
        (None, true) if !runs_image => faults.push(Fault::at(
            "/",
            "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.",
        )),
        _ => {}
    }
    if let Some(container) = &app.container {
        match &container.docker {
            None if container.kind == ContainerKind::Docker => {
                faults.push(Fault::at("/container/docker", "not defined"));
            }
            Some(docker) if docker.image.trim().is_empty() => {
                faults.push(Fault::at("/container/docker/image", "must not be empty"));
            }
            Some(docker)
                if docker.credential.is_some()
                    && container.kind == ContainerKind::Docker
                    && version.has(behaviour::DOCKER_CREDENTIAL_REFUSED) =>
            {
                let error = "must be empty: the engine of Docker takes no credential";
                faults.push(Fault::at("/container/docker/credential", error));
            }
            _ => {}
        }
    }
}

fn check_numbers(app: &AppSpec, version: MarathonVersion, faults: &mut Vec<Fault>) {
    let UpgradeStrategy {
        minimum_health_capacity,
        maximum_over_capacity,
    } = app.upgrade_strategy;
    match version.pick(behaviour::LEAST_CPUS) {
        Least::AtLeast(least) if app.cpus < least => {
            faults.push(Fault::at("/cpus", format!("error.min {least}")));
        }
        Least::MoreThan(bound) if app.cpus <= bound => {
            faults.push(Fault::at("/cpus", format!("must be greater than {bound}")));
        }
        Least::AtLeast(_) | Least::MoreThan(_) => {}
    }
    let ranges = [
        ("/mem", app.mem, 0.0, f64::MAX),
        ("/disk", app.disk, 0.0, f64::MAX),
        ("/backoffFactor", app.backoff_factor, 1.0, f64::MAX),
        (
            "/upgradeStrategy/minimumHealthCapacity",
            minimum_health_capacity,
            0.0,
            1.0,
        ),
        (
            "/upgradeStrategy/maximumOverCapacity",
            maximum_over_capacity,
            0.0,
            1.0,
        ),
    ];
    for (path, value, least, most) in ranges {
        if value < least {
            faults.push(Fault::at(path, format!("error.min {least}")));
        } else if value > most {
            faults.push(Fault::at(path, format!("error.max {most}")));
        }
    }
}

fn check_roles(app: &AppSpec, version: MarathonVersion, faults: &mut Vec<Fault>) {
    if let Some(roles) = &app.accepted_resource_roles {
        let fits = |role: &String| role == "*" || Some(role) == app.role.as_ref();
        if roles.is_empty() {
            faults.push(Fault::at("/acceptedResourceRoles", "must not be empty"));
        } else if version.has(behaviour::WRONG_ROLES_REFUSED) && !roles.iter().all(fits) {
            let error = "may contain only the role of the app and \"*\"";
            faults.push(Fault::at("/acceptedResourceRoles", error));
        }
    }
    let mut segments = app.id.as_str().split('/').skip(1);
    let group = segments.next().filter(|_| segments.next().is_some());
    if let Some(role) = &app.role
        && role != "*"
        && Some(role.as_str()) != group
    {
        let error = "must be the default role or the name of the top-level group";
        faults.push(Fault::at("/role", error));
    }
}

fn check_single_instance(app: &AppSpec, version: MarathonVersion, faults: &mut Vec<Fault>) {
    let label = app.labels.get("MARATHON_SINGLE_INSTANCE_APP");
    if !version.has(behaviour::SINGLE_INSTANCE) || label.is_none_or(|value| value != "true") {
        return;
    }
    if app.instances > 1 {
        faults.push(Fault::at(
            "/instances",
            "Single instance app may only have one instance",
        ));
    }
    let strategy = app.upgrade_strategy;
    if strategy.minimum_health_capacity != 0.0 || strategy.maximum_over_capacity != 0.0 {
        faults.push(Fault::at(
            "/upgradeStrategy",
            "must be 0 for a single instance app",
        ));
    }
}

/// An app with an address of its own has no ports of the host, before 1.5.
fn check_address(app: &AppSpec, version: MarathonVersion, faults: &mut Vec<Fault>) {
    if app.ip_address.is_some() && !app.port_definitions.is_empty() {
        let path = if version.has(behaviour::PORT_DEFINITIONS) {
            "/portDefinitions"
        } else {
            "/ports"
        };
        faults.push(Fault::at(path, "may not be combined with ipAddress"));
    }
}

fn check_networks(app: &AppSpec, faults: &mut Vec<Fault>) {
    let mode = app.mode();
    if app.networks.iter().any(|network| network.mode != mode) {
        faults.push(Fault::at(
            "/networks",
            "may not mix different network modes",
        ));
    } else if app.networks.len() > 1 && mode != NetworkMode::Container {
        faults.push(Fault::at(
            "/networks",
            "may only have one host or bridge network",
        ));
    }
    for (index, network) in app.networks.iter().enumerate() {
        let named = network.name.as_ref().is_some_and(|name| !name.is_empty());
        let place = format!("/networks({index})");
        match network.mode {
            NetworkMode::Container if !named => {
                faults.push(Fault::at(
                    place,
                    "name must be defined for a container network",
                ));
            }
            NetworkMode::Host | NetworkMode::Bridge if named => {
                faults.push(Fault::at(
                    place,
                    "name may only be given for a container network",
                ));
            }
            NetworkMode::Host if !network.labels.is_empty() => {
                faults.push(Fault::at(place, "host networks may not have labels"));
            }
            _ => {}
        }
    }
    let by_docker = app
        .container
        .as_ref()
        .is_some_and(|it| it.docker.is_some() && it.kind == ContainerKind::Docker);
    if by_docker && app.networks.len() > 1 {
        let error = "may only have one container network with the engine of Docker";
        faults.push(Fault::at("/networks", error));
    }
    for (index, mapping) in app.port_mappings().iter().enumerate() {
        let many = app.networks.len() > 1 && mapping.host_port.is_some();
        if many && mapping.network_names.len() != 1 {
            let error = "must name one network, since there are several and it has a host port";
            faults.push(Fault::at(
                format!("/container/portMappings({index})/networkNames"),
                error,
            ));
        }
    }
}

/// Where the app's ports are, and what each is called.
fn port_names(app: &AppSpec) -> (&'static str, Vec<Option<&str>>) {
    if app.mode() == NetworkMode::Host {
        let ports = app.port_definitions.iter();
        (
            "/portDefinitions",
            ports.map(|it| it.name.as_deref()).collect(),
        )
    } else {
        let ports = app.port_mappings().iter();
        (
            "/container/portMappings",
            ports.map(|it| it.name.as_deref()).collect(),
        )
    }
}

fn check_port_names(app: &AppSpec, faults: &mut Vec<Fault>) {
    let (path, names) = port_names(app);
    let mut seen = HashSet::new();
    for (index, name) in names.into_iter().enumerate() {
        let Some(name) = name else { continue };
        if !is_port_name(name) {
            let error = "must fully match regular expression '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'";
            faults.push(Fault::at(format!("{path}({index})/name"), error));
        } else if !seen.insert(name) {
            faults.push(Fault::at(path, "Port names must be unique."));
        }
    }
}

fn is_port_name(name: &str) -> bool {
    let inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    !name.is_empty() && !name.starts_with('-') && !name.ends_with('-') && name.bytes().all(inner)
}

fn check_health(app: &AppSpec, version: MarathonVersion, faults: &mut Vec<Fault>) {
    let ports = app.service_ports().len();
    let by_mesos = app
        .health_checks
        .iter()
        .filter(|it| it.is_by_mesos())
        .count();
    if version.has(behaviour::ONE_MESOS_CHECK) && by_mesos > 1 {
        let error = "AppDefinition can contain at most one Mesos health check";
        faults.push(Fault::at("/healthChecks", error));
    }
    for (index, check) in app.health_checks.iter().enumerate() {
        let place = format!("/healthChecks({index})");
        if check.index().is_some_and(|port| port >= ports) {
            let error = "Health check port indices must address an element of the ports array or container port mappings.";
            faults.push(Fault::at(place, error));
        } else if let Some(error) = check.fault() {
            faults.push(Fault::at(place, error));
        }
    }
}

fn check_readiness(app: &AppSpec, faults: &mut Vec<Fault>) {
    let (_, names) = port_names(app);
    let names: Vec<&str> = names.into_iter().flatten().collect();
    for (index, check) in app.readiness_checks.iter().enumerate() {
        if let Some(error) = check.fault(&names) {
            faults.push(Fault::at(format!("/readinessChecks({index})"), error));
        }
    }
}
