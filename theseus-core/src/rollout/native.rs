//! Leaving the replacement to the engine: one stable app that it brings from revision to revision.
//!
//! Theseus says so once, and then counts the containers as it always does. What is not the engine's
//! own business (the first containers of a stable app, apps of other parts, numbers, containers
//! that an interrupted update has left behind) goes the usual way.

use std::sync::Arc;

use super::census::live;
use super::release;
use super::replace::Replacement;
use crate::cluster::{App, Change, NewApp, Part};

/// What brings a stable app to the wanted revision.
///
/// What holds it, on the way to a revision that nobody wants any more, is given up: it may be held
/// for ever. When the group turns back, the engine does that itself. Any other hold is waited for.
pub(super) fn turn(replacement: &Replacement<'_>, app: &App) -> Option<Change> {
    if !app.operations.is_empty() {
        if replacement.view.turning_back {
            return Some(Change::Revert {
                app: app.id.clone(),
                operations: app.operations.clone(),
            });
        }
        let is_under_way = !app.is_complete() || live(app).any(|c| c.outdated);
        return release(app).filter(|_| is_under_way);
    }
    // Beside others it stays as small as it is; it grows when they make room.
    let instances = if replacement.cast.old.is_empty() {
        replacement.bounds.instances
    } else {
        app.instances.min(replacement.bounds.instances)
    };
    Some(Change::Update(Box::new(NewApp {
        group: replacement.group.clone(),
        revision: replacement.revision,
        part: Part::Stable,
        pinned_to: None,
        spec: Arc::clone(replacement.spec),
        instances,
    })))
}
