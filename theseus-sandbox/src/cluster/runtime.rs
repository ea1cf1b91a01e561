//! Real containers behind the tasks: what is to be done to them ([`Order`]), which somebody with a
//! container engine carries out, and what he has to tell ([`Happening`]). Without such a one tasks
//! are simulated: their lives are alarms.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Cluster;
use super::task::{End, Task, TaskKey, TaskState};
use super::timers::Alarm;
use crate::definition::{Bearer, HealthCheck, Probe, Run};
use crate::snapshot::SavedTask;
use crate::time::Stamp;

/// Checks come as often as this until one succeeds, so that nobody waits for the next round of a
/// check that comes once a minute. Failures count as they would without.
const EAGER: Duration = Duration::from_secs(1);

/// Something to be done.
#[derive(Debug)]
pub(crate) enum Order {
    Start(Box<Launch>),
    /// Its container is there from an earlier time.
    Resume(Arc<str>),
    Stop(Arc<str>, Duration),
    Check {
        task: Arc<str>,
        illness: u32,
        host: String,
        probes: Vec<Probe>,
        timeout: Duration,
    },
    /// Nobody asks for its files any more.
    Forget(Arc<str>),
}

/// A task to be started: what is to be known of it later, and its container.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) task: Arc<str>,
    pub(crate) saved: SavedTask,
    pub(crate) run: Result<Run, String>,
}

/// Something that happened to a task.
#[derive(Debug)]
pub(crate) enum Happening {
    Starting,
    Running,
    Ended {
        success: bool,
        message: String,
    },
    Checked {
        illness: u32,
        outcome: Result<(), String>,
    },
}

/// What is under way with real containers.
#[derive(Debug, Default)]
pub(super) struct Real {
    orders: Vec<Order>,
    /// What happened on hosts that are out of reach, to be told when they are back.
    withheld: Vec<(Arc<str>, Happening)>,
    /// Tasks that fail because somebody wants it so, and what he says.
    doomed: HashMap<TaskKey, String>,
    /// Hosts that are out of reach because the engine is.
    away: Vec<usize>,
}

impl Cluster {
    pub(crate) fn take_orders(&mut self) -> Vec<Order> {
        self.real
            .as_mut()
            .map(|real| std::mem::take(&mut real.orders))
            .unwrap_or_default()
    }

    fn order(&mut self, order: Order) {
        if let Some(real) = &mut self.real {
            real.orders.push(order);
        }
    }

    /// Begins to run a task.
    pub(super) fn begin(&mut self, key: TaskKey, now: Stamp) {
        if self.real.is_none() {
            return self.schedule_start(key, now);
        }
        let Some(task) = self.tasks.get(&key) else {
            return;
        };
        let host = self.hosts[task.host].config.name.clone();
        let run = task.spec.run(Bearer {
            task: &task.id,
            host: &host,
            ports: &task.ports,
            version: self.version,
        });
        let launch = Launch {
            task: Arc::clone(&task.id),
            saved: SavedTask::of(task, host),
            run,
        };
        self.order(Order::Start(Box::new(launch)));
    }

    /// Takes a task up again whose container is there already.
    pub(super) fn resume(&mut self, key: TaskKey) {
        if let Some(task) = self.tasks.get(&key) {
            let id = Arc::clone(&task.id);
            self.order(Order::Resume(id));
        }
    }

    /// Lets a task end that is asked to.
    pub(super) fn begin_end(&mut self, key: TaskKey, now: Stamp) {
        if self.real.is_none() {
            let delay = self.pace.kill;
            return self.timers.set(now.plus(delay), Alarm::Dead(key));
        }
        if let Some(task) = self.tasks.get(&key) {
            let order = Order::Stop(Arc::clone(&task.id), task.spec.kill_grace());
            self.order(order);
        }
    }

    /// The end of a task that the cluster has forgotten.
    pub(super) fn end_stray(&mut self, task: &Task) {
        self.order(Order::Stop(Arc::clone(&task.id), task.spec.kill_grace()));
    }

    pub(super) fn forget_files(&mut self, task: Option<Task>) {
        if let Some(task) = task {
            self.order(Order::Forget(task.id));
        }
    }

    /// Lets a real task fail; `false` if there are no real ones.
    pub(super) fn doom(&mut self, key: TaskKey, message: &str) -> bool {
        let (Some(real), Some(task)) = (&mut self.real, self.tasks.get(&key)) else {
            return false;
        };
        real.doomed.insert(key, message.to_owned());
        real.orders
            .push(Order::Stop(Arc::clone(&task.id), Duration::ZERO));
        true
    }

