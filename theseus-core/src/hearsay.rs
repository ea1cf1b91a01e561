//! Events applied to what was seen. What they tell is good enough to show, so that thousands of
//! them a second cost no look; it is never acted on: what a rollout does next is decided on what is
//! observed.
//!
//! Events may be lost, doubled and late. So a container only ever moves on in its life, what does
//! not fit the picture asks for a look, and whoever shows hearsay looks now and then anyway.

mod ledger;

use jiff::Timestamp;

use crate::cluster::{Container, ContainerId, ContainerState, Event, EventKind, HealthState};
use crate::state::{GroupState, Observed};

pub use ledger::Ledger;

/// What an event made of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It told nothing that was not known.
    Nothing,
    /// Something is different now.
    Change,
    /// The picture is not complete any more: only a look tells the rest.
    Gap,
}

impl Observed {
    /// Applies an event. Of a container that is not in the picture no event tells enough.
    pub fn hear(&mut self, event: &Event) -> Heard {
        let Some(group) = &event.group else {
            return match event.kind {
                EventKind::Attached => Heard::Gap,
                // Other people's, or the end of an operation, of which nothing is shown.
                _ => Heard::Nothing,
            };
        };
        let Some(state) = self.groups.get_mut(group) else {
            return Heard::Gap;
        };
        match &event.kind {
            EventKind::Attached | EventKind::App => Heard::Gap,
            EventKind::Detached | EventKind::Operation { .. } => Heard::Nothing,
            EventKind::Container { id, state: now, .. } => state.hear_state(id, *now, event.at),
            EventKind::Health { id, health } => state.hear_health(id, *health, event.at),
        }
    }
}

impl GroupState {
    fn hear_state(
        &mut self,
        id: &ContainerId,
        now: ContainerState,
        at: Option<Timestamp>,
    ) -> Heard {
        let Some(container) = self.container_mut(id) else {
            // The end of one that is gone already, unless that is what the group waits for.
            let known = now == ContainerState::Ended && !self.stopping;
            return if known { Heard::Nothing } else { Heard::Gap };
        };
        if !container.state.moves_on_to(now) {
            return Heard::Nothing;
        }
        container.state = now;
        if now == ContainerState::Running && container.started_at.is_none() {
            container.started_at = at;
        }
        if now == ContainerState::Ended {
            for app in &mut self.apps {
                app.containers.retain(|container| container.id != *id);
            }
        }
        Heard::Change
    }

    fn hear_health(
        &mut self,
        id: &ContainerId,
        health: HealthState,
        at: Option<Timestamp>,
    ) -> Heard {
        let Some(container) = self.container_mut(id) else {
            return Heard::Gap;
        };
        if container.health == health {
            return Heard::Nothing;
        }
        container.health = health;
        container.healthy_since = at.filter(|_| health == HealthState::Healthy);
        Heard::Change
    }

