//! The registrar's sampler: it falls behind, and the clock by which it writes jumps.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use theseus_core::cluster::{
    Accepted, Change, Cluster, ClusterError, ContainerId, EngineInfo, Events, Reading, Scope,
    Snapshot, Usage,
};
use theseus_core::registry::{Happening, Registrar};
use theseus_core::store::{Txn, Write, list_all};
use theseus_core::usage::{Point, Span, Subject, USAGE, history};
use theseus_tests::INGESTOR;
use tokio::time::sleep;

use super::world::{Running, World, answered};

const EVERY: Duration = Duration::from_secs(10);

/// A cluster that takes its time to tell what its containers use.
struct Metered {
    inner: Arc<dyn Cluster>,
    container: ContainerId,
    takes: Duration,
    under_way: AtomicUsize,
    most_at_once: AtomicUsize,
}

#[async_trait]
impl Cluster for Metered {
    async fn engine(&self) -> Result<EngineInfo, ClusterError> {
        self.inner.engine().await
    }

    async fn observe(&self, scope: &Scope) -> Result<Snapshot, ClusterError> {
        self.inner.observe(scope).await
    }

    async fn apply(&self, changes: &[Change]) -> Vec<Result<Accepted, ClusterError>> {
        self.inner.apply(changes).await
    }

    async fn events(&self) -> Result<Events, ClusterError> {
        self.inner.events().await
    }

    async fn usage(
        &self,
        _: Option<&std::collections::BTreeSet<Arc<str>>>,
    ) -> Result<Usage, ClusterError> {
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_at_once.fetch_max(under_way, Ordering::Relaxed);
        sleep(self.takes).await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        let reading = Reading {
            container: self.container.clone(),
            host: "h1".into(),
            at: None,
            cpu_seconds: None,
            cpu_limit: Some(1.0),
            throttled_seconds: None,
            memory: Some(7),
            memory_limit: Some(100),
        };
        Ok(Usage {
            readings: vec![reading],
            silent: Vec::new(),
        })
    }
}

/// A deployed group, the cluster that tells what its first container uses, and that container.
async fn metered(world: &World, takes: Duration) -> Arc<Metered> {
    world.site.deploy(INGESTOR).await;
    let engine = world.engine();
    let observed = engine.observe(&Scope::All).await.expect("it is there");
    let mut apps = observed.groups.values().flat_map(|state| &state.apps);
    let container = apps.next().expect("it runs").containers[0].id.clone();
    Arc::new(Metered {
        inner: Arc::new(world.site.client("one", answered(), Arc::default())),
        container,
        takes,
        under_way: AtomicUsize::new(0),
        most_at_once: AtomicUsize::new(0),
    })
}

#[tokio::test(start_paused = true)]
async fn a_sampler_that_falls_behind_lets_looks_go_by_and_keeps_nobody_waiting() {
    let world = World::new();
    let cluster = metered(&world, Duration::from_secs(35)).await;
    let (began, start) = (tokio::time::Instant::now(), world.site.now());
    let clock = move || start + SignedDuration::try_from(began.elapsed()).expect("not for ever");
    let registrar = Registrar::new(Arc::clone(&cluster) as _, world.store(), clock);
    let running = Running::start(registrar.sampling_every(EVERY));
    world.until_true().await;
    sleep(Duration::from_secs(200)).await;
    // While one look is slow, what happens is registered as soon as ever.
    world
        .site
        .deploy(&INGESTOR.replace("instances: 4", "instances: 6"))
        .await;
    assert!(world.until_true().await < Duration::from_secs(5));
    let told = running.told.lock().expect("nobody panics");
    let skipped: Vec<u64> = told
        .iter()
        .filter_map(|it| match it {
            Happening::Sampled { skipped, .. } => Some(*skipped),
            _ => None,
        })
        .collect();
    assert!(skipped.len() >= 4, "{skipped:?}");
    assert!(skipped.iter().all(|it| *it == 3), "{skipped:?}");
    assert_eq!(cluster.most_at_once.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_history_is_neither_lost_nor_without_bounds_where_the_clock_jumps() {
    const YEAR: i64 = 365 * 24 * 3600;
    let world = World::new();
    let cluster = metered(&world, Duration::ZERO).await;
    let ahead = Arc::new(AtomicI64::new(0));
    let (began, start, by) = (
        tokio::time::Instant::now(),
        world.site.now(),
        Arc::clone(&ahead),
    );
    let clock = move || {
        let passed = SignedDuration::try_from(began.elapsed()).expect("not for ever");
        start + passed + SignedDuration::from_secs(by.load(Ordering::Relaxed))
    };
    let store = world.store();
    // Left there long ago.
    let write = Write::Put("usage/fine/000000000300/groups/03".to_owned(), "{}".into());
    let txn = Txn {
        compares: Vec::new(),
        writes: vec![write],
    };
    store.commit(txn).await.expect("it is there");
    let subject = Subject::Container(cluster.container.clone());
    let registrar = Registrar::new(Arc::clone(&cluster) as _, Arc::clone(&store), clock.clone());
    let running = Running::start(registrar.sampling_every(EVERY));
    let points = async |now: Timestamp| -> Vec<Point> {
        let told = history(&*store, &subject, Span::Hour, now).await;
        told.expect("it can be read")
    };
    let blocks = async || -> Vec<i64> {
        let (entries, _) = list_all(&*store, USAGE).await.expect("it is there");
        let start = |key: &str| key.split('/').nth(2).and_then(|it| it.parse().ok());
        entries.iter().filter_map(|it| start(&it.key)).collect()
    };

    sleep(Duration::from_secs(16 * 60)).await;
    let before = points(clock()).await;
    assert!(before.len() >= 80, "{}", before.len());
    assert!(!blocks().await.contains(&300), "what is too old goes");

    // For some minutes it shows next year.
    ahead.store(YEAR, Ordering::Relaxed);
    sleep(Duration::from_secs(6 * 60)).await;
    ahead.store(0, Ordering::Relaxed);
    sleep(Duration::from_secs(60)).await;
    let after = points(clock()).await;
    let kept = before.iter().filter(|it| after.contains(it)).count();
    assert!(
        kept + 1 >= before.len(),
        "{kept} of {} are kept",
        before.len()
    );
    assert!(after.len() > before.len(), "and it goes on");

    // What was written next year goes once the clock is believed again.
    sleep(Duration::from_secs(20 * 60)).await;
    let now = clock().as_second();
    let blocks = blocks().await;
    assert!(blocks.iter().all(|start| *start <= now), "{blocks:?}");
    assert_eq!(
        running.count(|it| matches!(it, Happening::Unsampled { .. })),
        0
    );
}
