//! What the tests of this module share.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::held::HeldGroup;
use super::picture::{Heard, Known, Picture, picture};
use super::restarts::Over;
use crate::cluster::{
    App, AppId, Container, ContainerId, ContainerState, HealthState, Part, Revision,
};
use crate::model::{GroupId, Port, Spec};
use crate::records::{GroupRecord, Stored};
use crate::state::GroupState;
use crate::store;

pub(super) fn group() -> GroupId {
    "ingestor:dev".parse().unwrap()
}

pub(super) fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn spec(image: &str, ports: &[&str]) -> Arc<Spec> {
    let mut spec = Spec::new(image);
    for (name, number) in ports.iter().zip(5000..) {
        spec.ports.insert((*name).to_owned(), Port::tcp(number));
    }
    Arc::new(spec)
}

pub(super) fn container(id: &str) -> Container {
    Container {
        id: ContainerId(id.to_owned()),
        host: Some("host1".into()),
        ports: vec![31005, 31006],
        state: ContainerState::Running,
        health: HealthState::Unknown,
        staged_at: Some(time(1)),
        started_at: Some(time(2)),
        healthy_since: None,
        outdated: false,
    }
}

pub(super) fn app(revision: Revision, containers: Vec<Container>) -> App {
    App {
        id: AppId(format!("/ingestor/{revision}")),
        group: group(),
        revision,
        part: Part::Whole,
        pinned_to: None,
        instances: 1,
        checked: false,
        operations: Vec::new(),
        containers,
        last_failure: None,
        unread: None,
    }
}

/// A group that is deployed, and what runs of it.
pub(super) fn state_of(revision: Revision, spec: Arc<Spec>, apps: Vec<App>) -> GroupState {
    GroupState {
        record: Some(Stored {
            record: GroupRecord {
                group: group(),
                revision,
                spec,
                deployed_at: time(0),
                adopted: None,
            },
            modified: store::Revision(1),
        }),
        apps,
        ..GroupState::default()
    }
}

/// What the registry should hold of a group that is seen so, by what it holds and what events told.
pub(super) fn look(state: &GroupState, held: &HeldGroup, heard: &Heard, now: Timestamp) -> Picture {
    let known = Known {
        held,
        shapes: &BTreeMap::new(),
        heard,
        failed: &BTreeMap::new(),
        over: &Over::default(),
        now,
    };
    picture(&group(), state, known)
}
