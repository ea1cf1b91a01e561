//! Sandboxes that begin with what is found elsewhere.

mod common;

use common::{cluster, config, docker, pass, with};
use jiff::Timestamp;
use serde_json::json;
use theseus_sandbox::{HostConfig, SandboxConfig, Snapshot, SnapshotError, TaskState};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn task(id: &str, host: &str, port: u16) -> TaskState {
    TaskState {
        ports: vec![port],
        started_at: Some(time("2026-01-01T00:00:00Z")),
        healthy: Some(true),
        ..TaskState::new(id, host)
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_are_there_as_they_were_found() {
    let mut state = Snapshot::default();
    state.add_app(&docker("/shop/web", 4)).unwrap();
    let tasks = [
        task("shop_web.1", "host-1", 31_000),
        task("shop_web.instance-2._app.1", "host-1", 31_001),
        // A port that no host offers.
        task("3", "host-2", 80),
        TaskState {
            ports: vec![31_000],
            ..TaskState::new("shop_web.4", "host-2")
        },
    ];
    for task in tasks {
        state.add_task("/shop/web", task).unwrap();
    }
    let hosts = vec![
        HostConfig {
            cpus: 0.2,
            ports: vec![31_000..=31_002],
            ..HostConfig::named("host-1")
        },
        HostConfig::named("host-2"),
    ];
    let cluster = with(SandboxConfig {
        hosts,
        state: Some(state),
        ..config()
    });

    let app = cluster.app("/shop/web").await;
    assert_eq!(
        (&app["tasksHealthy"], &app["tasksStaged"]),
        (&json!(3), &json!(1))
    );
    let found: Vec<String> = app["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| {
            let started = task["startedAt"].as_str().unwrap_or("-");
            format!(
                "{} {} {} {started}",
                task["id"], task["host"], task["ports"]
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            r#""shop_web.1" "host-1" [31000] 2026-01-01T00:00:00.000Z"#,
            r#""shop_web.instance-2._app.1" "host-1" [31001] 2026-01-01T00:00:00.000Z"#,
            r#""3" "host-2" [80] 2026-01-01T00:00:00.000Z"#,
            r#""shop_web.4" "host-2" [31000] -"#,
        ]
    );
    let health = &app["tasks"][0]["healthCheckResults"][0];
    assert_eq!(health["firstSuccess"], "2026-01-01T00:00:00.000Z");
    assert_eq!(cluster.get("/v2/deployments").await, json!([]));
    assert_eq!(
        cluster.get("/slaves").await["slaves"][0]["used_resources"]["ports"],
        "[31000-31001]"
    );
    assert_eq!(cluster.get("/v2/groups").await["groups"][0]["id"], "/shop");

    pass(3001).await;
    let healthy = cluster.app("/shop/web").await["tasksHealthy"].take();
    assert_eq!(healthy, 4, "the fourth has come up");
    assert!(cluster.sandbox.fail_task("3", "gone"));
    pass(60_000).await;
    let hosts = cluster.get("/slaves").await;
    let ports = &hosts["slaves"][1]["used_resources"]["ports"];
    assert_ne!(
        ports, "[31000-31000]",
        "the next one has another port: {ports}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_cluster_shows_can_be_taken_over_as_it_is() {
    let original = cluster();
    original.ok("PUT", "/v2/apps/web", docker("/web", 3)).await;
    original.settle().await;
    let apps = original.get("/v2/apps?embed=apps.tasks").await;
    let mut state = Snapshot::default();
    for app in apps["apps"].as_array().unwrap() {
        state.add_app(app).unwrap();
        for task in app["tasks"].as_array().unwrap() {
            let text = |field: &str| task[field].as_str().unwrap();
            let ports: Vec<u16> = serde_json::from_value(task["ports"].clone()).unwrap();
            let found = TaskState {
                ports,
                version: Some(time(text("version"))),
                started_at: Some(time(text("startedAt"))),
                healthy: Some(true),
                ..TaskState::new(text("id"), text("host"))
            };
            state.add_task(text("appId"), found).unwrap();
        }
    }
    let copy = with(SandboxConfig {
        state: Some(state),
        ..config()
    });
    let tasks = async |cluster: &common::Cluster| {
        let mut tasks = cluster.get("/v2/tasks").await["tasks"].take();
        for task in tasks.as_array_mut().unwrap() {
            for field in ["healthCheckResults", "stagedAt"] {
                task.as_object_mut().unwrap().remove(field);
            }
        }
        tasks
    };
    assert_eq!(tasks(&copy).await, tasks(&original).await);

    // With the seed of the original come its ids, of which none is given twice.
    copy.ok("PUT", "/v2/apps/web", json!({"env": {"A": "1"}}))
        .await;
    pass(500).await;
    let ids = copy.sandbox.task_ids("/web");
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), distinct.len()), (4, 4));
    copy.settle().await;
    assert_eq!(copy.app("/web").await["tasksHealthy"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_sick_task_stays_sick_and_one_without_a_host_is_started_anew() {
    let mut state = Snapshot::default();
    state.add_app(&docker("/web", 2)).unwrap();
    let sick = TaskState {
        healthy: Some(false),
        ..task("web.sick", "host-1", 31_000)
    };
    state.add_task("/web", sick).unwrap();
    let nowhere = task("web.nowhere", "host-99", 31_000);
    state.add_task("/web", nowhere).unwrap();
    let cluster = with(SandboxConfig {
        state: Some(state),
        ..config()
    });
    let app = cluster.app("/web").await;
    assert_eq!(
        (&app["tasksUnhealthy"], &app["tasksStaged"]),
        (&json!(1), &json!(1))
    );
    pass(60_000).await;
    let ids = cluster.sandbox.task_ids("/web");
    assert!(
        ids.len() == 2 && !ids.contains(&"web.sick".to_owned()),
        "{ids:?}"
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut state = Snapshot::default();
    for (app, told) in [
        (
            json!({"id": "/a", "cpus": "many"}),
            "that is no definition of an app",
        ),
        (
            json!({"cmd": "a"}),
            "the app is not valid: /id must not be the root path",
        ),
        (
            json!({"id": "/A", "cmd": "a"}),
            "the app is not valid: /id must fully match regular expression",
        ),
    ] {
        let refused = state.add_app(&app).unwrap_err().to_string();
        assert!(refused.starts_with(told), "{refused}");
    }
    state.add_app(&json!({"id": "a", "cmd": "a"})).unwrap();
    let unknown = state.add_task("/b", TaskState::new("b.1", "h"));
    assert!(matches!(unknown, Err(SnapshotError::UnknownApp { .. })));
    let other = TaskState {
        version: Some(time("2020-01-01T00:00:00Z")),
        ..TaskState::new("a.1", "h")
    };
    let unknown = state.add_task("/a", other);
    assert!(matches!(unknown, Err(SnapshotError::UnknownApp { .. })));
    state.add_task("/a", TaskState::new("a.1", "h")).unwrap();
    let again = state.add_task("/a", TaskState::new("a.1", "h"));
    assert!(matches!(again, Err(SnapshotError::SameTask { .. })));
}
