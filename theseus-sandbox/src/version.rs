//! The versions of Marathon that a sandbox can be.

use std::fmt;
use std::str::FromStr;

/// A version from 0.7.0 to 1.11.0, as `MAJOR.MINOR.PATCH`. From 1.6 on the last number counts
/// commits.
///
/// ```
/// use theseus_sandbox::MarathonVersion;
///
/// let version: MarathonVersion = "1.4".parse().unwrap();
/// assert_eq!(version.to_string(), "1.4.13", "a series alone means its last release");
/// assert!("1.2".parse::<MarathonVersion>().is_err(), "there never was one");
/// assert_eq!(MarathonVersion::closest_to("1.12.7-dcos").to_string(), "1.11.0");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarathonVersion {
    major: u16,
    minor: u16,
    patch: u16,
}

/// The last release of every series, oldest first.
const SERIES: [MarathonVersion; 19] = [
    v(0, 7, 6),
    v(0, 8, 2),
    v(0, 9, 0),
    v(0, 10, 1),
    v(0, 11, 1),
    v(0, 13, 1),
    v(0, 14, 1),
    v(0, 15, 7),
    v(1, 0, 0),
    v(1, 1, 2),
    v(1, 3, 13),
    v(1, 4, 13),
    v(1, 5, 11),
    v(1, 6, 590),
    v(1, 7, 236),
    v(1, 8, 244),
    v(1, 9, 109),
    v(1, 10, 26),
    v(1, 11, 0),
];

/// A version, written short.
pub(crate) const fn v(major: u16, minor: u16, patch: u16) -> MarathonVersion {
    MarathonVersion {
        major,
        minor,
        patch,
    }
}

/// The text is no version that a sandbox can be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no Marathon {text} here; there are {}", series())]
pub struct UnknownVersion {
    text: String,
}

fn series() -> String {
    let names = MarathonVersion::series().map(|it| format!("{}.{}", it.major, it.minor));
    let names: Vec<String> = names.collect();
    format!("{}, each also with a third number", names.join(", "))
}

impl MarathonVersion {
    /// The last release of every series, oldest first.
    pub fn series() -> impl DoubleEndedIterator<Item = Self> {
        SERIES.into_iter()
    }

    /// What comes closest to a Marathon that calls itself `text`: the version itself, else the
    /// last that is not newer, else the oldest. The default where `text` begins with no number.
    pub fn closest_to(text: &str) -> Self {
        let Some((major, minor, patch)) = leading(text) else {
            return Self::default();
        };
        let meant = v(major, minor, patch.unwrap_or(u16::MAX));
        let mut known = SERIES.into_iter().rev();
        let series = known.find(|it| (it.major, it.minor) <= (major, minor));
        match series {
            Some(it) if (it.major, it.minor) == (major, minor) && patch.is_some() => meant,
            Some(it) => it,
            None => v(0, 7, 0),
        }
    }
}

impl Default for MarathonVersion {
    fn default() -> Self {
        v(1, 5, 11)
    }
}

/// The numbers that `text` begins with.
fn leading(text: &str) -> Option<(u16, u16, Option<u16>)> {
    let mut numbers = text.trim().splitn(3, '.').map(|part| {
        let end = part.find(|it: char| !it.is_ascii_digit());
        part[..end.unwrap_or(part.len())].parse().ok()
    });
    Some((numbers.next()??, numbers.next()??, numbers.next().flatten()))
}

impl FromStr for MarathonVersion {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownVersion {
            text: text.to_owned(),
        };
        let number = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits
                .then(|| part.parse().ok())
                .flatten()
                .ok_or_else(unknown)
        };
        let (major, minor, patch) = match *text.split('.').collect::<Vec<_>>() {
            [major, minor] => (number(major)?, number(minor)?, None),
            [major, minor, patch] => (number(major)?, number(minor)?, Some(number(patch)?)),
            _ => return Err(unknown()),
        };
        let mut known = SERIES.into_iter();
        let last = known.find(|it| (it.major, it.minor) == (major, minor));
        let last = last.ok_or_else(unknown)?;
        Ok(patch.map_or(last, |patch| v(major, minor, patch)))
    }
}

impl fmt::Display for MarathonVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Debug for MarathonVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_means_its_last_release_and_nothing_else_is_known() {
        let cases = [
            ("0.7", "0.7.6"),
            ("0.7.0", "0.7.0"),
            ("0.15", "0.15.7"),
            ("1.3", "1.3.13"),
            ("1.6.322", "1.6.322"),
            ("1.11", "1.11.0"),
        ];
        for (text, expected) in cases {
            let version: MarathonVersion = text.parse().unwrap();
            assert_eq!(version.to_string(), expected);
        }
        for text in [
            "",
            "1",
            "1.",
            "1.5.",
            "0.6",
            "0.6.1",
            "0.12",
            "1.2",
            "1.12",
            "2.0",
            "1.5.1.1",
            "1.5.11-rc1",
            "v1.5",
            "1.5.99999",
            "+1.5",
            " 1.5",
        ] {
            assert!(text.parse::<MarathonVersion>().is_err(), "{text}");
        }
        let told = "0.6".parse::<MarathonVersion>().unwrap_err().to_string();
        assert!(
            told.starts_with("there is no Marathon 0.6 here; there are 0.7, 0.8, 0.9, "),
            "{told}"
        );
    }

    #[test]
    fn whatever_a_marathon_calls_itself_something_comes_closest() {
        let cases = [
            ("1.4.2", "1.4.2"),
            ("1.8.222-86475ddac", "1.8.222"),
            ("0.8.0-SNAPSHOT", "0.8.0"),
            ("1.11.0-SNAPSHOT", "1.11.0"),
            ("1.5", "1.5.11"),
            ("1.12.3", "1.11.0"),
            ("2.0.0", "1.11.0"),
            ("1.2.0", "1.1.2"),
            ("0.12.0", "0.11.1"),
            ("0.6.1", "0.7.0"),
            ("unknown", "1.5.11"),
            ("", "1.5.11"),
            ("1.5.999999", "1.5.11"),
        ];
        for (text, expected) in cases {
            assert_eq!(
                MarathonVersion::closest_to(text).to_string(),
                expected,
                "{text}"
            );
        }
    }
}
