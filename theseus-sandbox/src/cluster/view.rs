//! What clients get to see of apps, tasks and groups: views that are written straight from the
//! cluster's own data.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use super::change::ids_below;
use super::event::IpAddress;
use super::life::TaskFailure;
use super::readiness::ReadinessResult;
use super::task::{Task, TaskKey, TaskState};
use super::{Cluster, Run};
use crate::behaviour;
use crate::definition::{AppSpec, HealthCheck, Shown, UnreachableStrategy};
use crate::path_id::PathId;
use crate::time::Stamp;
use crate::version::MarathonVersion;

/// Which extras an app is shown with.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the API"
)]
pub(crate) struct Embed {
    pub(crate) counts: bool,
    pub(crate) deployments: bool,
    pub(crate) tasks: bool,
    pub(crate) last_task_failure: bool,
    pub(crate) task_stats: bool,
    pub(crate) readiness: bool,
}

impl Embed {
    /// What an app in a list always has.
    pub(crate) const LISTED: Self = Self {
        counts: true,
        deployments: true,
        tasks: false,
        last_task_failure: false,
        task_stats: false,
        readiness: false,
    };

    /// What an app has that was just made.
    pub(crate) fn created(version: MarathonVersion) -> Self {
        let deployment = version.has(behaviour::POST_TELLS_DEPLOYMENT);
        Self {
            counts: deployment,
            deployments: deployment,
            tasks: version.has(behaviour::POST_TELLS_TASKS),
            ..Self::default()
        }
    }
}

/// An app with its extras.
#[derive(Debug)]
pub(crate) struct AppInfo<'a> {
    spec: &'a AppSpec,
    version: MarathonVersion,
    extras: Extras<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Extras<'a> {
    #[serde(flatten)]
    counts: Option<Counts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployments: Option<Vec<DeploymentRef>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tasks: Option<Vec<TaskInfo<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_task_failure: Option<&'a TaskFailure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    readiness_check_results: Option<Vec<ReadinessResult<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_stats: Option<TaskStats>,
    /// The same, under its later name.
    #[serde(skip_serializing_if = "Option::is_none")]
    tasks_stats: Option<TaskStats>,
}

impl AppInfo<'_> {
    pub(crate) fn id(&self) -> &PathId {
        &self.spec.id
    }

    /// Writes its JSON: the text of the definition, which is there already, and the extras, which
    /// are put together in `room`.
    pub(crate) fn write(&self, to: &mut dyn Write, room: &mut Vec<u8>) -> io::Result<()> {
        room.clear();
        serde_json::to_writer(&mut *room, &self.extras)?;
        let definition = self.spec.shown(self.version).as_bytes();
        // `{…}{…}` becomes `{…,…}`; a definition is never empty, the extras may be.
        to.write_all(&definition[..definition.len() - 1])?;
        if room.len() > 2 {
            to.write_all(b",")?;
        }
        to.write_all(&room[1..])
    }
}

