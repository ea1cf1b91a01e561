//! Telling a rollout what to do from beside it: pause, promote, abort; and who works on it.
//!
//! Nothing here needs the lock. Each is one conditioned write into the rollout's record, which
//! whoever carries the rollout out heeds on his next look.

use std::collections::BTreeMap;

use super::{Engine, EngineError, journal};
use crate::audit::{AuditRecord, Deed, Outcome};
use crate::model::GroupId;
use crate::records::{
    self, Ended, Goal, GroupRecord, Halt, HaltKind, HistoryRecord, LOCKS, LockRecord,
    RolloutRecord, Stored,
};
use crate::store::{Compare, StoreError, Txn, Write, list_all};

/// How often a record is read again that somebody else writes at the same time.
const TRIES: usize = 10;

/// Why a rollout cannot be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// There is no rollout.
    #[error("nothing is under way in {group}")]
    NothingUnderWay {
        /// Which group.
        group: GroupId,
    },
    /// It stands still already.
    #[error("the rollout of {group} stands still already: {reason}")]
    AlreadyHalted {
        /// Which group.
        group: GroupId,
        /// Why it does.
        reason: String,
    },
    /// It is being taken back already.
    #[error("the rollout of {group} is being taken back already: {reason}")]
    AlreadyTurningBack {
        /// Which group.
        group: GroupId,
        /// Why.
        reason: String,
    },
    /// It has no canaries to promote.
    #[error("the rollout of {group} has no canaries that wait to be promoted")]
    NoCanaries {
        /// Which group.
        group: GroupId,
    },
    /// Cluster or store did not do their part.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for ControlError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// What an abort leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Abort {
    /// Where the group goes now.
    pub goal: Goal,
    /// Who carries it out at the moment, and so takes it back; nobody when `None`.
    pub holder: Option<LockRecord>,
}

impl Engine {
    /// Who works on these groups at the moment.
    pub async fn holders(
        &self,
        groups: &[GroupId],
    ) -> Result<BTreeMap<GroupId, LockRecord>, EngineError> {
        let (entries, _) = list_all(&*self.store, LOCKS).await?;
        let mut locks: BTreeMap<String, LockRecord> = BTreeMap::new();
        for entry in &entries {
            locks.insert(entry.key.clone(), records::decode(entry)?.record);
        }
        let mut holders = BTreeMap::new();
        if locks.is_empty() {
            return Ok(holders);
        }
        let rollouts = super::observe::rollouts(&*self.store, groups).await?;
        for group in groups {
            let Some(entry) = rollouts.get(&records::rollout_key(group)) else {
                continue;
            };
            let rollout: Stored<RolloutRecord> = records::decode(entry)?;
            let lock = rollout.record.lock.and_then(|key| locks.get(&key));
            holders.extend(lock.map(|holder| (group.clone(), holder.clone())));
        }
        Ok(holders)
    }

    /// What the history says of a group, the latest revision first.
    pub async fn history(&self, group: &GroupId) -> Result<Vec<HistoryRecord>, EngineError> {
        let (entries, _) = list_all(&*self.store, &records::history_prefix(group)).await?;
        let mut history = Vec::with_capacity(entries.len());
        for entry in &entries {
            history.push(records::decode::<HistoryRecord>(entry)?.record);
        }
        history.sort_by_key(|past| std::cmp::Reverse(past.revision));
        Ok(history)
    }

    /// Pauses a rollout: whoever carries it out stops before his next change, and nobody goes on
    /// with it before it is resumed or aborted.
    pub async fn pause(&self, group: &GroupId, reason: &str) -> Result<(), ControlError> {
        let audit = self.told(group, Deed::Pause, Outcome::Done, Some(reason));
        self.edit(group, &audit, |rollout| {
            match &rollout.halted {
                Some(halt) if halt.kind == HaltKind::Paused => {
                    return Err(ControlError::AlreadyHalted {
                        group: group.clone(),
                        reason: halt.reason.clone(),
                    });
                }
                _ => {}
            }
            rollout.halted = Some(Halt {
                kind: HaltKind::Paused,
                reason: reason.to_owned(),
                at: (self.clock)(),
                by: self.by.clone(),
            });
            Ok(None)
        })
        .await?;
        Ok(())
    }

    /// Says that the canaries of a rollout are good, so that the other containers follow.
    pub async fn promote(&self, group: &GroupId) -> Result<(), ControlError> {
        let audit = self.told(group, Deed::Promote, Outcome::Done, None);
        self.edit(group, &audit, |rollout| {
            let has_canaries =
                matches!(&rollout.goal, Goal::Present { spec, .. } if spec.update.canary.is_some());
            if !has_canaries || rollout.promoted || rollout.rolled_back.is_some() {
                return Err(ControlError::NoCanaries {
                    group: group.clone(),
                });
            }
            rollout.promoted = true;
            Ok(None)
        })
        .await?;
        Ok(())
    }

