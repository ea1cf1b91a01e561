//! The audit trail: who did what to which group, when, and what came of it.
//!
//! Entries are only ever added, each in the very transaction that does what it tells; nothing of a
//! spec is in them but its revision. A registrar removes the oldest, so that the latest
//! [`KEPT`] stay.

mod trail;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cluster::Revision;
use crate::model::GroupId;
use crate::plan::Action;
use crate::records;
use crate::store::{Entry, Page, Store, StoreError, Write, list_all};

pub use trail::Trail;

/// The prefix of all entries.
pub const AUDIT: &str = "audit/";

/// How many entries are kept.
pub const KEPT: usize = 10_000;

/// What a process is called that does something, and is written down for it: `ana@ci-7 (pid 4711)`.
pub fn doer(name: &str, pid: u32) -> String {
    format!("{name} (pid {pid})")
}

/// Who did something, without the number of a process, which is over by the time that anybody reads
/// of it. `None` where nobody said so.
pub fn who(by: &str) -> Option<&str> {
    let name = by.rsplit_once(" (pid ").map_or(by, |(name, _)| name);
    (!name.is_empty()).then_some(name)
}

/// One thing that was done to a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// When.
    pub at: Timestamp,
    /// Who did it, and where: `ana@ci-7 (pid 4711)`. Empty where nobody said so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// To which group.
    pub group: GroupId,
    /// What was asked for.
    pub deed: Deed,
    /// What that meant for the group, where it was carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The revision that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// That the group is what a manifest says.
    #[default]
    Deploy,
    /// That it is gone.
    Remove,
    /// That it has another number of containers.
    Scale,
    /// That its containers are new.
    Restart,
    /// That it is what it was before.
    Rollback,
    /// That its rollout goes on.
    Resume,
    /// That its rollout stands still.
    Pause,
    /// That all follow its canaries.
    Promote,
    /// That its rollout is taken back.
    Abort,
    /// That it is an app that runs already.
    Adopt,
    /// That its manifest is written, with what is secret in it.
    Export,
}

impl Deed {
    /// As it stands over what is to be done, or was.
    pub fn title(self) -> &'static str {
        match self {
            Self::Deploy => "Deploy",
            Self::Remove => "Remove",
            Self::Scale => "Scale",
            Self::Restart => "Restart",
            Self::Rollback => "Roll back",
            Self::Resume => "Resume",
            Self::Pause => "Pause",
            Self::Promote => "Promote",
            Self::Abort => "Abort",
            Self::Adopt => "Adopt",
            Self::Export => "Export",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It has begun.
    Begun,
    /// It is done.
    Done,
    /// It has failed, and is being taken back.
    TurnedBack,
    /// It was taken back.
    RolledBack,
    /// It has failed, and stands still.
    Failed,
}

impl Outcome {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::TurnedBack => "turned-back",
            Self::RolledBack => "rolled-back",
            Self::Failed => "failed",
        }
    }
}

impl AuditRecord {
    /// Adds it to the trail.
    pub fn write(&self) -> Write {
        let (group, outcome) = (&self.group, self.outcome.as_str());
        let key = format!("{}/{group}/{outcome}", at(self.at));
        Write::Put(key, records::encode(self))
    }
}

/// How the keys of all entries of a time begin. They sort by the time.
fn at(time: Timestamp) -> String {
    format!("{AUDIT}{time:.9}")
}

/// What an entry says. One that cannot be read, as a later version may write it, hides no other.
fn read(entry: &Entry) -> Option<AuditRecord> {
    match records::decode(entry) {
        Ok(stored) => Some(stored.record),
        Err(error) => {
            tracing::debug!(%error, "an entry of the audit trail cannot be read");
            None
        }
    }
}

/// What was done since a time, the oldest first.
pub async fn since(store: &dyn Store, time: Timestamp) -> Result<Vec<AuditRecord>, StoreError> {
    let mut next = Some(Page {
        after: Some(at(time)),
        ..Page::first(1000)
    });
    let mut trail = Vec::new();
    while let Some(page) = next {
        let listing = store.list(AUDIT, page).await?;
        trail.extend(listing.entries.iter().filter_map(read));
        next = listing.next;
    }
    Ok(trail)
}

/// The keys of the oldest entries, as many as there are too many.
pub(crate) async fn surplus(store: &dyn Store) -> Result<Vec<String>, StoreError> {
    let (entries, _) = list_all(store, AUDIT).await?;
    let too_many = entries.len().saturating_sub(KEPT);
    let oldest = entries.into_iter().take(too_many);
    Ok(oldest.map(|entry| entry.key).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn record(at: Timestamp) -> AuditRecord {
        AuditRecord {
            at,
            by: "ana@ci-7".to_owned(),
            group: "ingestor:canary,dev".parse().unwrap(),
            deed: Deed::Restart,
            action: Some(Action::Roll),
            revision: Some(4),
            outcome: Outcome::TurnedBack,
            reason: Some("no progress".to_owned()),
        }
    }

    #[test]
    fn whoever_is_written_down_is_read_without_the_process() {
        assert_eq!(who(&doer("ana@ci-7", 4711)), Some("ana@ci-7"));
        assert_eq!(who("ana@ci-7 (viewer) (pid 7)"), Some("ana@ci-7 (viewer)"));
        assert_eq!((who("ana@ci-7"), who("")), (Some("ana@ci-7"), None));
    }

    #[test]
    fn an_entry_in_full() {
        let Write::Put(key, value) = record(Timestamp::UNIX_EPOCH).write() else {
            panic!("it is put")
        };
        assert_eq!(
            key,
            "audit/1970-01-01T00:00:00.000000000Z/ingestor:canary,dev/turned-back"
        );
        insta::assert_snapshot!(
            str::from_utf8(&value).unwrap(),
            @r#"{"v":1,"at":"1970-01-01T00:00:00Z","by":"ana@ci-7","group":"ingestor:canary,dev","deed":"restart","action":"roll","revision":4,"outcome":"turned-back","reason":"no progress"}"#
        );
    }

    #[test]
    fn keys_sort_by_time() {
        let key = |nanosecond| {
            let at = Timestamp::from_nanosecond(nanosecond).unwrap();
            match record(at).write() {
                Write::Put(key, _) => key,
                _ => panic!("it is put"),
            }
        };
        let times = [
            0,
            1,
            10,
            999_999_999,
            1_000_000_000,
            1_800_000_000_000_000_000,
        ];
        let keys: Vec<String> = times.map(key).to_vec();
        assert!(keys.is_sorted(), "{keys:?}");
    }
}
