//! The life of a task from its launch to its end, and what it tells of itself.

use std::sync::Arc;

use serde::Serialize;

use super::Cluster;
use super::event::{EventBody, TaskStatus, Who};
use super::host::Demand;
use super::mesos::Note;
use super::task::{End, Ending, Task, TaskKey, TaskState};
use super::timers::Alarm;
use crate::behaviour;
use crate::path_id::PathId;
use crate::time::Stamp;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskFailure {
    pub(super) app_id: PathId,
    pub(super) host: String,
    pub(super) message: String,
    pub(super) state: End,
    pub(super) task_id: Arc<str>,
    pub(super) timestamp: Stamp,
    pub(super) version: Stamp,
    pub(super) slave_id: String,
}

impl Cluster {
    pub(super) fn task_starting(&mut self, key: TaskKey, now: Stamp) {
        let Some(task) = self.in_state(key, TaskState::Staging) else {
            return;
        };
        task.state = TaskState::Starting;
        self.tell_status(key, TaskStatus::Now(TaskState::Starting), "", now);
    }

    pub(super) fn task_running(&mut self, key: TaskKey, now: Stamp) {
        let Some(task) = self.in_state(key, TaskState::Starting) else {
            return;
        };
        if task.script.fail_start {
            return self.end_task(key, End::Failed, "Command exited with status 1", now);
        }
        task.state = TaskState::Running;
        task.started_at = Some(now);
        if let Some(exit) = task.script.exit {
            self.timers.set(now.plus(exit.after), Alarm::Exit(key));
        }
        self.schedule_health(key, now);
        self.check_readiness_from(key, now);
        self.tell_status(key, TaskStatus::Now(TaskState::Running), "", now);
        self.touch_app_of(key);
    }

    /// Sets the alarm for the first result of the health checks of a task that began to run.
    pub(super) fn schedule_health(&mut self, key: TaskKey, now: Stamp) {
        let Some(task) = self.tasks.get(&key) else {
            return;
        };
        let Some(check) = task.health_check() else {
            return;
        };
        let grace = check.grace();
        if self.schedule_check(key, now) {
            return;
        }
        let Some(task) = self.tasks.get(&key) else {
            return;
        };
        let delay = task.script.health_delay.unwrap_or(self.pace.health);
        if task.script.never_healthy {
            // Failures within the grace period leave no trace.
            let first = now.plus(delay.max(grace));
            self.timers
                .set(first, Alarm::HealthFailure(key, task.health.illness));
        } else {
            self.timers
                .set(now.plus(delay), Alarm::Healthy(key, task.health.illness));
        }
    }

    pub(super) fn task_exits(&mut self, key: TaskKey, now: Stamp) {
        let Some(task) = self.in_state(key, TaskState::Running) else {
            return;
        };
        if task.script.exit.is_some_and(|exit| exit.success) {
            self.end_task(key, End::Finished, "Command exited with status 0", now);
        } else {
            self.end_task(key, End::Failed, "Command exited with status 1", now);
        }
    }

    pub(super) fn task_dead(&mut self, key: TaskKey, now: Stamp) {
        if self.in_state(key, TaskState::Killing).is_some() {
            self.end_task(
                key,
                End::Killed,
                "Command terminated with signal Terminated",
                now,
            );
        }
    }

    pub(super) fn health_check_passes(&mut self, key: TaskKey, illness: u32, now: Stamp) {
        if self
            .tasks
            .get(&key)
            .is_some_and(|task| task.health.illness == illness)
        {
            self.task_healthy(key, now);
        }
    }

    pub(super) fn task_healthy(&mut self, key: TaskKey, now: Stamp) {
        let Some(task) = self.in_state(key, TaskState::Running) else {
            return;
        };
        let before = task.healthy();
        task.health.succeed(now);
        if before != Some(true) {
            task.note(Note::Healthy, now);
            self.tell_health(key, true, true, now);
        }
        self.touch_app_of(key);
    }

    pub(super) fn health_check_fails(&mut self, key: TaskKey, illness: u32, now: Stamp) {
        let Some(task) = self.in_state(key, TaskState::Running) else {
            return;
        };
        let Some(check) = task.health_check().cloned() else {
            return;
        };
        if task.health.illness != illness {
            return;
        }
        let before = task.healthy();
        task.health.fail(&check, now);
        let failures = task.health.consecutive_failures;
        task.note(Note::HealthFailed(failures), now);
        let failed = EventBody::FailedHealthCheckEvent {
            app_id: task.spec.id.clone(),
            who: Who::of(task),
            health_check: check.in_version(self.version),
        };
        self.tell(failed, now);
        if before != Some(false) {
            // To the old event an unknown task was not alive before either.
            self.tell_health(key, false, before.is_some(), now);
        }
        if check.max_consecutive_failures > 0 && failures >= check.max_consecutive_failures {
            self.kill_unhealthy(key, now);
        } else if !self.is_real() {
            self.timers.set(
                now.plus(check.interval()),
                Alarm::HealthFailure(key, illness),
            );
        }
        self.touch_app_of(key);
    }

    fn kill_unhealthy(&mut self, key: TaskKey, now: Stamp) {
        let Some(task) = self.tasks.get(&key) else {
            return;
        };
        let reason = task
            .health
            .cause
            .as_deref()
            .unwrap_or("health check failed");
        let host = &self.hosts[task.host];
        let kill = EventBody::UnhealthyInstanceKillEvent {
            app_id: task.spec.id.clone(),
            task_id: Arc::clone(&task.id),
            instance_id: Arc::clone(&task.instance),
            version: task.spec.version,
            reason: reason.into(),
            host: host.config.name.clone(),
            slave_id: host.agent.clone(),
        };
        let message = format!("Task was killed since health check failed. Reason: {reason}");
        self.remember_failure(key, End::Killed, &message, now);
        self.tell(kill, now);
        self.kill_task(key, now);
    }

