//! The event stream: what is told, and that it heals.

use std::cell::Cell;
use std::time::Duration;

use crate::server::config;
use futures_util::StreamExt as _;
use theseus_core::cluster::{Cluster as _, ClusterError, ContainerState, Event, EventKind, Events};
use theseus_marathon::{Marathon, MarathonConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const HELLO: &str =
    "event: event_stream_attached\r\ndata: {\"eventType\":\"event_stream_attached\"}\r\n\r\n";

/// A status update as Marathon sends it.
fn update(task: &str) -> String {
    format!(
        "event: status_update_event\r\ndata: {{\"eventType\":\"status_update_event\",\
         \"appId\":\"/theseus/a/dev/r1\",\"taskId\":\"{task}\",\"taskStatus\":\"TASK_RUNNING\"}}\r\n\r\n"
    )
}

/// A server that waits to be told what to answer.
struct Stub {
    listener: TcpListener,
    url: String,
    /// What is answered to who asks for it, and how often that was done.
    version: &'static str,
    asked: Cell<u32>,
}

impl Stub {
    async fn start() -> Self {
        Self::of("1.11.0").await
    }

    async fn of(version: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self {
            listener,
            url,
            version,
            asked: Cell::new(0),
        }
    }

    fn marathon(&self) -> Marathon {
        Marathon::new(config(&self.url)).unwrap()
    }

    /// The next connection, and its request; who asks for the version is told it.
    async fn accept(&self) -> (TcpStream, String) {
        loop {
            let (mut connection, _) = self.listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(connection.read_u8().await.unwrap());
            }
            let request = String::from_utf8(request).unwrap();
            if !request.starts_with("GET /v2/info ") {
                return (connection, request);
            }
            self.asked.set(self.asked.get() + 1);
            let body = format!("{{\"version\":\"{}\"}}", self.version);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    /// The next connection, answered with this.
    async fn answer(&self, text: &str) -> TcpStream {
        let (mut connection, _) = self.accept().await;
        connection.write_all(text.as_bytes()).await.unwrap();
        connection
    }
}

async fn next(events: &mut Events) -> EventKind {
    let event = tokio::time::timeout(Duration::from_secs(10), events.next()).await;
    let event: Event = event
        .expect("an event comes")
        .expect("the stream goes on")
        .unwrap();
    event.kind
}

fn task(kind: &EventKind) -> &str {
    match kind {
        EventKind::Container { id, state, .. } => {
            assert_eq!(*state, ContainerState::Running);
            &id.0
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn events_are_told_as_they_come() {
    let stub = Stub::start().await;
    let marathon = stub.marathon();
    let (events, (mut connection, request)) = tokio::join!(marathon.events(), async {
        let (mut connection, request) = stub.accept().await;
        connection
            .write_all(format!("{HEAD}{HELLO}").as_bytes())
            .await
            .unwrap();
        (connection, request)
    });
    let mut events = events.unwrap();
    let request = request.to_ascii_lowercase();
    assert!(
        request.contains("accept: text/event-stream\r\n"),
        "{request}"
    );
    let target = request.lines().next().unwrap();
    assert!(
        target.starts_with("get /v2/events?plan-format=light&event_type="),
        "{target}"
    );
    assert!(
        target.contains("event_type=status_update_event"),
        "{target}"
    );
    assert_eq!(next(&mut events).await, EventKind::Attached);
    // Split in the middle of an event, behind one that is no JSON and one that is of no interest.
    let text = format!(
        "data: {{\r\n\r\ndata: {{\"eventType\":\"new\"}}\r\n\r\n: a comment\r\n{}",
        update("t.1")
    );
    let (one, two) = text.split_at(text.len() - 20);
    connection.write_all(one.as_bytes()).await.unwrap();
    connection.flush().await.unwrap();
    tokio::task::yield_now().await;
    connection.write_all(two.as_bytes()).await.unwrap();
    assert_eq!(task(&next(&mut events).await), "t.1");
    // The stream goes on as long as somebody listens.
    connection
        .write_all(update("t.2").as_bytes())
        .await
        .unwrap();
    assert_eq!(task(&next(&mut events).await), "t.2");
}

#[tokio::test]
async fn a_cut_is_told_and_mended() {
    let stub = Stub::start().await;
    let marathon = stub.marathon();
    let text = format!("{HEAD}{HELLO}{}", update("t.1"));
    let (events, connection) = tokio::join!(marathon.events(), stub.answer(&text));
    let mut events = events.unwrap();
    assert_eq!(next(&mut events).await, EventKind::Attached);
    assert_eq!(task(&next(&mut events).await), "t.1");
    drop(connection);
    assert_eq!(next(&mut events).await, EventKind::Detached);
    // Away for two more times.
    let (attached, ()) = tokio::join!(next(&mut events), async {
        drop(
            stub.answer("HTTP/1.1 503 No Leader\r\ncontent-length: 0\r\n\r\n")
                .await,
        );
        drop(stub.accept().await);
        let text = format!("{HEAD}{HELLO}{}", update("t.2"));
        std::mem::forget(stub.answer(&text).await);
    });
    assert_eq!(attached, EventKind::Attached);
    assert_eq!(task(&next(&mut events).await), "t.2");
}

/// Attached to one version, cut off, and attached to the next: what is asked for then, and what the
/// engine is said to be.
async fn after_an_upgrade(configured: Option<&str>) -> (String, String) {
    let mut stub = Stub::of("1.4.13").await;
    let config = MarathonConfig {
        version: configured.map(str::to_owned),
        ..config(&stub.url)
    };
    let marathon = Marathon::new(config).unwrap();
    let text = format!("{HEAD}{HELLO}{}", update("t.1"));
    let (events, connection) = tokio::join!(marathon.events(), stub.answer(&text));
    let mut events = events.unwrap();
    assert_eq!(next(&mut events).await, EventKind::Attached);
    assert_eq!(task(&next(&mut events).await), "t.1");
    assert_eq!(stub.asked.get(), 1, "nobody asks in between");
    drop(connection);
    stub.version = "1.11.0";
    assert_eq!(next(&mut events).await, EventKind::Detached);
    let (attached, (_connection, request)) = tokio::join!(next(&mut events), async {
        let (mut connection, request) = stub.accept().await;
        let text = format!("{HEAD}{HELLO}");
        connection.write_all(text.as_bytes()).await.unwrap();
        (connection, request)
    });
    assert_eq!(attached, EventKind::Attached);
    let engine = marathon.engine().await.unwrap();
    assert_eq!(stub.asked.get(), 2, "it is asked once more");
    let target = request.lines().next().unwrap().to_owned();
    (target, engine.version)
}

#[tokio::test]
async fn who_comes_back_in_another_version_is_spoken_to_as_that() {
    let (target, version) = after_an_upgrade(None).await;
    assert!(target.contains("plan-format=light"), "{target}");
    assert_eq!(version, "1.11.0");
    // Unless the configuration says as which.
    let (target, version) = after_an_upgrade(Some("1.4.0")).await;
    assert!(!target.contains("plan-format"), "{target}");
    assert_eq!(version, "1.11.0");
}

#[tokio::test]
async fn silence_is_a_cut() {
    let stub = Stub::start().await;
    let config = MarathonConfig {
        longest_silence: Duration::from_millis(50),
        ..config(&stub.url)
    };
    let marathon = Marathon::new(config).unwrap();
    let text = format!("{HEAD}{HELLO}");
    let (events, _connection) = tokio::join!(marathon.events(), stub.answer(&text));
    let mut events = events.unwrap();
    assert_eq!(next(&mut events).await, EventKind::Attached);
    assert_eq!(next(&mut events).await, EventKind::Detached);
    let (attached, _connection) = tokio::join!(next(&mut events), stub.answer(&text));
    assert_eq!(attached, EventKind::Attached);
}

#[tokio::test]
async fn an_event_without_end_is_a_cut() {
    let stub = Stub::start().await;
    let marathon = stub.marathon();
    let text = format!("{HEAD}{HELLO}data: ");
    let (events, mut connection) = tokio::join!(marathon.events(), stub.answer(&text));
    let mut events = events.unwrap();
    assert_eq!(next(&mut events).await, EventKind::Attached);
    let (detached, ()) = tokio::join!(next(&mut events), async {
        let chunk = vec![b'x'; 1 << 20];
        // Until the client hangs up.
        while connection.write_all(&chunk).await.is_ok() {}
    });
    assert_eq!(detached, EventKind::Detached);
}

#[tokio::test]
async fn a_listener_that_is_turned_away_is_told_at_once() {
    let stub = Stub::start().await;
    let marathon = stub.marathon();
    let (events, _connection) = tokio::join!(
        marathon.events(),
        stub.answer("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")
    );
    assert!(matches!(events.err(), Some(ClusterError::Denied { .. })));
}

#[tokio::test]
async fn a_listener_that_is_turned_away_later_is_told_and_left() {
    let stub = Stub::start().await;
    let marathon = stub.marathon();
    let text = format!("{HEAD}{HELLO}");
    let (events, connection) = tokio::join!(marathon.events(), stub.answer(&text));
    let mut events = events.unwrap();
    drop(connection);
    assert_eq!(next(&mut events).await, EventKind::Attached);
    assert_eq!(next(&mut events).await, EventKind::Detached);
    let (end, _connection) = tokio::join!(
        events.next(),
        stub.answer("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")
    );
    assert!(matches!(end, Some(Err(ClusterError::Denied { .. }))));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_listener_waits_for_a_leader() {
    let stub = Stub::start().await;
    let marathon = stub.marathon();
    let (events, _connection) = tokio::join!(marathon.events(), async {
        drop(
            stub.answer("HTTP/1.1 503 No Leader\r\ncontent-length: 0\r\n\r\n")
                .await,
        );
        stub.answer(&format!("{HEAD}{HELLO}")).await
    });
    assert_eq!(next(&mut events.unwrap()).await, EventKind::Attached);
}

#[tokio::test]
async fn each_version_is_asked_for_what_it_has() {
    for (version, query) in [
        ("1.1.5", ""),
        ("1.3.13", "?event_type=event_stream_attached&"),
        ("1.5.8", "?event_type=event_stream_attached&"),
        ("1.5.9", "?plan-format=light&event_type="),
    ] {
        let stub = Stub::of(version).await;
        let marathon = stub.marathon();
        let (events, (_connection, request)) = tokio::join!(marathon.events(), async {
            let (mut connection, request) = stub.accept().await;
            let text = format!("{HEAD}{HELLO}");
            connection.write_all(text.as_bytes()).await.unwrap();
            (connection, request)
        });
        assert!(events.is_ok());
        let target = format!("GET /v2/events{query}");
        assert!(request.starts_with(&target), "{version} {request}");
    }
}

#[tokio::test]
async fn where_no_stream_may_be_had_it_is_looked_now_and_then() {
    let server = crate::server::server("1.11.0").await;
    let away = wiremock::ResponseTemplate::new(302)
        .insert_header("location", "https://login.example/?to=events");
    crate::server::answer(&server, "GET", "/v2/events", away).await;
    let marathon = crate::server::marathon(&server);
    let mut events = marathon.events().await.unwrap();
    assert_eq!(next(&mut events).await, EventKind::Attached);
    assert_eq!(next(&mut events).await, EventKind::Attached);
}
