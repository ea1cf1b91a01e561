//! From a group's spec to the definition of a Marathon app, in the words of the version at hand.
//! Every field of a [`Spec`] is either said to Marathon or refused (`lacks`); only
//! `custom-constraints` are Theseus's own business, and `update` is so too unless Marathon is to
//! bring the app from revision to revision itself.

mod lacks;
mod ports;
#[cfg(test)]
mod tests;
mod upgrade;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use theseus_core::cluster::{NewApp, Refusal};
use theseus_core::model::{Access, EnvValue, Health, Probe, Spec};

use crate::dialect::{Dialect, Feature};
use crate::names;
use crate::wire::write;
use lacks::refusal;
use ports::Wiring;

pub(crate) use lacks::unsupported;

/// The label that holds the group, so that Marathon can select by it.
pub(crate) const GROUP_LABEL: &str = "THESEUS_GROUP";
/// The label that holds the revision, and the variable that does so where there are no labels.
pub(crate) const REVISION: &str = "THESEUS_REVISION";

/// What ties an app to one host, whatever the version: Marathon itself puts its containers nowhere
/// else.
pub(crate) fn pin(host: &str) -> [&str; 3] {
    ["hostname", "CLUSTER", host]
}

/// The definition of the app, or everything about the spec that this Marathon cannot run.
pub(crate) fn app(new: &NewApp, dialect: Dialect) -> Result<write::App<'_>, Vec<Refusal>> {
    let spec = &*new.spec;
    let mut refusals = lacks::of(spec, dialect);
    refusals.extend(lacks::revision(new, dialect));
    let id = names::encode(&new.group, new.revision, new.part);
    let id = id.map_err(|error| refusal(None, &error));
    let health_checks = health_checks(spec);
    let (id, health_checks) = match (id, health_checks) {
        (Ok(id), Ok(health_checks)) if refusals.is_empty() => (id, health_checks),
        (id, health_checks) => {
            refusals.extend(id.err());
            refusals.extend(health_checks.err());
            return Err(refusals);
        }
    };
    let wiring = Wiring::of(spec, dialect);
    let fetches = dialect.has(Feature::Fetch);
    Ok(write::App {
        id: id.0,
        cmd: cmd(spec),
        args: (spec.command.is_empty() && !spec.args.is_empty()).then_some(&*spec.args),
        env: env(spec),
        secrets: secrets(spec),
        instances: new.instances,
        cpus: spec.resources.cpus,
        mem: spec.resources.mem,
        disk: spec.resources.disk,
        container: write::Container {
            kind: "DOCKER",
            docker: write::Docker {
                image: &spec.image,
                force_pull_image: dialect.has(Feature::ForcePull).then_some(spec.force_pull),
                parameters: parameters(spec, dialect),
                network: wiring.docker_network,
                port_mappings: wiring.docker_port_mappings,
            },
            volumes: volumes(spec),
            port_mappings: wiring.port_mappings,
        },
        networks: wiring.networks,
        ip_address: wiring.ip_address,
        port_definitions: wiring.port_definitions,
        ports: wiring.ports,
        require_ports: wiring.require_ports,
        constraints: constraints(new),
        upgrade_strategy: upgrade::strategy(new.part, spec, dialect),
        fetch: fetches.then(|| fetch(spec)),
        uris: (!fetches).then(|| spec.fetch.iter().map(|file| &*file.uri).collect()),
        health_checks,
        labels: dialect.has(Feature::Labels).then(|| labels(new)),
    })
}

/// Marathon's `cmd` is a line for a shell, and its `args` only replace the image's CMD, behind the
/// image's entry point. A `command` is to stand instead of both, and so becomes a line that the
/// shell replaces itself with, quoted so that it sees no more in it than words. For an image without
/// a shell, `parameters: {entrypoint: …}` and `args` do the same.
fn cmd(spec: &Spec) -> Option<String> {
    let words = spec.command.iter().chain(&spec.args);
    (!spec.command.is_empty()).then(|| line(words))
}

/// The line that runs these words.
pub(crate) fn line<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    let mut line = String::from("exec");
    for word in words {
        line.push(' ');
        line.push_str(&quoted(word));
    }
    line
}

fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''")).into()
}

