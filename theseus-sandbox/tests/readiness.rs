//! Deployments that wait for readiness checks.

mod common;

use std::time::Duration;

use common::{Cluster, as_version, config, docker, pass, with};
use serde_json::{Value, json};
use theseus_sandbox::{SandboxConfig, Script};

fn checked(instances: u32) -> Value {
    let mut app = docker("/web", instances);
    app["healthChecks"] = json!([]);
    app["readinessChecks"] = json!([{
        "name": "ready", "portName": "http", "path": "/ready", "intervalSeconds": 5,
        "timeoutSeconds": 2, "httpStatusCodesForReady": [204], "preserveLastResponse": true,
    }]);
    app
}

fn slow() -> Cluster {
    with(SandboxConfig {
        ready_delay: Duration::from_secs(7),
        ..config()
    })
}

async fn deployment(cluster: &Cluster) -> Value {
    let all = cluster.get("/v2/deployments").await;
    all.get(0).cloned().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_deployment_waits_until_its_tasks_are_ready_and_tells_how_they_are() {
    let cluster = slow();
    cluster.ok("PUT", "/v2/apps/web", checked(1)).await;
    pass(1000).await;
    let action = deployment(&cluster).await["currentActions"][0].take();
    assert_eq!(action["readinessCheckResults"], json!([]));
    pass(1500).await;
    let task = cluster.sandbox.task_ids("/web").remove(0);
    let waiting = json!([{
        "name": "ready", "taskId": task, "ready": false,
        "lastResponse": {"status": 503, "contentType": "text/plain", "body": "not ready yet"},
    }]);
    let action = deployment(&cluster).await["currentActions"][0].take();
    assert_eq!(action["readinessCheckResults"], waiting);
    let app = cluster.get("/v2/apps/web?embed=app.readiness").await["app"].take();
    assert_eq!(app["readinessCheckResults"], waiting);
    assert_eq!(app["tasksRunning"], 1);
    assert_eq!(
        cluster.app("/web").await["readinessCheckResults"],
        Value::Null
    );
    // It is asked at 2, 7 and 12 seconds, and ready from 9 on.
    pass(8500).await;
    assert_eq!(deployment(&cluster).await["currentStep"], 2);
    pass(2000).await;
    assert_eq!(deployment(&cluster).await, Value::Null);
    let app = cluster.get("/v2/apps/web?embed=readiness").await["app"].take();
    assert_eq!(app["readinessCheckResults"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_keeps_the_old_tasks_until_the_new_ones_are_ready() {
    let cluster = slow();
    cluster.ok("PUT", "/v2/apps/web", checked(2)).await;
    cluster.settle().await;
    let old = cluster.sandbox.task_ids("/web");
    cluster.sandbox.add_script(Script {
        never_ready: true,
        times: Some(1),
        ..Script::default()
    });
    cluster
        .ok("PUT", "/v2/apps/web", json!({"env": {"A": "2"}}))
        .await;
    pass(120_000).await;
    let now = cluster.sandbox.task_ids("/web");
    assert_eq!(now.len(), 3);
    assert_eq!(now[..2], old);
    let results = deployment(&cluster).await["currentActions"][0]["readinessCheckResults"].take();
    assert_eq!(
        results.as_array().unwrap().len(),
        1,
        "of the new task: {results}"
    );
    assert_eq!(results[0]["ready"], false);
    cluster
        .ok(
            "POST",
            &format!("/sandbox/tasks/{}/ready", now[2]),
            Value::Null,
        )
        .await;
    cluster.settle().await;
    let after = cluster.sandbox.task_ids("/web");
    assert_eq!(after.len(), 2);
    assert!(old.iter().all(|task| !after.contains(task)));
    assert!(!cluster.sandbox.set_task_ready("nobody", true));
}

#[tokio::test(start_paused = true)]
async fn without_a_deployment_nobody_waits() {
    let cluster = slow();
    cluster.ok("PUT", "/v2/apps/web", checked(1)).await;
    cluster.settle().await;
    let task = cluster.sandbox.task_ids("/web").remove(0);
    assert!(cluster.sandbox.set_task_ready(&task, false));
    pass(60_000).await;
    assert_eq!(cluster.sandbox.task_ids("/web"), [task]);
    cluster
        .ok("PUT", "/v2/apps/web", json!({"instances": 2}))
        .await;
    pass(60_000).await;
    assert_ne!(
        deployment(&cluster).await,
        Value::Null,
        "one of two is not ready"
    );
}

#[tokio::test(start_paused = true)]
async fn before_1_1_nothing_is_said_of_readiness() {
    let cluster = as_version("1.0");
    let app = json!({"cmd": "x"});
    cluster.ok("PUT", "/v2/apps/web", app).await;
    let action = deployment(&cluster).await["currentActions"][0].take();
    assert_eq!(action["readinessCheckResults"], Value::Null);
}
