//! What a changed definition does to a running app, as Marathon's own upgrade does it.

mod common;

use common::{Cluster, cluster, docker, pass};
use serde_json::{Value, json};

/// So many tasks of the old and of the new version, without those being killed.
type Versions = (usize, usize);

async fn versions(cluster: &Cluster) -> Versions {
    let app = cluster.app("/web").await;
    let tasks = app["tasks"].as_array().unwrap();
    let living = tasks.iter().filter(|task| task["state"] != "TASK_KILLING");
    let (new, old): (Vec<_>, Vec<_>) = living.partition(|task| task["version"] == app["version"]);
    (old.len(), new.len())
}

fn next(image: &str, instances: u32, healthy: f64, over: f64) -> Value {
    let mut app = docker("/web", instances);
    app["container"]["docker"]["image"] = json!(image);
    app["upgradeStrategy"] = json!({"minimumHealthCapacity": healthy, "maximumOverCapacity": over});
    app
}

/// A cluster on which so many tasks of `/web` are ready.
async fn running(instances: u32) -> Cluster {
    let cluster = cluster();
    cluster
        .ok("PUT", "/v2/apps/web", docker("/web", instances))
        .await;
    cluster.settle().await;
    cluster
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_takes_the_steps_that_its_strategy_allows() {
    // How many (old, new) tasks live, whenever that changes.
    let cases: [(f64, f64, &[Versions]); 4] = [
        (1.0, 1.0, &[(4, 4), (0, 4)]),
        (
            1.0,
            0.0,
            &[
                (4, 1),
                (3, 1),
                (3, 2),
                (2, 2),
                (2, 3),
                (1, 3),
                (1, 4),
                (0, 4),
            ],
        ),
        (0.5, 0.0, &[(2, 0), (2, 2), (0, 2), (0, 4)]),
        (0.0, 0.0, &[(0, 0), (0, 4)]),
    ];
    for (healthy, over, expected) in cases {
        let cluster = running(4).await;
        cluster
            .ok("PUT", "/v2/apps/web", next("web:2", 4, healthy, over))
            .await;
        let mut steps = vec![versions(&cluster).await];
        while cluster.get("/v2/deployments").await != json!([]) {
            pass(50).await;
            let step = versions(&cluster).await;
            if steps.last() != Some(&step) {
                steps.push(step);
            }
        }
        assert_eq!(steps, expected, "{healthy} {over}");
    }
}

#[tokio::test(start_paused = true)]
async fn versions_tell_what_has_changed_when() {
    let cluster = running(2).await;
    let first = cluster.app("/web").await;
    let version = &first["version"];
    assert_eq!(
        first["versionInfo"],
        json!({"lastScalingAt": version, "lastConfigChangeAt": version})
    );

    pass(1000).await;
    cluster
        .ok("PUT", "/v2/apps/web", json!({"instances": 3}))
        .await;
    cluster.settle().await;
    let scaled = cluster.app("/web").await;
    assert_eq!(
        scaled["versionInfo"],
        json!({"lastScalingAt": scaled["version"], "lastConfigChangeAt": version})
    );
    let of = |app: &Value| {
        let tasks = app["tasks"].as_array().unwrap().iter();
        tasks.map(|it| it["version"].clone()).collect::<Vec<_>>()
    };
    let (old, new) = (version.clone(), scaled["version"].clone());
    assert_eq!(of(&scaled), [old.clone(), old, new]);

    pass(1000).await;
    cluster
        .ok("PUT", "/v2/apps/web", json!({"labels": {"a": "b"}}))
        .await;
    cluster.settle().await;
    let changed = cluster.app("/web").await;
    let version = changed["version"].clone();
    assert_eq!(
        changed["versionInfo"],
        json!({"lastScalingAt": version, "lastConfigChangeAt": version})
    );
    assert_eq!(of(&changed), [version.clone(), version.clone(), version]);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_cannot_go_on_leaves_the_old_tasks_in_place() {
    let cluster = running(3).await;
    let old = cluster.sandbox.task_ids("/web");
    cluster
        .ok(
            "POST",
            "/sandbox/scripts",
            json!({"image": "sick", "neverHealthy": true}),
        )
        .await;
    cluster
        .ok("PUT", "/v2/apps/web", next("sick", 3, 1.0, 0.0))
        .await;
    for _ in 0..20 {
        pass(30_000).await;
        let ids = cluster.sandbox.task_ids("/web");
        assert!(old.iter().all(|id| ids.contains(id)), "{ids:?}");
        assert!(ids.len() <= 5, "one more, and one being killed: {ids:?}");
    }
    assert_eq!(
        cluster.get("/v2/deployments").await[0]["currentActions"][0]["action"],
        "RestartApplication"
    );
}

#[tokio::test(start_paused = true)]
async fn a_rollback_takes_back_what_the_deployment_changed_and_nothing_else() {
    let cluster = running(2).await;
    cluster
        .ok(
            "POST",
            "/sandbox/scripts",
            json!({"image": "sick", "neverHealthy": true}),
        )
        .await;
    let mut api = docker("/api", 1);
    cluster.ok("PUT", "/v2/apps/api", api.clone()).await;
    cluster.settle().await;
    let before = cluster.app("/web").await;

    pass(1000).await;
    let begun = cluster
        .ok(
            "PUT",
            "/v2/apps",
            json!([next("sick", 2, 1.0, 1.0), docker("/new", 1)]),
        )
        .await;
    pass(3000).await;
    api["env"] = json!({"A": "b"});
    cluster.ok("PUT", "/v2/apps/api", api).await;
    pass(10_000).await;
    let deployments = cluster.get("/v2/deployments").await;
    assert_eq!(
        common::ids(&deployments),
        [begun["deploymentId"].as_str().unwrap()]
    );

    let path = format!(
        "/v2/deployments/{}",
        begun["deploymentId"].as_str().unwrap()
    );
    let undone = cluster.ok("DELETE", &path, Value::Null).await;
    assert_ne!(undone["deploymentId"], begun["deploymentId"]);
    assert_eq!(
        common::ids(&cluster.get("/v2/deployments").await),
        [undone["deploymentId"].as_str().unwrap()]
    );
    cluster.settle().await;
    let after = cluster.app("/web").await;
    for field in ["container", "upgradeStrategy", "instances"] {
        assert_eq!(after[field], before[field]);
    }
    // It is a version of its own, and whoever ran another one is replaced.
    assert_eq!(after["version"], undone["version"]);
    assert_eq!(versions(&cluster).await, (0, 2));
    assert_eq!(cluster.app("/api").await["env"], json!({"A": "b"}));
    let apps = cluster.get("/v2/apps").await;
    assert_eq!(common::ids(&apps["apps"]), ["/api", "/web"]);
}
