//! From groups and their specs to a manifest in YAML: the way back, for people to read and to go on
//! with. What a spec says is written; what it only leaves at its default is not, but for what
//! everybody looks for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::model::environment::MASK;
use crate::model::{
    EnvValue, Fetch, GroupId, Health, Network, Port, Probe, Protocol, Spec, Update, duration,
    looks_secret,
};

/// What becomes of values that look secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// They are written.
    Shown,
    /// Something else stands in their place, which no manifest may say: so nobody deploys it
    /// unawares.
    Hidden,
}

/// A value, by how it is written.
enum Node {
    /// In one line, as it is.
    Line(String),
    Map(Vec<(String, Self)>),
    List(Vec<Self>),
}

/// How far an update may go.
const BOUNDS: [&str; 2] = ["max-surge", "max-unavailable"];

/// A list that is no longer is written in one line.
const WIDTH: usize = 72;

/// The manifest that deploys these groups.
pub fn write<'a>(
    groups: impl IntoIterator<Item = (&'a GroupId, &'a Arc<Spec>)>,
    secrets: Secrets,
) -> String {
    let mut services: BTreeMap<&str, Vec<Node>> = BTreeMap::new();
    for (id, spec) in groups {
        let groups = services.entry(id.service.as_str()).or_default();
        groups.push(group(id, spec, secrets));
    }
    let services = services.into_iter().map(|(service, mut groups)| {
        let node = match groups.len() {
            1 => groups.remove(0),
            _ => Node::List(groups),
        };
        (service.to_owned(), node)
    });
    let manifest = Node::Map(vec![("deploy".to_owned(), Node::Map(services.collect()))]);
    let mut text = String::new();
    manifest.write(&mut text, 0);
    text
}

/// The variables of a spec whose values are not written when secrets are hidden.
pub fn hidden(spec: &Spec) -> impl Iterator<Item = &str> {
    let variables = spec.environment.0.iter();
    variables
        .filter(|(name, value)| is_hidden(name, value))
        .map(|(name, _)| name.as_str())
}

fn is_hidden(name: &str, value: &EnvValue) -> bool {
    matches!(value, EnvValue::Plain(_)) && looks_secret(name)
}

fn group(id: &GroupId, spec: &Spec, secrets: Secrets) -> Node {
    // Taken apart, so that a new field cannot be forgotten here.
    let Spec {
        image,
        command,
        args,
        ports,
        environment,
        instances,
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
        update,
        depends_on,
    } = spec;
    let ports = ports.iter().map(|(name, it)| (name.clone(), port(*it)));
    let environment = environment.0.iter().map(|(name, value)| {
        let shown = match value {
            EnvValue::Plain(_) if secrets == Secrets::Hidden && is_hidden(name, value) => {
                text(MASK)
            }
            value => plain(value),
        };
        (name.clone(), shown)
    });
    let parameters = parameters.iter().map(|(name, values)| {
        let values = match &values[..] {
            [value] => text(value),
            values => plain(values),
        };
        (name.clone(), values)
    });
    let fields = [
        ("labels", plain(&id.labels)),
        ("image", text(image)),
        ("instances", plain(instances)),
        ("cpus", number(resources.cpus)),
        ("mem", number(resources.mem)),
        (
            "disk",
            unless(resources.disk == 0.0, || number(resources.disk)),
        ),
        (
            "network",
            unless(*network == Network::Bridge, || plain(network)),
        ),
        ("ports", Node::Map(ports.collect())),
        ("environment", Node::Map(environment.collect())),
        ("command", plain(command)),
        ("args", plain(args)),
        ("volumes", block(volumes)),
        ("force-pull", unless(!force_pull, || plain(force_pull))),
        ("parameters", Node::Map(parameters.collect())),
        ("fetch", Node::List(fetch.iter().map(file).collect())),
        ("metadata", plain(metadata)),
        ("constraints", block(constraints)),
        ("custom-constraints", block(custom_constraints)),
        ("depends-on", plain(depends_on)),
        (
            "health",
            health.as_ref().map_or(Node::List(Vec::new()), check),
        ),
        ("update", changed(update)),
    ];
    let says_something = fields.into_iter().filter(|(_, node)| !node.is_empty());
    Node::Map(
        says_something
            .map(|(name, node)| (name.to_owned(), node))
            .collect(),
    )
}

