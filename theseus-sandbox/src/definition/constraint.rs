//! Placement constraints: `["hostname", "UNIQUE"]`.

use regex::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One constraint, its operator understood and its pattern compiled.
#[derive(Clone, Debug)]
pub(crate) struct Constraint {
    pub(crate) field: String,
    pub(crate) operator: Operator,
    words: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Operator {
    Unique,
    Cluster(Option<String>),
    /// The number of groups that must be seen before one is used twice.
    GroupBy(usize),
    Like(Regex),
    Unlike(Regex),
    MaxPer(usize),
    Is(String),
    /// Its value makes no sense: no host will do.
    Broken(String),
}

impl Constraint {
    /// What is wrong with the value.
    pub(super) fn fault(&self) -> Option<&str> {
        match &self.operator {
            Operator::Broken(error) => Some(error),
            Operator::Unique if self.words.len() > 2 => Some("UNIQUE takes no value"),
            _ => None,
        }
    }

    fn parse(words: Vec<String>) -> Result<Self, String> {
        let (field, name, value) = match words.as_slice() {
            [field, name] => (field, name, None),
            [field, name, value] => (field, name, Some(value)),
            _ => return Err("a constraint has 2 or 3 elements".into()),
        };
        let required = || value.ok_or(format!("{name} needs a value"));
        let count = |value: &String| {
            value
                .parse::<usize>()
                .map_err(|_| format!("{name} needs a whole number: '{value}'"))
        };
        let pattern = || required().and_then(full_match);
        let operator = match name.as_str() {
            "UNIQUE" => Ok(Operator::Unique),
            "CLUSTER" => Ok(Operator::Cluster(value.cloned())),
            "GROUP_BY" => value.map_or(Ok(0), count).map(Operator::GroupBy),
            "LIKE" => pattern().map(Operator::Like),
            "UNLIKE" => pattern().map(Operator::Unlike),
            "MAX_PER" => required().and_then(count).map(Operator::MaxPer),
            "IS" => required().cloned().map(Operator::Is),
            _ => return Err(format!("unknown constraint operator '{name}'")),
        };
        let operator = operator.unwrap_or_else(Operator::Broken);
        Ok(Self {
            field: field.clone(),
            operator,
            words,
        })
    }
}

/// The whole value has to match, as with Java's `matches`.
fn full_match(pattern: &String) -> Result<Regex, String> {
    Regex::new(&format!("^(?:{pattern})$"))
        .map_err(|_| format!("bad regular expression '{pattern}'"))
}

impl PartialEq for Constraint {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

impl Serialize for Constraint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.words.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Constraint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(Vec::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