    fn container_mut(&mut self, id: &ContainerId) -> Option<&mut Container> {
        let containers = self.apps.iter_mut().flat_map(|app| &mut app.containers);
        containers.into_iter().find(|container| container.id == *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{App, AppId, OperationId, Part, Snapshot};
    use crate::model::GroupId;
    use crate::state::Records;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A group with one container, which is this far.
    pub(super) fn seen(state: ContainerState) -> Observed {
        let container = Container {
            id: ContainerId("t.1".to_owned()),
            host: Some("h1".into()),
            ports: vec![31005],
            state,
            health: HealthState::Unknown,
            staged_at: Some(at(1)),
            started_at: None,
            healthy_since: None,
            outdated: false,
        };
        let app = App {
            id: AppId("/a".to_owned()),
            group: "ingestor:dev".parse().unwrap(),
            revision: 1,
            part: Part::Whole,
            pinned_to: None,
            instances: 1,
            checked: true,
            operations: Vec::new(),
            containers: vec![container],
            last_failure: None,
            unread: None,
        };
        let snapshot = Snapshot {
            apps: vec![app],
            ..Snapshot::default()
        };
        Observed::new(Records::default(), snapshot)
    }

    fn container(observed: &Observed) -> Option<&Container> {
        observed.groups.values().next()?.apps[0].containers.first()
    }

    pub(super) fn event(group: Option<&str>, kind: EventKind) -> Event {
        Event {
            at: Some(at(7)),
            group: group.map(|group| group.parse().unwrap()),
            foreign: None,
            kind,
        }
    }

    pub(super) fn state(id: &str, state: ContainerState) -> EventKind {
        EventKind::Container {
            id: ContainerId(id.to_owned()),
            state,
            failed: None,
        }
    }

    pub(super) fn health(id: &str, health: HealthState) -> EventKind {
        let id = ContainerId(id.to_owned());
        EventKind::Health { id, health }
    }

    #[test]
    fn a_container_only_moves_on_in_its_life() {
        use ContainerState::{Ended, Running, Staging, Starting, Stopping, Unreachable};
        for (from, told, heard, to) in [
            (Staging, Starting, Heard::Change, Some(Starting)),
            (Staging, Running, Heard::Change, Some(Running)),
            (Running, Running, Heard::Nothing, Some(Running)),
            (Running, Staging, Heard::Nothing, Some(Running)),
            (Running, Stopping, Heard::Change, Some(Stopping)),
            (Stopping, Running, Heard::Nothing, Some(Stopping)),
            (Running, Unreachable, Heard::Change, Some(Unreachable)),
            (Unreachable, Running, Heard::Change, Some(Running)),
            (Running, Ended, Heard::Change, None),
            (Unreachable, Ended, Heard::Change, None),
        ] {
            let mut observed = seen(from);
            let event = event(Some("ingestor:dev"), state("t.1", told));
            assert_eq!(observed.hear(&event), heard, "{from:?} {told:?}");
            let now = container(&observed).map(|container| container.state);
            assert_eq!(now, to, "{from:?} {told:?}");
        }
    }

    #[test]
    fn since_when_it_runs_and_is_well() {
        let mut observed = seen(ContainerState::Starting);
        let ours = Some("ingestor:dev");
        observed.hear(&event(ours, state("t.1", ContainerState::Running)));
        let well = event(ours, health("t.1", HealthState::Healthy));
        assert_eq!(observed.hear(&well), Heard::Change);
        assert_eq!(observed.hear(&well), Heard::Nothing);
        let now = container(&observed).unwrap();
        assert_eq!(
            (now.started_at, now.healthy_since),
            (Some(at(7)), Some(at(7)))
        );
        observed.hear(&event(ours, health("t.1", HealthState::Unhealthy)));
        let now = container(&observed).unwrap();
        assert_eq!(now.healthy_since, None);
        assert_eq!(now.started_at, Some(at(7)));
    }

    #[test]
    fn what_does_not_fit_the_picture_takes_a_look() {
        let ours = Some("ingestor:dev");
        let operation = || EventKind::Operation {
            id: OperationId("d1".to_owned()),
            succeeded: true,
        };
        for (group, kind, heard) in [
            (None, EventKind::Attached, Heard::Gap),
            (None, EventKind::Detached, Heard::Nothing),
            (None, operation(), Heard::Nothing),
            (None, state("t.1", ContainerState::Running), Heard::Nothing),
            (ours, EventKind::App, Heard::Gap),
            (ours, state("t.2", ContainerState::Staging), Heard::Gap),
            (ours, state("t.2", ContainerState::Ended), Heard::Nothing),
            (ours, health("t.2", HealthState::Healthy), Heard::Gap),
            (
                Some("db:dev"),
                state("t.1", ContainerState::Running),
                Heard::Gap,
            ),
        ] {
            let mut observed = seen(ContainerState::Starting);
            let event = event(group, kind);
            assert_eq!(observed.hear(&event), heard, "{event:?}");
            assert_eq!(observed, seen(ContainerState::Starting), "{event:?}");
        }
    }

    #[test]
    fn the_last_death_of_a_removal_takes_a_look() {
        let group: GroupId = "ingestor:dev".parse().unwrap();
        let snapshot = Snapshot {
            stopping: vec![group],
            ..Snapshot::default()
        };
        let mut observed = Observed::new(Records::default(), snapshot);
        let ended = state("t.1", ContainerState::Ended);
        assert_eq!(
            observed.hear(&event(Some("ingestor:dev"), ended)),
            Heard::Gap
        );
    }
}
