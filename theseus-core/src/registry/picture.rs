//! What the registry should hold of a group: a pure function of what is seen of it, and of what
//! the registry held before.
//!
//! What it held before matters only for what nobody else remembers: since when a container cannot
//! be reached, and which revision a container was of before its app went on to another one.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;

use super::held::HeldGroup;
use super::parts;
use super::record::{ContainerRecord, CountsRecord};
use super::restarts::{self, Gone, Over};
use crate::cluster::{App, AppId, Container, ContainerId, ContainerState, Part, Revision};
use crate::model::{GroupId, Spec};
use crate::state::GroupState;
use crate::status::named_ports;

/// What the registry should hold of a group.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Picture {
    /// Its containers.
    pub(super) containers: BTreeMap<ContainerId, ContainerRecord>,
    /// Its counts; none when nobody knows the group.
    pub(super) counts: Option<CountsRecord>,
}

/// What matters here of the spec of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// The image.
    pub(super) image: Arc<str>,
    /// The ports inside, by name, in the order of the host's.
    pub(super) ports: IndexMap<String, u16>,
}

impl From<&Spec> for Shape {
    fn from(spec: &Spec) -> Self {
        let ports = spec.ports.iter();
        Self {
            image: spec.image.as_str().into(),
            ports: ports
                .map(|(name, port)| (name.clone(), port.container))
                .collect(),
        }
    }
}

/// When containers were told to have come to a state.
pub(super) type Heard = BTreeMap<ContainerId, (ContainerState, Timestamp)>;

/// What a picture is made from, besides what is seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// What the registry holds of the group.
    pub(super) held: &'a HeldGroup,
    /// The shapes of revisions that the group's current records do not tell.
    pub(super) shapes: &'a BTreeMap<Revision, Shape>,
    /// What was told by events.
    pub(super) heard: &'a Heard,
    /// Containers that were told to have failed, and the apps that are without them now.
    pub(super) failed: &'a BTreeMap<ContainerId, AppId>,
    /// Containers that are over, and counted where they were to be.
    pub(super) over: &'a Over,
    /// What the time is.
    pub(super) now: Timestamp,
}

/// What the registry should hold of a group.
pub(super) fn picture(group: &GroupId, state: &GroupState, known: Known<'_>) -> Picture {
    if state.is_absent() {
        return Picture::default();
    }
    let mut containers = BTreeMap::new();
    let mut counts = CountsRecord {
        stopping: state.stopping,
        ..CountsRecord::none(group.clone())
    };
    for app in &state.apps {
        let shape = shape_of(state, app.revision, known.shapes);
        for container in &app.containers {
            if container.state == ContainerState::Ended {
                continue;
            }
            let record = record(app, container, shape.as_ref(), known);
            counts.running += u32::from(record.state == ContainerState::Running);
            counts.healthy += u32::from(record.ready);
            counts.unreachable += u32::from(record.state == ContainerState::Unreachable);
            containers.insert(container.id.clone(), record);
        }
    }
    let before = known.held.counted().map(|before| &before.parts[..]);
    counts.parts = parts::ends(before.unwrap_or_default(), &containers);
    let gone = Gone::new(known.held, &containers);
    let apps = state.apps.iter();
    counts.apps = apps.map(|app| restarts::count(app, &gone, known)).collect();
    // An engine may tell its apps in any order; another order is no change.
    counts.apps.sort_by(|a, b| a.app.cmp(&b.app));
    Picture {
        containers,
        counts: Some(counts),
    }
}

fn shape_of(
    state: &GroupState,
    revision: Revision,
    shapes: &BTreeMap<Revision, Shape>,
) -> Option<Shape> {
    match state.spec_of(revision) {
        Some(spec) => Some(Shape::from(&**spec)),
        None => shapes.get(&revision).cloned(),
    }
}

