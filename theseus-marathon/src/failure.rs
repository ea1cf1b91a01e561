//! Why a request did not do what it should, as a value that can be copied: one request may answer
//! for many changes. At the crate's edge it becomes a [`ClusterError`].

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use theseus_core::cluster::{ClusterError, OperationId, Refusal};

use crate::fields::Fault;
use crate::transport::TransportError;

/// What the engine is called.
pub(crate) const ENGINE: &str = "marathon";

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
    /// Deployments hold what was to be changed.
    Busy(Vec<OperationId>),
    /// What was to be changed is not there.
    Gone(String),
    /// Marathon does not want it.
    Refused(Vec<Fault>),
    /// Marathon wants to know who asks.
    Denied(String),
    /// That is no Marathon, or none that is understood.
    Garbled(String),
}

impl Failure {
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

    /// The error for core. `refusal` says what a fault means to whoever wrote the manifest.
    pub(crate) fn into_error(
        self,
        address: &str,
        refusal: impl Fn(&Fault) -> Refusal,
    ) -> ClusterError {
        let engine = ENGINE.to_owned();
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
            Self::Busy(operations) => ClusterError::Busy { operations },
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
            Self::Garbled(reason) => ClusterError::Garbled { address, reason },
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
        }
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Answer(_) => None,
            Self::Transport(error) => error.source(),
        }
    }
}
