//! Which parts of a source are nobody's business, so that they are never shown.

use crate::model::looks_secret;

use super::scalar::Scalar;
use super::snippet::shortened;
use super::text::{Span, Text};
use super::tree::{Node, Value};

/// Below these, keys are names that people chose for things that are no secrets.
const NAMES_BELOW: [&str; 3] = ["deploy", "remove", "ports"];

/// Whether what is below a key is secret, given the key that it is below of.
pub(super) fn is_secret_key(parent: Option<&str>, key: &str) -> bool {
    looks_secret(key) && !parent.is_some_and(|parent| NAMES_BELOW.contains(&parent))
}

/// The key as it may be shown. One that is `NAME:value` or `NAME=value` of a secret was meant to be
/// two things, of which only the name is shown.
pub(super) fn shown_key(key: &str) -> String {
    match name_in(key) {
        Some(name) => format!("{name}…"),
        None => shortened(key),
    }
}

/// Whether a text is `NAME=value` of a secret, as in `--password=…`.
pub(super) fn is_assignment(scalar: &Scalar<'_>) -> bool {
    name_in(&scalar.text).is_some()
}

/// The name of a secret at the beginning of a text that goes on with its value.
fn name_in(text: &str) -> Option<&str> {
    let (name, _) = text.split_once(['=', ':'])?;
    looks_secret(name).then_some(name)
}

/// The values below every key that looks like a secret's, and every `NAME=value` of such a name,
/// sorted and apart.
pub(super) fn masks(root: &Node<'_>, text: &Text<'_>) -> Vec<Span> {
    let mut masks = Masks {
        text,
        spans: Vec::new(),
    };
    masks.collect(root, None, false);
    disjoint(masks.spans)
}

struct Masks<'t> {
    text: &'t Text<'t>,
    spans: Vec<Span>,
}

impl Masks<'_> {
    fn collect(&mut self, node: &Node<'_>, parent: Option<&str>, secret: bool) {
        match &node.value {
            Value::Scalar(scalar) if secret || is_assignment(scalar) => {
                // Both where it is used and where an alias found it.
                self.with_comment(node.span);
                self.with_comment(scalar.span);
            }
            Value::Scalar(_) => {}
            Value::List(nodes) => {
                for node in nodes.iter() {
                    self.collect(node, None, secret);
                }
            }
            Value::Map(map) => {
                for (key, entry) in map.iter() {
                    if name_in(key).is_some() {
                        self.spans.push(entry.key);
                    }
                    let secret = secret || is_secret_key(parent, key);
                    if secret && entry.node.span == entry.key {
                        // Nothing is there, unless a password that begins with # is a comment now.
                        self.behind_colon(entry.key);
                    } else {
                        self.collect(&entry.node, Some(key), secret);
                    }
                }
            }
        }
    }

    /// A secret, and the comment behind it: it may be what was meant to be the secret's end.
    fn with_comment(&mut self, span: Span) {
        let rest = self.text.rest_of_line(span.end);
        let hidden = if rest.trim_start().starts_with('#') {
            rest.len()
        } else {
            0
        };
        let end = span.end + hidden;
        self.spans.push(Span { end, ..span });
    }

    fn behind_colon(&mut self, key: Span) {
        let rest = self.text.rest_of_line(key.end);
        let end = key.end + rest.len();
        let start = end - rest.trim_start_matches([':', ' ']).len();
        self.spans.push(Span { start, end });
    }
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
            let key = shown.find(':').filter(|&at| at > indent);
            key.is_none() || (above.has_value && indent > above.indent)
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

/// Where in a line the value of a secret begins: behind the name, whatever separates the two.
fn behind_secret_name(line: &str) -> Option<usize> {
    let is_separator = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.');
    let mut at = 0;
    for word in line.split_inclusive(is_separator) {
        at += word.len();
        if looks_secret(word.trim_end_matches(is_separator)) {
            let value = line[at..].trim_start_matches([':', '=', ' ', '"', '\'']);
            return Some(line.len() - value.len());
        }
    }
    None
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
        let expected = ["one', B: 2}", "two]", "|", "three", "four", "six"];
        assert_eq!(hidden, expected);
    }
}
