//! What a cluster answers when it does not do what was asked.

use std::error::Error;
use std::fmt;

use serde::Serialize;

use super::Operation;

/// What a cluster answers when it does not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// Nobody answers at the cluster's address, or only that it cannot serve now. Nothing was done.
    #[error("cannot reach {engine} at {address}")]
    Unreachable {
        /// The engine's name.
        engine: String,
        /// Where it was looked for.
        address: String,
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The request left, and whether it was acted on is not known: look before asking again.
    #[error("{engine} at {address} did not say whether it acted")]
    Unclear {
        /// The engine's name.
        engine: String,
        /// Where it was asked.
        address: String,
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The app is held by an operation that has to end first.
    #[error("{}", Held(.operations, .reason))]
    Busy {
        /// The operations that hold it, where the engine tells.
        operations: Vec<Operation>,
        /// Why, where it is not them.
        reason: Option<String>,
    },
    /// What was to be changed is not there: look again.
    #[error("{what} is not there any more")]
    Gone {
        /// What was looked for.
        what: String,
    },
    /// The engine does not want what it was asked for.
    #[error("{engine} refuses it: {}", Refusals(.refusals))]
    Refused {
        /// The engine's name.
        engine: String,
        /// Its reasons; at least one.
        refusals: Vec<Refusal>,
    },
    /// The engine wants other credentials, or none of ours suffice.
    #[error("{engine} at {address} does not let us in: {reason}")]
    Denied {
        /// The engine's name.
        engine: String,
        /// Where it was asked.
        address: String,
        /// What it said.
        reason: String,
    },
    /// No connection came about that both sides trust. Nothing was done.
    #[error("{engine} at {address} is not trusted, or does not trust us: {reason}")]
    Untrusted {
        /// The engine's name.
        engine: String,
        /// Where it was asked.
        address: String,
        /// What is wrong.
        reason: String,
        /// What to do about it.
        advice: String,
    },
    /// What answers there is not understood.
    #[error("what answers at {address} is not understood as {engine}: {reason}")]
    Garbled {
        /// The engine's name.
        engine: String,
        /// Where it was asked.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The engine has no way to tell this.
    #[error("the engine does not tell {what}")]
    Untold {
        /// What was asked for.
        what: &'static str,
    },
}

impl ClusterError {
    /// Whether looking again later may well turn out better, without anybody doing anything.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Unclear { .. } | Self::Busy { .. } | Self::Gone { .. }
        )
    }
}

/// One reason of an engine not to do something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The field of the spec that it is about, as in a manifest (`ports.api`), where it is known.
    pub field: Option<String>,
    /// What the engine says.
    pub message: String,
}

/// Shows refusals as one sentence.
struct Refusals<'a>(&'a [Refusal]);

impl fmt::Display for Refusals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, refusal) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            if let Some(field) = &refusal.field {
                write!(f, "{field}: ")?;
            }
            f.write_str(&refusal.message)?;
        }
        Ok(())
    }
}

/// Shows what holds an app.
struct Held<'a>(&'a [Operation], &'a Option<String>);

impl fmt::Display for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            ([], Some(reason)) => write!(f, "the engine has too much to do: {reason}"),
            ([], None) => f.write_str("the app is held by another operation"),
            (operations, _) => {
                f.write_str("the app is held by ")?;
                for (index, operation) in operations.iter().enumerate() {
                    if index > 0 {
                        f.write_str("; ")?;
                    }
                    write!(f, "{operation}")?;
                }
                Ok(())
            }
        }
    }
}
