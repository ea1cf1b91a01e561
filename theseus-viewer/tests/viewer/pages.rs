//! What each page shows: with everything, with nothing, and of things with odd names.

use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use theseus_core::audit::{AuditRecord, Deed, Outcome};
use theseus_core::cluster::{AppId, ContainerState, Failure, Foreign, HealthState};
use theseus_core::logs::is_obeyed;
use theseus_core::model::{EnvValue, Spec};
use theseus_core::plan::Action;
use theseus_core::records::{self, Goal, RolloutRecord};
use theseus_core::registry::{self, AppCount, CountsRecord};
use theseus_core::store::Write;
use theseus_viewer::{AllowedHosts, Links, router};
use tower::ServiceExt as _;

use crate::world::{PATIENCE, World, app, ask, container, host, running, spec};

/// Asserts that a page has all of this in it.
fn has(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(page.contains(text), "no {text:?} in {page}");
    }
}

fn with_secret(image: &str, instances: u32) -> Spec {
    let mut spec = spec(image, instances);
    let secret = EnvValue::Plain("hunter2".to_owned());
    spec.environment.0.insert("DB_PASSWORD".to_owned(), secret);
    spec
}

/// A group in the middle of a rollout from revision 1 to 2, on two machines.
async fn rolling() -> World {
    let mut old = app(
        "ingestor:dev",
        1,
        vec![
            running("old.1"),
            container("old.2", "host2", ContainerState::Stopping),
        ],
    );
    old.last_failure = Some(Failure {
        container: None,
        message: "exited with 137".to_owned(),
        host: Some("host2".to_owned()),
        at: None,
    });
    let mut sick = container("new.2", "host2", ContainerState::Running);
    sick.health = HealthState::Unhealthy;
    let new = app("ingestor:dev", 2, vec![running("new.1"), sick]);
    let world = World::on(vec![host("host1"), host("host2")], vec![old, new]);
    let (one, two) = (with_secret("flask:1", 2), with_secret("flask:2", 3));
    world
        .past("ingestor:dev", 1, one.clone(), "ana@ci (pid 7)")
        .await;
    world.past("ingestor:dev", 2, two.clone(), "bob@ci").await;
    world.record("ingestor:dev", 1, one).await;
    let rollout = RolloutRecord {
        group: "ingestor:dev".parse().unwrap(),
        goal: Goal::Present {
            revision: 2,
            spec: two.into(),
        },
        rolled_back: None,
        started_at: jiff::Timestamp::now(),
        by: "bob@ci".to_owned(),
        lock: None,
        halted: None,
        promoted: false,
    };
    let key = records::rollout_key(&rollout.group);
    world
        .write(Write::Put(key, records::encode(&rollout)))
        .await;
    world.page_with("/", "data-state=\"deploying\"").await;
    world
}

#[tokio::test]
async fn a_group_is_shown_in_full() {
    let world = rolling().await;
    let page = world.get("/groups/ingestor:dev").await.1;
    has(
        &page,
        &[
            // What it is, and what is under way.
            "Rollout to revision 2",
            "Carried out by nobody.",
            "1 of 3 new ready",
            "<strong>Waiting for </strong>",
            "replace 1 container",
            "exited with 137",
            // Its containers.
            "href=\"/groups/ingestor:dev/containers/new.1\"",
            "href=\"http://host2:31005/\"",
            "unhealthy",
            // Its revisions, and what changed.
            "<del>flask:1</del>",
            "<ins>flask:2</ins>",
            "ana@ci",
            // What it is to be, without what is nobody's business.
            "environment.DB_PASSWORD",
            "512 MiB",
            "theseus rollout pause ingestor:dev",
            "aria-current=\"true\"",
        ],
    );
    assert!(!page.contains("hunter2"), "{page}");
    assert!(!page.contains("pid 7"), "{page}");
}

#[tokio::test]
async fn revisions_are_compared_as_asked() {
    let world = rolling().await;
    let page = world.get("/groups/ingestor:dev?from=2&to=1").await.1;
    has(&page, &["<del>flask:2</del>", "<ins>flask:1</ins>"]);
    let page = world.get("/groups/ingestor:dev?from=2&to=2").await.1;
    has(&page, &["Revisions 2 and 2 are the same."]);
    let page = world.get("/groups/ingestor:dev?from=9&to=2").await.1;
    has(&page, &["There is no revision 9 in its history."]);
    let (status, page) = world.get("/groups/ingestor:dev?from=x&to=").await;
    assert_eq!(status, StatusCode::OK);
    has(&page, &["<ins>flask:2</ins>"]);
}

