//! The cluster itself: a state machine that knows nothing of HTTP, threads or real time.
//!
//! Whoever drives it says what time it is ([`Cluster::advance`]), asks when to come back
//! ([`Cluster::next_due`]) and takes the events it has to tell ([`Cluster::take_events`]).
//! Every turn is: ring the alarms that are due, then for each app touched *decide* (a pure
//! function, [`decide`]) and act on it, until nothing is left to do at this moment.

mod admit;
mod backoff;
mod change;
mod decide;
mod deployment;
mod drive;
mod event;
mod faults;
mod group_view;
mod groups;
mod host;
mod kill;
mod launch;
mod life;
mod mesos;
mod placement;
mod readiness;
mod restore;
mod runtime;
mod service_ports;
mod task;
mod text;
mod timers;
mod under_way;
mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use self::backoff::Backoff;
use self::decide::Activity;
use self::deployment::Deployment;
use self::event::EventBody;
use self::groups::{Group, History};
use self::host::Host;
use self::launch::{Vacant, Waiting};
use self::life::TaskFailure;
use self::runtime::Real;
use self::service_ports::ServicePorts;
use self::task::{Ends, Task, TaskKey};
use self::timers::{Alarm, Timers};
use crate::config::SandboxConfig;
use crate::definition::AppSpec;
use crate::docker::Docker;
use crate::path_id::PathId;
use crate::random::Random;
use crate::script::Script;
use crate::time::Stamp;
use crate::version::MarathonVersion;

pub(crate) use self::change::{Change, Draft, Receipt, Refusal};
pub(crate) use self::event::{Event, EventBody as Body};
pub(crate) use self::group_view::GroupWants;
pub(crate) use self::groups::GroupDraft;
pub(crate) use self::kill::KillReceipt;
pub(crate) use self::mesos::{FRAMEWORK, FileInfo, FilePart, LARGEST_READ, NoFile, Reading};
pub(crate) use self::runtime::{Happening, Launch, Order};
pub(crate) use self::view::{AppInfo, Embed, TaskInfo};

#[derive(Debug)]
pub(crate) struct Cluster {
    /// Which Marathon it is.
    pub(crate) version: MarathonVersion,
    pace: Pace,
    random: Random,
    pub(crate) scripts: Vec<Script>,
    hosts: Vec<Host>,
    /// The host that is offered first next time, so that tasks spread.
    next_host: usize,
    /// What should be: the definitions, by id.
    apps: BTreeMap<PathId, Record>,
    groups: BTreeMap<PathId, Group>,
    history: History,
    /// What is: also of apps that are deleted and not yet gone.
    runs: BTreeMap<PathId, Run>,
    tasks: HashMap<TaskKey, Task>,
    task_ids: HashMap<Arc<str>, TaskKey>,
    launched: u64,
    deployments: IndexMap<Arc<str>, Deployment>,
    max_running_deployments: usize,
    service_ports: ServicePorts,
    last_version: Stamp,
    timers: Timers,
    /// Apps to look at again before this moment is over.
    dirty: BTreeSet<PathId>,
    /// Apps that no host had room for.
    starved: BTreeSet<PathId>,
    offers_due: bool,
    ends: Ends,
    events: Vec<Event>,
    /// Present where tasks are real containers.
    real: Option<Real>,
}

/// How long things take.
#[derive(Clone, Copy, Debug)]
struct Pace {
    start: Duration,
    health: Duration,
    ready: Duration,
    kill: Duration,
}

/// An app's definition and those it had before, oldest first.
#[derive(Debug)]
struct Record {
    spec: Arc<AppSpec>,
    versions: Vec<Arc<AppSpec>>,
    /// It is deleted, and shown until its tasks are dead.
    leaving: bool,
}

/// How an app fares.
#[derive(Debug, Default)]
struct Run {
    tasks: BTreeSet<TaskKey>,
    backoff: Backoff,
    waiting: Option<Waiting>,
    /// Instances that wait for their next task.
    vacant: Vec<Vacant>,
    last_failure: Option<Arc<TaskFailure>>,
    /// The deployment that holds the app locked.
    deployment: Option<Arc<str>>,
    activity: Option<Activity>,
}

