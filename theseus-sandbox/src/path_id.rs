//! Ids of apps and groups: absolute paths of segments such as `/shop/cart`.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// An absolute id, always with its leading slash; the root group is `/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub(crate) struct PathId(Arc<str>);

impl PathId {
    pub(crate) fn root() -> Self {
        Self("/".into())
    }

    /// Reads `raw`, taking a relative one as below `self`. Empty segments are dropped.
    pub(crate) fn resolve(&self, raw: &str) -> Result<Self, String> {
        if raw.len() > LONGEST {
            return Err(format!("must have at most {LONGEST} characters"));
        }
        let mut segments: Vec<&str> = Vec::new();
        if !raw.starts_with('/') {
            segments.extend(self.segments());
        }
        for segment in raw.split('/') {
            match segment {
                "" | "." => {}
                ".." => drop(segments.pop()),
                segment if is_segment(segment) => segments.push(segment),
                _ => {
                    return Err(format!(
                        "must fully match regular expression '{SEGMENT_RULE}'"
                    ));
                }
            }
        }
        Ok(Self::from_segments(&segments))
    }

    pub(crate) fn absolute(raw: &str) -> Result<Self, String> {
        Self::root().resolve(raw)
    }

    fn from_segments(segments: &[&str]) -> Self {
        Self(format!("/{}", segments.join("/")).into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    pub(crate) fn is_root(&self) -> bool {
        &*self.0 == "/"
    }

    /// The group that holds this app or group; none for the root.
    pub(crate) fn parent(&self) -> Option<Self> {
        let (head, tail) = self.0.rsplit_once('/')?;
        match (head, tail) {
            (_, "") => None,
            ("", _) => Some(Self::root()),
            (head, _) => Some(Self(head.into())),
        }
    }

    /// What every id below this group starts with.
    pub(crate) fn prefix(&self) -> String {
        if self.is_root() {
            "/".into()
        } else {
            format!("{}/", self.0)
        }
    }

    /// The form used in task ids, where `_` stands for the slash.
    pub(crate) fn task_prefix(&self) -> String {
        self.0.trim_start_matches('/').replace('/', "_")
    }
}

/// Marathon has no limit; here every segment of an id is a group, and groups nest on the stack.
const LONGEST: usize = 512;

const SEGMENT_RULE: &str = r"^(([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])|(\.|\.\.)$";

/// Dot-separated words of small letters and digits, with dashes inside.
fn is_segment(segment: &str) -> bool {
    segment.split('.').all(|word| {
        !word.is_empty()
            && !word.starts_with('-')
            && !word.ends_with('-')
            && word
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    })
}

impl fmt::Display for PathId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for PathId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Borrow<str> for PathId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_marathon_reads_them() {
        let group = PathId::absolute("/shop").unwrap();
        let cases = [
            ("cart", "/shop/cart"),
            ("/cart", "/cart"),
            ("//a//b/", "/a/b"),
            ("../x", "/x"),
            ("./x.y-z", "/shop/x.y-z"),
            ("/", "/"),
        ];
        for (raw, expected) in cases {
            assert_eq!(group.resolve(raw).unwrap().as_str(), expected, "{raw}");
        }
        for bad in ["A", "a_b", "-a", "a-", "a..b", "a b", "ä", "a."] {
            assert!(group.resolve(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn parents_and_task_prefixes() {
        let id = PathId::absolute("/a/b/c").unwrap();
        assert_eq!(id.parent().unwrap().as_str(), "/a/b");
        assert_eq!(
            PathId::absolute("/a").unwrap().parent(),
            Some(PathId::root())
        );
        assert_eq!(PathId::root().parent(), None);
        assert_eq!(id.task_prefix(), "a_b_c");
        assert_eq!(PathId::root().prefix(), "/");
    }
}
