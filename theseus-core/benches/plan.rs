//! How long the planner takes for 10,000 groups of five containers.

use std::sync::Arc;

use criterion::Criterion;
use theseus_core::plan::{Desired, plan};

mod fleet;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let unchanged = fleet::desired(10_000);
    let observed = fleet::deployed(&unchanged);
    for (name, desired) in [
        ("none changed", unchanged.clone()),
        ("all changed", changed(unchanged)),
    ] {
        criterion.bench_function(&format!("plan/10,000 groups, {name}"), |bencher| {
            bencher.iter_with_large_drop(|| plan(&desired, &observed));
        });
    }
    criterion.final_summary();
}

/// The same groups with another image.
fn changed(mut desired: Desired) -> Desired {
    for spec in desired.deploy.values_mut() {
        "registry.example.com/flask:2".clone_into(&mut Arc::make_mut(spec).image);
    }
    desired
}
