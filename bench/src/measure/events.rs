//! How many events a second one core reads and applies to what was seen, while a server sends them
//! as fast as they are taken.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use theseus_core::cluster::{Cluster as _, EventKind, Scope};
use theseus_core::hearsay::Heard;
use theseus_core::state::{Observed, Records};

use crate::Failure;
use crate::bare::Bare;
use crate::fleet::Fleet;
use crate::marathon::client;
use crate::program;
use crate::stopwatch::median;
use crate::table::Row;

const EVENTS: u32 = 200_000;
const TURNS: usize = 5;

/// The word with which this program listens: behind it are the address of what is looked at, and
/// of what tells events.
pub(crate) const LISTEN: &str = "listen";

/// Looks once, then listens, on the one thread that it has. Tells how long that took by the clock
/// and on the processor.
pub(crate) async fn listen(words: &[String]) -> Result<(), Failure> {
    let [apps, events] = words else {
        return Err("two addresses are needed".into());
    };
    let snapshot = client(apps)?.observe(&Scope::All).await?;
    let mut observed = Observed::new(Records::default(), snapshot);
    let mut events = client(events)?.events().await?;
    let (began, busy) = (Instant::now(), on_processor()?);
    let mut changes = 0;
    while changes < EVENTS {
        let event = events.next().await.ok_or("the events ended")??;
        match observed.hear(&event) {
            Heard::Change => changes += 1,
            _ if event.kind == EventKind::Attached => {}
            heard => return Err(format!("{event:?} made {heard:?}").into()),
        }
    }
    let (took, busy) = (began.elapsed(), on_processor()?.saturating_sub(busy));
    println!("{} {}", took.as_nanos(), busy.as_nanos());
    Ok(())
}

/// How long this thread has had a processor.
fn on_processor() -> Result<Duration, Failure> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanos))
}

pub(super) async fn measure() -> Result<Vec<Row>, Failure> {
    let fleet = Fleet::large().await?;
    let apps = fleet.sandbox.get("/v2/apps?embed=apps.tasks").await?;
    let info = fleet.sandbox.get("/v2/info").await?;
    let mut info: Value = serde_json::from_slice(&info)?;
    // Whoever is told a leader asks there, and would listen to the sandbox itself.
    if let Some(info) = info.as_object_mut() {
        info.remove("leader");
    }
    let info = info.to_string().into_bytes();
    let feed = Bare::serve(vec![
        (
            "/v2/events",
            "Content-Type: text/event-stream".to_owned(),
            frames(&apps)?,
        ),
        ("/v2/info", format!("Content-Length: {}", info.len()), info),
    ])
    .await?;
    let (mut took, mut busy) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let mut command = program::own(&[LISTEN, &fleet.sandbox.url, &feed.url])?;
        let said = program::output(&mut command).await?;
        let mut nanos = said.split_whitespace().map(str::parse);
        took.push(nanos.next().ok_or("nothing was said")??);
        busy.push(nanos.next().ok_or("too little was said")??);
    }
    let rate = |nanos| {
        let rate = f64::from(EVENTS) / Duration::from_nanos(nanos).as_secs_f64();
        format!("{rate:.0} a second")
    };
    Ok(vec![
        Row::new(
            "events read and applied",
            rate(median(took)),
            "≥ 20,000 a second",
        ),
        Row::new("the same by the time of one core", rate(median(busy)), ""),
    ])
}

/// Events that change something each: one container after the other cannot be reached and comes
/// back. The first greets.
fn frames(apps: &[u8]) -> Result<Vec<u8>, Failure> {
    let apps: Value = serde_json::from_slice(apps)?;
    let apps = apps["apps"].as_array().ok_or("there are no apps")?;
    let tasks: Vec<&Value> = apps
        .iter()
        .flat_map(|app| app["tasks"].as_array().into_iter().flatten())
        .collect();
    let mut text = Vec::new();
    let mut tell = |event: &Value| {
        let kind = event["eventType"].as_str().unwrap_or_default();
        text.extend_from_slice(format!("event: {kind}\r\ndata: {event}\r\n\r\n").as_bytes());
    };
    tell(&json!({"eventType": "event_stream_attached", "remoteAddress": "127.0.0.1"}));
    let states = ["TASK_UNREACHABLE", "TASK_RUNNING"].into_iter().cycle();
    let turns = states.flat_map(|state| tasks.iter().map(move |task| (state, task)));
    for (state, task) in turns.take(EVENTS as usize) {
        tell(&json!({
            "eventType": "status_update_event",
            "timestamp": "2026-01-02T03:04:05.678Z",
            "slaveId": task["slaveId"],
            "taskId": task["id"],
            "taskStatus": state,
            "message": "",
            "appId": task["appId"],
            "host": task["host"],
            "ipAddresses": task["ipAddresses"],
            "ports": task["ports"],
            "version": task["version"],
        }));
    }
    Ok(text)
}
