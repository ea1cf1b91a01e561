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
}

impl Constraint {
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
        let operator = match name.as_str() {
            "UNIQUE" if value.is_some() => return Err("UNIQUE takes no value".into()),
            "UNIQUE" => Operator::Unique,
            "CLUSTER" => Operator::Cluster(value.cloned()),
            "GROUP_BY" => Operator::GroupBy(value.map_or(Ok(0), count)?),
            "LIKE" => Operator::Like(full_match(required()?)?),
            "UNLIKE" => Operator::Unlike(full_match(required()?)?),
            "MAX_PER" => Operator::MaxPer(count(required()?)?),
            "IS" => Operator::Is(required()?.clone()),
            _ => return Err(format!("unknown constraint operator '{name}'")),
        };
        Ok(Self {
            field: field.clone(),
            operator,
            words,
        })
    }
}

/// The whole value has to match, as with Java's `matches`.
fn full_match(pattern: &str) -> Result<Regex, String> {
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
