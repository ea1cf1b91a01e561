//! What Theseus writes down: the records of groups, their history and their rollouts, and the keys
//! under which a [`Store`](crate::store::Store) keeps them.
//!
//! A group has a [`GroupRecord`] once a deploy of it is done, and a [`RolloutRecord`] from the
//! moment that one begins until it is done. Both are read by later versions, so they carry `"v"`.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cluster::Revision;
use crate::model::{GroupId, Spec};
use crate::store::{self, Entry};

/// The version of the records that are written here.
const VERSION: u32 = 1;

/// The prefix of all current records.
pub const GROUPS: &str = "groups/";
/// The prefix of all unfinished rollouts.
pub const ROLLOUTS: &str = "rollouts/";

/// The prefix of all revision counters.
pub const COUNTERS: &str = "revisions/";

/// The key of a group's revision counter.
pub fn counter_key(group: &GroupId) -> String {
    format!("{COUNTERS}{}/{}", group.service, group.labels)
}

/// The key of a group's current record.
pub fn group_key(group: &GroupId) -> String {
    format!("{GROUPS}{}/{}", group.service, group.labels)
}

/// The key of a group's unfinished rollout.
pub fn rollout_key(group: &GroupId) -> String {
    format!("{ROLLOUTS}{}/{}", group.service, group.labels)
}

/// The key of one revision in a group's history. Keys do not sort by the number.
pub fn history_key(group: &GroupId, revision: Revision) -> String {
    format!("history/{}/{}/{revision}", group.service, group.labels)
}

/// What is deployed as a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// Which group.
    pub group: GroupId,
    /// The revision that runs.
    pub revision: Revision,
    /// What it is.
    pub spec: Arc<Spec>,
    /// When the deploy of it was done.
    pub deployed_at: Timestamp,
}

/// A deploy or a removal that has begun and is not done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutRecord {
    /// Which group.
    pub group: GroupId,
    /// Where it is to come.
    pub goal: Goal,
    /// Why it goes there, when it is a rollback: what had failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
}

/// Where a group is to come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// This revision, and no other, runs.
    Present {
        /// Which revision.
        revision: Revision,
        /// What it is.
        spec: Arc<Spec>,
    },
    /// Nothing of the group runs, and it has no record.
    Absent,
}

/// One revision of a group's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryRecord {
    /// Which group.
    pub group: GroupId,
    /// Which revision.
    pub revision: Revision,
    /// What it is.
    pub spec: Arc<Spec>,
    /// When it was first deployed.
    pub created_at: Timestamp,
}

/// The highest revision that was ever given to a group. It outlives rollbacks and removals, so that
/// no number in the history ever means two things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionCounter {
    /// Which group.
    pub group: GroupId,
    /// The number.
    pub last: Revision,
}

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It is of a later version than this program knows.
    #[error(
        "the record {key} is of version {version}, and only version {VERSION} is known: use a newer theseus"
    )]
    TooNew {
        /// The record's key.
        key: String,
        /// Its version.
        version: u32,
    },
    /// It does not have the shape of its kind.
    #[error("the record {key} cannot be read")]
    Malformed {
        /// The record's key.
        key: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

/// A record as it is in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<T> {
    /// What it says.
    pub record: T,
    /// The store's revision that wrote it, to compare when it is written again.
    pub modified: store::Revision,
}

#[derive(Serialize)]
struct Versioned<'a, T> {
    v: u32,
    #[serde(flatten)]
    record: &'a T,
}

/// The bytes of a record.
#[expect(
    clippy::missing_panics_doc,
    reason = "names, numbers and text always become JSON"
)]
pub fn encode<T: Serialize>(record: &T) -> Bytes {
    let versioned = Versioned { v: VERSION, record };
    serde_json::to_vec(&versioned)
        .expect("records are plain data")
        .into()
}

/// The record in an entry.
pub fn decode<T: DeserializeOwned>(entry: &Entry) -> Result<Stored<T>, RecordError> {
    #[derive(Deserialize)]
    struct Head {
        v: u32,
    }
    let malformed = |source| RecordError::Malformed {
        key: entry.key.clone(),
        source,
    };
    // Two passes over a short text, so that the version counts even when the rest is unknown.
    let head: Head = serde_json::from_slice(&entry.value).map_err(malformed)?;
    if head.v > VERSION {
        return Err(RecordError::TooNew {
            key: entry.key.clone(),
            version: head.v,
        });
    }
    let record = serde_json::from_slice(&entry.value).map_err(malformed)?;
    Ok(Stored {
        record,
        modified: entry.modified,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> GroupRecord {
        GroupRecord {
            group: "ingestor:dev".parse().unwrap(),
            revision: 3,
            spec: Arc::new(Spec::new("a:1")),
            deployed_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn entry(value: impl Into<Bytes>) -> Entry {
        Entry {
            key: "groups/ingestor/dev".to_owned(),
            value: value.into(),
            modified: store::Revision(7),
        }
    }

    #[test]
    fn a_record_is_read_back() {
        let stored: Stored<GroupRecord> = decode(&entry(encode(&record()))).unwrap();
        assert_eq!(
            stored,
            Stored {
                record: record(),
                modified: store::Revision(7)
            }
        );
    }

    #[test]
    fn a_record_of_the_future_is_refused_by_name() {
        let error =
            decode::<GroupRecord>(&entry(&br#"{"v":2,"shape":"unknown"}"#[..])).unwrap_err();
        assert!(
            matches!(error, RecordError::TooNew { version: 2, .. }),
            "{error}"
        );
        let error = decode::<GroupRecord>(&entry(&b"\xff"[..])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the record groups/ingestor/dev cannot be read"
        );
    }
}
