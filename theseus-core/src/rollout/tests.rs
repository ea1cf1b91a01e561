//! The decision in a small world of its own: whatever containers do, and in whatever order, the
//! bounds hold after every decision, and the goal is reached once they behave.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Bounds, Decision, Slots, View, decide};
use crate::cluster::{
    App, AppId, Change, Container, ContainerId, ContainerState, HealthState, Part, Revision,
};
use crate::model::{Amount, GroupId, Order, Spec};
use crate::records::Goal;

const NEW: Revision = 2;

/// A cluster in a box: it does what it is told, in its own time.
#[derive(Debug, Clone)]
struct World {
    apps: Vec<App>,
    /// Containers of deleted apps that still die, and whether they are ready.
    orphans: Vec<ContainerId>,
    /// Containers that were told to stop and may not know it yet.
    condemned: BTreeSet<ContainerId>,
    now: Timestamp,
    born: u32,
}

impl World {
    fn new(old: u32) -> Self {
        let mut world = Self {
            apps: Vec::new(),
            orphans: Vec::new(),
            condemned: BTreeSet::new(),
            now: Timestamp::UNIX_EPOCH,
            born: 0,
        };
        if old > 0 {
            world.apps.push(app(1, old));
            for _ in 0..old {
                let container = world.bear(ContainerState::Running, HealthState::Healthy);
                world.apps[0].containers.push(container);
            }
        }
        world
    }

