//! The shapes of requests and answers, endpoint by endpoint.

mod common;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::http::{Request, StatusCode};
use common::{cluster, config, docker, ids, pass, with};
use futures_util::StreamExt;
use serde_json::{Value, json};
use theseus_sandbox::{FaultAction, HttpFault, SandboxConfig};

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn very_many_apps_come_in_pieces() {
    let cluster = cluster();
    let get = async |path: &str| {
        let response = cluster.raw(Request::get(path).body(Body::empty()).unwrap());
        response.await.into_body()
    };
    let create = async |count| {
        let apps = (0..count).map(|number| docker(&format!("/many/app-{number:04}"), 0));
        let apps = apps.collect::<Vec<_>>().into();
        cluster.ok("PUT", "/v2/apps?force=true", apps).await;
    };
    create(1000).await;
    assert!(get("/v2/apps").await.size_hint().exact().is_some());
    create(1001).await;
    assert_eq!(get("/v2/apps").await.size_hint().exact(), None);

    let mut pieces = get("/v2/apps").await.into_data_stream();
    let mut whole = Vec::new();
    while let Some(piece) = pieces.next().await {
        assert!(whole.is_empty() || whole.len() > 60_000);
        whole.extend_from_slice(&piece.unwrap());
    }
    let list: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(ids(&list["apps"]).len(), 1001);
    assert_eq!(
        list["apps"][1000],
        cluster.get("/v2/apps?id=app-1000").await["apps"][0]
    );

    // Who goes away after the first piece keeps nobody else from going on.
    let mut pieces = get("/v2/apps").await.into_data_stream();
    assert!(pieces.next().await.unwrap().is_ok());
    drop(pieces);
    assert_eq!(ids(&cluster.get("/v2/apps").await["apps"]).len(), 1001);
}

#[tokio::test(start_paused = true)]
async fn post_answers_with_the_whole_app_as_1_5_shows_it() {
    let cluster = cluster();
    let body = json!({"id": "a/web", "cmd": "run"});
    let request = Request::post("/v2/apps")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = cluster.raw(request).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let deployment = response.headers()["Marathon-Deployment-Id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        response.headers()["cache-control"]
            .to_str()
            .unwrap()
            .starts_with("no-cache")
    );
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let mut app: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(app["deployments"], json!([{ "id": deployment }]));
    let stamp = json!("2026-01-02T03:04:05.000Z");
    for (key, value) in [
        ("deployments", json!([])),
        ("tasks", json!([])),
        ("tasksStaged", json!(0)),
    ] {
        app[key] = value;
    }
    let expected = json!({
        "id": "/a/web", "cmd": "run", "backoffFactor": 1.15, "backoffSeconds": 1, "cpus": 1.0, "disk": 0.0,
        "executor": "", "gpus": 0, "instances": 1, "killSelection": "YOUNGEST_FIRST", "labels": {},
        "maxLaunchDelaySeconds": 3600, "mem": 128.0, "networks": [{"mode": "host"}],
        "portDefinitions": [{"name": "default", "port": 10000, "protocol": "tcp"}], "requirePorts": false,
        "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
        "upgradeStrategy": {"maximumOverCapacity": 1.0, "minimumHealthCapacity": 1.0},
        "version": stamp, "versionInfo": {"lastConfigChangeAt": stamp, "lastScalingAt": stamp},
        "tasksStaged": 0, "tasksRunning": 0, "tasksHealthy": 0, "tasksUnhealthy": 0,
        "deployments": [], "tasks": [],
    });
    assert_eq!(app, expected);
    let (status, refusal) = cluster.send("POST", "/v2/apps", body).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(
        refusal,
        json!({"message": "An app with id [/a/web] already exists."})
    );
}

