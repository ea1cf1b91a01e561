//! A deployer is killed at every one of its effects, and whoever goes on comes to the same end.

use theseus_tests::simulation::cases::cases;
use theseus_tests::simulation::crash::{cut_everywhere, cut_twice};

#[test]
fn one_kill_anywhere_changes_nothing_in_the_end() {
    let kills: usize = cases().iter().map(cut_everywhere).sum();
    assert!(kills > 120, "there were only {kills} kills");
}

#[test]
fn two_kills_change_nothing_in_the_end() {
    // All pairs: `cargo xtask simulate --double-cuts`.
    let pairs: usize = cases().iter().map(|case| cut_twice(case, 31)).sum();
    assert!(pairs > 30, "there were only {pairs} pairs");
}
