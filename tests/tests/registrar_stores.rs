//! Two registrars over a sandbox with sockets, and over stores as they are in the field: one leads,
//! the other takes over, and what is registered is what runs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use theseus_core::engine::{Engine, Options, Outcome};
use theseus_core::registry::{self, Happening, Registrar, Tell};
use theseus_core::store::{Store, StoreError};
use theseus_sandbox::SandboxServer;
use theseus_store::testing::EtcdServer;
use theseus_store::{EtcdConfig, EtcdStore, SqliteStore};
use theseus_tests::world::{marathon, pace};
use theseus_tests::{INGESTOR, INGESTOR_REMOVE, PATIENCE, desired};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// A cluster, and the engine over it and a store.
struct World {
    server: SandboxServer,
    engine: Engine,
}

impl World {
    async fn with(store: Arc<dyn Store>) -> Self {
        let server = SandboxServer::start(pace(), "127.0.0.1:0").await;
        let server = server.expect("a free port");
        let cluster = Arc::new(marathon(&server.url()));
        Self {
            engine: Engine::new(cluster, store, Timestamp::now),
            server,
        }
    }

    async fn deploy(&self, manifest: &str) {
        let plan = self.engine.plan(&desired(manifest)).await;
        let plan = plan.expect("it is there");
        let (options, to_the_end) = (Options::default(), std::future::pending());
        let done = self.engine.carry_out(&plan, &options, &|_| (), to_the_end);
        let report = done.await.expect("it is there");
        assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    }
}

struct Running {
    leads: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(world: &World, store: Arc<dyn Store>, by: &str) -> Self {
        let cluster = Arc::new(marathon(&world.server.url()));
        let registrar = Registrar::new(cluster, store, Timestamp::now).in_the_name_of(by);
        let leads = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&leads);
        let task = tokio::spawn(async move {
            let tell: Tell<'_> = &move |happening| match happening {
                Happening::Leads => told.store(true, Ordering::Relaxed),
                Happening::Yielded { .. } => told.store(false, Ordering::Relaxed),
                _ => {}
            };
            registrar.run(tell, std::future::pending()).await;
        });
        Self { leads, task }
    }

    async fn until_it_leads(&self) {
        let leads = async {
            while !self.leads.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, leads).await.expect("it leads");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until so many containers of the group are registered, all of this revision.
async fn until_registered(store: &dyn Store, count: usize, revision: u32) {
    let group = ["ingestor:dev".parse().expect("a group")];
    let registered = async {
        loop {
            if let Ok(found) = registry::containers(store, &group).await
                && found.len() == count
                && found.iter().all(|it| it.revision == revision)
            {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, registered)
        .await
        .expect("it is registered");
}

/// What happens over any store; each of the stores is a connection of its own.
async fn story(stores: [Arc<dyn Store>; 3], trouble: impl AsyncFnOnce()) {
    let [one, other, third] = stores;
    let world = World::with(Arc::clone(&third)).await;
    let first = Running::start(&world, one, "first");
    first.until_it_leads().await;
    let second = Running::start(&world, other, "second");
    world.deploy(INGESTOR).await;
    until_registered(&*third, 4, 1).await;
    assert!(!second.leads.load(Ordering::Relaxed));

    // Killed: nothing is given up.
    first.task.abort();
    let killed = Instant::now();
    world.deploy(&INGESTOR.replace("/flask", "/flask:2")).await;
    second.until_it_leads().await;
    assert!(
        killed.elapsed() < Duration::from_secs(10),
        "{:?}",
        killed.elapsed()
    );
    until_registered(&*third, 4, 2).await;

    trouble().await;
    world
        .deploy(
            &INGESTOR
                .replace("/flask", "/flask:2")
                .replace("instances: 4", "instances: 6"),
        )
        .await;
    until_registered(&*third, 6, 2).await;
    world.deploy(INGESTOR_REMOVE).await;
    until_registered(&*third, 0, 2).await;
    let standing = registry::standing(&*third).await.expect("it is there");
    assert!(standing.is_kept(), "{standing:?}");
}

async fn sqlite(directory: &Path) -> Arc<dyn Store> {
    let store = SqliteStore::open(directory.join("theseus.db")).await;
    Arc::new(store.expect("a file"))
}

#[tokio::test]
async fn over_a_file_that_several_have_open() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let stores = [sqlite(path).await, sqlite(path).await, sqlite(path).await];
    story(stores, async || ()).await;
}

async fn etcd(server: &EtcdServer) -> Arc<dyn Store> {
    let config = EtcdConfig::new(vec![server.endpoint().to_owned()]);
    let store = EtcdStore::connect(config).await;
    Arc::new(store.expect("it serves"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs etcd"]
async fn over_etcd_which_goes_for_a_while() {
    let mut server = EtcdServer::start();
    let stores = [
        etcd(&server).await,
        etcd(&server).await,
        etcd(&server).await,
    ];
    story(stores, async || {
        server.kill();
        sleep(Duration::from_secs(8)).await;
        server.restart();
    })
    .await;
}

/// A store that knows all of these servers.
async fn etcds(servers: &[EtcdServer]) -> Arc<dyn Store> {
    let config = EtcdConfig::new(servers.iter().map(EtcdServer::endpoint));
    let store = EtcdStore::connect(config).await;
    Arc::new(store.expect("they serve"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs etcd"]
async fn over_three_etcds_that_lose_one_after_another_and_then_all() {
    let mut servers = EtcdServer::start_cluster(3);
    let store = etcds(&servers).await;
    let world = World::with(Arc::clone(&store)).await;
    let registrar = Running::start(&world, etcds(&servers).await, "one");
    registrar.until_it_leads().await;
    let deployed = async |instances: usize| {
        let manifest = INGESTOR.replace("instances: 4", &format!("instances: {instances}"));
        world.deploy(&manifest).await;
        until_registered(&*store, instances, 1).await;
    };
    deployed(4).await;
    // One of them is the leader.
    for (victim, instances) in [(0, 5), (1, 3), (2, 6)] {
        servers[victim].kill();
        deployed(instances).await;
        servers[victim].restart();
    }
    // All of them are gone until whoever asks has been refused twice: longer than the lock is held.
    servers.iter_mut().for_each(EtcdServer::kill);
    for _ in 0..2 {
        let told = store.get(registry::REGISTRY).await;
        assert!(
            matches!(told, Err(StoreError::Unreachable { .. })),
            "{told:?}"
        );
    }
    std::thread::scope(|scope| {
        for server in &mut servers {
            scope.spawn(|| server.restart());
        }
    });
    until_registered(&*store, 6, 1).await;
    deployed(2).await;
    let standing = registry::standing(&*store).await.expect("it is there");
    assert!(standing.is_kept(), "{standing:?}");
}
