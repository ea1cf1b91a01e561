//! What a container is started with: command, environment, volumes, network, files to fetch.

use std::collections::{BTreeMap, HashMap};

use crate::manifest::scalar::Kind;
use crate::manifest::text::Span;
use crate::manifest::tree::{Node, Value};
use crate::model::environment::MASK;
use crate::model::{EnvValue, Environment, Fetch, Network, Volume};

use super::context::{Cx, Field, put, scalar};
use super::require;

/// The text that a value is, if it is one.
pub(super) fn plain_text<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    let scalar = scalar(node)?;
    (scalar.kind == Kind::Text).then_some(&*scalar.text)
}

/// Decodes a command or its arguments: a list of words.
pub(super) fn command<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>) -> Vec<String> {
    if plain_text(node).is_some() {
        cx.expected("a list of words", node)
            .help("a whole command line is written [sh, -c, 'the line']");
        return Vec::new();
    }
    cx.list(node, "a list of words", |cx, node| {
        cx.word(node, "a word").map(str::to_owned)
    })
}

/// Decodes environment variables.
pub(super) fn environment<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>) -> Environment {
    let mut environment = Environment::default();
    let what = "a map of variables, as in {APP_NAME: Ingestor}";
    cx.entries(node, what, |cx, name, key, node| {
        if name.is_empty() || name.contains(['=', '\0']) {
            cx.fault(
                key,
                "the name of a variable cannot be empty, nor contain '=' or NUL",
            );
        }
        if let Some(value) = env_value(cx, node, key) {
            environment.0.insert(name.to_owned(), value);
        }
    });
    environment
}

const SECRET: &[Field<String>] = &[("secret", |cx, draft, node| {
    let name = cx.solid_text(node, "the name of a secret");
    put(draft, name.map(str::to_owned));
})];

fn env_value<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>, key: Span) -> Option<EnvValue> {
    let what = "a text, a number, a boolean or {secret: NAME}";
    if let Value::Map(_) = &node.value {
        let mut secret = String::new();
        let map = cx.fields(node, what, SECRET, &mut secret)?;
        require(
            cx,
            map,
            &[("secret", "the engine's name of a secret: {secret: NAME}")],
            key,
        );
        return Some(EnvValue::Secret { secret });
    }
    let value = cx.word(node, what)?;
    if value == MASK {
        cx.fault(
            node.span,
            "this only stands for a value that was not to be shown",
        )
        .help("write the value itself, or {secret: NAME} where the engine keeps it");
    }
    Some(EnvValue::Plain(value.to_owned()))
}

/// Decodes labels of the engine's own.
pub(super) fn metadata<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::new();
    let what = "a map of texts, as in {HAPROXY_GROUP: external}";
    cx.entries(node, what, |cx, name, key, node| {
        not_empty(cx, name, key);
        let value = cx.word(node, "a text, a number or a boolean");
        metadata.insert(name.to_owned(), value.unwrap_or_default().to_owned());
    });
    metadata
}

/// Decodes options of the container engine: one value or several for each name.
pub(super) fn parameters<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>) -> BTreeMap<String, Vec<String>> {
    let mut parameters = BTreeMap::new();
    let what = "a map of options, as in {cap-add: [NET_ADMIN]}";
    cx.entries(node, what, |cx, name, key, node| {
        not_empty(cx, name, key);
        let what = "a value, or a list of values";
        let values = match &node.value {
            Value::Scalar(_) => cx.word(node, what).into_iter().map(str::to_owned).collect(),
            _ => cx.list(node, what, |cx, node| {
                cx.word(node, "a value").map(str::to_owned)
            }),
        };
        parameters.insert(name.to_owned(), values);
    });
    parameters
}

fn not_empty(cx: &mut Cx<'_>, name: &str, key: Span) {
    if name.is_empty() {
        cx.fault(key, "a name cannot be empty");
    }
}

/// Decodes volumes, each at a place of its own inside the container.
pub(super) fn volumes<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>) -> Vec<Volume> {
    let mut taken = HashMap::new();
    cx.list(node, "a list of volumes", |cx, node| {
        let what = "a volume, /host/path:/container/path with :ro or :rw behind it";
        let text = cx.text(node, what)?;
        let Ok(volume) = text.parse::<Volume>() else {
            cx.expected(what, node);
            return None;
        };
        let spot = cx.spot(node.span);
        if let Some(first) = taken.insert(volume.container.clone(), spot) {
            let message = format!("two volumes are at {:?}", volume.container);
            cx.fault(node.span, message).related(first, "first");
        }
        Some(volume)
    })
}

/// Decodes the network to join.
pub(super) fn network<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>) -> Option<Network> {
    let text = cx.text(node, "bridge, host or the name of a network")?;
    let lower = text.to_ascii_lowercase();
    if lower != text && matches!(&*lower, "bridge" | "host") {
        cx.expected("bridge, host or the name of a network", node)
            .suggest(Some(lower));
        return None;
    }
    cx.name(text, node.span)?;
    Some(Network::from(text.to_owned()))
}

const FETCH: &[Field<Fetch>] = &[
    ("uri", |cx, draft, node| put(&mut draft.uri, uri(cx, node))),
    ("extract", |cx, draft, node| {
        put(&mut draft.extract, cx.boolean(node));
    }),
    ("executable", |cx, draft, node| {
        put(&mut draft.executable, cx.boolean(node));
    }),
    ("cache", |cx, draft, node| {
        put(&mut draft.cache, cx.boolean(node));
    }),
];

/// Decodes the files to fetch: each an address, or an address and what to do with the file.
pub(super) fn fetches<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>) -> Vec<Fetch> {
    cx.list(node, "a list of files to fetch", |cx, node| {
        let mut fetch = Fetch {
            uri: String::new(),
            extract: true,
            executable: false,
            cache: false,
        };
        if let Value::Map(_) = &node.value {
            let map = cx.fields(node, "an address", FETCH, &mut fetch)?;
            require(cx, map, &[("uri", "the address of the file")], node.span);
        } else {
            fetch.uri = uri(cx, node)?;
        }
        Some(fetch)
    })
}

fn uri<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>) -> Option<String> {
    let what = "the address of a file, as in https://example.com/app.tar.gz";
    cx.solid_text(node, what).map(str::to_owned)
}
