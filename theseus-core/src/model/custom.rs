//! Where containers may run, in Theseus's own terms.

use std::fmt;
use std::time::Duration;

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::duration;
use super::group::GroupId;

const FIXED_HOST: &str = "fixed-host";
const SPREAD_BY: &str = "spread-by";
const AWAY_FROM: &str = "away-from";
const NEAR: &str = "near";

/// A constraint that Theseus itself looks after. In JSON, as in a manifest, it is a word
/// (`"fixed-host"`), or a word with what it is about (`{"spread-by": "rack"}`,
/// `{"fixed-host": {"relocate-after": "10m"}}`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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
    pub const NAMES: [&'static str; 4] = [FIXED_HOST, SPREAD_BY, AWAY_FROM, NEAR];

    /// A fixed host that is waited for however long it is gone.
    pub fn fixed_host() -> Self {
        Self::FixedHost {
            relocate_after: None,
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Self::FixedHost { .. } => FIXED_HOST,
            Self::SpreadBy(_) => SPREAD_BY,
            Self::AwayFrom(_) => AWAY_FROM,
            Self::Near(_) => NEAR,
            Self::Other { name, .. } => name,
        }
    }

    /// Whether both say the same about where containers may run. How long a fixed host is waited
    /// for says nothing of that.
    pub fn same_hosts(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::FixedHost { .. }, Self::FixedHost { .. }) => true,
            _ => self == other,
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
            (FIXED_HOST, None) => Self::fixed_host(),
            (FIXED_HOST, Some(_)) => {
                return Err("fixed-host takes nothing, or {relocate-after: 10m}".to_owned());
            }
            (SPREAD_BY, Some(attribute)) if !attribute.is_empty() => {
                Self::SpreadBy(attribute.to_owned())
            }
            (SPREAD_BY, _) => {
                return Err("spread-by needs an attribute, as in spread-by: rack".to_owned());
            }
            (AWAY_FROM, argument) => Self::AwayFrom(group(argument)?),
            (NEAR, argument) => Self::Near(group(argument)?),
            ("", _) => return Err("a custom constraint has a name".to_owned()),
            (name, argument) => Self::Other {
                name: name.to_owned(),
                argument: argument.map(str::to_owned),
            },
        })
    }
}

/// Whether both lists say the same about where containers may run.
pub(super) fn hosts_equal(one: &[CustomConstraint], other: &[CustomConstraint]) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .all(|(one, other)| one.same_hosts(other))
}

/// What stands behind the word.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Argument {
    Text(String),
    Relocation(Relocation),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Relocation {
    #[serde(with = "duration")]
    relocate_after: Duration,
}

impl CustomConstraint {
    fn argument(&self) -> Option<Argument> {
        Some(match self {
            Self::FixedHost { relocate_after } => Argument::Relocation(Relocation {
                relocate_after: (*relocate_after)?,
            }),
            Self::SpreadBy(attribute) => Argument::Text(attribute.clone()),
            Self::AwayFrom(group) | Self::Near(group) => Argument::Text(group.to_string()),
            Self::Other { argument, .. } => Argument::Text(argument.clone()?),
        })
    }
}