fn record(
    app: &App,
    container: &Container,
    shape: Option<&Shape>,
    known: Known<'_>,
) -> ContainerRecord {
    let before = known.held.container(&container.id);
    let mut record = ContainerRecord {
        group: app.group.clone(),
        id: container.id.clone(),
        revision: app.revision,
        slot: match app.part {
            Part::Slot(slot) => Some(slot),
            Part::Whole | Part::Stable => None,
        },
        host: container.host.clone(),
        ports: named_ports(shape.map(|shape| shape.ports.keys()), &container.ports),
        container_ports: shape.map(|shape| shape.ports.clone()).unwrap_or_default(),
        state: container.state,
        health: container.health,
        ready: app.is_served_by(container),
        since: since(container, before, known),
        started_at: container.started_at,
        image: shape.map(|shape| Arc::clone(&shape.image)),
    };
    if let Some(before) = before.filter(|_| container.outdated) {
        // Its app has gone on to another revision; this one is still what it was.
        record.revision = before.revision;
        record.ports.clone_from(&before.ports);
        record.container_ports.clone_from(&before.container_ports);
        record.image.clone_from(&before.image);
    }
    record
}

/// Since when a container is in its state. The engine tells when it started; what else it went
/// through is told by events at best, and else counts from when it was first seen.
fn since(container: &Container, before: Option<&ContainerRecord>, known: Known<'_>) -> Timestamp {
    let told = match container.state {
        ContainerState::Running => container.started_at,
        ContainerState::Staging | ContainerState::Starting => container.staged_at,
        ContainerState::Stopping | ContainerState::Unreachable | ContainerState::Ended => None,
    };
    let heard = || {
        let (state, at) = known.heard.get(&container.id)?;
        (*state == container.state).then_some(*at)
    };
    let held = || {
        let before = before?;
        (before.state == container.state).then_some(before.since)
    };
    told.or_else(held).or_else(heard).unwrap_or(known.now)
}

#[cfg(test)]
mod tests {
    use super::super::held::Held;
    use super::super::testing::{app, container, group, look, spec, state_of, time};
    use super::*;
    use crate::cluster::HealthState;

    fn first(picture: &Picture) -> &ContainerRecord {
        picture.containers.values().next().unwrap()
    }

    #[test]
    fn a_record_tells_all_that_is_known() {
        let state = state_of(
            3,
            spec("a:3", &["ssh", "api"]),
            vec![app(3, vec![container("t.1")])],
        );
        let seen = look(&state, &HeldGroup::default(), &Heard::new(), time(9));
        insta::assert_snapshot!(
            String::from_utf8(crate::records::encode(first(&seen)).to_vec()).unwrap(),
            @r#"{"v":1,"group":"ingestor:dev","id":"t.1","revision":3,"host":"host1","ports":{"ssh":31005,"api":31006},"container_ports":{"ssh":5000,"api":5001},"state":"running","health":"unknown","ready":true,"since":"1970-01-01T00:00:02Z","started_at":"1970-01-01T00:00:02Z","image":"a:3"}"#
        );
        insta::assert_snapshot!(
            String::from_utf8(crate::records::encode(seen.counts.as_ref().unwrap()).to_vec()).unwrap(),
            @r#"{"v":1,"group":"ingestor:dev","running":1,"healthy":1,"unreachable":0,"apps":[{"app":"/ingestor/3","revision":3,"containers":1}]}"#
        );
    }

    #[test]
    fn a_revision_of_which_nothing_is_known_has_its_ports_by_number_and_one_of_the_past_by_name() {
        let state = state_of(
            3,
            spec("a:3", &["api"]),
            vec![app(2, vec![container("t.1")])],
        );
        let mut shapes = BTreeMap::new();
        let ports = |shapes: &BTreeMap<Revision, Shape>| {
            let known = Known {
                held: &HeldGroup::default(),
                shapes,
                heard: &Heard::new(),
                failed: &BTreeMap::new(),
                over: &Over::default(),
                now: time(9),
            };
            let seen = picture(&group(), &state, known);
            let record = first(&seen);
            (
                record.ports.keys().cloned().collect::<Vec<_>>().join(" "),
                record.image.clone(),
            )
        };
        assert_eq!(ports(&shapes), ("0 1".to_owned(), None));
        shapes.insert(2, Shape::from(&*spec("a:2", &["one", "two"])));
        assert_eq!(ports(&shapes), ("one two".to_owned(), Some("a:2".into())));
    }

