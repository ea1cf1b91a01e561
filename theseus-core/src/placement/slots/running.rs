//! What the containers that run say of slots.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster::{App, Part};
use crate::placement::terrain::is_live;

/// The host where each slot is: where its newest app is pinned, or else where it landed.
pub(super) fn homes(apps: &[App]) -> BTreeMap<u32, &Arc<str>> {
    let mut found: BTreeMap<u32, _> = BTreeMap::new();
    for (slot, app) in slotted(apps) {
        let Some(host) = app.pinned_to.as_ref().or_else(|| landed(app).min()) else {
            continue;
        };
        let rank = (app.pinned_to.is_some(), app.revision, host);
        let best = found.entry(slot).or_insert(rank);
        *best = rank.max(*best);
    }
    let host = |(slot, (_, _, host))| (slot, host);
    found.into_iter().map(host).collect()
}

/// Which slots have a container, and where.
pub(super) fn slots(apps: &[App]) -> BTreeSet<(u32, &str)> {
    slotted(apps)
        .flat_map(|(slot, app)| landed(app).map(move |host| (slot, &**host)))
        .collect()
}

/// How many containers each host has that belong to no slot.
pub(super) fn unslotted(apps: &[App]) -> BTreeMap<&Arc<str>, u32> {
    let mut hosts = BTreeMap::new();
    let apps = apps.iter().filter(|app| !matches!(app.part, Part::Slot(_)));
    for host in apps.flat_map(landed) {
        *hosts.entry(host).or_default() += 1;
    }
    hosts
}

fn slotted(apps: &[App]) -> impl Iterator<Item = (u32, &App)> {
    apps.iter().filter_map(|app| match app.part {
        Part::Slot(slot) => Some((slot, app)),
        Part::Whole | Part::Stable => None,
    })
}

/// The hosts of an app's containers.
fn landed(app: &App) -> impl Iterator<Item = &Arc<str>> {
    let live = app.containers.iter().filter(|c| is_live(c));
    live.filter_map(|container| container.host.as_ref())
}
