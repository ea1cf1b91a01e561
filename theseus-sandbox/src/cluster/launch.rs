//! The launch queue: instances that are wanted, matched against what the hosts offer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Cluster;
use super::event::TaskStatus;
use super::host::{Demand, Reject};
use super::mesos::Sizes;
use super::placement::Placement;
use super::task::{Health, Task, TaskKey, TaskState};
use super::timers::Alarm;
use crate::behaviour;
use crate::definition::AppSpec;
use crate::path_id::PathId;
use crate::script::{Script, script_for};
use crate::time::Stamp;

/// Resources that were freed are offered again after this long, all at once.
const OFFER_INTERVAL: Duration = Duration::from_millis(100);

/// A failing task takes at least this long to fail, or one moment would never end.
const SHORTEST_START: Duration = Duration::from_millis(1);

/// Instances of an app in the queue.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) since: Stamp,
    pub(super) count: usize,
    pub(super) offers: Offers,
    /// The end of the back-off an alarm is set for.
    alarm: Option<Stamp>,
}

/// An instance whose task has ended, to be given the next one.
#[derive(Debug)]
pub(super) struct Vacant {
    instance: Arc<str>,
    incarnation: u64,
}

/// How the offers fared that an app in the queue has seen.
#[derive(Debug, Default)]
pub(super) struct Offers {
    pub(super) processed: usize,
    pub(super) unused: usize,
    pub(super) last_unused_at: Option<Stamp>,
    pub(super) last_used_at: Option<Stamp>,
    /// Rejections since the app is in the queue, and those of the last round of offers.
    pub(super) rejects: BTreeMap<Reject, usize>,
    pub(super) last_rejects: BTreeMap<Reject, usize>,
    pub(super) last_processed: usize,
    /// Why the offers of that round were turned down, by host.
    pub(super) last_unused: BTreeMap<usize, Unused>,
}

/// An offer that was turned down.
#[derive(Debug)]
pub(super) struct Unused {
    pub(super) rejects: Vec<Reject>,
    pub(super) at: Stamp,
}

impl Offers {
    fn begin_round(&mut self) {
        self.last_rejects.clear();
        self.last_unused.clear();
        self.last_processed = 0;
    }

    fn reject(&mut self, host: usize, rejects: Vec<Reject>, now: Stamp) {
        let Some(&reject) = rejects.first() else {
            return;
        };
        self.last_unused.insert(host, Unused { rejects, at: now });
        self.processed += 1;
        self.last_processed += 1;
        self.unused += 1;
        self.last_unused_at = Some(now);
        *self.rejects.entry(reject).or_default() += 1;
        *self.last_rejects.entry(reject).or_default() += 1;
    }

    fn accept(&mut self, now: Stamp) {
        self.processed += 1;
        self.last_processed += 1;
        self.last_used_at = Some(now);
    }
}

impl Cluster {
    /// Sees to it that `count` more tasks of `app` are launched, now or when it can be.
    pub(super) fn want(&mut self, app: &PathId, spec: &Arc<AppSpec>, count: usize, now: Stamp) {
        if count == 0 {
            return self.want_none(app);
        }
        let Some(run) = self.runs.get_mut(app) else {
            return;
        };
        let waiting = run.waiting.get_or_insert_with(|| Waiting {
            since: now,
            count,
            offers: Offers::default(),
            alarm: None,
        });
        waiting.count = count;
        run.vacant.truncate(count);
        if let Some(until) = run.backoff.until(now) {
            if waiting.alarm.replace(until) != Some(until) {
                self.timers.set(until, Alarm::Backoff(app.clone()));
            }
            return;
        }
        let mut offers = std::mem::take(&mut waiting.offers);
        let launched = self.launch(spec, count, &mut offers, now);
        if launched == count {
            return self.want_none(app);
        }
        self.starved.insert(app.clone());
        if let Some(waiting) = self.runs.get_mut(app).and_then(|run| run.waiting.as_mut()) {
            waiting.count = count - launched;
            waiting.offers = offers;
        }
    }

    pub(super) fn want_none(&mut self, app: &PathId) {
        self.starved.remove(app);
        if let Some(run) = self.runs.get_mut(app) {
            run.waiting = None;
            run.vacant.clear();
        }
    }

    /// Launches up to `count` tasks and says how many found a host.
    fn launch(
        &mut self,
        spec: &Arc<AppSpec>,
        count: usize,
        offers: &mut Offers,
        now: Stamp,
    ) -> usize {
        let demand = Demand::of(spec);
        let mut placement = Placement::new(&spec.constraints, self.placed(spec));
        offers.begin_round();
        for launched in 0..count {
            let Some(host) = self.match_offer(&demand, &placement, offers, now) else {
                return launched;
            };
            placement.place(&self.hosts[host]);
            let ports = self.hosts[host].take(&demand, &mut self.random);
            self.spawn(spec, host, ports, now);
        }
        count
    }

