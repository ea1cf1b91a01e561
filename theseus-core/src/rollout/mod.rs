//! What to do next for one group: a pure function of where it is to come, what runs, and the time.
//!
//! It is level-triggered. Nothing is remembered between two calls, so it does not matter who calls
//! it, how often, or what happened in between: it counts what is observed, and what is still under
//! way counts as if it turned out worst. An app that is to have five containers and shows three may
//! get its two at any moment, so it has *created* five; an app that is to have three and shows five
//! may lose any two at any moment, so only three of them can be *serving*.
//!
//! Numbers round against whoever benefits; [`Bounds`] states the rule.

mod bounds;
mod canary;
mod cast;
mod census;
pub mod forecast;
mod native;
mod replace;
mod retire;
mod slots;
mod starts;
#[cfg(test)]
mod tests;
mod whole;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::cluster::{App, Change};
use crate::model::{GroupId, Update, duration};
use crate::records::{Goal, RolloutRecord};
use crate::state::GroupState;

pub use bounds::Bounds;
pub use canary::{Stage, Trial};
pub use census::Census;
pub use starts::Starts;

/// What runs of one group, and when.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The group's apps, of whatever revision.
    pub apps: &'a [App],
    /// Whether containers of apps that are gone already still die.
    pub stopping: bool,
    /// When something last came forward, when a person last let it go on (resumed or promoted it),
    /// or else when work on the group began.
    pub progress_at: Timestamp,
    /// The time.
    pub now: Timestamp,
    /// How many containers of the wanted revision have ended before their time since work on the
    /// group began.
    pub failed_starts: u32,
    /// Whether the canaries count as good: somebody has said so, or nothing is tried out here, as
    /// when a group goes back to what it was.
    pub promoted: bool,
    /// Whether the group goes back to what it was, because something failed or is not wanted.
    pub turning_back: bool,
    /// The host that each slot of a fixed-host group belongs to, where it has one.
    pub slots: &'a Slots,
}

impl<'a> View<'a> {
    /// What a bystander sees of a rollout: he knows neither since when nothing has come forward nor
    /// what has failed, and takes it that all is well.
    pub fn beside(
        rollout: &RolloutRecord,
        state: &'a GroupState,
        slots: &'a Slots,
        now: Timestamp,
    ) -> Self {
        let turning_back = rollout.rolled_back.is_some();
        Self {
            apps: &state.apps,
            stopping: state.stopping,
            progress_at: now,
            now,
            failed_starts: 0,
            promoted: rollout.promoted || turning_back,
            turning_back,
            slots,
        }
    }
}

/// The hosts of slots, by the slots' numbers.
pub type Slots = BTreeMap<u32, Arc<str>>;

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
    /// Nothing came forward for as long as the spec allows, or too many containers have failed.
    Failed {
        /// Why, as far as it can be told.
        reason: String,
    },
}

/// What to do next for a group that is to come to `goal`.
pub fn decide(group: &GroupId, goal: &Goal, view: &View<'_>) -> Decision {
    match goal {
        Goal::Present { revision, spec } => replace::decide(group, *revision, spec, view),
        Goal::Absent => remove(view),
    }
}

/// The trial of new containers that is under way, if one is.
pub fn trial(goal: &Goal, view: &View<'_>) -> Option<Trial> {
    let Goal::Present { revision, spec } = goal else {
        return None;
    };
    let cast = cast::Cast::of(*revision, spec, view.apps, view.slots);
    let census = Census::take(&cast, spec.update.min_healthy_time, view.now);
    Trial::of(spec, view, &cast, &census)
}

fn remove(view: &View<'_>) -> Decision {
    if view.apps.is_empty() && !view.stopping {
        return Decision::Reached;
    }
    let patience = patience(&Goal::Absent);
    let due = after(view.progress_at, patience);
    if is_over(view.progress_at, patience, view.now) {
        let reason = format!(
            "containers have not stopped for {}",
            duration::format(patience)
        );
        return Decision::Failed { reason };
    }
    let change = |app: &App| {
        release(app).unwrap_or_else(|| Change::Delete {
            app: app.id.clone(),
        })
    };
    Decision::Continue {
        changes: view.apps.iter().map(change).collect(),
        waiting: "containers to stop".to_owned(),
        until: due,
    }
}

/// Frees an app that is not wanted any more from what holds it, if something does. An app whose
/// containers do not come up is held for ever, or until somebody gives it up.
fn release(app: &App) -> Option<Change> {
    (!app.operations.is_empty()).then(|| Change::Release {
        app: app.id.clone(),
        operations: app.operations.clone(),
    })
}

/// How long a group may stand still on its way to `goal`.
pub(crate) fn patience(goal: &Goal) -> Duration {
    match goal {
        Goal::Present { spec, .. } => spec.update.deadline,
        Goal::Absent => Update::default().deadline,
    }
}

/// Whether so much time has gone by.
pub(crate) fn is_over(since: Timestamp, wait: Duration, now: Timestamp) -> bool {
    after(since, wait).is_some_and(|due| due <= now)
}

/// So much later; `None` for what is beyond all times.
fn after(time: Timestamp, wait: Duration) -> Option<Timestamp> {
    time.checked_add(SignedDuration::try_from(wait).ok()?).ok()
}
