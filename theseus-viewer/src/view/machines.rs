//! The machines, with the containers on each.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use theseus_core::cluster::Inventory;
use theseus_core::hosts::{HostStatus, hosts};
use theseus_core::state::Observed;
use theseus_core::status::Status;

use super::{Mark, Stamps, Trouble, Version};

/// What the cluster tells of its machines.
#[derive(Debug, Clone, Default)]
pub(crate) struct News {
    /// What it told last.
    pub(crate) inventory: Inventory,
    /// When; `None` where it has told nothing yet.
    pub(crate) told_at: Option<Timestamp>,
    /// Why it does not tell now.
    pub(crate) trouble: Option<Trouble>,
}

/// All machines.
#[derive(Debug)]
pub(crate) struct Machines {
    /// When the cluster last told what they have.
    pub(crate) told_at: Option<Timestamp>,
    /// Why it does not tell now.
    pub(crate) trouble: Option<Trouble>,
    /// Whether these are all there are.
    pub(crate) is_complete: bool,
    /// When one of these three changed; of the time only that there is one.
    pub(crate) changed: Version,
    hosts: Vec<Machine>,
    names: Vec<Arc<str>>,
    stamps: Stamps,
    /// The places of the machines, in the order in which people count them.
    order: Vec<usize>,
}

/// One machine.
#[derive(Debug, PartialEq)]
pub(crate) struct Machine {
    /// What it has, and what is taken of that.
    pub(crate) status: HostStatus,
    /// The containers on it, by group.
    pub(crate) cells: Vec<Cell>,
}

/// A container on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    /// The place of its group in the status.
    pub(crate) group: usize,
    /// Its place in the group.
    pub(crate) container: usize,
    /// How it is.
    pub(crate) mark: Mark,
}

impl Machines {
    pub(super) fn new(
        before: Option<&Self>,
        news: &News,
        observed: &Observed,
        status: &Status,
        version: Version,
    ) -> Self {
        let mut cells: HashMap<&str, Vec<Cell>> = HashMap::new();
        for (group, it) in status.groups.iter().enumerate() {
            for (container, one) in it.containers.iter().enumerate() {
                let Some(host) = one.host.as_deref() else {
                    continue;
                };
                let mark = Mark::of(one, it.revision);
                cells.entry(host).or_default().push(Cell {
                    group,
                    container,
                    mark,
                });
            }
        }
        let told = hosts(&news.inventory, observed);
        let machine = |status: HostStatus| Machine {
            cells: cells.remove(&*status.host).unwrap_or_default(),
            status,
        };
        let hosts: Vec<Machine> = told.hosts.into_iter().map(machine).collect();
        let names: Vec<_> = hosts.iter().map(|it| Arc::clone(&it.status.host)).collect();
        let stamps = Stamps::new(
            before.map(|before| (&*before.names, &before.stamps)),
            &names,
            |former, now| before.is_some_and(|before| before.hosts[former] == hosts[now]),
            version,
        );
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by_cached_key(|&index| natural(&names[index]));
        let (told_at, trouble) = (news.told_at, news.trouble.clone());
        let same = before.filter(|before| {
            before.told_at.is_some() == told_at.is_some()
                && before.trouble == trouble
                && before.is_complete == told.complete
        });
        Self {
            told_at,
            trouble,
            is_complete: told.complete,
            changed: same.map_or(version, |before| before.changed),
            hosts,
            names,
            stamps,
            order,
        }
    }

    /// When a machine last came or went.
    pub(crate) fn list_changed(&self) -> Version {
        self.stamps.list
    }

    /// The machines as people count them, and when each of them last changed.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&Machine, Version)> {
        let at = |&index: &usize| (&self.hosts[index], self.stamps.each[index]);
        self.order.iter().map(at)
    }

    /// A machine, and when it last changed.
    pub(crate) fn get(&self, name: &str) -> Option<(&Machine, Version)> {
        let index = self.names.binary_search_by(|it| (**it).cmp(name)).ok()?;
        Some((&self.hosts[index], self.stamps.each[index]))
    }
}

/// What sorts `host-2` before `host-10`: the name in pieces of text, each with the number behind it.
fn natural(name: &str) -> Vec<(&str, u64)> {
    let mut pieces = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digit = |c: char| c.is_ascii_digit();
        let (text, behind) = rest.split_at(rest.find(digit).unwrap_or(rest.len()));
        let end = behind.find(|c| !digit(c)).unwrap_or(behind.len());
        pieces.push((text, behind[..end].parse().unwrap_or(u64::MAX)));
        rest = &behind[end..];
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_in_the_order_in_which_people_count_them() {
        let mut names = [
            "host-10",
            "host-2.b",
            "host-2.a",
            "10.0.0.9",
            "10.0.0.10",
            "db",
        ];
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(
            names,
            [
                "10.0.0.9",
                "10.0.0.10",
                "db",
                "host-2.a",
                "host-2.b",
                "host-10"
            ]
        );
    }
}
