//! What a key may be, and the range of keys below a prefix. Every store uses the same.

use theseus_core::store::Page;

/// The least character that a key may hold.
///
/// Since no key holds NUL, no key lies between `k` and `k` followed by this.
const LEAST: char = '\u{1}';

/// Why something is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadKey {
    #[error("a key is empty")]
    Empty,
    #[error("the key {0:?} holds a NUL character")]
    Nul(String),
}

/// Says whether this can be a key at all.
pub(crate) fn check(key: &str) -> Result<(), BadKey> {
    if key.is_empty() {
        Err(BadKey::Empty)
    } else if key.contains('\0') {
        Err(BadKey::Nul(key.to_owned()))
    } else {
        Ok(())
    }
}

/// The keys from `from` on, up to but without `to`; without `to`, all that follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRange {
    pub(crate) from: String,
    pub(crate) to: Option<String>,
}

impl KeyRange {
    /// All keys that begin with the prefix.
    pub(crate) fn below(prefix: &str) -> Self {
        let from = if prefix.is_empty() {
            LEAST.to_string()
        } else {
            prefix.to_owned()
        };
        Self {
            from,
            to: successor(prefix),
        }
    }

    /// This key alone.
    pub(crate) fn only(key: &str) -> Self {
        Self {
            from: key.to_owned(),
            to: Some(format!("{key}{LEAST}")),
        }
    }

    /// Only those keys of the range that are wanted on this page, or on one that follows it.
    pub(crate) fn part(mut self, page: &Page) -> Self {
        if let Some(after) = &page.after {
            self.from = self.from.max(format!("{after}{LEAST}"));
        }
        if let Some(before) = &page.before
            && self.is_before_end(before)
        {
            self.to = Some(before.clone());
        }
        self
    }

    /// Whether the key lies in the range.
    pub(crate) fn contains(&self, key: &str) -> bool {
        key >= self.from.as_str() && self.is_before_end(key)
    }

    /// Whether the key lies before the range's end.
    pub(crate) fn is_before_end(&self, key: &str) -> bool {
        self.to.as_deref().is_none_or(|to| key < to)
    }
}

/// The least string that sorts after everything that begins with `prefix`, if there is one.
///
/// UTF-8 sorts bytewise as its characters do, so the last character that has a next one is raised.
fn successor(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_neither_empty_nor_hold_nul() {
        assert_eq!(check(""), Err(BadKey::Empty));
        assert_eq!(check("a\0b"), Err(BadKey::Nul("a\0b".to_owned())));
        assert_eq!(check("groups/ingestor/dev"), Ok(()));
    }

    #[test]
    fn the_successor_skips_what_is_not_a_character() {
        for (prefix, expected) in [
            ("", None),
            ("a", Some("b")),
            ("a/", Some("a0")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
        ] {
            assert_eq!(successor(prefix).as_deref(), expected, "{prefix:?}");
        }
    }

    fn key() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            proptest::sample::select(vec!['\u{1}', 'a', 'b', '/', 'é', '\u{d7ff}', '\u{10ffff}']),
            1..5,
        )
        .prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn a_range_holds_exactly_what_begins_with_its_prefix(
            key in key(), prefix in prop_oneof![Just(String::new()), key()],
            after in option::of(key()), before in option::of(key()),
        ) {
            let range = KeyRange::below(&prefix);
            prop_assert_eq!(range.contains(&key), key.starts_with(&prefix));
            let is_meant = key.starts_with(&prefix)
                && after.as_ref().is_none_or(|after| key > *after)
                && before.as_ref().is_none_or(|before| key < *before);
            let part = range.part(&Page { after, before, limit: 1 });
            prop_assert_eq!(part.contains(&key), is_meant);
        }
    }
}
