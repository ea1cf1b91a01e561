//! Trying out the first new containers before the others follow.
//!
//! Nothing of it is remembered: that the canaries are found good shows in there being more new
//! containers than canaries.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::View;
use super::cast::Cast;
use super::census::{Census, ready_at};
use crate::model::{Promote, Spec, Strategy};

/// New containers that are being tried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// How many they are.
    pub count: u32,
    /// How far it is.
    #[serde(flatten)]
    pub stage: Stage,
}

/// How far a trial is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "stage", content = "until", rename_all = "kebab-case")]
pub enum Stage {
    /// Not all canaries are ready.
    Starting,
    /// All are, and have to be until then.
    Baking(Timestamp),
    /// All have been for long enough, and somebody is to say that they are good.
    Asking,
}

impl Trial {
    /// The trial that is under way, if one is. There is none of what has no predecessor.
    pub(super) fn of(
        spec: &Spec,
        view: &View<'_>,
        cast: &Cast<'_>,
        census: &Census,
    ) -> Option<Self> {
        let count = canaries(spec)?;
        let asked: u32 = cast.wanted.iter().map(|app| app.instances).sum();
        if view.promoted || census.old == 0 || asked > count {
            return None;
        }
        let stage = match baked_at(spec, cast) {
            _ if asked < count || census.new_ready < count => Stage::Starting,
            None => Stage::Starting,
            Some(at) if at > view.now => Stage::Baking(at),
            Some(_) if spec.update.promote == Promote::Manual => Stage::Asking,
            Some(_) => return None,
        };
        Some(Self { count, stage })
    }

    /// Whether nothing is expected of the cluster: only time is to pass, or a person to speak.
    pub(super) fn rests(self) -> bool {
        self.stage != Stage::Starting
    }
}

/// How many containers of the spec are tried out, if any are. What the engine replaces in its own
/// way is not.
fn canaries(spec: &Spec) -> Option<u32> {
    let count = spec.update.canaries(spec.instances)?;
    (count > 0 && spec.update.strategy != Strategy::Native).then_some(count)
}

/// When as many new containers as there are canaries have been ready for the time of `bake`;
/// `None` when fewer are, or when there are no canaries.
pub(super) fn baked_at(spec: &Spec, cast: &Cast<'_>) -> Option<Timestamp> {
    let count = canaries(spec)? as usize;
    let wait: Duration = spec
        .update
        .min_healthy_time
        .saturating_add(spec.update.bake);
    let mut baked: Vec<Timestamp> = cast
        .wanted
        .iter()
        .flat_map(|app| app.containers.iter().map(move |c| (app, c)))
        .filter(|(_, c)| !c.outdated)
        .filter_map(|(app, c)| ready_at(app, c, wait))
        .collect();
    baked.sort_unstable();
    baked.get(count - 1).copied()
}
