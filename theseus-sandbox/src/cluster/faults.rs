//! What can go wrong inside the cluster, on demand: hosts lost, tasks failing or falling ill.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::Cluster;
use super::event::{EventBody, TaskStatus};
use super::host::Demand;
use super::mesos::Note;
use super::task::{End, Ending, TaskKey, TaskState};
use super::timers::Alarm;
use crate::behaviour::{self, Loss};
use crate::config::HostConfig;
use crate::time::Stamp;

/// A host as the admin endpoint shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HostView {
    #[serde(flatten)]
    config: HostConfig,
    id: String,
    up: bool,
    draining: bool,
    tasks: usize,
}

impl Cluster {
    pub(crate) fn host_views(&self) -> Vec<HostView> {
        let mut counts = vec![0; self.hosts.len()];
        self.tasks.values().for_each(|task| counts[task.host] += 1);
        let hosts = self.hosts.iter().zip(counts);
        let view = hosts.map(|(host, tasks)| HostView {
            config: host.config.clone(),
            id: host.agent.clone(),
            up: host.up,
            draining: host.draining,
            tasks,
        });
        view.collect()
    }

    /// Cuts a host off; `false` if there is none of that name. Its tasks become unreachable.
    pub(crate) fn lose_host(&mut self, name: &str, now: Stamp) -> bool {
        let Some(index) = self.host_index(name) else {
            return false;
        };
        self.hosts[index].up = false;
        for key in self.tasks_on(index) {
            self.task_unreachable(key, now);
        }
        true
    }

    /// Brings a host back, with those of its tasks that are not forgotten.
    pub(crate) fn return_host(&mut self, name: &str, now: Stamp) -> bool {
        let Some(index) = self.host_index(name) else {
            return false;
        };
        self.hosts[index].up = true;
        for key in self.tasks_on(index) {
            self.task_reachable(key, now);
        }
        self.catch_up(now);
        if !self.hosts[index].strays.is_empty() {
            self.timers
                .set(now.plus(self.pace.kill), Alarm::Strays(index));
        }
        self.resources_freed(now);
        true
    }

    /// Kills what was forgotten of a host that is back, as Marathon does once it hears of it.
    pub(super) fn end_strays(&mut self, host: usize, now: Stamp) {
        if !self.hosts[host].up {
            return;
        }
        for mut task in std::mem::take(&mut self.hosts[host].strays) {
            self.end_stray(&task);
            let end = End::Killed;
            self.tell(
                EventBody::UnknownInstanceTerminatedEvent {
                    instance_id: Arc::clone(&task.instance),
                    run_spec_id: task.spec.id.clone(),
                    condition: end.condition(),
                },
                now,
            );
            self.ends.count(end);
            task.ending = Some(Ending {
                at: now,
                end,
                message: "Command terminated with signal Terminated".into(),
            });
            let host = &mut self.hosts[host];
            host.release(&Demand::of(&task.spec), &task.ports);
            let forgotten = host.remember(task);
            self.forget_files(forgotten);
        }
        self.resources_freed(now);
    }

    /// Lets a host get no more tasks, or get them again; `false` if there is none of that name.
    pub(crate) fn drain_host(&mut self, name: &str, draining: bool, now: Stamp) -> bool {
        let Some(index) = self.host_index(name) else {
            return false;
        };
        self.hosts[index].draining = draining;
        if !draining {
            self.resources_freed(now);
        }
        true
    }

    pub(crate) fn host_index(&self, name: &str) -> Option<usize> {
        self.hosts.iter().position(|host| host.config.name == name)
    }

    pub(super) fn tasks_on(&self, host: usize) -> Vec<TaskKey> {
        let on_host = self.tasks.iter().filter(|(_, task)| task.host == host);
        let mut keys: Vec<TaskKey> = on_host.map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys
    }

