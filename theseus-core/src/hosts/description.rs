//! One machine in full: what it has, and all that is known to run there.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{HostStatus, Hosts, hosts};
use crate::cluster::{ContainerId, ContainerState, Inventory, Tenant};
use crate::model::GroupId;
use crate::state::Observed;
use crate::status::{ContainerStatus, status};
use crate::suggest::nearest;

/// A machine in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HostDescription {
    /// The version of this shape.
    pub format_version: u32,
    /// What it has, and what is taken of it.
    #[serde(flatten)]
    pub status: HostStatus,
    /// The containers on it, by group.
    pub groups: Vec<GroupThere>,
    /// The slots of fixed-host groups that belong to it.
    pub slots: Vec<SlotThere>,
    /// How many containers on it are of apps that no group accounts for.
    pub foreign: u32,
    /// Who else runs things there, besides the engine; `None` where that is not known.
    pub others: Option<Vec<Tenant>>,
    /// Why it is not known who else runs things there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others_unknown: Option<String>,
}

/// The containers of a group on a machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupThere {
    /// Which group.
    pub group: GroupId,
    /// Its containers there.
    pub containers: Vec<ContainerThere>,
}

/// A container on a machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContainerThere {
    /// How it is doing.
    #[serde(flatten)]
    pub status: ContainerStatus,
    /// Since when it cannot be reached, where that is so and the registry knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreachable_since: Option<Timestamp>,
}

/// A slot that belongs to a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlotThere {
    /// The group.
    pub group: GroupId,
    /// Which of its slots, counted from 0.
    pub slot: u32,
    /// Since when the machine is known to be gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_since: Option<Timestamp>,
}

/// That there is no such host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no host {name}")]
pub struct UnknownHost {
    /// What was asked for.
    pub name: String,
    /// What was probably meant.
    pub near: Option<String>,
    /// Whether all hosts are known.
    pub complete: bool,
}

/// What is known of a host of this name besides what is seen of the cluster.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Beside {
    /// Since when containers cannot be reached.
    pub since: BTreeMap<ContainerId, Timestamp>,
    /// Who else runs things there, or why that is not known.
    pub others: Option<Result<Vec<Tenant>, String>>,
}

/// Puts together what is known of a host.
pub fn describe(
    name: &str,
    inventory: &Inventory,
    observed: &Observed,
    beside: Beside,
) -> Result<HostDescription, UnknownHost> {
    let told = hosts(inventory, observed);
    let status = find(told, name)?;
    let there = |container: ContainerStatus| ContainerThere {
        unreachable_since: beside
            .since
            .get(&container.id)
            .copied()
            .filter(|_| container.state == ContainerState::Unreachable),
        status: container,
    };
    let groups = status_of_groups(observed, name)
        .map(|(group, containers)| GroupThere {
            group,
            containers: containers.into_iter().map(there).collect(),
        })
        .collect();
    let is_listed = inventory.host(name).is_some();
    let (others, others_unknown) = match beside.others {
        Some(_) if !is_listed => (None, Some("the host is not heard of".to_owned())),
        Some(Ok(others)) => (Some(others), None),
        Some(Err(reason)) => (None, Some(reason)),
        None => (None, None),
    };
    Ok(HostDescription {
        format_version: 1,
        foreign: observed.foreign_on.get(name).copied().unwrap_or_default(),
        status,
        groups,
        slots: slots(observed, name),
        others,
        others_unknown,
    })
}

/// The host of this name, or the one that was probably meant.
fn find(told: Hosts, name: &str) -> Result<HostStatus, UnknownHost> {
    let names: Vec<Arc<str>> = told.hosts.iter().map(|it| Arc::clone(&it.host)).collect();
    let found = told.hosts.into_iter().find(|host| &*host.host == name);
    found.ok_or_else(|| UnknownHost {
        name: name.to_owned(),
        near: nearest(name, names.iter().map(|it| &**it)).map(str::to_owned),
        complete: told.complete,
    })
}

