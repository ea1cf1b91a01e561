//! The hosts of a fixed-host group's slots.
//!
//! A slot that has a host keeps it: by its record, or, where that is lost, by what runs. A host is
//! given up only when the cluster knows it to be gone, and has for as long as the spec says. All
//! other slots are placed: on the hosts where a group that gets fixed hosts runs already, else
//! spread evenly, and never where there is known to be no room.

mod running;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::rule::{Ruling, Unsatisfiable, hosts_word};
use super::spread::{Spread, Stocks};
use super::terrain::Terrain;
use crate::cluster::App;
use crate::model::{GroupId, Spec};
use crate::records::SlotRecord;
use crate::rollout::Slots;

/// What the hosts of slots depend on.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Which group.
    pub group: &'a GroupId,
    /// What it is to be.
    pub spec: &'a Spec,
    /// What is recorded of its slots.
    pub records: &'a BTreeMap<u32, SlotRecord>,
    /// What runs of it, of whatever revision.
    pub apps: &'a [App],
    /// The hosts.
    pub terrain: &'a Terrain,
    /// What the spec's custom constraints mean now.
    pub ruling: &'a Ruling,
    /// The time.
    pub now: Timestamp,
}

/// The hosts of slots. Every slot is in `hosts`, in `free` or in `stuck`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Assignment {
    /// The host of each slot that has one, lost ones included.
    pub hosts: Slots,
    /// The slots that leave a lost host for another.
    pub moves: Vec<Move>,
    /// The slots that may start anywhere, and belong to the host where they land: there may be
    /// hosts for them that nobody knows.
    pub free: Vec<u32>,
    /// The slots for which no host is left, though all hosts are known.
    pub stuck: Vec<u32>,
    /// The slots whose host is gone, and that wait for it.
    pub lost: Vec<Lost>,
    /// Why slots are stuck, or cannot move, and what the spec's custom constraints lack.
    pub problems: Vec<Unsatisfiable>,
}

/// A slot leaves a host that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Which slot.
    pub slot: u32,
    /// The host that is gone.
    pub from: Arc<str>,
    /// The host that takes its place.
    pub to: Arc<str>,
}

/// A slot waits for a host that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// Which slot.
    pub slot: u32,
    /// The host.
    pub host: Arc<str>,
    /// Since when it is known to be gone.
    pub since: Timestamp,
    /// When the slot may leave it; never when `None`.
    pub moves_at: Option<Timestamp>,
}

impl Assignment {
    /// The records of all slots as they are to be from now on, by slot. Records of slots that are
    /// not among them belong to nothing any more.
    pub fn records(&self, request: &Request<'_>) -> BTreeMap<u32, SlotRecord> {
        let lost = self.lost.iter().map(|lost| (lost.slot, lost.since));
        let lost: BTreeMap<u32, Timestamp> = lost.collect();
        let record = |(slot, host): (&u32, &Arc<str>)| {
            let former = request.records.get(slot);
            let kept = former.filter(|former| former.host == *host);
            let record = kept.cloned().unwrap_or_else(|| SlotRecord {
                group: request.group.clone(),
                slot: *slot,
                host: Arc::clone(host),
                since: request.now,
                moved_from: former.map(|former| Arc::clone(&former.host)),
                lost_since: None,
            });
            let lost_since = lost.get(slot).copied();
            (
                *slot,
                SlotRecord {
                    lost_since,
                    ..record
                },
            )
        };
        self.hosts.iter().map(record).collect()
    }
}

/// The hosts of the slots of a group. What it answers depends on nothing but the request, and not
/// on the order of anything in it.
pub fn assign(request: &Request<'_>) -> Assignment {
    let mut round = Round {
        spread: Spread::new(request.spec, &request.ruling.constraints, request.terrain),
        stocks: Stocks::of(request.terrain),
        is_exhausted: false,
        assignment: Assignment {
            problems: request.ruling.problems.clone(),
            ..Assignment::default()
        },
        request,
    };
    let (homeless, overdue) = round.keep();
    round.place(homeless, overdue);
    round.assignment
}

/// One assignment on its way.
struct Round<'a> {
    request: &'a Request<'a>,
    spread: Spread<'a>,
    stocks: Stocks<'a>,
    /// Whether no host takes another slot, as far as they are settled.
    is_exhausted: bool,
    assignment: Assignment,
}

