//! The machines and the queue: who is asked, with which credentials, and what comes of it when
//! nobody answers.

use std::time::{Duration, Instant};

use crate::server::{answer, config, html, marathon, requests, server};
use serde_json::{Value, json};
use theseus_core::cluster::{Cluster as _, ClusterError, Inventory, Scope};
use theseus_marathon::{Credentials, Marathon, MarathonConfig, Secret};
use wiremock::{MockServer, ResponseTemplate};

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// A Marathon that has found this master.
async fn marathon_of(master: Value) -> MockServer {
    let server = MockServer::builder().start().await;
    let info = json!({"version": "1.11.0", "marathon_config": {"mesos_leader_ui_url": master}});
    answer(&server, "GET", "/v2/info", ok(info)).await;
    server
}

async fn nobody() -> MockServer {
    MockServer::builder().start().await
}

fn agents() -> ResponseTemplate {
    ok(json!({"slaves": [
        {"hostname": "h1", "active": true, "resources": {"cpus": 4}, "used_resources": {"cpus": 1}},
        {"hostname": "h2", "active": false},
    ]}))
}

fn queue() -> ResponseTemplate {
    ok(
        json!({"queue": [{"app": {"id": "/other"}, "count": 1, "lastUnusedOffers": [
            {"offer": {"hostname": "h3", "resources": [{"name": "mem", "scalar": 64}]}},
        ]}]}),
    )
}

fn names(inventory: &Inventory) -> Vec<&str> {
    inventory.hosts.iter().map(|host| &*host.name).collect()
}

#[tokio::test]
async fn the_master_knows_all_hosts() {
    let mesos = nobody().await;
    answer(&mesos, "GET", "/slaves", agents()).await;
    let server = marathon_of(json!(format!("{}/", mesos.uri()))).await;
    let inventory = marathon(&server).hosts().await.unwrap();
    assert_eq!(
        (names(&inventory), inventory.is_complete),
        (vec!["h1", "h2"], true)
    );
    assert_eq!(requests(&mesos).await, ["GET /slaves"]);
    assert_eq!(requests(&server).await, [""; 0]);
}

#[tokio::test]
async fn the_longer_path_is_tried_where_the_short_one_is_not_known() {
    for short in [ResponseTemplate::new(404), html(200)] {
        let mesos = nobody().await;
        answer(&mesos, "GET", "/dcos/slaves", short).await;
        answer(&mesos, "GET", "/dcos/master/slaves", agents()).await;
        let server = marathon_of(json!(format!("{}/dcos", mesos.uri()))).await;
        let inventory = marathon(&server).hosts().await.unwrap();
        assert!(inventory.is_complete);
    }
}

#[tokio::test]
async fn a_master_that_does_not_lead_leads_on() {
    let (standby, leader) = (nobody().await, nobody().await);
    let location = leader.uri().replace("http:", "") + "/slaves";
    let led = ResponseTemplate::new(307).insert_header("location", location);
    answer(&standby, "GET", "/slaves", led).await;
    answer(&leader, "GET", "/slaves", agents()).await;
    let server = marathon_of(json!(standby.uri())).await;
    let inventory = marathon(&server).hosts().await.unwrap();
    assert!(inventory.is_complete);
}

#[tokio::test]
async fn a_marathon_that_knows_no_master_may_be_told_of_one() {
    let server = MockServer::builder().start().await;
    answer(&server, "GET", "/v2/info", ok(json!({"version": "0.10.1"}))).await;
    let hosts = async |mesos: &str| {
        let config = MarathonConfig {
            mesos: Some(mesos.parse().unwrap()),
            ..config(&server.uri())
        };
        Marathon::new(config).unwrap().hosts().await.unwrap()
    };
    // Of old masters one that does not lead knows nobody, and says who leads.
    let (standby, leader) = (nobody().await, nobody().await);
    answer(&standby, "GET", "/slaves", ok(json!({"slaves": []}))).await;
    let led =
        ResponseTemplate::new(307).insert_header("location", leader.uri().replace("http:", ""));
    answer(&standby, "GET", "/redirect", led).await;
    answer(&leader, "GET", "/slaves", agents()).await;
    for mesos in [standby.uri(), leader.uri()] {
        assert!(hosts(&mesos).await.is_complete, "{mesos}");
    }
    // What stands before a master is asked itself.
    answer(&standby, "GET", "/mesos/slaves", agents()).await;
    assert!(hosts(&format!("{}/mesos", standby.uri())).await.is_complete);
}

