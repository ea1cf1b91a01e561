//! One task: where it runs and how it fares.

use std::sync::Arc;

use serde::Serialize;

use super::mesos::{Note, Sizes};
use crate::definition::{AppSpec, HealthCheck};
use crate::script::Script;
use crate::time::Stamp;

/// Tasks are numbered in the order of their launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskKey(pub(super) u64);

#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: Arc<str>,
    pub(super) instance: Arc<str>,
    /// The definition it was launched with.
    pub(super) spec: Arc<AppSpec>,
    /// Index of the host.
    pub(super) host: usize,
    pub(super) ports: Vec<u16>,
    pub(super) staged_at: Stamp,
    pub(super) started_at: Option<Stamp>,
    pub(super) state: TaskState,
    /// How often its host was lost; tells the alarms of one loss from those of another.
    pub(super) losses: u32,
    /// Unreachable for so long that a replacement is due.
    pub(super) inactive: bool,
    /// The app wants no other in its place.
    pub(super) decommissioned: bool,
    pub(super) script: Script,
    pub(super) health: Health,
    /// The last result of its readiness check.
    pub(super) readiness: Option<bool>,
    /// What its executor has to say about it.
    pub(super) notes: Vec<(Stamp, Note)>,
    /// How large the compressed ones of its logs are.
    pub(super) packed: Sizes,
    /// Only of a task that its host alone remembers.
    pub(super) ending: Option<Ending>,
}

/// How a task ended.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) at: Stamp,
    pub(super) end: End,
    pub(super) message: String,
}

/// How many tasks have ended, and how.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    finished: usize,
    failed: usize,
    killed: usize,
    lost: usize,
}

impl Ends {
    pub(super) fn of(self, end: End) -> usize {
        match end {
            End::Finished => self.finished,
            End::Failed => self.failed,
            End::Killed => self.killed,
            End::Lost => self.lost,
        }
    }

    pub(super) fn count(&mut self, end: End) {
        match end {
            End::Finished => self.finished += 1,
            End::Failed => self.failed += 1,
            End::Killed => self.killed += 1,
            End::Lost => self.lost += 1,
        }
    }
}

/// The states of a task that is listed; one that has come to an [`End`] is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum TaskState {
    /// Its host is gone; so it was called before 1.4.
    #[serde(rename = "TASK_LOST")]
    Lost,
    #[serde(rename = "TASK_UNREACHABLE")]
    Unreachable,
    #[serde(rename = "TASK_STAGING")]
    Staging,
    #[serde(rename = "TASK_STARTING")]
    Starting,
    #[serde(rename = "TASK_RUNNING")]
    Running,
    #[serde(rename = "TASK_KILLING")]
    Killing,
}

impl TaskState {
    /// Whether its host is gone.
    pub(super) fn is_away(self) -> bool {
        matches!(self, Self::Lost | Self::Unreachable)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lost => "TASK_LOST",
            Self::Unreachable => "TASK_UNREACHABLE",
            Self::Staging => "TASK_STAGING",
            Self::Starting => "TASK_STARTING",
            Self::Running => "TASK_RUNNING",
            Self::Killing => "TASK_KILLING",
        }
    }

    pub(super) fn condition(self) -> &'static str {
        match self {
            Self::Lost => "Lost",
            Self::Unreachable => "Unreachable",
            Self::Staging => "Staging",
            Self::Starting => "Starting",
            Self::Running => "Running",
            Self::Killing => "Killing",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum End {
    #[serde(rename = "TASK_FINISHED")]
    Finished,
    #[serde(rename = "TASK_FAILED")]
    Failed,
    #[serde(rename = "TASK_KILLED")]
    Killed,
    #[serde(rename = "TASK_LOST")]
    Lost,
}

impl End {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Finished => "TASK_FINISHED",
            Self::Failed => "TASK_FAILED",
            Self::Killed => "TASK_KILLED",
            Self::Lost => "TASK_LOST",
        }
    }

    pub(super) fn condition(self) -> &'static str {
        match self {
            Self::Finished => "Finished",
            Self::Failed => "Failed",
            Self::Killed => "Killed",
            Self::Lost => "Lost",
        }
    }
}

impl Task {
    pub(super) fn note(&mut self, note: Note, now: Stamp) {
        note.put(&mut self.notes, now);
    }

    pub(super) fn healthy(&self) -> Option<bool> {
        self.health.alive()
    }

    /// Running and, where there are health checks, found healthy, and ready where that is checked.
    pub(super) fn is_ready(&self) -> bool {
        let checked = self.spec.health_checks.is_empty() || self.healthy() == Some(true);
        let ready = self.spec.readiness_check().is_none() || self.readiness == Some(true);
        self.state == TaskState::Running && checked && ready
    }

    /// The first health check sets the pace of all of them.
    pub(super) fn health_check(&self) -> Option<&HealthCheck> {
        self.spec.health_checks.first()
    }
}

/// The results of the health checks of one task, which share their fate here.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    pub(super) first_success: Option<Stamp>,
    /// Start of the present run of successes.
    good_since: Option<Stamp>,
    /// The last success before the present run of failures.
    last_success: Option<Stamp>,
    pub(super) last_failure: Option<Stamp>,
    pub(super) consecutive_failures: u32,
    /// Why the last check failed, where that is known.
    pub(super) cause: Option<String>,
    /// Told apart the alarms of this illness from those of an earlier one.
    pub(super) illness: u32,
}

impl Health {
    pub(super) fn alive(&self) -> Option<bool> {
        match (self.good_since, self.last_failure) {
            (Some(_), _) => Some(true),
            (None, Some(_)) => Some(false),
            (None, None) => None,
        }
    }

    /// The last good check as of `now`: while all is well one follows another unrecorded.
    pub(super) fn last_success(&self, check: &HealthCheck, now: Stamp) -> Option<Stamp> {
        let Some(since) = self.good_since else {
            return self.last_success;
        };
        let rounds = now.since(since).as_secs() / check.interval().as_secs();
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
        Some(since.plus(check.interval().saturating_mul(rounds)))
    }

    pub(super) fn succeed(&mut self, now: Stamp) {
        self.first_success.get_or_insert(now);
        self.good_since.get_or_insert(now);
        self.consecutive_failures = 0;
        self.illness += 1;
    }

    pub(super) fn fail(&mut self, check: &HealthCheck, now: Stamp) {
        self.last_success = self.last_success(check, now);
        self.good_since = None;
        self.last_failure = Some(now);
        self.consecutive_failures += 1;
    }
}
