//! Counting containers, with everything under way at its worst.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::cluster::{App, Container, ContainerState, HealthState, Revision};

/// How many containers a group has, by what they are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Census {
    /// Containers of the wanted revision that exist or may come to exist.
    pub new: u32,
    /// Those of them that are ready, and have been for long enough.
    pub new_ready: u32,
    /// Containers of other revisions that exist or may come to exist.
    pub old: u32,
    /// Those of them that are ready.
    pub old_ready: u32,
}

impl Census {
    /// Counts the containers of `apps`; a new one is ready when it has been for `min_healthy`.
    pub fn take(apps: &[App], revision: Revision, min_healthy: Duration, now: Timestamp) -> Self {
        let mut census = Self::default();
        for app in apps {
            if app.revision == revision {
                census.new += created(app);
                census.new_ready += serving(app, |c| is_ready(app, c, min_healthy, now));
            } else {
                census.old += created(app);
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
fn live(app: &App) -> impl Iterator<Item = &Container> {
    app.containers
        .iter()
        .filter(|c| c.state != ContainerState::Ended)
}

/// The containers that take up room and have not been told to stop.
pub(super) fn staying(app: &App) -> impl Iterator<Item = &Container> {
    live(app).filter(|c| c.state != ContainerState::Stopping)
}

/// How many containers the app has or may yet get.
fn created(app: &App) -> u32 {
    app.instances.max(count(live(app)))
}

/// How many containers that satisfy `ready` are sure to stay: the engine may be about to stop those
/// beyond `instances`, and which is not known.
fn serving(app: &App, ready: impl Fn(&Container) -> bool) -> u32 {
    let leaving = count(staying(app)).saturating_sub(app.instances);
    count(staying(app).filter(|c| ready(c))).saturating_sub(leaving)
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
