//! The same pages in a real Chromium: how soon something is seen, how soon a key does what it is for,
//! and whether a page that stays open grows.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use theseus_browser::{Chromium, Driver, DriverError};

use super::{GROUPS, PACE, PATIENCE, Viewer};
use crate::Failure;
use crate::marathon::Sandbox;
use crate::stopwatch::median;
use crate::table::{Row, time as written};

const TURNS: usize = 15;
/// What is looked for, key by key: all groups are found by the first letters, and one by all of them.
const KEYS: &str = "service-00042";
/// Changes before the page's memory is looked at for the first time, and until it is once more.
const WARM: usize = 1000;
const CHANGES: usize = 10_000;

/// Looks at pages as somebody does who works with them.
pub(super) async fn measure(
    sandbox: &Sandbox,
    viewer: &Viewer,
    containers: &HashMap<String, Vec<String>>,
) -> Result<Vec<Row>, Failure> {
    let chromium = match Chromium::start(viewer.http.clone(), &[]).await {
        Ok(chromium) => chromium,
        Err(DriverError::Process(_)) => {
            eprintln!("there is no chromedriver: what a browser makes of it is not measured");
            return Ok(Vec::new());
        }
        Err(error) => return Err(error.into()),
    };
    let driver = &chromium.driver;
    let mut rows = Vec::new();
    for (path, name) in [("/", "overview"), ("/machines", "machines")] {
        let address = format!("{}{path}", viewer.url);
        rows.push(Row::new(
            &format!("{name} in Chromium: first contentful paint"),
            written(first_paint(driver, &address).await?),
            "< 500 ms",
        ));
        let (usual, longest) = keys(driver, &address).await?;
        rows.push(Row::new(
            "a key in its filter, until what it leaves is painted",
            format!("{}, {} at most", written(usual), written(longest)),
            "< 50 ms",
        ));
    }
    rows.push(heap(driver, sandbox, viewer, containers).await?);
    chromium.close().await?;
    Ok(rows)
}

/// How long it takes from the click until something of a page is there, with nothing cached.
async fn first_paint(driver: &Driver, address: &str) -> Result<Duration, Failure> {
    let cache = json!({"cacheDisabled": true});
    driver.tools("Network.setCacheDisabled", cache).await?;
    let mut paints = Vec::new();
    for _ in 0..TURNS {
        driver.goto("about:blank").await?;
        driver.goto(address).await?;
        let paint = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime";
        paints.push(millis(&until(driver, paint, Value::is_number).await?)?);
    }
    Ok(median(paints))
}

/// How long after a key the page has painted what it leaves: usually, and at most.
async fn keys(driver: &Driver, address: &str) -> Result<(Duration, Duration), Failure> {
    driver.goto(address).await?;
    let is_live = "return document.getElementById('link').dataset.link === 'live'";
    until(driver, is_live, |is| *is == true).await?;
    // What is painted is out once a task runs after the frame.
    driver
        .execute(
            "window.taken = [];
            let pressed = 0;
            addEventListener('keydown', (event) => { pressed = event.timeStamp; }, true);
            addEventListener('input', () => {
                const began = pressed;
                requestAnimationFrame(() => {
                    const { port1, port2 } = new MessageChannel();
                    port1.onmessage = () => window.taken.push(performance.now() - began);
                    port2.postMessage(null);
                });
            });",
        )
        .await?;
    driver.press("/").await?;
    for key in KEYS.chars() {
        driver.press(&key.to_string()).await?;
    }
    let all = format!(
        "return window.taken.length === {} && window.taken",
        KEYS.len()
    );
    let taken = until(driver, &all, Value::is_array).await?;
    let taken: Vec<Duration> = taken
        .as_array()
        .into_iter()
        .flatten()
        .map(millis)
        .collect::<Result<_, _>>()?;
    let longest = taken.iter().max().copied().unwrap_or_default();
    Ok((median(taken), longest))
}

/// How much a page holds that stays open while 10,000 things change.
async fn heap(
    driver: &Driver,
    sandbox: &Sandbox,
    viewer: &Viewer,
    containers: &HashMap<String, Vec<String>>,
) -> Result<Row, Failure> {
    driver.goto(&format!("{}/", viewer.url)).await?;
    let mut number = 0;
    let mut pace = tokio::time::interval(PACE);
    let mut change = async |until: usize| -> Result<(), Failure> {
        while number < until {
            pace.tick().await;
            // One container of each group falls ill, and is well again before it is replaced.
            let (turn, group) = (number / GROUPS, number % GROUPS);
            let health = ["unhealthy", "healthy"][turn % 2];
            let service = &containers[&format!("service-{group:05}")];
            // Those at the beginning have been made ill before.
            let id = &service[service.len() - 1 - turn / 2 % (service.len() / 2)];
            let path = format!("/sandbox/tasks/{id}/{health}");
            sandbox.send(Method::POST, &path, Vec::new()).await?;
            number += 1;
        }
        Ok(())
    };
    change(WARM).await?;
    let before = held(driver).await?;
    change(WARM + CHANGES).await?;
    let after = held(driver).await?;
    Ok(Row::size_ratio(
        "memory of an open overview after 10,000 changes",
        after,
        "after the first 1,000",
        before,
        "flat",
    ))
}

/// How much the scripts of a page hold, and what they keep of it, in bytes.
async fn held(driver: &Driver) -> Result<u64, Failure> {
    // Twice, since what is let go of by the first may hold something itself.
    for _ in 0..2 {
        driver
            .tools("HeapProfiler.collectGarbage", json!({}))
            .await?;
    }
    let usage = driver.tools("Runtime.getHeapUsage", json!({})).await?;
    let used = ["usedSize", "embedderHeapUsedSize"].map(|it| usage[it].as_f64().unwrap_or(0.0));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of bytes"
    )]
    Ok(used.iter().sum::<f64>() as u64)
}

/// Waits until a script gives what satisfies the condition.
async fn until(
    driver: &Driver,
    script: &str,
    is: impl Fn(&Value) -> bool,
) -> Result<Value, Failure> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let value = driver.execute(script).await?;
        if is(&value) {
            return Ok(value);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(format!("the browser does not get as far as this: {script}").into())
}

fn millis(value: &Value) -> Result<Duration, Failure> {
    let millis = value.as_f64().ok_or("a browser tells no time")?;
    Ok(Duration::try_from_secs_f64(millis / 1000.0)?)
}
