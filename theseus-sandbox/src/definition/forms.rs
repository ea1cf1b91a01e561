//! The fields of a definition, version by version, as data: what a version does not know is not
//! read and not shown, and what is left out gets that version's default.
//!
//! A path goes through objects by name and through every element of a list, also where it does not
//! say so with a `*`; a number names one element.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::validate::Fault;
use crate::behaviour::{Span, between, since, until};
use crate::version::{MarathonVersion, v};

/// Fields that not every version has. Any other field is either known to all or to none.
const FIELDS: [(&str, Span); 44] = [
    ("acceptedResourceRoles", since(v(0, 9, 0))),
    ("check", since(v(1, 8, 180))),
    ("container.appc", between(v(1, 3, 0), v(1, 9, 0))),
    ("container.docker.credential", since(v(1, 3, 0))),
    ("container.docker.forcePullImage", since(v(0, 8, 2))),
    ("container.docker.network", since(v(0, 7, 1))),
    ("container.docker.parameters", since(v(0, 7, 6))),
    ("container.docker.portMappings", since(v(0, 7, 1))),
    ("container.docker.portMappings.labels", since(v(1, 0, 0))),
    ("container.docker.portMappings.name", since(v(1, 0, 0))),
    ("container.docker.privileged", since(v(0, 7, 6))),
    ("container.docker.pullConfig", since(v(1, 5, 0))),
    ("container.linuxInfo", since(v(1, 8, 0))),
    ("container.linuxInfo.ipcInfo", since(v(1, 9, 0))),
    ("container.portMappings", since(v(1, 5, 0))),
    ("container.volumes.external", since(v(1, 1, 0))),
    ("container.volumes.persistent", since(v(1, 0, 0))),
    ("container.volumes.secret", since(v(1, 5, 0))),
    ("executorResources", since(v(1, 6, 352))),
    ("fetch", since(v(0, 15, 0))),
    ("fetch.destPath", since(v(1, 4, 0))),
    ("gpus", since(v(1, 3, 0))),
    ("healthChecks.delaySeconds", since(v(1, 5, 0))),
    ("healthChecks.ignoreHttp1xx", since(v(0, 8, 2))),
    ("healthChecks.ipProtocol", since(v(1, 6, 322))),
    ("healthChecks.port", since(v(0, 14, 0))),
    ("ipAddress", since(v(0, 14, 0))),
    ("ipAddress.networkName", since(v(1, 3, 0))),
    ("killSelection", since(v(1, 4, 0))),
    ("labels", since(v(0, 8, 0))),
    ("maxLaunchDelaySeconds", since(v(0, 8, 0))),
    ("networks", since(v(1, 5, 0))),
    ("portDefinitions", since(v(1, 0, 0))),
    ("readinessChecks", since(v(1, 1, 0))),
    ("residency", between(v(1, 0, 0), v(1, 8, 0))),
    ("resourceLimits", since(v(1, 10, 5))),
    ("role", since(v(1, 9, 0))),
    ("secrets", since(v(1, 3, 0))),
    ("storeUrls", until(v(1, 5, 0))),
    ("taskKillGracePeriodSeconds", since(v(1, 3, 0))),
    ("tty", since(v(1, 5, 0))),
    ("unreachableStrategy", since(v(1, 4, 0))),
    ("upgradeStrategy.maximumOverCapacity", since(v(0, 8, 0))),
    ("versionInfo", since(v(0, 11, 0))),
];

/// Words that a field did not always take; elsewhere they are as wrong as any other.
const WORDS: [(&str, &str, Span); 9] = [
    ("constraints.*.1", "IS", since(v(1, 6, 322))),
    ("constraints.*.1", "MAX_PER", since(v(1, 3, 0))),
    ("constraints.*.1", "UNLIKE", since(v(0, 7, 2))),
    ("container.docker.network", "USER", since(v(1, 3, 0))),
    ("healthChecks.protocol", "HTTPS", since(v(0, 8, 2))),
    ("healthChecks.protocol", "MESOS_HTTP", since(v(1, 4, 0))),
    ("healthChecks.protocol", "MESOS_HTTPS", since(v(1, 4, 0))),
    ("healthChecks.protocol", "MESOS_TCP", since(v(1, 4, 0))),
    ("unreachableStrategy", "disabled", since(v(1, 4, 2))),
];

