//! What is foretold, and that it keeps to what the spec promises.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::cluster::{AppId, Container, ContainerId, OperationId, Part, Revision};
use crate::model::{Amount, CustomConstraint, Health, Order, Probe, Spec, Strategy};
use crate::rollout::{Bounds, Slots};

const NEW: Revision = 2;
const START: Duration = Duration::from_secs(10);
const STOP: Duration = Duration::from_secs(3);

fn group() -> GroupId {
    "ingestor:dev".parse().unwrap()
}

fn container(app: &str, number: u32) -> Container {
    Container {
        id: ContainerId(format!("{app}.{number}")),
        host: None,
        ports: Vec::new(),
        state: ContainerState::Running,
        health: HealthState::Unknown,
        staged_at: Some(Timestamp::UNIX_EPOCH),
        started_at: Some(Timestamp::UNIX_EPOCH),
        healthy_since: None,
        outdated: false,
    }
}

fn app(revision: Revision, part: Part, instances: u32) -> App {
    let id = format!("r{revision} {part:?}");
    App {
        group: group(),
        revision,
        part,
        pinned_to: None,
        instances,
        checked: false,
        operations: Vec::new(),
        containers: (0..instances).map(|n| container(&id, n)).collect(),
        last_failure: None,
        unread: None,
        id: AppId(id),
    }
}

/// Slots `0..`, each pinned to a host of its own.
fn slots(revision: Revision, instances: u32) -> Vec<App> {
    let slot = |n| {
        let host = Arc::from(format!("h{n}"));
        let mut app = app(revision, Part::Slot(n), 1);
        app.containers[0].host = Some(Arc::clone(&host));
        app.pinned_to = Some(host);
        app
    };
    (0..instances).map(slot).collect()
}

fn spec(instances: u32) -> Spec {
    Spec {
        instances,
        ..Spec::new("a:2")
    }
}

fn fixed(spec: Spec) -> Spec {
    Spec {
        custom_constraints: vec![CustomConstraint::fixed_host()],
        ..spec
    }
}

fn native(mut spec: Spec) -> Spec {
    spec.update.strategy = Strategy::Native;
    spec
}

fn foretell(goal: &Goal, apps: &[App], hosts: &Slots, turning_back: bool) -> Forecast {
    let now = Timestamp::from_second(100_000).unwrap();
    forecast(&Premise {
        group: &group(),
        goal,
        view: View {
            apps,
            stopping: false,
            progress_at: now,
            now,
            failed_starts: 0,
            promoted: false,
            turning_back,
            slots: hosts,
        },
        start_time: START,
        stop_time: STOP,
    })
}

fn roll(spec: Spec, apps: &[App]) -> Forecast {
    let pinned = |app: &App| match (app.part, &app.pinned_to) {
        (Part::Slot(slot), Some(host)) => Some((slot, Arc::clone(host))),
        _ => None,
    };
    let hosts = apps.iter().filter_map(pinned).collect();
    let goal = Goal::Present {
        revision: NEW,
        spec: Arc::new(spec),
    };
    foretell(&goal, apps, &hosts, false)
}

/// `end, turns, fewest-most, seconds`
fn told(forecast: &Forecast) -> String {
    format!(
        "{:?}, {} turns, {}-{}, {}s",
        forecast.end,
        forecast.turns,
        forecast.fewest_serving,
        forecast.most_created,
        forecast.takes.as_secs()
    )
}

