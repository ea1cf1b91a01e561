//! The machines as people and programs see them: what each has, what is taken of it, and which
//! groups run there.

mod description;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::cluster::{Amounts, ContainerState, Host, HostState, Inventory};
use crate::model::GroupId;
use crate::state::Observed;

pub use description::{
    Beside, ContainerThere, GroupThere, HostDescription, SlotThere, UnknownHost, describe,
};

/// All machines that are known, by name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hosts {
    /// The version of this shape.
    pub format_version: u32,
    /// Whether these are all there are. Where the engine cannot tell, they are those that it
    /// happens to know and those that containers were seen on.
    pub complete: bool,
    /// The machines.
    pub hosts: Vec<HostStatus>,
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HostStatus {
    /// Its name, as containers tell it.
    pub host: Arc<str>,
    /// Whether it takes containers.
    pub state: HostState,
    /// What constraints can name: text by attribute.
    pub attributes: BTreeMap<String, String>,
    /// Processors.
    pub cpus: Share,
    /// Memory in MiB.
    pub mem: Share,
    /// Disk in MiB.
    pub disk: Share,
    /// Ports, counted.
    pub ports: Share,
    /// The ports that are free; `None` where that is not known.
    pub free_ports: Option<Vec<PortRange>>,
    /// How many containers of each group run there, or are about to, or still die.
    pub containers: Vec<Running>,
}

/// Ports that follow each other, written as `31000-31004`, or `31000` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortRange(pub RangeInclusive<u16>);

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.0.start(), self.0.end());
        if first == last {
            write!(f, "{first}")
        } else {
            write!(f, "{first}-{last}")
        }
    }
}

impl Serialize for PortRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One of the things that a machine has; `None` where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Share {
    /// All of it.
    pub total: Option<f64>,
    /// What is taken, by whomever.
    pub used: Option<f64>,
    /// What is left.
    pub free: Option<f64>,
}

/// Containers of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Running {
    /// The group.
    pub group: GroupId,
    /// How many.
    pub count: u32,
}

impl Share {
    /// Which part of all is taken.
    pub fn ratio(&self) -> Option<f64> {
        let (used, total) = (self.used?, self.total?);
        Some(if total > 0.0 { used / total } else { 1.0 })
    }
}

impl HostStatus {
    /// How many containers of Theseus's groups are there.
    pub fn count(&self) -> u32 {
        self.containers.iter().map(|running| running.count).sum()
    }
}

/// Puts together what the cluster tells of its machines and what runs on them.
pub fn hosts(inventory: &Inventory, observed: &Observed) -> Hosts {
    let mut running: BTreeMap<Arc<str>, Vec<Running>> = BTreeMap::new();
    for (group, state) in &observed.groups {
        let containers = state.apps.iter().flat_map(|app| &app.containers);
        let present = containers.filter(|it| it.state != ContainerState::Ended);
        let mut counts: BTreeMap<&Arc<str>, u32> = BTreeMap::new();
        for host in present.filter_map(|container| container.host.as_ref()) {
            *counts.entry(host).or_default() += 1;
        }
        for (host, count) in counts {
            let group = group.clone();
            let here = running.entry(Arc::clone(host)).or_default();
            here.push(Running { group, count });
        }
    }
    // What waits for a host is to find it in the list, too.
    let slots = observed
        .groups
        .values()
        .flat_map(|state| state.slots.values());
    for slot in slots {
        running.entry(Arc::clone(&slot.record.host)).or_default();
    }
    let mut hosts: Vec<HostStatus> = inventory
        .hosts
        .iter()
        .map(|host| HostStatus::of(host, running.remove(&host.name).unwrap_or_default()))
        .collect();
    // A host that is not among all there are is gone; else it is one that the engine did not tell.
    let state = if inventory.is_complete {
        HostState::Gone
    } else {
        HostState::Active
    };
    hosts.extend(running.into_iter().map(|(name, running)| {
        let unknown = Host {
            name,
            state,
            attributes: BTreeMap::new(),
            total: None,
            free: None,
        };
        HostStatus::of(&unknown, running)
    }));
    hosts.sort_by(|a, b| a.host.cmp(&b.host));
    Hosts {
        format_version: 1,
        complete: inventory.is_complete,
        hosts,
    }
}

impl HostStatus {
    fn of(host: &Host, containers: Vec<Running>) -> Self {
        let share = |part: fn(&Amounts) -> f64| {
            let (total, free) = (host.total.as_ref().map(part), host.free.as_ref().map(part));
            let used = total.zip(free).map(|(total, free)| (total - free).max(0.0));
            Share {
                total,
                used: used.map(tidy),
                free: free.map(tidy),
            }
        };
        Self {
            host: Arc::clone(&host.name),
            state: host.state,
            attributes: host.attributes.clone(),
            cpus: share(|amounts| amounts.cpus),
            mem: share(|amounts| amounts.mem),
            disk: share(|amounts| amounts.disk),
            ports: share(|amounts| count(&amounts.ports)),
            free_ports: host.free.as_ref().map(|free| {
                let ranges = free.ports.iter().cloned();
                ranges.map(PortRange).collect()
            }),
            containers,
        }
    }
}

