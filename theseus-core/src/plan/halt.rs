//! Rollouts that stand still, and who may go on with them; and groups of which too little is known.

use super::{Obstacle, ObstacleKind};
use crate::model::Spec;
use crate::records::{Goal, HaltKind};
use crate::state::GroupState;

/// What keeps a group from being deployed as this spec, if somebody or something has stopped it.
pub(super) fn obstacle(spec: &Spec, state: &GroupState) -> Option<Obstacle> {
    let rollout = &state.rollout.as_ref()?.record;
    let is_same = matches!(&rollout.goal, Goal::Present { spec: target, .. } if target.containers_equal(spec));
    match rollout.halted.as_ref()?.kind {
        HaltKind::Paused => paused(state),
        // What is tried now is something else.
        HaltKind::Failed if is_same => told(state),
        HaltKind::Failed | HaltKind::Kept => None,
    }
}

/// That a person has paused the group, if so.
pub(super) fn paused(state: &GroupState) -> Option<Obstacle> {
    let halt = state.rollout.as_ref()?.record.halted.as_ref()?;
    (halt.kind == HaltKind::Paused).then(|| told(state))?
}

/// That what runs of the group is not known, if so.
pub(super) fn unread(state: &GroupState) -> Option<Obstacle> {
    let (app, reason) = state.unread()?;
    Some(Obstacle {
        kind: ObstacleKind::Unread,
        message: format!("what is told of {app} is not understood: {reason}"),
    })
}

fn told(state: &GroupState) -> Option<Obstacle> {
    let rollout = &state.rollout.as_ref()?.record;
    let halt = rollout.halted.as_ref()?;
    let group = &rollout.group;
    let by = if halt.by.is_empty() {
        String::new()
    } else {
        format!(" by {}", halt.by)
    };
    Some(Obstacle {
        kind: ObstacleKind::Paused,
        message: format!(
            "its rollout is paused{by} since {:.0}: {}; `theseus rollout resume {group}` goes on, \
             `theseus rollout abort {group}` takes it back",
            halt.at, halt.reason
        ),
    })
}
