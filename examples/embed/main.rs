//! Theseus inside another program: plans a manifest and carries the plan out, over a cluster and a
//! store of the program's own. Run it as it is, or with the path of a manifest:
//! `cargo run -p theseus-examples -- examples/webshop.yaml`.

mod cluster;
mod store;

use std::error::Error;
use std::sync::Arc;

use jiff::Timestamp;
use theseus_core::engine::{Engine, Options, Outcome};
use theseus_core::manifest::{Manifest, Source};
use theseus_core::plan::{Desired, Plan};

use cluster::Toy;
use store::Map;

const INGESTOR: &str = include_str!("../ingestor.yaml");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let source = match std::env::args().nth(1) {
        Some(path) => Source::new(path.as_str(), std::fs::read(&path)?),
        None => Source::new("ingestor.yaml", INGESTOR),
    };
    let wanted = Desired::from(Manifest::parse(&[source])?);
    // The engine never asks the system for anything, not even for the time.
    let engine = Engine::new(Arc::new(Toy::new()), Arc::new(Map::new()), Timestamp::now);

    let plan = engine.plan(&wanted).await?;
    show(&plan);
    let quietly = |_| ();
    let to_the_end = std::future::pending();
    let report = engine
        .carry_out(&plan, &Options::default(), &quietly, to_the_end)
        .await?;
    for group in &report.groups {
        println!("{}: {:?}", group.group, group.result);
    }

    // Planned anew on what runs now, the same manifest leaves nothing to do.
    show(&engine.plan(&wanted).await?);
    match report.outcome() {
        Outcome::Ok | Outcome::Unchanged => Ok(()),
        outcome => Err(format!("the deploy ended as {outcome:?}").into()),
    }
}

fn show(plan: &Plan) {
    for group in &plan.groups {
        let action = group.action.as_str();
        println!("{action} {}: {}", group.group, group.reason);
        for step in &group.steps {
            println!("  {step}");
        }
    }
}