fn count(ranges: &[RangeInclusive<u16>]) -> f64 {
    let ports = ranges.iter().map(|range| {
        let ports = range.end().saturating_sub(*range.start());
        f64::from(ports) + 1.0
    });
    ports.sum()
}

/// To the thousandth, which is as fine as engines count: a difference of floats is not.
fn tidy(amount: f64) -> f64 {
    (amount * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{App, AppId, Container, ContainerId, HealthState, Part, Snapshot};
    use crate::state::Records;

    pub(super) fn amounts(cpus: f64, ports: &[RangeInclusive<u16>]) -> Amounts {
        Amounts {
            cpus,
            mem: cpus * 1000.0,
            disk: 0.0,
            ports: ports.to_vec(),
        }
    }

    pub(super) fn host(name: &str, total: Option<Amounts>, free: Option<Amounts>) -> Host {
        Host {
            name: name.into(),
            state: HostState::Active,
            attributes: BTreeMap::new(),
            total,
            free,
        }
    }

    fn app(group: &str, hosts: &[(&str, ContainerState)]) -> App {
        let container = |(index, (host, state)): (usize, &(&str, ContainerState))| Container {
            id: ContainerId(format!("{group}-{index}")),
            host: Some((*host).into()),
            ports: Vec::new(),
            state: *state,
            health: HealthState::Unknown,
            staged_at: None,
            started_at: None,
            healthy_since: None,
            outdated: false,
        };
        App {
            id: AppId(group.to_owned()),
            group: group.parse().unwrap(),
            revision: 1,
            part: Part::Whole,
            pinned_to: None,
            instances: 1,
            checked: false,
            operations: Vec::new(),
            containers: hosts.iter().enumerate().map(container).collect(),
            last_failure: None,
            unread: None,
        }
    }

    pub(super) fn observed() -> Observed {
        let running = ContainerState::Running;
        let snapshot = Snapshot {
            operations: Vec::new(),
            apps: vec![
                app(
                    "b:dev",
                    &[("h1", running), ("h2", running), ("h1", running)],
                ),
                app(
                    "a:dev",
                    &[
                        ("h1", ContainerState::Stopping),
                        ("h2", ContainerState::Ended),
                    ],
                ),
            ],
            stopping: Vec::new(),
            foreign: Vec::new(),
        };
        Observed::new(Records::default(), snapshot)
    }

    #[test]
    fn a_host_is_told_with_what_is_taken_of_it_and_who_is_there() {
        let inventory = Inventory {
            hosts: vec![host(
                "h1",
                Some(amounts(4.0, &[1..=10, 20..=20])),
                Some(amounts(3.7, &[1..=4, 6..=10])),
            )],
            is_complete: true,
        };
        let told = hosts(&inventory, &observed());
        let [h1, h2] = told.hosts.as_slice() else {
            panic!("{told:?}")
        };
        let json = serde_json::to_value(h1).unwrap();
        let expected = serde_json::json!({
            "host": "h1", "state": "active", "attributes": {},
            "cpus": {"total": 4.0, "used": 0.3, "free": 3.7},
            "mem": {"total": 4000.0, "used": 300.0, "free": 3700.0},
            "disk": {"total": 0.0, "used": 0.0, "free": 0.0},
            "ports": {"total": 11.0, "used": 2.0, "free": 9.0},
            "free_ports": ["1-4", "6-10"],
            "containers": [{"group": "a:dev", "count": 1}, {"group": "b:dev", "count": 2}],
        });
        assert_eq!(json, expected);
        assert_eq!(
            (&*h2.host, h2.state, h2.count()),
            ("h2", HostState::Gone, 1)
        );
        assert_eq!(h2.cpus, Share::default());
    }

    #[test]
    fn where_not_all_hosts_are_told_one_that_is_seen_is_there() {
        let inventory = Inventory {
            hosts: vec![host("h2", None, Some(amounts(1.0, &[])))],
            is_complete: false,
        };
        let told = hosts(&inventory, &observed());
        let names: Vec<_> = told.hosts.iter().map(|it| (&*it.host, it.state)).collect();
        assert_eq!(
            names,
            [("h1", HostState::Active), ("h2", HostState::Active)]
        );
        let h2 = &told.hosts[1];
        assert_eq!(
            (h2.cpus.free, h2.cpus.used, h2.cpus.ratio()),
            (Some(1.0), None, None)
        );
    }
}
