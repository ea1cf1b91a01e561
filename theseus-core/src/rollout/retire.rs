//! Taking down what is not wanted any more, as far as the bounds allow.

use std::collections::BTreeSet;

use super::cast::Cast;
use super::census::{count, is_ready, is_settled, live, outdated, staying};
use super::release;
use super::replace::{Means, Replacement};
use super::whole::scale;
use crate::cluster::{App, AppId, Change, Container, ContainerId, ContainerState, Part};

/// What is taken from one app.
struct Parting<'a> {
    app: &'a App,
    /// Containers that are only promised.
    promised: u32,
    chosen: Vec<ContainerId>,
    /// Whether the app itself is to go.
    is_old: bool,
    /// Whether it stands in its successor's place.
    is_in_the_way: bool,
}

/// A container that may be told to stop. In the order in which they go: what does not work, then
/// what has a successor, then the oldest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate<'a> {
    is_ready: bool,
    lacks_successor: bool,
    started_at: Option<jiff::Timestamp>,
    staged_at: Option<jiff::Timestamp>,
    id: &'a ContainerId,
    parting: usize,
}

/// Frees the apps that are to go from what holds them. What is held while it is complete is only
/// on its way down.
pub(super) fn releases<'a>(replacement: &'a Replacement<'_>) -> impl Iterator<Item = Change> + 'a {
    let old = replacement.cast.old.iter();
    old.filter(|app| !app.is_complete())
        .filter_map(|app| release(app))
}

/// Takes down what the means allow: first what is only promised, then what does not work, then the
/// oldest. What `changes` concern already is left alone.
pub(super) fn retire(
    replacement: &Replacement<'_>,
    mut means: Means,
    changes: &[Change],
) -> Vec<Change> {
    let mut partings = partings(replacement, changes);
    for parting in &mut partings {
        let promised = parting
            .app
            .instances
            .saturating_sub(count(staying(parting.app)));
        parting.promised = match (parting.is_old, parting.is_in_the_way) {
            (false, _) => 0,
            (true, true) => promised,
            (true, false) => promised.min(means.spare),
        };
        means.spare = means.spare.saturating_sub(parting.promised);
    }
    for candidate in candidates(replacement, &partings) {
        let parting = &mut partings[candidate.parting];
        if means.allow(&candidate, parting.is_in_the_way) {
            parting.chosen.push(candidate.id.clone());
        }
    }
    let taken = partings
        .into_iter()
        .filter_map(|parting| parting.into_change(replacement));
    releases(replacement).chain(taken).collect()
}

/// The apps of which something may go now.
fn partings<'a>(replacement: &Replacement<'a>, changes: &[Change]) -> Vec<Parting<'a>> {
    let busy: BTreeSet<&AppId> = changes.iter().filter_map(Change::app).collect();
    let Cast { wanted, old, .. } = &replacement.cast;
    let old = old.iter().map(|app| (*app, true));
    let mixed = wanted.iter().filter(|app| outdated(app) > 0);
    old.chain(mixed.map(|app| (*app, false)))
        .filter(|(app, _)| (is_settled(app) || is_lost(app)) && !busy.contains(&app.id))
        .map(|(app, is_old)| Parting {
            app,
            promised: 0,
            chosen: Vec::new(),
            is_old,
            is_in_the_way: is_old
                && replacement.is_by_slots()
                && Cast::is_in_the_way(app, replacement.revision, replacement.bounds.instances),
        })
        .collect()
}

/// Whether all that is left of an app is on hosts that are not heard of.
fn is_lost(app: &App) -> bool {
    app.instances == 0
        && app.operations.is_empty()
        && live(app).all(|c| c.state == ContainerState::Unreachable)
}

fn candidates<'a>(
    replacement: &Replacement<'_>,
    partings: &[Parting<'a>],
) -> BTreeSet<Candidate<'a>> {
    let mut candidates = BTreeSet::new();
    // Where nothing is to run any more, all have been told already.
    let going = partings.iter().enumerate();
    for (index, parting) in going.filter(|(_, it)| it.app.instances > 0) {
        let app = parting.app;
        let lacks_successor = replacement.is_by_slots() && !replacement.is_succeeded(app);
        let going = staying(app).filter(|c| parting.is_old || c.outdated);
        candidates.extend(going.map(|c| Candidate {
            is_ready: is_ready(app, c, std::time::Duration::ZERO, replacement.view.now),
            lacks_successor,
            started_at: c.started_at,
            staged_at: c.staged_at,
            id: &c.id,
            parting: index,
        }));
    }
    candidates
}

impl Means {
    /// Whether one more may be taken, which is counted if so.
    fn allow(&mut self, candidate: &Candidate<'_>, is_in_the_way: bool) -> bool {
        let is_allowed = match (is_in_the_way, candidate.is_ready) {
            // Nothing can make it work where it is, nor start in its place.
            (true, false) => true,
            (true, true) => self.spare_moving > 0,
            (false, false) => self.spare > 0,
            (false, true) => self.spare > 0 && self.spare_ready > 0,
        };
        if is_allowed {
            self.spare = self.spare.saturating_sub(1);
        }
        if is_allowed && candidate.is_ready {
            self.spare_ready = self.spare_ready.saturating_sub(1);
            self.spare_moving = self.spare_moving.saturating_sub(1);
        }
        is_allowed
    }
}

impl Parting<'_> {
    /// The one change that takes it.
    fn into_change(self, replacement: &Replacement<'_>) -> Option<Change> {
        let app = self.app;
        let goes_by_itself = replacement.is_by_slots() && matches!(app.part, Part::Slot(_));
        let everything = self.promised + count(self.chosen.iter()) == app.instances;
        let is_over = if goes_by_itself {
            // It is kept as long as it may be wanted again, and as what dies of it must be seen.
            app.instances == 0
                && !live(app).any(|c| c.state != ContainerState::Unreachable)
                && (self.is_in_the_way || replacement.is_succeeded(app))
        } else {
            // Nothing is started after this, so nobody has to count what dies out of sight.
            self.is_old && everything && replacement.is_full()
        };
        if is_over {
            return Some(Change::Delete {
                app: app.id.clone(),
            });
        }
        if self.promised > 0 {
            // The rest follows on the next look: one change of an app at a time.
            return Some(scale(app, app.instances - self.promised));
        }
        (!self.chosen.is_empty()).then(|| Change::Shrink {
            app: app.id.clone(),
            containers: self.chosen,
        })
    }
}

impl Replacement<'_> {
    /// Whether nobody waits for what takes this old app's place: it is there and ready, or there is
    /// to be nothing.
    fn is_succeeded(&self, app: &App) -> bool {
        let min_healthy = self.spec.update.min_healthy_time;
        let Part::Slot(slot) = app.part else {
            return true;
        };
        let is_ripe = |new: &App, c: &Container| is_ready(new, c, min_healthy, self.view.now);
        slot >= self.bounds.instances
            || self
                .cast
                .slot(slot)
                .is_some_and(|new| new.containers.iter().any(|c| is_ripe(new, c)))
    }
}