#[tokio::test]
async fn a_container_is_shown_in_full() {
    let world = rolling().await;
    let page = world.get("/groups/ingestor:dev/containers/old.1").await.1;
    has(
        &page,
        &[
            "old.1",
            "not the wanted one",
            "href=\"/machines/host1\"",
            "0.3 cpus, 512 MiB",
            "2026-01-02 03:04:05 UTC",
        ],
    );
    let (status, page) = world.get("/groups/ingestor:dev/containers/gone").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    has(
        &page,
        &[
            "This container is not there.",
            "See what runs of ingestor:dev",
        ],
    );
}

#[tokio::test]
async fn machines_are_shown_with_what_is_on_them() {
    let world = rolling().await;
    let page = world.page_with("/machines", "64 GiB").await;
    has(
        &page,
        &[
            "href=\"/machines/host1\"",
            "1<span class=\"of\"> / 4</span>",
            "1 GiB<span class=\"of\"> / 64 GiB</span>",
            "10<span class=\"of\"> / 100</span>",
            "aria-label=\"1 stopping, 1 unhealthy\"",
        ],
    );
    let coloured = world.get("/machines?by=group").await.1;
    has(&coloured, &["aria-current=\"true\">By group"]);
    assert!(coloured.contains("<path class=\"g"), "{coloured}");

    let page = world.get("/machines/host2").await.1;
    has(
        &page,
        &[
            "rack",
            "31000-31089",
            "chronos <span class=\"of\">2 tasks</span>",
            "new.2",
            "unhealthy",
            "ingestor",
        ],
    );
    let (status, page) = world.get("/machines/host3").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    has(&page, &["No machine host3 is known.", "Did you mean"]);
}

#[tokio::test]
async fn machines_that_are_not_told_are_those_of_containers() {
    let world = World::with(vec![app("a:b", 1, vec![running("x")])]);
    world
        .page_with("/machines", "href=\"/machines/host1\"")
        .await;
    world.runs(None);
    let page = world.page_with("/machines", "Out of touch since").await;
    has(&page, &["host1"]);
}

#[tokio::test]
async fn the_clusters_own_pages_are_linked_to_where_they_are_known() {
    let world = rolling().await;
    let path = "/groups/ingestor:dev";
    assert!(!world.get(path).await.1.contains("Marathon"));
    let links = Links::default();
    let links = links.marathon(&"https://marathon.example/".parse().unwrap());
    let links = links
        .unwrap()
        .mesos(&"https://mesos.example".parse().unwrap());
    let viewer = world.viewer.clone().linked_to(links.unwrap());
    let linked = router(viewer, AllowedHosts::loopback(5001));
    for (path, expected) in [
        (
            path,
            "https://marathon.example/ui/#/apps/%2Fingestor:dev%2F2",
        ),
        (
            "/groups/ingestor:dev/containers/new.1",
            "https://marathon.example/ui/#/apps/%2Fingestor:dev%2F2/new.1",
        ),
        ("/machines", "https://mesos.example/#/agents"),
    ] {
        let answer = linked
            .clone()
            .oneshot(ask(Method::GET, path))
            .await
            .unwrap();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX);
        let body = body.await.unwrap();
        let page = str::from_utf8(&body).unwrap();
        has(page, &[&format!("href=\"{expected}\"")]);
    }
}

#[tokio::test]
async fn who_did_what_is_shown_as_sentences() {
    let world = rolling().await;
    let record = AuditRecord {
        at: jiff::Timestamp::now(),
        by: "bob@ci".to_owned(),
        group: "ingestor:dev".parse().unwrap(),
        deed: Deed::Deploy,
        action: Some(Action::Roll),
        revision: Some(2),
        outcome: Outcome::Begun,
        reason: Some("<b>because</b>".to_owned()),
    };
    world.write(record.write()).await;
    let page = world
        .page_with("/events", "bob@ci begins to roll it to revision 2")
        .await;
    has(&page, &["&lt;b&gt;because", "data-state=\"done\""]);
}

