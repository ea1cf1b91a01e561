//! What happens in a cluster over time.

mod common;

use axum::http::StatusCode;
use common::{cluster, config, docker, ids, pass, with};
use serde_json::{Value, json};
use theseus_sandbox::{Exit, HostConfig, SandboxConfig, Script};

fn running_and_healthy(app: &Value) -> (u64, u64) {
    (
        app["tasksRunning"].as_u64().unwrap(),
        app["tasksHealthy"].as_u64().unwrap(),
    )
}

#[tokio::test(start_paused = true)]
async fn an_app_starts_step_by_step() {
    let cluster = cluster();
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 2)).await;
    let app = cluster.app("/web").await;
    assert_eq!(
        (&app["tasksStaged"], &app["tasks"][0]["state"]),
        (&json!(2), &json!("TASK_STAGING"))
    );
    pass(1001).await;
    assert_eq!(
        cluster.app("/web").await["tasks"][1]["state"],
        "TASK_STARTING"
    );
    pass(1000).await;
    assert_eq!(running_and_healthy(&cluster.app("/web").await), (2, 0));
    assert_eq!(cluster.get("/v2/deployments").await[0]["currentStep"], 2);
    pass(1000).await;
    let app = cluster.app("/web").await;
    assert_eq!(running_and_healthy(&app), (2, 2));
    assert_eq!(app["deployments"], json!([]));
    let hosts: Vec<&Value> = app["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["host"])
        .collect();
    assert_ne!(hosts[0], hosts[1]);
}

#[tokio::test(start_paused = true)]
async fn a_rolling_upgrade_keeps_three_healthy_and_never_runs_more_than_four() {
    let cluster = cluster();
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 3)).await;
    cluster.settle().await;
    let before = cluster.sandbox.task_ids("/web");

    let mut next = docker("/web", 3);
    next["container"]["docker"]["image"] = json!("web:2");
    cluster.ok("PUT", "/v2/apps/web", next).await;
    let mut most = 0;
    while cluster.get("/v2/deployments").await != json!([]) {
        let app = cluster.app("/web").await;
        let tasks = app["tasks"].as_array().unwrap().len();
        let dying = app["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| it["state"] == "TASK_KILLING");
        let healthy = app["tasksHealthy"].as_u64().unwrap() - dying.count() as u64;
        assert!(healthy >= 3, "{app}");
        assert!(tasks <= 4, "{app}");
        most = most.max(tasks);
        pass(50).await;
    }
    assert_eq!(most, 4);
    let app = cluster.app("/web").await;
    assert_eq!(running_and_healthy(&app), (3, 3));
    assert!(
        before
            .iter()
            .all(|old| !ids(&app["tasks"]).contains(&old.as_str()))
    );
    assert!(
        app["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|task| task["version"] == app["version"])
    );
}

#[tokio::test(start_paused = true)]
async fn changing_instances_alone_touches_no_running_task() {
    let cluster = cluster();
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 2)).await;
    cluster.settle().await;
    let two = cluster.sandbox.task_ids("/web");
    cluster
        .ok("PUT", "/v2/apps/web", json!({ "instances": 4 }))
        .await;
    cluster.settle().await;
    let four = cluster.sandbox.task_ids("/web");
    assert_eq!((four.len(), &four[..2]), (4, &two[..]));
    cluster
        .ok("PATCH", "/v2/apps/web", json!({ "instances": 1 }))
        .await;
    cluster.settle().await;
    assert_eq!(cluster.sandbox.task_ids("/web"), two[..1]);
}

#[tokio::test(start_paused = true)]
async fn the_same_definition_again_changes_nothing() {
    let cluster = cluster();
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 2)).await;
    cluster.settle().await;
    let (tasks, version) = (
        cluster.sandbox.task_ids("/web"),
        cluster.app("/web").await["version"].take(),
    );
    let again = cluster
        .ok("PUT", "/v2/apps/web?partialUpdate=false", docker("/web", 2))
        .await;
    assert!(again["deploymentId"].is_string());
    assert_eq!(cluster.get("/v2/deployments").await, json!([]));
    assert_eq!(cluster.sandbox.task_ids("/web"), tasks);
    assert_eq!(cluster.app("/web").await["version"], version);
}

#[tokio::test(start_paused = true)]
async fn a_restart_replaces_every_task() {
    let cluster = cluster();
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 2)).await;
    cluster.settle().await;
    let before = cluster.sandbox.task_ids("/web");
    cluster
        .ok("POST", "/v2/apps/web/restart", Value::Null)
        .await;
    cluster.settle().await;
    let after = cluster.sandbox.task_ids("/web");
    assert!(after.len() == 2 && before.iter().all(|id| !after.contains(id)));
}

