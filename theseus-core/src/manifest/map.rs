//! The entries of a map, in the order written, found by key.

use std::borrow::Cow;
use std::collections::HashMap;

use super::text::Span;
use super::tree::Node;

/// Up to so many entries are looked through one by one: nearly all maps are small, and a hash
/// table for each of them costs more than it saves.
const SMALL: usize = 16;

/// A map of a document.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Map<'s> {
    entries: Vec<(Cow<'s, str>, Entry<'s>)>,
    /// Where each key is among the entries, once there are many.
    index: HashMap<Cow<'s, str>, usize>,
}

/// The value of a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry<'s> {
    /// Where the key is.
    pub(super) key: Span,
    pub(super) node: Node<'s>,
}

impl<'s> Map<'s> {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn get(&self, key: &str) -> Option<&Entry<'s>> {
        let position = if self.entries.len() <= SMALL {
            self.entries.iter().position(|(name, _)| name == key)
        } else {
            self.index.get(key).copied()
        };
        Some(&self.entries[position?].1)
    }

    /// Adds an entry. Gives back a key that is there already, and the place where it is.
    pub(super) fn insert(
        &mut self,
        key: Cow<'s, str>,
        entry: Entry<'s>,
    ) -> Result<(), (Cow<'s, str>, Span)> {
        if let Some(first) = self.get(&key) {
            return Err((key, first.key));
        }
        self.entries.push((key, entry));
        let new = match self.entries.len() {
            0..=SMALL => return Ok(()),
            // All of them, when the map has just ceased to be small.
            length if self.index.is_empty() => 0..length,
            length => length - 1..length,
        };
        for position in new {
            let key = self.entries[position].0.clone();
            self.index.insert(key, position);
        }
        Ok(())
    }

    /// Adds the entries of another map whose keys are not there yet.
    pub(super) fn merge(&mut self, other: &Self) {
        for (key, entry) in &other.entries {
            if self.get(key).is_none() {
                // There is no such key, so it is taken.
                let _ = self.insert(key.clone(), entry.clone());
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Entry<'s>)> {
        self.entries.iter().map(|(key, entry)| (&**key, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::scalar::{Kind, Scalar};

    #[test]
    fn small_or_large_it_finds_what_was_put_in_first() {
        let span = |start| Span { start, end: start };
        let mut map = Map::default();
        for start in 0..100 {
            let key = format!("k{}", start % 40);
            let node = Node::of_scalar(Scalar {
                text: "".into(),
                kind: Kind::Null,
                span: span(start),
            });
            let inserted = map.insert(
                key.clone().into(),
                Entry {
                    key: span(start),
                    node,
                },
            );
            let last = start % 40;
            let expected = if start < 40 {
                Ok(())
            } else {
                Err((key.into(), span(last)))
            };
            assert_eq!(inserted, expected);
            assert_eq!(map.get(&format!("k{last}")).unwrap().key, span(last));
            assert!(map.get("other").is_none());
        }
        let keys: Vec<_> = map.iter().map(|(key, _)| key.to_owned()).collect();
        assert_eq!(keys, (0..40).map(|n| format!("k{n}")).collect::<Vec<_>>());
    }
}
