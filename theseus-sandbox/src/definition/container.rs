//! Containers, their ports and their networks.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::nullable;
use crate::behaviour;
use crate::version::MarathonVersion;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container {
    #[serde(rename = "type", default)]
    pub(crate) kind: ContainerKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) docker: Option<Docker>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) volumes: Vec<Volume>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) port_mappings: Option<Vec<PortMapping>>,
    /// Kept and handed back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    appc: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    linux_info: Option<Value>,
}

impl Container {
    /// One without an image.
    pub(super) fn bare() -> Self {
        Self {
            kind: ContainerKind::Mesos,
            docker: None,
            volumes: Vec::new(),
            port_mappings: None,
            appc: None,
            linux_info: None,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ContainerKind {
    #[default]
    Docker,
    Mesos,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Docker {
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) force_pull_image: bool,
    pub(crate) image: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) parameters: Vec<Parameter>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) privileged: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pull_config: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) credential: Option<Value>,
    /// Before 1.5 the network was Docker's; since then it is translated and forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) network: Option<DockerNetwork>,
    /// So were the mappings, which are always kept by the container here.
    #[serde(default, skip_serializing)]
    pub(super) port_mappings: Option<Vec<PortMapping>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum DockerNetwork {
    Host,
    Bridge,
    User,
    None,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Parameter {
    pub(super) key: String,
    pub(super) value: String,
}

/// A host path, or one of the volumes that the sandbox only keeps and hands back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Volume {
    pub(super) container_path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) host_path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mode: Option<VolumeMode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) persistent: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) external: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum VolumeMode {
    Ro,
    Rw,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PortMapping {
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) container_port: u16,
    /// Absent on a container network: the container is reached by its own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host_port: Option<u16>,
    #[serde(default, deserialize_with = "nullable")]
    labels: Labels,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(crate) network_names: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) protocol: PortProtocol,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) service_port: u16,
}

impl PortMapping {
    /// What a container with a network of its own gets since 1.5, if nothing is said of its ports.
    pub(super) fn by_default() -> Self {
        Self {
            name: Some("default".into()),
            ..Self::default()
        }
    }
}

pub(crate) type Labels = indexmap::IndexMap<String, String>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PortProtocol {
    #[default]
    Tcp,
    Udp,
    #[serde(rename = "udp,tcp", alias = "tcp,udp")]
    Both,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PortDefinition {
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Labels::is_empty"
    )]
    labels: Labels,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) port: u16,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) protocol: PortProtocol,
}

impl PortDefinition {
    pub(super) fn on(port: u16) -> Self {
        Self {
            port,
            ..Self::default()
        }
    }

    /// What an app gets that says nothing of its ports.
    pub(super) fn by_default(version: MarathonVersion) -> Vec<Self> {
        if version.has(behaviour::NO_DEFAULT_PORT) {
            return Vec::new();
        }
        let name = version.has(behaviour::DEFAULT_PORT_NAME);
        vec![Self {
            name: name.then(|| "default".into()),
            ..Self::default()
        }]
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Network {
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) mode: NetworkMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Labels::is_empty"
    )]
    pub(crate) labels: Labels,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NetworkMode {
    #[default]
    Container,
    #[serde(rename = "container/bridge")]
    Bridge,
    Host,
}

impl Network {
    /// What the network of Docker and the address of an app meant before 1.5.
    pub(super) fn of_old(network: Option<DockerNetwork>, address: Option<&IpAddress>) -> Self {
        match (network, address) {
            (Some(DockerNetwork::Bridge), _) => Self::of(NetworkMode::Bridge, None),
            (Some(DockerNetwork::User), _) | (None, Some(_)) => Self {
                labels: address.map(|it| it.labels.clone()).unwrap_or_default(),
                ..Self::of(
                    NetworkMode::Container,
                    address.and_then(|it| it.network_name.clone()),
                )
            },
            (Some(DockerNetwork::Host | DockerNetwork::None), _) | (None, None) => {
                Self::of(NetworkMode::Host, None)
            }
        }
    }

    pub(super) fn of(mode: NetworkMode, name: Option<String>) -> Self {
        Self {
            mode,
            name,
            labels: Labels::new(),
        }
    }
}

/// The network of an app before 1.5, where it has an address of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct IpAddress {
    #[serde(deserialize_with = "nullable")]
    pub(super) groups: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) labels: Labels,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) discovery: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) network_name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fetch {
    pub(super) uri: String,
    #[serde(default = "yes")]
    extract: bool,
    #[serde(default, deserialize_with = "nullable")]
    executable: bool,
    #[serde(default, deserialize_with = "nullable")]
    cache: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dest_path: Option<String>,
}

fn yes() -> bool {
    true
}

impl Fetch {
    pub(super) fn plain(uri: String) -> Self {
        Self {
            uri,
            extract: true,
            executable: false,
            cache: false,
            dest_path: None,
        }
    }
}
