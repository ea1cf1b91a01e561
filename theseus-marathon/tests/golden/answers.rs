//! Recorded answers of every version (`answers/{version}/`), all of one cluster at one time: they
//! come to the same, but for what a version does not tell at all.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;
use theseus_core::cluster::{Cluster as _, Delay, Scope, Snapshot};

use crate::recorder::marathon;
use crate::{assert_matrix, grouped};

fn recorded(version: &str, name: &str) -> Option<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/answers");
    let text = std::fs::read_to_string(path.join(version).join(format!("{name}.json"))).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

/// What a version answers to `METHOD path`.
fn answer(version: &str, request: &str) -> Option<Value> {
    let name = match request.strip_prefix("GET /v2/")? {
        "apps/theseus/lb/dev/stable/versions/2026-01-02T03:04:01.000Z" => "lb-then",
        "apps/theseus/lb/dev/stable/versions/2026-01-02T03:04:20.000Z" => "lb-since",
        name => name,
    };
    recorded(version, name)
}

/// What is seen of the cluster, and why its containers do not start.
fn seen(version: &str) -> (Snapshot, Vec<Delay>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let told = recorded(version, "info").unwrap();
        let told = told["version"].as_str().unwrap().to_owned();
        let own = version.to_owned();
        let (marathon, _) = marathon(&told, move |request| answer(&own, request));
        let snapshot = marathon.observe(&Scope::All).await.unwrap();
        let delays = marathon.delays(&Scope::All).await.unwrap();
        (snapshot, delays)
    })
}

/// What all versions tell, without the ids of containers: those have other forms.
fn told(version: &str) -> String {
    let (snapshot, delays) = seen(version);
    let mut text = String::new();
    for app in &snapshot.apps {
        let operations: Vec<_> = app.operations.iter().map(|it| it.0.as_str()).collect();
        writeln!(
            text,
            "{} revision {} {:?} ({}): instances {}, checked {}, pinned to {:?}, held by {operations:?}",
            app.group, app.revision, app.part, app.id, app.instances, app.checked, app.pinned_to
        )
        .unwrap();
        for it in &app.containers {
            let host = it.host.as_deref().unwrap_or_default();
            let since = [it.staged_at, it.started_at, it.healthy_since]
                .map(|time| time.map_or_else(|| "-".to_owned(), |time| time.to_string()));
            writeln!(
                text,
                "  {host} {:?} {:?} {:?}, outdated {}: staged, started, healthy {}",
                it.ports,
                it.state,
                it.health,
                it.outdated,
                since.join(" ")
            )
            .unwrap();
        }
    }
    writeln!(text, "still dying: {:?}", snapshot.stopping).unwrap();
    for delay in &delays {
        writeln!(text, "waiting in {}: {}", delay.app, delay.waiting).unwrap();
    }
    text
}

#[test]
fn all_versions_tell_the_same() {
    let parts = grouped(told);
    assert_eq!(parts.len(), 1, "{parts:#?}");
    assert_matrix("answers", "One cluster, as every version tells it.", &parts);
}

#[test]
fn what_only_some_of_them_tell() {
    let parts = grouped(|version| {
        let (snapshot, delays) = seen(version);
        let failure = snapshot.apps[0].last_failure.as_ref();
        let failure = failure.map(|it| format!("{} on {:?} at {:?}", it.message, it.host, it.at));
        let reasons = delays.iter().flat_map(|delay| &delay.rejections);
        let reasons =
            reasons.map(|it| format!("{}: {} of {}", it.reason, it.declined, it.processed));
        format!(
            "last failure: {}\nwhy nothing starts: {}",
            failure.unwrap_or_default(),
            reasons.collect::<Vec<_>>().join(", ")
        )
    });
    assert_matrix("answers_of_some", "The same cluster, beyond that.", &parts);
}
