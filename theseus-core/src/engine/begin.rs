//! Beginning work on groups: writing down what is about to be done, and taking up what was begun.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::commit::commit_all;
use super::held::Permit;
use super::progress::{GroupReport, Outcome, Progress};
use super::turn::{Run, serving};
use super::work::Work;
use super::{EngineError, journal, observe};
use crate::audit::{self, AuditRecord};
use crate::cluster::Revision;
use crate::hold::Hold;
use crate::model::{GroupId, Spec};
use crate::plan::{Action, GroupPlan, ObstacleKind, Placed};
use crate::records::{self, Ended, Goal, HistoryRecord, LockRecord, RolloutRecord, Stored};
use crate::rollout::Starts;
use crate::state::{GroupState, Observed};
use crate::store::{self, StoreError, Txn};

/// A group that is about to be begun.
struct Opening<'p> {
    plan: &'p GroupPlan,
    rollout: RolloutRecord,
    /// The revision that is to run, where the history gets it now.
    history: Option<HistoryRecord>,
    txn: Txn,
}

impl Run<'_> {
    /// Reports the groups of which nothing is changed.
    pub(super) fn dismiss_unchanged(&mut self) {
        for plan in self.queue.take_unchanged() {
            self.end(report(plan, Outcome::Unchanged, None));
        }
    }

    /// Begins the groups whose turn has come, and says whether there were any.
    pub(super) async fn begin_due(
        &mut self,
        hold: &Hold,
        observed: &Observed,
    ) -> Result<bool, EngineError> {
        if self.queue.is_empty() {
            return Ok(false);
        }
        let room = self
            .options
            .parallel
            .get()
            .saturating_sub(self.active.len());
        let due = self.queue.take(room, |group| serving(observed, group));
        for (plan, other) in due.hopeless {
            let reason = format!("{other}, which comes before it, did not come about");
            self.end(report(plan, Outcome::Skipped, Some(reason)));
        }
        let began = !due.ready.is_empty();
        let outcome = self.begin(hold, due.ready.clone()).await;
        if outcome.is_err() {
            // What could not be begun has its turn again.
            let active = &self.active;
            let left = due.ready.into_iter();
            let left = left.filter(|plan| !active.contains_key(&plan.group));
            self.queue.put_back(left);
        }
        outcome?;
        if self.active.is_empty() {
            self.give_up_waiting();
        } else {
            self.idle_since = self.now();
        }
        Ok(began)
    }

    /// Reports the groups that have waited too long for others outside of the plan.
    fn give_up_waiting(&mut self) {
        let waited = self.now().duration_since(self.idle_since);
        for plan in self.queue.take_overdue(waited) {
            let names: Vec<String> = plan.after.iter().map(|it| it.group.to_string()).collect();
            let reason = format!("{}, which it depends on, does not serve", names.join(", "));
            self.end(report(plan, Outcome::Skipped, Some(reason)));
        }
    }

    /// Writes down what is about to be done, and reports at once what takes no more than that.
    async fn begin(&mut self, hold: &Hold, plans: Vec<&GroupPlan>) -> Result<(), EngineError> {
        if plans.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let store = &*self.engine.store;
        let groups: Vec<GroupId> = plans.iter().map(|plan| plan.group.clone()).collect();
        let before = observe::records(store, &groups).await?;
        self.note_adopted(&before);
        let mut places = self.place(&plans, &before).await?;
        let absent = GroupState::default();
        let (mut openings, mut notes) = (Vec::new(), Vec::new());
        for plan in plans {
            let state = before.groups.get(&plan.group).unwrap_or(&absent);
            if let Some(obstacle) = &plan.obstacle {
                let outcome = match obstacle.kind {
                    ObstacleKind::Paused => Outcome::Held,
                    ObstacleKind::Dependency | ObstacleKind::Placement | ObstacleKind::Unread => {
                        Outcome::Failed
                    }
                };
                self.end(report(plan, outcome, Some(obstacle.message.clone())));
            } else if let Some(problem) = places.get(&plan.group).and_then(Placed::problem) {
                self.end(report(plan, Outcome::Failed, Some(problem)));
            } else if plan.action == Action::None {
                if let Some(place) = places.get(&plan.group) {
                    let slots = self.write_slots(hold, &plan.group, &place.slots, state);
                    if let Err(error) = slots.await {
                        self.not_begun(hold, plan, error).await?;
                        continue;
                    }
                }
                if plan.changes.is_empty() {
                    self.end(report(plan, Outcome::Ok, None));
                } else {
                    let audit = self.audit_plan(plan, audit::Outcome::Done);
                    let note = journal::note(plan, state.adopted(), now, &audit);
                    notes.extend(note.map(|txn| (plan, txn)));
                }
            } else {
                openings.push(self.opening(hold, plan, state, now).await?);
            }
        }
        let (recorded, txns): (Vec<_>, Vec<_>) = notes.into_iter().unzip();
        for (plan, answer) in recorded.into_iter().zip(commit_all(store, txns).await) {
            match answer {
                Ok(_) => self.end(report(plan, Outcome::Ok, None)),
                Err(error) => self.not_begun(hold, plan, error).await?,
            }
        }
        let txns = openings.iter().map(|it| it.txn.clone()).collect();
        for (opening, answer) in openings.into_iter().zip(commit_all(store, txns).await) {
            match answer {
                Ok(modified) => {
                    let state = before.groups.get(&opening.plan.group).unwrap_or(&absent);
                    let place = places.remove(&opening.plan.group);
                    self.start(hold, opening, modified, state, place).await?;
                }
                Err(error) => self.not_begun(hold, opening.plan, error).await?,
            }
        }
        Ok(())
    }

    /// Takes note of the apps that groups have adopted, to see them on every look.
    pub(super) fn note_adopted(&mut self, records: &Observed) {
        for (group, state) in &records.groups {
            if let (Some(stored), Some(adopted)) = (&state.record, state.adopted()) {
                let revision = stored.record.revision;
                let adopted = (adopted.app.clone(), revision);
                self.adopted.insert(group.clone(), adopted);
            }
        }
    }

    async fn opening<'p>(
        &self,
        hold: &Hold,
        plan: &'p GroupPlan,
        state: &GroupState,
        now: Timestamp,
    ) -> Result<Opening<'p>, EngineError> {
        let under_way = state.rollout.as_ref().map(|stored| &stored.record);
        let rollout = rollout_of(plan, under_way, hold, &self.engine.by, now);
        let history = match &plan.goal {
            Goal::Present { revision, spec } if plan.is_new_revision => Some(HistoryRecord {
                group: plan.group.clone(),
                revision: *revision,
                spec: spec.clone(),
                created_at: now,
                by: self.engine.by.clone(),
                ending: None,
            }),
            _ => None,
        };
        let given_up = match under_way.map(|rollout| &rollout.goal) {
            Some(Goal::Present { revision, spec }) if !is_at(&plan.goal, *revision) => {
                let past = self.past(&plan.group, *revision, spec).await?;
                Some(journal::ended(past, Ended::Superseded, None, now))
            }
            _ => None,
        };
        let changed: Vec<HistoryRecord> = history.iter().cloned().chain(given_up).collect();
        let other_lock = under_way.and_then(|rollout| rollout.lock.as_deref());
        let audit = self.audit_plan(plan, audit::Outcome::Begun);
        Ok(Opening {
            plan,
            txn: journal::begin(plan, &rollout, &changed, hold, other_lock, &audit),
            rollout,
            history,
        })
    }

    /// What the audit trail is to say of a plan.
    fn audit_plan(&self, plan: &GroupPlan, outcome: audit::Outcome) -> AuditRecord {
        let revision = match &plan.goal {
            Goal::Present { revision, .. } => Some(*revision),
            Goal::Absent => None,
        };
        self.audit(&plan.group, plan.action, revision, outcome)
    }

    /// What the audit trail is to say of a group.
    pub(super) fn audit(
        &self,
        group: &GroupId,
        action: Action,
        revision: Option<Revision>,
        outcome: audit::Outcome,
    ) -> AuditRecord {
        AuditRecord {
            at: self.now(),
            by: self.engine.by.clone(),
            group: group.clone(),
            deed: self.engine.deed,
            action: Some(action),
            revision,
            outcome,
            reason: None,
        }
    }

    /// What the history says of a revision, or is to say where it says nothing.
    pub(super) async fn past(
        &self,
        group: &GroupId,
        revision: Revision,
        spec: &Arc<Spec>,
    ) -> Result<HistoryRecord, EngineError> {
        let key = records::history_key(group, revision);
        let entry = self.engine.store.get(&key).await?;
        let known: Option<Stored<HistoryRecord>> =
            entry.as_ref().map(records::decode).transpose()?;
        Ok(match known {
            Some(stored) => HistoryRecord {
                // As it is now: it may have been scaled since.
                spec: spec.clone(),
                ..stored.record
            },
            None => HistoryRecord {
                group: group.clone(),
                revision,
                spec: spec.clone(),
                created_at: self.now(),
                by: self.engine.by.clone(),
                ending: None,
            },
        })
    }

    /// Reports why a group could not be begun.
    async fn not_begun(
        &mut self,
        hold: &Hold,
        plan: &GroupPlan,
        error: StoreError,
    ) -> Result<(), EngineError> {
        let key = match error {
            StoreError::Conflict { key } => key,
            error => return Err(error.into()),
        };
        if key == hold.key() {
            hold.lose();
            self.end(report(
                plan,
                Outcome::Overtaken,
                Some(super::settle::lost()),
            ));
            return Ok(());
        }
        let (outcome, reason) = match self.holder(&plan.group).await? {
            Some(holder) => (Outcome::Held, held(&holder)),
            None => (Outcome::Stale, stale()),
        };
        self.end(report(plan, outcome, Some(reason)));
        Ok(())
    }

    /// Who works on a group now.
    async fn holder(&self, group: &GroupId) -> Result<Option<LockRecord>, EngineError> {
        let holders = self.engine.holders(std::slice::from_ref(group)).await?;
        Ok(holders.into_iter().next().map(|(_, holder)| holder))
    }

    async fn start(
        &mut self,
        hold: &Hold,
        opening: Opening<'_>,
        modified: store::Revision,
        state: &GroupState,
        placed: Option<Placed>,
    ) -> Result<(), EngineError> {
        let plan = opening.plan;
        let slots = match &placed {
            Some(placed) => {
                let slots = self.write_slots(hold, &plan.group, &placed.slots, state);
                match slots.await {
                    Ok(slots) => slots,
                    // The rollout is written down, and goes on when it is asked for again.
                    Err(error) => return self.not_begun(hold, plan, error).await,
                }
            }
            None => state.slots.clone(),
        };
        (self.tell)(Progress::Started {
            group: plan.group.clone(),
            action: plan.action,
        });
        let now = self.now();
        let mut work = Work {
            group: plan.group.clone(),
            action: plan.action,
            began: now,
            rollout: Stored {
                record: opening.rollout,
                modified,
            },
            former: state.record.clone(),
            has_adopted: false,
            history: opening.history,
            slots,
            constraints: placed.map_or_else(Vec::new, |it| it.ruling.constraints),
            best: None,
            progress_at: now,
            unread_since: None,
            starts: Starts::new(0, now),
            delay: None,
            asked_at: None,
            told: None,
            permit: Permit::of(self.options),
            held: None,
            told_held: BTreeSet::new(),
        };
        work.starts = Starts::new(work.revision(), now);
        self.active.insert(plan.group.clone(), work);
        Ok(())
    }
}

