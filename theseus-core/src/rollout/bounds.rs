//! How far the numbers may go during a rollout.

use crate::model::Spec;

/// How far the numbers may go during a rollout.
///
/// The rule of rounding is here and nowhere else: a share of the instances is rounded down, for the
/// surge and for what may be missing alike (see [`Amount::of`](crate::model::Amount::of)). Where
/// both come to nothing, nothing could ever move, and one container is lent: to the surge, unless
/// the spec rules a surge out.
///
/// What must stop first has no surge. That is what `order: stop-first` says, and what holds for the
/// containers of a fixed-host group that cannot run beside each other on the one host they have.
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
        let start_first = spec.why_stop_first().is_none();
        let mut surge = if start_first {
            spec.update.max_surge.of(instances)
        } else {
            0
        };
        let mut unavailable = spec.update.max_unavailable.of(instances);
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

    /// Whether nothing new may run beside all of the old.
    pub(super) fn is_stop_first(self) -> bool {
        self.ceiling == self.instances
    }

    /// The floor for what has to go before its successor can come, whatever the spec says of it:
    /// one is lent where nothing may be missing.
    pub(super) fn moving_floor(self) -> u32 {
        self.floor.min(self.instances.saturating_sub(1))
    }
}