#[test]
fn every_kind_of_rollout_is_foretold() {
    let whole = |instances| vec![app(1, Part::Whole, instances)];
    let stable = |instances| vec![app(1, Part::Stable, instances)];
    let surge = |spec: Spec, surge, unavailable| {
        let mut spec = spec;
        spec.update.max_surge = Amount::Count(surge);
        spec.update.max_unavailable = Amount::Count(unavailable);
        spec
    };
    let stop_first = |mut spec: Spec| {
        spec.update.order = Order::StopFirst;
        spec
    };
    for (what, spec, apps, expected) in [
        ("create", spec(4), vec![], "Reached, 1 turns, 0-4, 10s"),
        (
            "scale",
            spec(4),
            vec![app(NEW, Part::Whole, 1)],
            "Reached, 1 turns, 1-4, 10s",
        ),
        ("rolling", spec(2), whole(2), "Reached, 4 turns, 2-3, 26s"),
        (
            "in halves",
            surge(spec(4), 2, 0),
            whole(4),
            "Reached, 4 turns, 4-6, 26s",
        ),
        (
            "stop first",
            stop_first(spec(2)),
            whole(2),
            "Reached, 5 turns, 1-2, 26s",
        ),
        (
            "slots",
            fixed(spec(2)),
            slots(1, 2),
            "Reached, 5 turns, 2-3, 26s",
        ),
        (
            "stop first",
            fixed(stop_first(spec(2))),
            slots(1, 2),
            "Reached, 5 turns, 1-2, 26s",
        ),
        // Each starts anywhere, and once more on the host where it has landed, one by one.
        (
            "free slots",
            fixed(spec(2)),
            vec![],
            "Reached, 3 turns, 0-2, 36s",
        ),
        (
            "native",
            native(surge(spec(4), 2, 0)),
            stable(4),
            "Reached, 1 turns, 4-6, 26s",
        ),
        (
            "to native",
            native(spec(1)),
            whole(1),
            "Reached, 2 turns, 1-2, 13s",
        ),
    ] {
        assert_eq!(told(&roll(spec, &apps)), expected, "{what}");
    }
    let absent = foretell(&Goal::Absent, &whole(3), &Slots::new(), false);
    assert_eq!(told(&absent), "Reached, 1 turns, 0-3, 3s");
}

#[test]
fn the_timeline_tells_what_is_there_and_when() {
    let moments = |forecast: &Forecast| -> Vec<(u64, u32, u32, u32)> {
        let counts = |it: &Moment| (it.after.as_secs(), it.old, it.new, it.serving);
        forecast.timeline.iter().map(counts).collect()
    };
    let rolling = roll(spec(2), &[app(1, Part::Whole, 2)]);
    assert_eq!(
        moments(&rolling),
        [(0, 2, 1, 2), (13, 1, 2, 2), (26, 0, 2, 2)]
    );
    let native = roll(native(spec(2)), &[app(1, Part::Stable, 2)]);
    assert_eq!(moments(&native), moments(&rolling));
    let long = roll(spec(100), &[app(1, Part::Whole, 100)]);
    assert_eq!(long.timeline.len(), MOMENTS);
    assert_eq!(moments(&long)[MOMENTS - 1], (1_300, 0, 100, 100));
}

#[test]
fn canaries_bake_and_a_person_is_asked() {
    let canary = |promote| {
        let mut spec = spec(4);
        spec.update.max_surge = Amount::Count(3);
        spec.update.canary = Some(Amount::Count(1));
        spec.update.bake = Duration::from_secs(3_600);
        spec.update.promote = promote;
        roll(spec, &[app(1, Part::Whole, 4)])
    };
    let auto = canary(Promote::Auto);
    // Start, bake, start the others, stop the old ones.
    assert_eq!((auto.end, auto.promotion), (End::Reached, None));
    assert!(auto.takes > Duration::from_secs(3_620), "{:?}", auto.takes);
    let manual = canary(Promote::Manual);
    assert_eq!(manual.promotion, Some(Duration::from_secs(3_610)));
    assert_eq!((manual.end, manual.takes), (End::Reached, auto.takes));
}

#[test]
fn a_container_counts_only_after_its_time() {
    let mut spec = spec(1);
    spec.update.min_healthy_time = Duration::from_secs(60);
    for health in [None, Some(Health::new(Probe::Command("true".to_owned())))] {
        let spec = Spec {
            health,
            ..spec.clone()
        };
        let forecast = roll(spec, &[app(1, Part::Whole, 1)]);
        assert_eq!(told(&forecast), "Reached, 2 turns, 1-2, 73s");
    }
}

