//! Kills asked for by a client.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Cluster;
use super::change::{Change, Draft, Receipt, Refusal};
use super::task::TaskKey;
use super::view::InstanceInfo;
use crate::path_id::PathId;
use crate::time::Stamp;

/// What became of a kill.
#[derive(Debug)]
pub(crate) enum KillReceipt {
    /// Without scaling: the tasks meant, killed or not.
    Tasks(Vec<InstanceInfo>),
    /// With scaling: a deployment.
    Scaled(Receipt),
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
        if scale {
            return self
                .kill_and_scale(by_app, force, now)
                .map(KillReceipt::Scaled);
        }
        let keys = by_app.values().flatten();
        let meant = keys.filter_map(|key| self.instance_info(*key)).collect();
        for (app, keys) in by_app {
            // While a deployment holds the app 1.5 says yes and does nothing.
            if self
                .runs
                .get(&app)
                .is_some_and(|run| run.deployment.is_none())
            {
                for key in keys {
                    self.kill_task(key, now);
                }
            }
        }
        Ok(KillReceipt::Tasks(meant))
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
