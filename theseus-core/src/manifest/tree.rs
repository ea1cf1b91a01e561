//! The tree of a YAML or JSON document, with the range of every key and value.
//!
//! It is built from the parser's events rather than by a deserializer, which would stop at the
//! first fault, forget the places and overlook a key that is written twice. Aliases share what
//! they name; what they stand for altogether is counted, so that a small file cannot become a
//! large tree. A text that needs little of YAML is read without the parser: see `quick`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::fault::Segment;
use super::finding::{Findings, Spot};
use super::map::{Entry, Map};
use super::quick;
use super::scalar::{Kind, Scalar};
use super::secret::shown_key;
use super::snippet::printable;
use super::text::{Span, Text};

/// How deep lists and maps may nest, aliases followed. A manifest needs eight levels.
pub(super) const MAX_DEPTH: u32 = 64;
/// How many values a document may have, aliases followed. A manifest of 10,000 groups has 300,000.
pub(super) const MAX_VALUES: u32 = 2_000_000;

/// A value, and where it is used.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node<'s> {
    pub(super) span: Span,
    pub(super) value: Value<'s>,
    /// How many values it stands for, itself included; a long text counts for several.
    weight: u32,
    /// How many levels of lists and maps it has.
    height: u32,
}

/// A scalar, a list or a map; the latter two are shared with their aliases.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'s> {
    Scalar(Scalar<'s>),
    List(Rc<Vec<Node<'s>>>),
    Map(Rc<Map<'s>>),
}

impl<'s> Node<'s> {
    /// A scalar, where it is written.
    pub(super) fn of_scalar(scalar: Scalar<'s>) -> Self {
        Self {
            span: scalar.span,
            weight: 1 + text_weight(&scalar.text),
            height: 0,
            value: Value::Scalar(scalar),
        }
    }

    /// A list or a map, with all that is in it.
    pub(super) fn around(span: Span, value: Value<'s>) -> Self {
        let (mut weight, mut height) = (1_u32, 0);
        let mut tally = |node: &Node<'_>, key: u32| {
            weight = weight.saturating_add(node.weight).saturating_add(key);
            height = height.max(node.height);
        };
        match &value {
            Value::Scalar(_) => {}
            Value::List(nodes) => nodes.iter().for_each(|node| tally(node, 0)),
            Value::Map(map) => map
                .iter()
                .for_each(|(key, entry)| tally(&entry.node, text_weight(key))),
        }
        Self {
            span,
            value,
            weight,
            height: height + 1,
        }
    }

    /// How many values it stands for.
    pub(super) fn weight(&self) -> u32 {
        self.weight
    }
}

/// That a text could not be read; the findings say why.
#[derive(Debug)]
pub(super) struct Unreadable;

/// Reads a text's one document. `None` when there is none.
pub(super) fn read<'s>(
    text: &'s Text<'s>,
    source: usize,
    findings: &mut Findings,
) -> Result<Option<Node<'s>>, Unreadable> {
    match quick::read(text.content) {
        Some(root) => Ok(Some(root)),
        None => read_any(text, source, findings),
    }
}

/// The same, whatever of YAML there is in it.
pub(super) fn read_any<'s>(
    text: &'s Text<'s>,
    source: usize,
    findings: &mut Findings,
) -> Result<Option<Node<'s>>, Unreadable> {
    let mut builder = Builder {
        text,
        source,
        findings,
        open: Vec::new(),
        anchors: HashMap::default(),
        values: 0,
        root: None,
    };
    let Err(stop) = builder.run() else {
        return Ok(builder.root);
    };
    let path = builder.path();
    let spot = Spot {
        source,
        span: stop.span,
    };
    let finding = builder.findings.add(spot, path, stop.message);
    if let Some(help) = stop.help {
        finding.help(help);
    }
    Err(Unreadable)
}

/// A fault behind which nothing can be understood.
struct Stop {
    span: Span,
    message: String,
    help: Option<&'static str>,
}

impl Stop {
    fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            help: None,
        }
    }

    fn help(self, help: &'static str) -> Self {
        Self {
            help: Some(help),
            ..self
        }
    }
}

/// A list or map whose end was not seen yet.
struct Open<'s> {
    start: Span,
    anchor: usize,
    inside: Inside<'s>,
}

enum Inside<'s> {
    List(Vec<Node<'s>>),
    Map {
        entries: Map<'s>,
        /// The key whose value comes next.
        key: Option<Key<'s>>,
        /// What `<<` names.
        merged: Option<Node<'s>>,
    },
}

struct Key<'s> {
    text: Cow<'s, str>,
    span: Span,
    is_merge: bool,
}

struct Builder<'s, 'f> {
    text: &'s Text<'s>,
    source: usize,
    findings: &'f mut Findings,
    open: Vec<Open<'s>>,
    anchors: HashMap<usize, Node<'s>>,
    values: u32,
    root: Option<Node<'s>>,
}

