//! Tasks whose host is gone: what becomes of them, version by version.

mod common;

use common::{Cluster, as_version, cluster, config, docker, pass, with};
use serde_json::{Value, json};
use theseus_sandbox::{HostConfig, SandboxConfig};

/// Two hosts, a task on each.
async fn pair(version: &str, strategy: Value) -> Cluster {
    let cluster = with(SandboxConfig {
        version: version.parse().unwrap(),
        hosts: HostConfig::several(2),
        ..config()
    });
    let mut app = json!({"cmd": "x", "cpus": 0.1, "mem": 16, "instances": 2,
        "constraints": [["hostname", "UNIQUE"]]});
    if strategy != Value::Null {
        app["unreachableStrategy"] = strategy;
    }
    // The task of a lost host has to find another one.
    app["constraints"] = json!([]);
    cluster.ok("PUT", "/v2/apps/web", app).await;
    cluster.settle().await;
    cluster
}

async fn tasks(cluster: &Cluster) -> Vec<Value> {
    let tasks = cluster.get("/v2/apps/web/tasks").await;
    tasks["tasks"].as_array().unwrap().clone()
}

async fn on(cluster: &Cluster, host: &str) -> Vec<Value> {
    let tasks = tasks(cluster).await.into_iter();
    tasks.filter(|task| task["host"] == host).collect()
}

#[tokio::test(start_paused = true)]
async fn a_strategy_says_when_a_task_is_replaced_and_when_it_is_forgotten() {
    let strategy = json!({"inactiveAfterSeconds": 60, "expungeAfterSeconds": 120});
    let cluster = pair("1.5", strategy).await;
    let lost = on(&cluster, "host-1").await[0]["id"].clone();
    cluster.sandbox.lose_host("host-1");
    pass(59_000).await;
    let states: Vec<Value> = tasks(&cluster)
        .await
        .iter()
        .map(|it| it["state"].clone())
        .collect();
    assert_eq!(states, ["TASK_UNREACHABLE", "TASK_RUNNING"]);
    assert_eq!(cluster.app("/web").await["tasksRunning"], 1);
    pass(4_000).await;
    assert_eq!(tasks(&cluster).await.len(), 3, "with the replacement");
    pass(60_000).await;
    let left = tasks(&cluster).await;
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|task| task["id"] != lost));
    // What comes back is not wanted any more.
    cluster.sandbox.return_host("host-1");
    pass(5_000).await;
    assert_eq!(tasks(&cluster).await, left);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_comes_back_in_time_goes_on() {
    let strategy = json!({"inactiveAfterSeconds": 60, "expungeAfterSeconds": 120});
    let cluster = pair("1.5", strategy).await;
    let before = tasks(&cluster).await;
    cluster.sandbox.lose_host("host-1");
    pass(30_000).await;
    cluster.sandbox.return_host("host-1");
    pass(200_000).await;
    assert_eq!(tasks(&cluster).await, before);
}

#[tokio::test(start_paused = true)]
async fn who_is_too_many_once_the_host_is_back_is_killed() {
    let strategy = json!({"inactiveAfterSeconds": 10, "expungeAfterSeconds": 600});
    let cluster = pair("1.5", strategy).await;
    cluster.sandbox.lose_host("host-1");
    pass(20_000).await;
    assert_eq!(tasks(&cluster).await.len(), 3);
    cluster.sandbox.return_host("host-1");
    pass(5_000).await;
    assert_eq!(tasks(&cluster).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn where_it_is_disabled_a_task_is_waited_for() {
    let cluster = pair("1.5", json!("disabled")).await;
    cluster.sandbox.lose_host("host-1");
    pass(24 * 3_600_000).await;
    let states: Vec<Value> = tasks(&cluster)
        .await
        .iter()
        .map(|it| it["state"].clone())
        .collect();
    assert_eq!(states, ["TASK_UNREACHABLE", "TASK_RUNNING"]);
}

#[tokio::test(start_paused = true)]
async fn older_versions_replace_at_once_and_remember_for_as_long_as_they_did() {
    // (version, listed as lost after a second, after 80 seconds, after a day)
    let cases = [
        ("0.9", [0, 0, 0]),
        ("0.15.2", [0, 0, 0]),
        ("0.15.7", [1, 1, 0]),
        ("1.1", [1, 1, 0]),
        ("1.3", [1, 0, 0]),
    ];
    for (version, expected) in cases {
        let cluster = pair(version, Value::Null).await;
        let lost = on(&cluster, "host-1").await[0]["id"].clone();
        cluster.sandbox.lose_host("host-1");
        let mut found = Vec::new();
        for wait in [5_000, 75_000, 24 * 3_600_000] {
            pass(wait).await;
            assert_eq!(on(&cluster, "host-2").await.len(), 2, "{version}");
            found.push(on(&cluster, "host-1").await.len());
        }
        assert_eq!(found, expected, "{version}");
        let failure = cluster.app("/web").await["lastTaskFailure"].take();
        if expected[0] == 0 {
            assert_eq!(failure["state"], "TASK_LOST", "{version}");
            assert_eq!(failure["taskId"], lost, "{version}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_failure_is_told_until_the_next() {
    let cluster = cluster();
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 1)).await;
    cluster.settle().await;
    assert_eq!(cluster.app("/web").await["lastTaskFailure"], Value::Null);
    for message in ["out of memory", "segmentation fault"] {
        let task = cluster.sandbox.task_ids("/web").remove(0);
        cluster.sandbox.fail_task(&task, message);
        pass(10_000).await;
        let app = cluster.app("/web").await;
        let failure = &app["lastTaskFailure"];
        assert_eq!(failure["message"], message);
        assert_eq!(failure["taskId"], task);
        assert_eq!(failure["state"], "TASK_FAILED");
        assert_eq!(failure["version"], app["version"]);
        assert_eq!(app["tasksRunning"], 1, "it stays told after the recovery");
    }
    let list = cluster.get("/v2/apps?embed=apps.lastTaskFailure").await;
    assert_eq!(
        list["apps"][0]["lastTaskFailure"]["message"],
        "segmentation fault"
    );
}

#[tokio::test(start_paused = true)]
async fn kill_selection_says_who_goes_first() {
    for (version, selection, kept) in [
        ("1.5", "YOUNGEST_FIRST", [0, 1]),
        ("1.5", "OLDEST_FIRST", [2, 3]),
        ("1.3", "", [0, 1]),
        ("0.9", "", [0, 1]),
    ] {
        let cluster = as_version(version);
        let mut app = json!({"cmd": "x", "cpus": 0.1, "mem": 16, "instances": 4});
        if !selection.is_empty() {
            app["killSelection"] = json!(selection);
        }
        cluster.ok("PUT", "/v2/apps/web", app).await;
        cluster.settle().await;
        let before = cluster.sandbox.task_ids("/web");
        cluster
            .ok("PUT", "/v2/apps/web", json!({"instances": 2}))
            .await;
        cluster.settle().await;
        let kept: Vec<&String> = kept.iter().map(|index: &usize| &before[*index]).collect();
        let after = cluster.sandbox.task_ids("/web");
        assert_eq!(
            after.iter().collect::<Vec<_>>(),
            kept,
            "{version} {selection}"
        );
    }
}
