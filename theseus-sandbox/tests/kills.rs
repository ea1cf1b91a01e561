//! Killing tasks, and tasks as text: what each version answers, and what comes of it.

mod common;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use common::{Cluster, as_version, pass};
use serde_json::{Value, json};

/// An app of so many tasks that every version takes, once they run.
async fn web(version: &str, instances: usize) -> (Cluster, Vec<String>) {
    let cluster = as_version(version);
    let app =
        json!({"id": "/web", "cmd": "sleep 1", "instances": instances, "cpus": 0.1, "mem": 32});
    cluster.ok("POST", "/v2/apps", app).await;
    cluster.settle().await;
    let tasks = cluster.sandbox.task_ids("/web");
    assert_eq!(tasks.len(), instances, "{version}");
    (cluster, tasks)
}

/// How many tasks there are a little later, and whether this one is among them.
async fn later(cluster: &Cluster, task: &str) -> (usize, bool) {
    pass(10_000).await;
    let tasks = cluster.sandbox.task_ids("/web");
    (tasks.len(), tasks.iter().any(|id| id == task))
}

#[tokio::test(start_paused = true)]
async fn what_is_killed_comes_back_unless_the_app_is_scaled() {
    // Since 0.10 a kill that scales tells its deployment; since 0.13 a list tells what it killed;
    // since 1.0 `wipe` is known, and goes with `scale` nowhere.
    for (version, scaling_tells, list_tells, knows_wipe) in [
        ("0.8.1", "task", false, false),
        ("0.9.2", "task", false, false),
        ("0.10.1", "deploymentId", false, false),
        ("0.13.1", "deploymentId", true, false),
        ("0.15.7", "deploymentId", true, false),
        ("1.0.0", "deploymentId", true, true),
        ("1.3.13", "deploymentId", true, true),
        ("1.4.13", "deploymentId", true, true),
        ("1.5.11", "deploymentId", true, true),
        ("1.11.0", "deploymentId", true, true),
    ] {
        let (cluster, tasks) = web(version, 4).await;
        let [one, two, three, four] = &tasks[..] else {
            panic!("{tasks:?}")
        };
        let path = format!("/v2/apps/web/tasks/{one}");
        let killed = cluster.ok("DELETE", &path, Value::Null).await;
        assert!(killed["task"].is_object(), "{version}: {killed}");
        assert_eq!(later(&cluster, one).await, (4, false), "{version}");

        let path = format!("/v2/apps/web/tasks/{two}?scale=true");
        let killed = cluster.ok("DELETE", &path, Value::Null).await;
        assert!(!killed[scaling_tells].is_null(), "{version}: {killed}");
        cluster.settle().await;
        assert_eq!(later(&cluster, two).await, (3, false), "{version}");
        assert_eq!(cluster.app("/web").await["instances"], 3, "{version}");

        let list = json!({"ids": [three]});
        let killed = cluster.ok("POST", "/v2/tasks/delete", list).await;
        let told = killed["tasks"].as_array().map(Vec::len);
        assert_eq!(told, list_tells.then_some(1), "{version}: {killed}");
        assert_eq!(later(&cluster, three).await, (3, false), "{version}");

        // Wiped, a task comes back like any other.
        let list = json!({"ids": [four]});
        let path = "/v2/tasks/delete?wipe=true";
        cluster.ok("POST", path, list.clone()).await;
        assert_eq!(later(&cluster, four).await, (3, false), "{version}");
        let path = "/v2/tasks/delete?wipe=true&scale=true";
        let (status, _) = cluster.send("POST", path, list).await;
        let refused = status == StatusCode::BAD_REQUEST;
        assert_eq!(refused, knows_wipe, "{version}: {status}");

        let path = "/v2/apps/web/tasks?scale=true";
        cluster.ok("DELETE", path, Value::Null).await;
        cluster.settle().await;
        assert_eq!(cluster.app("/web").await["instances"], 0, "{version}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_those_on_a_host_are_killed() {
    for version in ["0.8.1", "0.15.7", "1.4.13", "1.11.0"] {
        let (cluster, tasks) = web(version, 2).await;
        let nowhere = "/v2/apps/web/tasks?host=nowhere";
        let killed = cluster.ok("DELETE", nowhere, Value::Null).await;
        assert_eq!(killed, json!({"tasks": []}), "{version}");
        assert_eq!(cluster.sandbox.task_ids("/web"), tasks, "{version}");
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_are_told_as_text_up_to_1_9() {
    for (version, has_text) in [
        ("0.8.1", true),
        ("0.15.7", true),
        ("1.4.13", true),
        ("1.9.109", true),
        ("1.10.17", false),
        ("1.11.0", false),
    ] {
        let (cluster, _) = web(version, 2).await;
        for path in ["/v2/tasks", "/v2/apps/web/tasks"] {
            let request = Request::get(path).header("accept", "text/plain");
            let answer = cluster.raw(request.body(Body::empty()).unwrap()).await;
            let status = answer.status();
            let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            let text = String::from_utf8(body.to_vec()).unwrap();
            if has_text {
                assert_eq!(status, StatusCode::OK, "{version} {path}");
                let line = text.lines().next().unwrap_or_default();
                assert!(line.starts_with("web\t"), "{version} {path}: {text:?}");
            } else {
                assert_eq!(status, StatusCode::NOT_ACCEPTABLE, "{version} {path}");
            }
        }
    }
}
