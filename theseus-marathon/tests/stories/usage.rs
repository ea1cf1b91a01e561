//! What containers use: which agents are asked, and what comes of it when one lies or is away.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::server::{answer, marathon, requests};
use serde_json::{Value, json};
use theseus_core::cluster::{Cluster as _, ClusterError};
use wiremock::{MockServer, ResponseTemplate};

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

async fn agent(told: ResponseTemplate) -> MockServer {
    let agent = MockServer::builder().start().await;
    answer(&agent, "GET", "/monitor/statistics", told).await;
    agent
}

fn container(id: &str) -> Value {
    json!({"executor_id": id, "framework_id": "F", "statistics": {"mem_rss_bytes": 5}})
}

/// A Marathon whose master knows agents by name and address.
async fn marathon_of(agents: &[(&str, String)]) -> (MockServer, MockServer) {
    let slaves: Vec<Value> = agents
        .iter()
        .map(|(host, place)| json!({"hostname": host, "pid": format!("slave(1)@{place}")}))
        .collect();
    let mesos = MockServer::builder().start().await;
    answer(&mesos, "GET", "/slaves", ok(json!({"slaves": slaves}))).await;
    let server = MockServer::builder().start().await;
    let info = json!({
        "version": "1.11.0", "frameworkId": "F",
        "marathon_config": {"mesos_leader_ui_url": mesos.uri()},
    });
    answer(&server, "GET", "/v2/info", ok(info)).await;
    (server, mesos)
}

fn at(server: &MockServer) -> String {
    server.address().to_string()
}

#[tokio::test]
async fn agents_that_lie_or_are_away_are_named_and_the_others_go_on() {
    let good = agent(ok(json!([container("a"), container("b")]))).await;
    let page = agent(ResponseTemplate::new(200).set_body_string("<html>")).await;
    let broken = agent(ResponseTemplate::new(500)).await;
    let huge = vec![b' '; 9 << 20];
    let huge = agent(ResponseTemplate::new(200).set_body_bytes(huge)).await;
    let (server, _mesos) = marathon_of(&[
        ("good", at(&good)),
        ("page", at(&page)),
        ("broken", at(&broken)),
        ("huge", at(&huge)),
        ("away", "127.0.0.1:1".to_owned()),
        ("nowhere", "u:p@x:1/y".to_owned()),
    ])
    .await;
    let usage = marathon(&server).usage(None).await.unwrap();
    let mut containers: Vec<_> = usage
        .readings
        .iter()
        .map(|it| (it.container.0.as_str(), &*it.host))
        .collect();
    containers.sort_unstable();
    assert_eq!(containers, [("a", "good"), ("b", "good")]);
    let silent: Vec<_> = usage.silent.iter().map(|it| &*it.host).collect();
    assert_eq!(silent, ["away", "broken", "huge", "nowhere", "page"]);
    assert!(usage.silent.iter().all(|it| !it.reason.is_empty()));
}

#[tokio::test]
async fn only_the_hosts_that_matter_are_asked_in_the_old_spelling_too() {
    let old = MockServer::builder().start().await;
    answer(
        &old,
        "GET",
        "/monitor/statistics.json",
        ok(json!([container("a")])),
    )
    .await;
    let other = agent(ok(json!([container("b")]))).await;
    let (server, _mesos) = marathon_of(&[("old", at(&old)), ("other", at(&other))]).await;
    let hosts = BTreeSet::from([Arc::from("old")]);
    let usage = marathon(&server).usage(Some(&hosts)).await.unwrap();
    assert_eq!(usage.silent, []);
    assert_eq!(usage.readings.len(), 1);
    assert_eq!(requests(&other).await, [""; 0]);
}

#[tokio::test]
async fn no_connection_to_an_agent_is_kept() {
    let agent = agent(ok(json!([container("a")]))).await;
    let (server, _mesos) = marathon_of(&[("one", at(&agent))]).await;
    marathon(&server).usage(None).await.unwrap();
    let asked = agent.received_requests().await.unwrap();
    let kept = asked
        .iter()
        .filter(|it| it.headers.get("connection") != Some(&"close".parse().unwrap()));
    assert_eq!((asked.len(), kept.count()), (1, 0));
}

#[tokio::test]
async fn where_no_master_is_known_nobody_can_tell() {
    let server = MockServer::builder().start().await;
    answer(&server, "GET", "/v2/info", ok(json!({"version": "0.8.2"}))).await;
    let error = marathon(&server).usage(None).await.unwrap_err();
    assert!(matches!(error, ClusterError::Garbled { .. }), "{error:?}");
}
