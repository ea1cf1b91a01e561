//! How a container is, in one mark: the worse of its state and its health.

use theseus_core::cluster::{ContainerState, HealthState};
use theseus_core::status::ContainerStatus;

/// How a container is, and whether it is of a former revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Mark {
    /// How it is.
    pub(crate) kind: Kind,
    /// Whether it is of another revision than the one that is wanted.
    pub(crate) is_old: bool,
}

/// How a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// It runs, and no check of it fails.
    Good,
    /// It is on its way up.
    Rising,
    /// It is on its way down.
    Falling,
    /// It runs, and a check of it fails.
    Bad,
    /// Its host has not been heard of for a while.
    Lost,
    /// It is over.
    Over,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Good,
        Self::Rising,
        Self::Falling,
        Self::Bad,
        Self::Lost,
        Self::Over,
    ];

    /// How a container is.
    pub(crate) fn of(container: &ContainerStatus) -> Self {
        match (container.state, container.health) {
            (ContainerState::Running, HealthState::Unhealthy) => Self::Bad,
            (ContainerState::Running, _) => Self::Good,
            (ContainerState::Staging | ContainerState::Starting, _) => Self::Rising,
            (ContainerState::Stopping, _) => Self::Falling,
            (ContainerState::Unreachable, _) => Self::Lost,
            (ContainerState::Ended, _) => Self::Over,
        }
    }

    /// As it is said of several.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Good => ContainerState::Running.as_str(),
            Self::Rising => ContainerState::Starting.as_str(),
            Self::Falling => ContainerState::Stopping.as_str(),
            Self::Bad => HealthState::Unhealthy.as_str(),
            Self::Lost => ContainerState::Unreachable.as_str(),
            Self::Over => ContainerState::Ended.as_str(),
        }
    }
}

impl Mark {
    /// How a container is, in a group that is to be of a revision.
    pub(crate) fn of(container: &ContainerStatus, wanted: Option<u32>) -> Self {
        Self {
            kind: Kind::of(container),
            is_old: wanted.is_some_and(|wanted| wanted != container.revision),
        }
    }
}
