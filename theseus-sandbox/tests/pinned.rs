//! Tasks that a constraint ties to one host.

mod common;

use common::{Cluster, cluster, docker, pass};
use serde_json::{Value, json};

/// An app of one task that may run on `host-3` only.
async fn pinned() -> Cluster {
    let cluster = cluster();
    let mut app = docker("/slot", 1);
    app["constraints"] = json!([["hostname", "CLUSTER", "host-3"]]);
    cluster.ok("PUT", "/v2/apps/slot", app).await;
    cluster.settle().await;
    cluster
}

/// The only task, once it runs and is healthy; waits for it.
async fn serving(cluster: &Cluster) -> Value {
    for _ in 0..1000 {
        let app = cluster.app("/slot").await;
        if app["tasksHealthy"] == 1 && app["tasks"].as_array().unwrap().len() == 1 {
            return app["tasks"][0].clone();
        }
        pass(100).await;
    }
    panic!("{}", cluster.app("/slot").await);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_killed_or_fails_comes_back_where_it_was() {
    let cluster = pinned().await;
    let first = serving(&cluster).await;
    assert_eq!(first["host"], "host-3");

    let id = first["id"].as_str().unwrap();
    let path = format!("/v2/apps/slot/tasks/{id}");
    cluster.ok("DELETE", &path, Value::Null).await;
    pass(1000).await;
    let second = serving(&cluster).await;
    assert_ne!(second["id"], first["id"]);
    assert_eq!(second["host"], "host-3");

    assert!(
        cluster
            .sandbox
            .fail_task(second["id"].as_str().unwrap(), "out of memory")
    );
    assert_eq!(cluster.app("/slot").await["tasks"], json!([]));
    let third = serving(&cluster).await;
    assert_ne!(third["id"], second["id"]);
    assert_eq!(third["host"], "host-3");
    assert_eq!(third["version"], first["version"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_of_a_lost_host_waits_for_that_host() {
    let cluster = pinned().await;
    let before = serving(&cluster).await;
    cluster.sandbox.lose_host("host-3");
    pass(600_000).await;
    let app = cluster.app("/slot").await;
    assert_eq!(app["tasks"], json!([]));
    let item = cluster.get("/v2/queue").await["queue"][0].clone();
    assert_eq!(item["count"], 1);
    let rejects = &item["processedOffersSummary"]["rejectSummaryLastOffers"];
    assert_eq!(
        rejects[1],
        json!({"reason": "UnfulfilledConstraint", "declined": 3, "processed": 3})
    );

    cluster.sandbox.return_host("host-3");
    let after = serving(&cluster).await;
    assert_eq!(after["host"], "host-3");
    assert_ne!(after["id"], before["id"]);
    assert_eq!(cluster.get("/v2/queue").await["queue"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_of_a_pinned_task_stays_on_its_host() {
    let cluster = pinned().await;
    let mut next = docker("/slot", 1);
    next["constraints"] = json!([["hostname", "CLUSTER", "host-3"]]);
    next["container"]["docker"]["image"] = json!("web:2");
    next["upgradeStrategy"] = json!({"minimumHealthCapacity": 0, "maximumOverCapacity": 0});
    cluster.ok("PUT", "/v2/apps/slot", next).await;
    assert_eq!(
        cluster.app("/slot").await["tasks"][0]["state"],
        "TASK_KILLING"
    );
    cluster.settle().await;
    let task = serving(&cluster).await;
    assert_eq!(task["host"], "host-3");
    assert_eq!(task["version"], cluster.app("/slot").await["version"]);
}
