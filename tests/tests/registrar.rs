//! The registrar over the sandbox, on simulated time: what runs is what the registry holds, whatever
//! happens to the cluster, the store, the events and the registrars themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use theseus_core::cluster::{ContainerState, Scope};
use theseus_core::engine::Engine;
use theseus_core::records;
use theseus_core::registry::{
    self, CONTAINERS, COUNTS, Change, ContainerRecord, CountsRecord, Guest, Happening,
    REGISTRAR_LOCK, REGISTRY, Registrar, RegistryRecord, Tell,
};
use theseus_core::store::{
    Entry, Lease, Listing, Page, Revision, Store, StoreError, Txn, Watched, Write, list_all,
};
use theseus_sandbox::{HostConfig, SandboxConfig};
use theseus_store::MemoryStore;
use theseus_tests::simulated::{Fate, Fates, Simulated, Streams};
use theseus_tests::{INGESTOR, INGESTOR_REMOVE};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt as _;

/// How long anything may take, in simulated time.
const LONG: Duration = Duration::from_secs(600);

fn answered() -> Fates {
    Arc::new(|_, _| Fate::Answered)
}

/// A registrar that runs, and all that it told.
struct Running {
    told: Arc<Mutex<Vec<Happening>>>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(registrar: Registrar) -> Self {
        let told: Arc<Mutex<Vec<Happening>>> = Arc::default();
        let to = Arc::clone(&told);
        let task = tokio::spawn(async move {
            let tell: Tell<'_> =
                &move |happening| to.lock().expect("nobody panics").push(happening);
            registrar.run(tell, std::future::pending()).await;
        });
        Self { told, task }
    }

    fn count(&self, is_meant: impl Fn(&Happening) -> bool) -> usize {
        let told = self.told.lock().expect("nobody panics");
        told.iter().filter(|it| is_meant(it)).count()
    }

    fn looks(&self) -> usize {
        self.count(|it| matches!(it, Happening::Looked { .. }))
    }

    fn leads(&self) -> bool {
        self.count(|it| matches!(it, Happening::Leads)) > 0
    }

    fn writes(&self) -> usize {
        let told = self.told.lock().expect("nobody panics");
        let writes = told.iter().map(|it| match it {
            Happening::Settled(settled) => settled.writes,
            _ => 0,
        });
        writes.sum()
    }

