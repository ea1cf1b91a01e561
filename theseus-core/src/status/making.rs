//! Making a status: of what is seen, and of what is written down.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::{ContainerStatus, FORMAT_VERSION, GroupStatus, RolloutAction, RolloutStatus, Status};
use crate::cluster::{App, Container, ContainerState};
use crate::model::GroupId;
use crate::plan::Drift;
use crate::records::{Goal, RolloutRecord};
use crate::registry::{ContainerRecord, CountsRecord};
use crate::state::{GroupState, Observed};

/// How the groups that were looked at are doing. Groups that nobody knows are left out.
pub fn status(observed: &Observed) -> Status {
    let groups = observed
        .groups
        .iter()
        .filter(|(_, state)| !state.is_absent())
        .map(|(group, state)| group_status(group, state))
        .collect();
    Status {
        format_version: FORMAT_VERSION,
        groups,
        foreign: observed.foreign,
    }
}

fn group_status(group: &GroupId, state: &GroupState) -> GroupStatus {
    let rollout = state
        .rollout
        .as_ref()
        .map(|stored| rollout_status(&stored.record));
    let removing = rollout
        .as_ref()
        .is_some_and(|rollout| rollout.action == RolloutAction::Remove);
    let target = state.target();
    let count = |counted: fn(&App, &Container) -> bool| {
        let containers = all_containers(state).filter(|(app, c)| counted(app, c));
        u32::try_from(containers.count()).unwrap_or(u32::MAX)
    };
    GroupStatus {
        group: group.clone(),
        service: group.service.clone(),
        labels: group.labels.clone(),
        revision: target.map(|(revision, _)| revision),
        image: target.map(|(_, spec)| spec.image.clone()),
        instances: target.map_or(0, |(_, spec)| if removing { 0 } else { spec.instances }),
        running: count(|_, container| container.state == ContainerState::Running),
        healthy: count(App::is_served_by),
        restarts: None,
        rollout,
        containers: containers(state),
        drift: drift(state),
        unread: state
            .unread()
            .map(|(app, reason)| format!("{app}: {reason}")),
        deployed_at: state
            .record
            .as_ref()
            .map(|stored| stored.record.deployed_at),
    }
}

/// How groups are doing by what is written down alone: records, counts and containers of the
/// registry. Groups that are neither recorded nor counted are left out.
pub(crate) fn recorded(
    records: &Observed,
    counts: Vec<CountsRecord>,
    containers: Vec<ContainerRecord>,
) -> Status {
    let mut counts: BTreeMap<GroupId, CountsRecord> = counts
        .into_iter()
        .map(|counts| (counts.group.clone(), counts))
        .collect();
    let mut by_group: BTreeMap<GroupId, Vec<ContainerRecord>> = BTreeMap::new();
    for container in containers {
        let group = by_group.entry(container.group.clone()).or_default();
        group.push(container);
    }
    let known = records
        .groups
        .iter()
        .filter(|(_, state)| !state.is_absent());
    let names: BTreeSet<GroupId> = known
        .map(|(group, _)| group)
        .chain(counts.keys())
        .cloned()
        .collect();
    let nothing = GroupState::default();
    let groups = names.into_iter().map(|group| {
        let state = records.groups.get(&group).unwrap_or(&nothing);
        let mut status = group_status(&group, state);
        if let Some(counts) = counts.remove(&group) {
            status.running = counts.running;
            status.healthy = counts.healthy;
            status.restarts = Some(counts.restarts());
            let apps = counts.apps.into_iter();
            status.drift = apps
                .filter(|app| !state.accounts_for(app.revision))
                .map(|app| Drift {
                    group: group.clone(),
                    revision: app.revision,
                    app: app.app,
                    containers: app.containers,
                })
                .collect();
        }
        let mut containers = by_group.remove(&group).unwrap_or_default();
        containers.sort_by(|a, b| (a.revision, &a.id).cmp(&(b.revision, &b.id)));
        status.containers = containers.into_iter().map(ContainerStatus::from).collect();
        status
    });
    Status {
        foreign: 0,
        format_version: FORMAT_VERSION,
        groups: groups.collect(),
    }
}

impl From<ContainerRecord> for ContainerStatus {
    fn from(record: ContainerRecord) -> Self {
        Self {
            id: record.id,
            host: record.host,
            ports: record.ports,
            state: record.state,
            health: record.health,
            revision: record.revision,
            started_at: record.started_at,
        }
    }
}

fn rollout_status(rollout: &RolloutRecord) -> RolloutStatus {
    let (revision, action) = match rollout.goal {
        Goal::Present { revision, .. } => (Some(revision), RolloutAction::Deploy),
        Goal::Absent => (None, RolloutAction::Remove),
    };
    RolloutStatus {
        revision,
        started_at: rollout.started_at,
        action,
        by: rollout.by.clone(),
        halted: rollout.halted.clone(),
        rolled_back: rollout.rolled_back.clone(),
    }
}

fn all_containers(state: &GroupState) -> impl Iterator<Item = (&App, &Container)> {
    state
        .apps
        .iter()
        .flat_map(|app| app.containers.iter().map(move |container| (app, container)))
}

fn containers(state: &GroupState) -> Vec<ContainerStatus> {
    let mut all: Vec<_> = all_containers(state).collect();
    all.sort_by_key(|(app, container)| (app.revision, container.staged_at, &container.id));
    all.into_iter()
        .map(|(app, container)| ContainerStatus {
            id: container.id.clone(),
            host: container.host.clone(),
            ports: named_ports(
                state.spec_of(app.revision).map(|spec| spec.ports.keys()),
                &container.ports,
            ),
            state: container.state,
            health: container.health,
            revision: app.revision,
            started_at: container.started_at,
        })
        .collect()
}

/// The host's ports by these names, or by their position where there are none.
pub(crate) fn named_ports<'a>(
    names: Option<impl Iterator<Item = &'a String>>,
    ports: &[u16],
) -> IndexMap<String, u16> {
    let ports = ports.iter().copied();
    match names {
        Some(names) => names.cloned().zip(ports).collect(),
        None => (0..).map(|n: usize| n.to_string()).zip(ports).collect(),
    }
}

fn drift(state: &GroupState) -> Vec<Drift> {
    state.unaccounted().map(Drift::from).collect()
}