    #[test]
    fn what_is_over_is_not_held_and_what_cannot_be_reached_is() {
        let with = |id: &str, state| Container {
            state,
            ..container(id)
        };
        let containers = vec![
            with("a", ContainerState::Ended),
            with("b", ContainerState::Unreachable),
            with("c", ContainerState::Staging),
        ];
        let state = state_of(1, spec("a:1", &["api"]), vec![app(1, containers)]);
        let seen = look(&state, &HeldGroup::default(), &Heard::new(), time(9));
        let ids: Vec<&str> = seen.containers.keys().map(|id| id.0.as_str()).collect();
        assert_eq!(ids, ["b", "c"]);
        let counts = seen.counts.unwrap();
        assert_eq!(
            (counts.running, counts.healthy, counts.unreachable),
            (0, 0, 1)
        );
        assert_eq!(counts.apps[0].containers, 2);
    }

    #[test]
    fn checks_decide_what_is_ready() {
        for (checked, health, ready) in [
            (false, HealthState::Unknown, true),
            (true, HealthState::Unknown, false),
            (true, HealthState::Healthy, true),
            (true, HealthState::Unhealthy, false),
        ] {
            let container = Container {
                health,
                ..container("a")
            };
            let app = App {
                checked,
                ..app(1, vec![container])
            };
            let state = state_of(1, spec("a:1", &[]), vec![app]);
            let seen = look(&state, &HeldGroup::default(), &Heard::new(), time(9));
            assert_eq!(first(&seen).ready, ready, "{checked} {health:?}");
            assert_eq!(seen.counts.unwrap().healthy, u32::from(ready));
        }
    }

    #[test]
    fn since_when_is_kept_whatever_the_clock_does() {
        let unreachable = Container {
            state: ContainerState::Unreachable,
            ..container("a")
        };
        let state = state_of(1, spec("a:1", &[]), vec![app(1, vec![unreachable])]);
        let heard = Heard::from([(
            ContainerId("a".to_owned()),
            (ContainerState::Unreachable, time(7)),
        )]);
        let seen = look(&state, &HeldGroup::default(), &heard, time(9));
        assert_eq!(first(&seen).since, time(7), "as it was told");
        let seen = look(&state, &HeldGroup::default(), &Heard::new(), time(9));
        assert_eq!(first(&seen).since, time(9), "as it was first seen");
        let held = HeldGroup::from(seen);
        for now in [20, 3] {
            let seen = look(&state, &held, &heard, time(now));
            assert_eq!(first(&seen).since, time(9), "as it was held");
        }
        // It comes back.
        let state = state_of(1, spec("a:1", &[]), vec![app(1, vec![container("a")])]);
        let seen = look(&state, &held, &heard, time(30));
        assert_eq!(first(&seen).since, time(2), "since it started");
    }

    #[test]
    fn a_container_whose_app_went_on_is_what_it_was() {
        let state = state_of(1, spec("a:1", &["api"]), vec![app(1, vec![container("a")])]);
        let held = HeldGroup::from(look(&state, &HeldGroup::default(), &Heard::new(), time(9)));
        let outdated = Container {
            outdated: true,
            ..container("a")
        };
        let state = state_of(
            2,
            spec("a:2", &["web"]),
            vec![app(2, vec![outdated, container("b")])],
        );
        let seen = look(&state, &held, &Heard::new(), time(9));
        let told: Vec<_> = seen
            .containers
            .values()
            .map(|it| {
                (
                    it.id.0.as_str(),
                    it.revision,
                    it.ports.keys().next().unwrap().as_str(),
                )
            })
            .collect();
        assert_eq!(told, [("a", 1, "api"), ("b", 2, "web")]);
    }

    #[test]
    fn of_a_group_that_nobody_knows_nothing_is_held() {
        let mut held = HeldGroup::default();
        held.containers
            .insert(ContainerId("ghost".to_owned()), Held::Unreadable);
        let seen = look(&GroupState::default(), &held, &Heard::new(), time(9));
        assert_eq!(seen, Picture::default());
    }
}
