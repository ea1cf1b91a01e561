//! How an app is upgraded, scaled down and looked for when its host is gone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpgradeStrategy {
    pub(crate) maximum_over_capacity: f64,
    pub(crate) minimum_health_capacity: f64,
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

/// What becomes of a task on a host that is gone: `{0, 0}`, the default, replaces it at once.
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

impl Default for UnreachableStrategy {
    fn default() -> Self {
        Self::Enabled {
            inactive_after_seconds: 0,
            expunge_after_seconds: 0,
        }
    }
}

impl UnreachableStrategy {
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
