//! How long one decision takes for a large group in the midst of a rollout.

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
    for (name, hundreds) in [("1,000", 10), ("10,000", 100)] {
        let mut spec = Spec::new("flask:2");
        spec.instances = hundreds * 100;
        spec.update.max_surge = Amount::Percent(10);
        let goal = Goal::Present {
            revision: 2,
            spec: Arc::new(spec),
        };
        let apps = [
            fleet::app(&group, 1, hundreds * 50),
            fleet::app(&group, 2, hundreds * 60),
        ];
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
        criterion.bench_function(
            &format!("rollout/decide for {name} containers"),
            |bencher| {
                bencher.iter_with_large_drop(|| decide(&group, &goal, &view));
            },
        );
    }
    criterion.final_summary();
}
