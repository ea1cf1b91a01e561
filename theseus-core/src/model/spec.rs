//! What a group should be.

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::constraint::Constraint;
use super::custom::{self, CustomConstraint};
use super::environment::Environment;
use super::group::GroupId;
use super::health::Health;
use super::resources::Resources;
use super::update::{Order, Update};
use super::volume::{Access, Volume};

/// More containers than any one group has; a guard against slips of the finger.
pub const MAX_INSTANCES: u32 = 100_000;

/// What a group should be. Its JSON has the shape of a group in a manifest, without the labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Spec {
    /// The image to run.
    pub image: String,
    /// The command instead of the image's own: program and arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Arguments for the image's entry point.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Ports by name, in the order written: the engine knows them by number.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub ports: IndexMap<String, Port>,
    /// Environment variables.
    #[serde(default, skip_serializing_if = "Environment::is_empty")]
    pub environment: Environment,
    /// How many containers.
    pub instances: u32,
    /// What each container takes.
    #[serde(flatten)]
    pub resources: Resources,
    /// Directories of the host inside the container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// Where containers may run, in the engine's own terms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    /// Where containers may run, in Theseus's terms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_constraints: Vec<CustomConstraint>,
    /// Whether the image is pulled even where it is there already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force_pull: bool,
    /// The network that containers join.
    #[serde(default)]
    pub network: Network,
    /// Options of the container engine, by name; one name may have several values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Vec<String>>,
    /// Files to fetch into the container's working directory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fetch: Vec<Fetch>,
    /// The engine's own labels, passed on untouched.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// How to see whether a container is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// How a new revision replaces the former one.
    #[serde(default)]
    pub update: Update,
    /// The groups that must serve before this one is begun, in alphabetical order. Only Theseus
    /// reads it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<GroupId>,
}

impl Spec {
    /// A spec with this image, and the manifest's defaults for everything else.
    pub fn new(image: impl Into<String>) -> Self {
        Self {
            image: image.into(),
            command: Vec::new(),
            args: Vec::new(),
            ports: IndexMap::new(),
            environment: Environment::default(),
            instances: 1,
            resources: Resources {
                cpus: 0.3,
                mem: 512.0,
                disk: 0.0,
            },
            volumes: Vec::new(),
            constraints: Vec::new(),
            custom_constraints: Vec::new(),
            force_pull: false,
            network: Network::default(),
            parameters: BTreeMap::new(),
            fetch: Vec::new(),
            metadata: BTreeMap::new(),
            health: None,
            update: Update::default(),
            depends_on: Vec::new(),
        }
    }

    /// Whether each container has a host of its own, and how long that may be gone until another
    /// takes its place.
    pub fn fixed_host(&self) -> Option<Option<Duration>> {
        self.custom_constraints
            .iter()
            .find_map(|constraint| match constraint {
                CustomConstraint::FixedHost { relocate_after } => Some(*relocate_after),
                _ => None,
            })
    }

    /// Why the old container of a slot has to be gone before the new one starts, in words; `None`
    /// when both can run side by side.
    ///
    /// Without fixed hosts only `order: stop-first` is a reason: the new one finds another host,
    /// where nobody holds the port or the directory.
    pub fn why_stop_first(&self) -> Option<&'static str> {
        if self.update.order == Order::StopFirst {
            return Some("its update has order: stop-first");
        }
        self.fixed_host()?;
        if self.network == Network::Host && !self.ports.is_empty() {
            return Some("it stays on its host, where both would listen on the same ports");
        }
        if self.ports.values().any(|port| port.host.is_some()) {
            return Some("it stays on its host, of which both would need the same port");
        }
        let is_written = |volume: &Volume| volume.access == Access::ReadWrite;
        if self.volumes.iter().any(is_written) {
            return Some("it stays on its host, where both would write to the same directory");
        }
        None
    }

    /// Whether both are the same. What is recorded and what is wanted often share one spec, which
    /// needs not be compared with itself.
    pub fn same_as(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || self == other
    }

    /// Whether containers of both specs are the same: they differ at most in how many there are,
    /// and in what only Theseus reads. All else restarts every container.
    pub fn containers_equal(&self, other: &Self) -> bool {
        if std::ptr::eq(self, other) {
            return true;
        }
        // Taken apart, so that a new field cannot be forgotten here.
        let Self {
            image,
            command,
            args,
            ports,
            environment,
            instances: _,
            resources,
            volumes,
            constraints,
            custom_constraints,
            force_pull,
            network,
            parameters,
            fetch,
            metadata,
            health,
            update: _,
            depends_on: _,
        } = self;
        *image == other.image
            && *command == other.command
            && *args == other.args
            && *ports == other.ports
            && *environment == other.environment
            && *resources == other.resources
            && *volumes == other.volumes
            && *constraints == other.constraints
            && custom::hosts_equal(custom_constraints, &other.custom_constraints)
            && *force_pull == other.force_pull
            && *network == other.network
            && *parameters == other.parameters
            && *fetch == other.fetch
            && *metadata == other.metadata
            && *health == other.health
    }
}

