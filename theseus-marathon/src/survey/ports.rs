//! Networks and ports as an app has them, in whatever form.

use indexmap::IndexMap;
use serde_json::{Value, json};
use theseus_core::model::{Network, Port, Protocol};

use super::fields::{Fields, Remarks};

/// How an app is wired.
pub(super) struct Wiring {
    pub(super) network: Network,
    pub(super) ports: IndexMap<String, Port>,
}

/// A port as it is written, in its place among the others.
#[derive(Default)]
struct Written {
    name: Option<String>,
    /// Inside the container; the same as on the host where that is all one.
    container: Option<u16>,
    host: Option<u16>,
    service: Option<u16>,
    protocol: Protocol,
}

/// Reads the wiring. `docker` and `container` are those of the app, if it has any; `Err` tells why
/// its ports cannot be told apart.
pub(super) fn wiring(
    app: &mut Fields,
    container: Option<&mut Fields>,
    docker: Option<&mut Fields>,
    is_deimos: bool,
    remarks: &mut Remarks,
) -> Result<Wiring, String> {
    let (network, mappings) = network(app, container, docker, is_deimos, remarks);
    let requires_ports = app.take("requirePorts", remarks).unwrap_or(false);
    let definitions = app.each("portDefinitions", remarks);
    let numbers: Vec<u16> = app.take("ports", remarks).unwrap_or_default();
    let ports = match network {
        // Before there were bridges, the numbers were all there was, on either side.
        Network::Bridge if is_deimos => numbers
            .into_iter()
            .map(|number| Written {
                container: number_of(number),
                ..Written::default()
            })
            .collect(),
        Network::Host if definitions.is_empty() => {
            let ports = numbers.into_iter();
            ports
                .map(|number| on_host(number, requires_ports))
                .collect()
        }
        Network::Host => {
            let ports = definitions.into_iter();
            ports
                .map(|definition| defined(definition, requires_ports, remarks))
                .collect()
        }
        // Marathon fills the others in from the mappings.
        Network::Bridge | Network::Named(_) => {
            let mappings = mappings.into_iter();
            mappings
                .map(|mapping| mapped(mapping, &network, remarks))
                .collect::<Result<Vec<_>, _>>()?
        }
    };
    Ok(Wiring {
        ports: named(ports),
        network,
    })
}

/// The network, and the mappings that go with it.
fn network(
    app: &mut Fields,
    mut container: Option<&mut Fields>,
    docker: Option<&mut Fields>,
    is_deimos: bool,
    remarks: &mut Remarks,
) -> (Network, Vec<Fields>) {
    let mut native = app.each("networks", remarks);
    let mut mappings = match &mut container {
        Some(container) => container.each("portMappings", remarks),
        None => Vec::new(),
    };
    let mut old = None;
    if let Some(docker) = docker {
        old = docker.take::<String>("network", remarks);
        let old_mappings = docker.each("portMappings", remarks);
        if mappings.is_empty() {
            mappings = old_mappings;
        }
    }
    let address = app.within("ipAddress", remarks);
    if !native.is_empty() {
        for further in native.drain(1..) {
            further.refuse(remarks);
        }
        let mut network = native.remove(0);
        let mode: Option<String> = network.take("mode", remarks);
        let name: Option<String> = network.take("name", remarks);
        network.finish(remarks);
        let network = match mode.as_deref() {
            Some("host") => Network::Host,
            Some("container/bridge") => Network::Bridge,
            _ => name.map_or(Network::Bridge, Network::Named),
        };
        return (network, mappings);
    }
    let named = address.and_then(|mut address| {
        let name: Option<String> = address.take("networkName", remarks);
        address.expect("discovery", &json!({"ports": []}));
        if name.is_some() {
            address.finish(remarks);
        } else {
            address.refuse(remarks);
        }
        name
    });
    let network = match (named, old.as_deref()) {
        (Some(name), _) => Network::Named(name),
        (None, Some("BRIDGE")) => Network::Bridge,
        (None, Some("HOST")) => Network::Host,
        (None, Some(other)) => {
            app.remark("container.docker.network", &Value::from(other), remarks);
            Network::Host
        }
        (None, None) if is_deimos => Network::Bridge,
        (None, None) => Network::Host,
    };
    (network, mappings)
}