#[tokio::test(start_paused = true)]
async fn a_failing_app_is_held_back_longer_each_time() {
    let cluster = cluster();
    cluster.sandbox.add_script(Script {
        fail_start: true,
        ..Script::for_image("web:1")
    });
    let mut app = docker("/web", 1);
    app["backoffSeconds"] = json!(10);
    app["backoffFactor"] = json!(2);
    cluster.ok("PUT", "/v2/apps/web", app).await;
    pass(2500).await;
    let queue = cluster.get("/v2/queue").await;
    let item = &queue["queue"][0];
    assert_eq!(
        (&item["count"], &item["delay"]),
        (&json!(1), &json!({"timeLeftSeconds": 10, "overdue": false}))
    );
    let app = cluster.app("/web").await;
    assert_eq!(app["lastTaskFailure"]["state"], "TASK_FAILED");
    assert_eq!(app["tasks"], json!([]));

    pass(12_000).await;
    let queue = cluster.get("/v2/queue").await;
    assert_eq!(queue["queue"][0]["delay"]["timeLeftSeconds"], 20);
    cluster.sandbox.clear_scripts();
    cluster
        .ok("DELETE", "/v2/queue/web/delay", Value::Null)
        .await;
    cluster.settle().await;
    assert_eq!(cluster.get("/v2/queue").await, json!({"queue": []}));
}

