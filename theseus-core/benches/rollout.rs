//! How long one decision takes for a group of 1,000 containers in the midst of a rollout.

use std::sync::Arc;

use criterion::Criterion;
use jiff::Timestamp;
use theseus_core::model::{Amount, GroupId, Spec};
use theseus_core::records::Goal;
use theseus_core::rollout::{Slots, View, decide};

mod fleet;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let group: GroupId = "ingestor:bench".parse().expect("it is a group");
    let mut spec = Spec::new("flask:2");
    spec.instances = 1000;
    spec.update.max_surge = Amount::Percent(10);
    let goal = Goal::Present {
        revision: 2,
        spec: Arc::new(spec),
    };
    let apps = [fleet::app(&group, 1, 500), fleet::app(&group, 2, 600)];
    let view = View {
        apps: &apps,
        stopping: false,
        progress_at: Timestamp::UNIX_EPOCH,
        now: Timestamp::UNIX_EPOCH,
        failed_starts: 0,
        promoted: false,
        turning_back: false,
        slots: &Slots::new(),
    };
    criterion.bench_function("rollout/decide for 1,000 containers", |bencher| {
        bencher.iter_with_large_drop(|| decide(&group, &goal, &view));
    });
    criterion.final_summary();
}