fn env(spec: &Spec) -> BTreeMap<&str, write::EnvValue<'_>> {
    let variables = spec.environment.0.iter();
    variables
        .map(|(name, value)| {
            let value = match value {
                EnvValue::Plain(text) => write::EnvValue::Plain(text),
                EnvValue::Secret { secret } => write::EnvValue::Secret { secret },
            };
            (name.as_str(), value)
        })
        .collect()
}

/// Each secret under its own name.
fn secrets(spec: &Spec) -> BTreeMap<&str, write::Secret<'_>> {
    let values = spec.environment.0.values();
    values
        .filter_map(|value| match value {
            EnvValue::Plain(_) => None,
            EnvValue::Secret { secret } => {
                Some((secret.as_str(), write::Secret { source: secret }))
            }
        })
        .collect()
}

/// Where the options are a map, each has one value: `lacks` has seen to that.
fn parameters(spec: &Spec, dialect: Dialect) -> Option<write::Parameters<'_>> {
    let each = spec.parameters.iter().flat_map(|(key, values)| {
        let values = values.iter();
        values.map(move |value| write::Parameter { key, value })
    });
    if dialect.has(Feature::RepeatedParameters) {
        Some(write::Parameters::List(each.collect()))
    } else if dialect.has(Feature::Parameters) {
        let each = each.map(|parameter| (parameter.key, parameter.value));
        Some(write::Parameters::Map(each.collect()))
    } else {
        None
    }
}

fn volumes(spec: &Spec) -> Vec<write::Volume<'_>> {
    let volumes = spec.volumes.iter();
    volumes
        .map(|volume| write::Volume {
            container_path: &volume.container,
            host_path: &volume.host,
            mode: match volume.access {
                Access::ReadOnly => "RO",
                Access::ReadWrite => "RW",
            },
        })
        .collect()
}

/// The spec's own, and the host if there is to be one.
fn constraints(new: &NewApp) -> Vec<Vec<&str>> {
    let own = new.spec.constraints.iter().map(|constraint| {
        let mut words = vec![&*constraint.field, constraint.operator.as_str()];
        words.extend(constraint.value.as_deref());
        words
    });
    let mut constraints: Vec<_> = own.collect();
    if let Some(host) = &new.pinned_to
        && !constraints.iter().any(|own| *own == pin(host))
    {
        constraints.push(pin(host).to_vec());
    }
    constraints
}

fn fetch(spec: &Spec) -> Vec<write::Fetch<'_>> {
    let files = spec.fetch.iter();
    files
        .map(|file| write::Fetch {
            uri: &file.uri,
            extract: file.extract,
            executable: file.executable,
            cache: file.cache,
        })
        .collect()
}

/// The manifest's metadata, and what the app is, which nothing may overwrite.
fn labels(new: &NewApp) -> BTreeMap<&str, String> {
    let metadata = new.spec.metadata.iter();
    let mut labels: BTreeMap<_, _> = metadata.map(|(k, v)| (k.as_str(), v.clone())).collect();
    labels.insert(GROUP_LABEL, new.group.to_string());
    labels.insert(REVISION, new.revision.to_string());
    labels
}

fn health_checks(spec: &Spec) -> Result<Vec<write::HealthCheck<'_>>, Refusal> {
    let Some(health) = &spec.health else {
        return Ok(Vec::new());
    };
    let port_index = health
        .probe
        .port()
        .map(|name| {
            let message = format!("there is no port called {name:?}");
            let index = spec.ports.get_index_of(name);
            index.ok_or_else(|| refusal(Some("health".to_owned()), &message))
        })
        .transpose()?;
    Ok(vec![health_check(health, port_index)])
}

fn health_check(health: &Health, port_index: Option<usize>) -> write::HealthCheck<'_> {
    let (protocol, path, command) = match &health.probe {
        Probe::Http { path, .. } => ("HTTP", Some(path.as_str()), None),
        Probe::Tcp { .. } => ("TCP", None, None),
        Probe::Command(value) => ("COMMAND", None, Some(write::Command { value })),
    };
    write::HealthCheck {
        protocol,
        path,
        port_index,
        command,
        grace_period_seconds: whole_seconds(health.grace),
        interval_seconds: whole_seconds(health.interval),
        timeout_seconds: whole_seconds(health.timeout),
        max_consecutive_failures: health.failures,
    }
}

/// Marathon counts in seconds; rounded up, because 0 would be another thing than a little.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
