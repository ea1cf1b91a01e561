//! The engine replaces the containers of one stable app.

use super::*;

fn stable(revision: Revision, containers: &[Is]) -> App {
    app(revision, Part::Stable, 2, containers)
}

#[test]
fn it_is_told_once_and_then_only_watched() {
    let spec = native(spec(2, 1, 0));
    let told = changes(spec.clone(), &[stable(OLD, &[Is::Ready; 2])]);
    assert!(
        matches!(&told[..], [Change::Update(new)] if (new.revision, new.instances) == (NEW, 2)),
        "{told:?}"
    );
    let mut under_way = held(stable(NEW, &[Is::Ready, Is::Ready, Is::Staging]));
    under_way.containers[0].outdated = true;
    assert_eq!(changes(spec, &[under_way]), []);
}

#[test]
fn a_way_that_nobody_wants_any_more_is_given_up_or_turned_back() {
    let spec = native(spec(2, 1, 0));
    let apps = [held(stable(OLD, &[Is::Ready, Is::Staging]))];
    let (app, operations) = (apps[0].id.clone(), apps[0].operations.clone());
    let release = Change::Release {
        app: app.clone(),
        operations: operations.clone(),
    };
    assert_eq!(changes(spec.clone(), &apps), [release]);
    let slots = Slots::new();
    let mut view = view(&apps, &slots);
    view.turning_back = true;
    let (back, _) = going_on(decide(&group(), &goal(spec), &view));
    assert_eq!(back, [Change::Revert { app, operations }]);
}

#[test]
fn a_change_of_strategy_alone_restarts_nothing() {
    let apps = [whole(NEW, 2, &[Is::Ready; 2])];
    let decision = decided(native(spec(2, 1, 0)), &apps, &Slots::new());
    assert_eq!(decision, Decision::Reached);
    assert_eq!(changes(native(spec(3, 1, 0)), &apps), [scale(&apps[0], 3)]);
}
