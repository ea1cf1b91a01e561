//! A cluster in a box: it does what it is told, in its own time.

use std::collections::BTreeSet;

use super::super::Bounds;
use super::laws::lawful;
use super::*;
use crate::cluster::NewApp;

/// What there is of one group, with what nobody can see.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) apps: Vec<App>,
    pub(super) slots: Slots,
    pub(super) promoted: bool,
    pub(super) turning_back: bool,
    /// How many hosts there are.
    pub(super) hosts: u16,
    /// Whether slots may be moved to other hosts.
    pub(super) moves: bool,
    /// Containers of deleted apps that still die.
    orphans: Vec<ContainerId>,
    /// Containers that were told to stop and may not know it yet.
    condemned: BTreeSet<ContainerId>,
    /// The revision that the stable app had before it was updated.
    former: Option<Revision>,
    now: Timestamp,
    born: u32,
}

impl World {
    pub(super) fn of(apps: Vec<App>, slots: Slots) -> Self {
        Self {
            apps,
            slots,
            promoted: false,
            turning_back: false,
            hosts: 3,
            moves: false,
            orphans: Vec::new(),
            condemned: BTreeSet::new(),
            former: None,
            now: seconds(0),
            born: 0,
        }
    }

    pub(super) fn decide(&self, goal: &Goal) -> Decision {
        let view = View {
            stopping: !self.orphans.is_empty(),
            progress_at: self.now,
            now: self.now,
            promoted: self.promoted,
            turning_back: self.turning_back,
            ..view(&self.apps, &self.slots)
        };
        lawful(goal, &view)
    }

    /// Does what is decided, checks that no bound was crossed by it, and says whether the goal is
    /// reached.
    pub(super) fn step(&mut self, goal: &Goal) -> bool {
        let Decision::Continue { changes, .. } = self.decide(goal) else {
            return true;
        };
        let bounds = match goal {
            Goal::Present { spec, .. } => Bounds::of(spec),
            Goal::Absent => return false,
        };
        let (serving, created) = (self.serving(), self.created());
        for change in &changes {
            self.apply(change, bounds);
        }
        let (served, made) = (self.serving(), self.created());
        // Moving a slot, or updating a stable app, is lent one, or is the engine's own business.
        let is_lent = |c: &Change| match c {
            Change::Pin { .. } | Change::Update(_) | Change::Revert { .. } => true,
            c => c
                .app()
                .is_some_and(|app| app.0.starts_with(&format!("r{NEW}-"))),
        };
        let floor = if changes.iter().any(is_lent) {
            bounds.floor.min(bounds.instances.saturating_sub(1))
        } else {
            bounds.floor
        };
        assert!(
            served >= serving.min(floor),
            "{served} serve, {serving} did, of {bounds:?}: {changes:?}\n{self:#?}"
        );
        // What was deleted is counted in full until it is gone, so nothing may rely on it.
        assert!(
            made <= created.max(bounds.ceiling),
            "{made} exist, {created} did, of {bounds:?}: {changes:?}\n{self:#?}"
        );
        false
    }

    fn bear(&mut self, app: usize, dice: u16) {
        self.born += 1;
        let app = &mut self.apps[app];
        let mut container = Is::Staging.container(format!("c{}", self.born));
        container.staged_at = Some(self.now);
        let any = || Arc::from(format!("h{}", dice % self.hosts));
        container.host = Some(app.pinned_to.clone().unwrap_or_else(any));
        app.containers.push(container);
    }

    fn app(&mut self, id: &AppId) -> &mut App {
        self.apps.iter_mut().find(|app| app.id == *id).unwrap()
    }

