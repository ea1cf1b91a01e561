//! Counting containers, with everything under way at its worst.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Slots;
use super::cast::Cast;
use crate::cluster::{App, Container, ContainerState, HealthState};
use crate::records::Goal;

/// How many containers a group has, by what they are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Census {
    /// Containers of what is wanted that exist or may come to exist.
    pub new: u32,
    /// Those of them that are ready, and have been for long enough.
    pub new_ready: u32,
    /// Other containers that exist or may come to exist.
    pub old: u32,
    /// Those of them that are ready.
    pub old_ready: u32,
}

impl Census {
    /// Counts the containers of a group's `apps`, every one that is ready as soon as it is.
    pub fn of(goal: &Goal, apps: &[App], slots: &Slots, now: Timestamp) -> Self {
        let cast = match goal {
            Goal::Present { revision, spec } => Cast::of(*revision, spec, apps, slots),
            Goal::Absent => Cast {
                wanted: Vec::new(),
                old: apps.iter().collect(),
                turning: None,
            },
        };
        Self::take(&cast, Duration::ZERO, now)
    }

    /// Counts the containers; a new one is ready when it has been for `min_healthy`.
    pub(super) fn take(cast: &Cast<'_>, min_healthy: Duration, now: Timestamp) -> Self {
        let mut census = Self::default();
        for app in &cast.wanted {
            let outdated = count(live(app).filter(|c| c.outdated));
            let current = count(live(app)) - outdated;
            census.new += app.instances.saturating_sub(outdated).max(current);
            census.new_ready += serving(app, |c| !c.outdated && is_ready(app, c, min_healthy, now));
            census.old += outdated;
            census.old_ready +=
                serving(app, |c| c.outdated && is_ready(app, c, Duration::ZERO, now));
        }
        for app in cast.old.iter().chain(&cast.turning) {
            census.old += created(app);
            if !is_in_engines_hands(app) {
                census.old_ready += serving(app, |c| is_ready(app, c, Duration::ZERO, now));
            }
        }
        census
    }

    /// All containers that exist or may come to exist.
    pub fn created(&self) -> u32 {
        self.new + self.old
    }

    /// All containers that are ready.
    pub fn serving(&self) -> u32 {
        self.new_ready + self.old_ready
    }
}

/// The containers that take up room.
pub(super) fn live(app: &App) -> impl Iterator<Item = &Container> {
    app.containers
        .iter()
        .filter(|c| c.state != ContainerState::Ended)
}

/// How many containers of a wanted app are to be replaced because they are of a former revision.
pub(super) fn outdated(app: &App) -> u32 {
    count(staying(app).filter(|c| c.outdated))
}

/// The containers that may be told to stop, with whether each is ready: those that are not come
/// first, then the oldest.
pub(super) fn worst_first(app: &App, now: Timestamp) -> Vec<(&Container, bool)> {
    let mut containers: Vec<_> = staying(app)
        .map(|c| (c, is_ready(app, c, Duration::ZERO, now)))
        .collect();
    containers.sort_by_key(|(c, ready)| (*ready, c.started_at, c.staged_at, &c.id));
    containers
}

/// The containers that take up room and have not been told to stop.
pub(super) fn staying(app: &App) -> impl Iterator<Item = &Container> {
    live(app).filter(|c| c.state != ContainerState::Stopping)
}

/// How many containers the app has or may yet get.
pub(super) fn created(app: &App) -> u32 {
    app.instances.max(count(live(app)))
}

/// How many containers that satisfy `ready` are sure to stay: the engine may be about to stop those
/// beyond `instances`, and which is not known.
fn serving(app: &App, ready: impl Fn(&Container) -> bool) -> u32 {
    let leaving = count(staying(app)).saturating_sub(app.instances);
    count(staying(app).filter(|c| ready(c))).saturating_sub(leaving)
}

/// Whether the engine replaces the app's containers in its own way at the moment: nobody knows
/// which of them it takes next.
pub(super) fn is_in_engines_hands(app: &App) -> bool {
    !app.operations.is_empty() && live(app).any(|c| c.outdated)
}

/// Whether the engine is done with what it was told before: it does not hold the app, and none of
/// its containers is about to be stopped without showing it. Until then nobody knows which ones
/// will be left.
pub(super) fn is_settled(app: &App) -> bool {
    app.operations.is_empty() && count(staying(app)) <= app.instances
}

/// Whether a container does its work, and has for `min_healthy`.
pub(super) fn is_ready(
    app: &App,
    container: &Container,
    min_healthy: Duration,
    now: Timestamp,
) -> bool {
    ready_at(app, container, min_healthy).is_some_and(|at| at <= now)
}

/// When a container that is well counts as ready; `None` when it is not well.
pub(super) fn ready_at(
    app: &App,
    container: &Container,
    min_healthy: Duration,
) -> Option<Timestamp> {
    if !app.is_served_by(container) {
        return None;
    }
    let since = match container.health {
        HealthState::Healthy => container.healthy_since.or(container.started_at),
        HealthState::Unhealthy | HealthState::Unknown => container.started_at,
    };
    // An engine that does not tell since when: what is well now has been for no known time.
    let Some(since) = since else {
        return min_healthy.is_zero().then_some(Timestamp::MIN);
    };
    // With no time to wait for, the engine's clock has no say in it.
    if min_healthy.is_zero() {
        return Some(Timestamp::MIN);
    }
    let wait = SignedDuration::try_from(min_healthy).unwrap_or(SignedDuration::MAX);
    Some(since.checked_add(wait).unwrap_or(Timestamp::MAX))
}

/// A number of containers. More than fit are as many as fit.
pub(super) fn count<T>(containers: impl Iterator<Item = T>) -> u32 {
    u32::try_from(containers.count()).unwrap_or(u32::MAX)
}
