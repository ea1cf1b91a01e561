//! What the viewer's router answers, and to whom.

use std::time::Duration;

use crate::world::{HOST, PATIENCE, World, app, ask, container, running, spec};
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use theseus_core::cluster::ContainerState;
use tokio::time::Instant;

#[tokio::test]
async fn pages_tell_groups_and_their_containers() {
    let world = World::with(vec![app(
        "ingestor:dev",
        3,
        vec![
            running("ingestor.1"),
            container("ingestor.2", "host2", ContainerState::Staging),
        ],
    )]);
    world.record("ingestor:dev", 3, spec("flask:3", 2)).await;

    let overview = world.page_with("/", "flask:3").await;
    for text in [
        r#"href="/groups/ingestor:dev""#,
        "degraded",
        r#"1<span class="of"> / 2</span>"#,
        r#"aria-label="1 running, 1 starting""#,
    ] {
        assert!(overview.contains(text), "{text} in {overview}");
    }
    let (status, group) = world.get("/groups/ingestor:dev").await;
    assert_eq!(status, StatusCode::OK);
    for text in [
        "ingestor.1",
        "host2",
        r#"api <a href="http://host2:31005/" rel="noreferrer">31005</a>"#,
        r#"href="/machines/host2""#,
        r#"href="/groups/ingestor:dev/containers/ingestor.1""#,
        "running",
        "staging",
    ] {
        assert!(group.contains(text), "{text} in {group}");
    }
}

#[tokio::test]
async fn the_api_tells_the_status() {
    let world = World::with(vec![app("ingestor:dev", 3, vec![running("a")])]);
    world.record("ingestor:dev", 3, spec("flask:3", 1)).await;
    world.page_with("/", "flask:3").await;
    let (_, body) = world.get("/api/v1/status").await;
    let status: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status["format_version"], 1);
    assert_eq!(status["groups"][0]["group"], "ingestor:dev");
    assert_eq!(
        status["groups"][0]["containers"][0]["ports"],
        json!({"api": 31005})
    );
    assert_eq!(
        world.get("/health").await,
        (StatusCode::OK, "ok".to_owned())
    );
}

#[tokio::test]
async fn hostile_names_stay_text() {
    let evil = "\"><script>alert(1)</script>";
    let world = World::with(vec![app(
        "a:b",
        1,
        vec![container(evil, evil, ContainerState::Running)],
    )]);
    world.record("a:b", 1, spec(evil, 1)).await;
    for path in ["/", "/groups/a:b"] {
        let page = world.page_with(path, "&lt;script&gt;alert(1)").await;
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(!page.contains("\"\"><"), "{page}");
    }
    let (status, page) = world.get("/groups/%3Cscript%3Ealert(1)").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(!page.contains("<script>"), "{page}");
}

