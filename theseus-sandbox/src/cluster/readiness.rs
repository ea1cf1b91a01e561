//! Readiness checks: asked from when a task runs until it says yes, and told while a deployment
//! waits for that.

use serde::Serialize;

use super::task::{Task, TaskKey, TaskState};
use super::timers::Alarm;
use super::{Cluster, Run};
use crate::path_id::PathId;
use crate::time::Stamp;

/// The result of one task's check.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadinessResult<'a> {
    name: &'a str,
    task_id: &'a str,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_response: Option<Response>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    status: u16,
    content_type: &'static str,
    body: &'static str,
}

impl<'a> ReadinessResult<'a> {
    fn of(task: &'a Task) -> Option<Self> {
        let (check, ready) = (task.spec.readiness_check()?, task.readiness?);
        let last_response = check.tells_answer().then(|| Response {
            status: check.status(ready),
            content_type: "text/plain",
            body: if ready { "ready" } else { "not ready yet" },
        });
        Some(Self {
            name: check.name(),
            task_id: &task.id,
            ready,
            last_response,
        })
    }
}

impl Cluster {
    /// The first check comes at once, and finds a task not ready that takes its time.
    pub(super) fn check_readiness_from(&mut self, key: TaskKey, now: Stamp) {
        let Some(task) = self.tasks.get(&key) else {
            return;
        };
        if task.spec.readiness_check().is_none() || task.readiness == Some(true) {
            return;
        }
        let delay = task.script.ready_delay.unwrap_or(self.pace.ready);
        self.timers.set(now, Alarm::Readiness(key, now.plus(delay)));
    }

    /// One check; the task is ready from `ready_at` on, unless its script says never.
    pub(super) fn readiness_check(&mut self, key: TaskKey, ready_at: Stamp, now: Stamp) {
        let Some(task) = self.tasks.get_mut(&key) else {
            return;
        };
        let Some(check) = task.spec.readiness_check() else {
            return;
        };
        if task.state != TaskState::Running || task.readiness == Some(true) {
            return;
        }
        let ready = now >= ready_at && !task.script.never_ready;
        let next = now.plus(check.interval());
        task.readiness = Some(ready);
        if !ready {
            self.timers.set(next, Alarm::Readiness(key, ready_at));
        }
        self.touch_app_of(key);
    }

    /// Lets the readiness checks of a running task find it ready, or not, from now on; `false` if
    /// no task with that id runs and is checked.
    pub(crate) fn set_ready(&mut self, id: &str, ready: bool, now: Stamp) -> bool {
        let Some(key) = self.task_ids.get(id).copied() else {
            return false;
        };
        let Some(task) = self.tasks.get_mut(&key) else {
            return false;
        };
        if task.state != TaskState::Running || task.spec.readiness_check().is_none() {
            return false;
        }
        task.script.never_ready = !ready;
        let before = task.readiness.replace(ready);
        if before == Some(true) && !ready {
            self.timers.set(now, Alarm::Readiness(key, now));
        }
        self.touch_app_of(key);
        true
    }

    /// The results of an app's tasks of the present version, as long as a deployment asks.
    pub(super) fn readiness_results<'a>(
        &'a self,
        app: &PathId,
        run: Option<&'a Run>,
    ) -> Vec<ReadinessResult<'a>> {
        let run = run.filter(|run| run.deployment.is_some());
        let version = self
            .spec(app)
            .map(|spec| spec.version_info.last_config_change_at);
        let keys = run.into_iter().flat_map(|run| &run.tasks);
        keys.filter_map(|key| self.tasks.get(key))
            .filter(|task| version.is_some_and(|version| task.spec.version >= version))
            .filter_map(ReadinessResult::of)
            .collect()
    }
}