/// Nothing where a field is at its default.
fn unless(is_default: bool, node: impl FnOnce() -> Node) -> Node {
    if is_default {
        Node::List(Vec::new())
    } else {
        node()
    }
}

fn port(port: Port) -> Node {
    if port == Port::tcp(port.container) {
        return plain(&port.container);
    }
    let number = |number: Option<u16>| unless(number.is_none(), || plain(&number));
    let fields = [
        ("container", plain(&port.container)),
        ("host", number(port.host)),
        ("service", number(port.service)),
        (
            "protocol",
            unless(port.protocol == Protocol::Tcp, || plain(&port.protocol)),
        ),
    ];
    let fields = fields.into_iter().filter(|(_, node)| !node.is_empty());
    Node::Map(fields.map(|(name, node)| (name.to_owned(), node)).collect()).in_one_line()
}

fn file(fetch: &Fetch) -> Node {
    let plainest = Fetch {
        uri: fetch.uri.clone(),
        extract: true,
        executable: false,
        cache: false,
    };
    if *fetch == plainest {
        return text(&fetch.uri);
    }
    plain(fetch)
}

fn check(health: &Health) -> Node {
    let of_port = |port: &str, path: Option<&str>| {
        let path = path.map(|path| ("path".to_owned(), text(path)));
        let fields = std::iter::once(("port".to_owned(), text(port))).chain(path);
        Node::Map(fields.collect()).in_one_line()
    };
    let (name, probe) = match &health.probe {
        Probe::Http { port, path } => ("http", of_port(port, Some(path))),
        Probe::Tcp { port } => ("tcp", of_port(port, None)),
        Probe::Command(line) => ("command", text(line)),
    };
    let fields = [
        (name, probe),
        ("grace", text(&duration::format(health.grace))),
        ("interval", text(&duration::format(health.interval))),
        ("timeout", text(&duration::format(health.timeout))),
        ("failures", plain(&health.failures)),
    ];
    Node::Map(fields.map(|(name, node)| (name.to_owned(), node)).into())
}

/// What differs from an update of which nothing is said. Where something is, its bounds are said too:
/// what they are by default depends on the rest.
fn changed(update: &Update) -> Node {
    if *update == Update::default() {
        return Node::Map(Vec::new());
    }
    let usual = serde_json::to_value(Update::default()).unwrap_or_default();
    match serde_json::to_value(update).unwrap_or_default() {
        Value::Object(fields) => {
            let changed = fields.into_iter().filter(|(name, value)| {
                BOUNDS.contains(&&**name) || usual.get(name) != Some(value)
            });
            Node::from(Value::Object(changed.collect()))
        }
        other => Node::from(other),
    }
}

/// A value as its JSON has it.
fn plain(value: &(impl Serialize + ?Sized)) -> Node {
    Node::from(serde_json::to_value(value).unwrap_or_default())
}

/// A list with one item a line.
fn block(items: &[impl Serialize]) -> Node {
    Node::List(items.iter().map(plain).collect())
}

fn text(text: &str) -> Node {
    Node::Line(quoted(text))
}

