//! One app after the other.

use super::*;

#[test]
fn one_at_a_time_by_default() {
    let mut apps = vec![whole(OLD, 4, &[Is::Ready; 4])];
    let created = changes(spec(4, 1, 0), &apps);
    assert!(
        matches!(&created[..], [Change::Create(app)] if app.instances == 1),
        "{created:?}"
    );
    apps.push(whole(NEW, 1, &[]));
    let (changes, waiting) = going_on(decided(spec(4, 1, 0), &apps, &Slots::new()));
    assert_eq!(
        (changes, waiting.as_str()),
        (Vec::new(), "4 of 4 new containers to be ready")
    );
}

#[test]
fn the_sick_go_before_the_oldest() {
    let apps = [
        whole(OLD, 3, &[Is::Ready, Is::Sick, Is::Ready]),
        whole(NEW, 2, &[Is::Ready, Is::Starting]),
    ];
    assert_eq!(changes(spec(3, 2, 0), &apps), [shrink(&apps[0], &[1])]);
}

#[test]
fn an_app_that_is_held_is_left_alone() {
    let apps = [
        held(whole(OLD, 3, &[Is::Ready; 3])),
        whole(NEW, 3, &[Is::Ready; 3]),
    ];
    let (changes, waiting) = going_on(decided(spec(3, 1, 0), &apps, &Slots::new()));
    assert_eq!(
        (changes, waiting.as_str()),
        (Vec::new(), "3 old containers to stop")
    );
}

/// As a revision is whose containers never come up, when the former one is to come back.
#[test]
fn an_unwanted_app_that_is_stuck_is_freed_and_then_taken_down() {
    let mut apps = [whole(NEW, 1, &[Is::Ready]), held(whole(3, 1, &[]))];
    assert_eq!(changes(spec(1, 1, 0), &apps), [release(&apps[1])]);
    apps[1].operations.clear();
    assert_eq!(changes(spec(1, 1, 0), &apps), [delete(&apps[1])]);
}

/// As when a person has scaled it beyond the room that there is.
#[test]
fn a_wanted_app_that_waits_for_more_than_is_wanted_is_freed_and_then_trimmed() {
    let mut apps = [held(whole(NEW, 5, &[Is::Ready; 2]))];
    assert_eq!(changes(spec(2, 1, 0), &apps), [release(&apps[0])]);
    apps[0].operations.clear();
    assert_eq!(changes(spec(2, 1, 0), &apps), [scale(&apps[0], 2)]);
}

#[test]
fn a_wanted_app_that_is_held_for_what_is_wanted_is_left_alone() {
    for (what, app) in [
        ("it grows", whole(NEW, 2, &[Is::Ready])),
        ("it has what was asked", whole(NEW, 3, &[Is::Ready; 3])),
        ("it shrinks", whole(NEW, 2, &[Is::Ready; 3])),
    ] {
        assert_eq!(changes(spec(2, 1, 0), &[held(app)]), [], "{what}");
    }
}

#[test]
fn fewer_are_made_of_those_that_do_not_work() {
    let apps = [whole(NEW, 3, &[Is::Ready, Is::Sick, Is::Ready])];
    assert_eq!(changes(spec(2, 1, 0), &apps), [shrink(&apps[0], &[1])]);
    let apps = [whole(NEW, 3, &[Is::Ready; 3])];
    assert_eq!(changes(spec(2, 1, 0), &apps), [scale(&apps[0], 2)]);
}

#[test]
fn a_container_counts_only_after_its_time() {
    let mut spec = spec(1, 1, 0);
    spec.update.min_healthy_time = std::time::Duration::from_secs(30);
    let (apps, slots) = ([whole(NEW, 1, &[Is::Ready])], Slots::new());
    let goal = goal(spec);
    let mut view = view(&apps, &slots);
    let decision = decide(&group(), &goal, &view);
    assert!(
        matches!(&decision, Decision::Continue { changes, until, .. }
            if changes.is_empty() && *until == Some(seconds(30))),
        "{decision:?}"
    );
    later(&mut view, 30);
    assert_eq!(decide(&group(), &goal, &view), Decision::Reached);
}