/// The rollout that a plan begins, or goes on with.
fn rollout_of(
    plan: &GroupPlan,
    under_way: Option<&RolloutRecord>,
    hold: &Hold,
    by: &str,
    now: Timestamp,
) -> RolloutRecord {
    let resumed = under_way.filter(|_| plan.action == Action::Resume);
    // Nobody tries out what has run before.
    let promoted = resumed.map_or(!plan.is_new_revision, |rollout| rollout.promoted);
    RolloutRecord {
        group: plan.group.clone(),
        goal: plan.goal.clone(),
        rolled_back: resumed.and_then(|rollout| rollout.rolled_back.clone()),
        started_at: resumed.map_or(now, |rollout| rollout.started_at),
        by: resumed.map_or_else(|| by.to_owned(), |rollout| rollout.by.clone()),
        lock: Some(hold.key().to_owned()),
        halted: None,
        promoted,
    }
}

fn is_at(goal: &Goal, at: Revision) -> bool {
    matches!(goal, Goal::Present { revision, .. } if *revision == at)
}

pub(super) fn report(plan: &GroupPlan, result: Outcome, reason: Option<String>) -> GroupReport {
    GroupReport {
        group: plan.group.clone(),
        action: plan.action,
        result,
        reason,
        took: jiff::SignedDuration::ZERO,
    }
}

fn stale() -> String {
    "it has changed since the plan was made: plan again".to_owned()
}

/// That somebody else works on a group.
pub(super) fn held(holder: &LockRecord) -> String {
    format!(
        "{} deploys it since {:.0}; --wait waits for that to end",
        if holder.by.is_empty() {
            "somebody"
        } else {
            &holder.by
        },
        holder.since
    )
}
