//! Networks and ports, which Marathon has had several forms for.

use theseus_core::model::{Network, Protocol, Spec};

use crate::dialect::{Dialect, Feature};
use crate::wire::write;

/// How the network is said, in one of its forms: never two of them in one body.
#[derive(Default)]
pub(super) struct Wiring<'a> {
    pub(super) networks: Option<[write::Network<'a>; 1]>,
    pub(super) port_mappings: Option<Vec<write::PortMapping<'a>>>,
    pub(super) docker_network: Option<&'static str>,
    pub(super) docker_port_mappings: Option<Vec<write::PortMapping<'a>>>,
    pub(super) ip_address: Option<write::IpAddress<'a>>,
    pub(super) port_definitions: Option<Vec<write::PortDefinition<'a>>>,
    pub(super) ports: Option<Vec<u16>>,
    pub(super) require_ports: Option<bool>,
}

impl<'a> Wiring<'a> {
    /// Lists of ports are said even when they are empty: left out, Marathon would make up a port.
    pub(super) fn of(spec: &'a Spec, dialect: Dialect) -> Self {
        let (mode, docker_network, name) = match &spec.network {
            Network::Bridge => ("container/bridge", "BRIDGE", None),
            Network::Host => ("host", "HOST", None),
            Network::Named(name) => ("container", "USER", Some(name.as_str())),
        };
        let mut wiring = Self::default();
        let mappings = if spec.network == Network::Host {
            if dialect.has(Feature::PortDefinitions) {
                wiring.port_definitions = Some(port_definitions(spec));
            } else {
                wiring.ports = Some(host_ports(spec).collect());
            }
            wiring.require_ports = Some(has_fixed_ports(spec));
            None
        } else {
            Some(port_mappings(spec, dialect))
        };
        if dialect.has(Feature::Networks) {
            wiring.networks = Some([write::Network { mode, name }]);
            wiring.port_mappings = mappings;
        } else if dialect.has(Feature::Bridge) {
            wiring.docker_network = Some(docker_network);
            wiring.docker_port_mappings = mappings;
            wiring.ip_address = name.map(|network_name| write::IpAddress { network_name });
        }
        wiring
    }
}

/// Behind a bridge every port has one of the host's, any unless it is given; on a network where
/// containers have their own addresses only those have that ask for it.
fn port_mappings(spec: &Spec, dialect: Dialect) -> Vec<write::PortMapping<'_>> {
    let named = dialect.has(Feature::PortDefinitions);
    let any = (spec.network == Network::Bridge).then_some(0);
    spec.ports
        .iter()
        .map(|(name, port)| write::PortMapping {
            container_port: port.container,
            host_port: port.host.or(any),
            service_port: port.service.unwrap_or(0),
            protocol: protocol(port.protocol),
            name: legal_name(name).filter(|_| named),
        })
        .collect()
}

/// On the host's network a container finds the numbers that it got in its environment, unless the
/// manifest insists on some: then all of them are required, because Marathon requires all or none,
/// and a port without a number of the host's is the one inside, which is the same there.
fn host_ports(spec: &Spec) -> impl Iterator<Item = u16> {
    let fixed = has_fixed_ports(spec);
    spec.ports.values().map(move |port| {
        if fixed {
            port.host.unwrap_or(port.container)
        } else {
            port.service.unwrap_or(0)
        }
    })
}

fn port_definitions(spec: &Spec) -> Vec<write::PortDefinition<'_>> {
    let ports = spec.ports.iter().zip(host_ports(spec));
    ports
        .map(|((name, port), number)| write::PortDefinition {
            port: number,
            protocol: protocol(port.protocol),
            name: legal_name(name),
        })
        .collect()
}

fn has_fixed_ports(spec: &Spec) -> bool {
    spec.ports.values().any(|port| port.host.is_some())
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

/// The name, where Marathon takes it for one. Theseus itself knows ports by their order.
fn legal_name(name: &str) -> Option<&str> {
    let alphanumeric = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    let bytes = name.as_bytes();
    let legal = bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
        && bytes.iter().all(|byte| alphanumeric(byte) || *byte == b'-');
    legal.then_some(name)
}