#[tokio::test]
async fn usage_says_when_nothing_is_known() {
    let world = rolling().await;
    let page = world.get("/usage").await.1;
    has(
        &page,
        &["ingestor:dev", "Nothing is known of what it used."],
    );
    let page = world.get("/usage?by=host&span=week&q=HOST2").await.1;
    has(
        &page,
        &["href=\"/machines/host2\"", "aria-current=\"true\">Week"],
    );
    assert!(!page.contains("href=\"/machines/host1\""), "{page}");
    let page = world.get("/usage?by=container&sort=name").await.1;
    has(
        &page,
        &[
            "aria-current=\"true\">By name",
            "href=\"/groups/ingestor:dev/containers/new.1\"",
        ],
    );
    let page = world.get("/usage?q=nothing").await.1;
    has(&page, &["There is nothing to draw."]);
}

#[tokio::test]
async fn what_was_used_is_drawn() {
    let world = rolling().await;
    let now = jiff::Timestamp::now().as_second();
    // As a registrar writes it, five minutes ago; which part a name is in is the registrar's affair.
    let start = now - now % 300 - 300;
    for part in 0..16 {
        let key = format!("usage/fine/{start:012}/groups/{part:02}");
        let series =
            r#"{"cpu":[500,null,1500],"mem":[1024,null,2048],"cpu_limit":2000,"mem_limit":4096}"#;
        let block = format!(r#"{{"v":1,"step":10,"series":{{"ingestor:dev":{series}}}}}"#);
        world.write(Write::Put(key, block.into())).await;
    }
    for path in ["/groups/ingestor:dev", "/usage"] {
        let page = world.get(path).await.1;
        has(
            &page,
            &[
                "Processors of ingestor:dev, now 1.5, at most 1.5",
                "Memory of ingestor:dev, now 2 MiB, at most 2 MiB",
                "<path class=\"line\" d=\"M",
                "<path class=\"limit\" d=\"M",
                "<td class=\"number\">1.5</td>",
                "As a table",
            ],
        );
        assert!(!page.contains("NaN"), "{page}");
    }
}

#[tokio::test]
async fn what_there_is_not_says_what_there_is() {
    let world = rolling().await;
    for (path, text) in [
        (
            "/groups/ingestor:de",
            "Did you mean <a href=\"/groups/ingestor:dev\">",
        ),
        ("/groups/ingestor", "is no group"),
        ("/groups/ingestor:dev/nothing", "There is no such page."),
        ("/nothing", "href=\"/machines\""),
    ] {
        let (status, page) = world.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        has(&page, &[text]);
    }
    // Of a group that is gone, what was is still told.
    world.past("was:here", 4, spec("flask:4", 1), "ana").await;
    let (status, page) = world.get("/groups/was:here").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    has(&page, &["There is no group was:here.", "flask:4"]);
}

#[tokio::test]
async fn odd_names_stay_text_and_lead_where_they_should() {
    let evil = "\"><script>alert(1)</script>/../?#%\u{1b}[2J\u{202e}";
    let path = "%22%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E%2F..%2F%3F%23%25%1B%5B2J%E2%80%AE";
    let mut odd = host(evil);
    odd.attributes.insert(evil.to_owned(), evil.to_owned());
    let mut app = app(
        "a:b",
        1,
        vec![container(evil, evil, ContainerState::Running)],
    );
    app.last_failure = Some(Failure {
        container: None,
        message: evil.to_owned(),
        host: Some(evil.to_owned()),
        at: None,
    });
    let world = World::on(vec![odd], vec![app]);
    let mut hostile = spec(evil, 1);
    hostile
        .environment
        .0
        .insert(evil.to_owned(), EnvValue::Plain(evil.to_owned()));
    world.past("a:b", 1, hostile.clone(), evil).await;
    world.record("a:b", 1, hostile).await;
    world.page_with("/machines", "&lt;script&gt;alert(1)").await;
    let (container, machine) = (
        format!("/groups/a:b/containers/{path}"),
        format!("/machines/{path}"),
    );
    for page in [
        "/",
        "/groups/a:b",
        &container,
        "/machines",
        &machine,
        "/usage?by=container",
        "/usage?by=host",
        "/events",
        "/?q=%22%3E%3Cscript%3Ealert(1)",
    ] {
        let (status, text) = world.get(page).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert!(!text.contains("<script>alert"), "{page}: {text}");
        assert!(!text.contains("\"><script>"), "{page}: {text}");
        assert!(!text.contains("href=\"http:"), "{page}: {text}");
        assert!(
            !text.contains(|c| is_obeyed(c) && c != '\n'),
            "{page}: {text:?}"
        );
    }
    let group = world.get("/groups/a:b").await.1;
    assert!(group.contains(&format!("href=\"{container}\"")), "{group}");
    assert!(group.contains(&format!("href=\"{machine}\"")), "{group}");
}

#[tokio::test]
async fn pages_bring_no_script_and_no_style_of_their_own() {
    let world = rolling().await;
    for page in [
        "/",
        "/groups/ingestor:dev",
        "/machines?by=group",
        "/machines/host1",
        "/usage",
        "/events",
        "/nothing",
    ] {
        let text = world.get(page).await.1;
        assert!(!text.contains(" style="), "{page}: {text}");
        assert!(!text.contains("<style"), "{page}: {text}");
        assert_eq!(text.matches("<script").count(), 1, "{page}: {text}");
        for part in [
            "<main id=\"content\"",
            "class=\"skip\"",
            "<h1",
            "lang=\"en\"",
        ] {
            assert!(text.contains(part), "{page} has no {part}: {text}");
        }
        assert_eq!(text.matches("<h1").count(), 1, "{page}: {text}");
    }
}

#[tokio::test]
async fn pages_are_compressed_for_who_takes_that_and_streams_are_not() {
    let world = rolling().await;
    for (path, expected) in [
        ("/", Some("gzip")),
        ("/assets/viewer.css", Some("gzip")),
        ("/live", None),
    ] {
        let mut request = ask(Method::GET, path);
        let gzip = "gzip".parse().unwrap();
        request.headers_mut().insert(header::ACCEPT_ENCODING, gzip);
        let response = world.request(request).await;
        let encoding = response.headers().get(header::CONTENT_ENCODING);
        assert_eq!(encoding.map(|it| it.to_str().unwrap()), expected, "{path}");
    }
}

#[tokio::test]
async fn what_a_look_alone_does_not_tell_is_shown() {
    let mut odd = app("a:odd", 1, Vec::new());
    odd.unread = Some("instances is \"<b>three</b>\"".to_owned());
    let world = World::with(vec![app("a:b", 1, vec![running("x")]), odd]);
    for group in ["a:b", "a:odd"] {
        world.record(group, 1, spec("flask:1", 1)).await;
    }
    let page = world.page_with("/", "/groups/a:odd").await;
    has(&page, &["not known", "three"]);
    assert!(!page.contains("other app"), "{page}");
    let page = world.get("/groups/a:odd").await.1;
    has(
        &page,
        &[
            "What runs of it is not known",
            "instances is &quot;&lt;b&gt;three&lt;/b&gt;&quot;",
        ],
    );
    let page = world.get("/groups/a:b").await.1;
    assert!(
        !page.contains("not known") && !page.contains("Restarts"),
        "{page}"
    );
    let (_, status) = world.get("/api/v1/status").await;
    assert!(!status.contains("restarts"), "{status}");

    // What others run is no group's.
    let other = Foreign {
        id: AppId("/others/shop".to_owned()),
        instances: 1,
        ..Foreign::default()
    };
    world.cluster.foreign.lock().unwrap().push(other);
    // What a registrar counts is told as it is by the commands.
    let counts = CountsRecord {
        running: 1,
        healthy: 1,
        apps: vec![AppCount {
            app: AppId("/a:b/1".to_owned()),
            revision: 1,
            containers: 1,
            restarts: 7,
            ..AppCount::default()
        }],
        ..CountsRecord::none("a:b".parse().unwrap())
    };
    let key = registry::counts_key(&counts.group);
    world.write(Write::Put(key, records::encode(&counts))).await;
    world.runs(world.apps());
    world.page_with("/", "1 other app").await;
    world
        .page_with("/groups/a:b", "<dt>Restarts</dt><dd>7</dd>")
        .await;
    let (_, status) = world.get("/api/v1/status").await;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["foreign"], 1, "{status}");
    assert_eq!(status["groups"][0]["restarts"], 7, "{status}");

    // Counts that cannot be read are no reason to show nothing else, or nothing.
    let key = registry::counts_key(&counts.group);
    world.write(Write::Put(key, b"{".to_vec().into())).await;
    world.cluster.foreign.lock().unwrap().clear();
    world.runs(world.apps());
    let gone = async {
        while world.get("/").await.1.contains("other app") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone)
        .await
        .expect("it looks");
    world
        .page_with("/groups/a:b", "<dt>Restarts</dt><dd>7</dd>")
        .await;
}
