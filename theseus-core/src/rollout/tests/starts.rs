//! Which containers count as failed, look by look.

use super::super::Starts;
use super::*;
use crate::cluster::Failure;

/// One look: the containers that are there, by name.
fn look(instances: u32, containers: &[(&str, Is)], failed_at: Option<i64>) -> Vec<App> {
    let mut app = whole(NEW, instances, &[]);
    app.containers = containers
        .iter()
        .map(|(id, is)| is.container(*id))
        .collect();
    app.last_failure = failed_at.map(|at| Failure {
        container: None,
        message: "exit 1".to_owned(),
        host: None,
        at: Some(seconds(at)),
    });
    vec![app]
}

fn failed(looks: &[Vec<App>]) -> u32 {
    let mut starts = Starts::new(NEW, seconds(10));
    for apps in looks {
        starts.look(apps);
    }
    starts.failed()
}

#[test]
fn each_crash_counts_once() {
    let up = |id| look(1, &[(id, Is::Ready)], None);
    for (what, looks, expected) in [
        ("one that stays", vec![up("a"), up("a")], 0),
        ("one that vanishes", vec![up("a"), up("b"), up("b")], 1),
        ("a loop", vec![up("a"), up("b"), up("c")], 2),
        (
            "one that vanishes and is told of",
            vec![
                up("a"),
                look(1, &[], None),
                look(1, &[], Some(11)),
                look(1, &[], Some(11)),
            ],
            1,
        ),
        (
            "ones that nobody has seen",
            vec![
                look(1, &[], None),
                look(1, &[], Some(11)),
                look(1, &[], Some(12)),
            ],
            2,
        ),
        ("a failure of former times", vec![look(1, &[], Some(9))], 0),
        (
            "one whose host is lost",
            vec![
                up("a"),
                look(1, &[("a", Is::Unreachable)], None),
                look(1, &[], Some(11)),
            ],
            0,
        ),
        ("an app that is taken away", vec![up("a"), Vec::new()], 0),
    ] {
        assert_eq!(failed(&looks), expected, "{what}");
    }
}

#[test]
fn one_that_is_over_is_counted_when_it_is_seen_so_first() {
    let mut over = look(1, &[("a", Is::Ready)], None);
    over[0].containers[0].state = ContainerState::Ended;
    assert_eq!(
        failed(&[over.clone(), over.clone()]),
        0,
        "it was over before"
    );
    let up = look(1, &[("a", Is::Ready)], None);
    assert_eq!(failed(&[up, over, look(1, &[], None)]), 1);
}

#[test]
fn what_was_told_to_stop_has_not_failed() {
    let two = look(2, &[("a", Is::Ready), ("b", Is::Ready)], None);
    for change in [shrink(&two[0], &[0]), scale(&two[0], 1), delete(&two[0])] {
        let mut starts = Starts::new(NEW, seconds(10));
        starts.look(&two);
        starts.told(&change);
        // The engine has not heard of it at first.
        starts.look(&two);
        let one = look(1, &[("b", Is::Ready)], None);
        starts.look(&one);
        assert_eq!(starts.failed(), 0, "{change:?}");
    }
    let mut starts = Starts::new(NEW, seconds(10));
    starts.look(&two);
    starts.told(&scale(&two[0], 1));
    starts.look(&look(1, &[("b", Is::Ready)], None));
    starts.look(&look(1, &[("c", Is::Ready)], None));
    assert_eq!(starts.failed(), 1, "the other one was to stay");
}