#[tokio::test]
async fn without_mesos_the_hosts_of_unused_offers_are_known() {
    for master in [
        json!(null),
        json!(7),
        json!("nowhere"),
        json!("ftp://mesos"),
        json!("http://user:password@mesos/"),
        json!("http://127.0.0.1:1/"),
    ] {
        let server = marathon_of(master.clone()).await;
        answer(&server, "GET", "/v2/queue", queue()).await;
        let inventory = marathon(&server).hosts().await.unwrap();
        let told = (names(&inventory), inventory.is_complete);
        assert_eq!(told, (vec!["h3"], false), "{master}");
        assert_eq!(
            requests(&server).await,
            ["GET /v2/queue?embed=lastUnusedOffers"]
        );
    }
}

#[tokio::test]
async fn a_master_that_answers_anything_else_is_out_of_reach() {
    for answered in [
        html(200),
        html(503),
        ResponseTemplate::new(401),
        ok(json!({"slaves": 7})),
        ok(json!([])),
        ResponseTemplate::new(200).set_body_string(r#"{"slaves":[{"resources":{"cpus":1e999}}]}"#),
    ] {
        let mesos = nobody().await;
        answer(&mesos, "GET", "/slaves", answered.clone()).await;
        answer(&mesos, "GET", "/master/slaves", answered).await;
        let server = marathon_of(json!(mesos.uri())).await;
        answer(&server, "GET", "/v2/queue", queue()).await;
        let inventory = marathon(&server).hosts().await.unwrap();
        assert_eq!(
            (names(&inventory), inventory.is_complete),
            (vec!["h3"], false)
        );
    }
}

#[tokio::test]
async fn a_master_that_is_slow_or_has_no_end_is_out_of_reach() {
    for (told, largest_answer) in [
        (agents().set_delay(Duration::from_secs(60)), usize::MAX),
        (
            ResponseTemplate::new(200).set_body_string("[".repeat(2000)),
            1000,
        ),
    ] {
        let mesos = nobody().await;
        answer(&mesos, "GET", "/slaves", told.clone()).await;
        answer(&mesos, "GET", "/master/slaves", told).await;
        let server = marathon_of(json!(mesos.uri())).await;
        answer(&server, "GET", "/v2/queue", queue()).await;
        let config = MarathonConfig {
            largest_answer,
            ..config(&server.uri())
        };
        let began = Instant::now();
        let inventory = Marathon::new(config).unwrap().hosts().await.unwrap();
        assert_eq!(
            (names(&inventory), inventory.is_complete),
            (vec!["h3"], false)
        );
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn nobody_is_asked_why_nothing_does_not_start() {
    let server = server("1.11.0").await;
    let none = Scope::Groups(Vec::new());
    assert_eq!(marathon(&server).delays(&none).await.unwrap(), []);
    assert_eq!(requests(&server).await, [""; 0]);
}

#[tokio::test]
async fn old_versions_know_no_hosts_and_that_is_no_error() {
    let server = server("1.3.13").await;
    let queue =
        ok(json!({"queue": [{"app": {"id": "/x"}, "count": 1, "delay": {"overdue": true}}]}));
    answer(&server, "GET", "/v2/queue", queue).await;
    let inventory = marathon(&server).hosts().await.unwrap();
    assert_eq!(inventory, Inventory::default());
}

#[tokio::test]
async fn when_marathon_itself_is_out_of_reach_that_is_an_error() {
    let nowhere = Marathon::new(config("http://127.0.0.1:1/")).unwrap();
    let hosts = nowhere.hosts().await;
    assert!(
        matches!(hosts, Err(ClusterError::Unreachable { .. })),
        "{hosts:?}"
    );
    let delays = nowhere.delays(&Scope::All).await;
    assert!(
        matches!(delays, Err(ClusterError::Unreachable { .. })),
        "{delays:?}"
    );
    let server = marathon_of(json!(null)).await;
    answer(&server, "GET", "/v2/queue", html(503)).await;
    let hosts = marathon(&server).hosts().await;
    assert!(
        matches!(hosts, Err(ClusterError::Unreachable { .. })),
        "{hosts:?}"
    );
}

/// Who is asking, to each of the servers.
async fn told_who_asks(server: &MockServer, path: &str) -> bool {
    let requests = server.received_requests().await.unwrap();
    let request = requests.iter().find(|request| request.url.path() == path);
    request.unwrap().headers.contains_key("authorization")
}

#[tokio::test]
async fn only_marathons_own_address_is_told_who_asks() {
    let with_credentials = |server: &MockServer| {
        let config = MarathonConfig {
            credentials: Some(Credentials::Token(Secret::Text("secret".to_owned()))),
            ..config(&server.uri())
        };
        Marathon::new(config).unwrap()
    };
    let mesos = nobody().await;
    answer(&mesos, "GET", "/slaves", agents()).await;
    let server = marathon_of(json!(mesos.uri())).await;
    assert!(with_credentials(&server).hosts().await.unwrap().is_complete);
    assert!(told_who_asks(&server, "/v2/info").await);
    assert!(!told_who_asks(&mesos, "/slaves").await);

    // Both behind one door.
    let door = nobody().await;
    let master = format!("{}/mesos", door.uri());
    let info = json!({"version": "1.11.0", "marathon_config": {"mesos_leader_ui_url": master}});
    answer(&door, "GET", "/v2/info", ok(info)).await;
    answer(&door, "GET", "/mesos/slaves", agents()).await;
    assert!(with_credentials(&door).hosts().await.unwrap().is_complete);
    assert!(told_who_asks(&door, "/mesos/slaves").await);
}

#[tokio::test]
async fn why_containers_do_not_start() {
    let server = server("1.11.0").await;
    let rejections = json!([
        {"reason": "InsufficientMemory", "declined": 1, "processed": 5},
        {"reason": "UnfulfilledConstraint", "declined": 4, "processed": 5},
    ]);
    let queue = ok(json!({"queue": [
        {
            "app": {"id": "/theseus/a/dev/r2.s1"}, "count": 1,
            "delay": {"timeLeftSeconds": 12, "overdue": false},
            "processedOffersSummary": {"rejectSummaryLastOffers": rejections},
        },
        {"app": {"id": "/theseus/b/dev/r1"}, "count": 2, "delay": {"overdue": true}},
        {"app": {"id": "/other"}, "count": 1},
    ]}));
    answer(&server, "GET", "/v2/queue", queue).await;
    let marathon = marathon(&server);
    let all = marathon.delays(&Scope::All).await.unwrap();
    assert_eq!(all.len(), 2);
    let scope = Scope::Groups(vec!["a:dev".parse().unwrap()]);
    insta::assert_debug_snapshot!(marathon.delays(&scope).await.unwrap());
}

#[tokio::test]
async fn a_queue_that_is_none_is_not_understood() {
    for body in [json!([]), json!({"queue": 7}), json!("queue")] {
        let server = server("1.11.0").await;
        answer(&server, "GET", "/v2/queue", ok(body)).await;
        let delays = marathon(&server).delays(&Scope::All).await;
        assert!(
            matches!(delays, Err(ClusterError::Garbled { .. })),
            "{delays:?}"
        );
    }
}
