//! A number of containers, or a share of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// So many containers, or so many percent of a group's instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
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
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Count(u32),
    Share(String),
}

impl TryFrom<Written> for Amount {
    type Error = AmountError;

    fn try_from(written: Written) -> Result<Self, AmountError> {
        match written {
            Written::Count(count) => Ok(Self::Count(count)),
            Written::Share(text) => text.parse(),
        }
    }
}

impl From<Amount> for Written {
    fn from(amount: Amount) -> Self {
        match amount {
            Amount::Count(count) => Self::Count(count),
            Amount::Percent(_) => Self::Share(amount.to_string()),
        }
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
    fn what_is_no_amount() {
        for text in ["", "%", "101%", "-1", "1.5", "x"] {
            assert_eq!(text.parse::<Amount>(), Err(AmountError), "{text}");
        }
    }
}
