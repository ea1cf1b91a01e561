//! What is to happen when: a heap of alarms. One that has lost its meaning by the time it rings is
//! ignored by whoever receives it, so nothing is ever taken out early.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::task::TaskKey;
use crate::path_id::PathId;
use crate::time::Stamp;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// The task leaves `TASK_STAGING`.
    Starting(TaskKey),
    Running(TaskKey),
    /// The task ends by itself.
    Exit(TaskKey),
    /// A real health check is due.
    Check(TaskKey),
    /// The first good result of the health checks; the number tells an outdated alarm.
    Healthy(TaskKey, u32),
    /// One more failed round of health checks.
    HealthFailure(TaskKey, u32),
    /// A readiness check; from the time on the task says that it is ready.
    Readiness(TaskKey, Stamp),
    /// A killed task is dead.
    Dead(TaskKey),
    /// An unreachable task no longer counts; the number tells which loss is meant.
    Inactive(TaskKey, u32),
    /// An unreachable task is forgotten.
    Expunge(TaskKey, u32),
    /// Tasks that were forgotten are dead, since their host is back.
    Strays(usize),
    /// The back-off of the app is over.
    Backoff(PathId),
    /// Freed resources are offered to those that wait.
    Offers,
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Stamp, u64, Alarm)>>,
    /// Alarms of one moment ring in the order in which they were set.
    count: u64,
}

impl Timers {
    pub(super) fn set(&mut self, at: Stamp, alarm: Alarm) {
        self.heap.push(Reverse((at, self.count, alarm)));
        self.count += 1;
    }

    pub(super) fn next_due(&self) -> Option<Stamp> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// The next alarm due at `now`, with the moment it was set for.
    pub(super) fn ring(&mut self, now: Stamp) -> Option<(Stamp, Alarm)> {
        if self.next_due()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((at, _, alarm))| (at, alarm))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn alarms_ring_in_order_and_never_early() {
        let at = |millis| Stamp::default().plus(Duration::from_millis(millis));
        let mut timers = Timers::default();
        timers.set(at(2), Alarm::Dead(TaskKey(1)));
        timers.set(at(1), Alarm::Offers);
        timers.set(at(2), Alarm::Dead(TaskKey(0)));
        assert_eq!(timers.next_due(), Some(at(1)));
        assert_eq!(timers.ring(at(0)), None);
        assert_eq!(timers.ring(at(5)), Some((at(1), Alarm::Offers)));
        assert_eq!(timers.ring(at(5)), Some((at(2), Alarm::Dead(TaskKey(1)))));
        assert_eq!(timers.ring(at(5)), Some((at(2), Alarm::Dead(TaskKey(0)))));
        assert_eq!(timers.ring(at(5)), None);
    }
}
