//! What Theseus writes down: the records of groups, their history and their rollouts, and the keys
//! under which a [`Store`](crate::store::Store) keeps them.
//!
//! A group has a [`GroupRecord`] once a deploy of it is done, and a [`RolloutRecord`] from the
//! moment that one begins until it is done. Both are read by later versions, so they carry `"v"`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::cluster::{AppId, Revision, Unsaid};
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

/// The prefix of the locks of those who deploy.
pub const LOCKS: &str = "locks/";

/// The prefix of the records that say by whom apps were adopted.
pub const ADOPTED: &str = "adopted/";

/// The key of the record that says by whom an app was adopted: no app is by two.
pub fn adopted_key(app: &AppId) -> String {
    format!("{ADOPTED}{app}")
}

/// The prefix of all slots.
pub const SLOTS: &str = "slots/";

/// The key of a slot of a group.
pub fn slot_key(group: &GroupId, slot: u32) -> String {
    format!("{}{slot}", slots_prefix(group))
}

/// The prefix of all slots of a group.
pub fn slots_prefix(group: &GroupId) -> String {
    format!("{SLOTS}{}/{}/", group.service, group.labels)
}

/// The prefix of a group's history.
pub fn history_prefix(group: &GroupId) -> String {
    format!("history/{}/{}/", group.service, group.labels)
}

/// The key of one revision in a group's history. Keys do not sort by the number.
pub fn history_key(group: &GroupId, revision: Revision) -> String {
    format!("{}{revision}", history_prefix(group))
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
    /// The app that runs it, where that is not one of Theseus's making.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
}

/// An app that a group has taken over as it ran. Nothing in the engine tells of it, because every
/// change of an app's definition restarts its containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// The engine's name of it.
    pub app: AppId,
    /// What it has that the spec does not say, and that the next revision will not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsaid: Vec<Unsaid>,
}

/// Who has adopted an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptedRecord {
    /// Which app.
    pub app: AppId,
    /// The group that it runs.
    pub group: GroupId,
}

/// A deploy or a removal that has begun and is not done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutRecord {
    /// Which group.
    pub group: GroupId,
    /// Where it is to come.
    pub goal: Goal,
    /// Why it goes there, when it is taken back: what had failed, or who wanted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<String>,
    /// When it began. It tells two rollouts of a group apart.
    pub started_at: Timestamp,
    /// Who began it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// The key of the lock under which it is carried out, or was at last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// Why nobody is to carry it out for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<Halt>,
    /// Whether somebody has said that the canaries are good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub promoted: bool,
}

/// Why a rollout stands still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// What kind of stop it is.
    pub kind: HaltKind,
    /// Why, in words.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
    /// Who stopped it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
}

/// What kind of stop it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HaltKind {
    /// A person has paused it: nothing goes on before a person resumes or aborts it.
    Paused,
    /// It has failed, and its spec wants a person to decide. A deploy of something else is a
    /// decision, too.
    Failed,
    /// It has failed, and its spec leaves what runs as it is. Any deploy goes on from there.
    Kept,
}

/// Who deploys, written into the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRecord {
    /// Who.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
}

/// Where a slot of a fixed-host group is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotRecord {
    /// Which group.
    pub group: GroupId,
    /// Which slot, counted from 0.
    pub slot: u32,
    /// The host that it belongs to.
    pub host: Arc<str>,
    /// Since when it does.
    pub since: Timestamp,
    /// The host that it belonged to before, if it has moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<Arc<str>>,
    /// Since when its host is known to be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_since: Option<Timestamp>,
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
    /// Who deployed it first.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// How its last rollout ended; `None` as long as that is not over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
}

/// How a rollout ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// What became of the revision.
    pub outcome: Ended,
    /// Why, where it did not simply succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What became of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It came to run.
    Deployed,
    /// It ran already, and was taken over.
    Adopted,
    /// It came to run again, because another one failed or was not wanted any more.
    Restored,
    /// It failed, or was aborted, and the former one was brought back.
    RolledBack,
    /// It failed and was left as it was.
    Failed,
    /// Another deploy took its place before it was done.
    Superseded,
    /// It was removed.
    Removed,
}

