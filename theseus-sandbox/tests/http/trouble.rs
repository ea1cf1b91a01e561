//! Trouble that is made on purpose, and the log of requests.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use theseus_sandbox::{FaultAction, HttpFault};

use crate::common::{cluster, docker, pass};

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
