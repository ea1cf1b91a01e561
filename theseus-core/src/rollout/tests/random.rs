//! Whatever containers do, and in whatever order, the laws hold for every decision, and the goal is
//! reached once they behave.

use proptest::prelude::*;
use proptest::strategy::Strategy;

use super::super::Bounds;
use super::world::World;
use super::*;

/// How a group is deployed.
#[derive(Debug, Clone, Copy)]
enum Way {
    Whole,
    Slots,
    Native,
}

/// What ran before.
fn before(way: Way, count: u32, mut slots: Slots) -> World {
    let ready = vec![Is::Ready; count as usize];
    let mut apps = match way {
        _ if count == 0 => Vec::new(),
        Way::Whole => vec![whole(OLD, count, &ready)],
        Way::Native => vec![app(OLD, Part::Stable, count, &ready)],
        Way::Slots => (0..count)
            .map(|n| slot(OLD, n, &format!("h{}", n % 3), &[Is::Ready]))
            .collect(),
    };
    for app in &mut apps {
        for container in &mut app.containers {
            container.host.get_or_insert_with(|| Arc::from("h0"));
        }
        if let (Part::Slot(slot), Some(host)) = (app.part, &app.pinned_to) {
            slots.entry(slot).or_insert_with(|| Arc::clone(host));
        }
    }
    World::of(apps, slots)
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![Just(Way::Whole), Just(Way::Slots), Just(Way::Native)]
}

prop_compose! {
    fn wanted()(
        way in way(),
        instances in 0u32..6,
        surge in 0u32..4,
        unavailable in 0u32..4,
        stops_first: bool,
        clashes: bool,
        canary in proptest::option::of(1u32..4),
    ) -> Spec {
        let mut spec = spec(instances, surge, unavailable);
        spec.update.canary = canary.map(Amount::Count);
        if stops_first {
            spec = stop_first(spec);
        }
        if clashes {
            spec.volumes.push("/data:/data".parse().unwrap());
        }
        match way {
            Way::Whole => spec,
            Way::Slots => fixed(spec),
            Way::Native => native(spec),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 500, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn the_bounds_hold_and_the_goal_is_reached(
        (from, count) in (way(), 0u32..6),
        spec in wanted(),
        slots in proptest::collection::btree_map(0u32..6, (0u32..3).prop_map(|n| Arc::from(format!("h{n}"))), 0..6),
        turning_back: bool,
        trouble in proptest::collection::vec(any::<u16>(), 0..80),
        mut quiet: u64,
    ) {
        let bounds = Bounds::of(&spec);
        let instances = spec.instances;
        let clashes = spec.why_stop_first().is_some();
        let goal = goal(spec);
        let mut world = before(from, count, slots);
        world.turning_back = turning_back;
        // What clashes with what has not moved yet can only wait, perhaps for ever.
        world.moves = !clashes;
        for dice in trouble {
            world.step(&goal);
            world.happen(dice, bounds, true);
        }
        let mut reached = false;
        for _ in 0..3_000 {
            reached = world.step(&goal);
            if reached {
                break;
            }
            // Nobody shrinks what is quiet, so these dice need not be values of their own.
            quiet = quiet.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let [.., high, low] = (quiet >> 32).to_be_bytes();
            world.happen(u16::from_be_bytes([high, low]), bounds, false);
        }
        prop_assert!(reached, "{:#?}\n{world:#?}", world.decide(&goal));
        prop_assert!(world.apps.iter().all(|app| app.revision == NEW));
        prop_assert_eq!(world.apps.iter().map(|app| app.instances).sum::<u32>(), instances);
    }
}
