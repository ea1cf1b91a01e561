//! What holds for every decision, whatever it was made of. The numbers here are counted in another
//! way than the decision counts them.

use std::collections::BTreeSet;

use super::super::{Bounds, Decision, View, decide};
use super::*;

/// How many containers do their work for sure and how many there may be, with every change taken
/// and all that is under way at its worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Worst {
    serving: u32,
    created: u32,
}

fn worst(apps: &[App], changes: &[Change]) -> Worst {
    let mut worst = Worst {
        serving: 0,
        created: 0,
    };
    for app in apps {
        let change = changes.iter().find(|c| c.app() == Some(&app.id));
        let stopped: &[ContainerId] = match change {
            Some(Change::Shrink { containers, .. }) => containers,
            _ => &[],
        };
        let instances = match change {
            Some(Change::Scale { instances, .. }) => *instances,
            Some(Change::Shrink { containers, .. }) => app
                .instances
                .checked_sub(u32::try_from(containers.len()).unwrap())
                .expect("no more is stopped than runs"),
            Some(Change::Delete { .. }) => 0,
            _ => app.instances,
        };
        let (mut live, mut staying, mut ready) = (0, 0, 0);
        for container in &app.containers {
            let stays =
                container.state != ContainerState::Stopping && !stopped.contains(&container.id);
            live += 1;
            staying += u32::from(stays);
            ready += u32::from(stays && container.health == HealthState::Healthy);
        }
        let is_lost = match change {
            Some(Change::Delete { .. } | Change::Pin { .. }) => true,
            _ => !app.operations.is_empty() && app.containers.iter().any(|c| c.outdated),
        };
        if !is_lost {
            worst.serving += ready - ready.min(staying.saturating_sub(instances));
        }
        worst.created += instances.max(live);
    }
    let new = changes.iter().map(|change| match change {
        Change::Create(new) => new.instances,
        _ => 0,
    });
    worst.created += new.sum::<u32>();
    worst
}

/// Checks a decision, and gives it back.
#[track_caller]
pub(super) fn lawful(goal: &Goal, view: &View<'_>) -> Decision {
    let decision = decide(&group(), goal, view);
    assert_eq!(
        decision,
        decide(&group(), goal, view),
        "it is not determined"
    );
    let Goal::Present { spec, revision } = goal else {
        return decision;
    };
    match &decision {
        Decision::Reached => assert!(is_there(*revision, spec, view), "not reached: {view:#?}"),
        Decision::Failed { .. } => {}
        Decision::Continue { changes, .. } => {
            keeps_apart(changes, view);
            leaves_held_ones_alone(changes, view);
            stays_within(Bounds::of(spec), *revision, changes, view);
        }
    }
    decision
}

/// Whether exactly what is wanted is there.
fn is_there(revision: Revision, spec: &Spec, view: &View<'_>) -> bool {
    let containers = || view.apps.iter().flat_map(|app| &app.containers);
    let is_slot = spec.fixed_host().is_some();
    !view.stopping
        && containers().count() == spec.instances as usize
        && containers().all(|c| c.health == HealthState::Healthy && !c.outdated)
        && containers().all(|c| c.state == ContainerState::Running)
        && view.apps.iter().all(|app| app.revision == revision)
        && view.apps.iter().map(|app| app.instances).sum::<u32>() == spec.instances
        && view.apps.len() == if is_slot { spec.instances as usize } else { 1 }
        && view.apps.iter().all(|app| match app.part {
            Part::Whole => true,
            Part::Stable => app.operations.is_empty(),
            Part::Slot(slot) => {
                slot < spec.instances
                    && app.pinned_to.is_some()
                    && view
                        .slots
                        .get(&slot)
                        .is_none_or(|h| Some(h) == app.pinned_to.as_ref())
            }
        })
}

/// No two changes are of one app, and what they name is there.
fn keeps_apart(changes: &[Change], view: &View<'_>) {
    let mut ids = BTreeSet::new();
    for change in changes {
        let id = match change {
            Change::Create(new) => {
                let id = app_id(new.revision, new.part);
                assert!(view.apps.iter().all(|app| app.id != id), "{id} is there");
                id
            }
            Change::Update(new) => app_id(new.revision, new.part),
            change => change.app().unwrap().clone(),
        };
        let app = view.apps.iter().find(|app| app.id == id);
        assert!(
            app.is_some() || matches!(change, Change::Create(_)),
            "{id} is not there"
        );
        if let (Some(app), Change::Shrink { containers, .. }) = (app, change) {
            assert!(!containers.is_empty(), "nothing of {id}");
            let staying = |id: &ContainerId| {
                app.containers
                    .iter()
                    .any(|c| c.id == *id && c.state != ContainerState::Stopping)
            };
            assert!(containers.iter().all(staying), "{change:?}");
        }
        assert!(ids.insert(id), "two changes of one app: {changes:?}");
    }
}

fn leaves_held_ones_alone(changes: &[Change], view: &View<'_>) {
    for app in view.apps.iter().filter(|app| !app.operations.is_empty()) {
        let updates = changes.iter().any(|c| matches!(c, Change::Update(_)));
        assert!(app.part != Part::Stable || !updates, "{} is held", app.id);
        let own = changes.iter().find(|c| c.app() == Some(&app.id));
        assert!(
            own.is_none_or(|c| matches!(c, Change::Release { .. } | Change::Revert { .. })),
            "{own:?} while it is held"
        );
    }
}

fn stays_within(bounds: Bounds, revision: Revision, changes: &[Change], view: &View<'_>) {
    // From here on it is the engine that sees to the bounds.
    if changes
        .iter()
        .any(|c| matches!(c, Change::Update(_) | Change::Revert { .. }))
    {
        assert_eq!(changes.len(), 1, "{changes:?}");
        return;
    }
    let (before, after) = (worst(view.apps, &[]), worst(view.apps, changes));
    // What must go before its successor can come is lent, where nothing may be missing.
    let moves = changes.iter().any(|change| {
        let app = view.apps.iter().find(|app| change.app() == Some(&app.id));
        matches!(change, Change::Pin { .. })
            || app.is_some_and(|app| app.revision == revision && matches!(app.part, Part::Slot(_)))
    });
    let floor = if moves {
        bounds.floor.min(bounds.instances.saturating_sub(1))
    } else {
        bounds.floor
    };
    assert!(
        after.serving >= before.serving.min(floor),
        "{before:?} became {after:?} within {bounds:?}: {changes:?}\n{view:#?}"
    );
    assert!(
        after.created <= before.created.max(bounds.ceiling),
        "{before:?} became {after:?} within {bounds:?}: {changes:?}\n{view:#?}"
    );
}
