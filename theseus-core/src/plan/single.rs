//! What is done to one group without a manifest: going on, going back, starting anew.

use super::{Action, Course, GroupPlan, halt, spelled_out};
use crate::cluster::Revision;
use crate::model::GroupId;
use crate::records::{Ended, Goal, HistoryRecord};
use crate::state::GroupState;

/// Why there is no way back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RollbackError {
    /// The group never was anything else.
    #[error("{group} has no earlier revision to go back to")]
    NoHistory {
        /// Which group.
        group: GroupId,
    },
    /// The history does not have the revision that was asked for.
    #[error("{group} has no revision {revision} in its history; it has {known}")]
    Unknown {
        /// Which group.
        group: GroupId,
        /// The revision that was asked for.
        revision: Revision,
        /// Those that there are, in words.
        known: String,
    },
    /// The revision that was asked for runs already.
    #[error("{group} is at revision {revision} already")]
    Already {
        /// Which group.
        group: GroupId,
        /// Which revision.
        revision: Revision,
    },
}

/// Goes on with what is under way in a group, also where it stands still; `None` when nothing is.
pub fn resume(group: &GroupId, state: &GroupState) -> Option<GroupPlan> {
    let goal = state.rollout.as_ref()?.record.goal.clone();
    let (revision, reason) = match &goal {
        Goal::Present { revision, .. } => (
            *revision,
            format!("its rollout to revision {revision} is not done"),
        ),
        Goal::Absent => (0, "its removal is not done".to_owned()),
    };
    let course = Course::new(Action::Resume, revision, reason);
    Some(spelled_out(group, goal, course, state))
}

/// Brings a group back to an earlier revision: to the one asked for, or else to the last one
/// before today's that came to run.
pub fn rollback(
    group: &GroupId,
    state: &GroupState,
    history: &[HistoryRecord],
    to: Option<Revision>,
) -> Result<GroupPlan, RollbackError> {
    let settled = state.record.as_ref().map(|stored| stored.record.revision);
    let target = match to {
        Some(revision) => history
            .iter()
            .find(|past| past.revision == revision)
            .ok_or_else(|| RollbackError::Unknown {
                group: group.clone(),
                revision,
                known: known(history),
            })?,
        None => latest_before(state, history).ok_or_else(|| RollbackError::NoHistory {
            group: group.clone(),
        })?,
    };
    if settled == Some(target.revision) && state.rollout.is_none() {
        return Err(RollbackError::Already {
            group: group.clone(),
            revision: target.revision,
        });
    }
    let revision = target.revision;
    let goal = Goal::Present {
        revision,
        spec: target.spec.clone(),
    };
    let course = Course::new(
        Action::Roll,
        revision,
        format!("back to revision {revision}"),
    );
    Ok(spelled_out(group, goal, course, state))
}

/// The revision that was there before: what is deployed while something else is under way, or else
/// the latest earlier one that came to run.
fn latest_before<'h>(
    state: &GroupState,
    history: &'h [HistoryRecord],
) -> Option<&'h HistoryRecord> {
    let settled = state.record.as_ref()?.record.revision;
    if state.rollout.is_some() {
        return history.iter().find(|past| past.revision == settled);
    }
    let ran = |past: &&HistoryRecord| {
        past.revision < settled
            && past.ending.as_ref().is_some_and(|it| {
                matches!(
                    it.outcome,
                    Ended::Deployed | Ended::Adopted | Ended::Restored
                )
            })
    };
    history.iter().filter(ran).max_by_key(|past| past.revision)
}

fn known(history: &[HistoryRecord]) -> String {
    if history.is_empty() {
        return "none".to_owned();
    }
    let mut revisions: Vec<Revision> = history.iter().map(|past| past.revision).collect();
    revisions.sort_unstable();
    let words: Vec<String> = revisions.iter().map(ToString::to_string).collect();
    words.join(", ")
}

/// Replaces every container of a group by one of the same spec; `None` when nothing of it is
/// deployed.
pub fn restart(group: &GroupId, state: &GroupState) -> Option<GroupPlan> {
    let (_, spec) = state.target()?;
    let revision = state.next_revision();
    let goal = Goal::Present {
        revision,
        spec: spec.clone(),
    };
    let course = Course::new(Action::Roll, revision, "all of its containers are replaced");
    Some(GroupPlan {
        obstacle: halt::unread(state).or_else(|| halt::paused(state)),
        ..spelled_out(group, goal, course, state)
    })
}
