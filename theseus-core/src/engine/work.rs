//! One group on its way: what it is to become, and the records that say so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::held::Permit;
use super::progress::{GroupReport, Outcome};
use crate::cluster::{App, Change, ContainerState, NewApp, OperationId, Part, Revision};
use crate::model::{Constraint, EnvValue, GroupId, OnFailure, Spec};
use crate::plan::Action;
use crate::records::{
    Adopted, Goal, GroupRecord, Halt, HaltKind, HistoryRecord, RolloutRecord, SlotRecord, Stored,
    rollout_key,
};
use crate::rollout::{Census, Slots, Starts};

/// A group that is being worked on.
pub(super) struct Work {
    pub(super) group: GroupId,
    pub(super) action: Action,
    /// When work on it began here.
    pub(super) began: Timestamp,
    /// The rollout as it is written down.
    pub(super) rollout: Stored<RolloutRecord>,
    /// The record of what was deployed before.
    pub(super) former: Option<Stored<GroupRecord>>,
    /// Whether the app that it had taken over as it ran is still there. Once gone, it is made anew
    /// under a name of Theseus's own.
    pub(super) has_adopted: bool,
    /// What the history says of the revision that is to run, where that is known here.
    pub(super) history: Option<HistoryRecord>,
    /// Where its slots are, in a fixed-host group.
    pub(super) slots: BTreeMap<u32, Stored<SlotRecord>>,
    /// What its custom constraints come to, for the apps that are made from now on.
    pub(super) constraints: Vec<Constraint>,
    /// The most new containers that were ready, and the fewest old ones that were left. More of
    /// the one or fewer of the other is progress; up and down again is none.
    pub(super) best: Option<(u32, u32)>,
    /// When there was progress, or else when work began.
    pub(super) progress_at: Timestamp,
    /// Since when what is told of it has not been understood.
    pub(super) unread_since: Option<Timestamp>,
    /// Which containers have failed.
    pub(super) starts: Starts,
    /// Why containers do not start, as far as the engine told.
    pub(super) delay: Option<String>,
    /// When it was asked.
    pub(super) asked_at: Option<Timestamp>,
    /// What was last told of it, so that it is told once.
    pub(super) told: Option<(Census, String)>,
    /// What others do to it may be broken off with this.
    pub(super) permit: Option<Permit>,
    /// What holds it, in words, and was not begun here.
    pub(super) held: Option<String>,
    /// What of that was told already.
    pub(super) told_held: BTreeSet<OperationId>,
}

impl Work {
    pub(super) fn report(
        &self,
        result: Outcome,
        reason: Option<String>,
        now: Timestamp,
    ) -> GroupReport {
        GroupReport {
            group: self.group.clone(),
            action: self.action,
            result,
            reason,
            took: now.duration_since(self.began),
        }
    }

    /// What a rollout that failed turns into: one that brings the former revision back, if that is
    /// asked for and possible, or one that stands still. There is no way back after a rollback that
    /// itself failed, and none for what never ran before.
    pub(super) fn after_failure(&self, reason: &str, now: Timestamp) -> RolloutRecord {
        let rollout = self.rollout.record.clone();
        let on_failure = match &rollout.goal {
            Goal::Present { spec, .. } => spec.update.on_failure,
            Goal::Absent => OnFailure::Keep,
        };
        let halt = |kind| Halt {
            kind,
            reason: reason.to_owned(),
            at: now,
            by: String::new(),
        };
        match on_failure {
            OnFailure::Rollback => match self.way_back() {
                Some(goal) => RolloutRecord {
                    goal,
                    rolled_back: Some(reason.to_owned()),
                    ..rollout
                },
                None => RolloutRecord {
                    halted: Some(halt(HaltKind::Kept)),
                    lock: None,
                    ..rollout
                },
            },
            OnFailure::Pause => RolloutRecord {
                halted: Some(halt(HaltKind::Failed)),
                lock: None,
                ..rollout
            },
            OnFailure::Keep => RolloutRecord {
                halted: Some(halt(HaltKind::Kept)),
                lock: None,
                ..rollout
            },
        }
    }

    fn way_back(&self) -> Option<Goal> {
        let former = &self.former.as_ref()?.record;
        // Nobody turns back what cannot be seen.
        let possible = self.rollout.record.rolled_back.is_none()
            && former.revision != self.revision()
            && self.unread_since.is_none();
        possible.then(|| Goal::Present {
            revision: former.revision,
            spec: Arc::clone(&former.spec),
        })
    }

    /// Whether it is to be what was deployed before.
    pub(super) fn is_at_former(&self) -> bool {
        let former = self.former.as_ref();
        former.is_some_and(|former| former.record.revision == self.revision())
    }

    /// The app that it had taken over as it ran.
    pub(super) fn adopted(&self) -> Option<&Adopted> {
        self.former.as_ref()?.record.adopted.as_ref()
    }

    /// Takes note of whether the app that it had taken over is there.
    pub(super) fn mark_adopted(&mut self, apps: &[App]) {
        let adopted = self.adopted().map(|adopted| &adopted.app);
        self.has_adopted = apps.iter().any(|app| Some(&app.id) == adopted);
    }

    /// Takes note of how far the group is.
    pub(super) fn mark_progress(&mut self, census: &Census, now: Timestamp) {
        let (most, fewest) = self.best.unwrap_or((0, u32::MAX));
        let best = (most.max(census.new_ready), fewest.min(census.old));
        if self.best != Some(best) {
            self.best = Some(best);
            self.progress_at = now;
            self.delay = None;
        }
    }