    /// As when its process is killed.
    fn kill(&self) {
        self.task.abort();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A cluster, and registrars for it.
struct World {
    site: Simulated,
    streams: Arc<Streams>,
}

impl World {
    fn new() -> Self {
        Self {
            site: Simulated::new(5),
            streams: Arc::default(),
        }
    }

    fn registrar_over(&self, by: &str, store: Arc<dyn Store>, fates: Fates) -> Registrar {
        let cluster = Arc::new(self.site.client(by, fates, Arc::clone(&self.streams)));
        let began = Instant::now();
        let start = self.site.now();
        let clock =
            move || start + SignedDuration::try_from(began.elapsed()).expect("not an eternity");
        Registrar::new(cluster, store, clock).in_the_name_of(by)
    }

    fn registrar(&self, by: &str) -> Running {
        Running::start(self.registrar_over(by, self.store(), answered()))
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.site.store.clone())
    }

    fn engine(&self) -> Engine {
        self.site.engine()
    }

    /// What the registry holds.
    async fn held(&self) -> BTreeMap<String, ContainerRecord> {
        let (entries, _) = list_all(&self.site.store, CONTAINERS)
            .await
            .expect("it is there");
        let read = |entry: &Entry| {
            let record: ContainerRecord = records::decode(entry).expect("a record").record;
            assert_eq!(
                entry.key,
                registry::container_key(&record.group, &record.id)
            );
            (record.id.0.clone(), record)
        };
        entries.iter().map(read).collect()
    }

    async fn counts(&self) -> Vec<(String, u32, u32)> {
        let (entries, _) = list_all(&self.site.store, COUNTS)
            .await
            .expect("it is there");
        let read = |entry: &Entry| {
            let record: CountsRecord = records::decode(entry).expect("a record").record;
            (record.group.to_string(), record.running, record.healthy)
        };
        entries.iter().map(read).collect()
    }

    /// Whether the registry holds what runs, and nothing else.
    async fn is_true(&self) -> bool {
        let observed = self
            .engine()
            .observe(&Scope::All)
            .await
            .expect("it is there");
        let apps = observed.groups.values().flat_map(|state| &state.apps);
        let running: BTreeSet<_> = apps
            .flat_map(|app| app.containers.iter().map(move |it| (app, it)))
            .filter(|(_, it)| it.state != ContainerState::Ended)
            .map(|(app, it)| {
                (
                    it.id.0.clone(),
                    it.state,
                    it.health,
                    it.host.clone(),
                    app.is_served_by(it),
                )
            })
            .collect();
        let held: BTreeSet<_> = self
            .held()
            .await
            .into_values()
            .map(|it| (it.id.0, it.state, it.health, it.host, it.ready))
            .collect();
        let counted: u32 = self
            .counts()
            .await
            .iter()
            .map(|(_, _, healthy)| healthy)
            .sum();
        let ready = running.iter().filter(|it| it.4).count();
        running == held && counted as usize == ready
    }

    /// Waits until the registry holds what runs; says how long that took.
    async fn until_true(&self) -> Duration {
        let began = Instant::now();
        let settled = async {
            let mut pause = Duration::from_millis(20);
            while !self.is_true().await {
                sleep(pause).await;
                if began.elapsed() > Duration::from_secs(1) {
                    pause = Duration::from_millis(500);
                }
            }
        };
        let is_settled = timeout(LONG, settled).await.is_ok();
        assert!(
            is_settled,
            "the registry stays untrue: {:#?}",
            self.held().await
        );
        began.elapsed()
    }

    async fn word(&self) -> Option<RegistryRecord> {
        let entry = self.site.store.get(REGISTRY).await.expect("it is there")?;
        Some(records::decode(&entry).expect("a record").record)
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(LONG, waited).await.is_ok(), "never: {what}");
}

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
async fn one_that_dies_is_replaced_within_ten_seconds() {
    let world = World::new();
    let first = world.registrar("first");
    until("the first leads", || first.leads()).await;
    let second = world.registrar("second");
    world.site.deploy(INGESTOR).await;
    world.until_true().await;
    assert!(!second.leads());
    first.kill();
    let began = Instant::now();
    // What happens meanwhile is not lost.
    world
        .site
        .deploy(&INGESTOR.replace("instances: 4", "instances: 2"))
        .await;
    until("the second leads", || second.leads()).await;
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    world.until_true().await;
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(world.held().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_stops_lets_the_other_lead_at_once() {
    let world = World::new();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let first = world.registrar_over("first", world.store(), answered());
    let task = tokio::spawn(async move {
        first
            .run(&|_| (), async {
                let _ = stopped.await;
            })
            .await;
    });
    sleep(Duration::from_secs(2)).await;
    let second = world.registrar("second");
    sleep(Duration::from_secs(2)).await;
    assert!(!second.leads());
    let began = Instant::now();
    drop(stop);
    task.await.expect("it ends");
    until("the second leads", || second.leads()).await;
    assert!(
        began.elapsed() <= Duration::from_millis(1100),
        "{:?}",
        began.elapsed()
    );
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
async fn cuts_and_silence_of_the_events_are_made_up_for() {
    let world = World::new();
    let registrar = world.registrar("one");
    world.site.deploy(INGESTOR).await;
    world.until_true().await;
    world.streams.silence(true);
    world
        .site
        .deploy(&INGESTOR.replace("instances: 4", "instances: 7"))
        .await;
    world.streams.cut();
    world.streams.silence(false);
    assert!(world.until_true().await < Duration::from_secs(15));
    assert_eq!(world.held().await.len(), 7);
    let attached = || registrar.count(|it| matches!(it, Happening::Attached));
    until("it is attached again", || attached() >= 2).await;
}

#[tokio::test(start_paused = true)]
async fn while_the_cluster_is_away_the_registry_stays_and_says_so() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    let away = Arc::new(AtomicBool::new(false));
    let is_away = Arc::clone(&away);
    let fates: Fates = Arc::new(move |_, _| {
        if is_away.load(Ordering::Relaxed) {
            Fate::Refused
        } else {
            Fate::Answered
        }
    });
    let registrar = Running::start(world.registrar_over("one", world.store(), fates));
    world.until_true().await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(world.word().await.expect("it is written").trouble, None);
    let held = world.held().await;
    away.store(true, Ordering::Relaxed);
    world.streams.cut();
    sleep(Duration::from_secs(120)).await;
    assert_eq!(world.held().await, held, "nothing was seen to go");
    let said = world.word().await.expect("it is written");
    assert!(said.trouble.is_some(), "{said:?}");
    let age = world.site.now().duration_since(said.as_of);
    assert!(age > SignedDuration::from_secs(60), "{age:#}");
    away.store(false, Ordering::Relaxed);
    world
        .site
        .deploy(&INGESTOR.replace("instances: 4", "instances: 5"))
        .await;
    world.until_true().await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(world.word().await.expect("it is written").trouble, None);
    assert!(registrar.leads());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_forgets_a_deployed_group_is_not_believed_at_once() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    // For some seconds it answers as one that has nothing.
    let empty = Arc::new(AtomicBool::new(false));
    let is_empty = Arc::clone(&empty);
    let fates: Fates = Arc::new(move |_, sent| {
        let is_list = sent.what.starts_with("GET /v2/apps");
        if is_list && is_empty.load(Ordering::Relaxed) {
            Fate::Body(br#"{"apps":[]}"#)
        } else {
            Fate::Answered
        }
    });
    let registrar = Running::start(world.registrar_over("one", world.store(), fates));
    world.until_true().await;
    sleep(Duration::from_secs(3)).await;
    let held = world.held().await;
    empty.store(true, Ordering::Relaxed);
    let looks = registrar.looks();
    world.streams.cut();
    until("it looks again", || registrar.looks() > looks).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(world.held().await, held, "it may be mistaken");
    empty.store(false, Ordering::Relaxed);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(world.held().await, held);
    // Said for long enough, it is believed.
    empty.store(true, Ordering::Relaxed);
    world.streams.cut();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(world.held().await.len(), 0);
}

/// A store whose writes fail as they are told to, and which counts them.
struct Troubled {
    inner: MemoryStore,
    /// What becomes of the commit of this number.
    fate: Box<dyn Fn(usize) -> Wrong + Send + Sync>,
    /// After how much every watch of it ends.
    watched: usize,
    commits: AtomicUsize,
}

#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    Nothing,
    /// It is not reached.
    Away,
    /// It is not heard of again, and was not carried out.
    Lost,
    /// It is not heard of again, and was carried out.
    Unheard,
    /// The process ends there: nothing comes after it.
    Dead,
    /// The lock has passed to somebody else.
    Fenced,
}

impl Troubled {
    fn new(inner: &MemoryStore, fate: impl Fn(usize) -> Wrong + Send + Sync + 'static) -> Self {
        Self {
            inner: inner.clone(),
            fate: Box::new(fate),
            watched: usize::MAX,
            commits: AtomicUsize::new(0),
        }
    }

    fn unclear(&self) -> StoreError {
        StoreError::Unclear {
            address: self.address(),
            source: "it did not answer".into(),
        }
    }
}

#[async_trait]
impl Store for Troubled {
    fn max_txn_operations(&self) -> usize {
        // Few, so that there are many.
        3
    }

    fn address(&self) -> String {
        "trouble".to_owned()
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.inner.get(key).await
    }

    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, StoreError> {
        self.inner.list(prefix, page).await
    }

    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        let number = self.commits.fetch_add(1, Ordering::Relaxed);
        match (self.fate)(number) {
            Wrong::Nothing => self.inner.commit(txn).await,
            Wrong::Away => Err(StoreError::Unreachable {
                address: self.address(),
                source: "it is away".into(),
            }),
            Wrong::Lost => Err(self.unclear()),
            Wrong::Unheard => {
                self.inner.commit(txn).await?;
                Err(self.unclear())
            }
            Wrong::Dead => std::future::pending().await,
            Wrong::Fenced => Err(StoreError::Conflict {
                key: REGISTRAR_LOCK.to_owned(),
            }),
        }
    }

    async fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<BoxStream<'static, Result<Watched, StoreError>>, StoreError> {
        let watch = self.inner.watch(prefix, after).await?;
        Ok(watch.take(self.watched).boxed())
    }

    async fn lock(&self, key: &str, holder: Bytes, ttl: Duration) -> Result<Lease, StoreError> {
        self.inner.lock(key, holder, ttl).await
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        self.inner.renew(lease).await
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.inner.release(lease).await
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_becomes_of_each_write_the_registry_comes_true() {
    for wrong in [Wrong::Away, Wrong::Lost, Wrong::Unheard] {
        for number in 0..12 {
            let world = World::new();
            world.site.deploy(INGESTOR).await;
            let troubled = Troubled::new(&world.site.store, move |n| {
                if n == number { wrong } else { Wrong::Nothing }
            });
            let _registrar =
                Running::start(world.registrar_over("one", Arc::new(troubled), answered()));
            world.until_true().await;
            world
                .site
                .deploy(&INGESTOR.replace("instances: 4", "instances: 2"))
                .await;
            world.until_true().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_each_write_another_one_finishes() {
    for number in 0..12 {
        let world = World::new();
        world.site.deploy(INGESTOR).await;
        let troubled = Troubled::new(&world.site.store, move |n| {
            if n >= number {
                Wrong::Dead
            } else {
                Wrong::Nothing
            }
        });
        let first = Running::start(world.registrar_over("first", Arc::new(troubled), answered()));
        sleep(Duration::from_secs(3)).await;
        first.kill();
        world
            .site
            .deploy(&INGESTOR.replace("/flask", "/flask:2"))
            .await;
        let second = world.registrar("second");
        until("the second leads", || second.leads()).await;
        world.until_true().await;
        assert!(world.held().await.values().all(|it| it.revision == 2));
    }
}

#[tokio::test(start_paused = true)]
async fn one_whose_lock_passed_on_stops_at_once() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    let troubled = Arc::new(Troubled::new(&world.site.store, |n| {
        if n == 2 {
            Wrong::Fenced
        } else {
            Wrong::Nothing
        }
    }));
    let store: Arc<dyn Store> = Arc::clone(&troubled) as _;
    let registrar = Running::start(world.registrar_over("one", store, answered()));
    let has_yielded = || registrar.count(|it| matches!(it, Happening::Yielded { .. })) > 0;
    until("it yields", has_yielded).await;
    // Those that were under way with it, and no more: it stands by first.
    assert!(troubled.commits.load(Ordering::Relaxed) <= 6);
    world.until_true().await;
    assert_eq!(registrar.count(|it| matches!(it, Happening::Leads)), 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_gone_for_a_minute_is_waited_for() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    let began = Instant::now();
    let troubled = Troubled::new(&world.site.store, move |_| {
        let minute = Duration::from_secs(5)..Duration::from_secs(65);
        if minute.contains(&began.elapsed()) {
            Wrong::Away
        } else {
            Wrong::Nothing
        }
    });
    let registrar = Running::start(world.registrar_over("one", Arc::new(troubled), answered()));
    world.until_true().await;
    sleep(Duration::from_secs(6)).await;
    world
        .site
        .deploy(&INGESTOR.replace("instances: 4", "instances: 6"))
        .await;
    world.until_true().await;
    assert!(
        began.elapsed() < Duration::from_secs(80),
        "{:?}",
        began.elapsed()
    );
    assert!(registrar.count(|it| matches!(it, Happening::Trouble { with: "store", .. })) > 0);
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
async fn a_process_inside_a_container_finds_itself_and_the_others() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    let _registrar = world.registrar("one");
    world.until_true().await;
    let me = world.held().await.into_values().next().expect("it runs");
    let variables = [
        ("SERVICE_NAME", "ingestor"),
        ("THESEUS_GROUP", "ingestor:dev"),
        ("THESEUS_REVISION", "1"),
        ("MESOS_TASK_ID", &me.id.0),
        ("WATCHES", "ingestor"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let guest = Guest::new(world.store(), variables.clone());
    let service = guest.get_service_name().expect("it is set");
    assert_eq!(guest.get_port("api").await.expect("it has one"), 5000);
    let missing = guest.get_port("web").await.expect_err("it has none");
    assert!(
        missing.to_string().ends_with("has no port \"web\""),
        "{missing}"
    );
    let id = guest.get_container_name().expect("it is set");
    let outer = guest.get_specific_port(&service, &id, "api").await;
    assert_eq!(outer.expect("it has one"), me.ports["api"]);
    let inner = guest.get_specific_exposed_port(&service, &id, "ssh").await;
    assert_eq!(inner.expect("it has one"), 22);
    assert_eq!(guest.get_specific_host(&service, &id).await.ok(), me.host);

    let dev = ["dev".parse().expect("a label")];
    let nodes = guest
        .get_node_list(&service, &["ssh", "api"], &dev, 4)
        .await;
    let nodes = nodes.expect("there are four");
    let host = me.host.as_deref().expect("it is placed");
    assert!(nodes.contains(&format!("{host}:{}:{}", me.ports["ssh"], me.ports["api"])));
    let too_few = guest
        .get_node_list(&service, &[], &dev, 5)
        .await
        .expect_err("there are four");
    assert_eq!(
        too_few.to_string(),
        "ingestor has 4 containers that do their work, and 5 are needed"
    );
    let other = ["prod".parse().expect("a label")];
    let nodes = guest.get_node_list(&service, &[], &other, 0).await;
    assert_eq!(nodes.expect("none is fine"), [""; 0]);

    // One that the registry does not know yet is told from another one of its revision.
    let newcomer = variables.map(|(name, value)| match name.as_str() {
        "MESOS_TASK_ID" => (name, "a-new-one".to_owned()),
        _ => (name, value),
    });
    let newcomer = Guest::new(world.store(), newcomer);
    assert_eq!(newcomer.get_port("api").await.expect("it has one"), 5000);
}

#[tokio::test(start_paused = true)]
async fn who_follows_sees_every_change_however_often_the_watch_breaks() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    let _registrar = world.registrar("one");
    world.until_true().await;
    let breaking = Troubled {
        watched: 2,
        ..Troubled::new(&world.site.store, |_| Wrong::Nothing)
    };
    let mut watch = registry::watch(
        Arc::new(breaking),
        &["ingestor".parse().expect("a service")],
    );
    let mut up = BTreeSet::new();
    let mut follow = |changes: Vec<Change>| {
        for change in changes {
            match change {
                Change::Up(record) => assert!(up.insert(record.id)),
                Change::Changed(record) => assert!(up.contains(&record.id)),
                Change::Down(record) => assert!(up.remove(&record.id)),
            }
        }
        up.clone()
    };
    let first = watch.next().await.expect("it is there");
    assert_eq!(follow(first).len(), 4);
    world
        .site
        .deploy(&INGESTOR.replace("/flask", "/flask:2"))
        .await;
    world.until_true().await;
    let ready = world.held().await.into_values().filter(|it| it.ready);
    let ready: BTreeSet<_> = ready.map(|it| it.id).collect();
    let followed = async {
        loop {
            let changes = watch.next().await.expect("it is there");
            if follow(changes) == ready {
                return;
            }
        }
    };
    timeout(LONG, followed).await.expect("it is seen");
    let held: BTreeSet<_> = watch.containers().map(|it| it.id.clone()).collect();
    assert_eq!(held, ready);
}
