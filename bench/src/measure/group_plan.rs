//! `theseus plan` of one group, beside two bare requests to the same sandbox.

use crate::Failure;
use crate::fleet::{desired, manifest};
use crate::marathon::{Pace, Sandbox, deploy};
use crate::program;
use crate::stopwatch::{median, time};
use crate::table::Row;

const PAIRS: usize = 30;

pub(super) async fn measure() -> Result<Vec<Row>, Failure> {
    let directory = tempfile::tempdir()?;
    let sandbox = Sandbox::start(Pace::INSTANT).await?;
    let text = manifest(1, 4);
    let file = directory.path().join("bench.yaml");
    std::fs::write(&file, &text)?;
    let store = program::store(directory.path());
    let (engine, _) = sandbox.engine(&store).await?;
    deploy(&engine, &desired(&text)?).await?;

    let apps = "/v2/apps?id=/theseus&embed=apps.tasks&embed=apps.deployments";
    let urls = [apps, "/v2/deployments"].map(|path| format!("{}{path}", sandbox.url));
    let (mut plans, mut curls, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let mut plan = program::theseus(&sandbox, directory.path())?;
        plans.push(time(program::run(plan.arg("plan").arg(&file))).await?);
        curls.push(time(program::curl(&[&urls[0], &urls[1]])).await?);
        let requests = async {
            sandbox.get(apps).await?;
            sandbox.get("/v2/deployments").await?;
            Ok(())
        };
        bare.push(time(requests).await?);
    }
    let plan = median(plans);
    let row = |name, baseline, target| {
        Row::ratio(
            "`theseus plan` of one group",
            plan,
            name,
            median(baseline),
            target,
        )
    };
    Ok(vec![
        row("two `curl`", curls, "≤ 3"),
        row("two requests on an open connection", bare, ""),
    ])
}
