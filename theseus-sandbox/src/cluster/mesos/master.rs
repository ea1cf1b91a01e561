//! What the master knows: its agents, Marathon as its framework, and that framework's tasks.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::Cluster;
use super::super::host::{Amounts, Host};
use super::super::task::{End, Task, TaskState};
use super::diary::is_present;
use super::task::MesosTask;
use super::{FRAMEWORK, Resources, VERSION, units};
use crate::time::Stamp;

/// An agent as the master lists it.
#[derive(Debug, Serialize)]
pub(crate) struct Slave<'a> {
    id: &'a str,
    pid: String,
    hostname: &'a str,
    /// Not so while it is drained.
    active: bool,
    /// Seconds since 1970.
    registered_time: f64,
    version: &'static str,
    attributes: &'a BTreeMap<String, String>,
    resources: Resources,
    used_resources: Resources,
}

/// The answer of a master's `/state`.
#[derive(Debug, Serialize)]
pub(crate) struct MasterState<'a> {
    id: &'static str,
    pid: String,
    leader: String,
    hostname: &'a str,
    version: &'static str,
    cluster: &'static str,
    start_time: f64,
    elected_time: f64,
    activated_slaves: usize,
    deactivated_slaves: usize,
    unreachable_slaves: usize,
    slaves: Vec<Slave<'a>>,
    frameworks: [Framework<'a>; 1],
    completed_frameworks: [(); 0],
    orphan_tasks: [(); 0],
}

#[derive(Debug, Serialize)]
struct Framework<'a> {
    id: &'static str,
    name: &'static str,
    active: bool,
    connected: bool,
    role: &'static str,
    user: &'static str,
    webui_url: String,
    registered_time: f64,
    resources: Resources,
    used_resources: Resources,
    tasks: Vec<MesosTask<'a>>,
    unreachable_tasks: Vec<MesosTask<'a>>,
    completed_tasks: Vec<MesosTask<'a>>,
    executors: [(); 0],
}

impl Cluster {
    /// The agents that the master can reach.
    pub(crate) fn slaves(&self) -> Vec<Slave<'_>> {
        self.up().map(Slave::of).collect()
    }

    fn up(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(|host| host.up)
    }

    /// `authority` is the `host:port` by which the master was found.
    pub(crate) fn master_state<'a>(
        &'a self,
        authority: &'a str,
        started: Stamp,
    ) -> MasterState<'a> {
        let drained = self.up().filter(|host| host.draining).count();
        let up = self.up().count();
        let pid = format!("master@{authority}");
        let started = started.as_seconds();
        MasterState {
            id: "00000000-0000-0000-0000-000000000000",
            leader: pid.clone(),
            pid,
            hostname: authority.rsplit_once(':').map_or(authority, |it| it.0),
            version: VERSION,
            cluster: "sandbox",
            start_time: started,
            elected_time: started,
            activated_slaves: up - drained,
            deactivated_slaves: drained,
            unreachable_slaves: self.hosts.len() - up,
            slaves: self.slaves(),
            frameworks: [self.framework(authority, started)],
            completed_frameworks: [],
            orphan_tasks: [],
        }
    }

    fn framework<'a>(&'a self, authority: &str, started: f64) -> Framework<'a> {
        let shown = |task: &'a Task| MesosTask::of(task, &self.hosts[task.host]);
        let all = self.runs.values().flat_map(|run| &run.tasks);
        let (tasks, lost): (Vec<&Task>, Vec<&Task>) = all
            .filter_map(|key| self.tasks.get(key))
            .partition(|task| is_present(task));
        let used = || Resources::of(self.total(Host::used));
        Framework {
            id: FRAMEWORK,
            name: "marathon",
            active: true,
            connected: true,
            role: "*",
            user: "root",
            webui_url: format!("http://{authority}"),
            registered_time: started,
            resources: used(),
            used_resources: used(),
            tasks: tasks.into_iter().map(shown).collect(),
            unreachable_tasks: lost.into_iter().map(shown).collect(),
            completed_tasks: self.up().flat_map(|host| &host.ended).map(shown).collect(),
            executors: [],
        }
    }

    /// The sum of something over all hosts that can be reached; their ports do not add up.
    fn total(&self, part: impl Fn(&Host) -> (Amounts, Vec<u16>)) -> (Amounts, Vec<u16>) {
        let amounts = self.up().map(|host| part(host).0);
        let sum = amounts.fold(Amounts::default(), |mut sum, amounts| {
            sum.add(amounts, 1);
            sum
        });
        (sum, Vec::new())
    }

    /// The master's gauges and counters, as `/metrics/snapshot` tells them.
    pub(crate) fn master_metrics(&self, started: Stamp, now: Stamp) -> BTreeMap<String, f64> {
        let mut metrics = BTreeMap::new();
        let mut put = |name: &str, value: f64| {
            metrics.insert(format!("master/{name}"), value);
        };
        let (whole, used) = (self.total(Host::whole).0, self.total(Host::used).0);
        for (name, whole, used) in [
            ("cpus", whole.cpus, used.cpus),
            ("mem", whole.mem, used.mem),
            ("disk", whole.disk, used.disk),
        ] {
            let (whole, used) = (units(whole), units(used));
            put(&format!("{name}_total"), whole);
            put(&format!("{name}_used"), used);
            let share = if whole > 0.0 { used / whole } else { 0.0 };
            put(&format!("{name}_percent"), share);
        }
        let drained = self.up().filter(|host| host.draining).count();
        let up = self.up().count();
        let count = |state| self.tasks.values().filter(|it| it.state == state).count();
        for (name, count) in [
            ("elected", 1),
            ("frameworks_active", 1),
            ("frameworks_connected", 1),
            ("slaves_active", up - drained),
            ("slaves_inactive", drained),
            ("slaves_connected", up),
            ("slaves_unreachable", self.hosts.len() - up),
            ("tasks_staging", count(TaskState::Staging)),
            ("tasks_starting", count(TaskState::Starting)),
            ("tasks_running", count(TaskState::Running)),
            ("tasks_killing", count(TaskState::Killing)),
            ("tasks_unreachable", count(TaskState::Unreachable)),
            (
                "tasks_lost",
                count(TaskState::Lost) + self.ends.of(End::Lost),
            ),
            ("tasks_finished", self.ends.of(End::Finished)),
            ("tasks_failed", self.ends.of(End::Failed)),
            ("tasks_killed", self.ends.of(End::Killed)),
        ] {
            put(name, f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        }
        put("uptime_secs", now.since(started).as_secs_f64());
        metrics
    }
}

impl<'a> Slave<'a> {
    fn of(host: &'a Host) -> Self {
        Self {
            id: &host.agent,
            pid: host.pid(),
            hostname: &host.config.name,
            active: !host.draining,
            registered_time: host.registered_at.as_seconds(),
            version: VERSION,
            attributes: &host.config.attributes,
            resources: Resources::of(host.whole()),
            used_resources: Resources::of(host.used()),
        }
    }
}
