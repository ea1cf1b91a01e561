//! Bringing one revision of a group to strength and every other one out of the way.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::census::{Census, count, is_ready, ready_at, staying};
use super::{Decision, View, release};
use crate::cluster::{App, Change, Container, ContainerId, NewApp, Part, Revision};
use crate::model::{GroupId, Order, Spec, duration};

/// How far the numbers may go during a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How many containers are wanted in the end.
    pub instances: u32,
    /// Fewer ready ones than this are never brought about.
    pub floor: u32,
    /// More than this are never brought about.
    pub ceiling: u32,
}

impl Bounds {
    /// The bounds that a spec sets.
    pub fn of(spec: &Spec) -> Self {
        let instances = spec.instances;
        let start_first = spec.update.order == Order::StartFirst;
        let mut surge = if start_first {
            spec.update.max_surge.of(instances)
        } else {
            0
        };
        let mut unavailable = spec.update.max_unavailable.of(instances);
        // Shares of few instances may both come to nothing, and then nothing could ever move:
        // one container is lent, on the side that the spec does not rule out altogether.
        if surge == 0 && unavailable == 0 {
            if start_first && !spec.update.max_surge.is_zero() {
                surge = 1;
            } else {
                unavailable = 1;
            }
        }
        Self {
            instances,
            floor: instances.saturating_sub(unavailable),
            ceiling: instances.saturating_add(surge),
        }
    }
}

/// One look at a group of which one revision replaces the others.
struct Replacement<'a> {
    group: &'a GroupId,
    revision: Revision,
    spec: &'a Arc<Spec>,
    view: &'a View<'a>,
    bounds: Bounds,
    census: Census,
}

pub(super) fn decide(
    group: &GroupId,
    revision: Revision,
    spec: &Arc<Spec>,
    view: &View<'_>,
) -> Decision {
    let replacement = Replacement {
        group,
        revision,
        spec,
        view,
        bounds: Bounds::of(spec),
        census: Census::take(view.apps, revision, spec.update.min_healthy_time, view.now),
    };
    replacement.decide()
}

impl Replacement<'_> {
    fn new_app(&self) -> Option<&App> {
        self.view
            .apps
            .iter()
            .find(|app| app.revision == self.revision)
    }

    fn old_apps(&self) -> impl Iterator<Item = &App> {
        self.view
            .apps
            .iter()
            .filter(|app| app.revision != self.revision)
    }

    /// Whether the engine has been asked for all containers of the new revision, and no more.
    fn is_full(&self) -> bool {
        self.new_app()
            .is_some_and(|new| new.instances == self.bounds.instances)
    }

    fn is_reached(&self) -> bool {
        self.is_full()
            && self.old_apps().next().is_none()
            && !self.view.stopping
            && self.census.new == self.bounds.instances
            && self.census.new_ready == self.bounds.instances
    }

    fn decide(&self) -> Decision {
        if self.is_reached() {
            return Decision::Reached;
        }
        if self.view.is_overdue(self.spec.update.deadline) {
            return Decision::Failed {
                reason: self.overdue(),
            };
        }
        let changes = self.grow().into_iter().chain(self.retire()).collect();
        Decision::Continue {
            changes,
            waiting: waiting(&self.census, self.bounds),
            until: self.next_look(),
        }
    }

    /// Starts as many new containers as there is room for, or takes away those beyond what is
    /// wanted.
    fn grow(&self) -> Option<Change> {
        let wanted = self.bounds.instances;
        // Containers of an app that is gone still take up room, and nobody can count them.
        let room = if self.view.stopping {
            0
        } else {
            self.bounds.ceiling.saturating_sub(self.census.created())
        };
        let Some(new) = self.new_app() else {
            let instances = wanted.min(room);
            // Without room something old has to go first; without anything wanted there is
            // nothing to make room for.
            return (instances > 0 || wanted == 0).then(|| {
                Change::Create(Box::new(NewApp {
                    group: self.group.clone(),
                    revision: self.revision,
                    part: Part::Whole,
                    pinned_to: None,
                    spec: Arc::clone(self.spec),
                    instances,
                }))
            });
        };
        let instances = wanted.min(new.instances.saturating_add(room));
        (instances != new.instances && new.operations.is_empty()).then(|| Change::Scale {
            app: new.id.clone(),
            instances,
        })
    }

    /// Takes down what the bounds allow of the other revisions: first what is only promised, then
    /// what does not work, then the oldest.
    ///
    /// What does not work is not taken down freely: there are never fewer containers than the
    /// floor that work or may yet come to work, so that old ones which were only slow can still
    /// recover while the new ones fail.
    fn retire(&self) -> Vec<Change> {
        let new_unready = self.census.new - self.census.new_ready;
        let floor = self.bounds.floor;
        let remaining: u32 = self.old_apps().map(|app| app.instances).sum();
        let mut budget = (self.census.new + remaining)
            .saturating_sub(floor)
            .saturating_sub(new_unready);
        let mut ready_budget = self.census.serving().saturating_sub(floor);
        let mut changes = Vec::new();
        for app in self.old_apps() {
            if !is_settled(app) {
                // What is held while it is complete is only on its way down.
                changes.extend(release(app).filter(|_| !app.is_complete()));
                continue;
            }
            let promised = (app.instances - count(staying(app))).min(budget);
            budget -= promised;
            let mut chosen: Vec<ContainerId> = Vec::new();
            for (container, ready) in worst_first(app, self.view.now) {
                if budget == 0 || (ready && ready_budget == 0) {
                    break;
                }
                budget -= 1;
                ready_budget -= u32::from(ready);
                chosen.push(container.id.clone());
            }
            changes.extend(self.take_down(app, promised, chosen));
        }
        changes
    }

    /// The one change that takes down so much of an app.
    fn take_down(&self, app: &App, promised: u32, chosen: Vec<ContainerId>) -> Option<Change> {
        let everything = promised + count(chosen.iter()) == app.instances;
        if everything && self.is_full() {
            // Nothing is started after this, so nobody has to count what dies out of sight.
            return Some(Change::Delete {
                app: app.id.clone(),
            });
        }
        if promised > 0 {
            // The rest follows on the next look: one change of an app at a time.
            return Some(Change::Scale {
                app: app.id.clone(),
                instances: app.instances - promised,
            });
        }
        (!chosen.is_empty()).then(|| Change::Shrink {
            app: app.id.clone(),
            containers: chosen,
        })
    }
}

