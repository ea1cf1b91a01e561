//! Whether the cluster has the room for what a plan brings about.

use std::sync::Arc;

use serde::Serialize;

use super::spread::{Spread, Stocks};
use super::stock::{ShortOf, count};
use super::terrain::Terrain;
use crate::model::{Constraint, GroupId, Spec};

/// Containers that a group needs beyond those that it has.
#[derive(Debug, Clone, Copy)]
pub struct Need<'a> {
    /// Which group.
    pub group: &'a GroupId,
    /// What each container is.
    pub spec: &'a Spec,
    /// What custom constraints add to the spec's own.
    pub constraints: &'a [Constraint],
    /// How many more there are at once, at most.
    pub count: u32,
    /// The hosts of the containers that constraints already count: those of the same app.
    pub placed: &'a [Arc<str>],
    /// The hosts of the slots that get a container, one for each. They may be more than `count`:
    /// those beyond have their turn when others are done, and need room on their host all the same.
    /// When they are fewer, the rest may go anywhere. Nobody needs room while `count` is 0.
    pub pins: &'a [Arc<str>],
}

/// Whether a group finds the room that it needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Room {
    /// Which group.
    pub group: GroupId,
    /// How many containers need room.
    pub wanted: u32,
    /// How many of them find it.
    pub fits: u32,
    /// The hosts that take containers and of which it is known what they have left, by name.
    pub per_host: Vec<HostRoom>,
    /// Whether that is all there is to know. Otherwise at least so many fit.
    pub known: bool,
}

impl Room {
    /// Whether it is known that the room does not suffice.
    pub fn is_short(&self) -> bool {
        self.known && self.fits < self.wanted
    }
}

/// What one host takes of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HostRoom {
    /// The host's name.
    pub host: Arc<str>,
    /// How many of the wanted containers it takes.
    pub fits: u32,
    /// Why it takes no more than that; `None` when it would.
    pub short_of: Option<ShortOf>,
}

/// Whether these groups, which grow at the same time, find room; in the order given, in which each
/// takes from what those before it have left. The engine may place containers in another way, so
/// where it is close this is an estimate.
pub fn check<'a>(needs: &[Need<'a>], terrain: &'a Terrain) -> Vec<Room> {
    let mut stocks = Stocks::known(terrain);
    needs
        .iter()
        .map(|need| fill(need, &mut stocks, terrain))
        .collect()
}

/// Takes from the stocks what a group needs.
fn fill<'a>(need: &Need<'a>, stocks: &mut Stocks<'a>, terrain: &'a Terrain) -> Room {
    let mut spread = Spread::new(need.spec, need.constraints, terrain);
    for name in need.placed {
        spread.place(name);
    }
    let pins = if need.count == 0 { &[] } else { need.pins };
    let mut taken = vec![0_u32; stocks.iter().count()];
    for (index, pin) in pins.iter().enumerate() {
        let at = stocks.find(pin);
        let Some(at) = at.filter(|at| spread.short_of(stocks.get(*at)).is_none()) else {
            continue;
        };
        taken[at] += 1;
        // One whose turn comes later takes what others will have given back.
        if index < need.count as usize {
            stocks.take(at, spread.demand());
            spread.place(pin);
        }
    }
    for _ in count(pins)..need.count {
        let Some(at) = spread.best(stocks) else { break };
        taken[at] += 1;
        stocks.take(at, spread.demand());
        spread.place(&Arc::clone(&stocks.get(at).host.name));
    }
    Room {
        group: need.group.clone(),
        wanted: need.count.max(count(pins)),
        fits: taken.iter().sum(),
        per_host: stocks
            .iter()
            .zip(&taken)
            .map(|(stock, fits)| HostRoom {
                host: Arc::clone(&stock.host.name),
                fits: *fits,
                short_of: spread.short_of(stock),
            })
            .collect(),
        known: terrain.is_complete() && terrain.active().all(|host| host.free.is_some()),
    }
}

#[cfg(test)]
mod tests;
