//! Health checks.

use indexmap::IndexMap;

use crate::manifest::text::Span;
use crate::manifest::tree::{Node, Value};
use crate::model::{Health, Port, Probe};
use crate::suggest::nearest;

use super::context::{Cx, Field, put, scalar};
use super::update::{duration, positive_duration};
use super::{container, misspelt, require};

/// More failures in a row than anybody waits for.
const MAX_FAILURES: u32 = 100_000;

/// A health check while it is being decoded.
#[derive(Debug)]
struct Draft<'p> {
    ports: &'p IndexMap<String, Port>,
    /// The timing, with any probe.
    health: Health,
    /// The probes, and where they are.
    probes: Vec<(Probe, Span)>,
}

fn fields<'p>() -> [Field<Draft<'p>>; 7] {
    [
        ("http", |cx, draft, node| {
            let probe = http(cx, node, draft.ports);
            draft.probes.push((probe, node.span));
        }),
        ("tcp", |cx, draft, node| {
            let probe = tcp(cx, node, draft.ports);
            draft.probes.push((probe, node.span));
        }),
        ("command", |cx, draft, node| {
            let probe = Probe::Command(command(cx, node));
            draft.probes.push((probe, node.span));
        }),
        ("grace", |cx, draft, node| {
            put(&mut draft.health.grace, duration(cx, node));
        }),
        ("interval", |cx, draft, node| {
            put(&mut draft.health.interval, positive_duration(cx, node));
        }),
        ("timeout", |cx, draft, node| {
            put(&mut draft.health.timeout, positive_duration(cx, node));
        }),
        ("failures", |cx, draft, node| {
            let what = format!("a number of failures from 0 (never kill) to {MAX_FAILURES}");
            put(
                &mut draft.health.failures,
                cx.whole(node, &what, 0..=MAX_FAILURES),
            );
        }),
    ]
}

/// Decodes a health check of a group with these ports.
pub(super) fn health<'t>(
    cx: &mut Cx<'t>,
    node: &'t Node<'t>,
    ports: &IndexMap<String, Port>,
) -> Option<Health> {
    let mut draft = Draft {
        ports,
        health: Health::new(Probe::Command(String::new())),
        probes: Vec::new(),
    };
    let what = "a health check, as in {http: {port: api, path: /health}}";
    let map = cx.fields(node, what, &fields(), &mut draft)?;
    let mut probes = draft.probes.into_iter();
    let Some((probe, first)) = probes.next() else {
        if !["http", "tcp", "command"]
            .iter()
            .any(|probe| misspelt(map, probe).is_some())
        {
            cx.fault(
                node.span,
                "expected one of http, tcp and command, found none of them",
            );
        }
        return None;
    };
    for (_, second) in probes {
        let first = cx.spot(first);
        cx.fault(
            second,
            "expected one of http, tcp and command, found several",
        )
        .related(first, "first");
    }
    Some(Health {
        probe,
        ..draft.health
    })
}

/// An HTTP or TCP probe while it is being decoded.
struct Http<'p> {
    ports: &'p IndexMap<String, Port>,
    port: String,
    path: String,
}

fn http_fields<'p>() -> [Field<Http<'p>>; 2] {
    [
        ("port", |cx, draft, node| {
            put(&mut draft.port, port(cx, node, draft.ports));
        }),
        ("path", |cx, draft, node| {
            let what = "a path that begins with /";
            let path = cx.solid_text(node, what);
            if path.is_some_and(|path| !path.starts_with('/')) {
                cx.expected(what, node);
            }
            put(&mut draft.path, path.map(str::to_owned));
        }),
    ]
}

const PORT: (&str, &str) = ("port", "the name of one of the group's ports");

fn http<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>, ports: &IndexMap<String, Port>) -> Probe {
    let mut draft = Http {
        ports,
        port: String::new(),
        path: "/".to_owned(),
    };
    if let Some(map) = cx.fields(node, "a map with port and path", &http_fields(), &mut draft) {
        require(cx, map, &[PORT], node.span);
    }
    Probe::Http {
        port: draft.port,
        path: draft.path,
    }
}

/// `tcp: {port: api}`, or `tcp: api` for short.
fn tcp<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>, ports: &IndexMap<String, Port>) -> Probe {
    let mut draft = Http {
        ports,
        port: String::new(),
        path: String::new(),
    };
    if let Value::Map(_) = &node.value {
        if let Some(map) = cx.fields(node, "the name of a port", &http_fields()[..1], &mut draft) {
            require(cx, map, &[PORT], node.span);
        }
    } else {
        put(&mut draft.port, port(cx, node, ports));
    }
    Probe::Tcp { port: draft.port }
}

/// Decodes the name of a port that the group has.
fn port<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>, ports: &IndexMap<String, Port>) -> Option<String> {
    let written = scalar(node).map_or("", |scalar| &*scalar.text);
    if ports.contains_key(written) {
        return Some(written.to_owned());
    }
    let names = || ports.keys().map(String::as_str);
    let by_number = ports
        .iter()
        .find(|(_, port)| port.container.to_string() == written);
    let near = by_number
        .map(|(name, _)| &**name)
        .or_else(|| nearest(written, names()));
    let all: Vec<_> = names().collect();
    let finding = cx.expected("the name of one of the group's ports", node);
    if near.is_some() {
        finding.suggest(near);
    } else if all.is_empty() {
        finding.help("the group has no ports");
    } else {
        finding.help(format!("the group has {}", all.join(", ")));
    }
    None
}

/// A line for the shell, or a list of words that are joined into one.
fn command<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>) -> String {
    let what = "a command: a line for the shell, or a list of words";
    let Value::List(words) = &node.value else {
        let line = cx.text(node, what).unwrap_or_default();
        if line.trim().is_empty() && container::plain_text(node).is_some() {
            cx.expected(what, node);
        }
        return line.to_owned();
    };
    if words.is_empty() {
        cx.fault(node.span, format!("expected {what}, found an empty list"));
    }
    let words = cx.list(node, what, |cx, node| cx.word(node, "a word").map(quoted));
    words.join(" ")
}

/// The word as the shell reads it back.
fn quoted(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:=,+@%".contains(&b);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell() {
        for (word, expected) in [
            ("curl", "curl"),
            ("http://localhost:80/", "http://localhost:80/"),
            ("two words", "'two words'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