/// What a version takes for a field that is left out, where versions differ; as JSON.
const DEFAULTS: [(&str, &str, Span); 7] = [
    ("healthChecks.gracePeriodSeconds", "15", until(v(0, 8, 0))),
    ("healthChecks.intervalSeconds", "10", until(v(0, 8, 0))),
    ("healthChecks.ipProtocol", "\"IPv4\"", since(v(1, 6, 322))),
    ("healthChecks.path", "\"/\"", until(v(0, 14, 0))),
    ("healthChecks.portIndex", "0", until(v(0, 14, 0))),
    // In a version that does not know it there is no bound.
    (
        "upgradeStrategy.maximumOverCapacity",
        "1.0",
        until(v(1, 5, 0)),
    ),
    (
        "upgradeStrategy.minimumHealthCapacity",
        "1.0",
        until(v(1, 5, 0)),
    ),
];

/// Operators in small letters are understood as long as an old library reads them.
const SMALL_OPERATORS: Span = until(v(0, 7, 6));
const PARAMETERS: &str = "/container/docker/parameters";
/// Docker's parameters are an object.
const PARAMETERS_BY_NAME: Span = between(v(0, 7, 6), v(0, 8, 0));
/// A variable may be taken from a secret.
const SECRET_VARIABLES: Span = since(v(1, 3, 0));