impl Ended {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Adopted => "adopted",
            Self::Restored => "restored",
            Self::RolledBack => "rolled-back",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Removed => "removed",
        }
    }
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

/// How every record begins that is written here.
const KNOWN: &[u8] = br#"{"v":1,"#;

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

/// The record in an entry, which it may borrow from.
pub fn decode<'a, T: Deserialize<'a>>(entry: &'a Entry) -> Result<Stored<T>, RecordError> {
    decode_with(entry, |value| serde_json::from_slice(value))
}

/// The record of a group in an entry, where it is known what the group is wanted to be. As a rule it
/// is just that already, as is seen by how it is written. Then both share one spec, which takes less
/// time and room than to read a second one.
pub(crate) fn decode_beside(
    entry: &Entry,
    wanted: &BTreeMap<GroupId, Arc<Spec>>,
) -> Result<Stored<GroupRecord>, RecordError> {
    #[derive(Deserialize)]
    struct Written<'a> {
        group: GroupId,
        revision: Revision,
        #[serde(borrow)]
        spec: &'a RawValue,
        deployed_at: Timestamp,
        adopted: Option<Adopted>,
    }
    decode_with(entry, |value| {
        let written: Written<'_> = serde_json::from_slice(value)?;
        let wanted = wanted.get(&written.group);
        let spec = match wanted {
            Some(spec) if serde_json::to_string(spec)? == written.spec.get() => Arc::clone(spec),
            _ => serde_json::from_str(written.spec.get())?,
        };
        Ok(GroupRecord {
            group: written.group,
            revision: written.revision,
            spec,
            deployed_at: written.deployed_at,
            adopted: written.adopted,
        })
    })
}

fn decode_with<'e, T>(
    entry: &'e Entry,
    read: impl FnOnce(&'e [u8]) -> serde_json::Result<T>,
) -> Result<Stored<T>, RecordError> {
    #[derive(Deserialize)]
    struct Head {
        v: u32,
    }
    let malformed = |source| RecordError::Malformed {
        key: entry.key.clone(),
        source,
    };
    // The version counts even when the rest is unknown, so it takes a pass of its own, unless it
    // is seen at once.
    if !entry.value.starts_with(KNOWN) {
        let head: Head = serde_json::from_slice(&entry.value).map_err(malformed)?;
        if head.v > VERSION {
            return Err(RecordError::TooNew {
                key: entry.key.clone(),
                version: head.v,
            });
        }
    }
    let record = read(&entry.value).map_err(malformed)?;
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
            adopted: None,
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
    fn a_record_says_its_version_first_and_may_say_it_anywhere() {
        let written = encode(&record());
        assert!(written.starts_with(KNOWN), "{written:?}");
        let text = str::from_utf8(&written).unwrap();
        let moved = text.replace(r#""v":1,"#, "");
        let moved = format!("{},\"v\":1}}", moved.strip_suffix('}').unwrap());
        let stored: Stored<GroupRecord> = decode(&entry(moved)).unwrap();
        assert_eq!(stored.record, record());
    }

    #[test]
    fn a_record_that_is_what_is_wanted_shares_its_spec() {
        let group: GroupId = "ingestor:dev".parse().unwrap();
        let spec = |instances| {
            let spec = Spec::new("a:1");
            Arc::new(Spec { instances, ..spec })
        };
        let adopted = Adopted {
            app: AppId("/a".to_owned()),
            unsaid: Vec::new(),
        };
        let written = GroupRecord {
            spec: spec(2),
            adopted: Some(adopted),
            ..record()
        };
        let entry = entry(encode(&written));
        let same = spec(2);
        for (wanted, is_shared) in [(Some(&same), true), (Some(&spec(3)), false), (None, false)] {
            let wanted = wanted.map(|spec| (group.clone(), Arc::clone(spec)));
            let read = decode_beside(&entry, &wanted.into_iter().collect()).unwrap();
            assert_eq!(read, decode(&entry).unwrap());
            assert_eq!(Arc::ptr_eq(&read.record.spec, &same), is_shared);
        }
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
