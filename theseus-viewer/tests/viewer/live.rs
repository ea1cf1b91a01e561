//! What open pages are told.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::BodyDataStream;
use axum::http::{Method, StatusCode, header};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use theseus_core::cluster::{AppId, ContainerState};
use theseus_core::records::{self, AdoptedRecord};
use theseus_core::store::Write;

use crate::world::{PATIENCE, World, app, ask, container, host, running, spec};

/// The messages of an event stream.
struct Messages {
    body: BodyDataStream,
    text: String,
}

impl Messages {
    async fn open(world: &World, path: &str) -> Self {
        let response = world.request(ask(Method::GET, path)).await;
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/event-stream"
        );
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    /// The next message that satisfies the condition.
    async fn until(&mut self, condition: impl Fn(&Value) -> bool) -> Value {
        let found = async {
            loop {
                while let Some((message, rest)) = self.text.split_once("\n\n") {
                    let data = message.lines().find_map(|line| line.strip_prefix("data: "));
                    let update: Option<Value> =
                        data.map(|data| serde_json::from_str(data).unwrap());
                    self.text = rest.into();
                    if let Some(update) = update.filter(&condition) {
                        return update;
                    }
                }
                let chunk = self.body.next().await.expect("the stream goes on").unwrap();
                self.text.push_str(str::from_utf8(&chunk).unwrap());
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .expect("the message comes in time")
    }
}

#[tokio::test]
async fn an_open_page_is_told_only_what_changed() {
    let groups = |second| {
        vec![
            app("ingestor:dev", 1, vec![running("a")]),
            app(
                "ingestor:prod",
                1,
                vec![running("b"), container("c", "host2", second)],
            ),
        ]
    };
    let world = World::with(groups(ContainerState::Staging));
    world.record("ingestor:dev", 1, spec("flask:1", 1)).await;
    world.record("ingestor:prod", 1, spec("flask:1", 2)).await;
    let page = world.page_with("/", "data-state=\"degraded\"").await;
    let (_, version) = page.split_once("data-version=\"").unwrap();
    let (version, _) = version.split_once('"').unwrap();

    let mut overview = Messages::open(&world, &format!("/live?version={version}")).await;
    let path = format!("/live?page=group&group=ingestor:prod&version={version}");
    let mut group = Messages::open(&world, &path).await;

    world.runs(Some(groups(ContainerState::Running)));
    let update = overview
        .until(|update| update["parts"]["row:ingestor:prod"].is_string())
        .await;
    assert_eq!(update["parts"]["row:ingestor:dev"], Value::Null);
    assert_eq!(update["parts"]["notice"], Value::Null);
    let update = group
        .until(|update| update["parts"]["row:c"].is_string())
        .await;
    assert_eq!(update["parts"]["row:b"], Value::Null);

    // A group that goes takes its row with it.
    world.runs(Some(Vec::new()));
    let update = group
        .until(|update| update["lists"]["rows"].is_array())
        .await;
    assert_eq!(update["lists"]["rows"], json!([]));
}

#[tokio::test]
async fn what_happens_to_an_adopted_app_is_told_as_its_groups() {
    let world = World::new();
    let record = AdoptedRecord {
        app: AppId("/shop/web".to_owned()),
        group: "web:shop".parse().unwrap(),
    };
    let key = records::adopted_key(&record.app);
    world.write(Write::Put(key, records::encode(&record))).await;
    let told = async {
        loop {
            // Until somebody listens.
            world.tell_of_other("/shop/nobodys", "n.1", ContainerState::Ended);
            world.tell_of_other("/shop/web", "w.1", ContainerState::Ended);
            let page = world.get("/events").await.1;
            if page.contains("w.1") {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let page = tokio::time::timeout(PATIENCE, told)
        .await
        .expect("it is told");
    assert!(page.contains("web:shop"), "{page}");
    assert!(!page.contains("n.1"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_page_hears_something_also_while_nothing_changes() {
    let world = World::new();
    world.page_with("/", "No group is deployed.").await;
    world.runs(None);
    let page = world.page_with("/", "Out of touch").await;
    let (_, version) = page.split_once("data-version=\"").unwrap();
    let (version, _) = version.split_once('"').unwrap();
    let response = world
        .request(ask(Method::GET, &format!("/live?version={version}")))
        .await;
    let mut body = response.into_body().into_data_stream();
    // Its script gives a silent connection up after so long.
    let script = world.get("/assets/viewer.js").await.1;
    assert!(script.contains("SILENCE = 45_000"), "{script}");
    for _ in 0..3 {
        let told = async {
            loop {
                let chunk = body.next().await.expect("the stream goes on").unwrap();
                let text = str::from_utf8(&chunk).unwrap();
                // A comment would be hidden from the script.
                if text.contains("event: beat\n") && text.contains("data: ") {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), told)
            .await
            .expect("there is a beat in time");
    }
}

#[tokio::test]
async fn a_page_from_another_process_is_told_everything() {
    let world = World::with(vec![app("ingestor:dev", 1, vec![running("a")])]);
    world.page_with("/", "data-state=\"drifted\"").await;
    let mut stream = Messages::open(&world, "/live?version=9000000000000000000").await;
    let update = stream.until(|_| true).await;
    assert!(update["parts"]["row:ingestor:dev"].is_string(), "{update}");
    assert_eq!(update["lists"]["rows"], json!(["row:ingestor:dev"]));
}

#[tokio::test]
async fn a_filter_of_one_hides_nothing_from_others() {
    let world = World::with(vec![app("a:b", 1, vec![running("x")])]);
    world.page_with("/", "data-state=\"drifted\"").await;
    for path in ["/live?q=nothing", "/live"] {
        let told = Messages::open(&world, path).await.until(|_| true).await;
        let row = told["parts"]["row:a:b"].as_str().unwrap();
        assert!(!row.contains(" hidden"), "{path}: {row}");
    }
}

#[tokio::test]
async fn there_are_only_so_many_streams_and_they_end_with_the_viewer() {
    let world = World::new();
    world.page_with("/", "No group is deployed.").await;
    let mut open = Vec::new();
    for _ in 0..512 {
        let response = world.request(ask(Method::GET, "/live")).await;
        assert_eq!(response.status(), StatusCode::OK);
        open.push(response);
    }
    let refused = world.request(ask(Method::GET, "/live")).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let one = open.pop().unwrap();
    open.clear();
    assert_eq!(
        world.request(ask(Method::GET, "/live")).await.status(),
        StatusCode::OK
    );

    world.viewer.stop();
    let ended = one.into_body().into_data_stream().collect::<Vec<_>>();
    tokio::time::timeout(PATIENCE, ended)
        .await
        .expect("the stream ends");
}

/// The page's ids of its parts and rows.
fn ids(page: &str) -> BTreeSet<&str> {
    let parts = page.split(" id=\"").skip(1);
    parts
        .filter_map(|rest| Some(rest.split_once('"')?.0))
        .collect()
}

#[tokio::test]
async fn whatever_is_told_has_its_place_in_the_page() {
    let world = World::on(
        vec![host("host1")],
        vec![app("ingestor:dev", 1, vec![running("a")])],
    );
    world.record("ingestor:dev", 1, spec("flask:1", 1)).await;
    world.page_with("/machines", "65").await;
    for (page, stream) in [
        ("/", "/live?page=overview"),
        (
            "/groups/ingestor:dev",
            "/live?page=group&group=ingestor:dev",
        ),
        (
            "/groups/ingestor:dev/containers/a",
            "/live?page=container&group=ingestor:dev&name=a",
        ),
        ("/machines", "/live?page=machines"),
        ("/machines/host1", "/live?page=machine&name=host1"),
        ("/usage", "/live?page=usage"),
        ("/events", "/live?page=events"),
    ] {
        let text = world.get(page).await.1;
        let ids = ids(&text);
        let told = Messages::open(&world, stream).await.until(|_| true).await;
        for (id, part) in told["parts"].as_object().unwrap() {
            assert!(ids.contains(&**id), "{page} has no {id}");
            // Exactly the element that the page had.
            let part = part.as_str().unwrap();
            assert!(part.contains(&format!(" id=\"{id}\"")), "{page}: {part}");
        }
        for id in told["lists"].as_object().into_iter().flatten() {
            assert!(ids.contains(&**id.0), "{page} has no {}", id.0);
        }
        assert!(
            text.contains(&stream.replace('&', "&amp;")),
            "{page}: {stream}"
        );
    }
}

#[tokio::test]
async fn machines_change_with_what_is_on_them() {
    let apps = |state| vec![app("a:b", 1, vec![container("x", "host1", state)])];
    let world = World::on(
        vec![host("host1"), host("host2")],
        apps(ContainerState::Staging),
    );
    world.record("a:b", 1, spec("flask:1", 1)).await;
    world.page_with("/machines", "1 starting").await;
    let mut machines = Messages::open(&world, "/live?page=machines").await;
    machines
        .until(|told| told["parts"]["machine:host1"].is_string())
        .await;
    world.runs(Some(apps(ContainerState::Running)));
    let told = machines
        .until(|told| {
            told["parts"]["machine:host1"]
                .to_string()
                .contains("1 running")
        })
        .await;
    assert_eq!(told["parts"]["machine:host2"], Value::Null);
}

#[tokio::test]
async fn what_happens_is_told_where_events_are_shown() {
    let world = World::with(vec![app("a:b", 1, vec![running("x")])]);
    world.record("a:b", 1, spec("flask:1", 1)).await;
    world.page_with("/", "data-state=\"well\"").await;
    let mut events = Messages::open(&world, "/live?page=events").await;
    let told = async {
        loop {
            // Once more, since nobody may have listened yet.
            world.tell("a:b", "x", ContainerState::Unreachable);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let seen = events.until(|told| told.to_string().contains("cannot be reached"));
    tokio::select! {
        told = seen => {
            let order = told["lists"]["rows"].as_array().unwrap();
            assert!(order.iter().all(|id| id.as_str().unwrap().starts_with("event:")), "{told}");
        }
        () = told => {}
    }
}

#[tokio::test]
async fn a_page_that_does_not_exist_cannot_be_followed() {
    let world = World::new();
    for path in [
        "/live?page=nothing",
        "/live?page=group",
        "/live?page=machine",
    ] {
        let refused = world.request(ask(Method::GET, path)).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn what_is_read_besides_is_told_when_it_changed() {
    let world = World::with(vec![app("a:b", 1, vec![running("x"), running("y")])]);
    world.past("a:b", 1, spec("flask:1", 2), "ana").await;
    world.record("a:b", 1, spec("flask:1", 2)).await;
    let page = world.page_with("/groups/a:b", "<dt>Deployed</dt>").await;
    let attribute = |name: &str| {
        let (_, rest) = page.split_once(name).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let (version, late) = (attribute("data-version=\""), attribute("data-late=\""));
    let path = format!("/live?page=group&group=a:b&version={version}&late={late}");
    let mut group = Messages::open(&world, &path).await;
    let stir = async || {
        loop {
            // Once more, since a look may have come in between.
            world.tell("a:b", "x", ContainerState::Unreachable);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            world.runs(world.apps());
        }
    };
    let told = tokio::select! {
        told = group.until(|told| told["parts"]["row:x"].is_string()) => told,
        () = stir() => unreachable!(),
    };
    for part in ["history", "usage", "changes", "spec"] {
        assert_eq!(told["parts"][part], Value::Null, "{told}");
    }
    world.past("a:b", 2, spec("flask:2", 2), "bob").await;
    let told = tokio::select! {
        told = group.until(|told| told["parts"]["history"].is_string()) => told,
        () = stir() => unreachable!(),
    };
    assert!(
        told["parts"]["history"].to_string().contains("flask:2"),
        "{told}"
    );
}

#[tokio::test]
async fn what_is_told_is_found_in_the_page_whatever_its_name() {
    let odd = "a\u{1b}[2J\u{202e}";
    let world = World::with(vec![app("a:b", 1, vec![running(odd)])]);
    world.record("a:b", 1, spec("flask:1", 1)).await;
    let page = world.page_with("/groups/a:b", "flask:1").await;
    let mut messages = Messages::open(&world, "/live?page=group&group=a:b").await;
    let update = messages
        .until(|update| !update["lists"]["rows"].is_null())
        .await;
    let id = update["lists"]["rows"][0].as_str().unwrap();
    assert_eq!(id, "row:a\\u{1b}[2J\\u{202e}");
    let id = format!("id=\"{id}\"");
    assert!(page.contains(&id), "{page}");
    let part = update["parts"].as_object().unwrap().values();
    assert!(
        part.into_iter()
            .any(|part| part.as_str().unwrap().contains(&id)),
        "{update}"
    );
}