/// Brings the JSON of a definition into the form that is read here, as `version` understands it.
/// What it finds amiss is of the wrong shape.
pub(crate) fn read(app: &mut Value, version: MarathonVersion) -> Result<(), Vec<Fault>> {
    prune(app, version);
    let mut faults = Vec::new();
    if version.has(SMALL_OPERATORS) {
        visit(app, "constraints.*.1", &mut |_, operator| {
            if let Value::String(operator) = operator {
                operator.make_ascii_uppercase();
            }
        });
    }
    for (path, word, _) in WORDS.iter().filter(|(.., span)| !version.has(*span)) {
        visit(app, path, &mut |place, found| {
            if found == word {
                faults.push(Fault::at(place, format!("unknown value '{word}'")));
            }
        });
    }
    for (path, default, _) in DEFAULTS.iter().filter(|(.., span)| version.has(*span)) {
        complete(app, path, default);
    }
    if !version.has(SECRET_VARIABLES) {
        visit(app, "env", &mut |_, env| {
            for (name, value) in env.as_object().into_iter().flatten() {
                if value.is_object() {
                    faults.push(Fault::at(format!("/env/{name}"), "string expected"));
                }
            }
        });
    }
    if let (true, Some(parameters)) = (version.has(PARAMETERS_BY_NAME), app.pointer_mut(PARAMETERS))
    {
        match parameters {
            Value::Object(named) => *parameters = listed(named),
            Value::Null => {}
            _ => faults.push(Fault::at(PARAMETERS, "object expected")),
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// [`read`]s each of several, which are at `place`.
pub(crate) fn read_all<'a>(
    apps: impl Iterator<Item = &'a mut Value>,
    place: &str,
    version: MarathonVersion,
) -> Result<(), Vec<Fault>> {
    for (index, app) in apps.enumerate() {
        let place = format!("{place}({index})");
        let below = |faults: Vec<Fault>| -> Vec<Fault> {
            faults
                .into_iter()
                .map(|fault| fault.below(&place))
                .collect()
        };
        read(app, version).map_err(below)?;
    }
    Ok(())
}

/// [`read`]s the apps of a group at `place`, and of the groups in it.
pub(crate) fn read_group(
    group: &mut Value,
    place: &str,
    version: MarathonVersion,
) -> Result<(), Vec<Fault>> {
    if let Some(apps) = group.get_mut("apps").and_then(Value::as_array_mut) {
        read_all(apps.iter_mut(), &format!("{place}/apps"), version)?;
    }
    let groups = group.get_mut("groups").and_then(Value::as_array_mut);
    for (index, group) in groups.into_iter().flatten().enumerate() {
        read_group(group, &format!("{place}/groups({index})"), version)?;
    }
    Ok(())
}

/// The reverse of [`read`], as far as it has to do with forms.
pub(super) fn show(app: &mut Value, version: MarathonVersion) {
    if let (true, Some(parameters)) = (version.has(PARAMETERS_BY_NAME), app.pointer_mut(PARAMETERS))
    {
        *parameters = named(parameters);
    }
    prune(app, version);
}

/// Brings a definition that was shown by any version, or kept here, into the form that is read:
/// what it says twice it says once. Gives back `docker.network` and `ipAddress` where they are said
/// beside the networks that they mean.
pub(crate) fn recall(app: &mut Value) -> (Value, Value) {
    if let Some(parameters @ Value::Object(_)) = app.pointer_mut(PARAMETERS) {
        let named = parameters.as_object_mut();
        *parameters = named.map(listed).unwrap_or_default();
    }
    for (path, default, span) in DEFAULTS {
        // Only what is never left out but where it is not known.
        if path.starts_with("upgradeStrategy") && v(0, 7, 0).has(span) {
            complete(app, path, default);
        }
    }
    let said = |app: &Value, field: &str| app.get(field).is_some_and(|it| !it.is_null());
    let (fetch, definitions) = (said(app, "fetch"), said(app, "portDefinitions"));
    let networks = said(app, "networks");
    let mut take = |field: &str, when: bool| {
        let fields = app.as_object_mut().filter(|_| when);
        fields.and_then(|it| it.remove(field)).unwrap_or_default()
    };
    take("uris", fetch);
    take("ports", definitions);
    let address = take("ipAddress", networks);
    let docker = app.pointer_mut("/container/docker").filter(|_| networks);
    let docker = docker.and_then(Value::as_object_mut);
    let network = docker.and_then(|it| it.remove("network"));
    (network.unwrap_or_default(), address)
}

/// Takes out what `version` does not know.
fn prune(app: &mut Value, version: MarathonVersion) {
    for (path, _) in FIELDS.iter().filter(|(_, span)| !version.has(*span)) {
        let (parent, field) = path.rsplit_once('.').unwrap_or(("", path));
        visit(app, parent, &mut |_, parent| {
            if let Value::Object(parent) = parent {
                parent.remove(field);
            }
        });
    }
}

fn complete(app: &mut Value, path: &str, default: &str) {
    let (parent, field) = path.rsplit_once('.').unwrap_or(("", path));
    visit(app, parent, &mut |_, parent| {
        let Value::Object(parent) = parent else {
            return;
        };
        if parent.get(field).is_none_or(Value::is_null) {
            parent.insert(
                field.to_owned(),
                serde_json::from_str(default).unwrap_or_default(),
            );
        }
    });
}

fn listed(named: &mut Map<String, Value>) -> Value {
    let each = std::mem::take(named).into_iter();
    each.map(|(key, value)| serde_json::json!({ "key": key, "value": value }))
        .collect()
}

fn named(listed: &Value) -> Value {
    let each = listed.as_array().into_iter().flatten();
    each.filter_map(|it| Some((it["key"].as_str()?.to_owned(), it["value"].clone())))
        .collect::<Map<String, Value>>()
        .into()
}

/// Shows `look` everything that is at `path`, with its place as errors name it.
fn visit(value: &mut Value, path: &str, look: &mut dyn FnMut(&str, &mut Value)) {
    go(value, path, &mut String::new(), look);
}

fn go(value: &mut Value, path: &str, place: &mut String, look: &mut dyn FnMut(&str, &mut Value)) {
    let length = place.len();
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    if let Value::Array(elements) = value {
        let only = head.parse::<usize>().ok();
        let inside = if only.is_some() || head == "*" {
            rest
        } else {
            path
        };
        for (index, element) in elements.iter_mut().enumerate() {
            if only.is_none_or(|only| only == index) {
                // Writing to a string cannot fail.
                let _ = write!(place, "({index})");
                go(element, inside, place, look);
                place.truncate(length);
            }
        }
    } else if path.is_empty() {
        look(place, value);
    } else if let Some(field) = value.get_mut(head) {
        place.push('/');
        place.push_str(head);
        go(field, rest, place, look);
        place.truncate(length);
    }
}
