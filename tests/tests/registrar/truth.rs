//! What runs is what the registry holds, and keeping it so costs little.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use theseus_core::audit;
use theseus_core::cluster::ContainerState;
use theseus_core::records;
use theseus_core::registry::{CONTAINERS, ContainerRecord, Happening, REGISTRY, Registrar};
use theseus_core::store::{Store, Txn, Write, list_all};
use theseus_sandbox::{HostConfig, SandboxConfig};
use theseus_tests::simulated::{Fate, Fates, Simulated};
use theseus_tests::{INGESTOR, INGESTOR_REMOVE};
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use super::world::{LONG, Running, World, answered, until};

#[tokio::test(start_paused = true)]
async fn what_is_deployed_rolled_and_removed_is_registered_soon() {
    let world = World::new();
    let registrar = world.registrar("one");
    world.site.deploy(INGESTOR).await;
    assert!(world.until_true().await < Duration::from_millis(500));
    let held = world.held().await;
    assert_eq!(held.len(), 4);
    for record in held.values() {
        assert_eq!(record.revision, 1);
        assert_eq!(record.ports.keys().collect::<Vec<_>>(), ["ssh", "api"]);
        assert_eq!(record.container_ports["api"], 5000);
        assert_eq!(record.image.as_deref(), Some("54.189.193.228:5000/flask"));
        assert_eq!(Some(record.since), record.started_at);
        assert!(record.host.is_some() && record.ready);
    }
    assert_eq!(world.counts().await, [("ingestor:dev".to_owned(), 4, 4)]);

    world
        .site
        .deploy(&INGESTOR.replace("/flask", "/flask:2"))
        .await;
    assert!(world.until_true().await < Duration::from_millis(500));
    assert!(world.held().await.values().all(|it| it.revision == 2));

    world.site.deploy(INGESTOR_REMOVE).await;
    assert!(world.until_true().await < Duration::from_millis(500));
    assert_eq!(world.held().await.len(), 0);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(world.counts().await, [], "nobody knows the group any more");
    assert!(!registrar.task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn where_nothing_happens_nothing_is_written_and_little_is_asked() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    let registrar = world.registrar("one");
    world.until_true().await;
    sleep(Duration::from_secs(5)).await;
    let (looks, writes) = (registrar.looks(), registrar.writes());
    let (_, before) = list_all(&world.site.store, CONTAINERS)
        .await
        .expect("it is there");
    sleep(Duration::from_secs(900)).await;
    assert_eq!(registrar.writes(), writes);
    let more = registrar.looks() - looks;
    assert!(
        (4..=6).contains(&more),
        "{more} looks in a quarter of an hour"
    );
    let (entries, _) = list_all(&world.site.store, "").await.expect("it is there");
    let changed: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.modified > before)
        .map(|entry| entry.key.as_str())
        .collect();
    assert_eq!(changed, [REGISTRY], "only that it is still true");
    let said = world.word().await.expect("it is written");
    let age = world.site.now().duration_since(said.as_of);
    assert!(age <= SignedDuration::from_secs(31), "{age:#}");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_events_are_not_ten_thousand_looks() {
    let config = SandboxConfig {
        hosts: HostConfig::several(50),
        start_time: "2026-01-02T03:04:05Z".parse().expect("a time"),
        ..SandboxConfig::default()
    };
    let world = World {
        site: Simulated::with(config),
        streams: Arc::default(),
    };
    let groups: Vec<String> = (0..30)
        .map(|n| format!("{{labels: [g{n}], image: 'a:1', instances: 20, cpus: 0.01, mem: 1}}"))
        .collect();
    let registrar = world.registrar("one");
    let manifest = format!("deploy: {{web: [{}]}}", groups.join(", "));
    world.site.deploy(&manifest).await;
    world.until_true().await;
    let events = registrar.count(|it| matches!(it, Happening::Event));
    assert!(events >= 1200, "{events} events");
    let looks = registrar.looks();
    assert!(looks <= 60, "{looks} looks for {events} events");
}

#[tokio::test(start_paused = true)]
async fn of_an_app_that_is_not_understood_all_stays_registered_and_of_others_all_is_true() {
    let world = World::new();
    let group = |name, instances: u32| {
        format!(
            "{name}: {{labels: [dev], image: 'a:1', instances: {instances}, cpus: 0.1, mem: 32}}"
        )
    };
    let both = format!("deploy: {{{}, {}}}", group("web", 2), group("db", 1));
    world.site.deploy(&both).await;
    let flag = Arc::new(AtomicBool::new(false));
    let nonsense = || {
        let flag = Arc::clone(&flag);
        let fates: Fates = Arc::new(move |_, sent| {
            let is_spoiled = sent.what.starts_with("GET /v2/apps") && flag.load(Ordering::Relaxed);
            if is_spoiled {
                Fate::Nonsense("/theseus/web/dev/r1")
            } else {
                Fate::Answered
            }
        });
        fates
    };
    let start = |by| Running::start(world.registrar_over(by, world.store(), nonsense()));
    let first = start("one");
    world.until_true().await;
    let of = |held: BTreeMap<String, ContainerRecord>, name: &str| {
        let records = held.into_values();
        let records = records.filter(|it| it.group.service.as_str() == name);
        records.collect::<Vec<_>>()
    };
    let web = of(world.held().await, "web");
    assert_eq!(web.len(), 2);

    // Meanwhile one of its containers fails, and the other group grows.
    flag.store(true, Ordering::Relaxed);
    assert!(world.site.sandbox.fail_task(&web[0].id.0, "oops"));
    world
        .site
        .deploy(&format!("deploy: {{{}}}", group("db", 3)))
        .await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(of(world.held().await, "db").len(), 3);
    // However often everything is looked at, and by whomever.
    sleep(Duration::from_secs(600)).await;
    assert_eq!(of(world.held().await, "web"), web);
    first.kill();
    let second = start("two");
    sleep(Duration::from_secs(600)).await;
    assert!(second.leads());
    assert_eq!(of(world.held().await, "web"), web);
    assert_eq!(
        world.counts().await,
        [("db:dev".to_owned(), 3, 3), ("web:dev".to_owned(), 2, 2)]
    );

    flag.store(false, Ordering::Relaxed);
    assert!(world.until_true().await < Duration::from_secs(5));
    assert_ne!(of(world.held().await, "web"), web);
}

#[tokio::test(start_paused = true)]
async fn ghosts_of_all_kinds_go() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    let ghosts = [
        // Of a group that is deployed, of one that is not, of no group at all, and nonsense.
        "containers/ingestor/dev/a-former-one",
        "containers/of/another.cluster/t%2F1",
        "containers/ingestor",
        "containers/ingestor/dev,canary/unsorted",
        "counts/of/another.cluster",
        "counts/nonsense",
    ];
    for key in ghosts {
        let txn = Txn {
            compares: Vec::new(),
            writes: vec![Write::Put(key.to_owned(), Bytes::from_static(b"{\"v\":1}"))],
        };
        world.site.store.commit(txn).await.expect("it is there");
    }
    let _registrar = world.registrar("one");
    // What cannot even be read is not looked at by `until_true`.
    sleep(Duration::from_secs(3)).await;
    for key in ghosts {
        assert_eq!(
            world.site.store.get(key).await.expect("it is there"),
            None,
            "{key}"
        );
    }
    assert!(world.is_true().await);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_reached_is_shown_so_with_since_when() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    // Marathon is to wait before it forgets what it does not hear of.
    let patient =
        r#"{"unreachableStrategy":{"inactiveAfterSeconds":300,"expungeAfterSeconds":600}}"#;
    let request = Request::put("/v2/apps//theseus/ingestor/dev/r1").body(Body::from(patient));
    let answer = world
        .site
        .sandbox
        .router()
        .oneshot(request.expect("a request"))
        .await;
    assert_eq!(answer.expect("it answers").status(), 200);
    sleep(Duration::from_secs(60)).await;
    let _registrar = world.registrar("one");
    world.until_true().await;
    let lost = world.held().await.into_values().next().expect("it runs");
    let host = lost.host.clone().expect("it is placed");
    let before = world.site.now();
    world.site.sandbox.lose_host(&host);
    let is_unreachable = async {
        loop {
            if let Some(record) = world.held().await.get(&lost.id.0)
                && record.state == ContainerState::Unreachable
            {
                return record.clone();
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let record = timeout(LONG, is_unreachable).await.expect("it is shown");
    assert!(!record.ready);
    assert!(before <= record.since && record.since <= world.site.now());
    // However long it takes, since when stays.
    sleep(Duration::from_secs(30)).await;
    if let Some(later) = world.held().await.get(&lost.id.0) {
        assert_eq!(later.since, record.since);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_changes_nothing() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    let jumped = Arc::new(AtomicBool::new(false));
    let has_jumped = Arc::clone(&jumped);
    let start = world.site.now();
    let clock = move || -> Timestamp {
        if has_jumped.load(Ordering::Relaxed) {
            start - SignedDuration::from_hours(24 * 400)
        } else {
            start
        }
    };
    let cluster = Arc::new(world.site.client("one", answered(), Arc::default()));
    let _registrar = Running::start(Registrar::new(cluster, world.store(), clock));
    world.until_true().await;
    let held = world.held().await;
    jumped.store(true, Ordering::Relaxed);
    sleep(Duration::from_secs(400)).await;
    assert_eq!(world.held().await, held);
}

#[tokio::test(start_paused = true)]
async fn the_audit_trail_is_kept_within_its_bounds() {
    const MORE: i64 = 7;
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    let store = world.store();
    let (before, _) = list_all(&*store, audit::AUDIT).await.expect("it is there");
    let long_ago = |second: i64| audit::AuditRecord {
        at: Timestamp::from_second(second).expect("a time"),
        by: "ana@ci-7".to_owned(),
        group: "web:dev".parse().expect("a group"),
        deed: audit::Deed::Restart,
        action: None,
        revision: None,
        outcome: audit::Outcome::TurnedBack,
        reason: None,
    };
    let kept = i64::try_from(audit::KEPT).expect("not so many");
    let planted = kept + MORE - i64::try_from(before.len()).expect("few");
    let writes: Vec<_> = (0..planted)
        .map(|second| long_ago(second).write())
        .collect();
    for some in writes.chunks(100) {
        let txn = Txn {
            compares: Vec::new(),
            writes: some.to_vec(),
        };
        store.commit(txn).await.expect("it is there");
    }
    let registrar = world.registrar("one");
    until("it is pruned", || {
        registrar.count(|it| matches!(it, Happening::Pruned { .. })) > 0
    })
    .await;
    let (after, _) = list_all(&*store, audit::AUDIT).await.expect("it is there");
    assert_eq!(after.len(), audit::KEPT);
    assert_eq!(
        after[after.len() - before.len()..],
        before[..],
        "the latest are kept"
    );
    let oldest: audit::AuditRecord = records::decode(&after[0]).expect("a record").record;
    assert_eq!(oldest.at.as_second(), MORE, "and the oldest are not");
}
