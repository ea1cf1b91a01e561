//! The semantic checks of an app definition, answered with 422 and the path of each fault.

use std::collections::HashSet;

use serde::Serialize;

use super::container::{ContainerKind, NetworkMode};
use super::{AppSpec, UpgradeStrategy};

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
pub(crate) fn validate(app: &AppSpec) -> Vec<Fault> {
    let mut faults = Vec::new();
    check_id(app, &mut faults);
    check_what_runs(app, &mut faults);
    check_numbers(app, &mut faults);
    check_networks(app, &mut faults);
    check_port_names(app, &mut faults);
    check_health(app, &mut faults);
    faults
}

fn check_id(app: &AppSpec, faults: &mut Vec<Fault>) {
    if app.id.is_root() {
        faults.push(Fault::at("/id", "must not be the root path"));
    }
}

fn check_what_runs(app: &AppSpec, faults: &mut Vec<Fault>) {
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
            _ => {}
        }
    }
}

fn check_numbers(app: &AppSpec, faults: &mut Vec<Fault>) {
    let UpgradeStrategy {
        minimum_health_capacity,
        maximum_over_capacity,
    } = app.upgrade_strategy;
    let ranges = [
        ("/cpus", app.cpus, 0.001, f64::MAX),
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
    if app
        .accepted_resource_roles
        .as_ref()
        .is_some_and(Vec::is_empty)
    {
        faults.push(Fault::at("/acceptedResourceRoles", "must not be empty"));
    }
    if app
        .labels
        .get("MARATHON_SINGLE_INSTANCE_APP")
        .is_some_and(|value| value == "true")
    {
        if app.instances > 1 {
            faults.push(Fault::at(
                "/instances",
                "Single instance app may only have one instance",
            ));
        }
        if minimum_health_capacity != 0.0 || maximum_over_capacity != 0.0 {
            faults.push(Fault::at(
                "/upgradeStrategy",
                "must be 0 for a single instance app",
            ));
        }
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
    if mode == NetworkMode::Host && !app.port_mappings().is_empty() {
        let error = "port-mappings may not be used in conjunction with host networking";
        faults.push(Fault::at("/container/portMappings", error));
    }
    if mode != NetworkMode::Host && !app.port_definitions.is_empty() {
        let error = "portDefinitions are only allowed with host networking";
        faults.push(Fault::at("/portDefinitions", error));
    }
}

fn check_port_names(app: &AppSpec, faults: &mut Vec<Fault>) {
    let (path, names): (_, Vec<_>) = if app.mode() == NetworkMode::Host {
        (
            "/portDefinitions",
            app.port_definitions.iter().map(|it| &it.name).collect(),
        )
    } else {
        (
            "/container/portMappings",
            app.port_mappings().iter().map(|it| &it.name).collect(),
        )
    };
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

fn check_health(app: &AppSpec, faults: &mut Vec<Fault>) {
    let ports = app.service_ports().len();
    for (index, check) in app.health_checks.iter().enumerate() {
        let place = format!("/healthChecks({index})");
        if check.port_index.is_some_and(|port| port >= ports) {
            let error = "Health check port indices must address an element of the ports array or container port mappings.";
            faults.push(Fault::at(place, error));
        } else if let Some(error) = check.fault() {
            faults.push(Fault::at(place, error));
        }
    }
}
