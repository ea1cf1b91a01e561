//! The table of actions, and what a plan says.

use std::sync::Arc;

use insta::assert_json_snapshot;
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::cluster::{App, AppId, Part};
use crate::model::{CustomConstraint, EnvValue, Port};
use crate::records::{GroupRecord, RolloutRecord, Stored};
use crate::store;

fn group() -> GroupId {
    "ingestor:dev".parse().unwrap()
}

fn spec(image: &str, instances: u32) -> Arc<Spec> {
    let mut spec = Spec {
        instances,
        ..Spec::new(image)
    };
    spec.ports.insert("api".to_owned(), Port::tcp(5000));
    spec.environment.0.insert(
        "DB_PASSWORD".to_owned(),
        EnvValue::Plain("hunter2".to_owned()),
    );
    Arc::new(spec)
}

fn stored<T>(record: T) -> Stored<T> {
    Stored {
        record,
        modified: store::Revision(7),
    }
}

fn record(revision: Revision, spec: &Arc<Spec>) -> Stored<GroupRecord> {
    stored(GroupRecord {
        group: group(),
        revision,
        spec: Arc::clone(spec),
        deployed_at: Timestamp::UNIX_EPOCH,
        adopted: None,
    })
}

fn rollout(goal: Goal) -> Stored<RolloutRecord> {
    stored(RolloutRecord {
        group: group(),
        goal,
        rolled_back: None,
        started_at: Timestamp::UNIX_EPOCH,
        by: String::new(),
        lock: None,
        halted: None,
        promoted: false,
    })
}

fn present(revision: Revision, spec: &Arc<Spec>) -> Goal {
    Goal::Present {
        revision,
        spec: Arc::clone(spec),
    }
}

fn app(revision: Revision, instances: u32) -> App {
    App {
        id: AppId(format!("r{revision}")),
        group: group(),
        revision,
        instances,
        part: Part::Whole,
        pinned_to: None,
        checked: false,
        operations: Vec::new(),
        containers: Vec::new(),
        last_failure: None,
        unread: None,
    }
}

fn observed(state: GroupState) -> Observed {
    Observed {
        groups: [(group(), state)].into(),
        ..Observed::default()
    }
}

fn deploying(spec: &Arc<Spec>) -> Desired {
    Desired {
        deploy: [(group(), Arc::clone(spec))].into(),
        ..Desired::default()
    }
}

fn removing() -> Desired {
    Desired {
        remove: [group()].into(),
        ..Desired::default()
    }
}

/// What the plan does to the one group: action and revision.
fn planned(desired: &Desired, state: GroupState) -> (Action, Option<Revision>) {
    let plan = plan(desired, &observed(state));
    let [group] = &plan.groups[..] else {
        panic!("one group is wanted: {plan:?}")
    };
    let revision = match group.goal {
        Goal::Present { revision, .. } => Some(revision),
        Goal::Absent => None,
    };
    (group.action, revision)
}

