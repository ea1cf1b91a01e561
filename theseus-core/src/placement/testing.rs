//! Hosts, groups and constraints for the tests of this module.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Terrain;
use crate::cluster::{
    Amounts, App, AppId, Container, ContainerId, ContainerState, HealthState, Host, HostState,
    Inventory, Part, Revision,
};
use crate::model::{Constraint, GroupId};
use crate::state::Observed;

/// Sixteen processors and as many GiB, and nothing runs there.
pub(super) fn host(name: &str) -> HostBuilder {
    let total = Amounts {
        cpus: 16.0,
        mem: 16_384.0,
        disk: 100_000.0,
        ports: vec![31_000..=32_000],
    };
    HostBuilder(Host {
        name: Arc::from(name),
        state: HostState::Active,
        attributes: BTreeMap::new(),
        total: Some(total.clone()),
        free: Some(total),
    })
}

pub(super) struct HostBuilder(Host);

impl HostBuilder {
    pub(super) fn rack(self, rack: &str) -> Self {
        self.attribute("rack", rack)
    }

    pub(super) fn attribute(mut self, name: &str, value: &str) -> Self {
        self.0.attributes.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(super) fn state(mut self, state: HostState) -> Self {
        self.0.state = state;
        self
    }

    pub(super) fn free(mut self, change: impl FnOnce(&mut Amounts)) -> Self {
        change(self.0.free.as_mut().unwrap());
        self
    }

    /// Only its name is known.
    pub(super) fn unknown(mut self) -> Self {
        self.0.total = None;
        self.0.free = None;
        self
    }

    pub(super) fn build(self) -> Host {
        self.0
    }
}

pub(super) fn inventory(hosts: impl Into<Vec<Host>>) -> Inventory {
    Inventory {
        hosts: hosts.into(),
        is_complete: true,
    }
}

/// All hosts that there are, and nothing runs on them.
pub(super) fn terrain(hosts: impl Into<Vec<Host>>) -> Terrain {
    Terrain::new(&inventory(hosts), &Observed::default())
}

/// `n` hosts that are alike: `h0 h1 …`.
pub(super) fn hosts(n: usize) -> Vec<Host> {
    (0..n).map(|i| host(&format!("h{i}")).build()).collect()
}

pub(super) fn group(text: &str) -> GroupId {
    text.parse().unwrap()
}

pub(super) fn constraint(text: &str) -> Constraint {
    let words: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
    words.try_into().unwrap()
}

/// An app of `db:dev` with containers on these hosts.
pub(super) fn app(part: Part, revision: Revision, pinned_to: Option<&str>, landed: &[&str]) -> App {
    let container = |host: &&str| Container {
        id: ContainerId(format!("{part:?} {revision} {host}")),
        host: Some(Arc::from(*host)),
        ports: Vec::new(),
        state: ContainerState::Running,
        health: HealthState::Unknown,
        staged_at: None,
        started_at: None,
        healthy_since: None,
        outdated: false,
    };
    App {
        id: AppId(format!("{part:?} {revision}")),
        group: group("db:dev"),
        revision,
        part,
        pinned_to: pinned_to.map(Arc::from),
        instances: 1,
        checked: false,
        operations: Vec::new(),
        containers: landed.iter().map(container).collect(),
        last_failure: None,
        unread: None,
    }
}
