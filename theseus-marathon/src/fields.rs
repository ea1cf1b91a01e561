//! From the places in Marathon's JSON, as its refusals name them, to the fields of a manifest.
//!
//! Marathon writes `/container/portMappings(1)/hostPort`, older versions `container.docker.image`;
//! about a list of apps the place begins with a number, as in `/(3)/cpus`.

use theseus_core::cluster::Refusal;
use theseus_core::model::{EnvValue, Spec};

/// One reason of Marathon's to refuse something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The place in what it was sent.
    pub(crate) path: Option<String>,
    pub(crate) message: String,
}

impl Fault {
    /// In a list of apps: which app the fault is about, and the fault as if there were only that.
    pub(crate) fn of_item(&self) -> Option<(usize, Self)> {
        let path = self.path.as_deref()?.trim_start_matches(['/', '.']);
        let (index, rest) = path.strip_prefix('(')?.split_once(')')?;
        let fault = Self {
            path: (!rest.is_empty()).then(|| rest.to_owned()),
            message: self.message.clone(),
        };
        Some((index.parse().ok()?, fault))
    }

    /// What the fault means to whoever wrote the spec; a place that is no field of it is kept in
    /// the message.
    pub(crate) fn refusal(&self, spec: Option<&Spec>) -> Refusal {
        let path = self
            .path
            .as_deref()
            .filter(|path| !matches!(*path, "" | "/"));
        let field = path.and_then(|path| field(&segments(path), spec?));
        let message = match path {
            Some(path) if field.is_none() => format!("{path}: {}", self.message),
            _ => self.message.clone(),
        };
        Refusal { field, message }
    }
}

/// A part of a place: a name, and its number in brackets if it has one.
type Segment<'a> = (&'a str, Option<usize>);

fn segments(path: &str) -> Vec<Segment<'_>> {
    // Dots are separators in the old form only, which has no slashes.
    let separator = if path.contains('/') { '/' } else { '.' };
    path.split(separator)
        .filter(|segment| !segment.is_empty())
        .map(|segment| {
            let numbered = segment.strip_suffix(')').and_then(|rest| {
                let (name, index) = rest.rsplit_once('(')?;
                Some((name, Some(index.parse().ok()?)))
            });
            numbered.unwrap_or((segment, None))
        })
        .collect()
}

