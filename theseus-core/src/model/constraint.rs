//! Where containers may run, in the engine's terms.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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