fn number(number: f64) -> Node {
    Node::Line(number.to_string())
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::List(Vec::new()),
            Value::Bool(value) => Self::Line(value.to_string()),
            Value::Number(value) => Self::Line(value.to_string()),
            Value::String(value) => text(&value),
            Value::Array(items) => {
                let items: Vec<Self> = items.into_iter().map(Self::from).collect();
                let is_flat = items.iter().all(|item| matches!(item, Self::Line(_)));
                let list = Self::List(items);
                if is_flat {
                    list.in_one_line_if_it_fits()
                } else {
                    list
                }
            }
            Value::Object(fields) => {
                let fields = fields.into_iter();
                Self::Map(fields.map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}

impl Node {
    fn is_empty(&self) -> bool {
        match self {
            Self::Line(_) => false,
            Self::Map(fields) => fields.is_empty(),
            Self::List(items) => items.is_empty(),
        }
    }

    fn in_one_line(self) -> Self {
        Self::Line(self.flow())
    }

    fn in_one_line_if_it_fits(self) -> Self {
        let line = self.flow();
        if self.is_empty() || line.chars().count() > WIDTH {
            self
        } else {
            Self::Line(line)
        }
    }

    fn flow(&self) -> String {
        match self {
            Self::Line(line) => line.clone(),
            Self::Map(fields) => {
                let fields = fields.iter();
                let fields: Vec<_> = fields
                    .map(|(name, node)| format!("{}: {}", quoted(name), node.flow()))
                    .collect();
                format!("{{{}}}", fields.join(", "))
            }
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::flow).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }

    /// Writes it on lines of its own, so far to the right. The first line is begun already.
    fn write(&self, text: &mut String, indent: usize) {
        let margin = " ".repeat(indent);
        match self {
            Self::Line(line) => {
                text.push_str(line);
                text.push('\n');
            }
            Self::Map(fields) => {
                for (index, (name, node)) in fields.iter().enumerate() {
                    if index > 0 {
                        text.push_str(&margin);
                    }
                    text.push_str(&quoted(name));
                    text.push(':');
                    node.write_behind(text, indent);
                }
            }
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        text.push_str(&margin);
                    }
                    text.push_str("- ");
                    if item.is_empty() {
                        text.push_str(&item.flow());
                        text.push('\n');
                    } else {
                        item.write(text, indent + 2);
                    }
                }
            }
        }
    }

    /// Writes it behind its name.
    fn write_behind(&self, text: &mut String, indent: usize) {
        if matches!(self, Self::Line(_)) || self.is_empty() {
            text.push(' ');
            text.push_str(&self.flow());
            text.push('\n');
        } else {
            text.push('\n');
            text.push_str(&" ".repeat(indent + 2));
            self.write(text, indent + 2);
        }
    }
}

/// A text such that it is read as that text: bare, if nobody can take it for anything else.
fn quoted(text: &str) -> String {
    if is_bare(text) {
        return text.to_owned();
    }
    if !text.chars().any(needs_escape) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if needs_escape(c) => {
                write!(quoted, "\\u{:04x}", u32::from(c)).expect("a String takes all text");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Controls, and what some take for the end of a line or leave out. All of them have a number of at
/// most four digits.
fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

/// Whether a text needs no quotes, neither alone nor in a list: it is a word that begins with a
/// letter, or with something after which no number can follow.
fn is_bare(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let is_inner = |c: char| c.is_ascii_alphanumeric() || "_./-@+%".contains(c);
    let has_colon_inside = |at: usize| text[at + 1..].starts_with(is_inner);
    let is_plain = text
        .char_indices()
        .all(|(at, c)| is_inner(c) || (c == ':' && has_colon_inside(at)));
    // Of what begins like a number, only what has a letter that is in none.
    let is_no_number = |c: char| {
        matches!(c, '/' | '%')
            || (c.is_ascii_alphabetic() && !"abcdefxoin_".contains(c.to_ascii_lowercase()))
    };
    let begins_well = match text.chars().next() {
        Some(c) if c.is_ascii_alphabetic() || matches!(c, '/' | '_') => true,
        Some(c) if c.is_ascii_digit() => text.contains(is_no_number),
        _ => false,
    };
    is_plain && begins_well && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}
