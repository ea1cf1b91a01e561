//! The stream of events.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use theseus_sandbox::SandboxConfig;

use crate::common::{Cluster, cluster, config, pass, with};

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

async fn slow_reader(cluster: &Cluster, cut: bool) {
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