    fn task_unreachable(&mut self, key: TaskKey, now: Stamp) {
        let Some(task) = self.tasks.get_mut(&key) else {
            return;
        };
        match task.state {
            // A kill on its way counts as done when its time has come.
            TaskState::Killing | TaskState::Lost | TaskState::Unreachable => return,
            _ => {}
        }
        let loss = self.version.pick(behaviour::LOSS);
        if loss == Loss::Gone {
            return self.task_lost(key, now);
        }
        let (state, delays) = match loss {
            Loss::Listed(time) => (TaskState::Lost, Some((Duration::ZERO, time))),
            _ => (
                TaskState::Unreachable,
                task.spec.unreachable_strategy.delays(),
            ),
        };
        task.state = state;
        task.losses += 1;
        task.note(Note::Disconnected, now);
        let loss = task.losses;
        let message = "Agent is not reachable";
        self.tell_status(key, TaskStatus::Now(state), message, now);
        if let Some((inactive, expunge)) = delays {
            self.timers
                .set(now.plus(inactive), Alarm::Inactive(key, loss));
            self.timers
                .set(now.plus(expunge), Alarm::Expunge(key, loss));
        }
        self.touch_app_of(key);
    }

    /// The task is no more for Marathon, whatever its host does.
    fn task_lost(&mut self, key: TaskKey, now: Stamp) {
        let message = "Agent is not reachable";
        self.tell_status(key, TaskStatus::Ended(End::Lost), message, now);
        self.remember_failure(key, End::Lost, message, now);
        self.ends.count(End::Lost);
        if let Some(task) = self.forget_task(key) {
            self.hosts[task.host].strays.push(task);
        }
    }

    /// The task is back and goes on where it was; its checks begin again where they broke off.
    fn task_reachable(&mut self, key: TaskKey, now: Stamp) {
        let Some(task) = self.tasks.get_mut(&key) else {
            return;
        };
        if !task.state.is_away() {
            return;
        }
        task.state = TaskState::Running;
        task.inactive = false;
        task.note(Note::Reconnected, now);
        task.started_at.get_or_insert(now);
        task.health.illness += 1;
        let illness = task.health.illness;
        match task.healthy() {
            Some(true) => {}
            Some(false) => self.timers.set(now, Alarm::HealthFailure(key, illness)),
            None => self.schedule_health(key, now),
        }
        self.check_readiness_from(key, now);
        self.tell_status(key, TaskStatus::Now(TaskState::Running), "", now);
        self.touch_app_of(key);
    }

    pub(super) fn task_inactive(&mut self, key: TaskKey, loss: u32) {
        if self.is_lost(key, loss)
            && let Some(task) = self.tasks.get_mut(&key)
        {
            task.inactive = true;
            self.touch_app_of(key);
        }
    }

    pub(super) fn task_expunged(&mut self, key: TaskKey, loss: u32, now: Stamp) {
        if self.is_lost(key, loss) {
            self.tell_instance(key, End::Killed.condition(), now);
            if let Some(task) = self.forget_task(key) {
                self.hosts[task.host].strays.push(task);
            }
        }
    }

    fn is_lost(&self, key: TaskKey, loss: u32) -> bool {
        let task = self.tasks.get(&key);
        task.is_some_and(|it| it.state.is_away() && it.losses == loss)
    }

    /// Lets a task fail; `false` if there is none with that id.
    pub(crate) fn fail_task(&mut self, id: &str, message: &str, now: Stamp) -> bool {
        let Some(key) = self.task_ids.get(id).copied() else {
            return false;
        };
        if self.doom(key, message) {
            return true;
        }
        let killing = self
            .tasks
            .get(&key)
            .is_some_and(|task| task.state == TaskState::Killing);
        self.end_task(
            key,
            if killing { End::Killed } else { End::Failed },
            message,
            now,
        );
        true
    }

    /// Lets the health checks of a running task fail or succeed from now on; `false` if no task
    /// with that id runs and has health checks.
    pub(crate) fn set_health(&mut self, id: &str, healthy: bool, now: Stamp) -> bool {
        let Some(key) = self.task_ids.get(id).copied() else {
            return false;
        };
        let Some(task) = self.tasks.get_mut(&key) else {
            return false;
        };
        if task.state != TaskState::Running || task.health_check().is_none() {
            return false;
        }
        if healthy {
            self.task_healthy(key, now);
        } else {
            task.health.illness += 1;
            let illness = task.health.illness;
            self.health_check_fails(key, illness, now);
        }
        true
    }
}
