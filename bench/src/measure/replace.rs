//! Replacing very many containers, beside Marathon's own way of doing it, and a few beside the way
//! in which Theseus once began: one container at a time, looking once a second.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use theseus_core::model::Amount;
use theseus_core::plan::Desired;

use crate::Failure;
use crate::fleet::{desired, manifest};
use crate::marathon::{Pace, Sandbox, deploy};
use crate::stopwatch::time;
use crate::table::Row;

const MANY: u32 = 1000;
const BATCHES: u32 = 10;
const PACE: Pace = Pace::starting_in(2000);
const FEW: u32 = 10;
/// How often the old way looks.
const LOOK: Duration = Duration::from_secs(1);

pub(super) async fn measure() -> Result<Vec<Row>, Failure> {
    let (rolled, writes) = roll(MANY, Amount::Percent(10)).await?;
    let native = natively().await?;
    let (few, _) = roll(FEW, Amount::Count(1)).await?;
    let singly = one_at_a_time().await?;
    let limit = PACE.start * BATCHES;
    Ok(vec![
        Row::ratio(
            "roll 1000 containers with max-surge 10%",
            rolled,
            "10 starts",
            limit,
            "≤ 1.05 and 1 s more",
        ),
        Row::new(
            "its writes per batch",
            format!("{:.1}", f64::from(writes) / f64::from(BATCHES)),
            "≤ 2.2",
        ),
        Row::ratio(
            "roll 1000 containers with max-surge 10%",
            rolled,
            "Marathon's own upgrade",
            native,
            "≤ 1.1",
        ),
        Row::ratio(
            "roll 10 containers one at a time",
            few,
            "looking once a second",
            singly,
            "",
        ),
    ])
}

/// Rolls a group, and counts what is written to do so.
async fn roll(instances: u32, surge: Amount) -> Result<(Duration, u32), Failure> {
    let directory = tempfile::tempdir()?;
    let sandbox = Sandbox::start(PACE).await?;
    let (engine, _) = sandbox.engine(&directory.path().join("store.db")).await?;
    let mut desired = desired(&manifest(1, instances))?;
    change(&mut desired, "registry.example.com/flask:1", surge);
    deploy(&engine, &desired).await?;
    sandbox.forget_requests().await?;
    change(&mut desired, "registry.example.com/flask:2", surge);
    let took = time(deploy(&engine, &desired)).await?;
    let requests = sandbox.requests().await?;
    let writes = requests.iter().filter(|(method, _)| method != "GET");
    Ok((took, u32::try_from(writes.count())?))
}

fn change(desired: &mut Desired, image: &str, surge: Amount) {
    for spec in desired.deploy.values_mut() {
        let spec = Arc::make_mut(spec);
        image.clone_into(&mut spec.image);
        spec.update.max_surge = surge;
    }
}

/// The same in Marathon's own way: one PUT, and as many more at a time.
async fn natively() -> Result<Duration, Failure> {
    let sandbox = Sandbox::start(PACE).await?;
    put(&sandbox, "/bench", &app(1, MANY)).await?;
    sandbox.at_rest().await?;
    time(async {
        put(&sandbox, "/bench", &app(2, MANY)).await?;
        sandbox.at_rest().await
    })
    .await
}

/// One container at a time: start a new one, look once a second until it runs, stop an old one,
/// look once a second until it is gone.
async fn one_at_a_time() -> Result<Duration, Failure> {
    let sandbox = Sandbox::start(PACE).await?;
    put(&sandbox, "/old", &app(1, FEW)).await?;
    sandbox.at_rest().await?;
    time(async {
        for replaced in 1..=FEW {
            put(&sandbox, "/new", &app(2, replaced)).await?;
            until_running(&sandbox, "/new", replaced).await?;
            put(&sandbox, "/old", &app(1, FEW - replaced)).await?;
            until_running(&sandbox, "/old", FEW - replaced).await?;
        }
        Ok(())
    })
    .await
}

async fn until_running(sandbox: &Sandbox, app: &str, wanted: u32) -> Result<(), Failure> {
    loop {
        tokio::time::sleep(LOOK).await;
        let answer = sandbox.get(&format!("/v2/apps{app}/tasks")).await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let tasks = answer["tasks"].as_array().map_or(&[][..], Vec::as_slice);
        let running = tasks.iter().filter(|task| task["state"] == "TASK_RUNNING");
        if tasks.len() == wanted as usize && running.count() == wanted as usize {
            return Ok(());
        }
    }
}

async fn put(sandbox: &Sandbox, app: &str, body: &Value) -> Result<(), Failure> {
    let path = format!("/v2/apps{app}");
    sandbox
        .send(Method::PUT, &path, body.to_string().into_bytes())
        .await?;
    Ok(())
}

fn app(version: u32, instances: u32) -> Value {
    json!({
        "cmd": format!("exec serve --version {version}"),
        "cpus": 0.1,
        "mem": 128,
        "instances": instances,
        "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 0.1},
    })
}
