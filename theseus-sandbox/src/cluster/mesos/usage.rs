//! What a simulated task uses: its own share of what it may, rising and falling through the day,
//! the same whenever the same moment is asked about.

use serde::Serialize;

use super::super::task::Task;
use super::FRAMEWORK;
use super::diary::seed_of;
use super::task::container_of;
use crate::random::Random;
use crate::time::Stamp;

/// What the executor takes besides its task, in CPUs and MiB.
const EXECUTOR_CPUS: f64 = 0.1;
const EXECUTOR_MEM: f64 = 32.0;
const MIB: f64 = 1024.0 * 1024.0;

/// One entry of an agent's `/monitor/statistics`, and of its `/containers`.
#[derive(Debug, Serialize)]
pub(crate) struct Usage<'a> {
    container_id: String,
    executor_id: &'a str,
    executor_name: String,
    framework_id: &'static str,
    source: &'a str,
    statistics: Statistics,
}

#[derive(Debug, Serialize)]
struct Statistics {
    timestamp: f64,
    cpus_limit: f64,
    cpus_user_time_secs: f64,
    cpus_system_time_secs: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpus_nr_periods: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpus_nr_throttled: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpus_throttled_time_secs: Option<f64>,
    mem_limit_bytes: u64,
    mem_rss_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mem_total_bytes: Option<u64>,
}

/// What was measured of a real task since it runs; times in seconds, memory in bytes.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) user: f64,
    pub(crate) kernel: f64,
    pub(crate) periods: u64,
    pub(crate) throttled: u64,
    pub(crate) throttled_seconds: f64,
    pub(crate) rss: u64,
    pub(crate) total: u64,
}

impl<'a> Usage<'a> {
    /// Nothing before the task runs.
    pub(super) fn of(task: &'a Task, now: Stamp) -> Option<Self> {
        let started = task.started_at?;
        let habits = Habits::of(&task.id);
        let seconds = now.since(started).as_secs_f64();
        let busy = task.spec.cpus * habits.cpu_seconds(seconds);
        let limit = (task.spec.mem + EXECUTOR_MEM) * MIB;
        let statistics = Statistics {
            cpus_user_time_secs: hundredths(busy * 0.8),
            cpus_system_time_secs: hundredths(busy * 0.2),
            mem_rss_bytes: whole(limit * habits.memory(seconds)),
            ..Statistics::bounds(task, now)
        };
        Some(Self::with(task, statistics))
    }

    /// What a real task uses.
    pub(super) fn measured(task: &'a Task, reading: &Reading, now: Stamp) -> Self {
        let statistics = Statistics {
            cpus_user_time_secs: reading.user,
            cpus_system_time_secs: reading.kernel,
            cpus_nr_periods: Some(reading.periods),
            cpus_nr_throttled: Some(reading.throttled),
            cpus_throttled_time_secs: Some(reading.throttled_seconds),
            mem_rss_bytes: reading.rss,
            mem_total_bytes: Some(reading.total),
            ..Statistics::bounds(task, now)
        };
        Self::with(task, statistics)
    }

    fn with(task: &'a Task, statistics: Statistics) -> Self {
        Self {
            container_id: container_of(&task.id),
            executor_id: &task.id,
            executor_name: format!("Command Executor (Task: {})", task.id),
            framework_id: FRAMEWORK,
            source: &task.id,
            statistics,
        }
    }
}

impl Statistics {
    /// What a task may use, of which it has used nothing yet.
    fn bounds(task: &Task, now: Stamp) -> Self {
        Self {
            timestamp: now.as_seconds(),
            cpus_limit: task.spec.cpus + EXECUTOR_CPUS,
            cpus_user_time_secs: 0.0,
            cpus_system_time_secs: 0.0,
            cpus_nr_periods: None,
            cpus_nr_throttled: None,
            cpus_throttled_time_secs: None,
            mem_limit_bytes: whole((task.spec.mem + EXECUTOR_MEM) * MIB),
            mem_rss_bytes: 0,
            mem_total_bytes: None,
        }
    }
}

/// How much a task asks of its host.
#[derive(Debug)]
struct Habits {
    /// The share of its CPUs that it uses on the average.
    cpu: f64,
    /// The share of its memory that it uses once it is warm.
    memory: f64,
    /// Seconds from one busy time to the next.
    period: f64,
}

impl Habits {
    fn of(id: &str) -> Self {
        let mut random = Random::seeded(seed_of(id));
        let mut share = |least: u32, most: u32| {
            let drawn = random.below((most - least) as usize);
            f64::from(least + u32::try_from(drawn).unwrap_or(0)) / 100.0
        };
        Self {
            cpu: share(5, 60),
            memory: share(30, 70),
            period: share(30_000, 90_000),
        }
    }

    /// CPU time for each CPU after so many seconds: the integral of a use that swings by half.
    fn cpu_seconds(&self, seconds: f64) -> f64 {
        let turn = std::f64::consts::TAU / self.period;
        self.cpu * (seconds + 0.5 * (1.0 - (turn * seconds).cos()) / turn)
    }

    /// The share of the memory in use: it grows to its level within some minutes and then swings.
    fn memory(&self, seconds: f64) -> f64 {
        let warm = 1.0 - 0.5 * (-seconds / 120.0).exp();
        let swing = 1.0 + 0.1 * (std::f64::consts::TAU * seconds / self.period).sin();
        self.memory * warm * swing
    }
}

fn hundredths(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, and no task uses less than nothing"
)]
fn whole(bytes: f64) -> u64 {
    bytes as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_used_only_grows_and_nothing_exceeds_what_is_allowed() {
        for id in ["a.1", "b.2", "c.3", "d.4"] {
            let habits = Habits::of(id);
            let mut before = 0.0;
            for seconds in 1..4000 {
                let used = habits.cpu_seconds(f64::from(seconds));
                assert!(used >= before && used - before <= 1.0, "{id} {seconds}");
                before = used;
                let memory = habits.memory(f64::from(seconds));
                assert!((0.1..0.9).contains(&memory), "{id} {seconds} {memory}");
            }
        }
    }
}
