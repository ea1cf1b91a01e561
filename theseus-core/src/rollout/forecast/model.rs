//! A cluster in which nothing fails and everything takes its usual time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Premise;
use crate::cluster::{
    App, AppId, Change, Container, ContainerId, ContainerState, HealthState, NewApp, OperationId,
    Part, Revision,
};
use crate::records::Goal;
use crate::rollout::census::{count, live, staying};
use crate::rollout::{Bounds, Slots};

/// The bounds of a group that is to go.
const NOTHING: Bounds = Bounds {
    instances: 0,
    floor: 0,
    ceiling: 0,
};

/// One group's apps, and what is going to happen to them.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) now: Timestamp,
    pub(super) apps: Vec<App>,
    /// The hosts of slots, those where free ones have landed among them.
    pub(super) slots: Slots,
    /// When each container comes to its next state: one that starts serves, one that stops is gone.
    due: BTreeMap<ContainerId, Timestamp>,
    /// When each container of an app that is gone already is gone itself.
    leftovers: Vec<Timestamp>,
    /// How far the engine may go when it replaces containers itself.
    bounds: Bounds,
    /// The revision that an update is brought back to when it is given up.
    wanted: Option<Revision>,
    start_time: Duration,
    stop_time: Duration,
    born: u64,
}

impl Model {
    /// As things are. What is under way is taken to have begun just now.
    pub(super) fn new(premise: &Premise<'_>) -> Self {
        let (wanted, bounds) = match premise.goal {
            Goal::Present { revision, spec } => (Some(*revision), Bounds::of(spec)),
            Goal::Absent => (None, NOTHING),
        };
        let mut model = Self {
            now: premise.view.now,
            apps: premise.view.apps.to_vec(),
            slots: premise.view.slots.clone(),
            due: BTreeMap::new(),
            leftovers: Vec::new(),
            bounds,
            wanted,
            start_time: premise.start_time,
            stop_time: premise.stop_time,
            born: 0,
        };
        if premise.view.stopping {
            model.leftovers.push(model.after(premise.stop_time));
        }
        let (ready_at, gone_at) = (model.after(model.start_time), model.after(model.stop_time));
        for app in &mut model.apps {
            app.containers.retain(|c| c.state != ContainerState::Ended);
            // What else holds an app is about to let go of it.
            if app.part != Part::Stable || !app.containers.iter().any(|c| c.outdated) {
                app.operations.clear();
            }
            for container in &app.containers {
                let due = match (container.state, container.health) {
                    (ContainerState::Stopping, _) => gone_at,
                    (ContainerState::Staging | ContainerState::Starting, _) => ready_at,
                    (ContainerState::Running, HealthState::Unknown) if app.checked => ready_at,
                    _ => continue,
                };
                model.due.insert(container.id.clone(), due);
            }
        }
        model.settle();
        model
    }

    fn after(&self, time: Duration) -> Timestamp {
        let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        self.now.checked_add(time).unwrap_or(Timestamp::MAX)
    }

    /// How many things there are to look at.
    pub(super) fn size(&self) -> usize {
        let containers = self.apps.iter().map(|app| app.containers.len() + 1);
        containers.sum::<usize>() + self.leftovers.len()
    }

    pub(super) fn is_stopping(&self) -> bool {
        !self.leftovers.is_empty()
    }

    /// Containers that serve and have not been told to stop.
    pub(super) fn serving(&self) -> u32 {
        let serving = |app: &App| count(staying(app).filter(|c| app.is_served_by(c)));
        self.apps.iter().map(serving).sum()
    }

    /// Containers that take up room.
    pub(super) fn created(&self) -> u32 {
        let (old, new) = self.by_revision(None);
        old + new
    }

    /// Containers that take up room: those of other revisions, and those of this one.
    pub(super) fn by_revision(&self, wanted: Option<Revision>) -> (u32, u32) {
        let (mut old, mut new) = (count(self.leftovers.iter()), 0);
        for app in &self.apps {
            let outdated = count(live(app).filter(|c| c.outdated));
            let all = count(live(app));
            if Some(app.revision) == wanted {
                old += outdated;
                new += all - outdated;
            } else {
                old += all;
            }
        }
        (old, new)
    }

