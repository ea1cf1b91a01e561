//! Growing a fixed-host group: an app of one container for each slot, pinned to the slot's host.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::census::{count, created, live};
use super::replace::{Means, Replacement};
use super::whole::{release_surplus, scale, trim};
use crate::cluster::{App, Change, Container, ContainerState, NewApp, Part};

/// Starts the slots that there is room for, and pins those that have found a host by themselves.
pub(super) fn grow(replacement: &Replacement<'_>, means: &mut Means) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut crowd = Crowd::of(replacement);
    let asked: u32 = replacement
        .cast
        .wanted
        .iter()
        .map(|app| app.instances)
        .sum();
    let mut lacking = replacement.aim().saturating_sub(asked);
    let wanted: BTreeMap<u32, &App> = slots_of(&replacement.cast.wanted).collect();
    let taken: BTreeMap<u32, &App> = slots_of(&replacement.cast.old)
        .filter(|(_, app)| app.revision == replacement.revision)
        .collect();
    for slot in 0..replacement.bounds.instances {
        let app = wanted.get(&slot).copied();
        if app.is_none_or(|app| app.instances == 0) {
            // What stands in its place, under its very name, has to be gone first.
            let is_free = app.is_none_or(|app| app.operations.is_empty())
                && !taken.contains_key(&slot)
                && crowd.leaves_room_for(slot);
            if lacking > 0 && means.room > 0 && is_free {
                lacking -= 1;
                means.room -= 1;
                crowd.add(slot);
                changes.push(app.map_or_else(|| create(replacement, slot), |app| scale(app, 1)));
            }
        } else if let Some(app) = app {
            changes.extend(if app.operations.is_empty() {
                trim(app, 1, replacement).or_else(|| pin(replacement, app, slot, means))
            } else {
                release_surplus(app, 1)
            });
        }
    }
    changes
}

fn slots_of<'a>(apps: &'a [&'a App]) -> impl Iterator<Item = (u32, &'a App)> {
    apps.iter().filter_map(|app| match app.part {
        Part::Slot(slot) => Some((slot, *app)),
        Part::Whole | Part::Stable => None,
    })
}

fn create(replacement: &Replacement<'_>, slot: u32) -> Change {
    Change::Create(Box::new(NewApp {
        group: replacement.group.clone(),
        revision: replacement.revision,
        part: Part::Slot(slot),
        pinned_to: replacement.view.slots.get(&slot).cloned(),
        spec: Arc::clone(replacement.spec),
        instances: 1,
    }))
}

/// Pins an app that started free, once its container has found a host. The container stops before
/// another one starts, so what is ready goes only where it may be missing for a while.
fn pin(replacement: &Replacement<'_>, app: &App, slot: u32, means: &mut Means) -> Option<Change> {
    let host = replacement.view.slots.get(&slot)?;
    let has_landed = |c: &Container| c.state == ContainerState::Running && c.host.is_some();
    if app.pinned_to.is_some() || !live(app).any(has_landed) {
        return None;
    }
    if live(app).any(|c| app.is_served_by(c)) {
        means.spare_moving = means.spare_moving.checked_sub(1)?;
        means.spare_ready = means.spare_ready.saturating_sub(1);
        means.spare = means.spare.saturating_sub(1);
    }
    Some(Change::Pin {
        app: app.id.clone(),
        host: Arc::clone(host),
    })
}

/// How many of the group's containers are on each host, where no host may hold more of them than
/// it has slots. As long as there are fewer containers than slots, some slot has a place.
struct Crowd<'a> {
    slots: &'a super::Slots,
    /// Free places by host; `None` where new containers run beside old ones.
    places: Option<BTreeMap<&'a str, i64>>,
}

impl<'a> Crowd<'a> {
    fn of(replacement: &Replacement<'a>) -> Self {
        let slots = replacement.view.slots;
        let mut crowd = Self {
            slots,
            places: None,
        };
        if !replacement.bounds.is_stop_first() {
            return crowd;
        }
        let mut places: BTreeMap<&str, i64> = BTreeMap::new();
        for host in (0..replacement.bounds.instances).filter_map(|slot| slots.get(&slot)) {
            *places.entry(host).or_default() += 1;
        }
        // What is about to move hinders only those that cannot run beside it: it may itself be
        // waiting for one of them to be ready.
        let clashes = replacement.spec.why_stop_first().is_some();
        let hinders = |app: &App| clashes || app.revision != replacement.revision;
        for app in replacement.cast.old.iter().filter(|app| hinders(app)) {
            let pinned_to = app.pinned_to.as_deref();
            for host in live(app).filter_map(|c| c.host.as_deref().or(pinned_to)) {
                *places.entry(host).or_default() -= 1;
            }
            // What is only promised takes its place as soon as the engine can start it.
            if let Some(host) = pinned_to {
                let promised = created(app) - count(live(app));
                *places.entry(host).or_default() -= i64::from(promised);
            }
        }
        crowd.places = Some(places);
        for (slot, app) in slots_of(&replacement.cast.wanted) {
            if created(app) > 0 {
                crowd.add(slot);
            }
        }
        crowd
    }

    fn add(&mut self, slot: u32) {
        if let (Some(places), Some(host)) = (&mut self.places, self.slots.get(&slot)) {
            *places.entry(host).or_default() -= 1;
        }
    }

    fn leaves_room_for(&self, slot: u32) -> bool {
        match (&self.places, self.slots.get(&slot)) {
            (Some(places), Some(host)) => places.get(&**host).is_some_and(|free| *free > 0),
            _ => true,
        }
    }
}