#[tokio::test]
async fn only_our_own_names_are_answered() {
    let world = World::new();
    let status = async |headers: &[(&str, &str)]| {
        let mut request = ask(Method::GET, "/health");
        request.headers_mut().clear();
        for (name, value) in headers {
            let name: header::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        world.request(request).await.status()
    };
    for (headers, expected) in [
        (&[("host", HOST)][..], StatusCode::OK),
        (&[("host", "LocalHost:5001")], StatusCode::OK),
        (&[("host", "127.0.0.1:5001")], StatusCode::OK),
        (&[("host", "[::1]:5001")], StatusCode::OK),
        (&[], StatusCode::FORBIDDEN),
        (&[("host", "evil.example:5001")], StatusCode::FORBIDDEN),
        (&[("host", "localhost")], StatusCode::FORBIDDEN),
        (&[("host", "localhost:5002")], StatusCode::FORBIDDEN),
        (
            &[("host", HOST), ("host", "evil.example")],
            StatusCode::FORBIDDEN,
        ),
        (
            &[("host", HOST), ("origin", "http://localhost:5001")],
            StatusCode::OK,
        ),
        (
            &[("host", HOST), ("origin", "http://evil.example")],
            StatusCode::FORBIDDEN,
        ),
        (&[("host", HOST), ("origin", "null")], StatusCode::FORBIDDEN),
    ] {
        assert_eq!(status(headers).await, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn every_answer_is_guarded() {
    let world = World::new();
    let foreign = axum::http::Request::builder()
        .uri("/")
        .body(axum::body::Body::empty())
        .unwrap();
    let mut requests = vec![
        (foreign, StatusCode::FORBIDDEN),
        (ask(Method::POST, "/"), StatusCode::METHOD_NOT_ALLOWED),
        (
            ask(Method::DELETE, "/nowhere"),
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (ask(Method::GET, "/nowhere"), StatusCode::NOT_FOUND),
        (ask(Method::GET, "/groups/none"), StatusCode::NOT_FOUND),
        (
            ask(Method::GET, "/live?group=none"),
            StatusCode::BAD_REQUEST,
        ),
    ];
    for path in [
        "/",
        "/groups/a:b",
        "/machines",
        "/usage",
        "/events",
        "/live",
        "/health",
        "/assets/viewer.css",
        "/assets/viewer.js",
        "/assets/icon.svg",
    ] {
        requests.push((ask(Method::GET, path), StatusCode::OK));
        requests.push((ask(Method::HEAD, path), StatusCode::OK));
    }
    for (request, expected) in requests {
        let what = format!("{} {}", request.method(), request.uri());
        let response = world.request(request).await;
        assert_eq!(response.status(), expected, "{what}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; "),
            "{what}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{what}: {policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
        assert_eq!(header("referrer-policy"), "same-origin", "{what}");
    }
}

#[tokio::test]
async fn while_the_cluster_is_away_the_last_known_state_stays() {
    let world = World::with(vec![app("ingestor:dev", 1, vec![running("a")])]);
    world.record("ingestor:dev", 1, spec("flask:1", 1)).await;
    world.page_with("/", "flask:1").await;

    world.runs(None);
    let page = world.page_with("/", "Out of touch since").await;
    for text in [
        "flask:1",
        "What is shown here is the last known state.",
        "cannot reach marathon at http://cluster:8080: connection refused",
        "As of",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let response = world.request(ask(Method::GET, "/api/v1/status")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["theseus-stale"], "true");

    world.runs(Some(Vec::new()));
    world.page_with("/", "data-state=\"down\"").await;
    assert!(!world.get("/").await.1.contains("Out of touch"));
}

#[tokio::test(start_paused = true)]
async fn that_nothing_more_is_heard_of_the_cluster_is_a_reason_to_look() {
    let world = World::new();
    world.page_with("/", "No group is deployed.").await;
    // Everything is quiet, and the next look is far away.
    tokio::time::sleep(Duration::from_secs(31)).await;
    let began = Instant::now();
    world.runs(None);
    world.page_with("/", "Out of touch since").await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn what_is_told_is_shown_without_a_look() {
    // Any look finds both of them running.
    let world = World::with(vec![app(
        "ingestor:dev",
        1,
        vec![running("a"), running("b")],
    )]);
    world.record("ingestor:dev", 1, spec("flask:1", 2)).await;
    let path = "/groups/ingestor:dev";
    let told = async |id, state, text| {
        let shown = async {
            while !world.get(path).await.1.contains(text) {
                // Once more, since a look may have come in between.
                world.tell("ingestor:dev", id, state);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, shown).await;
        assert!(in_time.is_ok(), "{text} is never shown");
    };
    world.page_with(path, "flask:1").await;
    told("a", ContainerState::Unreachable, "1 unreachable").await;
    told("b", ContainerState::Stopping, "1 stopping").await;

    // What does not fit the picture takes a look, which puts the rest right, too.
    world.tell("ingestor:dev", "c", ContainerState::Staging);
    let corrected = async {
        while world.get(path).await.1.contains("1 stopping") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, corrected).await;
    assert!(in_time.is_ok(), "nobody looks");
}

#[tokio::test]
async fn before_anything_is_known_pages_say_so() {
    let world = World::new();
    world.runs(None);
    let page = world.page_with("/", "Nothing is known yet.").await;
    assert!(!page.contains("No group is deployed"), "{page}");
    let (status, body) = world.get("/api/v1/status").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("cannot reach marathon"), "{body}");

    world.runs(Some(Vec::new()));
    world.page_with("/", "No group is deployed.").await;
    assert_eq!(world.get("/groups/a:b").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn whoever_asks_before_the_first_look_waits_for_it() {
    for path in ["/groups/ingestor:dev/logs", "/api/v1/groups/ingestor:dev"] {
        let world = World::with(vec![app("ingestor:dev", 1, vec![running("a")])]);
        let (status, body) = world.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
    }
}
