//! Which group comes before which.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, After, GroupPlan, Obstacle, ObstacleKind};
use crate::model::{CustomConstraint, GroupId, Spec};
use crate::records::Goal;
use crate::rollout::Bounds;
use crate::state::Observed;

/// Puts what depends on another group after it, and what is removed before what it depended on.
/// What depends on a group that is nowhere cannot be begun.
pub(super) fn arrange(plans: &mut [GroupPlan], observed: &Observed) {
    if plans.iter().all(GroupPlan::is_empty) {
        return;
    }
    let wanted: BTreeMap<GroupId, Option<u32>> = plans
        .iter()
        .map(|plan| (plan.group.clone(), serving(&plan.goal)))
        .collect();
    let removals = removals(plans, observed);
    for plan in plans.iter_mut() {
        if plan.is_empty() {
            continue;
        }
        match &plan.goal {
            Goal::Present { spec, .. } => {
                let needed = needs(&plan.group, spec, &wanted);
                for group in needed {
                    let known = match wanted.get(&group) {
                        Some(serving) => *serving,
                        None => deployed(&group, observed),
                    };
                    match known {
                        Some(serving) => plan.after.push(After { group, serving }),
                        None => {
                            plan.obstacle.get_or_insert_with(|| missing(&group));
                        }
                    }
                }
            }
            Goal::Absent => {
                let dependents = removals.get(&plan.group).into_iter().flatten();
                plan.after = dependents
                    .map(|group| After {
                        group: group.clone(),
                        serving: 0,
                    })
                    .collect();
            }
        }
    }
}

/// The groups that must be there before one of this spec: those that it depends on, and those whose
/// hosts decide on its own.
fn needs(
    group: &GroupId,
    spec: &Spec,
    planned: &BTreeMap<GroupId, Option<u32>>,
) -> BTreeSet<GroupId> {
    let mut needed: BTreeSet<GroupId> = spec.depends_on.iter().cloned().collect();
    for constraint in &spec.custom_constraints {
        match constraint {
            CustomConstraint::Near(other) => {
                needed.insert(other.clone());
            }
            // Of two that keep away from each other, the one whose name comes later gives way.
            CustomConstraint::AwayFrom(other) if planned.contains_key(other) && other < group => {
                needed.insert(other.clone());
            }
            _ => {}
        }
    }
    needed
}

/// How many containers of a goal must serve for others to rely on it; `None` when it is to go.
fn serving(goal: &Goal) -> Option<u32> {
    match goal {
        Goal::Present { spec, .. } => Some(relied_on(spec)),
        Goal::Absent => None,
    }
}

fn relied_on(spec: &Spec) -> u32 {
    let floor = Bounds::of(spec).floor;
    floor.max(1).min(spec.instances)
}

fn deployed(group: &GroupId, observed: &Observed) -> Option<u32> {
    let (_, spec) = observed.groups.get(group)?.target()?;
    Some(relied_on(spec))
}

fn missing(group: &GroupId) -> Obstacle {
    Obstacle {
        kind: ObstacleKind::Dependency,
        message: format!("it depends on {group}, which is neither deployed nor in the manifest"),
    }
}

/// The groups that go, by the groups that they depend on and that go too.
fn removals(plans: &[GroupPlan], observed: &Observed) -> BTreeMap<GroupId, Vec<GroupId>> {
    let mut dependents: BTreeMap<GroupId, Vec<GroupId>> = BTreeMap::new();
    let leaving = plans
        .iter()
        .filter(|plan| plan.goal == Goal::Absent && plan.action != Action::None);
    for plan in leaving {
        let state = observed.groups.get(&plan.group);
        let Some((_, spec)) = state.and_then(|state| state.target()) else {
            continue;
        };
        for needed in &spec.depends_on {
            let waiting = dependents.entry(needed.clone()).or_default();
            waiting.push(plan.group.clone());
        }
    }
    dependents
}