fn status_of_groups(
    observed: &Observed,
    host: &str,
) -> impl Iterator<Item = (GroupId, Vec<ContainerStatus>)> {
    let groups = status(observed).groups.into_iter();
    groups.filter_map(move |group| {
        let here = |it: &ContainerStatus| {
            it.state != ContainerState::Ended && it.host.as_deref() == Some(host)
        };
        let containers: Vec<_> = group.containers.into_iter().filter(here).collect();
        (!containers.is_empty()).then_some((group.group, containers))
    })
}

fn slots(observed: &Observed, host: &str) -> Vec<SlotThere> {
    let groups = observed.groups.values();
    let slots = groups.flat_map(|state| state.slots.values().map(|stored| &stored.record));
    slots
        .filter(|slot| &*slot.host == host)
        .map(|slot| SlotThere {
            group: slot.group.clone(),
            slot: slot.slot,
            lost_since: slot.lost_since,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{amounts, host, observed};
    use super::*;
    use crate::cluster::HostState;
    use crate::records::{SlotRecord, Stored};
    use crate::store::Revision;

    fn inventory() -> Inventory {
        let full = Some(amounts(4.0, &[31_000..=31_009]));
        let mut one = host("h1", full, Some(amounts(3.0, &[31_002..=31_009])));
        one.attributes.insert("rack".to_owned(), "a".to_owned());
        Inventory {
            hosts: vec![one, host("agent-2.example.com", None, None)],
            is_complete: true,
        }
    }

    fn beside() -> Beside {
        Beside {
            since: [(ContainerId("a:dev-1".to_owned()), Timestamp::UNIX_EPOCH)].into(),
            others: Some(Ok(vec![Tenant {
                name: "chronos".to_owned(),
                tasks: 2,
            }])),
        }
    }

    #[test]
    fn a_host_in_full() {
        let mut observed = observed();
        observed.foreign_on.insert("h1".into(), 3);
        let told = describe("h1", &inventory(), &observed, beside()).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&told).unwrap());
    }

    #[test]
    fn a_host_that_is_gone_and_that_a_slot_waits_for() {
        let mut observed = observed();
        let group: GroupId = "db:dev".parse().unwrap();
        let record = SlotRecord {
            group: group.clone(),
            slot: 2,
            host: "h9".into(),
            since: Timestamp::UNIX_EPOCH,
            moved_from: None,
            lost_since: Some(Timestamp::UNIX_EPOCH),
        };
        let stored = Stored {
            record,
            modified: Revision(1),
        };
        let state = observed.groups.entry(group.clone()).or_default();
        state.slots.insert(2, stored);
        let told = describe("h9", &inventory(), &observed, beside()).unwrap();
        assert_eq!((told.status.state, told.groups), (HostState::Gone, vec![]));
        assert_eq!(told.others, None, "who would know?");
        let lost_since = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(
            told.slots,
            [SlotThere {
                group,
                slot: 2,
                lost_since
            }]
        );
    }

    #[test]
    fn why_it_is_not_known_who_else_is_there() {
        let beside = Beside {
            others: Some(Err("it does not answer".to_owned())),
            ..Beside::default()
        };
        let told = describe("h1", &inventory(), &observed(), beside).unwrap();
        assert_eq!(
            (told.others, told.others_unknown.as_deref()),
            (None, Some("it does not answer"))
        );
    }

    #[test]
    fn an_unknown_host_is_told_with_what_was_probably_meant() {
        for (name, near) in [
            ("h11", Some("h1")),
            ("agent-2", Some("agent-2.example.com")),
            ("elsewhere", None),
        ] {
            let error = describe(name, &inventory(), &observed(), beside()).unwrap_err();
            assert_eq!(error.near.as_deref(), near, "{name}");
            assert_eq!(error.to_string(), format!("there is no host {name}"));
        }
        // One that only containers tell of is known, too.
        assert!(describe("h2", &inventory(), &observed(), beside()).is_ok());
    }
}
