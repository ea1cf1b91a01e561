//! Looking at the cluster: what is asked, and what comes of answers that are not answers.

use std::time::{Duration, Instant};

use crate::server::{answer, answer_once, config, html, marathon, requests, server};
use serde_json::json;
use theseus_core::cluster::{Cluster as _, ClusterError, Scope};
use theseus_marathon::{ConfigError, Credentials, Marathon, MarathonConfig, Secret};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn apps() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"apps": [
        {"id": "/theseus/ingestor/dev/r1", "instances": 1, "tasks": [{"id": "t.1", "host": "h1"}]},
        {"id": "/theseus/other/dev/r1", "instances": 1},
        {"id": "/my/theseus/thing"},
    ]}))
}

fn deployments() -> ResponseTemplate {
    let stop = |app: &str| json!({"actions": [{"action": "StopApplication", "app": app}]});
    ResponseTemplate::new(200).set_body_json(json!([{"id": "d1", "steps": [
        stop("/theseus/ingestor/dev/r1"),
        stop("/theseus/gone/dev/r1"),
        stop("/theseus/elsewhere/dev/r1"),
    ]}]))
}

async fn peaceful() -> MockServer {
    let server = server("1.11.0").await;
    answer(&server, "GET", "/v2/apps", apps()).await;
    answer(&server, "GET", "/v2/deployments", deployments()).await;
    server
}

fn groups(names: &[&str]) -> Scope {
    Scope::Groups(names.iter().map(|name| name.parse().unwrap()).collect())
}

#[tokio::test]
async fn an_answer_that_is_not_understood_makes_one_ask_who_answers() {
    let server = MockServer::builder().start().await;
    let info =
        |version: &str| ResponseTemplate::new(200).set_body_json(json!({"version": version}));
    answer_once(&server, "GET", "/v2/info", info("0.10.1")).await;
    answer_once(&server, "GET", "/v2/info", info("1.11.0")).await;
    answer_once(&server, "GET", "/v2/apps", html(200)).await;
    answer(&server, "GET", "/v2/apps", apps()).await;
    answer(&server, "GET", "/v2/deployments", deployments()).await;
    let marathon = marathon(&server);
    for _ in 0..2 {
        let snapshot = marathon.observe(&Scope::All).await.unwrap();
        assert_eq!(snapshot.apps.len(), 2);
    }
    let sent = requests(&server).await;
    let mut looks = sent.iter().filter(|it| it.starts_with("GET /v2/apps?"));
    let (old, new) = (looks.next().unwrap(), looks.next().unwrap());
    assert_ne!(old, new, "it is asked in the way of the other version");
    assert_eq!(looks.next(), Some(new));
    let all = server.received_requests().await.unwrap();
    let infos = all.iter().filter(|it| it.url.path() == "/v2/info");
    assert_eq!(infos.count(), 2, "nobody asks where all is understood");
}

#[tokio::test]
async fn everything_is_seen_in_two_requests() {
    let server = peaceful().await;
    let snapshot = marathon(&server).observe(&Scope::All).await.unwrap();
    let seen: Vec<_> = snapshot
        .apps
        .iter()
        .map(|app| app.group.to_string())
        .collect();
    assert_eq!(seen, ["ingestor:dev", "other:dev"]);
    let stopping: Vec<_> = snapshot.stopping.iter().map(ToString::to_string).collect();
    assert_eq!(stopping, ["elsewhere:dev", "gone:dev"]);
    let mut told = requests(&server).await;
    told.sort();
    assert_eq!(
        told,
        [
            "GET /v2/apps?id=%2Ftheseus%2F&embed=apps.tasks&embed=apps.deployments&embed=apps.lastTaskFailure",
            "GET /v2/deployments",
        ]
    );
}

#[tokio::test]
async fn some_groups_are_asked_for_by_their_label() {
    let server = server("1.11.0").await;
    Mock::given(method("GET"))
        .and(path("/v2/apps"))
        .and(query_param(
            "label",
            r"THESEUS_GROUP in (ingestor\:dev,gone\:dev)",
        ))
        .respond_with(apps())
        .mount(&server)
        .await;
    answer(&server, "GET", "/v2/deployments", deployments()).await;
    let scope = groups(&["ingestor:dev", "gone:dev"]);
    let snapshot = marathon(&server).observe(&scope).await.unwrap();
    // What comes unasked is passed over.
    let seen: Vec<_> = snapshot
        .apps
        .iter()
        .map(|app| app.group.to_string())
        .collect();
    assert_eq!(seen, ["ingestor:dev"]);
    let stopping: Vec<_> = snapshot.stopping.iter().map(ToString::to_string).collect();
    assert_eq!(stopping, ["gone:dev"]);
    let told = requests(&server).await;
    assert!(
        told.iter().all(|request| !request.contains('+')),
        "{told:?}"
    );
}

