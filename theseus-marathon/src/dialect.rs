//! Where the versions of Marathon differ, as data: [`Feature`]s with the version that brought them.
//! Nothing else in the crate compares versions.

use std::fmt;

use theseus_core::model::Operator;

/// `MAJOR.MINOR.PATCH`. From 1.6 on the last number counts commits; it grows all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u64, u64, u64);

impl Version {
    /// Reads the leading numbers of what `/v2/info` tells; whatever is behind them does not count.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim().splitn(3, '.').map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit());
            part[..digits.unwrap_or(part.len())].parse().ok()
        });
        let major = numbers.next()??;
        let minor = numbers.next()??;
        Some(Self(major, minor, numbers.next().flatten().unwrap_or(0)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// The oldest version that is spoken to.
const OLDEST: Version = Version(1, 0, 0);

/// Loses the body of a PUT.
const BROKEN: Version = Version(1, 4, 0);

/// Something that not every version has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// `networks` and `container.portMappings` rather than `docker.network` and
    /// `docker.portMappings`.
    NativeNetworks,
    /// PATCH, which never creates what it was to change.
    Patch,
    /// PUT that takes away what it does not say.
    Replace,
    /// Secrets in the environment.
    Secrets,
    /// Networks with a name.
    NamedNetworks,
    /// The constraint `MAX_PER`.
    MaxPer,
    /// The constraint `IS`.
    Is,
}

impl Feature {
    fn since(self) -> Version {
        match self {
            Self::Secrets | Self::NamedNetworks | Self::MaxPer => Version(1, 3, 0),
            Self::Patch | Self::Replace => Version(1, 4, 1),
            Self::NativeNetworks => Version(1, 5, 0),
            Self::Is => Version(1, 6, 322),
        }
    }

    /// What an operator of a constraint needs, if it was not always there.
    pub(crate) fn of_operator(operator: Operator) -> Option<Self> {
        match operator {
            Operator::MaxPer => Some(Self::MaxPer),
            Operator::Is => Some(Self::Is),
            Operator::Unique
            | Operator::Cluster
            | Operator::GroupBy
            | Operator::Like
            | Operator::Unlike => None,
        }
    }
}

/// What one version of Marathon understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    version: Version,
}

/// A version that is not spoken to, or a feature that a version lacks. The text says which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsupported {
    #[error("this is Marathon {0}; Theseus needs {OLDEST} or later")]
    TooOld(Version),
    #[error("Marathon {BROKEN} loses what it is told to change; 1.4.1 has that mended")]
    Broken,
    #[error("this is Marathon {version}; it takes Marathon {needed} or later")]
    Missing { version: Version, needed: Version },
}

impl Dialect {
    pub(crate) fn of(version: Version) -> Result<Self, Unsupported> {
        if version < OLDEST {
            return Err(Unsupported::TooOld(version));
        }
        if version == BROKEN {
            return Err(Unsupported::Broken);
        }
        Ok(Self { version })
    }

    pub(crate) fn has(self, feature: Feature) -> bool {
        self.version >= feature.since()
    }

    pub(crate) fn needs(self, feature: Feature) -> Result<(), Unsupported> {
        if self.has(feature) {
            return Ok(());
        }
        Err(Unsupported::Missing {
            version: self.version,
            needed: feature.since(),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn dialect(version: &str) -> Dialect {
        Dialect::of(Version::parse(version).unwrap()).unwrap()
    }

    #[test]
    fn versions_are_read_from_what_marathon_tells() {
        for (text, expected) in [
            ("1.4.9", Some(Version(1, 4, 9))),
            ("1.6.322-a1b2c3", Some(Version(1, 6, 322))),
            ("1.11.0-SNAPSHOT", Some(Version(1, 11, 0))),
            ("1.0.0-RC1", Some(Version(1, 0, 0))),
            ("0.15.7", Some(Version(0, 15, 7))),
            ("1.5", Some(Version(1, 5, 0))),
            ("1.5-x", Some(Version(1, 5, 0))),
            ("", None),
            ("1", None),
            ("one.two", None),
            ("99999999999999999999999.1.1", None),
        ] {
            assert_eq!(Version::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn which_version_has_what() {
        use Feature::{Is, MaxPer, NamedNetworks, NativeNetworks, Patch, Replace, Secrets};
        for (version, features) in [
            ("1.0.0", vec![]),
            ("1.1.5", vec![]),
            ("1.3.0", vec![Secrets, NamedNetworks, MaxPer]),
            (
                "1.4.1",
                vec![Secrets, NamedNetworks, MaxPer, Patch, Replace],
            ),
            (
                "1.5.0",
                vec![
                    Secrets,
                    NamedNetworks,
                    MaxPer,
                    Patch,
                    Replace,
                    NativeNetworks,
                ],
            ),
            (
                "1.6.322",
                vec![
                    Secrets,
                    NamedNetworks,
                    MaxPer,
                    Patch,
                    Replace,
                    NativeNetworks,
                    Is,
                ],
            ),
        ] {
            for feature in [
                Secrets,
                NamedNetworks,
                MaxPer,
                Patch,
                Replace,
                NativeNetworks,
                Is,
            ] {
                let expected = features.contains(&feature);
                assert_eq!(
                    dialect(version).has(feature),
                    expected,
                    "{version} {feature:?}"
                );
            }
        }
    }

    #[test]
    fn versions_that_are_not_spoken_to_say_what_to_do() {
        for (version, message) in [
            (
                "0.15.7",
                "this is Marathon 0.15.7; Theseus needs 1.0.0 or later",
            ),
            (
                "1.4.0",
                "Marathon 1.4.0 loses what it is told to change; 1.4.1 has that mended",
            ),
        ] {
            let error = Dialect::of(Version::parse(version).unwrap()).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        assert_eq!(
            dialect("1.1.1")
                .needs(Feature::Secrets)
                .unwrap_err()
                .to_string(),
            "this is Marathon 1.1.1; it takes Marathon 1.3.0 or later"
        );
    }

    proptest! {
        #[test]
        fn any_text_may_be_told_for_a_version(text in ".{0,30}") {
            let _ = Version::parse(&text);
        }
    }
}
