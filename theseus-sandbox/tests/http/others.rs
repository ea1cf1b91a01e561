//! Tasks, groups, deployments, and what tells of Marathon itself.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use theseus_sandbox::SandboxConfig;

use crate::common::{cluster, config, docker, ids, with};
use crate::keys;

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_not_found() {
    let cluster = cluster();
    let cases = [
        ("GET", "/v2/apps/x", "App '/x' does not exist"),
        ("DELETE", "/v2/apps//a/x", "App '/a/x' does not exist"),
        ("PATCH", "/v2/apps/x", "App '/x' does not exist"),
        ("POST", "/v2/apps/x/restart", "App '/x' does not exist"),
        ("GET", "/v2/apps/x/tasks", "App '/x' does not exist"),
        ("GET", "/v2/apps/x/versions", "App '/x' does not exist"),
        ("GET", "/v2/groups/x", "Group '/x' does not exist"),
        (
            "DELETE",
            "/v2/deployments/x",
            "DeploymentPlan x does not exist",
        ),
        (
            "DELETE",
            "/v2/queue/x/delay",
            "Application /x not found in tasks queue.",
        ),
        ("GET", "/v2/nothing", "URI not found: /v2/nothing"),
    ];
    for (method, path, message) in cases {
        let (status, answer) = cluster.send(method, path, json!({})).await;
        assert_eq!(
            (status, answer),
            (StatusCode::NOT_FOUND, json!({ "message": message })),
            "{path}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_show_what_1_5_shows() {
    let cluster = cluster();
    cluster
        .ok("PUT", "/v2/apps/a/web", docker("/a/web", 1))
        .await;
    cluster.settle().await;
    let tasks = cluster.get("/v2/apps/a/web/tasks").await;
    let task = &tasks["tasks"][0];
    let expected = [
        "appId",
        "healthCheckResults",
        "host",
        "id",
        "ipAddresses",
        "localVolumes",
        "ports",
        "slaveId",
        "stagedAt",
        "startedAt",
        "state",
        "version",
    ];
    assert_eq!(keys(task), expected);
    assert!(task["id"].as_str().unwrap().starts_with("a_web."));
    let port = task["ports"][0].as_u64().unwrap();
    assert!((31_000..=32_000).contains(&port));
    let result = &task["healthCheckResults"][0];
    assert_eq!(
        (&result["alive"], &result["consecutiveFailures"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(result["firstSuccess"], "2026-01-02T03:04:08.000Z");
    let all = cluster.get("/v2/tasks?status=running").await;
    assert_eq!(all["tasks"][0]["servicePorts"], json!([10000]));
    assert_eq!(
        cluster.get("/v2/tasks?status=staging").await,
        json!({"tasks": []})
    );
    let (status, _) = cluster
        .send("POST", "/v2/tasks/delete", json!({"ids": ["nonsense"]}))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let unknown = cluster
        .ok("POST", "/v2/tasks/delete", json!({"ids": ["a_web.gone"]}))
        .await;
    assert_eq!(unknown, json!({"tasks": []}));
}

#[tokio::test(start_paused = true)]
async fn groups_nest_and_a_put_is_the_whole() {
    let cluster = cluster();
    let app = |id: &str| json!({"id": id, "cmd": "run", "cpus": 0.1, "instances": 2});
    let group = json!({"id": "shop", "apps": [app("web")], "groups": [{"id": "db", "apps": [app("main")]}]});
    let (status, _) = cluster.send("POST", "/v2/groups", group.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    let (status, _) = cluster.send("POST", "/v2/groups", group).await;
    assert_eq!(status, StatusCode::CONFLICT);
    cluster.settle().await;
    let root = cluster.get("/v2/groups").await;
    assert_eq!(root["groups"][0]["apps"][0]["id"], "/shop/web");
    assert_eq!(
        root["groups"][0]["groups"][0]["apps"][0]["id"],
        "/shop/db/main"
    );

    let dry = cluster
        .ok("PUT", "/v2/groups/shop?dryRun=true", json!({"apps": []}))
        .await;
    assert_eq!(
        dry["steps"],
        json!([{"actions": [{"action": "StopApplication", "app": "/shop/web"}]}])
    );
    cluster
        .ok("PUT", "/v2/groups/shop", json!({"scaleBy": 1.5}))
        .await;
    cluster.settle().await;
    assert_eq!(cluster.app("/shop/db/main").await["instances"], 3);
    cluster
        .ok("PUT", "/v2/groups/shop", json!({"apps": []}))
        .await;
    cluster.settle().await;
    assert_eq!(
        ids(&cluster.get("/v2/apps").await["apps"]),
        ["/shop/db/main"]
    );
    let (status, _) = cluster
        .send("PUT", "/v2/apps/shop", json!({"cmd": "x"}))
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    cluster.ok("DELETE", "/v2/groups/shop", Value::Null).await;
    cluster.settle().await;
    assert_eq!(cluster.get("/v2/groups").await["groups"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn too_many_deployments_are_refused() {
    let cluster = with(SandboxConfig {
        max_running_deployments: 1,
        ..config()
    });
    cluster.ok("PUT", "/v2/apps/a", json!({"cmd": "x"})).await;
    let (status, _) = cluster.send("PUT", "/v2/apps/b", json!({"cmd": "x"})).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    cluster.settle().await;
    cluster.ok("PUT", "/v2/apps/b", json!({"cmd": "x"})).await;
}

#[tokio::test(start_paused = true)]
async fn info_leader_ping_and_metrics() {
    let cluster = cluster();
    let info = cluster.get("/v2/info").await;
    assert_eq!(
        (&info["name"], &info["version"]),
        (&json!("marathon"), &json!("1.5.11"))
    );
    assert_eq!(
        cluster.get("/v2/leader").await,
        json!({"leader": "127.0.0.1:8080"})
    );
    assert!(cluster.get("/metrics").await["gauges"].is_object());
    for (accept, status, body) in [
        ("*/*", 200, "pong"),
        ("application/json", 200, "\"pong\""),
        ("image/png", 204, ""),
    ] {
        let request = Request::get("/ping")
            .header("accept", accept)
            .body(Body::empty())
            .unwrap();
        let response = cluster.raw(request).await;
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(to_bytes(response.into_body(), 99).await.unwrap(), body);
    }
}
