//! What a registrar tells of its work, for logs, metrics and whoever asks after its health.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::record::CountsRecord;
use crate::model::GroupId;
use crate::records::LockRecord;

/// Something that a registrar did or met.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Happening {
    /// It leads from now on.
    Leads,
    /// Another one leads.
    StandsBy {
        /// Who, where that can be read.
        holder: Option<LockRecord>,
    },
    /// It does not lead any more.
    Yielded {
        /// Why.
        reason: &'static str,
    },
    /// Events come from now on.
    Attached,
    /// No events come for now.
    Detached,
    /// An event came.
    Event,
    /// It looked at the cluster.
    Looked {
        /// At how many groups; all of them when `None`.
        groups: Option<usize>,
        /// How long that took.
        took: Duration,
    },
    /// The registry is equal to what was seen.
    Settled(Settled),
    /// Something went wrong; it is tried again.
    Trouble {
        /// With what: `cluster`, `store` or `events`.
        with: &'static str,
        /// What, with its causes.
        message: String,
    },
    /// What is used was asked for, and taken into the history.
    Sampled {
        /// Of how many containers.
        containers: usize,
        /// How many hosts did not tell.
        silent: usize,
        /// How many times went by meanwhile at which it should have been done again.
        skipped: u64,
        /// How long it took.
        took: Duration,
    },
    /// What is used could not be learned, or not be written down.
    Unsampled {
        /// Why, with its causes.
        reason: String,
        /// How many times went by meanwhile at which it should have been done again.
        skipped: u64,
    },
    /// Old entries of the audit trail are gone.
    Pruned {
        /// How many.
        entries: usize,
    },
}

/// How the registry became equal to what was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// It is what ran at this time, or later.
    pub as_of: Timestamp,
    /// How many keys were written or removed.
    pub writes: usize,
    /// In how many transactions.
    pub transactions: usize,
    /// How long it took since the first event was heard that led to it.
    pub since_event: Option<Duration>,
    /// The counts of the groups that were looked at; nothing for those that are gone.
    pub counts: BTreeMap<GroupId, Option<CountsRecord>>,
    /// How many containers the registry holds in all.
    pub containers: usize,
}

impl Happening {
    pub(super) fn trouble(with: &'static str, message: String) -> Self {
        Self::Trouble { with, message }
    }
}
