//! Where containers may run.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;
use super::group::GroupId;

/// A constraint in the engine's terms: `[field, OPERATOR]` or `[field, OPERATOR, value]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Constraint {
    /// `hostname`, or an attribute of the host.
    pub field: String,
    /// What must hold of the field.
    pub operator: Operator,
    /// What the operator compares with, where it takes something.
    pub value: Option<String>,
}

impl TryFrom<Vec<String>> for Constraint {
    type Error = String;

    fn try_from(words: Vec<String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let (Some(field), Some(operator), value, None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err("a constraint is [field, OPERATOR] or [field, OPERATOR, value]".to_owned());
        };
        let operator = operator.parse()?;
        Ok(Self {
            field,
            operator,
            value,
        })
    }
}

impl From<Constraint> for Vec<String> {
    fn from(constraint: Constraint) -> Self {
        let mut words = vec![constraint.field, constraint.operator.to_string()];
        words.extend(constraint.value);
        words
    }
}

/// What a constraint asks of its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// At most one container per value.
    Unique,
    /// All containers on one value.
    Cluster,
    /// Containers spread evenly over the values.
    GroupBy,
    /// The value matches a regular expression.
    Like,
    /// The value matches it not.
    Unlike,
    /// At most so many containers per value.
    MaxPer,
    /// The value is exactly this.
    Is,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Self; 7] = [
        Self::Unique,
        Self::Cluster,
        Self::GroupBy,
        Self::Like,
        Self::Unlike,
        Self::MaxPer,
        Self::Is,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unique => "UNIQUE",
            Self::Cluster => "CLUSTER",
            Self::GroupBy => "GROUP_BY",
            Self::Like => "LIKE",
            Self::Unlike => "UNLIKE",
            Self::MaxPer => "MAX_PER",
            Self::Is => "IS",
        }
    }
}

impl FromStr for Operator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|operator| operator.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                let known = Self::ALL.map(Self::as_str).join(", ");
                format!("{text:?} is no operator; known are {known}")
            })
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A constraint that Theseus itself looks after. In JSON, as in a manifest, it is a word
/// (`fixed-host`) or a word with what it is about (`{spread-by: rack}`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum CustomConstraint {
    /// A container that was killed comes back on the host where it ran.
    FixedHost {
        /// How long the host may be gone until another one takes its place; for ever when `None`.
        relocate_after: Option<Duration>,
    },
    /// Containers are spread evenly over the values of this attribute of the hosts.
    SpreadBy(String),
    /// No container runs on a host where this group runs.
    AwayFrom(GroupId),
    /// Containers run only on hosts where this group runs.
    Near(GroupId),
    /// One that the embedding program looks after.
    Other {
        /// What it is called.
        name: String,
        /// What it is about, if anything.
        argument: Option<String>,
    },
}

impl CustomConstraint {
    /// The names of those that Theseus itself knows.
    pub const NAMES: [&'static str; 4] = ["fixed-host", "spread-by", "away-from", "near"];

    /// A fixed host that is waited for however long it is gone.
    pub fn fixed_host() -> Self {
        Self::FixedHost {
            relocate_after: None,
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Self::FixedHost { .. } => "fixed-host",
            Self::SpreadBy(_) => "spread-by",
            Self::AwayFrom(_) => "away-from",
            Self::Near(_) => "near",
            Self::Other { name, .. } => name,
        }
    }

    /// The constraint of this name about this. Fails with what is expected instead; whether
    /// anybody looks after one that Theseus does not know is not its concern.
    pub fn new(name: &str, argument: Option<&str>) -> Result<Self, String> {
        let group = |argument: Option<&str>| {
            argument
                .and_then(|text| text.parse::<GroupId>().ok())
                .ok_or_else(|| format!("{name} needs a group, as in {name}: db:dev"))
        };
        Ok(match (name, argument) {
            ("fixed-host", None) => Self::fixed_host(),
            ("fixed-host", Some(_)) => {
                return Err("fixed-host takes nothing, or {relocate-after: 10m}".to_owned());
            }
            ("spread-by", Some(attribute)) if !attribute.is_empty() => {
                Self::SpreadBy(attribute.to_owned())
            }
            ("spread-by", _) => {
                return Err("spread-by needs an attribute, as in spread-by: rack".to_owned());
            }
            ("away-from", argument) => Self::AwayFrom(group(argument)?),
            ("near", argument) => Self::Near(group(argument)?),
            (name, argument) => Self::Other {
                name: name.to_owned(),
                argument: argument.map(str::to_owned),
            },
        })
    }
}

/// A custom constraint as it is written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Word(String),
    Fixed {
        #[serde(rename = "fixed-host")]
        fixed_host: Relocation,
    },
    About(BTreeMap<String, String>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Relocation {
    #[serde(with = "duration")]
    relocate_after: Duration,
}

impl TryFrom<Written> for CustomConstraint {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Word(name) => Self::new(&name, None),
            Written::Fixed { fixed_host } => Ok(Self::FixedHost {
                relocate_after: Some(fixed_host.relocate_after),
            }),
            Written::About(words) => match words.into_iter().next() {
                Some((name, argument)) => Self::new(&name, Some(&argument)),
                None => {
                    Err("a custom constraint is a word, or a word and what it is about".to_owned())
                }
            },
        }
    }
}

impl From<CustomConstraint> for Written {
    fn from(constraint: CustomConstraint) -> Self {
        let about = |argument: String| {
            Self::About(BTreeMap::from([(constraint.name().to_owned(), argument)]))
        };
        match &constraint {
            CustomConstraint::FixedHost {
                relocate_after: Some(after),
            } => Self::Fixed {
                fixed_host: Relocation {
                    relocate_after: *after,
                },
            },
            CustomConstraint::SpreadBy(attribute) => about(attribute.clone()),
            CustomConstraint::AwayFrom(group) | CustomConstraint::Near(group) => {
                about(group.to_string())
            }
            CustomConstraint::Other {
                argument: Some(argument),
                ..
            } => about(argument.clone()),
            CustomConstraint::FixedHost {
                relocate_after: None,
            }
            | CustomConstraint::Other { argument: None, .. } => {
                Self::Word(constraint.name().to_owned())
            }
        }
    }
}
