//! What is known for placing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster::{App, Container, ContainerState, Host, HostState, Inventory};
use crate::model::GroupId;
use crate::state::Observed;

/// What is known for placing: the hosts, and which of them each group runs on.
///
/// Where the inventory is not complete, the hosts that containers were seen on are added to it by
/// name. Of those nothing is known but that they take containers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Terrain {
    hosts: BTreeMap<Arc<str>, Host>,
    is_complete: bool,
    homes: BTreeMap<GroupId, BTreeSet<Arc<str>>>,
}

impl Terrain {
    /// Puts together what the cluster tells of its hosts and what runs on them.
    pub fn new(inventory: &Inventory, observed: &Observed) -> Self {
        let by_name = |host: &Host| (Arc::clone(&host.name), host.clone());
        let mut terrain = Self {
            hosts: inventory.hosts.iter().map(by_name).collect(),
            is_complete: inventory.is_complete,
            homes: BTreeMap::new(),
        };
        for (group, state) in &observed.groups {
            let homes: BTreeSet<_> = state.apps.iter().flat_map(homes).cloned().collect();
            if !homes.is_empty() {
                terrain.homes.insert(group.clone(), homes);
            }
            if !terrain.is_complete {
                terrain.discover(&state.apps);
            }
        }
        terrain
    }

    /// Adds the hosts that containers run on at this very time.
    fn discover(&mut self, apps: &[App]) {
        let containers = apps.iter().flat_map(|app| &app.containers);
        let heard_of = containers.filter(|c| is_live(c) && c.state != ContainerState::Unreachable);
        for name in heard_of.filter_map(|container| container.host.as_ref()) {
            self.hosts.entry(Arc::clone(name)).or_insert_with(|| Host {
                name: Arc::clone(name),
                state: HostState::Active,
                attributes: BTreeMap::new(),
                total: None,
                free: None,
            });
        }
    }

    /// Whether there are no hosts beyond those that are known.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The host of this name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.get(name)
    }

    /// The hosts that take new containers, by name.
    pub fn active(&self) -> impl Iterator<Item = &Host> {
        self.hosts
            .values()
            .filter(|host| host.state == HostState::Active)
    }

    /// Whether a host is known to be gone: the cluster says so, or tells all of its hosts and not
    /// this one.
    pub fn is_gone(&self, name: &str) -> bool {
        self.host(name)
            .map_or(self.is_complete, |host| host.state == HostState::Gone)
    }

    /// The hosts that a group's containers are on or are pinned to, by name.
    pub fn homes(&self, group: &GroupId) -> impl Iterator<Item = &Arc<str>> + Clone {
        self.homes.get(group).into_iter().flatten()
    }
}

/// Whether a container takes up room.
pub(super) fn is_live(container: &Container) -> bool {
    container.state != ContainerState::Ended
}

/// The hosts that an app's containers are on or are pinned to.
fn homes(app: &App) -> impl Iterator<Item = &Arc<str>> {
    let staying = app
        .containers
        .iter()
        .filter(|c| is_live(c) && c.state != ContainerState::Stopping);
    staying
        .filter_map(|container| container.host.as_ref())
        .chain(&app.pinned_to)
}