    /// Takes a rollout back: the group is to become what it was before, or to go if it was not
    /// there. Whoever carries the rollout out does so; where nobody does, it is written down for
    /// whoever resumes it.
    pub async fn abort(&self, group: &GroupId) -> Result<Abort, ControlError> {
        let former = self.former(group).await?;
        let tried = self.tried(group, former.as_ref()).await?;
        let goal = former.map_or(Goal::Absent, |former| Goal::Present {
            revision: former.revision,
            spec: former.spec,
        });
        let reason = if self.by.is_empty() {
            "aborted".to_owned()
        } else {
            format!("aborted by {}", self.by)
        };
        let audit = self.told(group, Deed::Abort, Outcome::Begun, None);
        self.edit(group, &audit, |rollout| {
            if let Some(reason) = &rollout.rolled_back {
                return Err(ControlError::AlreadyTurningBack {
                    group: group.clone(),
                    reason: reason.clone(),
                });
            }
            let was = std::mem::replace(&mut rollout.goal, goal.clone());
            rollout.rolled_back = Some(reason.clone());
            rollout.halted = None;
            let tried = tried.as_ref().filter(
                |tried| matches!(was, Goal::Present { revision, .. } if revision == tried.revision),
            );
            Ok(tried.map(|tried| {
                let reason = Some(reason.clone());
                journal::ended(tried.clone(), Ended::RolledBack, reason, (self.clock)())
            }))
        })
        .await?;
        let holder = self
            .holders(std::slice::from_ref(group))
            .await?
            .remove(group);
        Ok(Abort { goal, holder })
    }

    async fn former(&self, group: &GroupId) -> Result<Option<GroupRecord>, EngineError> {
        let entry = self.store.get(&records::group_key(group)).await?;
        let stored: Option<Stored<GroupRecord>> =
            entry.as_ref().map(records::decode).transpose()?;
        Ok(stored.map(|stored| stored.record))
    }

    /// What the history says of the revision that is being brought about, where that is not the
    /// `former` one itself.
    async fn tried(
        &self,
        group: &GroupId,
        former: Option<&GroupRecord>,
    ) -> Result<Option<HistoryRecord>, EngineError> {
        let Some(entry) = self.store.get(&records::rollout_key(group)).await? else {
            return Ok(None);
        };
        let Goal::Present { revision, .. } = records::decode::<RolloutRecord>(&entry)?.record.goal
        else {
            return Ok(None);
        };
        if former.is_some_and(|former| former.revision == revision) {
            return Ok(None);
        }
        let key = records::history_key(group, revision);
        let entry = self.store.get(&key).await?;
        let past: Option<Stored<HistoryRecord>> =
            entry.as_ref().map(records::decode).transpose()?;
        Ok(past.map(|stored| stored.record))
    }

    /// What the audit trail is to say of a rollout that is told something.
    fn told(
        &self,
        group: &GroupId,
        deed: Deed,
        outcome: Outcome,
        reason: Option<&str>,
    ) -> AuditRecord {
        AuditRecord {
            at: (self.clock)(),
            by: self.by.clone(),
            group: group.clone(),
            deed,
            action: None,
            revision: None,
            outcome,
            reason: reason.map(str::to_owned),
        }
    }

    /// Changes the record of a rollout, whoever else writes it at the same time, and with it what
    /// the history and the audit trail are to say.
    async fn edit(
        &self,
        group: &GroupId,
        audit: &AuditRecord,
        change: impl Fn(&mut RolloutRecord) -> Result<Option<HistoryRecord>, ControlError> + Send + Sync,
    ) -> Result<(), ControlError> {
        let key = records::rollout_key(group);
        let mut tries = 0;
        let mut written = None;
        loop {
            tries += 1;
            let Some(entry) = self.store.get(&key).await? else {
                return Err(ControlError::NothingUnderWay {
                    group: group.clone(),
                });
            };
            if written.as_ref() == Some(&entry.value) {
                return Ok(());
            }
            let mut rollout = records::decode::<RolloutRecord>(&entry)
                .map_err(EngineError::from)?
                .record;
            let history = change(&mut rollout)?;
            let value = records::encode(&rollout);
            let mut writes = vec![Write::Put(key.clone(), value.clone()), audit.write()];
            writes.extend(history.as_ref().map(journal::past));
            let txn = Txn {
                compares: vec![Compare::Unchanged(key.clone(), entry.modified)],
                writes,
            };
            match self.store.commit(txn).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict { .. }) if tries < TRIES => {}
                Err(StoreError::Unclear { .. }) if tries < TRIES => written = Some(value),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
