//! Versions of Marathon as they are told and compared.

use std::fmt;

/// `MAJOR.MINOR.PATCH`. From 1.6 on the last number counts commits; it grows all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u64,
    minor: u64,
    patch: u64,
}

/// The patch of who names a series and no more: the last there is.
const LAST: u64 = u64::MAX;

impl Version {
    pub(super) const fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// The last version of a series.
    pub(super) const fn series(major: u64, minor: u64) -> Self {
        Self::new(major, minor, LAST)
    }

    /// Reads the leading numbers of what `/v2/info` tells; whatever is behind them does not count.
    /// `1.4` alone is the last version of that series.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim().splitn(3, '.').map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit());
            part[..digits.unwrap_or(part.len())].parse().ok()
        });
        let major = numbers.next()??;
        let minor = numbers.next()??;
        let patch = numbers.next().flatten().unwrap_or(LAST);
        Some(Self::new(major, minor, patch))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch != LAST {
            write!(f, ".{}", self.patch)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_are_read_from_what_marathon_tells() {
        for (text, expected) in [
            ("1.4.9", Some(Version::new(1, 4, 9))),
            ("1.6.322-a1b2c3", Some(Version::new(1, 6, 322))),
            ("1.11.0-SNAPSHOT", Some(Version::new(1, 11, 0))),
            ("1.0.0-RC1", Some(Version::new(1, 0, 0))),
            (" 0.15.7 ", Some(Version::new(0, 15, 7))),
            ("1.5", Some(Version::series(1, 5))),
            ("1.5-x", Some(Version::series(1, 5))),
            ("1.5.x", Some(Version::series(1, 5))),
            ("", None),
            ("1", None),
            ("one.two", None),
            ("-1.4.0", None),
            ("99999999999999999999999.1.1", None),
        ] {
            assert_eq!(Version::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn a_series_stands_for_its_last_version() {
        let series = Version::parse("1.4").unwrap();
        assert!(Version::new(1, 4, 13) < series && series < Version::new(1, 5, 0));
        assert_eq!(series.to_string(), "1.4");
        assert_eq!(Version::new(1, 4, 0).to_string(), "1.4.0");
    }

    proptest! {
        #[test]
        fn any_text_may_be_told_for_a_version(text in ".{0,30}|[0-9.]{0,12}") {
            if let Some(version) = Version::parse(&text) {
                prop_assert_eq!(Version::parse(&version.to_string()), Some(version));
            }
        }
    }
}