impl Round<'_> {
    /// Gives every slot that has a host the same host again. Returns the slots that have none, and
    /// those that have lost theirs for too long.
    fn keep(&mut self) -> (Vec<u32>, BTreeMap<u32, Lost>) {
        let (mut homeless, mut overdue) = (Vec::new(), BTreeMap::new());
        let homes = running::homes(self.request.apps);
        let running = running::slots(self.request.apps);
        for slot in 0..self.request.spec.instances {
            let record = self.request.records.get(&slot);
            let home = record.map(|record| &record.host);
            let Some(host) = home.or_else(|| homes.get(&slot).copied()) else {
                homeless.push(slot);
                continue;
            };
            if !self.request.terrain.is_gone(host) {
                if !running.contains(&(slot, &**host)) {
                    self.reserve(host);
                }
                self.settle(slot, host);
                continue;
            }
            let since = record.and_then(|record| record.lost_since);
            let lost = self.lost(slot, host, since.unwrap_or(self.request.now));
            if lost.moves_at.is_some_and(|at| at <= self.request.now) {
                homeless.push(slot);
                overdue.insert(slot, lost);
            } else {
                self.wait(lost);
            }
        }
        (homeless, overdue)
    }

    /// Sets aside what a slot is going to take of its host, once it runs there.
    fn reserve(&mut self, host: &str) {
        if let Some(at) = self.stocks.find(host) {
            self.stocks.take(at, self.spread.demand());
        }
    }

    fn settle(&mut self, slot: u32, host: &Arc<str>) {
        self.is_exhausted = false;
        self.spread.place(host);
        self.assignment.hosts.insert(slot, Arc::clone(host));
    }

    fn lost(&self, slot: u32, host: &Arc<str>, since: Timestamp) -> Lost {
        let patience = self.request.spec.fixed_host().flatten();
        let moves_at = patience.and_then(|patience| {
            let patience = SignedDuration::try_from(patience).ok()?;
            since.checked_add(patience).ok()
        });
        Lost {
            slot,
            host: Arc::clone(host),
            since,
            moves_at,
        }
    }

    fn wait(&mut self, lost: Lost) {
        let host = Arc::clone(&lost.host);
        self.settle(lost.slot, &host);
        self.assignment.lost.push(lost);
    }

    /// Finds hosts for these slots, some of which leave one that is lost.
    fn place(&mut self, slots: Vec<u32>, mut overdue: BTreeMap<u32, Lost>) {
        let mut inherited = running::unslotted(self.request.apps);
        let (mut homeless, mut stranded) = (Vec::new(), Vec::new());
        for slot in slots {
            let lost = overdue.remove(&slot);
            let found = match self.request.ruling.hosts.get(&slot) {
                Some(host) => self.proposed(slot, host),
                None if lost.is_none() => self.inherit(&mut inherited).or_else(|| self.best()),
                None => self.best(),
            };
            match (found, lost) {
                (Some(to), Some(Lost { host: from, .. })) => {
                    self.settle(slot, &to);
                    self.assignment.moves.push(Move { slot, from, to });
                }
                (Some(host), None) => self.settle(slot, &host),
                (None, Some(lost)) => {
                    stranded.push(slot);
                    self.wait(lost);
                }
                (None, None) => homeless.push(slot),
            }
        }
        self.tell("no other host", &stranded);
        if self.request.terrain.is_complete() {
            self.tell("no host", &homeless);
            self.assignment.stuck = homeless;
        } else {
            self.assignment.free = homeless;
        }
    }

    /// The host that a rule wants for a slot, if that takes it.
    fn proposed(&mut self, slot: u32, host: &Arc<str>) -> Option<Arc<str>> {
        let reason = match self.stocks.find(host) {
            Some(at) => match self.spread.short_of(self.stocks.get(at)) {
                None => {
                    self.stocks.take(at, self.spread.demand());
                    return Some(Arc::clone(host));
                }
                Some(short) => format!("is short of {short}"),
            },
            None => "takes no containers".to_owned(),
        };
        self.assignment.problems.push(Unsatisfiable {
            what: format!(
                "slot {slot} of {}: the host that is chosen for it {reason}",
                self.request.group
            ),
            hosts: vec![Arc::clone(host)],
        });
        None
    }

    /// A host where the group runs without slots: one of its containers makes place there for the
    /// slot's.
    fn inherit(&mut self, inherited: &mut BTreeMap<&Arc<str>, u32>) -> Option<Arc<str>> {
        let is_good = |host: &str| {
            let at = self.stocks.find(host);
            at.is_some_and(|at| self.spread.refusal(self.stocks.get(at)).is_none())
        };
        let (host, containers) = inherited
            .iter_mut()
            .filter(|(host, containers)| **containers > 0 && is_good(host))
            .min_by_key(|(host, _)| (self.spread.placed(host), **host))?;
        *containers -= 1;
        Some(Arc::clone(host))
    }

    /// The best host for another slot, with the room set aside.
    fn best(&mut self) -> Option<Arc<str>> {
        if self.is_exhausted {
            return None;
        }
        let Some(at) = self.spread.best(&self.stocks) else {
            self.is_exhausted = true;
            return None;
        };
        self.stocks.take(at, self.spread.demand());
        Some(Arc::clone(&self.stocks.get(at).host.name))
    }

    /// Says which slots lack a host, and what every host is short of. Where a rule has chosen one,
    /// that has been said.
    fn tell(&mut self, what: &str, slots: &[u32]) {
        let is_chosen = |slot: &&u32| self.request.ruling.hosts.contains_key(slot);
        let mut slots = slots.iter().filter(|slot| !is_chosen(slot));
        let Some(first) = slots.next() else { return };
        let slots = match slots.count() {
            0 => format!("slot {first}"),
            more => format!("slot {first} and {more} more"),
        };
        let hosts: Vec<_> = self
            .stocks
            .iter()
            .map(|stock| Arc::clone(&stock.host.name))
            .collect();
        let (group, count) = (self.request.group, hosts_word(hosts.len()));
        let reasons = self.shortages();
        self.assignment.problems.push(Unsatisfiable {
            what: format!("{what} for {slots} of {group}: of {count} {reasons}"),
            hosts,
        });
    }

    /// What hosts are short of, with the numbers.
    fn shortages(&self) -> String {
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for short in self.stocks.iter().filter_map(|it| self.spread.short_of(it)) {
            *reasons.entry(short.to_string()).or_default() += 1;
        }
        if reasons.is_empty() {
            return "none takes another".to_owned();
        }
        let reason = |(reason, hosts)| format!("{hosts} short of {reason}");
        let reasons: Vec<_> = reasons.into_iter().map(reason).collect();
        reasons.join(", ")
    }
}

#[cfg(test)]
mod tests;
