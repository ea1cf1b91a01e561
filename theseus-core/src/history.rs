//! `HistoryRecord -> History`: the revisions of a group, as people and programs see them.

use jiff::Timestamp;
use serde::Serialize;

use crate::cluster::Revision;
use crate::model::GroupId;
use crate::records::{Ended, HistoryRecord};

/// The revisions of a group. Its JSON is that of `theseus history`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct History<'a> {
    /// The version of this shape.
    pub format_version: u32,
    /// Which group.
    pub group: &'a GroupId,
    /// Its revisions, the latest first.
    pub revisions: Vec<Past<'a>>,
}

/// One revision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Past<'a> {
    /// Its number.
    pub revision: Revision,
    /// What its containers were made of.
    pub image: &'a str,
    /// How many containers it had.
    pub instances: u32,
    /// When it was first asked for.
    pub created_at: Timestamp,
    /// Who asked; empty where nobody said so.
    pub by: &'a str,
    /// How its last rollout ended; `None` while that goes on.
    pub outcome: Option<Ended>,
    /// Why it ended so, where it did not simply succeed.
    pub reason: Option<&'a str>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Whether it is the one that runs.
    pub current: bool,
}

impl<'a> History<'a> {
    /// The history of a group of which `current` runs, from its records, the latest first.
    pub fn new(
        group: &'a GroupId,
        records: &'a [HistoryRecord],
        current: Option<Revision>,
    ) -> Self {
        let revisions = records.iter().map(|past| Past::new(past, current));
        Self {
            format_version: 1,
            group,
            revisions: revisions.collect(),
        }
    }
}

impl<'a> Past<'a> {
    /// The revision of this record, in a group of which `current` runs.
    pub fn new(past: &'a HistoryRecord, current: Option<Revision>) -> Self {
        let ending = past.ending.as_ref();
        Self {
            revision: past.revision,
            image: &past.spec.image,
            instances: past.spec.instances,
            created_at: past.created_at,
            by: &past.by,
            outcome: ending.map(|ending| ending.outcome),
            reason: ending.and_then(|ending| ending.reason.as_deref()),
            ended_at: ending.map(|ending| ending.at),
            current: current == Some(past.revision),
        }
    }
}