/// The way through a tree of groups.
impl Serialize for AppInfo<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Whole<'a> {
            #[serde(flatten)]
            definition: Shown<'a>,
            #[serde(flatten)]
            extras: &'a Extras<'a>,
        }
        let whole = Whole {
            definition: Shown(self.spec, self.version),
            extras: &self.extras,
        };
        whole.serialize(serializer)
    }
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Counts {
    #[serde(rename = "tasksStaged")]
    staged: usize,
    #[serde(rename = "tasksRunning")]
    running: usize,
    #[serde(rename = "tasksHealthy", skip_serializing_if = "Option::is_none")]
    healthy: Option<usize>,
    #[serde(rename = "tasksUnhealthy", skip_serializing_if = "Option::is_none")]
    unhealthy: Option<usize>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct DeploymentRef {
    pub(crate) id: Arc<str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskInfo<'a> {
    app_id: &'a PathId,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    health_check_results: Vec<HealthResult<'a>>,
    host: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_addresses: Option<[&'a IpAddress; 1]>,
    ports: &'a [u16],
    #[serde(skip_serializing_if = "Option::is_none")]
    service_ports: Option<Vec<u16>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slave_id: Option<&'a str>,
    staged_at: Stamp,
    #[serde(skip_serializing_if = "Field::is_absent")]
    started_at: Field<Stamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    version: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_volumes: Option<[(); 0]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HealthResult<'a> {
    alive: bool,
    consecutive_failures: u32,
    first_success: Option<Stamp>,
    last_failure: Option<Stamp>,
    #[serde(skip_serializing_if = "Field::is_absent")]
    last_failure_cause: Field<&'static str>,
    last_success: Option<Stamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<&'a str>,
}

/// What is not set is null in some versions, and left out in others.
#[derive(Clone, Copy, Debug)]
enum Field<T> {
    Absent,
    Null,
    Set(T),
}

impl<T> Field<T> {
    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Set(value) => value.serialize(serializer),
            Self::Absent | Self::Null => serializer.serialize_none(),
        }
    }
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskStats {
    #[serde(skip_serializing_if = "Option::is_none")]
    started_after_last_scaling: Option<Stats>,
    #[serde(skip_serializing_if = "Option::is_none")]
    with_latest_config: Option<Stats>,
    #[serde(skip_serializing_if = "Option::is_none")]
    with_outdated_config: Option<Stats>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_summary: Option<Stats>,
}

#[derive(Debug, Serialize)]
struct Stats {
    stats: StatCounts,
}

#[derive(Debug, Serialize)]
struct StatCounts {
    counts: ShortCounts,
}

#[derive(Debug, Default, Serialize)]
struct ShortCounts {
    staged: usize,
    running: usize,
    healthy: usize,
    unhealthy: usize,
}

/// The shape in which 1.4 and 1.5 answer kills.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceInfo {
    instance_id: InstanceId,
    agent_info: AgentInfo,
    tasks_map: BTreeMap<Arc<str>, InstanceTask>,
    run_spec_version: Stamp,
    state: InstanceState,
    unreachable_strategy: UnreachableStrategy,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InstanceId {
    id_string: Arc<str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AgentInfo {
    host: String,
    agent_id: String,
    attributes: [(); 0],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InstanceTask {
    task_id: Arc<str>,
    run_spec_version: Stamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InstanceState {
    condition: ConditionName,
    since: Stamp,
    active_since: Option<Stamp>,
    healthy: Option<bool>,
}

#[derive(Debug, Serialize)]
struct ConditionName {
    str: String,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Totals {
    pub(crate) apps: usize,
    pub(crate) groups: usize,
    pub(crate) deployments: usize,
    pub(crate) staged: usize,
    pub(crate) running: usize,
}

impl Cluster {
    pub(crate) fn specs(&self) -> impl Iterator<Item = &AppSpec> {
        self.apps.values().map(|record| &*record.spec)
    }

    /// All apps below a group, however deep.
    pub(crate) fn specs_below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a AppSpec> {
        ids_below(&self.apps, prefix)
            .filter_map(|id| self.spec(id))
            .map(|spec| &**spec)
    }

    pub(crate) fn versions(&self, app: &PathId) -> Option<&[Arc<AppSpec>]> {
        self.apps.get(app).map(|record| &*record.versions)
    }

    pub(crate) fn app_info<'a>(
        &'a self,
        spec: &'a AppSpec,
        embed: Embed,
        now: Stamp,
    ) -> AppInfo<'a> {
        let run = self.runs.get(&spec.id);
        let failure = run.and_then(|run| run.last_failure.as_deref());
        let version = self.version;
        let failures = embed.last_task_failure && version.has(behaviour::LAST_TASK_FAILURE);
        let renamed = version.has(behaviour::TASKS_STATS);
        let stats = |wanted: bool| wanted.then(|| self.task_stats(spec, run));
        let extras = Extras {
            counts: embed
                .counts
                .then(|| Counts::of(self.tasks_in(run), version)),
            deployments: embed.deployments.then(|| deployment_refs(run)),
            tasks: embed
                .tasks
                .then(|| self.task_infos(&spec.id, now).collect()),
            readiness_check_results: (embed.readiness && version.has(behaviour::READINESS))
                .then(|| self.readiness_results(&spec.id, run)),
            last_task_failure: failure.filter(|_| failures),
            task_stats: stats(embed.task_stats && !renamed),
            tasks_stats: stats(embed.task_stats && renamed),
        };
        AppInfo {
            spec,
            version,
            extras,
        }
    }

    pub(super) fn tasks_in<'a>(&'a self, run: Option<&'a Run>) -> impl Iterator<Item = &'a Task> {
        let keys = run.into_iter().flat_map(|run| &run.tasks);
        keys.filter_map(|key| self.tasks.get(key))
    }

    pub(crate) fn task_infos<'a>(
        &'a self,
        app: &PathId,
        now: Stamp,
    ) -> impl Iterator<Item = TaskInfo<'a>> {
        self.tasks_in(self.runs.get(app))
            .map(move |task| self.task_info(task, now))
    }

    /// Tasks of all apps, for `/v2/tasks`; only those `wanted` by state.
    pub(crate) fn all_tasks(
        &self,
        wanted: impl Fn(bool) -> bool,
        now: Stamp,
    ) -> impl Iterator<Item = TaskInfo<'_>> {
        let tasks = self.runs.values().flat_map(|run| self.tasks_in(Some(run)));
        let chosen = tasks.filter(move |task| wanted(task.started_at.is_some()));
        chosen.map(move |task| {
            let spec = self.spec(&task.spec.id).map_or(&*task.spec, |spec| spec);
            TaskInfo {
                service_ports: Some(spec.service_ports()),
                ..self.task_info(task, now)
            }
        })
    }

    pub(super) fn task_info<'a>(&'a self, task: &'a Task, now: Stamp) -> TaskInfo<'a> {
        let host = &self.hosts[task.host];
        let version = self.version;
        TaskInfo {
            app_id: &task.spec.id,
            health_check_results: health_results(task, version, now),
            host: &host.config.name,
            id: &task.id,
            ip_addresses: version
                .has(behaviour::IP_ADDRESSES)
                .then_some([&host.address]),
            ports: &task.ports,
            service_ports: None,
            slave_id: version.has(behaviour::SLAVE_ID).then_some(&*host.agent),
            staged_at: task.staged_at,
            started_at: match task.started_at {
                Some(at) => Field::Set(at),
                None if version.has(behaviour::TASKS_WITHOUT_NULLS) => Field::Absent,
                None => Field::Null,
            },
            state: version
                .has(behaviour::TASK_STATE)
                .then(|| task.state.name()),
            version: task.spec.version,
            local_volumes: version.has(behaviour::LOCAL_VOLUMES).then_some([]),
            role: task.spec.role.as_deref(),
        }
    }

    fn task_stats(&self, spec: &AppSpec, run: Option<&Run>) -> TaskStats {
        let info = spec.version_info;
        let stats = |wanted: &dyn Fn(&Task) -> bool| {
            let tasks: Vec<&Task> = self.tasks_in(run).filter(|task| wanted(task)).collect();
            (!tasks.is_empty()).then(|| Stats::of(tasks.into_iter()))
        };
        TaskStats {
            started_after_last_scaling: stats(&|task| task.spec.version >= info.last_scaling_at),
            with_latest_config: stats(&|task| task.spec.version >= info.last_config_change_at),
            with_outdated_config: stats(&|task| task.spec.version < info.last_config_change_at),
            total_summary: stats(&|_| true),
        }
    }

    pub(super) fn instance_info(&self, key: TaskKey) -> Option<InstanceInfo> {
        let task = self.tasks.get(&key)?;
        let host = &self.hosts[task.host];
        let version = task.spec.version;
        let part = InstanceTask {
            task_id: Arc::clone(&task.id),
            run_spec_version: version,
        };
        Some(InstanceInfo {
            instance_id: InstanceId {
                id_string: Arc::clone(&task.instance),
            },
            agent_info: AgentInfo {
                host: host.config.name.clone(),
                agent_id: host.agent.clone(),
                attributes: [],
            },
            tasks_map: BTreeMap::from([(Arc::clone(&task.id), part)]),
            run_spec_version: version,
            state: InstanceState {
                condition: ConditionName {
                    str: task.state.condition().to_lowercase(),
                },
                since: task.started_at.unwrap_or(task.staged_at),
                active_since: task.started_at,
                healthy: task.healthy(),
            },
            unreachable_strategy: task.spec.unreachable_strategy,
        })
    }

    /// How much there is of what, for the metrics.
    pub(crate) fn totals(&self) -> Totals {
        let running = self
            .tasks
            .values()
            .filter(|it| it.state == TaskState::Running)
            .count();
        Totals {
            apps: self.apps.len(),
            groups: self.groups.len(),
            deployments: self.deployments.len(),
            staged: self.tasks.len() - running,
            running,
        }
    }
}

