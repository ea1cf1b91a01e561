//! What containers, groups and hosts have used: a bounded history in the store.
//!
//! It is kept twice, fine for an hour and coarse for a week. Each of the two is cut into *blocks* of
//! time, and each block into sixteen parts by the names of what it tells of; so the number of records
//! does not grow with that of containers, and who asks for one of them reads a sixteenth. A part tells
//! of a thousand names at most, and a block is written the less often the larger
//! it is, and in any case when it is over.

mod amount;
mod block;
mod meter;
mod sampler;
mod steps;
mod top;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::cluster::ContainerId;
use crate::model::GroupId;
use crate::records::{self, RecordError};
use crate::store::{Store, StoreError, list_all};

pub use amount::Amount;
pub use block::USAGE;
use block::{Block, Kind, Name};
pub use meter::{Meter, Metered};
pub(crate) use sampler::{Roster, Sampler};
pub use top::{By, Quiet, Row, Seen, Sort, Top, Total, top};

/// What a history is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One container.
    Container(ContainerId),
    /// All containers of a group.
    Group(GroupId),
    /// All containers on a host.
    Host(Arc<str>),
}

/// How far back a history goes, and how finely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// The last hour, every few seconds.
    Hour,
    /// The last week, every quarter of an hour.
    Week,
}

/// What was used in one step of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// When the step began.
    pub at: Timestamp,
    /// How long it is, in seconds.
    pub step: u32,
    /// How many processors were busy on the average; `None` where that is not known.
    pub cpu: Option<f64>,
    /// How many there might be.
    pub cpu_limit: Option<f64>,
    /// How many more there would have been, but for the limits.
    pub throttled: Option<f64>,
    /// The most memory that was held, in bytes.
    pub memory: Option<u64>,
    /// How much might be.
    pub memory_limit: Option<u64>,
}

/// Why a history cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// The store did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What it holds is not understood.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(id) => f.pad(&id.0),
            Self::Group(group) => f.pad(&group.to_string()),
            Self::Host(host) => f.pad(host),
        }
    }
}

impl Subject {
    fn name(&self) -> Name {
        let kind = match self {
            Self::Container(_) => Kind::Container,
            Self::Group(_) => Kind::Group,
            Self::Host(_) => Kind::Host,
        };
        Name::new(kind, &self.to_string())
    }
}

/// What all containers, groups or hosts used last, by name, as far as that is at most ten minutes ago.
pub async fn latest(
    store: &dyn Store,
    by: By,
    now: Timestamp,
) -> Result<BTreeMap<String, Point>, UsageError> {
    let kind = match by {
        By::Container => Kind::Container,
        By::Group => Kind::Group,
        By::Host => Kind::Host,
    };
    let mut points = BTreeMap::new();
    // The block that has just begun may not be written yet.
    let mut starts: Vec<i64> = Span::Hour.starts(now).collect();
    for start in starts.split_off(starts.len().saturating_sub(2)) {
        let prefix = Span::Hour.kind_prefix(start, kind);
        for entry in list_all(store, &prefix).await?.0 {
            let block = records::decode::<Block>(&entry)?.record;
            points.extend(block.last(kind, start));
        }
    }
    Ok(points)
}

/// What a subject has used up to now, the oldest first. Steps of which nothing is known are left out.
pub async fn history(
    store: &dyn Store,
    subject: &Subject,
    span: Span,
    now: Timestamp,
) -> Result<Vec<Point>, UsageError> {
    let name = subject.name();
    let from = now.as_second().saturating_sub(span.kept());
    let mut points = Vec::new();
    for start in span.starts(now) {
        if let Some(entry) = store.get(&name.key(span, start)).await? {
            let block = records::decode::<Block>(&entry)?.record;
            points.extend(block.points(&name, start));
        }
    }
    points.retain(|point| (from..=now.as_second()).contains(&point.at.as_second()));
    Ok(points)
}
