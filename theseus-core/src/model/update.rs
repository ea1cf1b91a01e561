//! How a group goes from one revision to the next.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::duration;

/// The `update:` of a spec. Only Theseus reads it, so changing it restarts nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Update {
    /// Who replaces the containers.
    pub strategy: Strategy,
    /// How many containers may run beyond `instances`.
    pub max_surge: Amount,
    /// How many of `instances` may be missing.
    pub max_unavailable: Amount,
    /// For how long a new container must have been well before it counts.
    #[serde(with = "duration")]
    pub min_healthy_time: Duration,
    /// How long a rollout may go on without any progress.
    #[serde(with = "duration")]
    pub deadline: Duration,
    /// How many new containers may end before their time, until the rollout has failed.
    pub max_failed_starts: u32,
    /// What to do with a rollout that failed.
    pub on_failure: OnFailure,
    /// What comes first.
    pub order: Order,
    /// How many new containers are tried out before the others follow; none when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<Amount>,
    /// For how long all canaries must have been ready before they are found good.
    #[serde(with = "duration", skip_serializing_if = "Duration::is_zero")]
    pub bake: Duration,
    /// Who says that the others may follow.
    #[serde(skip_serializing_if = "Promote::is_auto")]
    pub promote: Promote,
}

impl Update {
    /// How many of `instances` new containers are tried out before the others follow; `None` when
    /// none are.
    ///
    /// A share is rounded down, but whoever asks for a canary gets one at least. There are never
    /// more than `instances`: a group may have become smaller than its canary since.
    pub fn canaries(&self, instances: u32) -> Option<u32> {
        let asked = self.canary?.of(instances).max(1);
        Some(asked.min(instances))
    }
}

impl Default for Update {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            max_surge: Amount::Count(1),
            max_unavailable: Amount::Count(0),
            min_healthy_time: Duration::ZERO,
            deadline: Duration::from_secs(600),
            max_failed_starts: 5,
            on_failure: OnFailure::default(),
            order: Order::default(),
            canary: None,
            bake: Duration::ZERO,
            promote: Promote::default(),
        }
    }
}

/// Who replaces the containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Theseus does, with one app per revision.
    #[default]
    Rolling,
    /// The engine does, in its own way, under one stable app.
    Native,
}

/// What to do with a rollout that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Bring the former revision back to strength, then remove the new one.
    #[default]
    Rollback,
    /// Stop, and wait for a person to resume or to abort it.
    Pause,
    /// Stop, and leave what runs as it is, for the next deploy to go on from.
    Keep,
}

/// Who says that the canaries are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promote {
    /// They are when they have been ready for the time of `bake`.
    #[default]
    Auto,
    /// A person does, after that time or before.
    Manual,
}

impl Promote {
    /// Whether nobody has to be asked.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "as `skip_serializing_if` wants it"
    )]
    fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

/// What comes first when a container is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The new one starts before the old one stops.
    #[default]
    StartFirst,
    /// The old one stops before the new one starts: for what cannot run twice.
    StopFirst,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_one_at_least_and_all_at_most() {
        for (canary, instances, expected) in [
            (None, 10, None),
            (Some("1"), 10, Some(1)),
            (Some("4"), 10, Some(4)),
            (Some("25%"), 10, Some(2)),
            (Some("5%"), 10, Some(1)),
            (Some("100%"), 10, Some(10)),
            (Some("4"), 3, Some(3)),
            (Some("1"), 0, Some(0)),
            (Some("10%"), 0, Some(0)),
        ] {
            let update = Update {
                canary: canary.map(|text| text.parse().unwrap()),
                ..Update::default()
            };
            let canaries = update.canaries(instances);
            assert_eq!(canaries, expected, "{canary:?} of {instances}");
        }
    }

    #[test]
    fn what_belongs_to_a_canary_is_written_with_one() {
        let json = |update: &Update| serde_json::to_value(update).unwrap();
        let plain = json(&Update::default());
        for key in ["canary", "bake", "promote"] {
            assert!(plain.get(key).is_none(), "{plain}");
        }
        let update = Update {
            canary: Some(Amount::Percent(10)),
            bake: Duration::from_secs(300),
            promote: Promote::Manual,
            ..Update::default()
        };
        let written = json(&update);
        assert_eq!(written["canary"], "10%");
        assert_eq!(written["bake"], "5m");
        assert_eq!(written["promote"], "manual");
        assert_eq!(serde_json::from_value::<Update>(written).unwrap(), update);
    }
}
