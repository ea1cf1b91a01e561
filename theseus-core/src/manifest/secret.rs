//! Which parts of a source are nobody's business, so that they are never shown.

use crate::model::looks_secret;

use super::scalar::Scalar;
use super::text::{Span, Text};
use super::tree::{Node, Value};

/// Below these, keys are names that people chose for things that are no secrets.
const NAMES_BELOW: [&str; 3] = ["deploy", "remove", "ports"];

/// Whether what is below a key is secret, given the key that it is below of.
pub(super) fn is_secret_key(parent: Option<&str>, key: &str) -> bool {
    looks_secret(key) && !parent.is_some_and(|parent| NAMES_BELOW.contains(&parent))
}

/// The values below every key that looks like a secret's, and every `NAME=value` of such a name,
/// sorted and apart.
pub(super) fn masks(root: &Node<'_>) -> Vec<Span> {
    let mut masks = Vec::new();
    collect(root, None, false, &mut masks);
    disjoint(masks)
}

fn collect(node: &Node<'_>, parent: Option<&str>, secret: bool, masks: &mut Vec<Span>) {
    match &node.value {
        Value::Scalar(scalar) if secret || is_assignment(scalar) => {
            // Both where it is used and where an alias found it.
            masks.extend([node.span, scalar.span]);
        }
        Value::Scalar(_) => {}
        Value::List(nodes) => {
            for node in nodes.iter() {
                collect(node, None, secret, masks);
            }
        }
        Value::Map(map) => {
            for (key, entry) in map.iter() {
                let secret = secret || is_secret_key(parent, key);
                collect(&entry.node, Some(key), secret, masks);
            }
        }
    }
}

/// Whether a text is `NAME=value` of a secret, as in `--password=…`.
pub(super) fn is_assignment(scalar: &Scalar<'_>) -> bool {
    let name = scalar.text.split_once('=').map(|(name, _)| name);
    name.is_some_and(looks_secret)
}

/// The same for a text that could not be understood, line by line: what is behind a name that
/// looks like a secret's, and the lines that go on with it.
pub(super) fn masks_by_line(text: &Text<'_>) -> Vec<Span> {
    let mut masks = Vec::new();
    let mut heading: Option<Heading> = None;
    for line in text.lines() {
        let shown = text.content[line.clone()].trim_end();
        let indent = shown.len() - shown.trim_start().len();
        if shown.is_empty() {
            continue;
        }
        let goes_on = heading.is_some_and(|above| {
            !shown.contains(':') || (above.has_value && indent > above.indent)
        });
        let from = if goes_on {
            Some(indent)
        } else {
            let behind = behind_secret_name(shown);
            if behind.is_some() || heading.is_some_and(|above| indent <= above.indent) {
                heading = behind.map(|behind| Heading {
                    indent,
                    has_value: behind < shown.len(),
                });
            }
            behind
        };
        masks.extend(from.map(|from| Span {
            start: line.start + from,
            end: line.start + shown.len(),
        }));
    }
    disjoint(masks)
}

/// A line with the name of a secret.
#[derive(Clone, Copy)]
struct Heading {
    indent: usize,
    /// Whether the value begins there; else what is below may be a map, and the name a mere word.
    has_value: bool,
}

/// Where in a line the value of a secret begins.
fn behind_secret_name(line: &str) -> Option<usize> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    line.match_indices([':', '=']).find_map(|(at, _)| {
        let before = line[..at].trim_end_matches([' ', '\t', '"', '\'']);
        let name = &before[before.trim_end_matches(is_name).len()..];
        let value = &line[at + 1..];
        let blank = value.len() - value.trim_start().len();
        looks_secret(name).then_some(at + 1 + blank)
    })
}

/// Sorts, and joins what overlaps.
fn disjoint(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| !span.is_empty());
    spans.sort();
    spans.dedup_by(|next, kept| {
        let overlap = next.start < kept.end;
        if overlap {
            kept.end = kept.end.max(next.end);
        }
        overlap
    });
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_masked_where_nothing_could_be_understood() {
        let text = "\
deploy:
  token-server:
    image: a
    environment: {APP: x, DB_PASSWORD: 'one', B: 2}
    command: [serve, --api-key=two]
    other:
      SSL_KEY: |
        three
          four
      NAME: five
      AUTH:
        six
  db: 7
";
        let index = Text::new("f".into(), text);
        let hidden: Vec<_> = masks_by_line(&index)
            .into_iter()
            .map(|span| &text[span.start..span.end])
            .collect();
        let expected = ["'one', B: 2}", "two]", "|", "three", "four", "six"];
        assert_eq!(hidden, expected);
    }
}
