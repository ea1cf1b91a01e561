//! Bringing work on groups to an end: reached, failed, paused, overtaken, stopped.

use std::collections::BTreeMap;

use super::begin::report;
use super::commit::commit_all;
use super::progress::{GroupReport, Outcome, Progress};
use super::turn::Run;
use super::work::Work;
use super::{EngineError, journal};
use crate::audit::{self, AuditRecord};
use crate::hold::Hold;
use crate::model::GroupId;
use crate::records::{self, Ended, Goal, HistoryRecord, RolloutRecord, SlotRecord, Stored};
use crate::state::Observed;
use crate::store::{Entry, StoreError, Txn, Write};

impl Run<'_> {
    pub(super) fn end(&mut self, report: GroupReport) {
        self.queue.note(&report.group, report.result.is_well());
        let failed = !report.result.is_well();
        (self.tell)(Progress::Done(report.clone()));
        self.reports.push(report);
        if failed && self.options.fail_fast {
            self.fail_all();
        }
    }

    /// Takes a group out of the work.
    pub(super) fn close(&mut self, group: &GroupId, result: Outcome, reason: Option<String>) {
        if let Some(work) = self.active.remove(group) {
            let report = work.report(result, reason, self.now());
            self.end(report);
        }
    }

    /// Leaves everything that is not over as it is, because something has failed.
    fn fail_all(&mut self) {
        let reason = "another group failed".to_owned();
        for plan in self.queue.drain() {
            self.end(report(plan, Outcome::Skipped, Some(reason.clone())));
        }
        self.close_all(Outcome::Stopped, &reason);
    }

    fn close_all(&mut self, outcome: Outcome, reason: &str) {
        for group in self.active.keys().cloned().collect::<Vec<_>>() {
            self.close(&group, outcome, Some(reason.to_owned()));
        }
    }

    /// Reports what is not done yet, if anything, as stopped.
    pub(super) fn stopped(&mut self) {
        self.close_all(Outcome::Stopped, "asked for again, it goes on from here");
        for plan in self.queue.drain() {
            let reason = "it was not begun".to_owned();
            self.end(report(plan, Outcome::Skipped, Some(reason)));
        }
    }

    /// Lets go of everything, because the lock is somebody else's to take.
    pub(super) fn lost(&mut self) {
        self.close_all(Outcome::Overtaken, &lost());
        for plan in self.queue.drain() {
            self.end(report(plan, Outcome::Overtaken, Some(lost())));
        }
    }

    /// Heeds what others have written into the rollouts that are worked on: a pause, a promotion,
    /// an abort. A rollout that is not there any more, or another one, is somebody else's.
    pub(super) async fn heed(
        &mut self,
        hold: &Hold,
        rollouts: &BTreeMap<String, Entry>,
    ) -> Result<(), EngineError> {
        let now = self.now();
        for group in self.active.keys().cloned().collect::<Vec<_>>() {
            let work = &self.active[&group];
            let Some(entry) = rollouts.get(&work.key()) else {
                self.close(&group, Outcome::Overtaken, Some(overtaken()));
                continue;
            };
            if entry.modified == work.rollout.modified {
                continue;
            }
            let written: Stored<RolloutRecord> = records::decode(entry)?;
            if !is_same_work(&written.record, &work.rollout.record) {
                self.close(&group, Outcome::Overtaken, Some(overtaken()));
                continue;
            }
            if written.record.halted.is_some() {
                self.let_go(hold, &group, written).await?;
            } else {
                self.take_over(&group, written, now);
            }
        }
        Ok(())
    }

    /// Lets go of a rollout that somebody has paused, so that it can be resumed while other groups
    /// are still worked on here.
    async fn let_go(
        &mut self,
        hold: &Hold,
        group: &GroupId,
        written: Stored<RolloutRecord>,
    ) -> Result<(), EngineError> {
        let Some(work) = self.active.get_mut(group) else {
            return Ok(());
        };
        let free = RolloutRecord {
            lock: None,
            ..written.record.clone()
        };
        work.rollout = written;
        let txn = journal::rewrite(work, &free, None, hold, None);
        if let Err(error) = commit_all(&*self.engine.store, vec![txn]).await.remove(0) {
            return self.not_written(hold, group, error);
        }
        let reason = free.halted.map_or_else(String::new, |halt| {
            let by = if halt.by.is_empty() {
                "somebody"
            } else {
                &halt.by
            };
            format!("{by} has paused it: {}", halt.reason)
        });
        self.close(group, Outcome::Paused, Some(reason));
        Ok(())
    }

    /// Goes on with a rollout as somebody has changed it.
    fn take_over(&mut self, group: &GroupId, written: Stored<RolloutRecord>, now: jiff::Timestamp) {
        let Some(work) = self.active.get_mut(group) else {
            return;
        };
        let turned = written.record.goal != work.rollout.record.goal;
        let reason = written.record.rolled_back.clone();
        work.turn_to(written, now);
        if let (true, Some(reason)) = (turned, reason) {
            (self.tell)(Progress::RollingBack {
                group: group.clone(),
                reason,
            });
        }
    }

    /// Writes down that these groups are where they were to come.
    pub(super) async fn finish(
        &mut self,
        hold: &Hold,
        reached: &[GroupId],
    ) -> Result<(), EngineError> {
        let now = self.now();
        let mut txns = Vec::with_capacity(reached.len());
        for group in reached {
            let history = self.closing_history(group, now).await?;
            let work = &self.active[group];
            let audit = self.audit_work(work, work.rollout.record.rolled_back.clone());
            let history = history.as_ref();
            txns.push(journal::finish(work, history, hold, now, &audit));
        }
        let answers = commit_all(&*self.engine.store, txns).await;
        for (group, answer) in reached.iter().zip(answers) {
            match answer {
                Ok(_) => match self.active[group].rollout.record.rolled_back.clone() {
                    Some(reason) => self.close(group, Outcome::RolledBack, Some(reason)),
                    None => self.close(group, Outcome::Ok, None),
                },
                Err(error) => self.not_written(hold, group, error)?,
            }
        }
        Ok(())
    }

    /// What the audit trail is to say of a rollout that has reached its goal, be it for `reason` that
    /// it had to be taken back.
    fn audit_work(&self, work: &Work, reason: Option<String>) -> AuditRecord {
        let outcome = match reason {
            Some(_) => audit::Outcome::RolledBack,
            None => audit::Outcome::Done,
        };
        AuditRecord {
            reason,
            ..self.audit(&work.group, work.action, work.goal_revision(), outcome)
        }
    }

    /// What the history is to say of a rollout that has reached its goal.
    async fn closing_history(
        &self,
        group: &GroupId,
        now: jiff::Timestamp,
    ) -> Result<Option<HistoryRecord>, EngineError> {
        let work = &self.active[group];
        let rollout = &work.rollout.record;
        let former = work.former.as_ref().map(|stored| &stored.record);
        let (revision, spec) = match &rollout.goal {
            Goal::Present { revision, spec } => (*revision, spec),
            Goal::Absent => match former {
                Some(former) => (former.revision, &former.spec),
                None => return Ok(None),
            },
        };
        let past = match &work.history {
            Some(history) => history.clone(),
            None => self.past(group, revision, spec).await?,
        };
        // Whoever goes on with what another began has only the history to tell what is new.
        let has_run = past
            .ending
            .as_ref()
            .is_some_and(|it| it.outcome != Ended::Failed);
        let is_former = former.is_some_and(|former| former.revision == revision);
        let is_back = rollout.rolled_back.is_some() || (has_run && !is_former);
        let outcome = match &rollout.goal {
            Goal::Absent => Ended::Removed,
            Goal::Present { .. } if is_back => Ended::Restored,
            Goal::Present { .. } => Ended::Deployed,
        };
        Ok(Some(journal::ended(
            past,
            outcome,
            rollout.rolled_back.clone(),
            now,
        )))
    }

    /// Turns a failed rollout back, or leaves it standing for somebody to decide.
    pub(super) async fn fail(
        &mut self,
        hold: &Hold,
        group: &GroupId,
        mut reason: String,
    ) -> Result<(), EngineError> {
        let now = self.now();
        if let Some(delay) = self.reasons(vec![group.clone()]).await.remove(group) {
            reason = format!("{reason}; {delay}");
        }
        let Some(work) = self.active.get(group) else {
            return Ok(());
        };
        if let Some(held) = &work.held {
            reason = format!("{reason}; it is held by {held}");
        }
        let rollout = work.after_failure(&reason, now);
        let given_up = match &work.rollout.record.goal {
            Goal::Present { revision, spec } => {
                let outcome = if rollout.halted.is_none() {
                    Ended::RolledBack
                } else {
                    Ended::Failed
                };
                let past = match &work.history {
                    Some(history) => history.clone(),
                    None => self.past(group, *revision, spec).await?,
                };
                Some(journal::ended(past, outcome, Some(reason.clone()), now))
            }
            Goal::Absent => None,
        };
        let outcome = if rollout.halted.is_none() {
            audit::Outcome::TurnedBack
        } else {
            audit::Outcome::Failed
        };
        let audit = AuditRecord {
            reason: Some(reason.clone()),
            ..self.audit(&work.group, work.action, work.goal_revision(), outcome)
        };
        let txn = journal::rewrite(work, &rollout, given_up.as_ref(), hold, Some(&audit));
        let answer = commit_all(&*self.engine.store, vec![txn]).await.remove(0);
        let modified = match answer {
            Ok(modified) => modified,
            Err(error) => return self.not_written(hold, group, error),
        };
        if rollout.halted.is_some() {
            self.close(group, Outcome::Failed, Some(reason));
            return Ok(());
        }
        if let Some(work) = self.active.get_mut(group) {
            let record = rollout;
            work.turn_to(Stored { record, modified }, now);
        }
        (self.tell)(Progress::RollingBack {
            group: group.clone(),
            reason,
        });
        Ok(())
    }

    /// What a write that was not made means for the group.
    fn not_written(
        &mut self,
        hold: &Hold,
        group: &GroupId,
        error: StoreError,
    ) -> Result<(), EngineError> {
        let key = match error {
            StoreError::Conflict { key } => key,
            error => return Err(error.into()),
        };
        if key == hold.key() {
            hold.lose();
        } else if key != records::rollout_key(group) {
            self.close(group, Outcome::Overtaken, Some(overtaken()));
        }
        // What somebody has written into the rollout is heeded on the next look.
        Ok(())
    }

    /// Writes down where the slots are that had no host to begin with.
    pub(super) async fn settle_slots(
        &mut self,
        hold: &Hold,
        observed: &Observed,
    ) -> Result<(), EngineError> {
        let now = self.now();
        for (group, state) in &observed.groups {
            let Some(work) = self.active.get_mut(group) else {
                continue;
            };
            for (slot, host) in work.landed(&state.apps) {
                let record = SlotRecord {
                    group: group.clone(),
                    slot,
                    host,
                    since: now,
                    moved_from: None,
                    lost_since: None,
                };
                let key = records::slot_key(group, slot);
                let txn = Txn {
                    compares: vec![journal::unchanged(key.clone(), None), hold.fence()],
                    writes: vec![Write::Put(key, records::encode(&record))],
                };
                match commit_all(&*self.engine.store, vec![txn]).await.remove(0) {
                    Ok(modified) => {
                        work.slots.insert(slot, Stored { record, modified });
                    }
                    Err(StoreError::Conflict { key }) if key == hold.key() => hold.lose(),
                    // Somebody else knows better; the next run reads it.
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

/// Whether two writings are of the same work: one rollout, carried out under one lock.
fn is_same_work(one: &RolloutRecord, other: &RolloutRecord) -> bool {
    one.started_at == other.started_at && one.lock == other.lock
}

fn overtaken() -> String {
    "somebody else has begun to deploy it meanwhile".to_owned()
}

/// That the lock is not ours any more.
pub(super) fn lost() -> String {
    "the lock was lost: the store was out of reach, or this process stood still, for too long"
        .to_owned()
}