    fn apply(&mut self, change: &Change, bounds: Bounds) {
        match change {
            Change::Create(new) => self.create(new),
            Change::Scale { app, instances } => {
                let condemned = self.condemned.clone();
                let app = self.app(app);
                app.instances = *instances;
                let surplus: Vec<_> = app
                    .containers
                    .iter()
                    .filter(|c| c.state != ContainerState::Stopping && !condemned.contains(&c.id))
                    .skip(*instances as usize)
                    .map(|c| c.id.clone())
                    .collect();
                self.condemned.extend(surplus);
            }
            Change::Shrink { app, containers } => {
                self.app(app).instances -= u32::try_from(containers.len()).unwrap();
                self.condemned.extend(containers.iter().cloned());
            }
            Change::Release { app, .. } => self.app(app).operations.clear(),
            Change::Delete { app } => {
                let gone = self.apps.iter().position(|a| a.id == *app).unwrap();
                let gone = self.apps.remove(gone);
                self.orphans
                    .extend(gone.containers.into_iter().map(|c| c.id));
            }
            Change::Pin { app, host } => {
                let app = self.app(app);
                app.pinned_to = Some(Arc::clone(host));
                app.operations.push(OperationId("pin".to_owned()));
                app.containers.iter_mut().for_each(|c| c.outdated = true);
                let all: Vec<_> = app.containers.iter().map(|c| c.id.clone()).collect();
                self.condemned.extend(all);
            }
            Change::Update(new) => {
                assert!(new.instances <= bounds.instances);
                let app = self.app(&app_id(new.revision, new.part));
                let former = app.revision;
                app.revision = new.revision;
                app.instances = new.instances;
                app.operations.push(OperationId("update".to_owned()));
                app.containers.iter_mut().for_each(|c| c.outdated = true);
                self.former = Some(former);
            }
            Change::Revert { app, .. } => {
                let former = self.former.unwrap_or(NEW);
                let app = self.app(app);
                app.revision = former;
                app.operations = vec![OperationId("revert".to_owned())];
                app.containers
                    .iter_mut()
                    .for_each(|c| c.outdated = !c.outdated);
            }
        }
    }

    fn create(&mut self, new: &NewApp) {
        let mut app = app(new.revision, new.part, new.instances, &[]);
        app.pinned_to.clone_from(&new.pinned_to);
        self.apps.push(app);
    }

    /// Something happens; `dice` says what.
    pub(super) fn happen(&mut self, dice: u16, bounds: Bounds, faults: bool) {
        self.now = self.now.checked_add(SignedDuration::from_secs(1)).unwrap();
        if dice.is_multiple_of(5) && !self.orphans.is_empty() {
            self.orphans.remove(0);
        } else if faults && self.moves && dice.is_multiple_of(97) {
            self.slots.insert(u32::from(dice / 97) % 4, Arc::from("h1"));
        } else if !self.apps.is_empty() {
            let which = usize::from(dice / 5) % self.apps.len();
            self.happen_to(which, dice, bounds, faults);
        }
        self.record();
    }

    /// Writes down which hosts free slots have come to, as the engine does.
    fn record(&mut self) {
        for app in self.apps.iter().filter(|app| app.revision == NEW) {
            let running = app
                .containers
                .iter()
                .find(|c| c.state == ContainerState::Running);
            if let (Part::Slot(slot), Some(container)) = (app.part, running) {
                let host = container.host.clone().unwrap();
                self.slots.entry(slot).or_insert(host);
            }
        }
    }

    fn happen_to(&mut self, which: usize, dice: u16, bounds: Bounds, faults: bool) {
        if self.replace_in_place(which, dice, bounds) {
            return;
        }
        let app = &mut self.apps[which];
        let staying = app
            .containers
            .iter()
            .filter(|c| c.state != ContainerState::Stopping && !self.condemned.contains(&c.id));
        // What an update has started in addition is too many in the end.
        let is_replaced = !app.operations.is_empty() && app.containers.iter().any(|c| c.outdated);
        if let Some(surplus) = staying
            .skip(app.instances as usize)
            .last()
            .filter(|_| !is_replaced)
        {
            self.condemned.insert(surplus.id.clone());
            return;
        }
        let living = u32::try_from(app.containers.len()).unwrap();
        if faults && dice.is_multiple_of(17) && app.operations.is_empty() {
            app.operations.push(OperationId("by hand".to_owned()));
        } else if living < app.instances && !dice.is_multiple_of(3) {
            self.bear(which, dice);
        } else if app.is_complete()
            && app
                .containers
                .iter()
                .all(|c| !c.outdated && !self.condemned.contains(&c.id))
            && dice.is_multiple_of(2)
        {
            app.operations.clear();
        } else if !app.containers.is_empty() {
            let index = usize::from(dice / 7) % app.containers.len();
            self.happen_to_container(which, index, dice, faults);
        }
    }

