//! Versions of Marathon, and ranges of them.

use std::fmt;

/// A version: three numbers, whatever follows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Reads the numbers at the beginning, as in `1.5.11`, `1.11.0-SNAPSHOT` or `1.4`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let major = parts.next()?.parse().ok()?;
        let minor = leading(parts.next()?)?;
        let patch = parts.next().map_or(Some(0), leading)?;
        Some(Self(major, minor, patch))
    }
}

fn leading(text: &str) -> Option<u32> {
    let end = text
        .find(|it: char| !it.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Versions from one on, up to but not including another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) since: Version,
    pub(crate) until: Option<Version>,
}

impl Range {
    pub(crate) const ALL: Self = Self {
        since: Version(0, 7, 0),
        until: None,
    };

    pub(crate) fn contains(self, version: Version) -> bool {
        self.since <= version && self.until.is_none_or(|until| version < until)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.until {
            Some(until) => write!(f, "{} until {until}", self.since),
            None => write!(f, "{} on", self.since),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_their_beginning() {
        for (text, version) in [
            ("1.5.11", Some(Version(1, 5, 11))),
            ("1.11.0-SNAPSHOT", Some(Version(1, 11, 0))),
            ("1.8.244-ec2cf12", Some(Version(1, 8, 244))),
            ("0.8.2-RC4", Some(Version(0, 8, 2))),
            ("1.4", Some(Version(1, 4, 0))),
            ("1", None),
            ("v1.5.0", None),
            ("", None),
            ("1.99999999999.0", None),
        ] {
            assert_eq!(Version::parse(text), version, "{text}");
        }
    }

    #[test]
    fn a_range_ends_before_its_end() {
        let range = Range {
            since: Version(0, 8, 1),
            until: Some(Version(1, 5, 0)),
        };
        let inside = |text: &str| range.contains(Version::parse(text).unwrap());
        assert!(inside("0.8.1") && inside("1.4.13"));
        assert!(!inside("0.8.0") && !inside("1.5.0") && !inside("1.11.0"));
    }
}