#[tokio::test]
async fn nobody_is_asked_about_nothing() {
    let server = peaceful().await;
    let snapshot = marathon(&server).observe(&groups(&[])).await.unwrap();
    assert!(snapshot.apps.is_empty());
    assert_eq!(requests(&server).await, [""; 0]);
}

#[tokio::test]
async fn the_version_is_asked_once() {
    let server = peaceful().await;
    let marathon = marathon(&server);
    marathon.observe(&Scope::All).await.unwrap();
    let engine = marathon.engine().await.unwrap();
    assert_eq!(
        (engine.name.as_str(), engine.version.as_str()),
        ("marathon", "1.11.0")
    );
    assert_eq!(engine.address, server.uri());
    let all = server.received_requests().await.unwrap();
    assert_eq!(
        all.iter()
            .filter(|request| request.url.path() == "/v2/info")
            .count(),
        1
    );
}

#[tokio::test]
async fn what_passes_is_waited_for() {
    let server = server("1.11.0").await;
    for status in [503, 502, 429, 504, 500] {
        answer_once(&server, "GET", "/v2/apps", html(status)).await;
    }
    let cut = ResponseTemplate::new(200).set_body_raw(r#"{"apps":[{"id":"#, "application/json");
    answer_once(&server, "GET", "/v2/apps", cut).await;
    answer(&server, "GET", "/v2/apps", apps()).await;
    answer(&server, "GET", "/v2/deployments", deployments()).await;
    let config = MarathonConfig {
        patience: Duration::from_secs(5),
        ..config(&server.uri())
    };
    let marathon = Marathon::new(config).unwrap();
    assert_eq!(marathon.observe(&Scope::All).await.unwrap().apps.len(), 2);
    assert_eq!(requests(&server).await.len(), 8);
}

#[tokio::test]
async fn what_does_not_pass_is_told_once() {
    for (response, message) in [
        (
            ResponseTemplate::new(401),
            "does not let us in: HTTP 401: without a word",
        ),
        (html(403), "does not let us in: HTTP 403: an HTML page"),
        (
            html(200),
            "is not understood as marathon: its answer is none to what was asked: an HTML page",
        ),
        (
            html(404),
            "is not understood as marathon: HTTP 404: an HTML page",
        ),
        (
            ResponseTemplate::new(302),
            "is not understood as marathon: HTTP 302 leads away",
        ),
    ] {
        let server = server("1.11.0").await;
        answer(&server, "GET", "/v2/apps", response).await;
        answer(&server, "GET", "/v2/deployments", deployments()).await;
        let error = marathon(&server).observe(&Scope::All).await.unwrap_err();
        assert!(error.to_string().contains(message), "{error} {error:?}");
        let told = requests(&server).await;
        assert_eq!(
            told.iter()
                .filter(|it| it.starts_with("GET /v2/apps"))
                .count(),
            1
        );
    }
}

#[tokio::test]
async fn patience_ends_before_a_server_wants_it_to() {
    let server = server("1.11.0").await;
    let later = html(503).insert_header("retry-after", "60");
    answer(&server, "GET", "/v2/apps", later).await;
    answer(&server, "GET", "/v2/deployments", deployments()).await;
    let error = marathon(&server).observe(&Scope::All).await.unwrap_err();
    assert!(matches!(error, ClusterError::Unreachable { .. }), "{error}");
    let told = requests(&server).await;
    assert_eq!(
        told.iter()
            .filter(|it| it.starts_with("GET /v2/apps"))
            .count(),
        1
    );
}

#[tokio::test]
async fn a_server_may_say_when_to_come_back() {
    let server = server("1.11.0").await;
    let later = html(503).insert_header("retry-after", "1");
    answer_once(&server, "GET", "/v2/apps", later).await;
    answer(&server, "GET", "/v2/apps", apps()).await;
    answer(&server, "GET", "/v2/deployments", deployments()).await;
    let config = MarathonConfig {
        patience: Duration::from_secs(10),
        ..config(&server.uri())
    };
    let began = Instant::now();
    Marathon::new(config)
        .unwrap()
        .observe(&Scope::All)
        .await
        .unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
}

/// An address where nobody listens.
async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn a_dead_marathon_is_told_with_its_address_and_cause() {
    let nowhere = nowhere().await;
    let marathon = Marathon::new(config(&nowhere)).unwrap();
    let error = marathon.observe(&Scope::All).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot reach marathon at {nowhere}")
    );
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    assert!(causes.iter().any(|it| it.contains("refused")), "{causes:?}");
    assert!(error.is_passing());
}