    /// The hosts of the tasks that constraints look at: those of the present configuration.
    fn placed<'a>(&'a self, spec: &'a AppSpec) -> impl Iterator<Item = &'a super::Host> {
        let keys = self
            .runs
            .get(&spec.id)
            .into_iter()
            .flat_map(|run| &run.tasks);
        let since = spec.version_info.last_config_change_at;
        keys.filter_map(|key| self.tasks.get(key))
            .filter(move |task| task.spec.version >= since)
            .map(|task| &self.hosts[task.host])
    }

    fn match_offer(
        &mut self,
        demand: &Demand,
        placement: &Placement,
        offers: &mut Offers,
        now: Stamp,
    ) -> Option<usize> {
        let count = self.hosts.len();
        for offset in 0..count {
            let index = (self.next_host + offset) % count;
            let host = &self.hosts[index];
            if !host.offers() {
                continue;
            }
            let rejects: Vec<Reject> = host.rejects(demand, placement.admits(host)).collect();
            if rejects.is_empty() {
                offers.accept(now);
                self.next_host = (index + 1) % count;
                return Some(index);
            }
            offers.reject(index, rejects, now);
        }
        None
    }

    fn spawn(&mut self, spec: &Arc<AppSpec>, host: usize, ports: Vec<u16>, now: Stamp) {
        let (id, instance) = self.name(spec);
        let script = if self.is_real() {
            Script::default()
        } else {
            script_for(&mut self.scripts, spec.id.as_str(), spec.image())
        };
        let key = self.insert_task(Task {
            id,
            instance,
            spec: Arc::clone(spec),
            host,
            ports,
            staged_at: now,
            started_at: None,
            state: TaskState::Staging,
            losses: 0,
            inactive: false,
            decommissioned: false,
            script,
            health: Health::default(),
            readiness: None,
            notes: Vec::new(),
            packed: Sizes::default(),
            ending: None,
        });
        self.begin(key, now);
        self.tell_status(key, TaskStatus::Now(TaskState::Staging), "", now);
    }

    /// Sets the alarms of a task that is being launched.
    pub(super) fn schedule_start(&mut self, key: TaskKey, now: Stamp) {
        let script = self.tasks.get(&key).map(|task| &task.script);
        let delay = script.and_then(|script| script.start_delay);
        let delay = delay.unwrap_or(self.pace.start).max(SHORTEST_START);
        self.timers.set(now.plus(delay / 2), Alarm::Starting(key));
        self.timers.set(now.plus(delay), Alarm::Running(key));
    }

    /// The ids of the next task of an app and of its instance. An instance that lasts gets another
    /// task when one has ended.
    fn name(&mut self, spec: &AppSpec) -> (Arc<str>, Arc<str>) {
        let prefix = spec.id.task_prefix();
        let lasting = self.version.has(behaviour::LASTING_INSTANCES);
        let vacant = self.runs.get_mut(&spec.id).and_then(|run| run.vacant.pop());
        if let Some(Vacant {
            instance,
            incarnation,
        }) = vacant
        {
            return (format!("{instance}._app.{incarnation}").into(), instance);
        }
        // With the seed of an earlier sandbox come the ids of its tasks, which may still be there.
        loop {
            let uuid = self.random.uuid();
            let (id, instance) = if lasting {
                let instance = format!("{prefix}.instance-{uuid}");
                (format!("{instance}._app.1"), instance)
            } else {
                let instance = format!("{prefix}.marathon-{uuid}");
                (format!("{prefix}.{uuid}"), instance)
            };
            if !self.task_ids.contains_key(&*id) {
                return (id.into(), instance.into());
            }
        }
    }

    /// Keeps the instance of a task that has ended for the next task of the app.
    pub(super) fn vacate(&mut self, task: &Task) {
        if let Some((_, incarnation)) = task.id.rsplit_once("._app.")
            && let (Ok(incarnation), Some(run)) =
                (incarnation.parse::<u64>(), self.runs.get_mut(&task.spec.id))
        {
            run.vacant.push(Vacant {
                instance: Arc::clone(&task.instance),
                incarnation: incarnation.saturating_add(1),
            });
        }
    }

    pub(super) fn insert_task(&mut self, task: Task) -> TaskKey {
        let key = TaskKey(self.launched);
        self.launched += 1;
        self.task_ids.insert(Arc::clone(&task.id), key);
        self.runs
            .entry(task.spec.id.clone())
            .or_default()
            .tasks
            .insert(key);
        self.tasks.insert(key, task);
        key
    }

    /// There is room again: those that wait get another look, together and soon.
    pub(super) fn resources_freed(&mut self, now: Stamp) {
        if !self.offers_due && !self.starved.is_empty() {
            self.offers_due = true;
            self.timers.set(now.plus(OFFER_INTERVAL), Alarm::Offers);
        }
    }

    pub(super) fn offer_again(&mut self) {
        self.offers_due = false;
        self.dirty.append(&mut self.starved);
    }

    /// Forgets the back-off of an app in the queue; `false` if it is not there.
    pub(crate) fn reset_delay(&mut self, app: &PathId) -> bool {
        let Some(run) = self.runs.get_mut(app).filter(|run| run.waiting.is_some()) else {
            return false;
        };
        run.backoff.reset();
        self.touch(app);
        true
    }
}