fn deployment_refs(run: Option<&Run>) -> Vec<DeploymentRef> {
    let id = run.and_then(|run| run.deployment.clone());
    id.into_iter().map(|id| DeploymentRef { id }).collect()
}

fn health_results(task: &Task, version: MarathonVersion, now: Stamp) -> Vec<HealthResult<'_>> {
    let Some(alive) = task.healthy() else {
        return Vec::new();
    };
    let failing = !alive;
    let (instances, causes) = (
        version.has(behaviour::INSTANCES),
        version.has(behaviour::FAILURE_CAUSE),
    );
    let result = |check: &HealthCheck| HealthResult {
        alive,
        consecutive_failures: task.health.consecutive_failures,
        first_success: task.health.first_success,
        last_failure: task.health.last_failure,
        last_failure_cause: match (causes, failing) {
            (false, _) => Field::Absent,
            (true, false) => Field::Null,
            (true, true) => Field::Set("health check failed"),
        },
        last_success: task.health.last_success(check, now),
        task_id: (!instances).then_some(&*task.id),
        instance_id: instances.then_some(&*task.instance),
    };
    task.spec.health_checks.iter().map(result).collect()
}

impl ShortCounts {
    fn of<'a>(tasks: impl Iterator<Item = &'a Task>) -> Self {
        let mut counts = Self::default();
        for task in tasks {
            match task.state {
                TaskState::Staging | TaskState::Starting => counts.staged += 1,
                TaskState::Running => counts.running += 1,
                TaskState::Killing | TaskState::Lost | TaskState::Unreachable => {}
            }
            match task.healthy() {
                Some(true) => counts.healthy += 1,
                Some(false) => counts.unhealthy += 1,
                None => {}
            }
        }
        counts
    }
}

impl Counts {
    fn of<'a>(tasks: impl Iterator<Item = &'a Task>, version: MarathonVersion) -> Self {
        let counts = ShortCounts::of(tasks);
        let health = version.has(behaviour::HEALTH_COUNTS);
        Self {
            staged: counts.staged,
            running: counts.running,
            healthy: health.then_some(counts.healthy),
            unhealthy: health.then_some(counts.unhealthy),
        }
    }
}

impl Stats {
    fn of<'a>(tasks: impl Iterator<Item = &'a Task>) -> Self {
        let counts = ShortCounts::of(tasks);
        Self {
            stats: StatCounts { counts },
        }
    }
}