    /// Sets the alarm for the next real check; `false` if checks are simulated.
    pub(super) fn schedule_check(&mut self, key: TaskKey, now: Stamp) -> bool {
        if self.real.is_none() {
            return false;
        }
        let Some(check) = self.tasks.get(&key).and_then(Task::health_check) else {
            return true;
        };
        let eager = self.tasks[&key].health.first_success.is_none();
        let pause = if eager {
            check.interval().min(EAGER)
        } else {
            check.interval()
        };
        self.timers.set(now.plus(pause), Alarm::Check(key));
        true
    }

    /// The ids of all tasks.
    pub(crate) fn task_list(&self) -> Vec<Arc<str>> {
        self.task_ids.keys().cloned().collect()
    }

    /// Whether tasks are real containers.
    pub(crate) fn is_real(&self) -> bool {
        self.real.is_some()
    }

    pub(super) fn check(&mut self, key: TaskKey) {
        let Some(task) = self.tasks.get(&key) else {
            return;
        };
        if task.state != TaskState::Running {
            return;
        }
        let probes = task.spec.health_checks.iter();
        let order = Order::Check {
            task: Arc::clone(&task.id),
            illness: task.health.illness,
            host: self.hosts[task.host].config.name.clone(),
            probes: probes.map(|it| it.probe(&task.spec, &task.ports)).collect(),
            timeout: task.health_check().map_or(EAGER, HealthCheck::timeout),
        };
        self.order(order);
    }

    /// Takes in what happened to a task.
    pub(crate) fn happens(&mut self, id: &Arc<str>, happening: Happening, now: Stamp) {
        let Some(key) = self.task_ids.get(id).copied() else {
            return;
        };
        let Some(task) = self.tasks.get(&key) else {
            return;
        };
        if !self.hosts[task.host].up {
            if let (Some(real), false) = (
                &mut self.real,
                matches!(happening, Happening::Checked { .. }),
            ) {
                real.withheld.push((Arc::clone(id), happening));
            }
            return;
        }
        match happening {
            Happening::Starting => self.task_starting(key, now),
            Happening::Running => {
                self.task_starting(key, now);
                self.task_running(key, now);
            }
            Happening::Ended { success, message } => self.ended(key, success, message, now),
            Happening::Checked { illness, outcome } => self.checked(key, illness, outcome, now),
        }
    }

    fn ended(&mut self, key: TaskKey, success: bool, message: String, now: Stamp) {
        let doom = self.real.as_mut().and_then(|real| real.doomed.remove(&key));
        let killing = self.tasks[&key].state == TaskState::Killing;
        let (end, message) = match doom {
            _ if killing => (End::Killed, message),
            Some(doom) => (End::Failed, doom),
            None if success => (End::Finished, message),
            None => (End::Failed, message),
        };
        self.end_task(key, end, &message, now);
    }

    fn checked(&mut self, key: TaskKey, illness: u32, outcome: Result<(), String>, now: Stamp) {
        let task = &self.tasks[&key];
        let Some(check) = task.health_check() else {
            return;
        };
        if task.state != TaskState::Running || task.health.illness != illness {
            return;
        }
        let started = task.started_at.unwrap_or(now);
        let in_grace = task.health.first_success.is_none() && now.since(started) < check.grace();
        match outcome {
            Ok(()) if task.healthy() == Some(true) => {}
            Ok(()) => self.task_healthy(key, now),
            Err(_) if in_grace => {}
            Err(cause) => {
                if let Some(task) = self.tasks.get_mut(&key) {
                    task.health.cause = Some(cause);
                }
                self.health_check_fails(key, illness, now);
            }
        }
        if self
            .tasks
            .get(&key)
            .is_some_and(|it| it.state == TaskState::Running)
        {
            self.schedule_check(key, now);
        }
    }

    /// The engine can be reached or not: without it nobody knows how the tasks fare.
    pub(crate) fn engine_reached(&mut self, reached: bool, now: Stamp) {
        let Some(real) = &mut self.real else {
            return;
        };
        let names = |hosts: &[super::Host], chosen: &[usize]| -> Vec<String> {
            let chosen = chosen.iter().map(|index| hosts[*index].config.name.clone());
            chosen.collect()
        };
        if reached {
            let away = std::mem::take(&mut real.away);
            for name in names(&self.hosts, &away) {
                self.return_host(&name, now);
            }
        } else if real.away.is_empty() {
            let up = (0..self.hosts.len()).filter(|index| self.hosts[*index].up);
            real.away = up.collect();
            for name in names(&self.hosts, &real.away.clone()) {
                self.lose_host(&name, now);
            }
        }
    }

    /// Takes in what happened on a host while it was out of reach.
    pub(super) fn catch_up(&mut self, now: Stamp) {
        let Some(real) = &mut self.real else {
            return;
        };
        // What is still out of reach is withheld once more.
        for (id, happening) in std::mem::take(&mut real.withheld) {
            self.happens(&id, happening, now);
        }
    }
}
