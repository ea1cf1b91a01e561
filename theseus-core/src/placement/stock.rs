//! What a container takes of a host, and what a host has left.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::cluster::{Amounts, Host};
use crate::model::{Constraint, Network, Resources, Spec};

/// What sums of fractions may be off by.
const TOLERANCE: f64 = 1e-6;

/// Why a host does not take another container.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShortOf {
    /// Too few processors.
    Cpus,
    /// Too little memory.
    Mem,
    /// Too little disk.
    Disk,
    /// Too few ports, or one that has to be this very one is taken.
    Ports,
    /// A constraint does not admit the host.
    Constraint(Constraint),
}

impl fmt::Display for ShortOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpus => f.write_str("cpus"),
            Self::Mem => f.write_str("mem"),
            Self::Disk => f.write_str("disk"),
            Self::Ports => f.write_str("ports"),
            Self::Constraint(constraint) => {
                write!(f, "constraint {} {}", constraint.field, constraint.operator)?;
                match &constraint.value {
                    Some(value) => write!(f, " {value}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Serialize for ShortOf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What one container takes of its host.
#[derive(Debug, Clone)]
pub(super) struct Demand {
    resources: Resources,
    /// The ports that must be these.
    fixed: BTreeSet<u16>,
    /// How many ports of any number.
    any: u32,
}

impl Demand {
    pub(super) fn of(spec: &Spec) -> Self {
        let ports = spec.ports.values();
        let mut fixed: BTreeSet<u16> = ports.clone().filter_map(|port| port.host).collect();
        let loose = ports.filter(|port| port.host.is_none());
        let any = match spec.network {
            Network::Bridge => count(loose),
            // On the host's own network either all numbers are given or none.
            Network::Host if fixed.is_empty() => count(loose),
            Network::Host => {
                fixed.extend(loose.map(|port| port.container));
                0
            }
            Network::Named(_) => 0,
        };
        Self {
            resources: spec.resources,
            fixed,
            any,
        }
    }

    /// Whether no two containers that take this fit on one host, however large that is.
    pub(super) fn is_exclusive(&self) -> bool {
        !self.fixed.is_empty()
    }
}

/// A host that takes containers, with what it has left.
#[derive(Debug, Clone)]
pub(super) struct Stock<'a> {
    pub(super) host: &'a Host,
    free: Option<Amounts>,
    fixed_taken: BTreeSet<u16>,
    any_taken: u32,
}

impl<'a> Stock<'a> {
    pub(super) fn of(host: &'a Host) -> Self {
        Self {
            host,
            free: host.free.clone(),
            fixed_taken: BTreeSet::new(),
            any_taken: 0,
        }
    }

    /// What it has too little of; `None` when there is enough, or nobody knows.
    pub(super) fn short_of(&self, demand: &Demand) -> Option<ShortOf> {
        let free = self.free.as_ref()?;
        let wanted = &demand.resources;
        let lacks = |has: f64, wanted: f64| has + TOLERANCE < wanted;
        if lacks(free.cpus, wanted.cpus) {
            Some(ShortOf::Cpus)
        } else if lacks(free.mem, wanted.mem) {
            Some(ShortOf::Mem)
        } else if lacks(free.disk, wanted.disk) {
            Some(ShortOf::Disk)
        } else if self.has_ports(free, demand) {
            None
        } else {
            Some(ShortOf::Ports)
        }
    }

    fn has_ports(&self, free: &Amounts, demand: &Demand) -> bool {
        let is_free = |port: &u16| {
            !self.fixed_taken.contains(port) && free.ports.iter().any(|range| range.contains(port))
        };
        let all: u32 = free.ports.iter().map(|range| count(range.clone())).sum();
        let taken = count(&self.fixed_taken).saturating_add(self.any_taken);
        let wanted = count(&demand.fixed).saturating_add(demand.any);
        demand.fixed.iter().all(is_free) && all.saturating_sub(taken) >= wanted
    }

    /// Gives a container what it takes.
    pub(super) fn take(&mut self, demand: &Demand) {
        if let Some(free) = &mut self.free {
            free.cpus -= demand.resources.cpus;
            free.mem -= demand.resources.mem;
            free.disk -= demand.resources.disk;
        }
        self.fixed_taken.extend(&demand.fixed);
        self.any_taken = self.any_taken.saturating_add(demand.any);
    }

    /// How much of the host is left, as a share of what it has most lately run out of: processors
    /// or memory. Less than nothing where nobody knows.
    pub(super) fn share_left(&self) -> f64 {
        let (Some(free), Some(total)) = (&self.free, &self.host.total) else {
            return -1.0;
        };
        let share = |free: f64, total: f64| if total > 0.0 { free / total } else { 0.0 };
        share(free.cpus, total.cpus).min(share(free.mem, total.mem))
    }
}

/// How many there are. More than fit are as many as fit.
pub(super) fn count<T>(items: impl IntoIterator<Item = T>) -> u32 {
    u32::try_from(items.into_iter().count()).unwrap_or(u32::MAX)
}