    fn bear(&mut self, state: ContainerState, health: HealthState) -> Container {
        self.born += 1;
        Container {
            id: ContainerId(format!("c{}", self.born)),
            host: None,
            ports: Vec::new(),
            state,
            health,
            staged_at: Some(self.now),
            started_at: (state == ContainerState::Running).then_some(self.now),
            healthy_since: (health == HealthState::Healthy).then_some(self.now),
            outdated: false,
        }
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Create(new) => {
                assert!(
                    self.apps.iter().all(|app| app.revision != new.revision),
                    "created twice"
                );
                self.apps.push(app(new.revision, new.instances));
            }
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
            Change::Update(_) | Change::Pin { .. } | Change::Revert { .. } => {
                unreachable!("nothing here is stable or pinned")
            }
            Change::Delete { app } => {
                let gone = self.apps.iter().position(|a| a.id == *app).unwrap();
                let gone = self.apps.remove(gone);
                self.orphans
                    .extend(gone.containers.into_iter().map(|c| c.id));
            }
        }
    }

    fn app(&mut self, id: &AppId) -> &mut App {
        self.apps.iter_mut().find(|app| app.id == *id).unwrap()
    }

    /// Something happens; `dice` says what.
    fn happen(&mut self, dice: u16, faults: bool) {
        self.now = self.now.checked_add(SignedDuration::from_secs(1)).unwrap();
        if dice.is_multiple_of(5) && !self.orphans.is_empty() {
            self.orphans.remove(0);
            return;
        }
        if self.apps.is_empty() {
            return;
        }
        let which = usize::from(dice / 5) % self.apps.len();
        let app = &self.apps[which];
        let living = u32::try_from(app.containers.len()).unwrap();
        if living < app.instances && !dice.is_multiple_of(3) {
            let container = self.bear(ContainerState::Staging, HealthState::Unknown);
            self.apps[which].containers.push(container);
            return;
        }
        if app.containers.is_empty() {
            return;
        }
        let index = usize::from(dice / 7) % app.containers.len();
        let now = self.now;
        let doomed = self.condemned.contains(&app.containers[index].id);
        let container = &mut self.apps[which].containers[index];
        match (container.state, container.health, doomed) {
            (ContainerState::Stopping, _, _) => drop(self.apps[which].containers.remove(index)),
            (_, _, true) => container.state = ContainerState::Stopping,
            (ContainerState::Staging, _, _) => {
                container.state = ContainerState::Running;
                container.started_at = Some(now);
            }
            (_, HealthState::Healthy, _) if faults && dice.is_multiple_of(11) => {
                container.health = HealthState::Unhealthy;
                container.healthy_since = None;
            }
            (_, HealthState::Healthy, _) if faults && dice.is_multiple_of(13) => {
                self.apps[which].containers.remove(index);
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

    fn decide(&self, spec: &Arc<Spec>) -> Decision {
        let goal = Goal::Present {
            revision: NEW,
            spec: Arc::clone(spec),
        };
        let view = View {
            apps: &self.apps,
            stopping: !self.orphans.is_empty(),
            progress_at: self.now,
            now: self.now,
            failed_starts: 0,
            promoted: false,
            turning_back: false,
            slots: &Slots::new(),
        };
        decide(&group(), &goal, &view)
    }
}

fn group() -> GroupId {
    "ingestor:dev".parse().unwrap()
}

fn app(revision: Revision, instances: u32) -> App {
    App {
        id: AppId(format!("r{revision}")),
        group: group(),
        revision,
        part: Part::Whole,
        pinned_to: None,
        instances,
        checked: true,
        operations: Vec::new(),
        containers: Vec::new(),
        last_failure: None,
    }
}

fn spec(instances: u32, surge: u32, unavailable: u32, order: Order) -> Arc<Spec> {
    let mut spec = Spec {
        instances,
        ..Spec::new("a:2")
    };
    spec.update.max_surge = Amount::Count(surge);
    spec.update.max_unavailable = Amount::Count(unavailable);
    spec.update.order = order;
    Arc::new(spec)
}

/// Applies what is decided and checks that no bound was crossed by it.
fn step(world: &mut World, spec: &Arc<Spec>, bounds: Bounds) -> bool {
    let Decision::Continue { changes, .. } = world.decide(spec) else {
        return true;
    };
    let (serving, created) = (world.serving(), world.created());
    for change in &changes {
        world.apply(change);
    }
    let (served, made) = (world.serving(), world.created());
    assert!(
        served >= serving.min(bounds.floor),
        "{served} serve, {serving} did, of {bounds:?}: {changes:?}\n{world:#?}"
    );
    // What was deleted is counted in full until it is gone, so nothing that comes may rely on it.
    assert!(
        made <= created.max(bounds.ceiling),
        "{made} exist, {created} did, of {bounds:?}: {changes:?}\n{world:#?}"
    );
    false
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn the_bounds_hold_and_the_goal_is_reached(
        old in 0u32..6,
        instances in 0u32..6,
        surge in 0u32..4,
        unavailable in 0u32..4,
        stop_first: bool,
        trouble in proptest::collection::vec(any::<u16>(), 0..120),
        quiet in proptest::collection::vec(any::<u16>(), 400),
    ) {
        let order = if stop_first { Order::StopFirst } else { Order::StartFirst };
        let spec = spec(instances, surge, unavailable, order);
        let bounds = Bounds::of(&spec);
        let mut world = World::new(old);
        for dice in trouble {
            step(&mut world, &spec, bounds);
            world.happen(dice, true);
        }
        let mut reached = false;
        for dice in quiet.iter().cycle().take(4_000) {
            reached = step(&mut world, &spec, bounds);
            if reached {
                break;
            }
            world.happen(*dice, false);
        }
        prop_assert!(reached, "{world:#?}");
        prop_assert_eq!(world.apps.len(), 1);
        prop_assert_eq!((world.apps[0].revision, world.apps[0].instances), (NEW, instances));
    }
}

#[test]
fn one_at_a_time_by_default() {
    let spec = spec(4, 1, 0, Order::StartFirst);
    let mut world = World::new(4);
    let Decision::Continue { changes, .. } = world.decide(&spec) else {
        panic!("nothing is done yet")
    };
    assert!(
        matches!(&changes[..], [Change::Create(app)] if app.instances == 1),
        "{changes:?}"
    );
    world.apply(&changes[0]);
    let Decision::Continue {
        changes, waiting, ..
    } = world.decide(&spec)
    else {
        panic!("one is on its way")
    };
    assert_eq!(changes, []);
    assert_eq!(waiting, "4 of 4 new containers to be ready");
}

#[test]
fn the_oldest_goes_first_and_the_sick_before_it() {
    let spec = spec(2, 2, 1, Order::StartFirst);
    let mut world = World::new(2);
    world.apps[0].containers[1].health = HealthState::Unhealthy;
    world.apps[0].containers[1].healthy_since = None;
    let mut new = app(NEW, 2);
    new.containers = vec![
        world.bear(ContainerState::Running, HealthState::Healthy),
        world.bear(ContainerState::Staging, HealthState::Unknown),
    ];
    world.apps.push(new);
    let Decision::Continue { changes, .. } = world.decide(&spec) else {
        panic!("old ones run")
    };
    let sick = world.apps[0].containers[1].id.clone();
    assert!(
        matches!(&changes[..], [Change::Shrink { containers, .. }] if containers[0] == sick)
            || matches!(&changes[..], [Change::Delete { .. }]),
        "{changes:?}"
    );
}

#[test]
fn an_app_that_is_held_is_left_alone() {
    let spec = spec(3, 1, 0, Order::StartFirst);
    let mut world = World::new(3);
    world.apps[0]
        .operations
        .push(crate::cluster::OperationId("d1".to_owned()));
    let mut new = app(NEW, 3);
    for _ in 0..3 {
        let container = world.bear(ContainerState::Running, HealthState::Healthy);
        new.containers.push(container);
    }
    world.apps.push(new);
    let Decision::Continue {
        changes, waiting, ..
    } = world.decide(&spec)
    else {
        panic!("old ones run")
    };
    assert_eq!(
        (changes, waiting.as_str()),
        (Vec::new(), "3 old containers to stop")
    );
}

/// As a revision is whose containers never come up, when the former one is to come back.
#[test]
fn an_unwanted_app_that_is_stuck_is_freed_and_then_taken_down() {
    let spec = spec(1, 1, 0, Order::StartFirst);
    let mut world = World::new(1);
    world.apps[0].revision = NEW;
    let held = vec![crate::cluster::OperationId("d1".to_owned())];
    world.apps.push(App {
        operations: held.clone(),
        ..app(3, 1)
    });
    let Decision::Continue { changes, .. } = world.decide(&spec) else {
        panic!("r3 is there")
    };
    let id = AppId("r3".to_owned());
    assert_eq!(
        changes,
        [Change::Release {
            app: id.clone(),
            operations: held
        }]
    );
    world.apply(&changes[0]);
    let Decision::Continue { changes, .. } = world.decide(&spec) else {
        panic!("r3 is there")
    };
    assert_eq!(changes, [Change::Delete { app: id }]);
}

#[test]
fn a_container_counts_only_after_its_time() {
    let mut spec = Spec::clone(&spec(1, 1, 0, Order::StartFirst));
    spec.update.min_healthy_time = std::time::Duration::from_secs(30);
    let spec = Arc::new(spec);
    let mut world = World::new(0);
    let mut new = app(NEW, 1);
    new.containers
        .push(world.bear(ContainerState::Running, HealthState::Healthy));
    world.apps.push(new);
    let ripe = world
        .now
        .checked_add(SignedDuration::from_secs(30))
        .unwrap();
    let Decision::Continue { changes, until, .. } = world.decide(&spec) else {
        panic!("it is not ripe")
    };
    assert_eq!((changes, until), (Vec::new(), Some(ripe)));
    world.now = ripe;
    assert_eq!(world.decide(&spec), Decision::Reached);
}

#[test]
fn without_progress_for_the_deadline_it_has_failed() {
    let spec = spec(1, 1, 0, Order::StartFirst);
    let mut world = World::new(0);
    world.apps.push(app(NEW, 1));
    let goal = Goal::Present {
        revision: NEW,
        spec: Arc::clone(&spec),
    };
    let now = world
        .now
        .checked_add(SignedDuration::from_mins(10))
        .unwrap();
    let view = View {
        apps: &world.apps,
        stopping: false,
        progress_at: world.now,
        now,
        failed_starts: 0,
        promoted: false,
        turning_back: false,
        slots: &Slots::new(),
    };
    let decision = decide(&group(), &goal, &view);
    assert_eq!(
        decision,
        Decision::Failed {
            reason: "no progress for 10m: 0 of 1 containers ready".to_owned()
        }
    );
}

#[test]
fn removal_deletes_every_app_and_waits_for_the_last_container() {
    let mut world = World::new(2);
    let view = |world: &World, stopping| {
        decide(
            &group(),
            &Goal::Absent,
            &View {
                apps: &world.apps,
                stopping,
                progress_at: world.now,
                now: world.now,
                failed_starts: 0,
                promoted: false,
                turning_back: false,
                slots: &Slots::new(),
            },
        )
    };
    let Decision::Continue { changes, .. } = view(&world, false) else {
        panic!("it runs")
    };
    assert_eq!(
        changes,
        [Change::Delete {
            app: AppId("r1".to_owned())
        }]
    );
    world.apply(&changes[0]);
    assert!(matches!(view(&world, true), Decision::Continue { changes, .. } if changes.is_empty()));
    assert_eq!(view(&world, false), Decision::Reached);
}