/// 0 stands for any.
fn number_of(number: u16) -> Option<u16> {
    (number > 0).then_some(number)
}

/// On the host's own network a port has one number, required or only for load balancers.
fn on_host(number: u16, is_required: bool) -> Written {
    let number = number_of(number);
    if is_required {
        Written {
            container: number,
            host: number,
            ..Written::default()
        }
    } else {
        Written {
            service: number,
            ..Written::default()
        }
    }
}

fn defined(mut definition: Fields, is_required: bool, remarks: &mut Remarks) -> Written {
    let number = definition.take("port", remarks).unwrap_or(0);
    let written = Written {
        name: definition.take("name", remarks),
        protocol: protocol(&mut definition, remarks),
        ..on_host(number, is_required)
    };
    definition.finish(remarks);
    written
}

fn mapped(
    mut mapping: Fields,
    network: &Network,
    remarks: &mut Remarks,
) -> Result<Written, String> {
    let container: u16 = mapping.take("containerPort", remarks).unwrap_or(0);
    if container == 0 {
        return Err(
            "one of its ports has the same number inside as on the host, whichever that is"
                .to_owned(),
        );
    }
    let host: Option<u16> = mapping.take("hostPort", remarks);
    if matches!(network, Network::Named(_)) && host == Some(0) {
        mapping.remark("hostPort", &json!(0), remarks);
    }
    let service = mapping.take("servicePort", remarks).unwrap_or(0);
    if let Network::Named(name) = network {
        mapping.expect("networkNames", &json!([name]));
    }
    let written = Written {
        name: mapping.take("name", remarks),
        container: Some(container),
        host: host.and_then(number_of),
        service: number_of(service),
        protocol: protocol(&mut mapping, remarks),
    };
    mapping.finish(remarks);
    Ok(written)
}

fn protocol(port: &mut Fields, remarks: &mut Remarks) -> Protocol {
    match port.take::<String>("protocol", remarks).as_deref() {
        None | Some("tcp") => Protocol::Tcp,
        Some("udp") => Protocol::Udp,
        Some(other) => {
            port.remark("protocol", &Value::from(other), remarks);
            Protocol::Tcp
        }
    }
}

/// Gives each port a name, its own where it has one that a manifest takes, and a number inside.
fn named(written: Vec<Written>) -> IndexMap<String, Port> {
    let mut ports = IndexMap::new();
    let mut taken: Vec<(u16, Protocol)> = written
        .iter()
        .filter_map(|port| Some((port.container?, port.protocol)))
        .collect();
    let mut free = 1..;
    for (index, port) in written.into_iter().enumerate() {
        // Where nothing but the container's environment tells the number, it is in nobody's way.
        let container = port.container.or(port.service).unwrap_or_else(|| {
            let is_free = |number: &u16| !taken.contains(&(*number, port.protocol));
            free.by_ref().find(is_free).unwrap_or(u16::MAX)
        });
        if port.container.is_none() {
            taken.push((container, port.protocol));
        }
        let own = port.name.filter(|name| is_name(name));
        let own = own.filter(|name| !ports.contains_key(name));
        let number = port.container.or(port.service);
        let made_up = || {
            let by_number = number.map(|number| format!("port-{number}"));
            let by_number = by_number.filter(|name| !ports.contains_key(name));
            by_number.unwrap_or_else(|| format!("port-number-{}", index + 1))
        };
        let name = own.unwrap_or_else(made_up);
        ports.insert(
            name,
            Port {
                container,
                host: port.host,
                service: port.service,
                protocol: port.protocol,
            },
        );
    }
    ports
}

/// Whether a manifest may call a port so.
fn is_name(text: &str) -> bool {
    text.parse::<theseus_core::model::Label>().is_ok()
}