#[tokio::test(start_paused = true)]
async fn old_forms_come_out_as_new_ones_and_change_nothing_when_sent_again() {
    let cluster = cluster();
    let old = json!({
        "container": {"type": "DOCKER", "docker": {"image": "x", "network": "BRIDGE",
            "portMappings": [{"containerPort": 22}]}},
        "uris": ["http://x/y"],
    });
    let (status, _) = cluster.send("PUT", "/v2/apps/old", old.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    cluster.settle().await;
    let app = cluster.app("/old").await;
    assert_eq!(app["networks"], json!([{"mode": "container/bridge"}]));
    let mapping = json!({"containerPort": 22, "hostPort": 0, "labels": {}, "protocol": "tcp", "servicePort": 10000});
    assert_eq!(app["container"]["portMappings"], json!([mapping]));
    assert_eq!(
        keys(&app["container"]["docker"]),
        ["forcePullImage", "image", "parameters", "privileged"]
    );
    assert_eq!(app["fetch"][0]["uri"], "http://x/y");
    assert_eq!(app["portDefinitions"], Value::Null);
    assert_eq!(app["tasks"][0]["ports"].as_array().unwrap().len(), 1);

    let (status, _) = cluster.send("PUT", "/v2/apps/old", old).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(cluster.app("/old").await["version"], app["version"]);

    let ports = json!({"cmd": "x", "ports": [0, 8080], "requirePorts": false});
    cluster.ok("PUT", "/v2/apps/ports", ports).await;
    let app = cluster.app("/ports").await;
    assert_eq!(
        app["portDefinitions"],
        json!([{"port": 10001, "protocol": "tcp"}, {"port": 8080, "protocol": "tcp"}])
    );
    assert_eq!(app["tasks"][0]["ports"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn bad_bodies_are_refused_by_kind() {
    let cluster = cluster();
    let (status, answer) = cluster.send_text("PUT", "/v2/apps/x", "{".into()).await;
    assert_eq!(
        (status, &answer["message"]),
        (StatusCode::BAD_REQUEST, &json!("Invalid JSON"))
    );
    assert!(answer["details"].is_string());

    let shapes = [
        (json!({"cmd": 1}), "/cmd"),
        (json!({"instances": -1}), "/instances"),
        (json!({"env": {"A": 1}}), "/env/A"),
        (
            json!({"constraints": [["hostname", "NEAR"]]}),
            "/constraints(0)",
        ),
        (
            json!({"container": {"portMappings": [{"containerPort": 70000}]}}),
            "/container/portMappings(0)/containerPort",
        ),
    ];
    for (body, path) in shapes {
        let (status, answer) = cluster.send("PUT", "/v2/apps/x", body.clone()).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(answer["message"], "Invalid JSON", "{body}");
        assert_eq!(answer["details"][0]["path"], path, "{answer}");
    }

    let meanings = [
        (json!({}), "/"),
        (json!({"cmd": "x", "args": ["y"]}), "/"),
        (json!({"cmd": "x", "cpus": 0}), "/cpus"),
        (
            json!({"cmd": "x", "container": {"type": "DOCKER"}}),
            "/container/docker",
        ),
        (
            json!({"cmd": "x", "networks": [{"mode": "container"}], "portDefinitions": []}),
            "/networks(0)",
        ),
        (
            json!({"cmd": "x", "healthChecks": [{"portIndex": 3}]}),
            "/healthChecks(0)",
        ),
        (
            json!({"cmd": "x", "upgradeStrategy": {"minimumHealthCapacity": 2, "maximumOverCapacity": 0}}),
            "/upgradeStrategy/minimumHealthCapacity",
        ),
        (
            json!({"cmd": "x", "version": "2026-01-01T00:00:00.000Z"}),
            "/version",
        ),
        (
            json!({"cmd": "x", "uris": ["a"], "fetch": [{"uri": "b"}]}),
            "/uris",
        ),
        (json!({"cmd": "x", "dependencies": ["/x"]}), "/dependencies"),
    ];
    for (body, path) in meanings {
        let (status, answer) = cluster.send("PUT", "/v2/apps/x", body.clone()).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(answer["message"], "Object is not valid", "{body} {answer}");
        assert_eq!(answer["details"][0]["path"], path, "{answer}");
        assert!(answer["details"][0]["errors"][0].is_string());
    }
    let (_, answer) = cluster
        .send(
            "PUT",
            "/v2/apps",
            json!([{"id": "/a", "cmd": "x"}, {"id": "/b"}]),
        )
        .await;
    assert_eq!(answer["details"][0]["path"], "(1)/");
    assert_eq!(cluster.get("/v2/apps").await, json!({"apps": []}));
}

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
async fn a_bulk_put_is_one_deployment_and_filters_find_what_they_should() {
    let cluster = cluster();
    let app = |id: &str, env: &str| json!({"id": id, "cmd": format!("run {env}"), "cpus": 0.1, "labels": {"env": env}});
    let apps = json!([
        app("/a/one", "dev"),
        app("/a/two", "prod"),
        app("/b", "dev")
    ]);
    let answer = cluster.ok("PUT", "/v2/apps", apps).await;
    assert_eq!(keys(&answer), ["deploymentId", "version"]);
    let deployments = cluster.get("/v2/deployments").await;
    let expected = [
        "affectedApps",
        "affectedPods",
        "currentActions",
        "currentStep",
        "id",
        "steps",
        "totalSteps",
        "version",
    ];
    assert_eq!(keys(&deployments[0]), expected);
    assert_eq!(
        deployments[0]["affectedApps"],
        json!(["/a/one", "/a/two", "/b"])
    );
    assert_eq!(
        deployments[0]["steps"][0]["actions"][0],
        json!({"action": "StartApplication", "app": "/a/one"})
    );
    assert_eq!(
        (
            &deployments[0]["currentStep"],
            &deployments[0]["totalSteps"]
        ),
        (&json!(2), &json!(2))
    );

    for (query, expected) in [
        ("label=env%3D%3Ddev", vec!["/a/one", "/b"]),
        ("id=TWO", vec!["/a/two"]),
        ("cmd=prod&label=env", vec!["/a/two"]),
        ("label=env+notin+(dev,prod)", vec![]),
    ] {
        assert_eq!(
            ids(&cluster.get(&format!("/v2/apps?{query}")).await["apps"]),
            expected,
            "{query}"
        );
    }
    let (status, _) = cluster.send("GET", "/v2/apps?label=%3D", Value::Null).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        ids(&cluster.get("/v2/apps/a/*").await["*"]),
        ["/a/one", "/a/two"]
    );
    assert_eq!(
        cluster.get("/v2/apps").await["apps"][0]["tasks"],
        Value::Null
    );
    let listed = cluster
        .get("/v2/apps?embed=apps.tasks&embed=apps.taskStats")
        .await;
    assert_eq!(listed["apps"][0]["tasks"][0]["appId"], "/a/one");
    assert_eq!(
        listed["apps"][0]["taskStats"]["totalSummary"]["stats"]["counts"]["staged"],
        1
    );
    let (status, _) = cluster
        .send(
            "PATCH",
            "/v2/apps",
            json!([{"id": "/gone", "instances": 2}]),
        )
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
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
async fn versions_are_kept_and_can_be_gone_back_to() {
    let cluster = cluster();
    cluster
        .ok("PUT", "/v2/apps/web", json!({"cmd": "one"}))
        .await;
    cluster.settle().await;
    cluster
        .ok("PUT", "/v2/apps/web", json!({"cmd": "two"}))
        .await;
    cluster.settle().await;
    let versions = cluster.get("/v2/apps/web/versions").await;
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2);
    let first = versions["versions"][1].as_str().unwrap();
    assert_eq!(
        cluster.get(&format!("/v2/apps/web/versions/{first}")).await["cmd"],
        "one"
    );
    cluster
        .ok("PUT", "/v2/apps/web", json!({ "version": first }))
        .await;
    assert_eq!(cluster.app("/web").await["cmd"], "one");
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

fn events(query: &str) -> Request<Body> {
    let path = format!("/v2/events{query}");
    Request::get(path)
        .header("accept", "text/event-stream")
        .body(Body::empty())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn events_tell_a_deployment_from_beginning_to_end() {
    let cluster = cluster();
    let request = Request::get("/v2/events").header("accept", "text/event-stream, */*");
    let refused = cluster.raw(request.body(Body::empty()).unwrap()).await;
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);

    let mut stream = cluster
        .raw(events("?plan-format=light"))
        .await
        .into_body()
        .into_data_stream();
    cluster.ok("PUT", "/v2/apps/web", json!({"cmd": "x"})).await;
    let mut types = Vec::new();
    while types.last().is_none_or(|last| last != "deployment_success") {
        let bytes = stream.next().await.unwrap().unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        let (kind, data) = text
            .strip_prefix("event: ")
            .unwrap()
            .split_once("\r\ndata: ")
            .unwrap();
        let json: Value = serde_json::from_str(data.strip_suffix("\r\n\r\n").unwrap()).unwrap();
        assert_eq!(json["eventType"], kind);
        assert!(json["timestamp"].is_string());
        assert_eq!(json["plan"]["original"], Value::Null);
        types.push(kind.to_owned());
    }
    let status = ["instance_changed_event", "status_update_event"];
    let seen: Vec<&str> = types
        .iter()
        .map(String::as_str)
        .filter(|it| !status.contains(it))
        .collect();
    let expected = [
        "event_stream_attached",
        "group_change_success",
        "deployment_info",
        "api_post_event",
        "deployment_step_success",
        "deployment_info",
        "deployment_step_success",
        "deployment_success",
    ];
    assert_eq!(seen, expected);
    assert_eq!(
        types
            .iter()
            .filter(|it| *it == "status_update_event")
            .count(),
        3
    );
    // Nothing happens any more: an empty line shows that the connection lives.
    assert_eq!(stream.next().await.unwrap().unwrap(), "\r\n");
}

#[tokio::test(start_paused = true)]
async fn event_streams_are_filtered_cut_and_silenced() {
    let cluster = cluster();
    let query = "?event_type=deployment_success&event_type=event_stream_attached";
    let mut stream = cluster
        .raw(events(query))
        .await
        .into_body()
        .into_data_stream();
    cluster.ok("PUT", "/v2/apps/web", json!({"cmd": "x"})).await;
    for expected in ["event_stream_attached", "deployment_success"] {
        let bytes = stream.next().await.unwrap().unwrap();
        assert!(
            bytes.starts_with(format!("event: {expected}\r\n").as_bytes()),
            "{bytes:?}"
        );
    }
    cluster.sandbox.silence_events(true);
    let minute = std::time::Duration::from_secs(60);
    assert!(tokio::time::timeout(minute, stream.next()).await.is_err());
    cluster.sandbox.cut_event_streams();
    assert!(stream.next().await.unwrap().is_err());
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_loses_events_and_is_cut_off_since_1_8() {
    for (version, cut) in [("1.5.11", false), ("1.8.180", true)] {
        let cluster = with(SandboxConfig {
            event_buffer: 3,
            version: version.parse().unwrap(),
            ..config()
        });
        slow_reader(&cluster, cut).await;
    }
}

async fn slow_reader(cluster: &common::Cluster, cut: bool) {
    let mut stream = cluster.raw(events("")).await.into_body().into_data_stream();
    cluster
        .ok("PUT", "/v2/apps/web", json!({"cmd": "x", "instances": 5}))
        .await;
    for _ in 0..3 {
        assert!(stream.next().await.unwrap().is_ok());
    }
    pass(5_000).await;
    assert_eq!(stream.next().await.unwrap().is_err(), cut);
}

#[tokio::test(start_paused = true)]
async fn heavy_events_carry_the_definitions() {
    let cluster = cluster();
    let mut stream = cluster
        .raw(events("?event_type=deployment_info"))
        .await
        .into_body()
        .into_data_stream();
    cluster.ok("PUT", "/v2/apps/web", json!({"cmd": "x"})).await;
    let bytes = stream.next().await.unwrap().unwrap();
    let data = std::str::from_utf8(&bytes)
        .unwrap()
        .lines()
        .nth(1)
        .unwrap()
        .strip_prefix("data: ")
        .unwrap();
    let event: Value = serde_json::from_str(data).unwrap();
    assert_eq!(event["plan"]["target"]["apps"][0]["id"], "/web");
    assert_eq!(event["plan"]["original"]["apps"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn faults_strike_over_http_as_from_rust_and_requests_are_logged() {
    let cluster = cluster();
    let fault = json!({"path": "/v2/info", "times": 1, "action": {"status": 503}});
    cluster.ok("POST", "/sandbox/faults", fault).await;
    let (status, answer) = cluster.send("GET", "/v2/info?x=1", Value::Null).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer["message"].is_string());
    cluster.get("/v2/info").await;

    cluster
        .sandbox
        .add_fault(HttpFault::next(1, FaultAction::CutBody).with_method("GET"));
    let mut body = cluster
        .raw(Request::get("/v2/info").body(Body::empty()).unwrap())
        .await
        .into_body()
        .into_data_stream();
    assert!(body.next().await.unwrap().is_ok());
    assert!(body.next().await.unwrap().is_err());

    // The connection breaks, but what was asked for is done.
    cluster
        .sandbox
        .add_fault(HttpFault::next(1, FaultAction::DropConnection));
    let put = Request::put("/v2/apps/web")
        .body(Body::from(r#"{"cmd":"x"}"#))
        .unwrap();
    let mut body = cluster.raw(put).await.into_body().into_data_stream();
    assert!(body.next().await.unwrap().is_err());
    assert_eq!(cluster.app("/web").await["cmd"], "x");

    // It breaks, and nothing is done.
    cluster
        .sandbox
        .add_fault(HttpFault::next(1, FaultAction::LoseRequest));
    let delete = Request::delete("/v2/apps/web").body(Body::empty()).unwrap();
    let mut body = cluster.raw(delete).await.into_body().into_data_stream();
    assert!(body.next().await.unwrap().is_err());
    assert_eq!(cluster.app("/web").await["cmd"], "x");

    let log = cluster.sandbox.requests();
    assert_eq!(log.len(), 7);
    assert_eq!(
        (
            log[0].method.as_str(),
            log[0].path.as_str(),
            log[0].query.as_str()
        ),
        ("GET", "/v2/info", "x=1")
    );
    assert_eq!(
        cluster.get("/sandbox/requests").await[3],
        json!({"method": "PUT", "path": "/v2/apps/web", "query": ""})
    );
}

#[tokio::test(start_paused = true)]
async fn trouble_is_made_over_http() {
    let cluster = cluster();
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 1)).await;
    cluster.settle().await;
    let task = cluster.sandbox.task_ids("/web").remove(0);
    cluster
        .ok(
            "POST",
            &format!("/sandbox/tasks/{task}/unhealthy"),
            Value::Null,
        )
        .await;
    assert_eq!(cluster.app("/web").await["tasksUnhealthy"], 1);
    cluster
        .ok(
            "POST",
            &format!("/sandbox/tasks/{task}/healthy"),
            Value::Null,
        )
        .await;
    assert_eq!(cluster.app("/web").await["tasksHealthy"], 1);
    cluster
        .ok(
            "POST",
            &format!("/sandbox/tasks/{task}/fail"),
            json!({"message": "out of memory"}),
        )
        .await;
    assert_eq!(
        cluster.app("/web").await["lastTaskFailure"]["message"],
        "out of memory"
    );
    cluster
        .ok("POST", "/sandbox/hosts/host-2/lose", Value::Null)
        .await;
    let hosts = cluster.get("/sandbox/hosts").await;
    assert_eq!(
        (&hosts[1]["name"], &hosts[1]["up"]),
        (&json!("host-2"), &json!(false))
    );
    cluster
        .ok(
            "POST",
            "/sandbox/scripts",
            json!({"image": "web", "neverHealthy": true}),
        )
        .await;
    pass(5000).await;
    assert_eq!(cluster.app("/web").await["tasksHealthy"], 0);
    let (status, _) = cluster
        .send("POST", "/sandbox/hosts/nowhere/lose", Value::Null)
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
