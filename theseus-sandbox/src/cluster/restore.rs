//! Saving the cluster and bringing it back.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::change::{Change, Draft};
use super::groups::Group;
use super::host::Demand;
use super::mesos::Sizes;
use super::task::{Health, Task, TaskKey, TaskState};
use super::timers::Alarm;
use super::{Cluster, Record};
use crate::definition::AppSpec;
use crate::path_id::PathId;
use crate::script::Script;
use crate::snapshot::{SavedApp, SavedGroup, SavedTask, Snapshot};
use crate::time::Stamp;

impl Cluster {
    pub(crate) fn snapshot(&self) -> Snapshot {
        let apps = self.apps.iter().map(|(id, record)| SavedApp {
            id: id.to_string(),
            versions: record
                .versions
                .iter()
                .map(|spec| SavedApp::definition(spec))
                .collect(),
        });
        let running = |task: &&Task| task.state == TaskState::Running;
        let tasks = self
            .runs
            .values()
            .flat_map(|run| &run.tasks)
            .filter_map(|key| self.tasks.get(key));
        let tasks = tasks
            .filter(running)
            .map(|task| SavedTask::of(task, self.hosts[task.host].config.name.clone()));
        Snapshot {
            apps: apps.collect(),
            groups: self
                .groups
                .iter()
                .map(|(id, group)| (id.to_string(), SavedGroup::from(group)))
                .collect(),
            tasks: tasks.collect(),
        }
    }

    /// Takes over what can be taken over; what no longer fits is left to be launched anew.
    /// Real tasks are those that were found, whatever was saved.
    pub(super) fn restore(&mut self, snapshot: &Snapshot, found: Option<&[SavedTask]>, now: Stamp) {
        for (id, saved) in &snapshot.groups {
            if let Ok(id) = PathId::absolute(id) {
                self.groups.insert(id, Group::from(saved));
            }
        }
        for saved in &snapshot.apps {
            self.restore_app(saved);
        }
        for task in found.unwrap_or(&snapshot.tasks) {
            let known = snapshot.tasks.iter().find(|known| known.id == task.id);
            self.restore_task(known.unwrap_or(task), now);
        }
        self.finish_restarts(now);
    }

    fn restore_app(&mut self, saved: &SavedApp) {
        let Ok(id) = PathId::absolute(&saved.id) else {
            return;
        };
        let settled = saved.specs(&id).map(|mut spec| {
            spec.settle_networks(self.version);
            Arc::new(spec)
        });
        let versions: Vec<_> = settled.collect();
        let Some(spec) = versions.last().cloned() else {
            return;
        };
        self.last_version = self.last_version.max(spec.version);
        self.service_ports.hold(&spec);
        self.runs.entry(id.clone()).or_default();
        self.touch(&id);
        self.apps.insert(
            id,
            Record {
                spec,
                versions,
                leaving: false,
            },
        );
    }

    fn restore_task(&mut self, saved: &SavedTask, now: Stamp) {
        let record = PathId::absolute(&saved.app)
            .ok()
            .and_then(|id| self.apps.get(&id));
        let version = |spec: &&Arc<AppSpec>| spec.version == saved.version;
        let spec = record
            .and_then(|record| record.versions.iter().find(version))
            .cloned();
        let host = self
            .hosts
            .iter()
            .position(|host| host.config.name == saved.host);
        let Some((spec, host)) = spec.zip(host) else {
            return;
        };
        self.hosts[host].retake(&Demand::of(&spec), &saved.ports);
        let runs = saved.started_at.is_some();
        let key = self.insert_task(Task {
            id: saved.id.as_str().into(),
            instance: instance_of(&saved.id, &spec).into(),
            spec,
            host,
            ports: saved.ports.clone(),
            staged_at: if runs { saved.staged_at } else { now },
            started_at: saved.started_at,
            state: if runs {
                TaskState::Running
            } else {
                TaskState::Staging
            },
            losses: 0,
            inactive: false,
            decommissioned: false,
            script: Script::default(),
            health: Health::default(),
            readiness: runs.then_some(true),
            notes: Vec::new(),
            packed: Sizes::default(),
            ending: None,
        });
        if runs {
            self.restore_health(key, saved.healthy, now);
            self.resume(key);
        } else {
            self.begin(key, now);
        }
    }

    fn restore_health(&mut self, key: TaskKey, healthy: Option<bool>, now: Stamp) {
        let is_real = self.is_real();
        let Some(task) = self.tasks.get_mut(&key) else {
            return;
        };
        match healthy {
            Some(true) if task.health_check().is_some() => {
                task.health.succeed(task.started_at.unwrap_or(now).min(now));
                self.schedule_check(key, now);
            }
            Some(false) if !is_real => {
                let illness = task.health.illness;
                self.timers.set(now, Alarm::HealthFailure(key, illness));
            }
            _ => self.schedule_health(key, now),
        }
    }

    /// An app that was saved in the middle of a restart is restarted to the end.
    fn finish_restarts(&mut self, now: Stamp) {
        let mixed = self
            .apps
            .values()
            .map(|record| &record.spec)
            .filter(|spec| {
                let changed = spec.version_info.last_config_change_at;
                let keys = self
                    .runs
                    .get(&spec.id)
                    .into_iter()
                    .flat_map(|run| &run.tasks);
                keys.filter_map(|key| self.tasks.get(key))
                    .any(|task| task.spec.version < changed)
            });
        let restart = |spec: &Arc<AppSpec>| Draft {
            restart: true,
            ..Draft::from((**spec).clone())
        };
        let drafts: BTreeMap<_, _> = mixed.map(|spec| (spec.id.clone(), restart(spec))).collect();
        if !drafts.is_empty() {
            // All locks are free and the definitions were admitted before.
            drop(self.change(
                Change {
                    drafts,
                    ..Change::default()
                },
                true,
                now,
            ));
        }
    }
}

impl SavedTask {
    pub(super) fn of(task: &Task, host: String) -> Self {
        Self {
            id: task.id.to_string(),
            app: task.spec.id.to_string(),
            version: task.spec.version,
            host,
            ports: task.ports.clone(),
            staged_at: task.staged_at,
            started_at: task.started_at,
            healthy: task.healthy(),
        }
    }
}

impl From<&Group> for SavedGroup {
    fn from(group: &Group) -> Self {
        Self {
            version: group.version,
            dependencies: group.dependencies.iter().map(PathId::to_string).collect(),
            enforce_role: group.enforce_role,
        }
    }
}

impl From<&SavedGroup> for Group {
    fn from(saved: &SavedGroup) -> Self {
        let dependencies = saved.dependencies.iter();
        Self {
            version: saved.version,
            dependencies: dependencies
                .filter_map(|id| PathId::absolute(id).ok())
                .collect(),
            enforce_role: saved.enforce_role,
        }
    }
}

/// The id of the instance that a task belongs to: part of its id from Marathon 1.8 on, before that
/// made of the same random part.
fn instance_of(task: &str, spec: &AppSpec) -> String {
    if let Some((instance, _)) = task.rsplit_once("._app.") {
        return instance.to_owned();
    }
    let unique = task.rsplit_once('.').map_or(task, |(_, unique)| unique);
    format!("{}.marathon-{unique}", spec.id.task_prefix())
}
