//! Kills asked for by a client.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::Cluster;
use super::change::{Change, Draft, Receipt, Refusal};
use super::task::TaskKey;
use crate::behaviour;
use crate::path_id::PathId;
use crate::time::Stamp;

/// What became of a kill.
#[derive(Debug)]
pub(crate) struct KillReceipt {
    /// The tasks meant, killed or not, as the version shows them.
    pub(crate) tasks: Vec<Value>,
    /// With scaling: the deployment.
    pub(crate) deployment: Option<Receipt>,
}

impl Cluster {
    /// The task with this id, if it is one of `app`.
    pub(crate) fn task_of(&self, app: &PathId, id: &str) -> Option<Vec<Arc<str>>> {
        let key = self.task_ids.get(id)?;
        let task = self.tasks.get(key).filter(|task| task.spec.id == *app)?;
        Some(vec![Arc::clone(&task.id)])
    }

    /// Ids of all tasks of `app`, or of those on one host.
    pub(crate) fn tasks_of(&self, app: &PathId, host: Option<&str>) -> Vec<Arc<str>> {
        let keys = self.runs.get(app).into_iter().flat_map(|run| &run.tasks);
        keys.filter_map(|key| self.tasks.get(key))
            .filter(|task| host.is_none_or(|host| self.hosts[task.host].config.name == host))
            .map(|task| Arc::clone(&task.id))
            .collect()
    }

    /// Kills tasks; unknown ids are passed over. With `scale` the apps shrink by as many.
    pub(crate) fn kill<I: AsRef<str>>(
        &mut self,
        ids: &[I],
        scale: bool,
        force: bool,
        now: Stamp,
    ) -> Result<KillReceipt, Refusal> {
        let mut by_app: BTreeMap<PathId, Vec<TaskKey>> = BTreeMap::new();
        for key in ids.iter().filter_map(|id| self.task_ids.get(id.as_ref())) {
            let Some(task) = self.tasks.get(key) else {
                continue;
            };
            let chosen = by_app.entry(task.spec.id.clone()).or_default();
            if !chosen.contains(key) {
                chosen.push(*key);
            }
        }
        let keys = by_app.values().flatten();
        let tasks = keys.filter_map(|key| self.meant(*key, now)).collect();
        if scale {
            let force = force || !self.version.has(behaviour::KILL_RESPECTS_LOCKS);
            let deployment = self.kill_and_scale(by_app, force, now)?;
            return Ok(KillReceipt {
                tasks,
                deployment: Some(deployment),
            });
        }
        let drops = self.version.has(behaviour::KILLS_DROPPED_UNDER_LOCK);
        for (app, keys) in by_app {
            let locked = |run: &super::Run| run.deployment.is_some();
            if !(drops && self.runs.get(&app).is_some_and(locked)) {
                for key in keys {
                    self.kill_task(key, now);
                }
            }
        }
        Ok(KillReceipt {
            tasks,
            deployment: None,
        })
    }

    fn meant(&self, key: TaskKey, now: Stamp) -> Option<Value> {
        let shown = if self.version.has(behaviour::KILLS_TELL_INSTANCES) {
            serde_json::to_value(self.instance_info(key)?)
        } else {
            serde_json::to_value(self.task_info(self.tasks.get(&key)?, now))
        };
        shown.ok()
    }

    fn kill_and_scale(
        &mut self,
        by_app: BTreeMap<PathId, Vec<TaskKey>>,
        force: bool,
        now: Stamp,
    ) -> Result<Receipt, Refusal> {
        let shrunk = by_app.into_iter().filter_map(|(app, victims)| {
            let mut spec = (*self.apps.get(&app)?.spec).clone();
            let killed = u32::try_from(victims.len()).unwrap_or(u32::MAX);
            spec.instances = spec.instances.saturating_sub(killed);
            Some((
                app,
                Draft {
                    spec: Some(spec),
                    restart: false,
                    victims,
                },
            ))
        });
        let change = Change {
            drafts: shrunk.collect(),
            ..Change::default()
        };
        self.change(change, force, now)
    }
}