    /// What the engine does by itself to an app that it replaces; says whether it did something.
    fn replace_in_place(&mut self, which: usize, dice: u16, bounds: Bounds) -> bool {
        let app = &mut self.apps[which];
        if app.operations.is_empty() || !app.containers.iter().any(|c| c.outdated) {
            return false;
        }
        let (surge, missing) = match app.part {
            Part::Slot(_) => (0, 1),
            Part::Whole | Part::Stable => (
                bounds.ceiling - bounds.instances,
                bounds.instances - bounds.floor,
            ),
        };
        let staying: Vec<&Container> = app
            .containers
            .iter()
            .filter(|c| c.state != ContainerState::Stopping && !self.condemned.contains(&c.id))
            .collect();
        let ready = staying.iter().filter(|c| app.is_served_by(c)).count();
        let outdated = staying.iter().find(|c| c.outdated);
        let may_go = |c: &Container| {
            !app.is_served_by(c) || ready + missing as usize > app.instances as usize
        };
        if let Some(next) = outdated.filter(|c| may_go(c)) {
            self.condemned.insert(next.id.clone());
            return true;
        }
        let room = app.containers.len() < (app.instances + surge) as usize;
        if room && dice.is_multiple_of(2) {
            self.bear(which, dice);
            return true;
        }
        false
    }

    fn happen_to_container(&mut self, app: usize, index: usize, dice: u16, faults: bool) {
        let now = self.now;
        let doomed = self
            .condemned
            .contains(&self.apps[app].containers[index].id);
        let mut all = self.apps[app].containers.iter();
        let is_shrinking = all.any(|c| self.condemned.contains(&c.id));
        let container = &mut self.apps[app].containers[index];
        match (container.state, container.health, doomed) {
            (ContainerState::Stopping, ..) => drop(self.apps[app].containers.remove(index)),
            (_, _, true) => container.state = ContainerState::Stopping,
            // Which one is lost while another is secretly told to stop, nobody could know.
            (ContainerState::Unreachable, ..) if is_shrinking => {}
            (ContainerState::Unreachable, ..) => drop(self.apps[app].containers.remove(index)),
            (ContainerState::Staging, ..) => {
                container.state = ContainerState::Running;
                container.started_at = Some(now);
            }
            (_, HealthState::Healthy, _) if faults && dice.is_multiple_of(11) => {
                container.health = HealthState::Unhealthy;
                container.healthy_since = None;
            }
            (_, HealthState::Healthy, _) if faults && dice.is_multiple_of(13) => {
                container.state = ContainerState::Unreachable;
                container.health = HealthState::Unknown;
            }
            (_, HealthState::Healthy, _) if faults && dice.is_multiple_of(19) && !is_shrinking => {
                self.apps[app].containers.remove(index);
            }
            (_, HealthState::Healthy, _) => {}
            _ => {
                container.health = HealthState::Healthy;
                container.healthy_since = Some(now);
            }
        }
    }

    /// Ready containers that nobody has told to stop, as one who sees everything counts them.
    fn serving(&self) -> u32 {
        let serving = self
            .apps
            .iter()
            .flat_map(|app| &app.containers)
            .filter(|c| {
                c.state == ContainerState::Running
                    && c.health == HealthState::Healthy
                    && !self.condemned.contains(&c.id)
            });
        u32::try_from(serving.count()).unwrap()
    }

    /// Containers that exist or that the cluster may start on its own.
    fn created(&self) -> u32 {
        let orphans = u32::try_from(self.orphans.len()).unwrap();
        let app = |app: &App| {
            app.instances
                .max(u32::try_from(app.containers.len()).unwrap())
        };
        self.apps.iter().map(app).sum::<u32>() + orphans
    }
}
