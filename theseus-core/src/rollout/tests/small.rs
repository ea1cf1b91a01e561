//! Every small world: all mixtures of states that the containers of a group can be in. Containers
//! of one app that are in the same state are alike, so worlds are told apart by how many are in
//! which state, not by which ones.

use super::super::Bounds;
use super::laws::lawful;
use super::world::World;
use super::*;

/// Every way in which up to `most` containers can be, absent ones among them: an app of each.
fn mixtures(revision: Revision, part: Part, most: usize) -> Vec<App> {
    let mut apps = Vec::new();
    for promised in 0..=most {
        let mut mixed: Vec<Vec<Is>> = Vec::new();
        mix(most - promised, &Is::ALL, &mut Vec::new(), &mut mixed);
        for states in mixed {
            let staying = states.iter().filter(|is| **is != Is::Stopping).count();
            let instances = u32::try_from(promised + staying).unwrap();
            apps.push(app(revision, part, instances, &states));
        }
    }
    apps
}

/// Every multiset of at most `most` states.
fn mix(most: usize, states: &[Is], begun: &mut Vec<Is>, found: &mut Vec<Vec<Is>>) {
    found.push(begun.clone());
    if most == 0 {
        return;
    }
    for (index, is) in states.iter().enumerate() {
        begun.push(*is);
        mix(most - 1, &states[index..], begun, found);
        begun.pop();
    }
}

fn size(app: &App) -> usize {
    app.containers.len().max(app.instances as usize)
}

/// All bounds within two of the instances, and how they come about.
fn specs(instances: u32) -> Vec<Spec> {
    let mut specs = Vec::new();
    for surge in 0..=2 {
        for unavailable in 0..=2 {
            specs.push(spec(instances, surge, unavailable));
            specs.push(stop_first(spec(instances, surge, unavailable)));
        }
    }
    // Worlds in which the same bounds hold are the same.
    let mut seen: Vec<Bounds> = Vec::new();
    specs.retain(|spec| {
        let bounds = Bounds::of(spec);
        let is_new = !seen.contains(&bounds);
        seen.push(bounds);
        is_new
    });
    specs
}

/// Lets everything behave, and asserts that the goal is reached soon.
#[track_caller]
fn comes_to_rest(goal: &Goal, world: World) {
    let Goal::Present { spec, .. } = goal else {
        return;
    };
    let bounds = Bounds::of(spec);
    let begin = world.clone();
    let mut world = world;
    for dice in (0..4_000u16).map(|n| n.wrapping_mul(40_503)) {
        if world.step(goal) {
            return;
        }
        world.happen(dice, bounds, false);
    }
    panic!("{begin:#?}\nbecame {world:#?}\n{:#?}", world.decide(goal));
}

#[test]
fn one_app_beside_another() {
    let (olds, news) = (mixtures(OLD, Part::Whole, 4), mixtures(NEW, Part::Whole, 4));
    let slots = Slots::new();
    let mut worlds = 0u32;
    for instances in 0..=4u32 {
        let goals: Vec<Goal> = specs(instances).into_iter().map(goal).collect();
        for old in &olds {
            for new in &news {
                // Beyond what any rollout may create, and by one more, nothing new is to be found.
                let most = instances as usize + 2;
                if size(old) + size(new) > most || size(old).max(size(new)) > instances as usize + 1
                {
                    continue;
                }
                let apps = [old.clone(), new.clone()];
                for goal in &goals {
                    worlds += 1;
                    lawful(goal, &view(&apps, &slots));
                    if worlds.is_multiple_of(2_003) {
                        comes_to_rest(goal, World::of(apps.to_vec(), slots.clone()));
                    }
                }
            }
        }
    }
    assert!(worlds > 450_000, "only {worlds} worlds");
}

#[test]
fn one_app_alone_and_held_ones() {
    let slots = Slots::new();
    for instances in 0..=4u32 {
        for spec in specs(instances) {
            let goal = goal(spec);
            for alone in
                mixtures(NEW, Part::Whole, 4)
                    .into_iter()
                    .chain(mixtures(OLD, Part::Whole, 4))
            {
                let [plain, held] = [alone.clone(), held(alone)].map(|app| [app]);
                lawful(&goal, &view(&plain, &slots));
                lawful(&goal, &view(&held, &slots));
            }
        }
    }
}

#[test]
fn canaries() {
    let (olds, news) = (mixtures(OLD, Part::Whole, 3), mixtures(NEW, Part::Whole, 3));
    let slots = Slots::new();
    for instances in 1..=3u32 {
        for mut spec in specs(instances) {
            spec.update.promote = crate::model::Promote::Manual;
            for canaries in 1..=2u32 {
                spec.update.canary = Some(Amount::Count(canaries));
                let count = canaries.min(instances);
                let goal = goal(spec.clone());
                for old in olds.iter().filter(|old| size(old) > 0) {
                    for new in news.iter().filter(|new| new.instances <= count) {
                        let apps = [old.clone(), new.clone()];
                        let decision = lawful(&goal, &view(&apps, &slots));
                        canaries_are_few(&decision, &apps, instances, count);
                    }
                }
            }
        }
    }
}

