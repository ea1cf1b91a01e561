//! Bringing one revision of a group to strength and everything else out of the way.

use std::sync::Arc;

use jiff::Timestamp;

use super::canary::{Stage, Trial, baked_at};
use super::cast::Cast;
use super::census::{Census, is_in_engines_hands, ready_at};
use super::{Bounds, Decision, View, native, retire, slots, whole};
use crate::cluster::{App, Change, Part, Revision};
use crate::model::{GroupId, Spec};

/// One look at a group of which one revision replaces everything else.
pub(super) struct Replacement<'a> {
    pub(super) group: &'a GroupId,
    pub(super) revision: Revision,
    pub(super) spec: &'a Arc<Spec>,
    pub(super) view: &'a View<'a>,
    pub(super) bounds: Bounds,
    pub(super) cast: Cast<'a>,
    pub(super) census: Census,
    pub(super) trial: Option<Trial>,
}

/// What may be done in one look without crossing a bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means {
    /// How many containers may be started.
    pub(super) room: u32,
    /// How many old ones may be taken that work or may come to work.
    pub(super) spare: u32,
    /// How many ready ones may be taken.
    pub(super) spare_ready: u32,
    /// How many ready ones may be taken that must go before their successors can come.
    pub(super) spare_moving: u32,
}

pub(super) fn decide(
    group: &GroupId,
    revision: Revision,
    spec: &Arc<Spec>,
    view: &View<'_>,
) -> Decision {
    let cast = Cast::of(revision, spec, view.apps, view.slots);
    let census = Census::take(&cast, spec.update.min_healthy_time, view.now);
    let replacement = Replacement {
        group,
        revision,
        spec,
        view,
        bounds: Bounds::of(spec),
        trial: Trial::of(spec, view, &cast, &census),
        cast,
        census,
    };
    replacement.decide()
}

impl Replacement<'_> {
    pub(super) fn is_by_slots(&self) -> bool {
        self.spec.fixed_host().is_some()
    }

    /// How many new containers there are to be for now.
    pub(super) fn aim(&self) -> u32 {
        self.trial.map_or(self.bounds.instances, |it| it.count)
    }

    /// Whether the engine has been asked for all new containers, and no more.
    pub(super) fn is_full(&self) -> bool {
        let asked = self.cast.wanted.iter().map(|app| app.instances);
        let is_there = self.is_by_slots() || !self.cast.wanted.is_empty();
        is_there && asked.sum::<u32>() == self.bounds.instances
    }

    fn is_reached(&self) -> bool {
        let is_at_rest = |app: &&App| match app.part {
            Part::Whole => true,
            Part::Slot(_) => app.pinned_to.is_some() && app.instances == 1,
            Part::Stable => app.operations.is_empty(),
        };
        self.is_full()
            && !self.view.stopping
            && self.cast.old.is_empty()
            && self.census.old == 0
            && self.census.new == self.bounds.instances
            && self.census.new_ready == self.bounds.instances
            && self.cast.wanted.iter().all(is_at_rest)
    }

    fn decide(&self) -> Decision {
        if self.is_reached() {
            return Decision::Reached;
        }
        if let Some(reason) = self.failure() {
            return Decision::Failed { reason };
        }
        Decision::Continue {
            changes: self.changes(),
            waiting: self.waiting(),
            until: self.next_look(),
        }
    }

    fn failure(&self) -> Option<String> {
        if self.view.failed_starts > self.spec.update.max_failed_starts {
            return Some(self.exhausted());
        }
        let due = self.due()?;
        (due <= self.view.now).then(|| self.overdue())
    }

    /// When patience ends. It has none while nothing is expected of the cluster, and begins anew
    /// after that.
    fn due(&self) -> Option<Timestamp> {
        if self.trial.is_some_and(Trial::rests) {
            return None;
        }
        let baked = baked_at(self.spec, &self.cast).filter(|at| *at <= self.view.now);
        let since = baked.map_or(self.view.progress_at, |at| at.max(self.view.progress_at));
        super::after(since, self.spec.update.deadline)
    }

    fn changes(&self) -> Vec<Change> {
        if let Some(app) = self.cast.turning {
            return native::turn(self, app).into_iter().collect();
        }
        let in_hands = self.cast.wanted.iter().any(|app| is_in_engines_hands(app));
        if in_hands {
            return retire::releases(self).collect();
        }
        let mut means = self.means();
        let mut changes = if self.is_by_slots() {
            slots::grow(self, &mut means)
        } else {
            whole::grow(self, means.room).into_iter().collect()
        };
        changes.extend(retire::retire(self, means, &changes));
        changes
    }

    fn means(&self) -> Means {
        let census = &self.census;
        let Bounds {
            instances, ceiling, ..
        } = self.bounds;
        // Canaries use up no more of what may be missing than they need to exist at all, and old
        // ones only make room for them.
        let floor = match self.trial {
            Some(_) if !self.bounds.is_stop_first() => instances,
            _ => self.bounds.floor,
        };
        let old: u32 = self.old_instances();
        let new_unready = census.new - census.new_ready;
        // What does not work is not taken freely: there are never fewer than the floor that work
        // or may yet come to work, so that old ones which were only slow can still recover while
        // the new ones fail.
        let mut spare = (census.new + old)
            .saturating_sub(floor)
            .saturating_sub(new_unready);
        if let Some(trial) = self.trial {
            // What is going already leaves its room by itself.
            let excess = (trial.count + old).saturating_sub(ceiling);
            spare = spare.min(excess);
        }
        let serving = census.serving();
        Means {
            // Containers of an app that is gone still take up room, and nobody can count them.
            room: if self.view.stopping {
                0
            } else {
                ceiling.saturating_sub(census.created())
            },
            spare,
            spare_ready: serving.saturating_sub(floor),
            spare_moving: serving.saturating_sub(self.bounds.moving_floor()),
        }
    }

    /// How many old containers the engine is to keep running.
    fn old_instances(&self) -> u32 {
        let apart: u32 = self.cast.old.iter().map(|app| app.instances).sum();
        let among_new: u32 = self
            .cast
            .wanted
            .iter()
            .map(|app| super::census::outdated(app).min(app.instances))
            .sum();
        apart + among_new
    }

    /// When the next container is ready or baked, if time is all it lacks, or else when patience
    /// ends.
    fn next_look(&self) -> Option<Timestamp> {
        let min_healthy = self.spec.update.min_healthy_time;
        let ripe = self
            .cast
            .wanted
            .iter()
            .flat_map(|app| app.containers.iter().map(move |c| (app, c)))
            .filter_map(|(app, c)| ready_at(app, c, min_healthy))
            .filter(|at| *at > self.view.now);
        let baked = match self.trial.map(|trial| trial.stage) {
            Some(Stage::Baking(at)) => Some(at),
            _ => None,
        };
        ripe.chain(baked).chain(self.due()).min()
    }
}
