//! Some are tried out before the others follow.

use std::time::Duration;

use super::*;
use crate::model::Promote;

fn tried(promote: Promote) -> Spec {
    let mut spec = spec(4, 1, 0);
    spec.update.canary = Some(Amount::Count(1));
    spec.update.bake = Duration::from_secs(300);
    spec.update.promote = promote;
    spec
}

fn apps() -> [App; 2] {
    [whole(OLD, 4, &[Is::Ready; 4]), whole(NEW, 1, &[Is::Ready])]
}

#[test]
fn the_others_follow_when_it_has_baked() {
    let (apps, slots) = (apps(), Slots::new());
    let goal = goal(tried(Promote::Auto));
    let mut view = view(&apps, &slots);
    let expected = Decision::Continue {
        changes: Vec::new(),
        waiting: "1 canary to bake for 5m".to_owned(),
        until: Some(seconds(300)),
    };
    assert_eq!(decide(&group(), &goal, &view), expected);
    later(&mut view, 300);
    let (changes, _) = going_on(decide(&group(), &goal, &view));
    assert_eq!(changes, [shrink(&apps[0], &[0])]);
}

#[test]
fn somebody_may_be_asked_and_no_deadline_runs_meanwhile() {
    let (apps, slots) = (apps(), Slots::new());
    let goal = goal(tried(Promote::Manual));
    let mut view = view(&apps, &slots);
    later(&mut view, 1_000_000);
    let expected = Decision::Continue {
        changes: Vec::new(),
        waiting: "somebody to promote 1 canary".to_owned(),
        until: None,
    };
    assert_eq!(decide(&group(), &goal, &view), expected);
    view.promoted = true;
    view.progress_at = view.now;
    let (changes, _) = going_on(decide(&group(), &goal, &view));
    assert_eq!(changes, [shrink(&apps[0], &[0])]);
}

#[test]
fn patience_begins_anew_when_it_has_baked() {
    let mut spec = tried(Promote::Auto);
    spec.update.bake = Duration::from_secs(3_600);
    let goal = goal(spec);
    let (apps, slots) = (apps(), Slots::new());
    let mut view = view(&apps, &slots);
    later(&mut view, 3_600);
    going_on(decide(&group(), &goal, &view));
    later(&mut view, 600);
    let decision = decide(&group(), &goal, &view);
    assert!(matches!(decision, Decision::Failed { .. }), "{decision:?}");
}

#[test]
fn more_new_ones_than_canaries_were_promoted_before() {
    let apps = [
        whole(OLD, 3, &[Is::Ready; 3]),
        whole(NEW, 2, &[Is::Ready, Is::Sick]),
    ];
    let (changes, waiting) = going_on(decided(tried(Promote::Manual), &apps, &Slots::new()));
    assert_eq!(
        (changes, waiting.as_str()),
        (Vec::new(), "3 of 4 new containers to be ready")
    );
}

#[test]
fn what_has_no_predecessor_is_not_tried() {
    let created = changes(tried(Promote::Manual), &[]);
    assert!(
        matches!(&created[..], [Change::Create(new)] if new.instances == 4),
        "{created:?}"
    );
}
