//! One look at what is under way in a group.

use jiff::Timestamp;
use serde::Serialize;

use super::{Engine, EngineError};
use crate::cluster::{Revision, Scope};
use crate::model::GroupId;
use crate::records::{Ended, Goal, Halt, HistoryRecord, LockRecord, RolloutRecord};
use crate::rollout::{self, Census, Decision, Trial, View};
use crate::state::GroupState;
use crate::status::RolloutAction;

/// What one look at a group found. Its JSON is that of `rollout status`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Look {
    /// The version of this shape.
    pub format_version: u32,
    /// Which group.
    pub group: GroupId,
    /// What is under way.
    pub rollout: Option<UnderWay>,
    /// How the last one ended, when nothing is.
    pub last: Option<Last>,
}

/// What is under way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnderWay {
    /// What it does.
    pub action: RolloutAction,
    /// The revision that it leads to; `None` for a removal.
    pub revision: Option<Revision>,
    /// The image of that revision.
    pub image: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// Who began it; empty where nobody said so.
    pub by: String,
    /// Who carries it out.
    pub holder: Option<LockRecord>,
    /// Why nobody is to carry it out for now.
    pub halted: Option<Halt>,
    /// Why it takes the group back to what it was, when it does.
    pub rolled_back: Option<String>,
    /// What is being waited for, in words.
    pub waiting: String,
    /// How many containers the group is to have.
    pub instances: u32,
    /// How many there are.
    pub containers: Census,
    /// How its canaries are, where it has some.
    pub canary: Option<Trial>,
}

/// How a rollout ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Last {
    /// The revision that it led to.
    pub revision: Revision,
    /// What became of it.
    pub outcome: Ended,
    /// Why, where it did not simply succeed.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Engine {
    /// Looks at what is under way in a group, or how the last rollout ended; `None` where nobody
    /// knows the group.
    pub async fn look(&self, group: &GroupId) -> Result<Option<Look>, EngineError> {
        let groups = std::slice::from_ref(group);
        let scope = Scope::Groups(groups.to_vec());
        // The record is looked at last: whoever holds it may be done meanwhile, and not the other way.
        let holder = self.holders(groups).await?.remove(group);
        let mut observed = self.observe(&scope).await?;
        let state = observed.groups.remove(group).unwrap_or_default();
        let rollout = state
            .rollout
            .as_ref()
            .map(|stored| UnderWay::new(&stored.record, &state, holder, (self.clock)()));
        let last = match rollout {
            Some(_) => None,
            None => last(&self.history(group).await?),
        };
        if rollout.is_none() && last.is_none() && state.is_absent() {
            return Ok(None);
        }
        Ok(Some(Look {
            format_version: 1,
            group: group.clone(),
            rollout,
            last,
        }))
    }
}

fn last(history: &[HistoryRecord]) -> Option<Last> {
    let ended = history.iter().filter_map(|past| {
        let ending = past.ending.as_ref()?;
        Some(Last {
            revision: past.revision,
            outcome: ending.outcome,
            reason: ending.reason.clone(),
            at: ending.at,
        })
    });
    ended.max_by_key(|last| (last.at, last.outcome == Ended::Restored))
}

impl UnderWay {
    /// What is under way by this record, in a group that is in this state.
    pub fn new(
        record: &RolloutRecord,
        state: &GroupState,
        holder: Option<LockRecord>,
        now: Timestamp,
    ) -> Self {
        let slots = state.slot_hosts();
        let view = View::beside(record, state, &slots, now);
        let (action, revision, spec) = match &record.goal {
            Goal::Present { revision, spec } => {
                (RolloutAction::Deploy, Some(*revision), Some(spec))
            }
            Goal::Absent => (RolloutAction::Remove, None, None),
        };
        Self {
            action,
            revision,
            image: spec.map(|spec| spec.image.clone()),
            started_at: record.started_at,
            by: record.by.clone(),
            holder,
            halted: record.halted.clone(),
            rolled_back: record.rolled_back.clone(),
            waiting: match rollout::decide(&record.group, &record.goal, &view) {
                Decision::Continue { waiting, .. } => waiting,
                Decision::Reached => "its end to be written down".to_owned(),
                Decision::Failed { reason } => reason,
            },
            instances: spec.map_or(0, |spec| spec.instances),
            containers: Census::of(&record.goal, &state.apps, &slots, now),
            canary: rollout::trial(&record.goal, &view),
        }
    }
}