/// There are no more new ones than canaries, and no fewer old ones than the others.
fn canaries_are_few(decision: &Decision, apps: &[App; 2], instances: u32, count: u32) {
    let Decision::Continue { changes, .. } = decision else {
        panic!("somebody is to promote it")
    };
    let [old, new] = apps;
    for change in changes {
        match change {
            Change::Scale { app, instances } if *app == new.id => assert!(*instances <= count),
            Change::Scale {
                instances: left, ..
            } => assert!(*left >= instances - count),
            Change::Shrink { containers, app } if *app == old.id => {
                let left = old.instances - u32::try_from(containers.len()).unwrap();
                assert!(left >= instances - count, "{changes:?} of {apps:#?}");
            }
            // Those that have their places already are gone, or all are canaries.
            Change::Delete { .. } => assert!(old.instances == 0 || count == instances),
            change => panic!("{change:?}"),
        }
    }
}

/// What can be of one slot: an app of the old revision, one of the new on its host, free or on
/// another one, or both.
fn slot_mixtures(number: u32) -> Vec<Vec<App>> {
    let states = [
        vec![],
        vec![Is::Staging],
        vec![Is::Ready],
        vec![Is::Sick],
        vec![Is::Unreachable],
        vec![Is::Stopping],
    ];
    let mut olds = vec![None];
    let mut news = vec![None];
    for state in &states {
        let gone = state.first().is_none_or(|is| *is == Is::Stopping);
        for instances in if gone { 0..=1 } else { 1..=1 } {
            let with = |mut app: App| {
                app.instances = instances;
                Some(app)
            };
            olds.push(with(slot(OLD, number, &format!("h{number}"), state)));
            news.push(with(slot(NEW, number, &format!("h{number}"), state)));
            news.push(with(slot(NEW, number, "elsewhere", state)));
            let mut free = slot(NEW, number, "elsewhere", state);
            free.pinned_to = None;
            news.push(with(free));
        }
    }
    let mut mixtures = Vec::new();
    for old in &olds {
        for new in &news {
            mixtures.push(old.iter().chain(new).cloned().collect());
        }
    }
    mixtures
}

#[test]
fn slots_beside_slots() {
    let slots = hosts(&["h0", "h1", "h2", "h3"]);
    let by_slot: Vec<_> = (0..2).map(slot_mixtures).collect();
    let mut worlds = 0u32;
    for spec in [spec(2, 1, 0), spec(2, 0, 1), spec(2, 1, 1), spec(1, 1, 0)] {
        let goal = goal(fixed(spec));
        for first in &by_slot[0] {
            for second in &by_slot[1] {
                let apps: Vec<App> = first.iter().chain(second).cloned().collect();
                worlds += 1;
                lawful(&goal, &view(&apps, &slots));
                if worlds.is_multiple_of(1_499) {
                    comes_to_rest(&goal, World::of(apps, slots.clone()));
                }
            }
        }
    }
    assert!(worlds > 200_000, "only {worlds} worlds");
}

#[test]
fn stable_apps() {
    let slots = Slots::new();
    let mut worlds = 0u32;
    for revision in [OLD, NEW] {
        let mut stables = mixtures(revision, Part::Stable, 3);
        for outdated in 1..=3 {
            let mixed = mixtures(revision, Part::Stable, 3).into_iter();
            stables.extend(
                mixed
                    .filter(|app| app.containers.len() >= outdated)
                    .map(|mut app| {
                        let first = app.containers.iter_mut().take(outdated);
                        first.for_each(|c| c.outdated = true);
                        app
                    }),
            );
        }
        for instances in 1..=4u32 {
            for spec in specs(instances) {
                let goal = goal(native(spec));
                for app in &stables {
                    for app in [app.clone(), held(app.clone())] {
                        worlds += 1;
                        let apps = [app, whole(OLD, 1, &[Is::Ready])];
                        for apps in [&apps[..1], &apps[..]] {
                            lawful(&goal, &view(apps, &slots));
                            let turning_back = true;
                            lawful(
                                &goal,
                                &View {
                                    turning_back,
                                    ..view(apps, &slots)
                                },
                            );
                        }
                        if worlds.is_multiple_of(1_499) {
                            comes_to_rest(&goal, World::of(apps.to_vec(), slots.clone()));
                        }
                    }
                }
            }
        }
    }
    assert!(worlds > 45_000, "only {worlds} worlds");
}
