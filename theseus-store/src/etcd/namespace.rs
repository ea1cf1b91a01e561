//! Between the store's keys and etcd's: prefix on, prefix off.

use bytes::Bytes;
use etcd_client::KeyValue;
use theseus_core::store::{Entry, Revision};

use crate::keys::KeyRange;

/// What every key in etcd begins with: the configured prefix and a slash.
#[derive(Debug, Clone)]
pub(super) struct Namespace(String);

/// etcd answered with a key that is not one of ours.
#[derive(Debug, thiserror::Error)]
#[error("etcd answered with the key {0:?}, which was not asked for")]
pub(super) struct StrangeKey(String);

impl Namespace {
    pub(super) fn new(prefix: &str) -> Self {
        match prefix.trim_end_matches('/') {
            "" => Self(String::new()),
            prefix => Self(format!("{prefix}/")),
        }
    }

    /// The key in etcd.
    pub(super) fn key(&self, key: &str) -> String {
        format!("{}{key}", self.0)
    }

    /// The key that every commit marks as its own. No key of a record holds NUL.
    pub(super) fn mark(&self) -> String {
        self.key("\0commit")
    }

    /// The bounds of a range in etcd; a single NUL there stands for no upper bound.
    pub(super) fn range(&self, range: &KeyRange) -> (String, String) {
        let to = match &range.to {
            Some(to) => Some(self.key(to)),
            None => KeyRange::below(&self.0).to,
        };
        (self.key(&range.from), to.unwrap_or_else(|| "\0".to_owned()))
    }

    /// The key without the namespace.
    pub(super) fn strip(&self, key: &[u8]) -> Result<String, StrangeKey> {
        let stripped = std::str::from_utf8(key)
            .ok()
            .and_then(|key| key.strip_prefix(&self.0));
        stripped
            .map(str::to_owned)
            .ok_or_else(|| StrangeKey(String::from_utf8_lossy(key).into_owned()))
    }

    pub(super) fn entry(&self, found: KeyValue) -> Result<Entry, StrangeKey> {
        let modified = revision(found.mod_revision());
        let (key, value) = found.into_key_value();
        Ok(Entry {
            key: self.strip(&key)?,
            value: Bytes::from(value),
            modified,
        })
    }
}

/// etcd's revisions are signed but count up from 1.
pub(super) fn revision(number: i64) -> Revision {
    Revision(u64::try_from(number).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lie_below_the_prefix_and_its_slash() {
        for (prefix, expected) in [
            ("/theseus", "/theseus/groups/a"),
            ("/theseus/", "/theseus/groups/a"),
            ("", "groups/a"),
            ("/", "groups/a"),
        ] {
            let namespace = Namespace::new(prefix);
            assert_eq!(namespace.key("groups/a"), expected);
            assert_eq!(namespace.strip(expected.as_bytes()).unwrap(), "groups/a");
        }
        assert!(
            Namespace::new("/theseus")
                .strip(b"/other/groups/a")
                .is_err()
        );
        assert!(Namespace::new("/theseus").strip(b"/theseus/\xff").is_err());
    }

    #[test]
    fn no_range_holds_the_mark() {
        for prefix in ["/theseus", ""] {
            let namespace = Namespace::new(prefix);
            let (from, _) = namespace.range(&KeyRange::below(""));
            assert!(namespace.mark() < from);
        }
    }

    #[test]
    fn ranges_end_with_the_prefix_or_with_the_namespace() {
        let namespace = Namespace::new("/theseus");
        let range = |prefix| namespace.range(&KeyRange::below(prefix));
        assert_eq!(
            range("a/"),
            ("/theseus/a/".to_owned(), "/theseus/a0".to_owned())
        );
        assert_eq!(
            range(""),
            ("/theseus/\u{1}".to_owned(), "/theseus0".to_owned())
        );
        assert_eq!(Namespace::new("").range(&KeyRange::below("")).1, "\0");
    }
}
