//! Why a request did not do what it should, as a value that can be copied: one request may answer
//! for many changes. At the crate's edge it becomes a [`ClusterError`].

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use theseus_core::causes::chain;
use theseus_core::cluster::{ClusterError, Operation, Refusal};

use crate::fields::Fault;
use crate::transport::{Distrust, TransportError};

/// What the engine is called.
pub(crate) const ENGINE: &str = "marathon";

/// What is called who knows the hosts.
pub(crate) const MASTER: &str = "the Mesos master";

/// What is called one of those who know of logs and of usage.
pub(crate) const AGENT: &str = "the Mesos agent";

/// Why a request did not do what it should, sorted by what may be done about it.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// Nothing was done; the request may be sent again, not before `after` if Marathon said so.
    Unreachable {
        cause: Cause,
        after: Option<Duration>,
    },
    /// It may have been acted on. Only of writes.
    Unclear(Cause),
    /// Deployments hold what was to be changed, or there are too many of them.
    Busy(Held),
    /// What was to be changed is not there.
    Gone(String),
    /// Marathon does not want it.
    Refused(Vec<Fault>),
    /// Marathon wants to know who asks.
    Denied(String),
    /// That is no Marathon, or none that is understood.
    Garbled(String),
    /// One side does not trust the other. Nothing was done.
    Untrusted {
        distrust: Distrust,
        /// Where, when there are several addresses.
        at: Option<String>,
    },
}

/// What stands in the way of a change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    pub(crate) operations: Vec<Operation>,
    /// What Marathon says, where it names none.
    pub(crate) reason: Option<String>,
}

impl Failure {
    /// These hold what was to be changed.
    pub(crate) fn busy(operations: Vec<Operation>) -> Self {
        Self::Busy(Held {
            operations,
            reason: None,
        })
    }

    /// Nothing was done because of this, and it may pass at any time.
    pub(crate) fn unreachable(cause: impl Into<Cause>) -> Self {
        Self::Unreachable {
            cause: cause.into(),
            after: None,
        }
    }

    /// Something went wrong on the way: a write may have been acted on, a read may be repeated.
    pub(crate) fn on_the_way(is_write: bool, cause: impl Into<Cause>) -> Self {
        if is_write {
            Self::Unclear(cause.into())
        } else {
            Self::unreachable(cause)
        }
    }

    /// A request that was not answered.
    pub(crate) fn of_sending(is_write: bool, error: TransportError) -> Self {
        match error {
            TransportError::Untrusted(distrust) => Self::Untrusted { distrust, at: None },
            TransportError::NotSent(_) => Self::unreachable(error),
            TransportError::Unknown(_) => Self::on_the_way(is_write, error),
        }
    }

    /// All addresses were tried, and nothing was done at any of them.
    pub(crate) fn of_all(mut failures: Vec<Self>) -> Self {
        let passes = |failure: &Self| matches!(failure, Self::Unreachable { .. });
        if failures.len() < 2 || !failures.iter().any(passes) {
            let none = || Self::unreachable("there is no address");
            return failures.drain(..).next().unwrap_or_else(none);
        }
        let after = failures.iter().filter_map(|failure| match failure {
            Self::Unreachable { after, .. } => *after,
            _ => None,
        });
        let after = after.min();
        let told: Vec<_> = failures.iter().map(Self::reason).collect();
        Self::Unreachable {
            cause: told.join("; ").into(),
            after,
        }
    }

    /// Whether surely nothing was done, so that somebody else may be asked.
    pub(crate) fn did_nothing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Untrusted { .. })
    }

    /// The same, at this one of several addresses.
    pub(crate) fn at(self, address: &str) -> Self {
        let said = |text: String| format!("{address}: {text}");
        match self {
            Self::Unreachable { cause, after } => Self::Unreachable {
                cause: Cause::At(address.to_owned(), Box::new(cause)),
                after,
            },
            Self::Unclear(cause) => Self::Unclear(Cause::At(address.to_owned(), Box::new(cause))),
            Self::Denied(reason) => Self::Denied(said(reason)),
            Self::Garbled(reason) => Self::Garbled(said(reason)),
            Self::Untrusted { distrust, .. } => Self::Untrusted {
                distrust,
                at: Some(address.to_owned()),
            },
            other @ (Self::Busy(_) | Self::Gone(_) | Self::Refused(_)) => other,
        }
    }

    /// Why nothing was done, in words.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Unreachable { cause, .. } => chain(cause),
            Self::Untrusted { distrust, at } => match at {
                Some(at) => format!("{at}: {distrust}"),
                None => distrust.to_string(),
            },
            other => format!("{other:?}"),
        }
    }

    /// The error for core, of this engine at this address. `refusal` says what a fault means to
    /// whoever wrote the manifest.
    pub(crate) fn into_error(
        self,
        engine: &str,
        address: &str,
        refusal: impl Fn(&Fault) -> Refusal,
    ) -> ClusterError {
        let engine = engine.to_owned();
        let address = address.to_owned();
        match self {
            Self::Unreachable { cause, .. } => ClusterError::Unreachable {
                engine,
                address,
                source: Box::new(cause),
            },
            Self::Unclear(cause) => ClusterError::Unclear {
                engine,
                address,
                source: Box::new(cause),
            },
            Self::Busy(held) => ClusterError::Busy {
                operations: held.operations,
                reason: held.reason,
            },
            Self::Gone(what) => ClusterError::Gone { what },
            Self::Refused(faults) => ClusterError::Refused {
                engine,
                refusals: faults.iter().map(refusal).collect(),
            },
            Self::Denied(reason) => ClusterError::Denied {
                engine,
                address,
                reason,
            },
            Self::Garbled(reason) => ClusterError::Garbled {
                engine,
                address,
                reason,
            },
            Self::Untrusted { distrust, at } => ClusterError::Untrusted {
                engine,
                address: at.unwrap_or(address),
                reason: distrust.to_string(),
                advice: distrust.advice().to_owned(),
            },
        }
    }
}

/// What lies behind a failure.
#[derive(Debug, Clone)]
pub(crate) enum Cause {
    /// An answer, in words.
    Answer(String),
    /// The connection.
    Transport(Arc<dyn Error + Send + Sync>),
    /// The same, at one of several addresses.
    At(String, Box<Cause>),
}

impl From<String> for Cause {
    fn from(text: String) -> Self {
        Self::Answer(text)
    }
}

impl From<&str> for Cause {
    fn from(text: &str) -> Self {
        Self::Answer(text.to_owned())
    }
}

impl From<TransportError> for Cause {
    fn from(error: TransportError) -> Self {
        Self::Transport(error.into_source().into())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(text) => f.write_str(text),
            Self::Transport(error) => error.fmt(f),
            Self::At(address, cause) => write!(f, "{address}: {cause}"),
        }
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Answer(_) => None,
            Self::Transport(error) => error.source(),
            Self::At(_, cause) => cause.source(),
        }
    }
}
