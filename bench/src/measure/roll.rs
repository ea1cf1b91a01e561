//! A rolling update of 100 containers, ten at a time, beside the time that ten starts take.

use std::sync::Arc;
use std::time::Duration;

use theseus_core::model::Amount;
use theseus_core::plan::Desired;

use crate::Failure;
use crate::fleet::{desired, manifest};
use crate::marathon::{Pace, Sandbox, deploy};
use crate::stopwatch::time;
use crate::table::{self, Row};

const INSTANCES: u32 = 100;
const BATCHES: u32 = 10;
const PACE: Pace = Pace::starting_in(2000);

pub(super) async fn measure() -> Result<Vec<Row>, Failure> {
    let directory = tempfile::tempdir()?;
    let sandbox = Sandbox::start(PACE).await?;
    let (engine, witness) = sandbox.engine(&directory.path().join("store.db")).await?;
    let mut desired = desired(&manifest(1, INSTANCES))?;
    update(&mut desired, "registry.example.com/flask:1");
    deploy(&engine, &desired).await?;

    sandbox.forget_requests().await?;
    witness.take();
    update(&mut desired, "registry.example.com/flask:2");
    let took = time(deploy(&engine, &desired)).await?;
    let log = witness.take();
    let requests = sandbox.requests().await?;
    let writes = requests
        .iter()
        .filter(|(method, _)| method != "GET")
        .count();
    let writes = u32::try_from(writes)?;
    let polls = log.polls();
    let closest = polls.iter().min().map_or_else(
        || "none".to_owned(),
        |gap| format!("{}, {} apart at least", polls.len(), table::time(*gap)),
    );
    let starts = PACE.start * BATCHES;
    Ok(vec![
        Row::ratio(
            "roll 100 containers with max-surge 10",
            took,
            "10 starts",
            starts,
            "≤ 1.1",
        ),
        Row::new(
            "its writes per batch",
            format!("{:.1}", f64::from(writes) / f64::from(BATCHES)),
            "≤ 2",
        ),
        Row::new(
            "its looks at the cluster",
            format!("{} for {} events", log.looks(), log.events()),
            "",
        ),
        Row::new("those without an event before them", closest, "5 s apart"),
    ])
}

/// Changes the image, and how updates go.
fn update(desired: &mut Desired, image: &str) {
    for spec in desired.deploy.values_mut() {
        let spec = Arc::make_mut(spec);
        image.clone_into(&mut spec.image);
        spec.update.max_surge = Amount::Count(INSTANCES / BATCHES);
        spec.update.min_healthy_time = Duration::ZERO;
    }
}
