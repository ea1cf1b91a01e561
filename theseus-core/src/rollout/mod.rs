//! What to do next for one group: a pure function of where it is to come, what runs, and the time.
//!
//! It is level-triggered. Nothing is remembered between two calls, so it does not matter who calls
//! it, how often, or what happened in between: it counts what is observed, and what is still under
//! way counts as if it turned out worst. An app that is to have five containers and shows three may
//! get its two at any moment, so it has *created* five; an app that is to have three and shows five
//! may lose any two at any moment, so only three of them can be *serving*.
//!
//! Numbers round against whoever benefits: a share of the instances is rounded down, for the surge
//! and for what may be missing alike (see [`Amount::of`](crate::model::Amount::of)).

mod census;
mod replace;
#[cfg(test)]
mod tests;

use jiff::Timestamp;

use crate::cluster::{App, Change};
use crate::records::Goal;

pub use census::Census;
pub use replace::Bounds;

/// What runs of one group, and since when it is under way.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The group's apps, of whatever revision.
    pub apps: &'a [App],
    /// Whether containers of apps that are gone already still die.
    pub stopping: bool,
    /// When the rollout began.
    pub started_at: Timestamp,
    /// The time.
    pub now: Timestamp,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// The goal is reached; nothing is left to do.
    Reached,
    /// Make these changes, if any, then look again when something happens.
    Continue {
        /// What to change now; no two changes of one app.
        changes: Vec<Change>,
        /// What is being waited for.
        waiting: String,
        /// When to look again at the latest, when that is known.
        until: Option<Timestamp>,
    },
    /// There was no progress for as long as the spec allows.
    Failed {
        /// Why, as far as it can be told.
        reason: String,
    },
}

/// What to do next for a group that is to come to `goal`.
pub fn decide(group: &crate::model::GroupId, goal: &Goal, view: &View<'_>) -> Decision {
    match goal {
        Goal::Present { revision, spec } => replace::decide(group, *revision, spec, view),
        Goal::Absent => remove(view),
    }
}

fn remove(view: &View<'_>) -> Decision {
    if view.apps.is_empty() && !view.stopping {
        return Decision::Reached;
    }
    let changes = view
        .apps
        .iter()
        .filter(|app| app.operations.is_empty())
        .map(|app| Change::Delete {
            app: app.id.clone(),
        })
        .collect();
    Decision::Continue {
        changes,
        waiting: "containers to stop".to_owned(),
        until: None,
    }
}
