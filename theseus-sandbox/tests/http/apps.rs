//! Apps: what is taken, what is refused, and how they are shown.

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::http::{Request, StatusCode};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::common::{cluster, docker, ids};
use crate::keys;

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
