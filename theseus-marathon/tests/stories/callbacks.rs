//! Callbacks, of versions that have no event stream.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::{Json, Router};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use theseus_core::cluster::{Cluster as _, EventKind, Events};
use theseus_marathon::{Callbacks, Hearing, Marathon, MarathonConfig, ServiceTransport};
use tokio::net::TcpListener;
use wiremock::{MockServer, ResponseTemplate};

use crate::server::{answer, config, requests, server};

const SUBSCRIPTIONS: &str = "/v2/eventSubscriptions";

/// A port that nobody listens at.
async fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

fn of(server: &MockServer, port: u16) -> Marathon {
    let config = MarathonConfig {
        callbacks: Some(Callbacks {
            host: "127.0.0.1".to_owned(),
            port,
        }),
        ..config(&server.uri())
    };
    Marathon::new(config).unwrap()
}

async fn old() -> MockServer {
    // The first version that is spoken to, and without the stream of those after it.
    let server = server(OLD).await;
    let taken = ResponseTemplate::new(200).set_body_json(json!({"eventType": "subscribe_event"}));
    answer(&server, "POST", SUBSCRIPTIONS, taken.clone()).await;
    answer(&server, "DELETE", SUBSCRIPTIONS, taken).await;
    server
}

const OLD: &str = "0.8.2";

async fn next(events: &mut Events) -> EventKind {
    let event = tokio::time::timeout(Duration::from_secs(10), events.next()).await;
    event.expect("an event comes").unwrap().unwrap().kind
}

fn update(app: &str) -> serde_json::Value {
    json!({
        "eventType": "status_update_event", "appId": app, "taskId": "t.1",
        "taskStatus": "TASK_RUNNING",
    })
}

#[tokio::test]
async fn whoever_listens_at_the_address_anyway_takes_callbacks_in() {
    let server = old().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let marathon = of(&server, port);
    let router = marathon.callbacks();
    tokio::spawn(async move { axum::serve(listener, router).await });
    // The port is taken, so it cannot listen there itself.
    let (mut events, hearing) = marathon.hear().await.unwrap();
    let address = format!("http://127.0.0.1:{port}/theseus/events");
    assert_eq!(hearing, Hearing::Callbacks(address.clone()));
    assert_eq!(next(&mut events).await, EventKind::Attached);
    let body = update("/theseus/a/dev/r1").to_string();
    let sent = wiremock_client().post(&address).body(body).send().await;
    assert_eq!(sent.unwrap().status(), 200);
    assert!(matches!(
        next(&mut events).await,
        EventKind::Container { .. }
    ));
    drop(events);
    marathon.unsubscribe().await;
    assert_eq!(requests(&server).await.len(), 2, "it is taken back");
}

/// A Marathon that is upgraded from one without an event stream to one without callbacks.
fn upgraded_when(flag: &Arc<AtomicBool>) -> Router {
    let flag = Arc::clone(flag);
    Router::new().fallback(async move |request: Request| {
        let is_new = flag.load(Ordering::Relaxed);
        match (request.uri().path(), is_new) {
            ("/v2/info", false) => Json(json!({"version": OLD})).into_response(),
            ("/v2/info", true) => Json(json!({"version": "1.11.0"})).into_response(),
            (SUBSCRIPTIONS, false) => Json(json!({"eventType": "subscribe_event"})).into_response(),
            ("/v2/events", true) => {
                let silence = stream::pending::<Result<&str, std::io::Error>>();
                let body = Body::from_stream(silence);
                ([("content-type", "text/event-stream")], body).into_response()
            }
            _ => (
                StatusCode::NOT_FOUND,
                Json(json!({"message": "URI not found"})),
            )
                .into_response(),
        }
    })
}

