//! What will change, and why: a pure function of what is wanted and what is known.
//!
//! A [`Plan`] is a value. It can be printed, written down as JSON and compared; the engine carries
//! it out without deciding anything anew. Planning on the state that a plan leads to is empty, and
//! the same input gives the same plan, byte for byte.

mod diff;
mod halt;
mod json;
mod likeness;
mod order;
mod outlook;
mod single;
mod step;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cluster::{App, AppId, Revision};
use crate::manifest::Manifest;
use crate::model::{GroupId, Spec};
use crate::records::Goal;
use crate::state::{GroupState, Observed};
use crate::store;

pub use diff::{FieldChange, fields, shown};
pub use likeness::{Likeness, Moved};
pub use outlook::Outlook;
pub(crate) use outlook::{Placed, foresee, neighbours};
pub use single::{RollbackError, restart, resume, rollback};
pub use step::{Step, remaining};

/// What is wanted: the groups that are to be there, and those that are not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Desired {
    /// What each of these groups is to be.
    pub deploy: BTreeMap<GroupId, Arc<Spec>>,
    /// The groups that are to be gone.
    pub remove: BTreeSet<GroupId>,
}

impl Desired {
    /// Whether the group is wanted or unwanted.
    pub fn speaks_of(&self, group: &GroupId) -> bool {
        self.deploy.contains_key(group) || self.remove.contains(group)
    }
}

impl From<Manifest> for Desired {
    fn from(manifest: Manifest) -> Self {
        let (deploy, remove) = manifest.into_groups();
        Self {
            deploy: deploy.collect(),
            remove: remove.collect(),
        }
    }
}

/// What will change, in the order of the groups' names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// One for every group that is wanted or unwanted.
    pub groups: Vec<GroupPlan>,
    /// What was found that nobody wrote down.
    pub drift: Vec<Drift>,
    /// How many apps run that no group accounts for, where everything was looked at.
    pub foreign: usize,
}

/// What will change in one group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupPlan {
    /// Which group.
    pub group: GroupId,
    /// What is done to it.
    pub action: Action,
    /// Why that, in words.
    pub reason: String,
    /// The fields that differ from what is deployed.
    pub changes: Vec<FieldChange>,
    /// What will be done, in order.
    pub steps: Vec<Step>,
    /// What the manifest asks for that will not be done, in words.
    pub notices: Vec<String>,
    /// What keeps all this from being done; carrying the plan out leaves the group alone.
    pub obstacle: Option<Obstacle>,
    /// What must be so before it is begun.
    pub after: Vec<After>,
    /// What is to be expected, where somebody has looked ahead.
    pub outlook: Option<Outlook>,
    /// Where the group is to come.
    pub goal: Goal,
    /// Whether the goal is a revision that there was not before.
    pub is_new_revision: bool,
    /// Whether what is recorded of its slots is out of date: a host of theirs is gone, or is back.
    pub slots_changed: bool,
    /// The records that the plan was made from.
    pub base: Base,
}

/// Why nothing can be done to a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// What kind of obstacle it is.
    pub kind: ObstacleKind,
    /// What it is, and what to do about it, in words.
    pub message: String,
}

/// What stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObstacleKind {
    /// Somebody has paused it.
    Paused,
    /// It depends on a group that is not there.
    Dependency,
    /// No host, or too few of them, may take its containers.
    Placement,
    /// What the engine tells of an app of its is not understood.
    Unread,
}

/// Another group that comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// Which. Where the same plan changes it, that must be done.
    pub group: GroupId,
    /// How many of its containers must serve.
    pub serving: u32,
}

/// The store's revisions of the records that a plan was made from. A plan whose base has moved is
/// out of date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Base {
    /// Of the group's record, if it had one.
    pub record: Option<store::Revision>,
    /// Of its unfinished rollout, if it had one.
    pub rollout: Option<store::Revision>,
}

/// What is done to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is brought into being.
    Create,
    /// It gets more or fewer containers; those that stay are not touched.
    Scale,
    /// Its containers are replaced by those of another revision.
    Roll,
    /// What had begun goes on.
    Resume,
    /// It is taken away.
    Remove,
    /// Nothing is done to any container.
    None,
}

impl Action {
    /// Every action, in the order in which they are told.
    pub const ALL: [Self; 6] = [
        Self::Create,
        Self::Scale,
        Self::Roll,
        Self::Resume,
        Self::Remove,
        Self::None,
    ];