#[test]
fn a_group_of_which_an_app_cannot_be_read_is_left_alone() {
    let (a, b) = (spec("a:1", 4), spec("a:2", 4));
    let state = || GroupState {
        record: Some(record(3, &a)),
        apps: vec![App {
            unread: Some("invalid type".to_owned()),
            ..app(3, 0)
        }],
        ..GroupState::default()
    };
    for desired in [deploying(&a), deploying(&b), removing()] {
        let plan = plan(&desired, &observed(state()));
        let [group] = &plan.groups[..] else {
            panic!("one group is wanted: {plan:?}")
        };
        assert_eq!((group.action, group.steps.len()), (Action::None, 0));
        let obstacle = group.obstacle.as_ref().unwrap();
        assert_eq!(obstacle.kind, ObstacleKind::Unread);
        assert!(obstacle.message.contains("r3"), "{}", obstacle.message);
        assert!(!plan.is_empty(), "it is no success");
        assert_eq!(plan.summary(), "Plan: 1 not possible.");
    }
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table has as many rows as there are cases"
)]
fn the_table_of_actions() {
    let (a, b, more) = (spec("a:1", 4), spec("a:2", 4), spec("a:1", 6));
    let mut patient = Spec::clone(&a);
    patient.update.deadline *= 2;
    let patient = Arc::new(patient);
    let settled = || GroupState {
        record: Some(record(3, &a)),
        apps: vec![app(3, 4)],
        ..GroupState::default()
    };
    let rolling = |goal| GroupState {
        rollout: Some(rollout(goal)),
        apps: vec![app(3, 3), app(4, 1)],
        ..settled()
    };
    let rows = [
        (
            "absent",
            deploying(&a),
            GroupState::default(),
            (Action::Create, Some(1)),
        ),
        (
            "came and went before",
            deploying(&a),
            GroupState {
                last_revision: 9,
                ..GroupState::default()
            },
            (Action::Create, Some(10)),
        ),
        (
            "the same",
            deploying(&a),
            settled(),
            (Action::None, Some(3)),
        ),
        (
            "more instances",
            deploying(&more),
            settled(),
            (Action::Scale, Some(3)),
        ),
        (
            "read by Theseus only",
            deploying(&patient),
            settled(),
            (Action::None, Some(3)),
        ),
        (
            "another image",
            deploying(&b),
            settled(),
            (Action::Roll, Some(4)),
        ),
        (
            "another image after a rollback",
            deploying(&b),
            GroupState {
                last_revision: 5,
                ..settled()
            },
            (Action::Roll, Some(6)),
        ),
        (
            "the same rollout, not done",
            deploying(&b),
            rolling(present(4, &b)),
            (Action::Resume, Some(4)),
        ),
        (
            "another spec during a rollout",
            deploying(&spec("a:3", 4)),
            rolling(present(4, &b)),
            (Action::Roll, Some(5)),
        ),
        (
            "back during a rollout",
            deploying(&a),
            rolling(present(4, &b)),
            (Action::Roll, Some(3)),
        ),
        (
            "wanted again during a removal",
            deploying(&a),
            rolling(Goal::Absent),
            (Action::Roll, Some(3)),
        ),
        (
            "scaled by hand",
            deploying(&a),
            GroupState {
                apps: vec![app(3, 2)],
                ..settled()
            },
            (Action::Scale, Some(3)),
        ),
        (
            "its app is gone",
            deploying(&a),
            GroupState {
                apps: Vec::new(),
                ..settled()
            },
            (Action::Create, Some(3)),
        ),
        (
            "its record is lost",
            deploying(&a),
            GroupState {
                record: None,
                ..settled()
            },
            (Action::Roll, Some(4)),
        ),
        (
            "a first deploy that never began",
            deploying(&b),
            GroupState {
                rollout: Some(rollout(present(1, &a))),
                ..GroupState::default()
            },
            (Action::Create, Some(2)),
        ),
        ("remove", removing(), settled(), (Action::Remove, None)),
        (
            "remove, not done",
            removing(),
            rolling(Goal::Absent),
            (Action::Resume, None),
        ),
        (
            "remove what runs without a record",
            removing(),
            GroupState {
                record: None,
                ..settled()
            },
            (Action::Remove, None),
        ),
        (
            "remove what is not there",
            removing(),
            GroupState::default(),
            (Action::None, None),
        ),
    ];
    for (what, desired, state, expected) in rows {
        assert_eq!(planned(&desired, state), expected, "{what}");
    }
}

/// As many run as are wanted, but not where.
#[test]
fn a_slot_that_somebody_has_scaled_is_seen_whatever_the_sum() {
    let fixed = Spec {
        custom_constraints: vec![CustomConstraint::fixed_host()],
        ..Spec::clone(&spec("a:1", 2))
    };
    let fixed = Arc::new(fixed);
    let slots = |revision, instances: &[u32]| -> Vec<App> {
        (0..)
            .zip(instances)
            .map(|(slot, instances)| App {
                id: AppId(format!("r{revision}.s{slot}")),
                part: Part::Slot(slot),
                ..app(revision, *instances)
            })
            .collect()
    };
    for (what, apps, uneven) in [
        ("as they should be", slots(3, &[1, 1]), None),
        ("none and two", slots(3, &[0, 2]), Some(0)),
        ("two and none", slots(3, &[2, 0]), Some(0)),
        ("one beyond them", slots(3, &[1, 0, 1]), Some(1)),
        ("nothing beyond them", slots(3, &[1, 1, 0]), None),
        (
            "another revision's",
            [slots(2, &[0, 2]), slots(3, &[1, 1])].concat(),
            None,
        ),
    ] {
        let state = GroupState {
            record: Some(record(3, &fixed)),
            apps,
            ..GroupState::default()
        };
        assert_eq!(state.uneven_slot(3, 2), uneven, "{what}");
        let action = uneven.map_or(Action::None, |_| Action::Scale);
        let planned = planned(&deploying(&fixed), state);
        assert_eq!(planned, (action, Some(3)), "{what}");
    }
}

