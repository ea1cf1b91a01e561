//! What a group should be.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::duration;
use super::environment::Environment;
use super::resources::Resources;
use super::update::Update;

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
        }
    }

    /// Whether containers of both specs are the same: they differ at most in how many there are,
    /// and in what only Theseus reads. All else restarts every container.
    pub fn containers_equal(&self, other: &Self) -> bool {
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
        } = self;
        *image == other.image
            && *command == other.command
            && *args == other.args
            && *ports == other.ports
            && *environment == other.environment
            && *resources == other.resources
            && *volumes == other.volumes
            && *constraints == other.constraints
            && *custom_constraints == other.custom_constraints
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

/// A directory of the host inside the container: `/host/path:/container/path[:ro|rw]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Volume {
    /// Where it is on the host.
    pub host: String,
    /// Where it is inside.
    pub container: String,
    /// What the container may do with it.
    pub access: Access,
}

/// What a container may do with a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    ReadOnly,
    /// Read and write.
    ReadWrite,
}

/// Why a text is no volume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a volume is written /host/path:/container/path, with :ro or :rw behind it")]
pub struct VolumeError;

impl FromStr for Volume {
    type Err = VolumeError;

    fn from_str(text: &str) -> Result<Self, VolumeError> {
        let mut parts = text.split(':');
        let (Some(host), Some(container), access, None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(VolumeError);
        };
        let access = match access {
            None | Some("rw" | "RW") => Access::ReadWrite,
            Some("ro" | "RO") => Access::ReadOnly,
            Some(_) => return Err(VolumeError),
        };
        if host.is_empty() || !container.starts_with('/') {
            return Err(VolumeError);
        }
        Ok(Self {
            host: host.to_owned(),
            container: container.to_owned(),
            access,
        })
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.access {
            Access::ReadOnly => "ro",
            Access::ReadWrite => "rw",
        };
        write!(f, "{}:{}:{access}", self.host, self.container)
    }
}

impl TryFrom<String> for Volume {
    type Error = VolumeError;

    fn try_from(text: String) -> Result<Self, VolumeError> {
        text.parse()
    }
}

impl From<Volume> for String {
    fn from(volume: Volume) -> Self {
        volume.to_string()
    }
}

/// A constraint in the engine's terms: `[field, OPERATOR]` or `[field, OPERATOR, value]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Constraint {
    /// `hostname`, or an attribute of the host.
    pub field: String,
    /// What must hold of the field.
    pub operator: Operator,
    /// What the operator compares with, where it takes something.
    pub value: Option<String>,
}

impl TryFrom<Vec<String>> for Constraint {
    type Error = String;

    fn try_from(words: Vec<String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let (Some(field), Some(operator), value, None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err("a constraint is [field, OPERATOR] or [field, OPERATOR, value]".to_owned());
        };
        let operator = operator.parse()?;
        Ok(Self {
            field,
            operator,
            value,
        })
    }
}

impl From<Constraint> for Vec<String> {
    fn from(constraint: Constraint) -> Self {
        let mut words = vec![constraint.field, constraint.operator.to_string()];
        words.extend(constraint.value);
        words
    }
}

/// What a constraint asks of its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// At most one container per value.
    Unique,
    /// All containers on one value.
    Cluster,
    /// Containers spread evenly over the values.
    GroupBy,
    /// The value matches a regular expression.
    Like,
    /// The value matches it not.
    Unlike,
    /// At most so many containers per value.
    MaxPer,
    /// The value is exactly this.
    Is,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Self; 7] = [
        Self::Unique,
        Self::Cluster,
        Self::GroupBy,
        Self::Like,
        Self::Unlike,
        Self::MaxPer,
        Self::Is,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unique => "UNIQUE",
            Self::Cluster => "CLUSTER",
            Self::GroupBy => "GROUP_BY",
            Self::Like => "LIKE",
            Self::Unlike => "UNLIKE",
            Self::MaxPer => "MAX_PER",
            Self::Is => "IS",
        }
    }
}

impl FromStr for Operator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|operator| operator.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                let known = Self::ALL.map(Self::as_str).join(", ");
                format!("{text:?} is no operator; known are {known}")
            })
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A constraint that Theseus itself looks after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CustomConstraint {
    /// A container that was killed comes back on the host where it ran.
    FixedHost,
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

/// How to see whether a container is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Health {
    /// What is tried.
    #[serde(flatten)]
    pub probe: Probe,
    /// How long after the start failures do not count.
    #[serde(with = "duration")]
    pub grace: Duration,
    /// How often it is tried.
    #[serde(with = "duration")]
    pub interval: Duration,
    /// How long an answer may take.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// After how many failures in a row the container is killed; 0 for never.
    pub failures: u32,
}

impl Health {
    /// The check with the manifest's defaults.
    pub fn new(probe: Probe) -> Self {
        Self {
            probe,
            grace: Duration::from_secs(300),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(20),
            failures: 3,
        }
    }
}

/// What a health check tries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// A GET that must be answered with a status from 200 to 399.
    Http {
        /// The name of the port.
        port: String,
        /// The path.
        path: String,
    },
    /// A connection that must be accepted.
    Tcp {
        /// The name of the port.
        port: String,
    },
    /// A command that must exit with 0.
    Command(String),
}

impl Probe {
    /// The name of the port that is tried, if one is.
    pub fn port(&self) -> Option<&str> {
        match self {
            Self::Http { port, .. } | Self::Tcp { port } => Some(port),
            Self::Command(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EnvValue;

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
        spec.custom_constraints.push(CustomConstraint::FixedHost);
        spec.network = Network::Named("weave".to_owned());
        spec.health = Some(Health::new(Probe::Http {
            port: "api".to_owned(),
            path: "/".to_owned(),
        }));
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<Spec>(&json).unwrap(), spec, "{json}");
    }

    #[test]
    fn volumes() {
        for (text, shown) in [
            ("/a:/b", "/a:/b:rw"),
            ("/a:/b:ro", "/a:/b:ro"),
            ("data:/b:RW", "data:/b:rw"),
        ] {
            assert_eq!(text.parse::<Volume>().unwrap().to_string(), shown);
        }
        for bad in ["", "/a", "/a:b", ":/b", "/a:/b:x", "/a:/b:ro:"] {
            assert_eq!(bad.parse::<Volume>(), Err(VolumeError), "{bad}");
        }
    }
}
