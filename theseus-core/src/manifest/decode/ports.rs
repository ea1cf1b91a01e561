//! The ports of a group: by name a number, or a number for each side.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::manifest::finding::Spot;
use crate::manifest::text::Span;
use crate::manifest::tree::{Node, Value};
use crate::model::{Network, Port, Protocol};

use super::context::{Cx, Field, put};
use super::require;

const PORT: &str = "a port from 1 to 65535";

/// A number, and where it is.
type Written = Option<(u16, Span)>;

/// A port while it is being decoded.
#[derive(Debug, Default)]
struct Draft {
    container: Written,
    host: Written,
    service: Written,
    protocol: Protocol,
}

const FIELDS: &[Field<Draft>] = &[
    ("container", |cx, draft, node| {
        draft.container = number(cx, node, PORT);
    }),
    ("host", |cx, draft, node| {
        draft.host = number(cx, node, PORT);
    }),
    ("service", |cx, draft, node| {
        draft.service = number(cx, node, PORT);
    }),
    ("protocol", |cx, draft, node| {
        let protocols = [("tcp", Protocol::Tcp), ("udp", Protocol::Udp)];
        put(&mut draft.protocol, cx.one_of(node, &protocols));
    }),
];

/// Decodes the ports by name. A port with a fault keeps its place, so that a health check that
/// names it is not blamed.
pub(super) fn ports<'t>(
    cx: &mut Cx<'t>,
    node: &'t Node<'t>,
    network: &Network,
) -> IndexMap<String, Port> {
    let mut ports = IndexMap::new();
    let mut taken = Taken::default();
    cx.entries(
        node,
        "a map of ports, as in {api: 5000}",
        |cx, name, key, node| {
            cx.name(name, key);
            let draft = port(cx, node, key);
            taken.check(cx, &draft);
            if *network == Network::Host {
                check_host_network(cx, &draft);
            }
            let number = |written: Written| written.map(|(number, _)| number);
            let port = Port {
                container: number(draft.container).unwrap_or_default(),
                host: number(draft.host),
                service: number(draft.service),
                protocol: draft.protocol,
            };
            ports.insert(name.to_owned(), port);
        },
    );
    ports
}

fn port<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>, key: Span) -> Draft {
    let mut draft = Draft::default();
    if let Value::Map(_) = &node.value {
        if let Some(map) = cx.fields(node, PORT, FIELDS, &mut draft) {
            let help = "the number inside the container, as in {container: 5000, host: 80}";
            require(cx, map, &[("container", help)], key);
        }
    } else {
        draft.container = number(cx, node, PORT);
    }
    draft
}

fn number(cx: &mut Cx<'_>, node: &Node<'_>, what: &str) -> Written {
    let number = cx.whole(node, what, 1..=u32::from(u16::MAX))?;
    Some((u16::try_from(number).ok()?, node.span))
}

/// On the host's own network there is nothing between the two sides.
fn check_host_network(cx: &mut Cx<'_>, draft: &Draft) {
    if let (Some((container, _)), Some((host, at))) = (draft.container, draft.host)
        && container != host
    {
        cx.at_key("host", |cx| {
            cx.fault(at, format!("expected {container} here too, found {host}"))
                .help("on the network \"host\" a port has one number inside and outside");
        });
    }
}

/// The ports that a group uses already, and where.
#[derive(Debug, Default)]
struct Taken {
    container: BTreeMap<(u16, &'static str), Spot>,
    host: BTreeMap<u16, Spot>,
    service: BTreeMap<u16, Spot>,
}

impl Taken {
    fn check(&mut self, cx: &mut Cx<'_>, draft: &Draft) {
        let protocol = match draft.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        if let Some((number, at)) = draft.container {
            once(cx, &mut self.container, (number, protocol), at, || {
                format!("the container's port {number}/{protocol}")
            });
        }
        // A host gives each of its numbers away once, whatever is spoken there.
        if let Some((number, at)) = draft.host {
            once(cx, &mut self.host, number, at, || {
                format!("the host's port {number}")
            });
        }
        if let Some((number, at)) = draft.service {
            once(cx, &mut self.service, number, at, || {
                format!("the service port {number}")
            });
        }
    }
}

/// Notes a number that is used a second time.
fn once<K: Ord>(
    cx: &mut Cx<'_>,
    taken: &mut BTreeMap<K, Spot>,
    number: K,
    at: Span,
    what: impl FnOnce() -> String,
) {
    let spot = cx.spot(at);
    if let Some(first) = taken.insert(number, spot) {
        cx.fault(at, format!("{} is used twice", what()))
            .related(first, "first");
    }
}
