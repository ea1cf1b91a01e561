//! Stories from seeds, in which every promise is kept.

use std::sync::Mutex;

use theseus_tests::simulation::{run, search};

/// How many seeds are lived through at each change.
const SEEDS: u64 = 200;

/// `cargo xtask simulate --trace SEED` tells all that happens in the story of a seed.
fn assert_kept(seeds: &[u64]) {
    for &seed in seeds {
        let told = run(seed);
        assert_eq!(told.violations, [""; 0], "seed {seed}");
    }
}

#[test]
fn no_promise_is_broken() {
    let broken = Mutex::new(Vec::new());
    search(0, SEEDS, |seed, violations| {
        if !violations.is_empty() {
            broken.lock().unwrap().push((seed, violations.to_vec()));
        }
    });
    let broken = broken.into_inner().unwrap();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn one_seed_tells_the_same_story_each_time() {
    for seed in [3, 1_000, 123_456_789] {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}

#[test]
fn slots_that_a_person_made_uneven_are_seen() {
    assert_kept(&[61]);
}

#[test]
fn an_app_that_a_person_scaled_beyond_its_room_is_freed() {
    assert_kept(&[28, 54]);
}

#[test]
fn a_rollout_that_is_aborted_with_nobody_at_work_has_an_ending() {
    assert_kept(&[17]);
}

#[test]
fn a_slot_does_not_start_where_another_ones_old_container_comes_back() {
    assert_kept(&[39]);
}

#[test]
fn an_app_that_grows_by_its_own_update_gives_one_for_one() {
    assert_kept(&[108]);
}