#[tokio::test(start_paused = true)]
async fn an_app_without_a_fitting_host_says_why_and_starts_when_there_is_room() {
    let host = HostConfig {
        cpus: 1.0,
        ..HostConfig::named("only")
    };
    let cluster = with(SandboxConfig {
        hosts: vec![host],
        ..config()
    });
    let app = |id: &str| json!({ "id": id, "cmd": "run", "cpus": 1, "mem": 1 });
    cluster.ok("POST", "/v2/apps", app("/first")).await;
    cluster.settle().await;
    cluster.ok("POST", "/v2/apps", app("/second")).await;
    pass(60_000).await;
    let queue = cluster.get("/v2/queue").await;
    let summary = &queue["queue"][0]["processedOffersSummary"];
    assert_eq!(queue["queue"][0]["delay"]["overdue"], true);
    let cpus = &summary["rejectSummaryLastOffers"][3];
    assert_eq!(
        *cpus,
        json!({"reason": "InsufficientCpus", "declined": 1, "processed": 1})
    );

    cluster.ok("DELETE", "/v2/apps/first", Value::Null).await;
    cluster.settle().await;
    assert_eq!(cluster.app("/second").await["tasksRunning"], 1);
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_task_is_killed_after_its_failures_and_replaced() {
    let cluster = cluster();
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 1)).await;
    cluster.settle().await;
    let sick = cluster.sandbox.task_ids("/web").remove(0);
    assert!(cluster.sandbox.set_task_healthy(&sick, false));
    let result = cluster.app("/web").await["tasks"][0]["healthCheckResults"][0].take();
    assert_eq!(
        (&result["alive"], &result["consecutiveFailures"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(cluster.app("/web").await["tasksUnhealthy"], 1);
    pass(20_001).await;
    let app = cluster.app("/web").await;
    assert_eq!(app["lastTaskFailure"]["taskId"], json!(sick));
    pass(5_000).await;
    let app = cluster.app("/web").await;
    assert!(running_and_healthy(&app) == (1, 1) && !ids(&app["tasks"]).contains(&sick.as_str()));
}

#[tokio::test(start_paused = true)]
async fn a_sick_image_stops_the_upgrade_until_it_is_rolled_back() {
    let cluster = cluster();
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 2)).await;
    cluster.settle().await;
    cluster.sandbox.add_script(Script {
        never_healthy: true,
        ..Script::for_image("bad")
    });
    let mut bad = docker("/web", 2);
    bad["container"]["docker"]["image"] = json!("bad");
    let deployment = cluster.ok("PUT", "/v2/apps/web", bad).await;
    pass(300_000).await;
    let app = cluster.app("/web").await;
    assert_eq!(app["tasksHealthy"], 2);
    assert_eq!(app["deployments"][0]["id"], deployment["deploymentId"]);

    let id = deployment["deploymentId"].as_str().unwrap();
    let back = cluster
        .ok("DELETE", &format!("/v2/deployments/{id}"), Value::Null)
        .await;
    assert_ne!(back["deploymentId"], deployment["deploymentId"]);
    cluster.settle().await;
    let app = cluster.app("/web").await;
    assert_eq!(app["container"]["docker"]["image"], "web:1");
    assert_eq!(running_and_healthy(&app), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn tasks_that_end_by_themselves_are_started_again() {
    let exit = Some(Exit {
        after: std::time::Duration::from_secs(3),
        success: true,
    });
    let script = Script {
        exit,
        times: Some(1),
        ..Script::for_image("web")
    };
    let cluster = with(SandboxConfig {
        scripts: vec![script],
        ..config()
    });
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 1)).await;
    cluster.settle().await;
    let first = cluster.sandbox.task_ids("/web");
    pass(10_000).await;
    let app = cluster.app("/web").await;
    assert_eq!(running_and_healthy(&app), (1, 1));
    assert_ne!(cluster.sandbox.task_ids("/web"), first);
    assert_eq!(app["lastTaskFailure"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn tasks_of_a_lost_host_are_replaced_elsewhere() {
    let cluster = cluster();
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 4)).await;
    cluster.settle().await;
    assert!(cluster.sandbox.lose_host("host-1"));
    pass(4_000).await;
    let app = cluster.app("/web").await;
    assert_eq!(running_and_healthy(&app), (4, 4));
    assert!(
        app["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|task| task["host"] != "host-1")
    );
    assert!(!cluster.sandbox.lose_host("nowhere"));
}

#[tokio::test(start_paused = true)]
async fn a_patient_app_gets_its_tasks_back_with_the_host() {
    let cluster = cluster();
    let mut app = docker("/web", 4);
    app["unreachableStrategy"] = json!({"inactiveAfterSeconds": 60, "expungeAfterSeconds": 120});
    cluster.ok("PUT", "/v2/apps/web", app).await;
    cluster.settle().await;
    let before = cluster.sandbox.task_ids("/web");
    cluster.sandbox.lose_host("host-1");
    pass(30_000).await;
    let app = cluster.app("/web").await;
    assert_eq!(app["tasks"][0]["state"], "TASK_UNREACHABLE");
    assert_eq!(cluster.sandbox.task_ids("/web"), before);
    cluster.sandbox.return_host("host-1");
    assert_eq!(cluster.app("/web").await["tasksRunning"], 4);

    // A loss after that starts its own time.
    cluster.sandbox.lose_host("host-1");
    pass(45_000).await;
    assert_eq!(cluster.sandbox.task_ids("/web"), before);
    pass(30_000).await;
    assert_eq!(cluster.sandbox.task_ids("/web").len(), 5);
    pass(60_000).await;
    assert_eq!(cluster.sandbox.task_ids("/web").len(), 4);
    assert!(!cluster.sandbox.task_ids("/web").contains(&before[0]));
}

#[tokio::test(start_paused = true)]
async fn a_locked_app_refuses_changes_and_ignores_kills() {
    let cluster = cluster();
    let first = cluster.ok("PUT", "/v2/apps/web", docker("/web", 2)).await;
    pass(2100).await;
    let (status, refusal) = cluster
        .send("PUT", "/v2/apps/web", json!({"instances": 3}))
        .await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(
        refusal["deployments"],
        json!([{"id": first["deploymentId"]}])
    );

    let tasks = cluster.sandbox.task_ids("/web");
    cluster
        .ok("POST", "/v2/tasks/delete", json!({"ids": tasks}))
        .await;
    assert_eq!(
        cluster.app("/web").await["tasks"][0]["state"],
        "TASK_RUNNING"
    );
    let (status, _) = cluster
        .send("POST", "/v2/tasks/delete?scale=true", json!({"ids": tasks}))
        .await;
    assert_eq!(status, StatusCode::CONFLICT);

    cluster
        .ok("PUT", "/v2/apps/web?force=true", json!({"instances": 3}))
        .await;
    let running = cluster.get("/v2/deployments").await;
    assert_eq!(running.as_array().unwrap().len(), 1);
    assert_ne!(running[0]["id"], first["deploymentId"]);
    cluster.settle().await;
    assert_eq!(cluster.app("/web").await["tasksHealthy"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_deployment_leaves_everything_as_it_is() {
    let cluster = cluster();
    cluster.sandbox.add_script(Script {
        never_healthy: true,
        ..Script::for_image("bad")
    });
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 2)).await;
    cluster.settle().await;
    let mut bad = docker("/web", 2);
    bad["container"]["docker"]["image"] = json!("bad");
    let deployment = cluster.ok("PUT", "/v2/apps/web", bad).await;
    pass(3000).await;
    let path = format!(
        "/v2/deployments/{}?force=true",
        deployment["deploymentId"].as_str().unwrap()
    );
    let (status, body) = cluster.send("DELETE", &path, Value::Null).await;
    assert_eq!((status, body), (StatusCode::ACCEPTED, Value::Null));
    assert_eq!(
        cluster.app("/web").await["container"]["docker"]["image"],
        "bad"
    );
    assert_eq!(cluster.get("/v2/deployments").await, json!([]));
}

#[tokio::test(start_paused = true)]
async fn kills_replace_or_shrink() {
    let cluster = cluster();
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 3)).await;
    cluster.settle().await;
    let tasks = cluster.sandbox.task_ids("/web");
    let killed = cluster
        .ok(
            "DELETE",
            &format!("/v2/apps/web/tasks/{}", tasks[0]),
            Value::Null,
        )
        .await;
    assert!(
        killed["task"]["instanceId"]["idString"]
            .as_str()
            .unwrap()
            .starts_with("web.marathon-")
    );
    pass(5000).await;
    let now = cluster.sandbox.task_ids("/web");
    assert!(now.len() == 3 && !now.contains(&tasks[0]));

    let path = format!("/v2/apps/web/tasks/{}?scale=true", tasks[1]);
    assert!(cluster.ok("DELETE", &path, Value::Null).await["deploymentId"].is_string());
    cluster.settle().await;
    assert_eq!(cluster.app("/web").await["instances"], 2);
    assert!(!cluster.sandbox.task_ids("/web").contains(&tasks[1]));

    cluster
        .ok("DELETE", "/v2/apps/web/tasks?host=*", Value::Null)
        .await;
    pass(5000).await;
    assert!(!cluster.sandbox.task_ids("/web").contains(&tasks[2]));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_app_vanishes_at_once_and_its_id_is_free_when_the_tasks_are_gone() {
    let cluster = cluster();
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 1)).await;
    cluster.settle().await;
    cluster.ok("DELETE", "/v2/apps/web", Value::Null).await;
    assert_eq!(cluster.get("/v2/apps").await, json!({"apps": []}));
    assert_eq!(
        cluster.get("/v2/tasks").await["tasks"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let (status, _) = cluster.send("POST", "/v2/apps", docker("/web", 1)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    pass(600).await;
    assert_eq!(cluster.get("/v2/tasks").await, json!({"tasks": []}));
    let (status, _) = cluster.send("POST", "/v2/apps", docker("/web", 1)).await;
    assert_eq!(status, StatusCode::CREATED);
}

#[tokio::test(start_paused = true)]
async fn unique_apps_spread_and_wait_for_more_hosts() {
    let cluster = cluster();
    let mut app = docker("/web", 5);
    app["constraints"] = json!([["hostname", "UNIQUE"]]);
    cluster.ok("PUT", "/v2/apps/web", app).await;
    pass(10_000).await;
    assert_eq!(cluster.app("/web").await["tasksRunning"], 4);
    let queue = cluster.get("/v2/queue").await;
    let rejects = &queue["queue"][0]["processedOffersSummary"]["rejectSummaryLastOffers"];
    assert_eq!(rejects[1]["reason"], "UnfulfilledConstraint");
    assert_eq!(rejects[1]["declined"], 4);
}

#[tokio::test(start_paused = true)]
async fn what_was_saved_is_there_again() {
    let cluster = cluster();
    cluster
        .ok("PUT", "/v2/apps/a/web", docker("/a/web", 2))
        .await;
    cluster.settle().await;
    let text = serde_json::to_string(&cluster.sandbox.snapshot()).unwrap();
    let (before, apps) = (
        cluster.sandbox.task_ids("/a/web"),
        cluster.get("/v2/apps").await,
    );

    let state = serde_json::from_str(&text).unwrap();
    let again = with(SandboxConfig {
        state: Some(state),
        ..config()
    });
    pass(2000).await;
    assert_eq!(again.sandbox.task_ids("/a/web"), before);
    assert_eq!(again.get("/v2/apps").await, apps);
    assert_eq!(again.get("/v2/deployments").await, json!([]));
    again
        .ok("PUT", "/v2/apps/a/web", json!({"instances": 3}))
        .await;
    again.settle().await;
    assert_eq!(again.app("/a/web").await["tasksHealthy"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_restart_cut_short_by_saving_is_carried_to_its_end() {
    let cluster = cluster();
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 3)).await;
    cluster.settle().await;
    cluster
        .ok("PUT", "/v2/apps/web", json!({"env": {"A": "1"}}))
        .await;
    pass(4000).await;
    let state = Some(cluster.sandbox.snapshot());
    let again = with(SandboxConfig { state, ..config() });
    again.settle().await;
    let app = again.app("/web").await;
    assert_eq!(app["tasksHealthy"], 3);
    assert!(
        app["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|task| task["version"] == app["version"])
    );
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_history() {
    let history = async || {
        let cluster = cluster();
        cluster.ok("PUT", "/v2/apps/web", docker("/web", 3)).await;
        cluster.settle().await;
        (cluster.get("/v2/tasks").await, cluster.app("/web").await)
    };
    assert_eq!(history().await, history().await);
}
