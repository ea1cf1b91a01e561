//! A number of containers, or a share of them.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// So many containers, or so many percent of a group's instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// A number of containers.
    Count(u32),
    /// A share of the instances, in percent; at most 100.
    Percent(u8),
}

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a count such as 2, or a share of the instances from 0% to 100%")]
pub struct AmountError;

impl Amount {
    /// How many of `instances` that is, rounded down. A share is never rounded up, so that neither
    /// more is started nor more is taken down than what was asked for.
    pub fn of(self, instances: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            // At most `instances`, so it fits.
            Self::Percent(share) => {
                u32::try_from(u64::from(instances) * u64::from(share) / 100).unwrap_or(instances)
            }
        }
    }

    /// Whether it is nothing whatever the number of instances.
    pub fn is_zero(self) -> bool {
        matches!(self, Self::Count(0) | Self::Percent(0))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(share) => write!(f, "{share}%"),
        }
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        match text.strip_suffix('%') {
            Some(share) => match share.trim_end().parse() {
                Ok(share @ 0..=100) => Ok(Self::Percent(share)),
                _ => Err(AmountError),
            },
            None => text.parse().map(Self::Count).map_err(|_| AmountError),
        }
    }
}

/// As JSON has it: a number, or a text with a percent sign.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => serializer.serialize_u32(*count),
            Self::Percent(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count such as 2, or a share of the instances such as \"25%\"")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Amount, E> {
        let count = u32::try_from(count);
        count.map(Amount::Count).map_err(|_| E::custom(AmountError))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_down() {
        for (text, instances, expected) in [
            ("1", 10, 1),
            ("25%", 10, 2),
            ("25%", 3, 0),
            ("100%", 7, 7),
            ("0%", 7, 0),
            ("100%", u32::MAX, u32::MAX),
        ] {
            assert_eq!(
                text.parse::<Amount>().unwrap().of(instances),
                expected,
                "{text} of {instances}"
            );
        }
    }

    #[test]
    fn what_it_is_in_json() {
        for (json, amount) in [
            ("2", Some(Amount::Count(2))),
            ("\"25%\"", Some(Amount::Percent(25))),
            ("-1", None),
            ("4294967296", None),
            ("1.5", None),
            ("\"x\"", None),
            ("null", None),
        ] {
            let read = serde_json::from_str::<Amount>(json).ok();
            assert_eq!(read, amount, "{json}");
            let written = amount.map(|amount| serde_json::to_string(&amount).unwrap());
            assert!(written.is_none_or(|written| written == json));
        }
    }

    #[test]
    fn what_is_no_amount() {
        for text in ["", "%", "101%", "-1", "1.5", "x"] {
            assert_eq!(text.parse::<Amount>(), Err(AmountError), "{text}");
        }
    }
}