    /// When something happens next.
    pub(super) fn next_event(&self) -> Option<Timestamp> {
        self.due.values().chain(&self.leftovers).min().copied()
    }

    /// Lets happen everything that is due by then.
    pub(super) fn advance(&mut self, to: Timestamp) {
        self.now = to;
        self.leftovers.retain(|at| *at > to);
        for app in &mut self.apps {
            let (checked, slot) = (app.checked, app.part);
            app.containers.retain_mut(|container| {
                if self.due.get(&container.id).is_none_or(|at| *at > to) {
                    return true;
                }
                self.due.remove(&container.id);
                if container.state == ContainerState::Stopping {
                    return false;
                }
                serve(container, checked, to);
                if let Part::Slot(slot) = slot {
                    let host = container.host.get_or_insert_with(|| anywhere(slot));
                    self.slots.entry(slot).or_insert_with(|| Arc::clone(host));
                }
                true
            });
        }
        self.settle();
    }

    /// Does what the engine is told.
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Create(new) => self.create(new),
            Change::Update(new) => self.update(new),
            Change::Scale { app, instances } => {
                if let Some(index) = self.find(app) {
                    self.apps[index].instances = *instances;
                }
            }
            Change::Shrink { app, containers } => {
                let Some(index) = self.find(app) else { return };
                let app = &mut self.apps[index];
                app.instances = app.instances.saturating_sub(count(containers.iter()));
                self.stop(index, containers);
            }
            Change::Delete { app } => {
                let Some(index) = self.find(app) else { return };
                let gone_at = self.after(self.stop_time);
                for container in &self.apps.remove(index).containers {
                    let due = self.due.remove(&container.id);
                    let is_stopping = container.state == ContainerState::Stopping;
                    let at = due.filter(|_| is_stopping).unwrap_or(gone_at);
                    self.leftovers.push(at);
                }
            }
            Change::Pin { app, host } => {
                let Some(index) = self.find(app) else { return };
                self.apps[index].pinned_to = Some(Arc::clone(host));
                let all: Vec<_> = staying(&self.apps[index]).map(|c| c.id.clone()).collect();
                self.stop(index, &all);
            }
            Change::Revert { app, .. } => self.revert(app),
            Change::Release { app, .. } => {
                if let Some(index) = self.find(app) {
                    self.apps[index].operations.clear();
                }
            }
        }
    }

    fn find(&self, id: &AppId) -> Option<usize> {
        self.apps.iter().position(|app| app.id == *id)
    }

    fn create(&mut self, new: &NewApp) {
        let is_there = |app: &App| app.revision == new.revision && app.part == new.part;
        if self.apps.iter().any(is_there) {
            return;
        }
        self.apps.push(App {
            id: AppId(format!("{} {:?}", new.revision, new.part)),
            group: new.group.clone(),
            revision: new.revision,
            part: new.part,
            pinned_to: new.pinned_to.clone(),
            instances: new.instances,
            checked: new.spec.health.is_some(),
            operations: Vec::new(),
            containers: Vec::new(),
            last_failure: None,
            unread: None,
        });
    }

    fn update(&mut self, new: &NewApp) {
        let Some(app) = self.apps.iter_mut().find(|app| app.part == new.part) else {
            return;
        };
        app.revision = new.revision;
        app.instances = new.instances;
        app.checked = new.spec.health.is_some();
        for container in &mut app.containers {
            container.outdated = true;
        }
        app.operations = vec![operation()];
        self.bounds = Bounds::of(&new.spec);
    }

    /// What was to be replaced is to stay, and what has replaced it is to go.
    fn revert(&mut self, id: &AppId) {
        let (Some(index), Some(wanted)) = (self.find(id), self.wanted) else {
            return;
        };
        let app = &mut self.apps[index];
        app.revision = wanted;
        for container in &mut app.containers {
            container.outdated = !container.outdated;
        }
        app.operations = vec![operation()];
    }

    /// Lets the engine do what it does by itself: keep as many containers running as it was told.
    pub(super) fn settle(&mut self) {
        for index in 0..self.apps.len() {
            if is_replacing(&self.apps[index]) {
                self.replace(index);
            } else {
                self.keep(index);
            }
        }
    }

    fn keep(&mut self, index: usize) {
        let app = &self.apps[index];
        let surplus = count(staying(app)).saturating_sub(app.instances);
        // A slot's container is restarted in its place, so the former one has to be gone.
        let there = match app.part {
            Part::Slot(_) => count(live(app)),
            Part::Whole | Part::Stable => count(staying(app)),
        };
        let missing = app.instances.saturating_sub(there);
        let surplus = worst_first(app).into_iter().take(surplus as usize);
        let surplus: Vec<_> = surplus.map(|c| c.id.clone()).collect();
        self.stop(index, &surplus);
        self.start(index, missing);
    }

    /// Replaces containers of an older revision within the bounds.
    fn replace(&mut self, index: usize) {
        let app = &self.apps[index];
        let new = count(staying(app).filter(|c| !c.outdated));
        let room = self.bounds.ceiling.saturating_sub(count(live(app)));
        let missing = app.instances.saturating_sub(new).min(room);
        let serving = count(staying(app).filter(|c| app.is_served_by(c)));
        let mut spare = serving.saturating_sub(self.bounds.floor);
        let mut surplus = Vec::new();
        for container in worst_first(app).into_iter().filter(|c| c.outdated) {
            let serves = app.is_served_by(container);
            if serves && spare == 0 {
                break;
            }
            spare -= u32::from(serves);
            surplus.push(container.id.clone());
        }
        self.stop(index, &surplus);
        self.start(index, missing);
        let app = &mut self.apps[index];
        let is_done = live(app).all(|c| !c.outdated) && app.is_complete();
        if is_done {
            app.operations.clear();
        }
    }

    fn start(&mut self, index: usize, containers: u32) {
        let due = self.after(self.start_time);
        for _ in 0..containers {
            self.born += 1;
            let id = ContainerId(format!("forecast {}", self.born));
            self.due.insert(id.clone(), due);
            let app = &mut self.apps[index];
            app.containers.push(Container {
                id,
                host: app.pinned_to.clone(),
                ports: Vec::new(),
                state: ContainerState::Staging,
                health: HealthState::Unknown,
                staged_at: Some(self.now),
                started_at: None,
                healthy_since: None,
                outdated: false,
            });
        }
    }

    fn stop(&mut self, index: usize, containers: &[ContainerId]) {
        let due = self.after(self.stop_time);
        let chosen: BTreeSet<_> = containers.iter().collect();
        let all = self.apps[index].containers.iter_mut();
        for container in all.filter(|c| chosen.contains(&c.id)) {
            container.state = ContainerState::Stopping;
            self.due.insert(container.id.clone(), due);
        }
    }
}

/// Whether the engine is replacing the containers of an app.
fn is_replacing(app: &App) -> bool {
    app.part == Part::Stable && !app.operations.is_empty()
}

/// The containers that the engine stops first: those that do not serve, then the youngest.
fn worst_first(app: &App) -> Vec<&Container> {
    let mut all: Vec<_> = staying(app).collect();
    all.reverse();
    all.sort_by_key(|container| app.is_served_by(container));
    all
}

fn serve(container: &mut Container, checked: bool, now: Timestamp) {
    container.state = ContainerState::Running;
    container.started_at.get_or_insert(now);
    if checked {
        container.health = HealthState::Healthy;
        container.healthy_since = Some(now);
    }
}

fn operation() -> OperationId {
    OperationId("forecast".to_owned())
}

/// The host where a slot lands that may start anywhere.
fn anywhere(slot: u32) -> Arc<str> {
    format!("the host of slot {slot}").into()
}
