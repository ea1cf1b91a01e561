//! What every decoder needs: where it is in the manifest, a list for faults, and the readers of
//! simple values. A reader that returns `None` has noted why.

use std::ops::RangeInclusive;

use crate::manifest::fault::Segment;
use crate::manifest::finding::{Finding, Findings, Spot};
use crate::manifest::map::Map;
use crate::manifest::scalar::{Kind, Scalar};
use crate::manifest::secret;
use crate::manifest::snippet::shortened;
use crate::manifest::text::Span;
use crate::manifest::tree::{Node, Value};
use crate::model::{GroupId, Label};
use crate::suggest::nearest;

use super::links::Misnamed;

/// Where decoding is, and what it found.
#[derive(Debug)]
pub(in crate::manifest) struct Cx<'t> {
    source: usize,
    /// The custom constraints that the embedding program looks after.
    custom_constraints: &'t [String],
    path: Vec<Step<'t>>,
    findings: &'t mut Findings,
}

#[derive(Debug, Clone, Copy)]
enum Step<'t> {
    Key(&'t str),
    Index(usize),
}

/// A part of the manifest that more is to be said of, once more is known.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) at: Spot,
    pub(super) path: Vec<Segment>,
}

/// A key that a map may have, and what is done with its value. The order of a table of fields is
/// the order of decoding, so a later field may look at what an earlier one gave.
pub(super) type Field<T> = (&'static str, for<'t> fn(&mut Cx<'t>, &mut T, &'t Node<'t>));

impl<'t> Cx<'t> {
    pub(in crate::manifest) fn new(
        source: usize,
        custom_constraints: &'t [String],
        findings: &'t mut Findings,
    ) -> Self {
        Self {
            source,
            custom_constraints,
            path: Vec::new(),
            findings,
        }
    }

    /// The custom constraints that the embedding program looks after.
    pub(super) fn custom_constraints(&self) -> &'t [String] {
        self.custom_constraints
    }

    /// Notes a fault of the part that is being decoded.
    pub(super) fn fault(&mut self, span: Span, message: impl Into<String>) -> &mut Finding {
        let part = self.part(span);
        self.fault_of(part, message)
    }

    /// Notes a fault of a part that was decoded before.
    pub(super) fn fault_of(&mut self, part: Part, message: impl Into<String>) -> &mut Finding {
        self.findings.add(part.at, part.path, message.into())
    }

    /// The part that is being decoded, for later.
    pub(super) fn part(&self, span: Span) -> Part {
        let path = self.path.iter().map(|step| match *step {
            Step::Key(key) => Segment::Key(secret::shown_key(key)),
            Step::Index(index) => Segment::Index(index),
        });
        Part {
            at: self.spot(span),
            path: path.collect(),
        }
    }

    /// Notes that a value is not what it should be.
    pub(super) fn expected(&mut self, what: &str, node: &Node<'_>) -> &mut Finding {
        let found = self.describe(node);
        self.fault(node.span, format!("expected {what}, found {found}"))
    }

    /// The place in the source that is being decoded.
    pub(super) fn spot(&self, span: Span) -> Spot {
        Spot {
            source: self.source,
            span,
        }
    }

    /// Decodes the value of a key.
    pub(super) fn at_key<R>(&mut self, key: &'t str, decode: impl FnOnce(&mut Self) -> R) -> R {
        self.within(Step::Key(key), decode)
    }

    /// Decodes an item of a list.
    pub(super) fn at_index<R>(&mut self, index: usize, decode: impl FnOnce(&mut Self) -> R) -> R {
        self.within(Step::Index(index), decode)
    }

    fn within<R>(&mut self, step: Step<'t>, decode: impl FnOnce(&mut Self) -> R) -> R {
        self.path.push(step);
        let result = decode(self);
        self.path.pop();
        result
    }

    /// Decodes a map whose keys are known, and notes the unknown ones. Returns the map.
    pub(super) fn fields<T>(
        &mut self,
        node: &'t Node<'t>,
        what: &str,
        table: &[Field<T>],
        draft: &mut T,
    ) -> Option<&'t Map<'t>> {
        let map = self.map(node, what)?;
        for (key, entry) in map.iter() {
            if !table.iter().any(|&(name, _)| name == key) {
                // Names have hyphens; one with an underscore is only there for old manifests.
                let names = table
                    .iter()
                    .map(|&(name, _)| name)
                    .filter(|name| !name.contains('_'));
                self.at_key(key, |cx| cx.unknown_key(key, entry.key, names));
            }
        }
        for (name, decode) in table {
            if let Some(entry) = map.get(name) {
                self.at_key(name, |cx| decode(cx, draft, &entry.node));
            }
        }
        Some(map)
    }

    /// Notes a key that is none of the names.
    pub(super) fn unknown_key<'n>(
        &mut self,
        key: &str,
        at: Span,
        names: impl Iterator<Item = &'n str> + Clone,
    ) {
        // When faults are only counted, what was meant is not worth finding out.
        let near = (!self.findings.is_full()).then(|| nearest(key, names.clone()));
        let near = near.flatten();
        let finding = self.fault(at, format!("unknown key {:?}", secret::shown_key(key)));
        if near.is_some() {
            finding.suggest(near);
        } else {
            let names: Vec<_> = names.collect();
            finding.help(format!("known here: {}", names.join(", ")));
        }
    }

    /// Reads one of a few words.
    pub(super) fn one_of<T: Copy>(&mut self, node: &Node<'_>, words: &[(&str, T)]) -> Option<T> {
        let written = scalar(node).map(|scalar| &*scalar.text);
        let known = words.iter().find(|(word, _)| Some(*word) == written);
        if let Some((_, value)) = known {
            return Some(*value);
        }
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let near = written.and_then(|written| nearest(written, names.iter().copied()));
        self.expected(&alternatives(&names), node).suggest(near);
        None
    }

    /// Reads a map of any keys.
    pub(super) fn map(&mut self, node: &'t Node<'t>, what: &str) -> Option<&'t Map<'t>> {
        if let Value::Map(map) = &node.value {
            return Some(map);
        }
        self.expected(what, node);
        None
    }

    /// Reads a map that may as well be left empty, entry by entry.
    pub(super) fn entries(
        &mut self,
        node: &'t Node<'t>,
        what: &str,
        mut decode: impl FnMut(&mut Self, &'t str, Span, &'t Node<'t>),
    ) {
        if is_null(node) {
            return;
        }
        for (key, entry) in self.map(node, what).into_iter().flat_map(Map::iter) {
            self.at_key(key, |cx| decode(cx, key, entry.key, &entry.node));
        }
    }

    /// Reads a list that may as well be left empty: what `decode` makes of the items.
    pub(super) fn list<T>(
        &mut self,
        node: &'t Node<'t>,
        what: &str,
        mut decode: impl FnMut(&mut Self, &'t Node<'t>) -> Option<T>,
    ) -> Vec<T> {
        let Value::List(items) = &node.value else {
            if !is_null(node) {
                self.expected(what, node);
            }
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items
            .filter_map(|(index, item)| self.at_index(index, |cx| decode(cx, item)))
            .collect()
    }

    /// Reads a text; a number is none.
    pub(super) fn text(&mut self, node: &'t Node<'t>, what: &str) -> Option<&'t str> {
        match scalar(node) {
            Some(scalar) if scalar.kind == Kind::Text => self.without_nul(node, scalar),
            Some(scalar) if scalar.kind != Kind::Null => {
                let quoted = format!("in quotes it is a text: '{}'", scalar.text);
                let secret = self.is_secret(scalar);
                let finding = self.expected(what, node);
                if !secret {
                    finding.help(quoted);
                }
                None
            }
            _ => {
                self.expected(what, node);
                None
            }
        }
    }

    /// Reads a text, or a number or boolean as it is written.
    pub(super) fn word(&mut self, node: &'t Node<'t>, what: &str) -> Option<&'t str> {
        match scalar(node) {
            Some(scalar) if scalar.kind != Kind::Null => self.without_nul(node, scalar),
            _ => {
                self.expected(what, node);
                None
            }
        }
    }

    fn without_nul(&mut self, node: &Node<'_>, scalar: &'t Scalar<'t>) -> Option<&'t str> {
        if scalar.text.contains('\0') {
            self.fault(node.span, "no text here can contain the character NUL");
            return None;
        }
        Some(&scalar.text)
    }

    /// Reads a group's name, such as `db:dev`. One that is none becomes a fault when all groups of
    /// the manifest are known, so that the nearest can be suggested.
    pub(super) fn group(
        &mut self,
        node: &'t Node<'t>,
        misnamed: &mut Vec<Misnamed>,
    ) -> Option<GroupId> {
        let what = "a group such as db:dev";
        let text = self.text(node, what)?;
        let group = text.parse().ok();
        if group.is_none() {
            misnamed.push(Misnamed {
                text: text.to_owned(),
                message: format!("expected {what}, found {}", self.describe(node)),
                part: self.part(node.span),
            });
        }
        group
    }

    /// Reads a text in which there is something, and no blank.
    pub(super) fn solid_text(&mut self, node: &'t Node<'t>, what: &str) -> Option<&'t str> {
        let text = self.text(node, what)?;
        if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            self.expected(what, node);
            return None;
        }
        Some(text)
    }

    /// Checks the name of something: all names have the grammar of labels.
    pub(super) fn name(&mut self, text: &str, span: Span) -> Option<Label> {
        match text.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                self.fault(
                    span,
                    format!("{:?} is not a valid name: {error}", shortened(text)),
                );
                None
            }
        }
    }

    /// Reads a whole number within bounds.
    pub(super) fn whole(
        &mut self,
        node: &Node<'_>,
        what: &str,
        bounds: RangeInclusive<u32>,
    ) -> Option<u32> {
        let number = scalar(node)
            .and_then(Scalar::as_whole)
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| bounds.contains(number));
        if number.is_none() {
            self.not_a_number(node, what);
        }
        number
    }

    /// Reads a finite number that is acceptable.
    pub(super) fn number(
        &mut self,
        node: &Node<'_>,
        what: &str,
        accept: impl FnOnce(f64) -> bool,
    ) -> Option<f64> {
        let number = scalar(node)
            .and_then(Scalar::as_number)
            .filter(|&number| accept(number));
        if number.is_none() {
            self.not_a_number(node, what);
        }
        number
    }

    fn not_a_number(&mut self, node: &Node<'_>, what: &str) {
        let quoted = scalar(node).is_some_and(|scalar| {
            scalar.kind == Kind::Text && matches!(Kind::of(&scalar.text), Kind::Int | Kind::Float)
        });
        let finding = self.expected(what, node);
        if quoted {
            finding.help("a number is written without quotes");
        }
    }

    /// Reads a boolean.
    pub(super) fn boolean(&mut self, node: &Node<'_>) -> Option<bool> {
        if let Some(Scalar {
            kind: Kind::Bool(value),
            ..
        }) = scalar(node)
        {
            return Some(*value);
        }
        self.expected("true or false", node);
        None
    }

    /// What a value is, in a few words that tell no secret.
    fn describe(&self, node: &Node<'_>) -> String {
        match &node.value {
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
            Value::Scalar(scalar) => match scalar.kind {
                Kind::Null => "nothing".to_owned(),
                Kind::Text if self.is_secret(scalar) => "a text".to_owned(),
                Kind::Text => format!("{:?}", shortened(&scalar.text)),
                _ if self.is_secret(scalar) => "a number or boolean".to_owned(),
                _ => shortened(&scalar.text),
            },
        }
    }

    fn is_secret(&self, scalar: &Scalar<'_>) -> bool {
        let mut parent = None;
        let below_secret = self.path.iter().any(|step| {
            let Step::Key(key) = *step else {
                parent = None;
                return false;
            };
            secret::is_secret_key(parent.replace(key), key)
        });
        below_secret || secret::is_assignment(scalar)
    }
}

/// The scalar that a value is.
pub(super) fn scalar<'n>(node: &'n Node<'_>) -> Option<&'n Scalar<'n>> {
    match &node.value {
        Value::Scalar(scalar) => Some(scalar),
        _ => None,
    }
}

/// Whether nothing is written there.
pub(super) fn is_null(node: &Node<'_>) -> bool {
    scalar(node).is_some_and(|scalar| scalar.kind == Kind::Null)
}

/// Puts a value where it belongs, if it was read.
pub(super) fn put<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

/// `a, b or c`
fn alternatives(words: &[&str]) -> String {
    match words {
        [most @ .., last] if !most.is_empty() => format!("{} or {last}", most.join(", ")),
        _ => words.concat(),
    }
}
