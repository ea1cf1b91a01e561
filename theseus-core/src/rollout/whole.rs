//! Growing the one app that holds all new containers.

use std::sync::Arc;

use super::census::{count, is_settled, outdated, staying, worst_first};
use super::release;
use super::replace::Replacement;
use crate::cluster::{App, Change, NewApp, Part};
use crate::model::Strategy;

/// Starts as many new containers as there is room for, or takes away those beyond what is wanted.
pub(super) fn grow(replacement: &Replacement<'_>, room: u32) -> Option<Change> {
    let Some(app) = replacement.cast.wanted.first() else {
        return create(replacement, room);
    };
    let outdated = outdated(app);
    let most = replacement.bounds.instances.saturating_add(outdated);
    if !app.operations.is_empty() {
        return release_surplus(app, most);
    }
    let aim = replacement.aim().saturating_add(outdated);
    if app.instances < aim {
        let instances = aim.min(app.instances.saturating_add(room));
        return (instances != app.instances).then(|| scale(app, instances));
    }
    trim(app, most, replacement)
}

/// Frees a wanted app that is held because more than `instances` containers were asked of it: there
/// may never be room for the others, and nobody wants them.
pub(super) fn release_surplus(app: &App, instances: u32) -> Option<Change> {
    let waits = app.instances > instances && count(staying(app)) < app.instances;
    release(app).filter(|_| waits)
}

fn create(replacement: &Replacement<'_>, room: u32) -> Option<Change> {
    let instances = replacement.aim().min(room);
    let part = match replacement.spec.update.strategy {
        Strategy::Native => Part::Stable,
        Strategy::Rolling => Part::Whole,
    };
    // Without room something old has to go first; without anything wanted there is nothing to make
    // room for.
    (instances > 0 || replacement.bounds.instances == 0).then(|| {
        Change::Create(Box::new(NewApp {
            group: replacement.group.clone(),
            revision: replacement.revision,
            part,
            pinned_to: None,
            spec: Arc::clone(replacement.spec),
            instances,
        }))
    })
}

/// Takes away the containers of a wanted app beyond `instances`: first what is only promised, then
/// what does not work. Where all work alike, the engine may choose.
pub(super) fn trim(app: &App, instances: u32, replacement: &Replacement<'_>) -> Option<Change> {
    let surplus = app.instances.saturating_sub(instances);
    if surplus == 0 || !is_settled(app) {
        return None;
    }
    let staying = count(staying(app));
    if staying < app.instances {
        return Some(scale(app, instances.max(staying)));
    }
    let containers = worst_first(app, replacement.view.now);
    if outdated(app) == 0 && containers.iter().all(|(_, ready)| *ready) {
        return Some(scale(app, instances));
    }
    let current = containers.iter().filter(|(c, _)| !c.outdated);
    Some(Change::Shrink {
        app: app.id.clone(),
        containers: current
            .take(surplus as usize)
            .map(|(c, _)| c.id.clone())
            .collect(),
    })
}

pub(super) fn scale(app: &App, instances: u32) -> Change {
    Change::Scale {
        app: app.id.clone(),
        instances,
    }
}
