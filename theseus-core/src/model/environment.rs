//! The environment of a container, of which some values are nobody's business.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// What stands in for a secret value wherever people read.
pub(crate) const MASK: &str = "••••••";

/// The value of an environment variable.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum EnvValue {
    /// The value itself.
    Plain(String),
    /// The name under which the engine keeps the value.
    Secret {
        /// The engine's name of the secret.
        secret: String,
    },
}

impl<'de> Deserialize<'de> for EnvValue {
    /// Written out, because there are very many of them, and what is derived keeps each aside first.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = EnvValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a secret")
    }

    fn visit_str<E>(self, text: &str) -> Result<EnvValue, E> {
        Ok(EnvValue::Plain(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<EnvValue, A::Error> {
        #[derive(Deserialize)]
        struct Secret {
            secret: String,
        }
        let Secret { secret } = Secret::deserialize(MapAccessDeserializer::new(entries))?;
        Ok(EnvValue::Secret { secret })
    }
}

impl fmt::Debug for EnvValue {
    /// Never shows a plain value: the name that tells whether it is a secret is not known here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str(MASK),
            Self::Secret { secret } => write!(f, "secret {secret}"),
        }
    }
}

/// Environment variables by name.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Environment(pub BTreeMap<String, EnvValue>);

impl Environment {
    /// The value as it may be shown: masked when the name looks like a secret's.
    pub fn shown<'a>(name: &str, value: &'a EnvValue) -> std::borrow::Cow<'a, str> {
        match value {
            EnvValue::Plain(_) if looks_secret(name) => MASK.into(),
            EnvValue::Plain(text) => text.into(),
            EnvValue::Secret { secret } => format!("secret {secret}").into(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.0
                    .iter()
                    .map(|(name, value)| (name, Self::shown(name, value))),
            )
            .finish()
    }
}

/// Whether an environment variable of this name is likely to hold a secret.
pub fn looks_secret(name: &str) -> bool {
    const PARTS: [&str; 8] = [
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "SECRET",
        "TOKEN",
        "CREDENTIAL",
        "APIKEY",
        "PRIVATEKEY",
    ];
    // Whole words only, so that KEYSPACE_NAME and PASSENGERS stay readable.
    const WORDS: [&str; 6] = ["KEY", "PASS", "PWD", "AUTH", "COOKIE", "DSN"];
    let upper = name.to_ascii_uppercase();
    PARTS.iter().any(|part| upper.contains(part))
        || upper
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| WORDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_secret() {
        for name in [
            "DB_PASSWORD",
            "apiKey",
            "AWS_SECRET_ACCESS_KEY",
            "API-KEY",
            "github_token",
            "DB_PASS",
        ] {
            assert!(looks_secret(name), "{name}");
        }
        for name in [
            "KEYSPACE_NAME",
            "APP_NAME",
            "PASSENGERS",
            "MONKEY",
            "AUTHOR",
            "",
        ] {
            assert!(!looks_secret(name), "{name}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let environment = Environment(BTreeMap::from([
            (
                "DB_PASSWORD".to_owned(),
                EnvValue::Plain("hunter2".to_owned()),
            ),
            (
                "APP_NAME".to_owned(),
                EnvValue::Plain("Ingestor".to_owned()),
            ),
        ]));
        let shown = format!("{environment:?} {:?}", environment.0.values());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("Ingestor"), "{shown}");
    }
}