/// A port that a container listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The number inside the container.
    pub container: u16,
    /// The number on the host; any free one when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<u16>,
    /// The number that load balancers know it by; one that the engine picks when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<u16>,
    /// What is spoken below.
    #[serde(default)]
    pub protocol: Protocol,
}

impl Port {
    /// A TCP port with this number inside the container, and any number outside.
    pub fn tcp(container: u16) -> Self {
        Self {
            container,
            host: None,
            service: None,
            protocol: Protocol::Tcp,
        }
    }
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// The network that containers join.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Network {
    /// Each container has its own ports, mapped to ports of the host.
    #[default]
    Bridge,
    /// The host's own.
    Host,
    /// A network of this name.
    Named(String),
}

impl From<String> for Network {
    fn from(name: String) -> Self {
        match name.as_str() {
            "bridge" => Self::Bridge,
            "host" => Self::Host,
            _ => Self::Named(name),
        }
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        match network {
            Network::Bridge => "bridge".to_owned(),
            Network::Host => "host".to_owned(),
            Network::Named(name) => name,
        }
    }
}

/// A file to fetch before a container starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch {
    /// Where it is.
    pub uri: String,
    /// Whether an archive is unpacked.
    #[serde(default = "yes")]
    pub extract: bool,
    /// Whether it is made executable.
    #[serde(default)]
    pub executable: bool,
    /// Whether the host may keep it for the next container.
    #[serde(default)]
    pub cache: bool,
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EnvValue, Probe};

    /// A spec with this changed.
    fn with(change: impl FnOnce(&mut Spec)) -> Spec {
        let mut spec = Spec::new("db");
        change(&mut spec);
        spec
    }

    #[test]
    fn two_containers_of_a_slot_cannot_share_a_port_or_a_directory() {
        let port = Port {
            host: Some(31_432),
            ..Port::tcp(5432)
        };
        let free = with(|spec| {
            spec.ports.insert("sql".to_owned(), Port::tcp(5432));
            spec.volumes.push("/etc/db:/etc/db:ro".parse().unwrap());
        });
        let reserved = with(|spec| {
            spec.ports.insert("sql".to_owned(), port);
        });
        let listening = with(|spec| {
            spec.network = Network::Host;
            spec.ports.insert("sql".to_owned(), Port::tcp(5432));
        });
        let silent = with(|spec| spec.network = Network::Host);
        let writing = with(|spec| spec.volumes.push("/srv/db:/data".parse().unwrap()));

        for (spec, word) in [
            (free, None),
            (silent, None),
            (reserved, Some("same port")),
            (listening, Some("same ports")),
            (writing, Some("same directory")),
        ] {
            assert_eq!(spec.why_stop_first(), None, "on another host: {spec:?}");
            let mut fixed = spec;
            fixed.custom_constraints = vec![CustomConstraint::fixed_host()];
            let why = fixed.why_stop_first();
            assert_eq!(why.is_some(), word.is_some(), "{fixed:?}");
            assert!(why.unwrap_or_default().ends_with(word.unwrap_or_default()));
        }
    }

    #[test]
    fn stop_first_is_asked_for_on_any_host() {
        let spec = with(|spec| spec.update.order = Order::StopFirst);
        assert_eq!(
            spec.why_stop_first(),
            Some("its update has order: stop-first")
        );
    }

    #[test]
    fn for_how_long_a_host_is_waited_for_is_nothing_to_its_containers() {
        let placed =
            |custom: &[CustomConstraint]| with(|spec| spec.custom_constraints = custom.to_vec());
        let waiting = CustomConstraint::FixedHost {
            relocate_after: Some(Duration::from_secs(600)),
        };
        let rack = CustomConstraint::SpreadBy("rack".to_owned());
        let fixed = placed(&[CustomConstraint::fixed_host(), rack.clone()]);
        assert!(fixed.containers_equal(&placed(&[waiting.clone(), rack])));
        assert!(!fixed.containers_equal(&placed(&[waiting])));
        assert!(!fixed.containers_equal(&placed(&[])));
    }

    #[test]
    fn a_spec_survives_its_json() {
        let mut spec = Spec::new("54.189.193.228:5000/flask");
        spec.ports.insert("ssh".to_owned(), Port::tcp(22));
        spec.ports.insert(
            "api".to_owned(),
            Port {
                host: Some(80),
                protocol: Protocol::Udp,
                ..Port::tcp(5000)
            },
        );
        spec.environment
            .0
            .insert("A".to_owned(), EnvValue::Plain("b".to_owned()));
        spec.environment.0.insert(
            "S".to_owned(),
            EnvValue::Secret {
                secret: "name".to_owned(),
            },
        );
        spec.resources.cpus = 0.1;
        spec.volumes.push("/a:/b:ro".parse().unwrap());
        spec.constraints.push(
            vec!["rack".to_owned(), "group_by".to_owned(), "3".to_owned()]
                .try_into()
                .unwrap(),
        );
        spec.custom_constraints.push(CustomConstraint::fixed_host());
        spec.network = Network::Named("weave".to_owned());
        spec.health = Some(Health::new(Probe::Http {
            port: "api".to_owned(),
            path: "/".to_owned(),
        }));
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<Spec>(&json).unwrap(), spec, "{json}");
    }
}
