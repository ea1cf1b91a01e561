//! Several addresses, and who is told who asks.

use std::time::{Duration, Instant};

use serde_json::json;
use theseus_core::cluster::{Cluster as _, ClusterError, Scope};
use theseus_marathon::{ConfigError, Credentials, Marathon, MarathonConfig, Secret};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::server::{answer, apply, config, html, marathon, requests, scale, server, taken};

const A: &str = "/theseus/a/dev/r1";

/// A Marathon with nothing on it.
async fn empty() -> MockServer {
    let server = server("1.11.0").await;
    answer(&server, "GET", "/v2/apps", ok(&json!({"apps": []}))).await;
    answer(&server, "GET", "/v2/deployments", ok(&json!([]))).await;
    server
}

fn ok(body: &serde_json::Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// A client of all of these.
fn of(urls: &[String]) -> MarathonConfig {
    MarathonConfig {
        urls: urls.iter().map(|url| url.parse().unwrap()).collect(),
        patience: Duration::from_secs(20),
        ..config(&urls[0])
    }
}

/// An address where somebody listens and never says anything.
async fn mute() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut connections = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            connections.push(connection);
        }
    });
    url
}

async fn count(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

fn token() -> Credentials {
    Credentials::Token(Secret::Text("t".to_owned()))
}

#[tokio::test]
async fn a_slow_address_costs_its_lead_and_only_once() {
    let server = empty().await;
    let marathon = Marathon::new(of(&[mute().await, server.uri()])).unwrap();
    let began = Instant::now();
    marathon.observe(&Scope::All).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    let began = Instant::now();
    for _ in 0..5 {
        marathon.observe(&Scope::All).await.unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{began:?}");
}

#[tokio::test]
async fn who_cannot_serve_is_passed_over_at_once() {
    for useless in [
        html(502),
        html(503),
        html(504),
        html(200),
        html(404),
        html(302),
    ] {
        let (standby, server) = (MockServer::start().await, empty().await);
        Mock::given(method("GET"))
            .respond_with(useless)
            .mount(&standby)
            .await;
        let config = MarathonConfig {
            first_pause: Duration::from_secs(15),
            ..of(&[standby.uri(), server.uri()])
        };
        let marathon = Marathon::new(config).unwrap();
        let began = Instant::now();
        marathon.observe(&Scope::All).await.unwrap();
        let before = count(&standby).await;
        marathon.observe(&Scope::All).await.unwrap();
        assert_eq!(count(&standby).await, before, "it is not asked again");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn when_nobody_serves_each_is_told() {
    let standby = MockServer::start().await;
    let nowhere = "http://127.0.0.1:1".to_owned();
    answer(&standby, "GET", "/v2/info", html(503)).await;
    let config = MarathonConfig {
        patience: Duration::from_millis(100),
        ..of(&[standby.uri(), nowhere.clone()])
    };
    let error = Marathon::new(config).unwrap().engine().await.unwrap_err();
    assert!(matches!(error, ClusterError::Unreachable { .. }), "{error}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, format!("{}: HTTP 503: an HTML page", standby.uri()));
    let config = MarathonConfig {
        patience: Duration::from_millis(100),
        ..of(&["http://127.0.0.1:2".to_owned(), nowhere])
    };
    let error = Marathon::new(config).unwrap().engine().await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    for address in ["http://127.0.0.1:1: ", "http://127.0.0.1:2: ", "refused"] {
        assert!(cause.contains(address), "{cause}");
    }
}

#[tokio::test]
async fn behind_a_standby_the_leader_is_asked_where_one_may() {
    for (is_known, credentials, is_asked) in [
        (true, Some(token()), true),
        (true, None, true),
        (false, None, true),
        (false, Some(token()), false),
    ] {
        let (standby, leader) = (MockServer::start().await, empty().await);
        for (path, body) in [
            ("/v2/info", json!({"version": "1.11.0"})),
            ("/v2/apps", json!({"apps": []})),
            ("/v2/deployments", json!([])),
        ] {
            let passed_on = ok(&body)
                .insert_header("x-marathon-via", "1.1 standby:8080")
                .insert_header("x-marathon-leader", leader.uri().as_str());
            answer(&standby, "GET", path, passed_on).await;
        }
        let known = if is_known {
            vec![standby.uri(), leader.uri()]
        } else {
            vec![standby.uri()]
        };
        let config = MarathonConfig {
            credentials,
            ..of(&known)
        };
        let marathon = Marathon::new(config).unwrap();
        marathon.engine().await.unwrap();
        marathon.observe(&Scope::All).await.unwrap();
        assert_eq!(count(&leader).await > 0, is_asked);
        if is_asked {
            assert_eq!(count(&standby).await, 1);
        }
    }
}

#[tokio::test]
async fn a_change_goes_elsewhere_only_where_surely_nothing_was_done() {
    for (spoiled, goes_on) in [
        (html(503), true),
        (html(429), true),
        (html(502), false),
        (html(504), false),
        (html(500), false),
    ] {
        let (one, two) = (server("1.11.0").await, server("1.11.0").await);
        let path = format!("/v2/apps{A}");
        answer(&one, "PATCH", &path, spoiled).await;
        answer(&two, "PATCH", &path, taken("d1")).await;
        let marathon = Marathon::new(of(&[one.uri(), two.uri()])).unwrap();
        let outcome = marathon.apply(&[scale(A, 2)]).await.remove(0);
        assert_eq!(outcome.is_ok(), goes_on, "{outcome:?}");
        assert_eq!(requests(&two).await.len(), usize::from(goes_on));
        if !goes_on {
            assert!(matches!(outcome, Err(ClusterError::Unclear { .. })));
        }
    }
}

#[tokio::test]
async fn a_token_that_has_expired_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    std::fs::write(&path, "old").unwrap();
    let server = MockServer::start().await;
    let config = MarathonConfig {
        credentials: Some(Credentials::Token(Secret::File(path.clone()))),
        ..config(&server.uri())
    };
    let marathon = Marathon::new(config).unwrap();
    for (accepted, body) in [("token=new", taken("d1")), ("token=newer", taken("d2"))] {
        server.reset().await;
        Mock::given(header("authorization", accepted))
            .and(method("PATCH"))
            .respond_with(body)
            .mount(&server)
            .await;
        Mock::given(header("authorization", accepted))
            .and(method("GET"))
            .respond_with(ok(&json!({"version": "1.11.0"})))
            .mount(&server)
            .await;
        Mock::given(wiremock::matchers::any())
            .respond_with(ResponseTemplate::new(401))
            .with_priority(9)
            .mount(&server)
            .await;
        let error = marathon.apply(&[scale(A, 2)]).await.remove(0).unwrap_err();
        assert!(matches!(error, ClusterError::Denied { .. }), "{error:?}");
        let token = accepted.strip_prefix("token=").unwrap();
        std::fs::write(&path, token).unwrap();
        marathon.apply(&[scale(A, 2)]).await.remove(0).unwrap();
    }
}

#[tokio::test]
async fn a_page_to_log_in_is_not_followed() {
    let (server, login) = (MockServer::start().await, MockServer::start().await);
    let location = format!("{}/login?back=secret", login.uri());
    let away = html(302).insert_header("location", location.as_str());
    answer(&server, "GET", "/v2/info", away).await;
    let error = marathon(&server).engine().await.unwrap_err();
    assert!(matches!(error, ClusterError::Garbled { .. }), "{error:?}");
    let expected = format!("HTTP 302 leads away, to {}/login", login.uri());
    assert!(error.to_string().ends_with(&expected), "{error}");
    assert_eq!(count(&login).await, 0);
}

#[tokio::test]
async fn going_round_in_circles_ends() {
    let server = MockServer::start().await;
    let location = format!("{}/v2/info", server.uri());
    let around = html(307).insert_header("location", location.as_str());
    answer(&server, "GET", "/v2/info", around).await;
    let error = marathon(&server).engine().await.unwrap_err();
    assert!(matches!(error, ClusterError::Garbled { .. }), "{error:?}");
    assert_eq!(count(&server).await, 4);
}

#[tokio::test]
async fn an_answer_that_trickles_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = connection.read(&mut request).await;
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{";
                let mut told = head.as_bytes().to_vec();
                while connection.write_all(&told).await.is_ok() {
                    told = b" ".to_vec();
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
    });
    let config = MarathonConfig {
        body_timeout: Duration::from_millis(200),
        ..config(&url)
    };
    let marathon = Marathon::new(config).unwrap();
    let began = Instant::now();
    for error in [
        marathon.observe(&Scope::All).await.unwrap_err(),
        marathon.engine().await.unwrap_err(),
    ] {
        assert!(matches!(error, ClusterError::Unreachable { .. }), "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_change_always_tells_its_length() {
    let server = server("1.11.0").await;
    answer(&server, "DELETE", &format!("/v2/apps{A}"), taken("d1")).await;
    let delete = theseus_core::cluster::Change::Delete {
        app: theseus_core::cluster::AppId(A.to_owned()),
    };
    apply(&server, &[delete]).await.remove(0).unwrap();
    let request = server.received_requests().await.unwrap().pop().unwrap();
    assert!(!request.headers.contains_key("transfer-encoding"));
}

#[test]
fn credentials_do_not_go_where_all_can_read_them() {
    let new = |url: &str, allow_plain_http| {
        Marathon::new(MarathonConfig {
            credentials: Some(token()),
            allow_plain_http,
            ..config(url)
        })
    };
    for (url, allowed, is_fine) in [
        ("http://10.0.0.1:8080", false, false),
        ("http://10.0.0.1:8080", true, true),
        ("http://localhost.example:8080", false, false),
        ("http://localhost:8080", false, true),
        ("http://127.0.0.1:8080", false, true),
        ("http://[::1]:8080", false, true),
        ("https://10.0.0.1:8443", false, true),
    ] {
        let made = new(url, allowed);
        assert_eq!(made.is_ok(), is_fine, "{url}");
        if let Err(error) = made {
            assert!(matches!(error, ConfigError::PlainHttp(_)), "{error:?}");
            assert!(error.to_string().contains(url), "{error}");
        }
    }
}
