//! Events posted to those who subscribed with an address, on real sockets.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use common::{Cluster, as_version};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Somebody who is called back, and what he says to it.
struct Subscriber {
    url: String,
    status: Arc<AtomicU16>,
    events: mpsc::UnboundedReceiver<Value>,
}

type Inbox = (Arc<AtomicU16>, mpsc::UnboundedSender<Value>);

impl Subscriber {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/events?a=b", listener.local_addr().unwrap());
        let status = Arc::new(AtomicU16::new(200));
        let (sender, events) = mpsc::unbounded_channel();
        let take = async |State((status, inbox)): State<Inbox>, body: String| {
            inbox.send(serde_json::from_str(&body).unwrap()).unwrap();
            StatusCode::from_u16(status.load(Ordering::Relaxed)).unwrap()
        };
        let router = Router::new()
            .route("/events", post(take))
            .with_state((Arc::clone(&status), sender));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            status,
            events,
        }
    }

    async fn next(&mut self) -> Value {
        let event = timeout(Duration::from_secs(20), self.events.recv()).await;
        event.expect("an event is due").unwrap()
    }

    async fn until(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().await;
            if event["eventType"] == kind {
                return event;
            }
        }
    }
}

async fn subscribe(cluster: &Cluster, url: &str) -> (StatusCode, Value) {
    let path = format!(
        "/v2/eventSubscriptions?callbackUrl={}",
        url.replace('?', "%3F")
    );
    cluster.send("POST", &path, Value::Null).await
}

#[tokio::test]
async fn every_event_is_posted_until_the_subscription_ends() {
    let cluster = as_version("1.4");
    let mut one = Subscriber::start().await;
    let (status, told) = subscribe(&cluster, &one.url).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(told["eventType"], "subscribe_event");
    assert_eq!(told["callbackUrl"], one.url);
    assert_eq!(told["clientIp"], "127.0.0.1");
    assert_eq!(one.next().await["eventType"], "subscribe_event");
    subscribe(&cluster, &one.url).await;
    let list = cluster.get("/v2/eventSubscriptions").await;
    assert_eq!(list, json!({"callbackUrls": [one.url]}));

    cluster.ok("PUT", "/v2/apps/web", json!({"cmd": "x"})).await;
    let info = one.until("deployment_info").await;
    assert_eq!(
        info["plan"]["target"]["apps"][0]["id"], "/web",
        "all of the plan"
    );
    let running = loop {
        let update = one.until("status_update_event").await;
        if update["taskStatus"] == "TASK_RUNNING" {
            break update;
        }
    };
    assert_eq!(running["appId"], "/web");
    one.until("deployment_success").await;

    let path = format!(
        "/v2/eventSubscriptions?callbackUrl={}",
        one.url.replace('?', "%3F")
    );
    let told = cluster.ok("DELETE", &path, Value::Null).await;
    assert_eq!(told["eventType"], "unsubscribe_event");
    let list = cluster.get("/v2/eventSubscriptions").await;
    assert_eq!(list, json!({"callbackUrls": []}));
    cluster.ok("DELETE", "/v2/apps/web", Value::Null).await;
    let silence = timeout(
        Duration::from_millis(500),
        one.until("app_terminated_event"),
    )
    .await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test]
async fn who_fails_is_left_alone_for_a_while_and_nobody_else_is() {
    let cluster = as_version("0.8");
    let (mut bad, mut good) = (Subscriber::start().await, Subscriber::start().await);
    bad.status.store(500, Ordering::Relaxed);
    for url in [&bad.url, &good.url, &"http://127.0.0.1:1/".to_owned()] {
        assert_eq!(subscribe(&cluster, url).await.0, StatusCode::OK);
    }
    let first = bad.next().await;
    assert_eq!(first["eventType"], "subscribe_event");
    bad.status.store(200, Ordering::Relaxed);
    cluster.ok("PUT", "/v2/apps/web", json!({"cmd": "x"})).await;
    good.until("deployment_success").await;
    // The start takes two seconds, the first pause one: the end is told, the beginning is not.
    let next = bad.next().await;
    assert_ne!(next["eventType"], "api_post_event");
    assert_ne!(next["taskStatus"], "TASK_STAGING", "{next}");
    if next["eventType"] != "deployment_success" {
        bad.until("deployment_success").await;
    }
}

#[tokio::test]
async fn bad_addresses_are_refused() {
    let cluster = as_version("1.3");
    for url in ["", "nonsense", "https://host/", "ftp://host/"] {
        let (status, told) = subscribe(&cluster, url).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{url}: {told}");
    }
    let (status, _) = cluster
        .send("POST", "/v2/eventSubscriptions", Value::Null)
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    for number in 0..100 {
        let url = format!("http://127.0.0.1:1/{number}");
        assert_eq!(subscribe(&cluster, &url).await.0, StatusCode::OK);
    }
    let (status, told) = subscribe(&cluster, "http://127.0.0.1:1/more").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
}
