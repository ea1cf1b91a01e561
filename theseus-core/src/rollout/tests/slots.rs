//! A fixed-host group, slot by slot.

use super::*;

fn ready(revision: Revision, number: u32, host: &str) -> App {
    slot(revision, number, host, &[Is::Ready])
}

#[test]
fn a_new_one_starts_beside_the_old_one_which_then_goes() {
    let slots = hosts(&["a", "b"]);
    let spec = fixed(spec(2, 1, 0));
    let mut apps = vec![ready(OLD, 0, "a"), ready(OLD, 1, "b")];
    let (created, _) = going_on(decided(spec.clone(), &apps, &slots));
    assert!(
        matches!(&created[..], [Change::Create(new)]
            if new.part == Part::Slot(0) && new.pinned_to.as_deref() == Some("a")),
        "{created:?}"
    );
    apps.push(ready(NEW, 0, "a"));
    let (stopped, _) = going_on(decided(spec.clone(), &apps, &slots));
    assert_eq!(stopped, [shrink(&apps[0], &[0])]);
    apps[0] = slot(OLD, 0, "a", &[]);
    apps[0].instances = 0;
    let (next, _) = going_on(decided(spec, &apps, &slots));
    assert!(
        matches!(&next[..], [Change::Create(_), Change::Delete { .. }]),
        "{next:?}"
    );
}

#[test]
fn what_clashes_stops_first() {
    let slots = hosts(&["a", "b"]);
    let mut spec = fixed(spec(2, 1, 0));
    spec.volumes.push("/data:/data".parse().unwrap());
    let mut apps = vec![ready(OLD, 0, "a"), ready(OLD, 1, "b")];
    let (stopped, _) = going_on(decided(spec.clone(), &apps, &slots));
    assert_eq!(stopped, [shrink(&apps[0], &[0])]);
    apps[0] = slot(OLD, 0, "a", &[]);
    apps[0].instances = 0;
    let (created, _) = going_on(decided(spec, &apps, &slots));
    assert!(
        matches!(&created[..], [Change::Create(new)] if new.part == Part::Slot(0)),
        "{created:?}"
    );
}

#[test]
fn one_that_started_free_is_pinned_where_it_has_landed() {
    let slots = hosts(&["a"]);
    let mut app = slot(NEW, 0, "a", &[Is::Starting]);
    app.pinned_to = None;
    let pin = Change::Pin {
        app: app.id.clone(),
        host: "a".into(),
    };
    let (changes, _) = going_on(decided(fixed(spec(1, 1, 0)), &[app], &slots));
    assert_eq!(changes, [pin]);
}

#[test]
fn one_that_has_moved_goes_before_its_successor_of_the_same_name_comes() {
    let slots = hosts(&["a", "c"]);
    let spec = fixed(spec(2, 1, 0));
    let mut apps = [ready(NEW, 0, "a"), slot(NEW, 1, "b", &[Is::Unreachable])];
    let (stopped, _) = going_on(decided(spec.clone(), &apps, &slots));
    assert_eq!(stopped, [shrink(&apps[1], &[0])]);
    apps[1].instances = 0;
    let (deleted, _) = going_on(decided(spec.clone(), &apps, &slots));
    assert_eq!(deleted, [delete(&apps[1])]);
    let (created, _) = going_on(decided(spec, &apps[..1], &slots));
    assert!(
        matches!(&created[..], [Change::Create(new)] if new.pinned_to.as_deref() == Some("c")),
        "{created:?}"
    );
}

#[test]
fn fewer_slots_take_the_highest() {
    let slots = hosts(&["a", "b"]);
    let apps = [ready(NEW, 0, "a"), ready(NEW, 1, "b")];
    let (changes, _) = going_on(decided(fixed(spec(1, 1, 0)), &apps, &slots));
    assert_eq!(changes, [shrink(&apps[1], &[0])]);
}

/// As when a person has scaled a slot, for whose second container its host has no room.
#[test]
fn a_slot_that_waits_for_a_second_container_is_freed_and_then_trimmed() {
    let slots = hosts(&["a", "b"]);
    let mut apps = [ready(NEW, 0, "a"), held(ready(NEW, 1, "b"))];
    apps[1].instances = 2;
    let spec = fixed(spec(2, 1, 0));
    let (freed, _) = going_on(decided(spec.clone(), &apps, &slots));
    assert_eq!(freed, [release(&apps[1])]);
    apps[1].operations.clear();
    let (trimmed, _) = going_on(decided(spec, &apps, &slots));
    assert_eq!(trimmed, [scale(&apps[1], 1)]);
}

/// As when the host of both was lost for a while: once it is back, the engine starts the old one
/// again, for whose port the new one would wait forever.
#[test]
fn no_slot_starts_where_an_old_one_of_another_slot_is_about_to_come_up() {
    let slots = hosts(&["c", "b"]);
    let spec = stop_first(fixed(spec(2, 0, 1)));
    let mut apps = vec![slot(OLD, 2, "c", &[])];
    let (created, _) = going_on(decided(spec.clone(), &apps, &slots));
    assert!(
        matches!(&created[..], [Change::Create(new)] if new.part == Part::Slot(1)),
        "{created:?}"
    );
    apps.push(ready(NEW, 1, "b"));
    let (stopped, _) = going_on(decided(spec, &apps, &slots));
    assert_eq!(stopped, [scale(&apps[0], 0)]);
}
