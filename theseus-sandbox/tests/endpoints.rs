//! Which version has which endpoint, and what it answers there.

mod common;

use axum::http::StatusCode;
use common::{Cluster, as_version, cluster, pass};
use serde_json::{Value, json};
use theseus_sandbox::MarathonVersion;

/// Whether anything is there; every version says in its own way that nothing is.
async fn is_there(cluster: &Cluster, method: &str, path: &str) -> bool {
    let (status, answer) = cluster.send(method, path, json!({})).await;
    let message = answer["message"].as_str().unwrap_or_default();
    !message.starts_with("URI not found") && status != StatusCode::METHOD_NOT_ALLOWED
}

#[tokio::test(start_paused = true)]
async fn endpoints_come_and_go_with_the_versions() {
    let table = [
        ("GET", "/v2/apps", "0.7.0", ""),
        ("GET", "/v2/groups", "0.7.0", ""),
        ("GET", "/v2/groups/versions", "0.7.0", ""),
        ("PATCH", "/v2/groups/x", "1.9.0", ""),
        ("GET", "/v2/tasks", "0.7.0", ""),
        ("GET", "/v2/queue", "0.7.0", ""),
        ("DELETE", "/v2/queue/x/delay", "0.10.0", ""),
        ("GET", "/v2/leader", "0.8.0", ""),
        ("GET", "/v2/eventSubscriptions", "0.7.0", "1.5.0"),
        ("GET", "/v2/artifacts/x", "0.7.0", "1.5.0"),
        ("GET", "/v2/schemas/app", "0.8.2", "1.8.180"),
        ("GET", "/v2/plugins", "1.0.0", ""),
        ("GET", "/v2/pods", "1.4.0", ""),
        ("GET", "/metrics", "0.7.0", ""),
        ("GET", "/metrics/prometheus", "1.7.50", ""),
    ];
    let more = ["0.7.0", "0.8.0", "0.8.1", "1.4.0", "1.7.37", "1.8.180"];
    let more = more.iter().map(|it| it.parse::<MarathonVersion>().unwrap());
    for version in MarathonVersion::series().chain(more) {
        let cluster = as_version(&version.to_string());
        for (method, path, since, until) in table {
            let expected = since.parse::<MarathonVersion>().unwrap() <= version
                && until.parse().is_ok_and(|until| version < until) != until.is_empty();
            let found = is_there(&cluster, method, path).await;
            assert_eq!(found, expected, "{version} {method} {path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn metrics_have_the_shape_of_the_version() {
    for (version, shape) in [
        ("0.7", "counters gauges histograms meters timers version"),
        ("1.4", "counters gauges histograms meters timers version"),
        (
            "1.5",
            "counters end gauges histograms min-max-counters start",
        ),
        (
            "1.7.50",
            "counters end gauges histograms min-max-counters start",
        ),
        ("1.11", "counters gauges histograms meters timers version"),
    ] {
        let cluster = as_version(version);
        cluster
            .ok("PUT", "/v2/apps/a/web", json!({"cmd": "x"}))
            .await;
        let metrics = cluster.get("/metrics").await;
        let mut keys: Vec<&String> = metrics.as_object().unwrap().keys().collect();
        keys.sort_unstable();
        let keys: Vec<&str> = keys.into_iter().map(String::as_str).collect();
        assert_eq!(keys.join(" "), shape, "{version}");
        let count = &metrics["gauges"]["service.mesosphere.marathon.app.count"];
        assert_eq!(count["value"], 1, "{version}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_queue_tells_what_the_version_knows() {
    let cases = [
        ("0.8.0", "app count", ""),
        ("0.9", "app count delay", "overdue"),
        ("1.3", "app count delay", "overdue timeLeftSeconds"),
        (
            "1.5",
            "app count delay processedOffersSummary since",
            "overdue timeLeftSeconds",
        ),
        (
            "1.11",
            "app count delay processedOffersSummary role since",
            "overdue timeLeftSeconds",
        ),
    ];
    let keys = |value: &Value| {
        let mut keys: Vec<String> = value
            .as_object()
            .into_iter()
            .flatten()
            .map(|it| it.0.clone())
            .collect();
        keys.sort_unstable();
        keys.join(" ")
    };
    for (version, item, delay) in cases {
        let cluster = as_version(version);
        let huge = json!({"cmd": "x", "cpus": 1000});
        cluster.ok("PUT", "/v2/apps/huge", huge).await;
        pass(1000).await;
        let queue = cluster.get("/v2/queue").await;
        assert_eq!(keys(&queue["queue"][0]), item, "{version}");
        assert_eq!(keys(&queue["queue"][0]["delay"]), delay, "{version}");
        let offers = cluster.get("/v2/queue?embed=lastUnusedOffers").await;
        let offers = &offers["queue"][0]["lastUnusedOffers"];
        assert_eq!(offers.is_array(), item.contains("since"), "{version}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_told_and_forgotten_on_demand() {
    let cluster = cluster();
    let app = json!({"cmd": "x", "backoffSeconds": 100});
    cluster.ok("PUT", "/v2/apps/web", app).await;
    cluster.settle().await;
    let task = cluster.sandbox.task_ids("/web").remove(0);
    cluster.sandbox.fail_task(&task, "oh");
    pass(30_500).await;
    let item = cluster.get("/v2/queue").await["queue"][0].take();
    assert_eq!(
        item["delay"],
        json!({"timeLeftSeconds": 70, "overdue": false})
    );
    assert_eq!(item["since"], "2026-01-02T03:04:07.000Z");
    let (status, _) = cluster
        .send("DELETE", "/v2/queue/web/delay", Value::Null)
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    pass(3000).await;
    assert_eq!(cluster.app("/web").await["tasksRunning"], 1);
    let (status, told) = cluster
        .send("DELETE", "/v2/queue/web/delay", Value::Null)
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(
        told["message"],
        "Application /web not found in tasks queue."
    );
}

#[tokio::test(start_paused = true)]
async fn pods_are_none() {
    let cluster = cluster();
    let (status, _) = cluster.send("HEAD", "/v2/pods", Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(cluster.get("/v2/pods").await, json!([]));
    assert_eq!(cluster.get("/v2/pods/::status").await, json!([]));
    for path in [
        "/v2/pods/a/b",
        "/v2/pods/a/b::status",
        "/v2/pods/a/b::versions",
    ] {
        let (status, told) = cluster.send("GET", path, Value::Null).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(told["message"], "Pod '/a/b' does not exist");
    }
    let (status, _) = cluster.send("POST", "/v2/pods", json!({"id": "/x"})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(cluster.get("/v2/groups").await["pods"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn groups_are_shown_as_the_version_shows_them() {
    for (version, keys) in [
        ("0.9", "apps dependencies groups id version"),
        ("1.3", "apps dependencies groups id version"),
        ("1.5", "apps dependencies groups id pods version"),
        (
            "1.11",
            "apps dependencies enforceRole groups id pods version",
        ),
    ] {
        let cluster = as_version(version);
        cluster
            .ok("PUT", "/v2/apps/a/web", json!({"cmd": "x"}))
            .await;
        cluster.settle().await;
        let group = cluster.get("/v2/groups/a").await;
        let mut found: Vec<&str> = group
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        found.sort_unstable();
        assert_eq!(found.join(" "), keys, "{version}");
        let embedded = cluster
            .get("/v2/groups/a?embed=group.apps&embed=group.apps.counts")
            .await;
        let new = version.starts_with('1');
        assert_eq!(
            embedded["apps"][0]["tasksRunning"].is_number(),
            new,
            "{version}"
        );
        assert_eq!(embedded.get("groups").is_none(), new, "{version}");
        let below = cluster.get("/v2/apps/a/*?embed=apps.tasks").await;
        assert_eq!(below["*"][0]["id"], "/a/web", "{version}");
        let tasks = cluster.get("/v2/apps/a/*/tasks").await;
        assert_eq!(tasks["tasks"].as_array().unwrap().len(), 1, "{version}");
        let (status, _) = cluster.send("GET", "/v2/apps/none/*", Value::Null).await;
        assert_eq!(status == StatusCode::NOT_FOUND, new, "{version}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_role_of_a_top_level_group_can_be_enforced_since_1_9() {
    let cluster = as_version("1.9");
    cluster
        .ok("PUT", "/v2/apps/a/b/web", json!({"cmd": "x"}))
        .await;
    cluster.settle().await;
    let patch = json!({"enforceRole": true});
    cluster.ok("PATCH", "/v2/groups/a", patch.clone()).await;
    let group = cluster.get("/v2/groups/a").await;
    assert_eq!(group["enforceRole"], true);
    assert_eq!(group["groups"][0].get("enforceRole"), None);
    for (path, status) in [("/v2/groups/a/b", 422), ("/v2/groups/none", 404)] {
        let (found, _) = cluster.send("PATCH", path, patch.clone()).await;
        assert_eq!(found.as_u16(), status, "{path}");
    }
    assert_eq!(cluster.sandbox.task_ids("/a/b/web").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn before_0_11_1_any_change_of_a_group_restarts_all_of_it() {
    for (version, restarts) in [("0.10", true), ("0.11.0", true), ("0.13", false)] {
        let cluster = as_version(version);
        let app = |id: &str| json!({"id": id, "cmd": "x", "mem": 16});
        let group =
            json!({"id": "/a", "apps": [app("x")], "groups": [{"id": "b", "apps": [app("y")]}]});
        cluster.ok("POST", "/v2/groups", group).await;
        cluster.settle().await;
        let before = cluster.sandbox.task_ids("/a/b/y");
        let more = json!({"apps": [app("x"), app("z")]});
        cluster.ok("PUT", "/v2/groups/a", more).await;
        cluster.settle().await;
        let after = cluster.sandbox.task_ids("/a/b/y");
        assert_eq!(after != before, restarts, "{version}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_who_goes_takes_the_streams_along_and_is_elected_again() {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    for (version, message) in [("0.8", "abdicted"), ("1.5", "abdicated")] {
        let cluster = as_version(version);
        let request = Request::get("/v2/events").header("Accept", "text/event-stream");
        let stream = cluster.raw(request.body(Body::empty()).unwrap()).await;
        let gone = cluster.ok("DELETE", "/v2/leader", Value::Null).await;
        assert_eq!(gone["message"], format!("Leadership {message}"));
        if version != "0.8" {
            assert!(to_bytes(stream.into_body(), usize::MAX).await.is_err());
        }
        let before = tokio::time::Instant::now();
        assert_eq!(cluster.get("/v2/leader").await["leader"], "127.0.0.1:8080");
        assert_eq!(before.elapsed().as_millis(), 1000);
        cluster.get("/v2/apps").await;
        assert_eq!(before.elapsed().as_millis(), 1000);
    }
}

#[tokio::test(start_paused = true)]
async fn versions_are_kept_as_long_as_the_version_keeps_them() {
    for (version, kept) in [("0.11", 25), ("1.1", 25), ("1.4.13", 50)] {
        let cluster = as_version(version);
        for number in 0..60 {
            let app = json!({"cmd": "x", "instances": number % 2});
            cluster.ok("PUT", "/v2/apps/web?force=true", app).await;
            pass(5).await;
        }
        let versions = cluster.get("/v2/apps/web/versions").await;
        let versions = versions["versions"].as_array().unwrap().clone();
        assert_eq!(versions.len(), kept, "{version}");
        let former = versions[21].as_str().unwrap();
        let app = cluster
            .get(&format!("/v2/apps/web/versions/{former}"))
            .await;
        assert_eq!(app["version"], former);
        let back = cluster
            .ok("PUT", "/v2/apps/web?force=true", json!({"version": former}))
            .await;
        assert_eq!(cluster.app("/web").await["version"], back["version"]);
        assert_eq!(cluster.app("/web").await["instances"], app["instances"]);
    }
}