    /// Takes note that what is told of it is not understood; gives since when.
    pub(super) fn mark_unread(&mut self, now: Timestamp) -> Timestamp {
        *self.unread_since.get_or_insert(now)
    }

    /// Takes note that it is understood. As long as it was not, nobody could have seen progress.
    pub(super) fn mark_read(&mut self, now: Timestamp) {
        if let Some(since) = self.unread_since.take() {
            let blind = now.duration_since(since);
            self.progress_at = self.progress_at.saturating_add(blind).unwrap_or(now);
        }
    }

    /// Takes up another rollout of the same group, of which nothing has been seen yet.
    pub(super) fn turn_to(&mut self, rollout: Stored<RolloutRecord>, now: Timestamp) {
        let is_same = rollout.record.goal == self.rollout.record.goal;
        self.rollout = rollout;
        if !is_same {
            // Nobody has asked for this to be forced.
            self.permit = None;
            self.history = None;
            self.best = None;
            self.starts = Starts::new(self.revision(), now);
        }
        // A person has let it go on, or it has only just begun.
        self.progress_at = now;
        self.unread_since = None;
    }

    /// The key of its rollout.
    pub(super) fn key(&self) -> String {
        rollout_key(&self.group)
    }

    /// Whether all new containers may follow at once: somebody has said so, or it is a way back, to
    /// what is known to be good.
    pub(super) fn is_promoted(&self) -> bool {
        self.rollout.record.promoted || self.rollout.record.rolled_back.is_some()
    }

    /// The slots whose container came to run on a host, where no host was known before.
    pub(super) fn landed(&self, apps: &[App]) -> Vec<(u32, Arc<str>)> {
        let landed = apps.iter().filter_map(|app| match app.part {
            Part::Slot(slot) if !self.slots.contains_key(&slot) => {
                let running = app
                    .containers
                    .iter()
                    .find(|it| it.state == ContainerState::Running)?;
                Some((slot, running.host.clone()?))
            }
            _ => None,
        });
        // Old and new may both be there, on different hosts: the first one found decides.
        landed.collect::<BTreeMap<_, _>>().into_iter().collect()
    }

    /// The hosts of its slots.
    pub(super) fn hosts(&self) -> Slots {
        self.slots
            .iter()
            .map(|(slot, stored)| (*slot, Arc::clone(&stored.record.host)))
            .collect()
    }

    /// How many containers there are to be in the end.
    pub(super) fn instances(&self) -> u32 {
        match &self.rollout.record.goal {
            Goal::Present { spec, .. } => spec.instances,
            Goal::Absent => 0,
        }
    }

    /// The revision that is to run in the end, if one is.
    pub(super) fn goal_revision(&self) -> Option<Revision> {
        match self.rollout.record.goal {
            Goal::Present { revision, .. } => Some(revision),
            Goal::Absent => None,
        }
    }

    /// The same as a number; no revision has the number 0.
    pub(super) fn revision(&self) -> Revision {
        self.goal_revision().unwrap_or(0)
    }
}

/// The variables that tell a container its service and its labels.
pub(super) const SERVICE_NAME: &str = "SERVICE_NAME";
pub(super) const LABELS: &str = "LABELS";

/// The labels of a group, as words.
pub(super) fn label_words(group: &GroupId) -> Vec<&str> {
    let labels = group.labels.iter();
    labels.map(crate::model::Label::as_str).collect()
}

/// Adds to a new app what every container is told about itself; the manifest's own values win.
pub(super) fn complete(
    mut app: NewApp,
    environment: &BTreeMap<String, String>,
    constraints: &[Constraint],
) -> NewApp {
    let own = [
        (SERVICE_NAME, app.group.service.to_string()),
        (
            LABELS,
            serde_json::Value::from(label_words(&app.group)).to_string(),
        ),
        ("THESEUS_GROUP", app.group.to_string()),
        ("THESEUS_REVISION", app.revision.to_string()),
    ];
    let mut spec = Spec::clone(&app.spec);
    let given = environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()));
    for (name, value) in own.into_iter().chain(given) {
        spec.environment
            .0
            .entry(name.to_owned())
            .or_insert(EnvValue::Plain(value));
    }
    spec.constraints.extend_from_slice(constraints);
    app.spec = Arc::new(spec);
    app
}

/// A change in words.
pub(super) fn describe(change: &Change) -> String {
    let containers = |count: usize| match count {
        1 => "1 container".to_owned(),
        count => format!("{count} containers"),
    };
    match change {
        Change::Create(app) => {
            format!(
                "create revision {} with {}",
                app.revision,
                containers(app.instances as usize)
            )
        }
        Change::Scale { app, instances } => {
            format!("scale {app} to {}", containers(*instances as usize))
        }
        Change::Shrink {
            app,
            containers: stopped,
        } => {
            format!("stop {} of {app}", containers(stopped.len()))
        }
        Change::Delete { app } => format!("delete {app}"),
        Change::Update(app) => format!("bring its app to revision {}", app.revision),
        Change::Pin { app, host } => format!("pin {app} to {host}"),
        Change::Revert { app, .. } => format!("bring {app} back to what it was"),
        Change::Release { app, .. } => format!("give up what holds {app}"),
    }
}