impl Replacement<'_> {
    /// Why the rollout has failed, when patience has ended.
    fn overdue(&self) -> String {
        let mut reason = format!(
            "no progress for {}: {} of {} containers ready",
            duration::format(self.spec.update.deadline),
            self.census.new_ready,
            self.bounds.instances
        );
        if let Some(failure) = self.new_app().and_then(|app| app.last_failure.as_ref()) {
            reason.push_str("; the last failure: ");
            reason.push_str(&failure.message);
        }
        reason
    }

    /// When the next container is ready, if time is all it lacks, or else when patience ends.
    fn next_look(&self) -> Option<Timestamp> {
        let min_healthy = self.spec.update.min_healthy_time;
        let new = self.new_app();
        let ripe = new
            .into_iter()
            .flat_map(|app| {
                app.containers
                    .iter()
                    .filter_map(|c| ready_at(app, c, min_healthy))
            })
            .filter(|at| *at > self.view.now);
        ripe.chain(self.view.due(self.spec.update.deadline)).min()
    }
}

/// Whether the engine is done with what it was told before: it does not hold the app, and none of
/// its containers is about to be stopped without showing it. Until then nobody knows which ones
/// will be left.
fn is_settled(app: &App) -> bool {
    app.operations.is_empty() && count(staying(app)) <= app.instances
}

/// The containers that may be told to stop, with whether each is ready: those that are not come
/// first, then the oldest.
fn worst_first(app: &App, now: Timestamp) -> Vec<(&Container, bool)> {
    let mut containers: Vec<_> = staying(app)
        .map(|c| (c, is_ready(app, c, Duration::ZERO, now)))
        .collect();
    containers.sort_by_key(|(c, ready)| (*ready, c.started_at, c.staged_at, &c.id));
    containers
}

fn waiting(census: &Census, bounds: Bounds) -> String {
    if census.new_ready < bounds.instances {
        format!(
            "{} of {} new containers to be ready",
            bounds.instances - census.new_ready,
            bounds.instances
        )
    } else if census.old > 0 {
        format!("{} old containers to stop", census.old)
    } else {
        "containers to stop".to_owned()
    }
}