    /// As it is written in JSON and in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Scale => "scale",
            Self::Roll => "roll",
            Self::Resume => "resume",
            Self::Remove => "remove",
            Self::None => "none",
        }
    }
}

/// Something that runs and that no record accounts for. It is told, and left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// The group that it bears the name of.
    pub group: GroupId,
    /// The revision that it bears the number of.
    pub revision: Revision,
    /// The engine's name of it.
    pub app: AppId,
    /// How many containers it has.
    pub containers: usize,
}

impl From<&App> for Drift {
    fn from(app: &App) -> Self {
        Self {
            group: app.group.clone(),
            revision: app.revision,
            app: app.id.clone(),
            containers: app.containers.len(),
        }
    }
}

impl GroupPlan {
    /// Whether anything at all will be written, to the cluster or to the store.
    pub fn is_empty(&self) -> bool {
        let is_known = self
            .obstacle
            .as_ref()
            .is_none_or(|obstacle| obstacle.kind != ObstacleKind::Unread);
        is_known && self.action == Action::None && self.changes.is_empty() && !self.slots_changed
    }
}

impl Plan {
    /// Whether carrying it out changes nothing.
    pub fn is_empty(&self) -> bool {
        self.groups.iter().all(GroupPlan::is_empty)
    }

    /// How many groups get this action.
    pub fn count(&self, action: Action) -> usize {
        self.groups
            .iter()
            .filter(|plan| plan.action == action)
            .count()
    }
}

/// Plans what leads from what is known to what is wanted.
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let absent = GroupState::default();
    let state = |group| observed.groups.get(group).unwrap_or(&absent);
    let mut groups: Vec<GroupPlan> = desired
        .deploy
        .iter()
        .map(|(group, spec)| deploy(group, spec, state(group)))
        .chain(
            desired
                .remove
                .iter()
                .map(|group| remove(group, state(group))),
        )
        .collect();
    groups.sort_by(|a, b| a.group.cmp(&b.group));
    order::arrange(&mut groups, observed);
    // A group that is changed comes to one revision anyway; what is left alone is told.
    let changed: BTreeSet<&GroupId> = groups
        .iter()
        .filter(|plan| plan.action != Action::None)
        .map(|plan| &plan.group)
        .collect();
    let drift = observed
        .groups
        .iter()
        .filter(|(group, _)| !changed.contains(group))
        .flat_map(|(_, state)| state.unaccounted())
        .map(Drift::from)
        .collect();
    Plan {
        groups,
        drift,
        foreign: observed.foreign,
    }
}

/// Why nothing is done to a group of which too little is known.
const UNREAD: &str = "what runs of it is not known";

/// What is to be done, before it is spelled out in steps.
struct Course {
    action: Action,
    revision: Revision,
    reason: String,
}

impl Course {
    fn new(action: Action, revision: Revision, reason: impl Into<String>) -> Self {
        Self {
            action,
            revision,
            reason: reason.into(),
        }
    }
}

fn deploy(group: &GroupId, spec: &Arc<Spec>, state: &GroupState) -> GroupPlan {
    let course = course(spec, state);
    let goal = Goal::Present {
        revision: course.revision,
        spec: Arc::clone(spec),
    };
    let notices = match course.action {
        Action::Roll => left_behind(state).collect(),
        _ => Vec::new(),
    };
    GroupPlan {
        obstacle: halt::unread(state).or_else(|| halt::obstacle(spec, state)),
        notices,
        ..spelled_out(group, goal, course, state)
    }
}

/// What an app that was adopted has, and its successor will not have.
fn left_behind(state: &GroupState) -> impl Iterator<Item = String> {
    state.adopted().into_iter().flat_map(|adopted| {
        let unsaid = adopted.unsaid.iter();
        unsaid.map(|unsaid| format!("{} has {unsaid}, and what follows will not", adopted.app))
    })
}

/// A course with everything that follows from it.
fn spelled_out(group: &GroupId, goal: Goal, course: Course, state: &GroupState) -> GroupPlan {
    let (changes, steps) = match (&goal, course.action) {
        (Goal::Present { revision, spec }, action) => (
            state
                .target()
                .map(|(_, old)| diff::fields(old, spec))
                .unwrap_or_default(),
            if action == Action::None {
                Vec::new()
            } else {
                step::towards(*revision, spec, state)
            },
        ),
        (Goal::Absent, Action::None) => (Vec::new(), Vec::new()),
        (Goal::Absent, _) => (Vec::new(), step::removal(state)),
    };
    let is_new_revision = match &goal {
        Goal::Present { revision, .. } => *revision == state.next_revision(),
        Goal::Absent => false,
    };
    GroupPlan {
        group: group.clone(),
        action: course.action,
        reason: course.reason,
        changes,
        steps,
        notices: Vec::new(),
        obstacle: halt::unread(state),
        after: Vec::new(),
        outlook: None,
        is_new_revision,
        slots_changed: false,
        goal,
        base: base(state),
    }
}

