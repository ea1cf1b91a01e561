//! Which host is the best for the next container of a group.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::conditions::Conditions;
use super::stock::{Demand, ShortOf, Stock};
use super::terrain::Terrain;
use crate::model::{Constraint, Spec};

/// The hosts that take containers, with what each has left, by name.
#[derive(Debug, Clone)]
pub(super) struct Stocks<'a>(Vec<Stock<'a>>);

impl<'a> Stocks<'a> {
    pub(super) fn of(terrain: &'a Terrain) -> Self {
        Self(terrain.active().map(Stock::of).collect())
    }

    /// Only those of which it is known what they have left.
    pub(super) fn known(terrain: &'a Terrain) -> Self {
        let known = terrain.active().filter(|host| host.free.is_some());
        Self(known.map(Stock::of).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Stock<'a>> {
        self.0.iter()
    }

    /// Where the host of this name is; `None` for one that takes no containers.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.0
            .binary_search_by(|stock| (*stock.host.name).cmp(name))
            .ok()
    }

    pub(super) fn get(&self, index: usize) -> &Stock<'a> {
        &self.0[index]
    }

    pub(super) fn take(&mut self, index: usize, demand: &Demand) {
        self.0[index].take(demand);
    }
}

/// The containers of one group, to be spread evenly over the hosts.
#[derive(Debug, Clone)]
pub(super) struct Spread<'a> {
    terrain: &'a Terrain,
    conditions: Conditions<'a>,
    demand: Demand,
    placed: BTreeMap<Arc<str>, u32>,
}

impl<'a> Spread<'a> {
    /// Containers of this spec, under its own constraints and these.
    pub(super) fn new(spec: &'a Spec, added: &'a [Constraint], terrain: &'a Terrain) -> Self {
        let constraints = spec.constraints.iter().chain(added);
        Self {
            terrain,
            conditions: Conditions::new(constraints, terrain),
            demand: Demand::of(spec),
            placed: BTreeMap::new(),
        }
    }

    pub(super) fn demand(&self) -> &Demand {
        &self.demand
    }

    /// How many containers are on this host.
    pub(super) fn placed(&self, name: &str) -> u32 {
        self.placed.get(name).copied().unwrap_or(0)
    }

    /// Counts a container that is on this host.
    pub(super) fn place(&mut self, name: &Arc<str>) {
        self.conditions.place(name, self.terrain.host(name));
        *self.placed.entry(Arc::clone(name)).or_default() += 1;
    }

    /// Why the host may not have another container, however much it has left.
    pub(super) fn refusal(&self, stock: &Stock<'_>) -> Option<ShortOf> {
        if self.demand.is_exclusive() && self.placed(&stock.host.name) > 0 {
            return Some(ShortOf::Ports);
        }
        let refusal = self.conditions.refusal(stock.host)?;
        Some(ShortOf::Constraint(refusal.clone()))
    }

    /// Why the host does not take another container.
    pub(super) fn short_of(&self, stock: &Stock<'_>) -> Option<ShortOf> {
        stock.short_of(&self.demand).or_else(|| self.refusal(stock))
    }

    /// The best host for another container: the one with the fewest of them, then with most room.
    pub(super) fn best(&self, stocks: &Stocks<'_>) -> Option<usize> {
        let takes = |(_, stock): &(usize, &Stock<'_>)| self.short_of(stock).is_none();
        let best = stocks.iter().enumerate().filter(takes);
        best.min_by(|(_, a), (_, b)| self.compare(a, b))
            .map(|(index, _)| index)
    }

    fn compare(&self, a: &Stock<'_>, b: &Stock<'_>) -> Ordering {
        let placed = |stock: &Stock<'_>| self.placed(&stock.host.name);
        placed(a)
            .cmp(&placed(b))
            .then_with(|| b.share_left().total_cmp(&a.share_left()))
            .then_with(|| a.host.name.cmp(&b.host.name))
    }
}
