//! What an agent knows: its executors, those that are over too, each with its directory.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::super::Cluster;
use super::super::host::Host;
use super::super::task::Task;
use super::diary::is_present;
use super::files::{WORK_DIRECTORY, directory};
use super::task::{MesosTask, container_of, resources};
use super::usage::{Reading, Usage};
use super::{FRAMEWORK, Resources, VERSION};
use crate::time::Stamp;

/// The answer of an agent's `/state`.
#[derive(Debug, Serialize)]
pub(crate) struct AgentState<'a> {
    id: &'a str,
    pid: String,
    hostname: &'a str,
    version: &'static str,
    start_time: f64,
    attributes: &'a BTreeMap<String, String>,
    resources: Resources,
    flags: Flags,
    frameworks: Vec<Framework<'a>>,
    completed_frameworks: [(); 0],
}

#[derive(Debug, Serialize)]
struct Flags {
    hostname_lookup: &'static str,
    work_dir: &'static str,
}

#[derive(Debug, Serialize)]
struct Framework<'a> {
    id: &'static str,
    name: &'static str,
    role: &'static str,
    user: &'static str,
    executors: Vec<Executor<'a>>,
    completed_executors: Vec<Executor<'a>>,
}

#[derive(Debug, Serialize)]
struct Executor<'a> {
    id: &'a str,
    name: String,
    source: &'a str,
    container: String,
    directory: String,
    resources: Resources,
    tasks: Vec<MesosTask<'a>>,
    queued_tasks: [(); 0],
    completed_tasks: Vec<MesosTask<'a>>,
}

impl Cluster {
    /// The host of that number, if it is there and answers.
    pub(super) fn reachable(&self, index: usize) -> Option<&Host> {
        self.hosts.get(index).filter(|host| host.up)
    }

    /// Whether the host of that number answers at all.
    pub(crate) fn is_up(&self, index: usize) -> bool {
        self.reachable(index).is_some()
    }

    /// How many hosts there are.
    pub(crate) fn host_count(&self) -> usize {
        self.hosts.len()
    }

    /// Where the agent of a host listens, as `host:port`.
    pub(crate) fn agent_listens(&mut self, index: usize, endpoint: String) {
        if let Some(host) = self.hosts.get_mut(index) {
            host.endpoint = endpoint;
        }
    }

    pub(crate) fn agent_state(&self, index: usize) -> Option<AgentState<'_>> {
        let host = self.reachable(index)?;
        let present = self.tasks_at(index).filter(|task| is_present(task));
        let framework = Framework {
            id: FRAMEWORK,
            name: "marathon",
            role: "*",
            user: "root",
            executors: present.map(|task| Executor::of(task, host)).collect(),
            completed_executors: host
                .ended
                .iter()
                .map(|task| Executor::of(task, host))
                .collect(),
        };
        Some(AgentState {
            id: &host.agent,
            pid: host.pid(),
            hostname: &host.config.name,
            version: VERSION,
            start_time: host.registered_at.as_seconds(),
            attributes: &host.config.attributes,
            resources: Resources::of(host.whole()),
            flags: Flags {
                hostname_lookup: "true",
                work_dir: WORK_DIRECTORY,
            },
            frameworks: vec![framework],
            completed_frameworks: [],
        })
    }

    /// What each executor of a host uses.
    pub(crate) fn statistics(&self, index: usize, now: Stamp) -> Option<Vec<Usage<'_>>> {
        self.reachable(index)?;
        let running = self.tasks_at(index).filter(|task| is_present(task));
        Some(running.filter_map(|task| Usage::of(task, now)).collect())
    }

    /// The real tasks that run on a host.
    pub(crate) fn running_at(&self, index: usize) -> Vec<Arc<str>> {
        let running = self.tasks_at(index).filter(|task| is_present(task));
        let running = running.filter(|task| task.started_at.is_some());
        running.map(|task| Arc::clone(&task.id)).collect()
    }

    /// What each executor of a host uses, by what was measured of its task.
    pub(crate) fn measured(
        &self,
        index: usize,
        readings: &[(Arc<str>, Reading)],
        now: Stamp,
    ) -> Option<Vec<Usage<'_>>> {
        self.reachable(index)?;
        let running = readings.iter().filter_map(|(id, reading)| {
            let task = self
                .task_at(index, id)
                .filter(|task| task.ending.is_none())?;
            Some(Usage::measured(task, reading, now))
        });
        Some(running.collect())
    }
}

impl<'a> Executor<'a> {
    fn of(task: &'a Task, host: &'a Host) -> Self {
        let shown = MesosTask::of(task, host);
        let (tasks, completed_tasks) = match task.ending {
            None => (vec![shown], Vec::new()),
            Some(_) => (Vec::new(), vec![shown]),
        };
        Self {
            id: &task.id,
            name: format!("Command Executor (Task: {})", task.id),
            source: &task.id,
            container: container_of(&task.id),
            directory: directory(task, host),
            resources: resources(task),
            tasks,
            queued_tasks: [],
            completed_tasks,
        }
    }
}