impl Cluster {
    pub(crate) fn new(config: &SandboxConfig) -> Self {
        let now = Stamp::from_timestamp(config.start_time);
        let hosts = config.hosts.iter().cloned().enumerate();
        let mut cluster = Self {
            version: config.version,
            pace: Pace {
                start: config.start_delay,
                health: config.health_delay,
                ready: config.ready_delay,
                kill: config.kill_delay,
            },
            random: Random::seeded(config.seed),
            scripts: config.scripts.clone(),
            hosts: hosts
                .map(|(number, host)| Host::new(number, host, now))
                .collect(),
            next_host: 0,
            apps: BTreeMap::new(),
            groups: BTreeMap::new(),
            history: History::default(),
            runs: BTreeMap::new(),
            tasks: HashMap::new(),
            task_ids: HashMap::new(),
            launched: 0,
            deployments: IndexMap::new(),
            max_running_deployments: config.max_running_deployments,
            service_ports: ServicePorts::new(config.service_ports.clone()),
            last_version: Stamp::default(),
            timers: Timers::default(),
            dirty: BTreeSet::new(),
            starved: BTreeSet::new(),
            offers_due: false,
            ends: Ends::default(),
            events: Vec::new(),
            real: config.docker.is_some().then(Real::default),
        };
        let root = Group {
            version: now,
            ..Group::default()
        };
        cluster.groups.insert(PathId::root(), root);
        if let Some(snapshot) = &config.state {
            let found = config.docker.as_ref().map(Docker::found_tasks);
            cluster.restore(snapshot, found, now);
        }
        cluster
    }

    /// Does all that is due at `now`.
    pub(crate) fn advance(&mut self, now: Stamp) {
        loop {
            self.settle(now);
            // Each alarm sees the time it was set for, so that a late caller changes nothing.
            let Some((at, alarm)) = self.timers.ring(now) else {
                break;
            };
            self.on_alarm(alarm, at);
            while self.timers.next_due() == Some(at) {
                let Some((_, alarm)) = self.timers.ring(at) else {
                    break;
                };
                self.on_alarm(alarm, at);
            }
            self.settle(at);
        }
    }

    /// When there is something to do again; never if nobody changes anything.
    pub(crate) fn next_due(&self) -> Option<Stamp> {
        self.timers.next_due()
    }

    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub(crate) fn tell(&mut self, body: EventBody, now: Stamp) {
        self.events
            .extend(body.in_version(self.version).map(|body| Event {
                body,
                timestamp: now,
            }));
    }

    /// Decides and acts for every app that was touched.
    fn settle(&mut self, now: Stamp) {
        while let Some(app) = self.dirty.pop_first() {
            self.drive(&app, now);
        }
    }

    fn on_alarm(&mut self, alarm: Alarm, now: Stamp) {
        match alarm {
            Alarm::Starting(task) => self.task_starting(task, now),
            Alarm::Running(task) => self.task_running(task, now),
            Alarm::Exit(task) => self.task_exits(task, now),
            Alarm::Check(task) => self.check(task),
            Alarm::Healthy(task, illness) => self.health_check_passes(task, illness, now),
            Alarm::HealthFailure(task, illness) => self.health_check_fails(task, illness, now),
            Alarm::Readiness(task, ready_at) => self.readiness_check(task, ready_at, now),
            Alarm::Dead(task) => self.task_dead(task, now),
            Alarm::Inactive(task, loss) => self.task_inactive(task, loss),
            Alarm::Expunge(task, loss) => self.task_expunged(task, loss, now),
            Alarm::Backoff(app) => drop(self.dirty.insert(app)),
            Alarm::Strays(host) => self.end_strays(host, now),
            Alarm::Offers => self.offer_again(),
        }
    }

    fn touch(&mut self, app: &PathId) {
        if !self.dirty.contains(app) {
            self.dirty.insert(app.clone());
        }
    }
}
