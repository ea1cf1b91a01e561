//! Who of a group's apps is to stay, and who is to go.

use crate::cluster::{App, Part, Revision};
use crate::model::{Spec, Strategy};

use super::Slots;

/// The apps of a group by what is to become of them.
#[derive(Debug)]
pub(super) struct Cast<'a> {
    /// Those that run what is wanted, where it is wanted.
    pub(super) wanted: Vec<&'a App>,
    /// Those that are to go.
    pub(super) old: Vec<&'a App>,
    /// The stable app that the engine is to bring to the wanted revision first.
    pub(super) turning: Option<&'a App>,
}

impl<'a> Cast<'a> {
    pub(super) fn of(revision: Revision, spec: &Spec, apps: &'a [App], slots: &Slots) -> Self {
        if spec.fixed_host().is_some() {
            let (wanted, old) = apps.iter().partition(|app| {
                is_slot_of(app, revision, spec.instances) && !is_elsewhere(app, slots)
            });
            return Self {
                wanted,
                old,
                turning: None,
            };
        }
        let is_native = spec.update.strategy == Strategy::Native;
        let preferred = if is_native { Part::Stable } else { Part::Whole };
        // A change of strategy alone restarts nothing, so that the revision may run in either way.
        let whole = |app: &&App| app.revision == revision && !matches!(app.part, Part::Slot(_));
        let wanted = apps
            .iter()
            .filter(whole)
            .max_by_key(|app| app.part == preferred);
        let turning = apps
            .iter()
            .find(|app| is_native && wanted.is_none() && app.part == Part::Stable);
        let is_old = |app: &&App| {
            [wanted, turning]
                .into_iter()
                .flatten()
                .all(|kept| kept.id != app.id)
        };
        Self {
            wanted: wanted.into_iter().collect(),
            old: apps.iter().filter(is_old).collect(),
            turning,
        }
    }

    /// The wanted app of a slot.
    pub(super) fn slot(&self, slot: u32) -> Option<&'a App> {
        let mut wanted = self.wanted.iter();
        wanted.find(|app| app.part == Part::Slot(slot)).copied()
    }

    /// Whether an old app stands in its successor's place, under the very name that that will have:
    /// the slot has moved to another host.
    pub(super) fn is_in_the_way(app: &App, revision: Revision, instances: u32) -> bool {
        is_slot_of(app, revision, instances)
    }
}

fn is_slot_of(app: &App, revision: Revision, instances: u32) -> bool {
    app.revision == revision && matches!(app.part, Part::Slot(slot) if slot < instances)
}

/// Whether an app is pinned to another host than its slot belongs to.
fn is_elsewhere(app: &App, slots: &Slots) -> bool {
    let Part::Slot(slot) = app.part else {
        return false;
    };
    match (&app.pinned_to, slots.get(&slot)) {
        (Some(pinned), Some(host)) => pinned != host,
        _ => false,
    }
}