fn field(path: &[Segment<'_>], spec: &Spec) -> Option<String> {
    let port = |index: Option<usize>| {
        let named = index.and_then(|index| spec.ports.get_index(index));
        named.map_or("ports".to_owned(), |(name, _)| format!("ports.{name}"))
    };
    let listed = |name: &str, index: Option<usize>| {
        index.map_or(name.to_owned(), |index| format!("{name}[{index}]"))
    };
    let keyed = |name: &str, rest: &[Segment<'_>]| {
        let key = rest.first();
        key.map_or(name.to_owned(), |(key, _)| format!("{name}.{key}"))
    };
    Some(match path {
        [("container", _), ("docker", _), ("image", _), ..] => "image".to_owned(),
        [("container", _), ("docker", _), ("forcePullImage", _), ..] => "force-pull".to_owned(),
        [("container", _), ("docker", _), ("parameters", _), ..] => "parameters".to_owned(),
        [("container", _), ("docker", _), ("network", _), ..]
        | [("networks" | "ipAddress", _), ..] => "network".to_owned(),
        [("container", _), ("docker", _), ("portMappings", index), ..]
        | [("container", _), ("portMappings", index), ..]
        | [("portDefinitions" | "ports", index), ..] => port(*index),
        [("requirePorts", _), ..] => port(None),
        [("container", _), ("volumes", index), ..] => listed("volumes", *index),
        // The one behind the spec's own is Theseus's.
        [("constraints", Some(index)), ..] if *index >= spec.constraints.len() => {
            "custom-constraints".to_owned()
        }
        [("constraints", index), ..] => listed("constraints", *index),
        [("upgradeStrategy", _), ..] => "update".to_owned(),
        [("fetch", index), ..] => listed("fetch", *index),
        [("healthChecks", _), ..] => "health".to_owned(),
        [("env", _), rest @ ..] => keyed("environment", rest),
        [("labels", _), rest @ ..] => keyed("metadata", rest),
        [("secrets", _), (name, _), ..] => variable_of_secret(name, spec)?,
        [("cmd", _), ..] => "command".to_owned(),
        [
            (name @ ("args" | "instances" | "cpus" | "mem" | "disk"), _),
            ..,
        ] => (*name).to_owned(),
        _ => return None,
    })
}

fn variable_of_secret(name: &str, spec: &Spec) -> Option<String> {
    let mut variables = spec.environment.0.iter();
    let (variable, _) = variables
        .find(|(_, value)| matches!(value, EnvValue::Secret { secret } if secret == name))?;
    Some(format!("environment.{variable}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use theseus_core::model::Port;

    use super::*;

    fn spec() -> Spec {
        let mut spec = Spec::new("a:1");
        let unique = ["hostname", "UNIQUE"].map(str::to_owned);
        spec.constraints = vec![unique.to_vec().try_into().unwrap()];
        spec.ports.insert("ssh".to_owned(), Port::tcp(22));
        spec.ports.insert("api".to_owned(), Port::tcp(5000));
        let secret = "db/pass".to_owned();
        spec.environment
            .0
            .insert("PASS".to_owned(), EnvValue::Secret { secret });
        spec
    }

    #[test]
    fn places_are_called_as_in_the_manifest() {
        for (path, expected) in [
            ("/container/docker/image", Some("image")),
            ("container.docker.image", Some("image")),
            ("/container/docker/forcePullImage", Some("force-pull")),
            ("/container/docker/parameters(0)/key", Some("parameters")),
            ("/container/docker/network", Some("network")),
            ("/networks(0)/name", Some("network")),
            ("/container/portMappings(1)/hostPort", Some("ports.api")),
            ("/container/docker/portMappings(0)", Some("ports.ssh")),
            ("/container/portMappings(7)/hostPort", Some("ports")),
            ("/portDefinitions(1)/name", Some("ports.api")),
            ("/ports", Some("ports")),
            ("/requirePorts", Some("ports")),
            ("/container/volumes(2)/mode", Some("volumes[2]")),
            ("/constraints(0)", Some("constraints[0]")),
            ("/constraints(1)", Some("custom-constraints")),
            ("/fetch(1)/uri", Some("fetch[1]")),
            ("/healthChecks(0)/path", Some("health")),
            ("/env/APP_NAME", Some("environment.APP_NAME")),
            ("/env", Some("environment")),
            ("/labels/HAPROXY_GROUP", Some("metadata.HAPROXY_GROUP")),
            ("/cmd", Some("command")),
            ("/args", Some("args")),
            ("/cpus", Some("cpus")),
            ("/mem", Some("mem")),
            ("/disk", Some("disk")),
            ("/instances", Some("instances")),
            ("/secrets/other/source", None),
            ("/id", None),
            ("/upgradeStrategy/minimumHealthCapacity", Some("update")),
            ("/", None),
        ] {
            assert_eq!(
                field(&segments(path), &spec()).as_deref(),
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn a_place_that_is_no_field_stays_in_the_message() {
        let fault = |path: Option<&str>| Fault {
            path: path.map(str::to_owned),
            message: "must be set".to_owned(),
        };
        for (path, field, message) in [
            (Some("/cpus"), Some("cpus"), "must be set"),
            (Some("/role"), None, "/role: must be set"),
            (Some("/"), None, "must be set"),
            (None, None, "must be set"),
        ] {
            let refusal = fault(path).refusal(Some(&spec()));
            assert_eq!(refusal.field.as_deref(), field);
            assert_eq!(refusal.message, message);
        }
    }

    #[test]
    fn which_app_of_a_list_is_meant() {
        for (path, expected) in [
            ("(3)/cpus", Some((3, Some("/cpus")))),
            ("/(3)/cpus", Some((3, Some("/cpus")))),
            ("(3).cpus", Some((3, Some(".cpus")))),
            ("/(0)", Some((0, None))),
            ("/cpus", None),
            ("/(x)/cpus", None),
            ("/constraints(3)", None),
        ] {
            let fault = Fault {
                path: Some(path.to_owned()),
                message: String::new(),
            };
            let found = fault.of_item().map(|(index, fault)| (index, fault.path));
            let expected = expected.map(|(index, path)| (index, path.map(str::to_owned)));
            assert_eq!(found, expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_place_may_be_named(path in "[/.()a-z0-9é]{0,30}|.{0,30}") {
            let fault = Fault { path: Some(path), message: String::new() };
            let _ = fault.refusal(Some(&spec()));
            let _ = fault.of_item();
        }
    }
}
