//! A task as Mesos shows it, the same on the master and on its agent.

use std::sync::Arc;

use serde::Serialize;

use super::super::Cluster;
use super::super::event::TaskStatus;
use super::super::host::{Demand, Host};
use super::super::task::{Task, TaskState};
use super::{FRAMEWORK, Resources};
use crate::path_id::PathId;

#[derive(Debug, Serialize)]
pub(super) struct MesosTask<'a> {
    id: &'a str,
    name: String,
    framework_id: &'static str,
    /// Marathon's tasks come with Mesos's own executor, which has no id.
    executor_id: &'static str,
    slave_id: &'a str,
    state: TaskStatus,
    resources: Resources,
    statuses: Vec<Status<'a>>,
    labels: Vec<Label<'a>>,
}

/// What the task told of itself, oldest first.
#[derive(Debug, Serialize)]
struct Status<'a> {
    state: TaskStatus,
    timestamp: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthy: Option<bool>,
    #[serde(rename = "container_status")]
    container: ContainerStatus<'a>,
}

#[derive(Debug, Serialize)]
struct ContainerStatus<'a> {
    network_infos: [NetworkInfo<'a>; 1],
}

#[derive(Debug, Serialize)]
struct NetworkInfo<'a> {
    ip_addresses: [IpAddress<'a>; 1],
}

#[derive(Debug, Serialize)]
struct IpAddress<'a> {
    ip_address: &'a str,
    protocol: &'static str,
}

#[derive(Debug, Serialize)]
struct Label<'a> {
    key: &'a str,
    value: &'a str,
}

impl<'a> MesosTask<'a> {
    pub(super) fn of(task: &'a Task, host: &'a Host) -> Self {
        let state = task
            .ending
            .as_ref()
            .map_or(TaskStatus::Now(task.state), |it| TaskStatus::Ended(it.end));
        let status = |state, at: crate::time::Stamp, healthy| Status {
            state,
            timestamp: at.as_seconds(),
            healthy,
            container: ContainerStatus {
                network_infos: [NetworkInfo {
                    ip_addresses: [IpAddress {
                        ip_address: host.address.as_str(),
                        protocol: "IPv4",
                    }],
                }],
            },
        };
        let mut statuses = Vec::new();
        if let Some(at) = task.started_at {
            let running = TaskStatus::Now(TaskState::Running);
            statuses.push(status(running, at, task.healthy()));
        }
        if let Some(ending) = &task.ending {
            statuses.push(status(state, ending.at, None));
        }
        Self {
            id: &task.id,
            name: dotted(&task.spec.id),
            framework_id: FRAMEWORK,
            executor_id: "",
            slave_id: &host.agent,
            state,
            resources: resources(task),
            statuses,
            labels: task
                .spec
                .labels
                .iter()
                .map(|(key, value)| Label { key, value })
                .collect(),
        }
    }
}

/// What a task holds.
pub(super) fn resources(task: &Task) -> Resources {
    let mut ports = task.ports.clone();
    ports.sort_unstable();
    Resources::of((Demand::of(&task.spec).amounts(), ports))
}

/// The name of an app's tasks: its id as a host name, `/a/b` as `b.a`.
fn dotted(app: &PathId) -> String {
    let segments: Vec<&str> = app
        .as_str()
        .split('/')
        .filter(|it| !it.is_empty())
        .collect();
    segments.into_iter().rev().collect::<Vec<_>>().join(".")
}

impl Cluster {
    /// The tasks that a host holds, in the order of their launch.
    pub(super) fn tasks_at(&self, index: usize) -> impl Iterator<Item = &Task> {
        let keys = self.tasks_on(index);
        keys.into_iter().filter_map(|key| self.tasks.get(&key))
    }

    /// The task with this id on a host, over or not.
    pub(super) fn task_at(&self, index: usize, id: &str) -> Option<&Task> {
        let present = self.task_ids.get(id).and_then(|key| self.tasks.get(key));
        let on_host = present.filter(|task| task.host == index);
        let ended = || self.hosts[index].ended.iter().find(|task| *task.id == *id);
        on_host.or_else(ended)
    }
}

/// The id of the container that a task runs in, which follows from its own.
pub(super) fn container_of(id: &Arc<str>) -> String {
    let mut random = crate::random::Random::seeded(super::diary::seed_of(id));
    random.uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_named_as_hosts_are() {
        assert_eq!(dotted(&PathId::absolute("/a/b.c/d").unwrap()), "d.b.c.a");
    }
}
