//! `theseus plan` of 10,000 groups of five containers that run as planned, beside fetching the same
//! bytes.

use crate::Failure;
use crate::fleet::Fleet;
use crate::program;
use crate::stopwatch::{median, time};
use crate::table::{Row, megabytes};

const PAIRS: usize = 7;

pub(super) async fn measure() -> Result<Vec<Row>, Failure> {
    let fleet = Fleet::large().await?;
    let sandbox = &fleet.sandbox;
    let plan = || -> Result<_, Failure> {
        let mut plan = program::theseus(sandbox, fleet.directory.path())?;
        plan.arg("plan").arg(&fleet.file);
        Ok(plan)
    };
    sandbox.forget_requests().await?;
    program::run(plan()?.arg("--exit-code")).await?;
    // The very requests that the plan made.
    let requests = sandbox.requests().await?;
    let (bytes, url) = sandbox.apps_that_were_read().await?;

    let (mut plans, mut fetches, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        plans.push(time(program::run(&mut plan()?)).await?);
        fetches.push(time(program::curl(&[&url])).await?);
        peaks.push(program::peak_memory(&mut plan()?).await?);
    }
    Ok(vec![
        Row::ratio(
            "`theseus plan` of 10,000 groups (50,000 containers)",
            median(plans),
            &format!("`curl` of {}", megabytes(bytes)),
            median(fetches),
            "< 2",
        ),
        Row::size_ratio(
            "its peak memory",
            median(peaks),
            "those bytes",
            bytes,
            "< 6",
        ),
        Row::new("its requests", requests.len().to_string(), ""),
    ])
}