#[test]
fn what_does_not_come_to_work_by_itself_stalls() {
    let mut sick = app(NEW, Part::Whole, 1);
    sick.checked = true;
    sick.containers[0].health = HealthState::Unhealthy;
    assert_eq!(
        roll(spec(1), &[sick]).end,
        End::Stalled("no progress for 10m: 0 of 1 containers ready".to_owned())
    );
}

#[test]
fn what_is_under_way_goes_on() {
    // The engine replaces containers, and one of four is done.
    let mut turning = app(NEW, Part::Stable, 4);
    turning.operations = vec![OperationId("d1".to_owned())];
    for container in &mut turning.containers[1..] {
        container.outdated = true;
    }
    let forecast = roll(native(spec(4)), &[turning.clone()]);
    assert_eq!(told(&forecast), "Reached, 0 turns, 4-5, 39s");
    // It is taken back.
    let goal = Goal::Present {
        revision: 1,
        spec: Arc::new(native(spec(4))),
    };
    let forecast = foretell(&goal, &[turning], &Slots::new(), true);
    assert_eq!(told(&forecast), "Reached, 1 turns, 4-5, 16s");
}

#[test]
fn what_takes_too_many_steps_is_not_followed() {
    let forecast = roll(spec(5_000), &[app(1, Part::Whole, 5_000)]);
    assert_eq!(forecast.end, End::Beyond);
    assert_eq!(
        (forecast.fewest_serving, forecast.most_created),
        (5_000, 5_001)
    );
}

#[test]
fn the_time_to_start_is_the_usual_one() {
    let took = |seconds: &[i64]| {
        let mut app = app(1, Part::Whole, u32::try_from(seconds.len()).unwrap());
        for (container, seconds) in app.containers.iter_mut().zip(seconds) {
            container.started_at = Some(Timestamp::from_second(*seconds).unwrap());
        }
        app
    };
    let apps = [took(&[12, 3_600, 9]), took(&[-5])];
    assert_eq!(past_start_time(&apps), Some(Duration::from_secs(12)));
    let mut checked = took(&[12]);
    checked.containers[0].healthy_since = Some(Timestamp::from_second(20).unwrap());
    assert_eq!(past_start_time(&[checked]), Some(Duration::from_secs(20)));
    let mut silent = took(&[12]);
    silent.containers[0].staged_at = None;
    assert_eq!(past_start_time(&[silent]), None);
}

proptest! {
    #[test]
    fn every_rollout_is_foretold_to_its_end_within_its_bounds(
        old in 0_u32..6,
        instances in 0_u32..6,
        surge in 0_u32..3,
        unavailable in 0_u32..3,
        canary in proptest::option::of(1_u32..3),
        part in prop_oneof![Just(Part::Whole), Just(Part::Stable), Just(Part::Slot(0))],
        stop_first: bool,
    ) {
        let mut spec = spec(instances);
        spec.update.max_surge = Amount::Count(surge);
        spec.update.max_unavailable = Amount::Count(unavailable);
        spec.update.canary = canary.map(Amount::Count);
        if stop_first {
            spec.update.order = Order::StopFirst;
        }
        let (spec, apps) = match part {
            Part::Whole => (spec, vec![app(1, part, old)]),
            Part::Stable => (native(spec), vec![app(1, part, old)]),
            Part::Slot(_) => (fixed(spec), slots(1, old)),
        };
        let bounds = Bounds::of(&spec);
        let forecast = roll(spec, &apps);
        prop_assert_eq!(&forecast.end, &End::Reached, "{:#?}", forecast);
        prop_assert!(forecast.most_created <= bounds.ceiling.max(old), "{:#?}", forecast);
        // A free slot is restarted where it has landed, for which one is lent.
        let is_pinned = matches!(part, Part::Slot(_)) && old < instances;
        let floor = bounds.floor.saturating_sub(u32::from(is_pinned));
        prop_assert!(forecast.fewest_serving >= floor.min(old), "{:#?}", forecast);
    }
}