    /// Asks a task to end; it takes the kill delay to obey.
    pub(super) fn kill_task(&mut self, key: TaskKey, now: Stamp) {
        let Some(task) = self.tasks.get_mut(&key) else {
            return;
        };
        if task.state == TaskState::Killing {
            return;
        }
        task.state = TaskState::Killing;
        task.note(Note::KillAsked, now);
        self.begin_end(key, now);
        if self.version.has(behaviour::TASK_KILLING) {
            self.tell_status(key, TaskStatus::Now(TaskState::Killing), "", now);
        }
        self.touch_app_of(key);
    }

    /// The task is no more.
    pub(super) fn end_task(&mut self, key: TaskKey, end: End, message: &str, now: Stamp) {
        self.tell_status(key, TaskStatus::Ended(end), message, now);
        if end == End::Failed {
            self.remember_failure(key, end, message, now);
        }
        let Some(mut task) = self.remove_task(key, now) else {
            return;
        };
        if let Some(run) = self.runs.get_mut(&task.spec.id)
            && end != End::Killed
        {
            run.backoff.failed(&task.spec, now);
        }
        if !task.decommissioned {
            self.vacate(&task);
        }
        self.ends.count(end);
        task.ending = Some(Ending {
            at: now,
            end,
            message: message.to_owned(),
        });
        let forgotten = self.hosts[task.host].remember(task);
        self.forget_files(forgotten);
    }

    /// Takes a task out of every index and frees what it held.
    pub(super) fn remove_task(&mut self, key: TaskKey, now: Stamp) -> Option<Task> {
        let task = self.forget_task(key)?;
        self.hosts[task.host].release(&Demand::of(&task.spec), &task.ports);
        self.resources_freed(now);
        Some(task)
    }

    /// Takes a task out of every index and leaves it what it holds.
    pub(super) fn forget_task(&mut self, key: TaskKey) -> Option<Task> {
        let task = self.tasks.remove(&key)?;
        self.task_ids.remove(&task.id);
        if let Some(run) = self.runs.get_mut(&task.spec.id) {
            run.tasks.remove(&key);
        }
        self.touch(&task.spec.id);
        Some(task)
    }

    pub(super) fn remember_failure(&mut self, key: TaskKey, state: End, message: &str, now: Stamp) {
        let Some(task) = self.tasks.get(&key) else {
            return;
        };
        let host = &self.hosts[task.host];
        let failure = TaskFailure {
            app_id: task.spec.id.clone(),
            host: host.config.name.clone(),
            message: message.to_owned(),
            state,
            task_id: Arc::clone(&task.id),
            timestamp: now,
            version: task.spec.version,
            slave_id: host.agent.clone(),
        };
        if let Some(run) = self.runs.get_mut(&task.spec.id) {
            run.last_failure = Some(Arc::new(failure));
        }
    }

    fn in_state(&mut self, key: TaskKey, state: TaskState) -> Option<&mut Task> {
        self.tasks.get_mut(&key).filter(|task| task.state == state)
    }

    pub(super) fn touch_app_of(&mut self, key: TaskKey) {
        if let Some(task) = self.tasks.get(&key) {
            let app = task.spec.id.clone();
            self.dirty.insert(app);
        }
    }

    pub(super) fn tell_status(
        &mut self,
        key: TaskKey,
        status: TaskStatus,
        message: &str,
        now: Stamp,
    ) {
        let Some(task) = self.tasks.get(&key) else {
            return;
        };
        let host = &self.hosts[task.host];
        let update = EventBody::StatusUpdateEvent {
            slave_id: host.agent.clone(),
            task_id: Arc::clone(&task.id),
            task_status: status.name(),
            message: message.to_owned(),
            app_id: task.spec.id.clone(),
            host: host.config.name.clone(),
            ip_addresses: Some([host.address.clone()]),
            ports: task.ports.clone(),
            version: task.spec.version,
        };
        self.tell(update, now);
        self.tell_instance(key, status.condition(), now);
    }

    pub(super) fn tell_instance(&mut self, key: TaskKey, condition: &'static str, now: Stamp) {
        let Some(task) = self.tasks.get(&key) else {
            return;
        };
        let host = &self.hosts[task.host];
        let changed = EventBody::InstanceChangedEvent {
            instance_id: Arc::clone(&task.instance),
            condition,
            run_spec_id: task.spec.id.clone(),
            agent_id: host.agent.clone(),
            host: host.config.name.clone(),
            run_spec_version: task.spec.version,
        };
        self.tell(changed, now);
    }

    fn tell_health(&mut self, key: TaskKey, healthy: bool, changed: bool, now: Stamp) {
        let Some(task) = self.tasks.get(&key) else {
            return;
        };
        let (app_id, instance_id) = (task.spec.id.clone(), Arc::clone(&task.instance));
        let version = task.spec.version;
        if changed {
            let body = EventBody::HealthStatusChangedEvent {
                app_id: app_id.clone(),
                who: Who::of(task),
                version,
                alive: healthy,
            };
            self.tell(body, now);
        }
        let body = EventBody::InstanceHealthChangedEvent {
            instance_id,
            run_spec_id: app_id,
            run_spec_version: version,
            healthy: Some(healthy),
        };
        self.tell(body, now);
    }
}
