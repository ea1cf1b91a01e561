//! How an app is upgraded, scaled down and looked for when its host is gone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::behaviour;
use crate::version::MarathonVersion;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpgradeStrategy {
    pub(crate) maximum_over_capacity: f64,
    pub(crate) minimum_health_capacity: f64,
}

impl UpgradeStrategy {
    /// What an app gets whose data stays where it is.
    pub(super) const RESIDENT: Self = Self {
        maximum_over_capacity: 0.0,
        minimum_health_capacity: 0.5,
    };
}

impl Default for UpgradeStrategy {
    fn default() -> Self {
        Self {
            maximum_over_capacity: 1.0,
            minimum_health_capacity: 1.0,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum KillSelection {
    #[default]
    YoungestFirst,
    OldestFirst,
}

/// What becomes of a task on a host that is gone: `{0, 0}` replaces it at once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum UnreachableStrategy {
    Disabled(Disabled),
    #[serde(rename_all = "camelCase")]
    Enabled {
        inactive_after_seconds: u32,
        expunge_after_seconds: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Disabled {
    Disabled,
}

impl UnreachableStrategy {
    /// What an app gets that does not say.
    pub(super) fn by_default(version: MarathonVersion, resident: bool) -> Self {
        let usual = Some(version.pick(behaviour::UNREACHABLE));
        let delays = if resident {
            version.pick(behaviour::UNREACHABLE_RESIDENT)
        } else {
            usual
        };
        delays.map_or(Self::Disabled(Disabled::Disabled), |(inactive, expunge)| {
            Self::Enabled {
                inactive_after_seconds: inactive,
                expunge_after_seconds: expunge,
            }
        })
    }

    /// When a replacement starts and when the task is forgotten; none: never.
    pub(crate) fn delays(self) -> Option<(Duration, Duration)> {
        match self {
            Self::Disabled(_) => None,
            Self::Enabled {
                inactive_after_seconds,
                expunge_after_seconds,
            } => Some((
                Duration::from_secs(inactive_after_seconds.into()),
                Duration::from_secs(expunge_after_seconds.into()),
            )),
        }
    }
}
