//! What containers use, from the sandbox's agents by way of a registrar into the store, and back.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use theseus_core::cluster::{Cluster as _, Scope};
use theseus_core::engine::{Engine, Options, Outcome};
use theseus_core::registry::Registrar;
use theseus_core::store::{Store, list_all};
use theseus_core::usage::{By, Point, Span, Subject, USAGE, history, latest};
use theseus_sandbox::SandboxServer;
use theseus_store::testing::EtcdServer;
use theseus_store::{EtcdConfig, EtcdStore, MemoryStore, SqliteStore};
use theseus_tests::world::{marathon, pace};
use theseus_tests::{INGESTOR, PATIENCE, desired};
use tokio::time::{sleep, timeout};

async fn points(store: &dyn Store, subject: &Subject, span: Span) -> Vec<Point> {
    let told = history(store, subject, span, Timestamp::now()).await;
    told.expect("it can be read")
}

/// Waits until it is told of a subject how busy it is and how much memory it holds.
async fn until_told(store: &dyn Store, subject: &Subject, span: Span) -> Vec<Point> {
    let told = async {
        loop {
            let told = points(store, subject, span).await;
            let is_full = |it: &Point| it.cpu.is_some() && it.memory.is_some();
            if told.iter().any(is_full) {
                return told;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, told).await.expect("it is told")
}

/// What happens over any store.
async fn story(store: Arc<dyn Store>) {
    let server = SandboxServer::start(pace(), "127.0.0.1:0").await;
    let server = server.expect("a free port");
    let cluster = Arc::new(marathon(&server.url()));
    let engine = Engine::new(cluster.clone(), store.clone(), Timestamp::now);
    let plan = engine.plan(&desired(INGESTOR)).await.expect("it is there");
    let (options, to_the_end) = (Options::default(), std::future::pending());
    let done = engine.carry_out(&plan, &options, &|_| (), to_the_end);
    let report = done.await.expect("it is there");
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");

    let snapshot = cluster.observe(&Scope::All).await.expect("it is there");
    let container = &snapshot.apps[0].containers[0];
    let host = container.host.clone().expect("it is placed");
    let group = Subject::Group(snapshot.apps[0].group.clone());

    let registrar = Registrar::new(cluster.clone(), store.clone(), Timestamp::now)
        .sampling_every(Duration::from_secs(1));
    let running = registrar.clone();
    let task = tokio::spawn(async move { running.run(&|_| (), std::future::pending()).await });
    let whole = until_told(&*store, &group, Span::Hour).await;
    until_told(&*store, &Subject::Host(host), Span::Hour).await;
    let own = Subject::Container(container.id.clone());
    let own = until_told(&*store, &own, Span::Hour).await;
    let last = latest(&*store, By::Group, Timestamp::now()).await;
    let last = last.expect("it can be read");
    assert!(last.contains_key(&group.to_string()), "{last:?}");
    let limit = |points: &[Point]| points.last().and_then(|it| it.memory_limit);
    assert!(limit(&whole) > limit(&own), "it has more than one");
    until_told(&*store, &group, Span::Week).await;
    let nobody = Subject::Host("nobody".into());
    assert_eq!(points(&*store, &nobody, Span::Hour).await, []);
    task.abort();
    let (kept, _) = list_all(&*store, USAGE).await.expect("it is there");
    assert!(kept.len() <= 4 * 48, "{} records", kept.len());

    // Whoever takes over goes on where the other was.
    let running = registrar.clone();
    let task = tokio::spawn(async move { running.run(&|_| (), std::future::pending()).await });
    let grows = async {
        let seen = points(&*store, &group, Span::Hour).await.len();
        while points(&*store, &group, Span::Hour).await.len() <= seen {
            sleep(Duration::from_millis(50)).await;
        }
        seen
    };
    let seen = timeout(PATIENCE * 3, grows).await.expect("it goes on");
    assert!(seen >= whole.len());
    task.abort();
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_in_memory() {
    story(Arc::new(MemoryStore::default())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_in_a_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(directory.path().join("theseus.db")).await;
    story(Arc::new(store.expect("a file"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd"]
async fn a_history_in_etcd() {
    let etcd = EtcdServer::start();
    let store = EtcdStore::connect(EtcdConfig::new(vec![etcd.endpoint().to_owned()])).await;
    story(Arc::new(store.expect("it answers"))).await;
}
