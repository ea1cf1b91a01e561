//! Creating 1,000 groups, beside telling the same sandbox the same apps in one bare request.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Map, Value};
use theseus_core::plan::Desired;

use crate::Failure;
use crate::fleet::{desired, manifest};
use crate::marathon::{Pace, Sandbox, deploy};
use crate::stopwatch::{median, time};
use crate::table::Row;

const GROUPS: usize = 1000;
const PAIRS: usize = 3;

pub(super) async fn measure() -> Result<Vec<Row>, Failure> {
    let desired = desired(&manifest(GROUPS, 5))?;
    let mut rows = Vec::new();
    for (start, target) in [(2000, "≤ 1.3"), (200, "")] {
        let (mut engine, mut bare, mut requests) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            let created = by_engine(Pace::starting_in(start), &desired).await?;
            bare.push(by_bare_request(Pace::starting_in(start), created.apps).await?);
            engine.push(created.took);
            requests.push(created.requests);
        }
        let what = format!("create {GROUPS} groups (5,000 containers that start in {start} ms)");
        rows.push(Row::ratio(
            &what,
            median(engine),
            "one bare PUT",
            median(bare),
            target,
        ));
        rows.push(Row::new(
            "its requests",
            in_words(&requests[0]),
            "not one per group",
        ));
    }
    Ok(rows)
}

struct Created {
    took: Duration,
    /// How many requests it took, by method.
    requests: BTreeMap<String, usize>,
    /// What Marathon was told, to be told once more.
    apps: Vec<u8>,
}

async fn by_engine(pace: Pace, desired: &Desired) -> Result<Created, Failure> {
    let directory = tempfile::tempdir()?;
    let sandbox = Sandbox::start(pace).await?;
    let (engine, _) = sandbox.engine(&directory.path().join("store.db")).await?;
    let took = time(deploy(&engine, desired)).await?;
    let mut requests = BTreeMap::new();
    for (method, _) in sandbox.requests().await? {
        *requests.entry(method).or_default() += 1;
    }
    Ok(Created {
        took,
        requests,
        apps: definitions(&sandbox).await?,
    })
}

/// The apps that are there, as they could be told to another Marathon.
async fn definitions(sandbox: &Sandbox) -> Result<Vec<u8>, Failure> {
    let mut answer: Map<String, Value> = serde_json::from_slice(&sandbox.get("/v2/apps").await?)?;
    let mut apps = answer.remove("apps").ok_or("there are no apps")?;
    for app in apps.as_array_mut().into_iter().flatten() {
        for told in ["version", "versionInfo", "deployments"] {
            app.as_object_mut().and_then(|app| app.remove(told));
        }
    }
    Ok(serde_json::to_vec(&apps)?)
}

async fn by_bare_request(pace: Pace, apps: Vec<u8>) -> Result<Duration, Failure> {
    let sandbox = Sandbox::start(pace).await?;
    time(async {
        sandbox.send(Method::PUT, "/v2/apps", apps).await?;
        sandbox.at_rest().await
    })
    .await
}

fn in_words(requests: &BTreeMap<String, usize>) -> String {
    let words = requests
        .iter()
        .map(|(method, count)| format!("{count} {method}"));
    words.collect::<Vec<_>>().join(", ")
}