#[test]
fn the_same_input_gives_the_same_plan_byte_for_byte() {
    let (old, new) = (spec("a:1", 4), spec("a:2", 6));
    let state = GroupState {
        record: Some(record(3, &old)),
        apps: vec![app(3, 4)],
        ..GroupState::default()
    };
    let text = || serde_json::to_string(&plan(&deploying(&new), &observed(state.clone()))).unwrap();
    assert_eq!(text(), text());
}

#[test]
fn a_roll_as_programs_read_it() {
    let old = spec("a:1", 4);
    let mut new = Spec {
        instances: 5,
        ..Spec::clone(&spec("a:2", 5))
    };
    new.environment.0.insert(
        "DB_PASSWORD".to_owned(),
        EnvValue::Plain("hunter3".to_owned()),
    );
    new.ports.insert("ssh".to_owned(), Port::tcp(22));
    let state = GroupState {
        record: Some(record(3, &old)),
        apps: vec![app(3, 4)],
        ..GroupState::default()
    };
    let plan = plan(&deploying(&Arc::new(new)), &observed(state));
    assert_json_snapshot!(plan);
}

#[test]
fn what_nobody_wrote_down_is_told_and_left_alone() {
    let a = spec("a:1", 4);
    let other: GroupId = "other:dev".parse().unwrap();
    let stray = App {
        group: other.clone(),
        ..app(2, 1)
    };
    let observed = Observed {
        groups: [
            (
                group(),
                GroupState {
                    record: Some(record(3, &a)),
                    apps: vec![app(2, 4), app(3, 4)],
                    ..GroupState::default()
                },
            ),
            (
                other.clone(),
                GroupState {
                    apps: vec![stray],
                    ..GroupState::default()
                },
            ),
        ]
        .into(),
        ..Observed::default()
    };
    let plan = plan(&deploying(&a), &observed);
    assert!(plan.is_empty());
    let drift: Vec<_> = plan
        .drift
        .iter()
        .map(|drift| (&drift.group, drift.revision))
        .collect();
    assert_eq!(drift, [(&group(), 2), (&other, 2)]);
}

/// The state in which a group is once its plan is carried out.
fn reached(plan: &GroupPlan) -> GroupState {
    match &plan.goal {
        Goal::Present { revision, spec } => GroupState {
            record: Some(record(*revision, spec)),
            apps: vec![app(*revision, spec.instances)],
            last_revision: *revision,
            ..GroupState::default()
        },
        Goal::Absent => GroupState::default(),
    }
}

proptest! {
    #[test]
    fn planning_on_the_reached_state_is_empty(
        deployed in proptest::option::of((0u8..3, 0u32..5)),
        begun in proptest::option::of((0u8..3, 0u32..5)),
        running in proptest::collection::btree_map(1u32..4, 0u32..5, 0..3),
        wanted in proptest::option::of((0u8..3, 0u32..5)),
    ) {
        let made = |(image, instances): (u8, u32)| spec(&format!("a:{image}"), instances);
        let state = GroupState {
            record: deployed.map(|it| record(2, &made(it))),
            rollout: begun.map(|it| rollout(present(3, &made(it)))),
            apps: running.into_iter().map(|(revision, instances)| app(revision, instances)).collect(),
            last_revision: 3,
            ..GroupState::default()
        };
        let desired = wanted.map_or_else(removing, |it| deploying(&made(it)));
        let first = plan(&desired, &observed(state));
        let second = plan(&desired, &observed(reached(&first.groups[0])));
        prop_assert!(second.is_empty(), "{:?}, then {:?}", first, second);
    }
}
