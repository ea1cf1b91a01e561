//! What is decided, story by story, and the search for decisions that cross a bound.

mod bounds;
mod canary;
mod failure;
mod laws;
mod native;
mod random;
mod rolling;
mod slots;
mod small;
mod starts;
mod world;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Decision, Slots, View, decide};
use crate::cluster::{
    App, AppId, Change, Container, ContainerId, ContainerState, HealthState, OperationId, Part,
    Revision,
};
use crate::model::{Amount, CustomConstraint, GroupId, Order, Spec, Strategy};
use crate::records::Goal;

const OLD: Revision = 1;
const NEW: Revision = 2;

fn group() -> GroupId {
    "ingestor:dev".parse().unwrap()
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// How a container is, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Is {
    Staging,
    Starting,
    Ready,
    Sick,
    Stopping,
    Unreachable,
}

impl Is {
    /// Every way to be, but for not being there.
    const ALL: [Self; 6] = [
        Self::Staging,
        Self::Starting,
        Self::Ready,
        Self::Sick,
        Self::Stopping,
        Self::Unreachable,
    ];

    fn container(self, id: impl Into<String>) -> Container {
        let (state, health) = match self {
            Self::Staging => (ContainerState::Staging, HealthState::Unknown),
            Self::Starting => (ContainerState::Running, HealthState::Unknown),
            Self::Ready => (ContainerState::Running, HealthState::Healthy),
            Self::Sick => (ContainerState::Running, HealthState::Unhealthy),
            Self::Stopping => (ContainerState::Stopping, HealthState::Healthy),
            Self::Unreachable => (ContainerState::Unreachable, HealthState::Unknown),
        };
        Container {
            id: ContainerId(id.into()),
            host: None,
            ports: Vec::new(),
            state,
            health,
            staged_at: Some(seconds(0)),
            started_at: (state != ContainerState::Staging).then(|| seconds(0)),
            healthy_since: (health == HealthState::Healthy).then(|| seconds(0)),
            outdated: false,
        }
    }
}

fn app_id(revision: Revision, part: Part) -> AppId {
    AppId(match part {
        Part::Whole => format!("r{revision}"),
        Part::Slot(slot) => format!("r{revision}-{slot}"),
        Part::Stable => "stable".to_owned(),
    })
}

fn app(revision: Revision, part: Part, instances: u32, containers: &[Is]) -> App {
    let id = app_id(revision, part);
    let containers = containers.iter().enumerate();
    App {
        group: group(),
        revision,
        part,
        pinned_to: None,
        instances,
        checked: true,
        operations: Vec::new(),
        containers: containers
            .map(|(index, is)| is.container(format!("{id}.{index}")))
            .collect(),
        last_failure: None,
        unread: None,
        id,
    }
}

fn whole(revision: Revision, instances: u32, containers: &[Is]) -> App {
    app(revision, Part::Whole, instances, containers)
}

/// A slot's app on its host, and its container too.
fn slot(revision: Revision, slot: u32, host: &str, containers: &[Is]) -> App {
    let mut app = app(revision, Part::Slot(slot), 1, containers);
    app.pinned_to = Some(host.into());
    for container in &mut app.containers {
        container.host = Some(host.into());
    }
    app
}

fn held(mut app: App) -> App {
    app.operations.push(OperationId("d1".to_owned()));
    app
}

fn spec(instances: u32, surge: u32, unavailable: u32) -> Spec {
    let mut spec = Spec {
        instances,
        ..Spec::new("a:2")
    };
    spec.update.max_surge = Amount::Count(surge);
    spec.update.max_unavailable = Amount::Count(unavailable);
    spec
}

fn fixed(mut spec: Spec) -> Spec {
    spec.custom_constraints.push(CustomConstraint::fixed_host());
    spec
}

fn native(mut spec: Spec) -> Spec {
    spec.update.strategy = Strategy::Native;
    spec
}

fn stop_first(mut spec: Spec) -> Spec {
    spec.update.order = Order::StopFirst;
    spec
}

fn hosts(hosts: &[&str]) -> Slots {
    (0..)
        .zip(hosts.iter().map(|host| Arc::from(*host)))
        .collect()
}

fn goal(spec: Spec) -> Goal {
    Goal::Present {
        revision: NEW,
        spec: Arc::new(spec),
    }
}

/// A view of these apps at the beginning of all times.
fn view<'a>(apps: &'a [App], slots: &'a Slots) -> View<'a> {
    View {
        apps,
        stopping: false,
        progress_at: seconds(0),
        now: seconds(0),
        failed_starts: 0,
        promoted: false,
        turning_back: false,
        slots,
    }
}

/// What is decided for these apps.
fn decided(spec: Spec, apps: &[App], slots: &Slots) -> Decision {
    decide(&group(), &goal(spec), &view(apps, slots))
}

/// What is changed, and what is waited for.
#[track_caller]
fn going_on(decision: Decision) -> (Vec<Change>, String) {
    match decision {
        Decision::Continue {
            changes, waiting, ..
        } => (changes, waiting),
        decision => panic!("it goes on, and not {decision:?}"),
    }
}

#[track_caller]
fn changes(spec: Spec, apps: &[App]) -> Vec<Change> {
    going_on(decided(spec, apps, &Slots::new())).0
}

fn shrink(app: &App, containers: &[usize]) -> Change {
    Change::Shrink {
        app: app.id.clone(),
        containers: containers
            .iter()
            .map(|index| app.containers[*index].id.clone())
            .collect(),
    }
}

fn scale(app: &App, instances: u32) -> Change {
    Change::Scale {
        app: app.id.clone(),
        instances,
    }
}

fn delete(app: &App) -> Change {
    Change::Delete {
        app: app.id.clone(),
    }
}

fn release(app: &App) -> Change {
    Change::Release {
        app: app.id.clone(),
        operations: app.operations.clone(),
    }
}

fn later(view: &mut View<'_>, seconds: i64) {
    view.now = view
        .now
        .checked_add(SignedDuration::from_secs(seconds))
        .unwrap();
}