#[tokio::test(start_paused = true)]
async fn who_has_an_event_stream_by_now_is_no_longer_heard_by_callbacks() {
    let flag = Arc::new(AtomicBool::new(false));
    let config = MarathonConfig {
        callbacks: Some(Callbacks {
            host: "127.0.0.1".to_owned(),
            port: 5000,
        }),
        ..config("http://marathon:8080")
    };
    let transport = ServiceTransport::new(upgraded_when(&flag));
    let marathon = Marathon::over(config, Arc::new(transport)).unwrap();
    // Somebody else listens.
    let _ = marathon.callbacks();
    let (mut events, hearing) = marathon.hear().await.unwrap();
    assert!(matches!(hearing, Hearing::Callbacks(_)), "{hearing:?}");
    assert_eq!(next(&mut events).await, EventKind::Attached);
    flag.store(true, Ordering::Relaxed);
    assert!(events.next().await.is_none(), "nothing more comes this way");
    let (_events, hearing) = marathon.hear().await.unwrap();
    assert_eq!(hearing, Hearing::Stream);
    assert_eq!(marathon.engine().await.unwrap().version, "1.11.0");
}

#[tokio::test]
async fn events_come_by_callbacks_and_are_taken_back() {
    let server = old().await;
    let port = free().await.port();
    let marathon = of(&server, port);
    let (mut one, mut two) = (
        marathon.events().await.unwrap(),
        marathon.events().await.unwrap(),
    );
    assert_eq!(next(&mut one).await, EventKind::Attached);
    assert_eq!(next(&mut two).await, EventKind::Attached);
    assert_eq!(marathon.unheard(), None);
    let address = format!("http://127.0.0.1:{port}/theseus/events");
    let client = wiremock_client();
    for body in [
        update("/other").to_string(),
        "no JSON".to_owned(),
        update("/theseus/a/dev/r1").to_string(),
    ] {
        let sent = client.post(&address).body(body).send().await.unwrap();
        assert_eq!(sent.status(), 200);
    }
    for events in [&mut one, &mut two] {
        for foreign in ["/other", ""] {
            let event = events.next().await.unwrap().unwrap();
            assert!(matches!(event.kind, EventKind::Container { .. }));
            let told = event.foreign.map_or(String::new(), |app| app.0);
            assert_eq!(
                (told.as_str(), event.group.is_some()),
                (foreign, foreign.is_empty())
            );
        }
    }
    // What is too much to read is still worth a look.
    let much = vec![b'x'; 9 << 20];
    let _ = client.post(&address).body(much).send().await;
    assert_eq!(next(&mut one).await, EventKind::Attached);

    drop(one);
    marathon.unsubscribe().await;
    let url = format!("callbackUrl=http%3A%2F%2F127.0.0.1%3A{port}%2Ftheseus%2Fevents");
    let subscribed = format!("POST {SUBSCRIPTIONS}?{url}");
    assert_eq!(requests(&server).await, [&*subscribed], "one listens still");
    drop(two);
    marathon.unsubscribe().await;
    let unsubscribed = format!("DELETE {SUBSCRIPTIONS}?{url}");
    assert_eq!(requests(&server).await, [subscribed, unsubscribed]);
    // The port is free again.
    TcpListener::bind(("127.0.0.1", port)).await.unwrap();
}

fn wiremock_client() -> reqwest::Client {
    let builder = reqwest::Client::builder();
    builder.tls_certs_only([]).no_proxy().build().unwrap()
}

#[tokio::test]
async fn without_callbacks_it_is_looked_now_and_then() {
    let taken_port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken_port = taken_port.local_addr().unwrap().port();
    let disabled = ResponseTemplate::new(400).set_body_json(json!({
        "message": "http event callback system is not running on this Marathon instance",
    }));
    for (port, refusal) in [
        (None, None),
        (Some(taken_port), None),
        (Some(free().await.port()), Some(disabled)),
    ] {
        let server = server(OLD).await;
        if let Some(refusal) = refusal {
            answer(&server, "POST", SUBSCRIPTIONS, refusal).await;
        }
        let marathon = match port {
            Some(port) => of(&server, port),
            None => crate::server::marathon(&server),
        };
        assert_eq!(marathon.unheard(), None);
        let mut events = marathon.events().await.unwrap();
        assert_eq!(next(&mut events).await, EventKind::Attached);
        assert_eq!(next(&mut events).await, EventKind::Attached);
        assert!(marathon.unheard().is_some(), "it says why");
    }
}
