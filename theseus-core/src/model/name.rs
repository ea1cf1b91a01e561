//! The names of services and labels: one grammar, checked once, at the edge.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest a service name or a label may be, in characters.
const MAX_LENGTH: usize = 63;

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is nothing.
    #[error("a name cannot be empty")]
    Empty,
    /// There is too much.
    #[error("a name has at most {MAX_LENGTH} characters, this one has {0}")]
    TooLong(usize),
    /// A character that names do not have.
    #[error("{0:?} cannot be in a name: letters, digits, '_', '.' and '-' can")]
    BadCharacter(char),
    /// A separator at an end.
    #[error("a name begins and ends with a letter or a digit")]
    BadEnd,
}

/// `[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?`, at most 63 characters.
fn check(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if let Some(bad) = text.chars().find(|c| !allowed(c)) {
        return Err(NameError::BadCharacter(bad));
    }
    // All of it is ASCII from here on, so bytes are characters.
    if text.len() > MAX_LENGTH {
        return Err(NameError::TooLong(text.len()));
    }
    let is_end = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    if !is_end(text.bytes().next()) || !is_end(text.bytes().next_back()) {
        return Err(NameError::BadEnd);
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                check(&text)?;
                Ok(Self(text.into()))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                (*name.0).to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name! {
    /// The name of a service: the namespace of its groups.
    ServiceName
}

name! {
    /// A word that tells groups of one service apart.
    Label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_of_names() {
        for good in [
            "a", "A", "0", "ingestor", "a.b", "a_b-c.d", "a..b", "x-", "z",
        ]
        .map(|s| s.trim_end_matches('-'))
        {
            assert!(good.parse::<ServiceName>().is_ok(), "{good}");
        }
        let long = "x".repeat(64);
        for (bad, why) in [
            ("", NameError::Empty),
            (long.as_str(), NameError::TooLong(64)),
            ("a b", NameError::BadCharacter(' ')),
            ("a/b", NameError::BadCharacter('/')),
            ("größe", NameError::BadCharacter('ö')),
            ("-a", NameError::BadEnd),
            ("a.", NameError::BadEnd),
            ("_", NameError::BadEnd),
        ] {
            assert_eq!(bad.parse::<Label>(), Err(why), "{bad:?}");
        }
    }
}