/// The table of actions.
fn course(spec: &Spec, state: &GroupState) -> Course {
    if state.unread().is_some() {
        let revision = state.target().map_or(0, |(revision, _)| revision);
        return Course::new(Action::None, revision, UNREAD);
    }
    if let Some(rollout) = &state.rollout {
        match &rollout.record.goal {
            Goal::Present {
                revision,
                spec: target,
            } if target.same_as(spec) => {
                return Course::new(
                    Action::Resume,
                    *revision,
                    format!("its rollout to revision {revision} is not done"),
                );
            }
            Goal::Present {
                revision,
                spec: target,
            } if target.containers_equal(spec) => {
                return Course::new(
                    Action::Resume,
                    *revision,
                    format!(
                        "its rollout to revision {revision} is not done, and goes on with other numbers"
                    ),
                );
            }
            Goal::Present { revision, .. } => {
                return interrupted(
                    spec,
                    state,
                    &format!("its rollout to revision {revision} is given up"),
                );
            }
            Goal::Absent => return interrupted(spec, state, "its removal is given up"),
        }
    }
    let Some(stored) = &state.record else {
        let next = state.next_revision();
        return if state.apps.is_empty() {
            Course::new(Action::Create, next, "it is not there yet")
        } else {
            Course::new(
                Action::Roll,
                next,
                "its record is lost, so what runs is replaced",
            )
        };
    };
    settled(spec, state, stored.record.revision, &stored.record.spec)
}

/// The course for a group of which nothing is under way.
fn settled(spec: &Spec, state: &GroupState, revision: Revision, deployed: &Spec) -> Course {
    if !deployed.containers_equal(spec) {
        return Course::new(
            Action::Roll,
            state.next_revision(),
            "what it is has changed",
        );
    }
    let Some(instances) = state.instances(revision) else {
        return Course::new(Action::Create, revision, "its app is gone from the cluster");
    };
    if deployed.instances != spec.instances {
        return Course::new(
            Action::Scale,
            revision,
            format!(
                "from {} to {} containers",
                deployed.instances, spec.instances
            ),
        );
    }
    if instances != spec.instances {
        return Course::new(
            Action::Scale,
            revision,
            format!(
                "somebody has scaled it to {instances}, and {} are wanted",
                spec.instances
            ),
        );
    }
    if let Some(slot) = state.uneven_slot(revision, spec.instances) {
        return Course::new(
            Action::Scale,
            revision,
            format!("somebody has scaled slot {slot}"),
        );
    }
    let reason = if deployed.same_as(spec) {
        "it is as it should be"
    } else {
        "only what Theseus itself reads has changed"
    };
    Course::new(Action::None, revision, reason)
}

/// The course for a group of which something else was under way.
fn interrupted(spec: &Spec, state: &GroupState, given_up: &str) -> Course {
    if let Some(stored) = &state.record
        && stored.record.spec.containers_equal(spec)
    {
        let revision = stored.record.revision;
        return Course::new(
            Action::Roll,
            revision,
            format!("{given_up}, back to revision {revision}"),
        );
    }
    if state.record.is_none() && state.apps.is_empty() {
        return Course::new(Action::Create, state.next_revision(), given_up);
    }
    Course::new(Action::Roll, state.next_revision(), given_up)
}

fn remove(group: &GroupId, state: &GroupState) -> GroupPlan {
    let (action, reason) = if state.unread().is_some() {
        (Action::None, UNREAD)
    } else if state.is_absent() {
        (Action::None, "it is not there")
    } else if state
        .rollout
        .as_ref()
        .is_some_and(|stored| stored.record.goal == Goal::Absent)
    {
        (Action::Resume, "its removal is not done")
    } else {
        (Action::Remove, "the manifest removes it")
    };
    let course = Course::new(action, 0, reason);
    GroupPlan {
        obstacle: halt::unread(state).or_else(|| halt::paused(state)),
        ..spelled_out(group, Goal::Absent, course, state)
    }
}

fn base(state: &GroupState) -> Base {
    Base {
        record: state.record.as_ref().map(|stored| stored.modified),
        rollout: state.rollout.as_ref().map(|stored| stored.modified),
    }
}