impl Serialize for CustomConstraint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(argument) = self.argument() else {
            return serializer.serialize_str(self.name());
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.name(), &argument)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for CustomConstraint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// Reads a constraint as it is written. By hand, because nothing derived refuses a second word.
struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = CustomConstraint;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a custom constraint: a word, or a word and what it is about")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<CustomConstraint, E> {
        CustomConstraint::new(name, None).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CustomConstraint, A::Error> {
        let Some((name, argument)) = map.next_entry::<String, Argument>()? else {
            return Err(de::Error::invalid_length(0, &self));
        };
        if map.next_key::<de::IgnoredAny>()?.is_some() {
            return Err(de::Error::custom(
                "a custom constraint is one word, and here are several",
            ));
        }
        match (name.as_str(), argument) {
            (FIXED_HOST, Argument::Relocation(Relocation { relocate_after })) => {
                Ok(CustomConstraint::FixedHost {
                    relocate_after: Some(relocate_after),
                })
            }
            (name, Argument::Text(text)) => {
                CustomConstraint::new(name, Some(&text)).map_err(de::Error::custom)
            }
            (name, Argument::Relocation(_)) => Err(de::Error::custom(format_args!(
                "{name} takes no relocate-after"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn other(name: &str, argument: Option<&str>) -> CustomConstraint {
        CustomConstraint::Other {
            name: name.to_owned(),
            argument: argument.map(str::to_owned),
        }
    }

    #[test]
    fn the_shapes_of_its_json() {
        let group = || "db:canary,dev".parse().unwrap();
        for (constraint, json) in [
            (CustomConstraint::fixed_host(), r#""fixed-host""#),
            (
                CustomConstraint::FixedHost {
                    relocate_after: Some(Duration::from_secs(600)),
                },
                r#"{"fixed-host":{"relocate-after":"10m"}}"#,
            ),
            (
                CustomConstraint::SpreadBy("rack".to_owned()),
                r#"{"spread-by":"rack"}"#,
            ),
            (
                CustomConstraint::AwayFrom(group()),
                r#"{"away-from":"db:canary,dev"}"#,
            ),
            (
                CustomConstraint::Near(group()),
                r#"{"near":"db:canary,dev"}"#,
            ),
            (other("gpu-pool", None), r#""gpu-pool""#),
            (other("gpu-pool", Some("a100")), r#"{"gpu-pool":"a100"}"#),
            (other("gpu-pool", Some("")), r#"{"gpu-pool":""}"#),
        ] {
            assert_eq!(serde_json::to_string(&constraint).unwrap(), json);
            let read: CustomConstraint = serde_json::from_str(json).unwrap();
            assert_eq!(read, constraint, "{json}");
        }
    }

    #[test]
    fn no_other_shape_is_accepted() {
        for json in [
            r#""""#,
            r#""spread-by""#,
            r#""near""#,
            r#""away-from""#,
            "{}",
            "[]",
            r#"["fixed-host"]"#,
            "null",
            "5",
            "true",
            r#"{"":"x"}"#,
            r#"{"spread-by":""}"#,
            r#"{"spread-by":5}"#,
            r#"{"spread-by":null}"#,
            r#"{"spread-by":["rack"]}"#,
            r#"{"near":"db"}"#,
            r#"{"away-from":"db:"}"#,
            r#"{"fixed-host":null}"#,
            r#"{"fixed-host":true}"#,
            r#"{"fixed-host":"10m"}"#,
            r#"{"fixed-host":{}}"#,
            r#"{"fixed-host":{"relocate-after":600}}"#,
            r#"{"fixed-host":{"relocate-after":"soon"}}"#,
            r#"{"fixed-host":{"relocate-after":"10m","other":1}}"#,
            r#"{"spread-by":{"relocate-after":"10m"}}"#,
            r#"{"gpu-pool":{"relocate-after":"10m"}}"#,
            r#"{"spread-by":"rack","near":"db:dev"}"#,
            r#"{"near":"db:dev","near":"db:prod"}"#,
            r#"{"fixed-host":{"relocate-after":"10m"},"near":"db:dev"}"#,
        ] {
            let read = serde_json::from_str::<CustomConstraint>(json);
            assert!(read.is_err(), "{json} is read as {read:?}");
        }
    }

    fn constraint() -> impl Strategy<Value = CustomConstraint> {
        let group = || {
            "[a-z]{1,5}:[a-z]{1,3}(,[a-z]{1,3}){0,2}"
                .prop_map(|text| text.parse::<GroupId>().unwrap())
        };
        // A name of more letters than any that Theseus knows.
        let other = ("[a-z-]{11,15}", proptest::option::of(".*"));
        prop_oneof![
            proptest::option::of(0..u64::MAX / 2).prop_map(|millis| {
                CustomConstraint::FixedHost {
                    relocate_after: millis.map(Duration::from_millis),
                }
            }),
            ".+".prop_map(CustomConstraint::SpreadBy),
            group().prop_map(CustomConstraint::AwayFrom),
            group().prop_map(CustomConstraint::Near),
            other.prop_map(|(name, argument)| CustomConstraint::Other { name, argument }),
        ]
    }

    proptest! {
        #[test]
        fn its_json_is_read_back(constraint in constraint()) {
            let json = serde_json::to_string(&constraint).unwrap();
            let read: CustomConstraint = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&read, &constraint, "{}", json);
            // Through a tree as well, as it is in a record.
            let tree = serde_json::to_value(&constraint).unwrap();
            prop_assert_eq!(serde_json::from_value::<CustomConstraint>(tree).unwrap(), constraint);
        }
    }
}