#[tokio::test]
async fn a_marathon_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let marathon = Marathon::new(config(&url)).unwrap();
    let error = marathon.engine().await.unwrap_err();
    assert!(matches!(error, ClusterError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn of_several_addresses_one_that_lives_is_found() {
    let server = peaceful().await;
    let mut config = config(&nowhere().await);
    config.urls.push(server.uri().parse().unwrap());
    let marathon = Marathon::new(config).unwrap();
    assert_eq!(marathon.observe(&Scope::All).await.unwrap().apps.len(), 2);
}

/// Answers every connection with these bytes, and closes it.
async fn raw(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = connection.read(&mut request).await;
                let _ = connection.write_all(answer).await;
            });
        }
    });
    url
}

#[tokio::test]
async fn a_body_that_is_cut_is_no_answer() {
    let url = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"version\":\"1.11.0\"").await;
    let error = Marathon::new(config(&url))
        .unwrap()
        .engine()
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn what_speaks_no_http_is_no_answer() {
    let url = raw(b"SSH-2.0-OpenSSH_9.2\r\n").await;
    let error = Marathon::new(config(&url))
        .unwrap()
        .engine()
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let server = peaceful().await;
    let config = MarathonConfig {
        largest_answer: 100,
        ..config(&server.uri())
    };
    let error = Marathon::new(config)
        .unwrap()
        .observe(&Scope::All)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("more than 100 bytes"), "{error}");
}

#[tokio::test]
async fn credentials_go_to_configured_addresses_only() {
    let (stranger, leader) = (peaceful().await, peaceful().await);
    let standby = MockServer::builder().start().await;
    for (target, known, expected) in [
        (&leader, vec![standby.uri(), leader.uri()], true),
        (&stranger, vec![standby.uri()], false),
    ] {
        standby.reset().await;
        let location = format!("{}/v2/info", target.uri());
        let led = ResponseTemplate::new(307).insert_header("location", location.as_str());
        answer(&standby, "GET", "/v2/info", led).await;
        let config = MarathonConfig {
            urls: known.iter().map(|url| url.parse().unwrap()).collect(),
            credentials: Some(Credentials::Token(Secret::Text("t".to_owned()))),
            ..config(&standby.uri())
        };
        let engine = Marathon::new(config).unwrap().engine().await;
        assert_eq!(engine.is_ok(), expected, "{engine:?}");
        let received = target.received_requests().await.unwrap();
        assert_eq!(!received.is_empty(), expected);
    }
}

#[test]
fn what_is_no_configuration() {
    let new = |urls: &[&str]| {
        Marathon::new(MarathonConfig {
            urls: urls.iter().map(|url| url.parse().unwrap()).collect(),
            ..MarathonConfig::default()
        })
    };
    assert!(matches!(new(&[]), Err(ConfigError::NoUrl)));
    assert!(matches!(new(&["etcd://a:1"]), Err(ConfigError::NotHttp(_))));
    let error = new(&["http://user:hunter2@a:8080/m"]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("http://a:8080/m holds credentials"),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    assert!(new(&["http://a:8080", "https://b:8443/marathon"]).is_ok());
    let bad = MarathonConfig {
        credentials: Some(Credentials::Token(Secret::Text("a\nb".to_owned()))),
        ..config("https://a:1")
    };
    assert!(matches!(Marathon::new(bad), Err(ConfigError::Credentials)));
    let bad = MarathonConfig {
        authorities: Some(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----".to_vec()),
        ..config("https://a:1")
    };
    assert!(matches!(
        Marathon::new(bad),
        Err(ConfigError::Authorities(_))
    ));
}