impl<'s> Builder<'s, '_> {
    fn run(&mut self) -> Result<(), Stop> {
        let mut parser = Parser::new_from_str(self.text.content);
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, marks) = event.map_err(|error| self.syntax(&error))?;
            let span = Span {
                start: self.text.byte_of(marks.start.index()),
                end: self.text.byte_of(marks.end.index()),
            };
            if let Event::DocumentStart(_) = event {
                documents += 1;
                if documents > 1 {
                    let stop = Stop::new(
                        span,
                        "a manifest is one document, and here a second one begins",
                    );
                    return Err(stop.help("put it into a file of its own"));
                }
            }
            self.event(event, span)?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'s>, span: Span) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let span = self.without_comment(span, style);
                let plain = match tag.as_deref() {
                    None => style == ScalarStyle::Plain,
                    Some(tag) if is_text_tag(tag) => false,
                    Some(tag) => return Err(unknown_tag(tag, span)),
                };
                self.scalar(self.borrowed(text, span), plain, anchor, span)
            }
            Event::Alias(anchor) => {
                let mut node = self.anchors.get(&anchor).cloned().ok_or_else(|| {
                    Stop::new(span, "an alias cannot stand inside of what it names")
                })?;
                node.span = span;
                self.count(node.weight, span)?;
                self.value(node)
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(span, anchor, tag.as_deref(), Inside::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let inside = Inside::Map {
                    entries: Map::default(),
                    key: None,
                    merged: None,
                };
                self.begin(span, anchor, tag.as_deref(), inside)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    /// The parser counts blanks and a comment behind a closing quote to the text.
    fn without_comment(&self, span: Span, style: ScalarStyle) -> Span {
        let quote = match style {
            ScalarStyle::SingleQuoted => '\'',
            ScalarStyle::DoubleQuoted => '"',
            _ => return span,
        };
        let written = self.text.content.get(span.start..span.end);
        let mut chars = written.unwrap_or_default().char_indices().skip(1);
        while let Some((at, next)) = chars.next() {
            let is_doubled =
                || quote == '\'' && self.text.content[span.start + at + 1..].starts_with(quote);
            if (next == '\\' && quote == '"') || (next == quote && is_doubled()) {
                chars.next();
            } else if next == quote {
                let end = span.start + at + 1;
                return Span { end, ..span };
            }
        }
        span
    }

    /// The parser copies most texts, though nearly all are in the source as they are.
    fn borrowed(&self, text: Cow<'s, str>, span: Span) -> Cow<'s, str> {
        match self.text.content.get(span.start..span.end) {
            Some(written) if written == text => written.into(),
            _ => text,
        }
    }

    fn scalar(
        &mut self,
        text: Cow<'s, str>,
        plain: bool,
        anchor: usize,
        span: Span,
    ) -> Result<(), Stop> {
        if let Some(Open {
            inside: Inside::Map {
                key: key @ None, ..
            },
            ..
        }) = self.open.last_mut()
        {
            let is_merge = plain && text == "<<";
            *key = Some(Key {
                text,
                span,
                is_merge,
            });
            return Ok(());
        }
        let span = if span.is_empty() {
            self.key_span().unwrap_or(span)
        } else {
            span
        };
        let kind = if plain { Kind::of(&text) } else { Kind::Text };
        let node = Node::of_scalar(Scalar { text, kind, span });
        self.count(node.weight, span)?;
        self.finished(anchor, node)
    }

    fn begin(
        &mut self,
        start: Span,
        anchor: usize,
        tag: Option<&Tag>,
        inside: Inside<'s>,
    ) -> Result<(), Stop> {
        if let Some(tag) = tag {
            return Err(unknown_tag(tag, start));
        }
        if let Some(Open {
            inside: Inside::Map { key: None, .. },
            ..
        }) = self.open.last()
        {
            let what = match inside {
                Inside::List(_) => "a list",
                Inside::Map { .. } => "a map",
            };
            let stop = Stop::new(start, format!("expected a word as key, found {what}"));
            return Err(stop.help("a text that begins with { or [ is written in quotes"));
        }
        self.count(1, start)?;
        self.open.push(Open {
            start,
            anchor,
            inside,
        });
        self.check_depth(0, start)
    }

    fn end(&mut self, end: Span) -> Result<(), Stop> {
        let Some(Open {
            start,
            anchor,
            inside,
        }) = self.open.pop()
        else {
            return Ok(());
        };
        // The parser counts blanks and a comment behind a closing bracket to it.
        let span = start.to(Span {
            end: end.end.min(end.start + 1),
            ..end
        });
        let value = match inside {
            Inside::List(nodes) => Value::List(Rc::new(nodes)),
            Inside::Map {
                mut entries,
                merged,
                ..
            } => {
                if let Some(merged) = merged {
                    self.merge(&mut entries, &merged);
                }
                Value::Map(Rc::new(entries))
            }
        };
        self.finished(anchor, Node::around(span, value))
    }

    fn finished(&mut self, anchor: usize, node: Node<'s>) -> Result<(), Stop> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.value(node)
    }

    /// Puts a value where it belongs.
    fn value(&mut self, node: Node<'s>) -> Result<(), Stop> {
        self.check_depth(node.height, node.span)?;
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        let (entries, key, merged) = match &mut open.inside {
            Inside::List(nodes) => {
                nodes.push(node);
                return Ok(());
            }
            Inside::Map {
                entries,
                key,
                merged,
            } => (entries, key, merged),
        };
        let Some(key) = key.take() else {
            return Err(Stop::new(
                node.span,
                "expected a word as key, found an alias",
            ));
        };
        if key.is_merge && merged.is_none() {
            *merged = Some(node);
            return Ok(());
        }
        let entry = Entry {
            key: key.span,
            node,
        };
        if let Err((name, first)) = entries.insert(key.text, entry) {
            self.duplicate(&name, key.span, first);
        }
        Ok(())
    }

    fn duplicate(&mut self, name: &str, span: Span, first: Span) {
        let is_service = matches!(&self.path()[..], [Segment::Key(top)] if top == "deploy");
        let mut path = self.path();
        path.push(Segment::Key(shown_key(name)));
        let spot = |span| Spot {
            source: self.source,
            span,
        };
        let first = spot(first);
        let message = format!("the key {:?} is here twice", shown_key(name));
        let finding = self.findings.add(spot(span), path, message);
        finding.related(first, "first");
        if is_service {
            finding.help("several groups of one service are written as a list below its name");
        }
    }

    /// Adds the entries of what `<<` names: a map, or a list of maps of which the first wins.
    fn merge(&mut self, entries: &mut Map<'s>, merged: &Node<'s>) {
        let maps = match &merged.value {
            Value::List(nodes) => &nodes[..],
            _ => std::slice::from_ref(merged),
        };
        for node in maps {
            let Value::Map(map) = &node.value else {
                let spot = Spot {
                    source: self.source,
                    span: node.span,
                };
                let message = "expected a map, or a list of maps, to merge".to_owned();
                self.findings.add(spot, self.path(), message);
                continue;
            };
            entries.merge(map);
        }
    }

    fn count(&mut self, values: u32, span: Span) -> Result<(), Stop> {
        self.values = self.values.saturating_add(values);
        if self.values > MAX_VALUES {
            let message = format!("more than {MAX_VALUES} values, with what aliases stand for");
            return Err(Stop::new(span, message));
        }
        Ok(())
    }

    fn check_depth(&self, below: u32, span: Span) -> Result<(), Stop> {
        let above = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        if above.saturating_add(below) > MAX_DEPTH {
            let message = format!("lists and maps nest more than {MAX_DEPTH} levels deep");
            return Err(Stop::new(span, message));
        }
        Ok(())
    }

    /// Which part of the document comes next.
    fn path(&self) -> Vec<Segment> {
        let segments = self.open.iter().filter_map(|open| match &open.inside {
            Inside::List(nodes) => Some(Segment::Index(nodes.len())),
            Inside::Map { key, .. } => key.as_ref().map(|key| Segment::Key(shown_key(&key.text))),
        });
        segments.collect()
    }

    /// Where the key is that waits for its value.
    fn key_span(&self) -> Option<Span> {
        match &self.open.last()?.inside {
            Inside::Map { key, .. } => key.as_ref().map(|key| key.span),
            Inside::List(_) => None,
        }
    }

    fn syntax(&self, error: &ScanError) -> Stop {
        let start = self.text.byte_of(error.marker().index());
        let stop = Stop::new(
            Span { start, end: start },
            format!("not valid YAML: {}", printable(error.info())),
        );
        if error.info().contains("tabs disallowed") {
            return stop.help("lines are indented with blanks, never with tabs");
        }
        stop
    }
}

/// How many values a text counts for beyond one: a long one takes the room of many.
fn text_weight(text: &str) -> u32 {
    u32::try_from(text.len() / 64).unwrap_or(u32::MAX)
}

/// `!!str` and `!` say that what follows is a text. No other tag has a meaning in a manifest.
fn is_text_tag(tag: &Tag) -> bool {
    (tag.is_yaml_core_schema() && tag.suffix == "str")
        || (tag.handle.is_empty() && tag.suffix == "!")
}

fn unknown_tag(tag: &Tag, span: Span) -> Stop {
    let name = if tag.is_yaml_core_schema() {
        format!("!!{}", tag.suffix)
    } else {
        tag.to_string()
    };
    Stop::new(span, format!("the tag {name:?} has no meaning here"))
}
