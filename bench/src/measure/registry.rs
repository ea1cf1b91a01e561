//! The registry: 10,000 containers registered in etcd beside a bare loop that writes the same
//! transactions, single changes as they happen, `theseus endpoints` of as many, and what a registrar
//! holds of them.

mod memory;

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use theseus_core::cluster::{
    Accepted, App, AppId, Change, Cluster, ClusterError, Container, ContainerId, ContainerState,
    EngineInfo, Event, EventKind, Events, HealthState, Part, Scope, Snapshot,
};
use theseus_core::model::GroupId;
use theseus_core::registry::{CONTAINERS, Happening, Registrar, Settled, Tell};
use theseus_core::store::{
    Entry, Lease, Listing, Page, Revision, Store, StoreError, Txn, Watched, Write, list_all,
};
use theseus_store::testing::EtcdServer;
use theseus_store::{EtcdConfig, EtcdStore};
use tokio::process::Command;
use tokio::sync::{broadcast, mpsc};

use crate::Failure;
use crate::program;
use crate::stopwatch::{median, time};
use crate::table::{Row, megabytes, time as written};

const GROUPS: usize = 100;
const EACH: usize = 100;
const RUNS: usize = 3;
const RATE: Duration = Duration::from_millis(10);
const CHANGES: usize = 1000;

/// A cluster whose containers are made by hand.
struct Fake {
    apps: Mutex<BTreeMap<GroupId, App>>,
    events: broadcast::Sender<Event>,
}

impl Fake {
    fn new() -> Self {
        Self {
            apps: Mutex::default(),
            events: broadcast::channel(1 << 15).0,
        }
    }

    fn apps(&self) -> MutexGuard<'_, BTreeMap<GroupId, App>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs all containers of all groups at once, and tells of each.
    fn burst(&self) -> Result<(), Failure> {
        for group in 0..GROUPS {
            let id: GroupId = format!("bench:g{group}").parse()?;
            let containers = (0..EACH).map(|n| container(group, n)).collect();
            let app = App {
                id: AppId(format!("/bench/{group}")),
                group: id.clone(),
                revision: 1,
                part: Part::Whole,
                pinned_to: None,
                instances: 100,
                checked: true,
                operations: Vec::new(),
                containers,
                last_failure: None,
                unread: None,
            };
            self.apps().insert(id, app);
        }
        for n in 0..EACH {
            for group in 0..GROUPS {
                self.tell(group, n)?;
            }
        }
        Ok(())
    }

    fn tell(&self, group: usize, n: usize) -> Result<(), Failure> {
        let _ = self.events.send(Event {
            at: None,
            group: Some(format!("bench:g{group}").parse()?),
            foreign: None,
            kind: EventKind::Container {
                id: container(group, n).id,
                state: ContainerState::Running,
                failed: None,
            },
        });
        Ok(())
    }

    /// Changes the health of one container, and tells of it.
    fn flip(&self, number: usize) -> Result<(), Failure> {
        let (group, n) = (number % GROUPS, number / GROUPS % EACH);
        let id: GroupId = format!("bench:g{group}").parse()?;
        if let Some(app) = self.apps().get_mut(&id) {
            app.containers[n].health = HealthState::Unhealthy;
        }
        self.tell(group, n)
    }
}

fn container(group: usize, n: usize) -> Container {
    Container {
        id: ContainerId(format!("bench_g{group}_r1.instance-{n:06}._app.1")),
        host: Some(format!("agent-{}.example.com", n % 50).into()),
        ports: vec![31_000, 31_001],
        state: ContainerState::Running,
        health: HealthState::Healthy,
        staged_at: Some(Timestamp::UNIX_EPOCH),
        started_at: Some(Timestamp::UNIX_EPOCH),
        healthy_since: None,
        outdated: false,
    }
}

#[async_trait]
impl Cluster for Fake {
    async fn engine(&self) -> Result<EngineInfo, ClusterError> {
        Ok(EngineInfo {
            name: "bench".to_owned(),
            version: String::new(),
            address: String::new(),
            notices: Vec::new(),
        })
    }

    async fn observe(&self, scope: &Scope) -> Result<Snapshot, ClusterError> {
        let apps = self.apps();
        let seen = match scope {
            Scope::Everything | Scope::All => apps.values().cloned().collect(),
            Scope::Groups(groups) => groups
                .iter()
                .filter_map(|group| apps.get(group).cloned())
                .collect(),
        };
        Ok(Snapshot {
            apps: seen,
            ..Snapshot::default()
        })
    }

    async fn apply(&self, changes: &[Change]) -> Vec<Result<Accepted, ClusterError>> {
        changes.iter().map(|_| Ok(Accepted::default())).collect()
    }

    async fn events(&self) -> Result<Events, ClusterError> {
        let attached = Event {
            at: None,
            group: None,
            foreign: None,
            kind: EventKind::Attached,
        };
        let told = self.events.subscribe();
        let told = futures_util::stream::unfold(told, |mut told| async {
            told.recv().await.ok().map(|event| (Ok(event), told))
        });
        Ok(futures_util::stream::iter([Ok(attached)])
            .chain(told)
            .boxed())
    }
}

/// A store that keeps what is committed, to be committed once more.
struct Recording {
    inner: EtcdStore,
    txns: Mutex<Vec<Txn>>,
}

impl Recording {
    fn recorded(&self) -> MutexGuard<'_, Vec<Txn>> {
        self.txns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Recording {
    fn max_txn_operations(&self) -> usize {
        self.inner.max_txn_operations()
    }

    fn address(&self) -> String {
        self.inner.address()
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.inner.get(key).await
    }

    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, StoreError> {
        self.inner.list(prefix, page).await
    }

    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        self.recorded().push(txn.clone());
        self.inner.commit(txn).await
    }

    async fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<BoxStream<'static, Result<Watched, StoreError>>, StoreError> {
        self.inner.watch(prefix, after).await
    }

    async fn lock(
        &self,
        key: &str,
        holder: bytes::Bytes,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        self.inner.lock(key, holder, ttl).await
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        self.inner.renew(lease).await
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.inner.release(lease).await
    }
}

pub(super) async fn measure() -> Result<Vec<Row>, Failure> {
    let server = EtcdServer::start();
    let (mut bursts, mut bares, mut late) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let prefix = format!("/run{run}");
        let (burst, txns, changes) = registered(&server, &prefix).await?;
        bursts.push(burst);
        late.extend(changes);
        let bare = connect(&server, &format!("/bare{run}")).await?;
        bares.push(time(write(&bare, txns)).await?);
    }
    late.sort_unstable();
    let late = late[late.len() * 99 / 100];
    let mut rows = vec![
        Row::ratio(
            "register a burst of 10,000 events in etcd",
            median(bursts),
            "a bare loop with the same transactions",
            median(bares),
            "≤ 1.43",
        ),
        Row::new(
            "event to record, 99 of 100, at 100 a second",
            written(late),
            "< 200 ms",
        ),
    ];
    rows.extend(endpoints(&server, "/run0").await?);
    rows.push(memory::measure(&server).await?);
    Ok(rows)
}

async fn connect(server: &EtcdServer, prefix: &str) -> Result<EtcdStore, Failure> {
    let config = EtcdConfig {
        prefix: prefix.to_owned(),
        ..EtcdConfig::new(vec![server.endpoint().to_owned()])
    };
    Ok(EtcdStore::connect(config).await?)
}

/// How long a burst takes from its first event until the registry holds all of it, in which
/// transactions, and how long single changes take after that.
async fn registered(
    server: &EtcdServer,
    prefix: &str,
) -> Result<(Duration, Vec<Txn>, Vec<Duration>), Failure> {
    let cluster = Arc::new(Fake::new());
    let store = Arc::new(Recording {
        inner: connect(server, prefix).await?,
        txns: Mutex::default(),
    });
    let registrar = Registrar::new(
        Arc::clone(&cluster) as Arc<dyn Cluster>,
        Arc::clone(&store) as Arc<dyn Store>,
        Timestamp::now,
    );
    let (tell, mut told) = mpsc::unbounded_channel::<Settled>();
    let task = tokio::spawn(async move {
        let tell: Tell<'_> = &move |happening| {
            if let Happening::Settled(settled) = happening {
                let _ = tell.send(settled);
            }
        };
        registrar.run(tell, std::future::pending()).await;
    });
    told.recv().await.ok_or("the registrar ended")?;
    store.recorded().clear();
    let began = Instant::now();
    cluster.burst()?;
    while told.recv().await.ok_or("the registrar ended")?.containers < GROUPS * EACH {}
    let burst = began.elapsed();
    let txns = std::mem::take(&mut *store.recorded());
    tokio::time::sleep(Duration::from_secs(4)).await;
    let changes = changes(&cluster, &store.inner).await?;
    task.abort();
    Ok((burst, txns, changes))
}

/// How long after each of many changes its record is visible.
async fn changes(cluster: &Fake, store: &EtcdStore) -> Result<Vec<Duration>, Failure> {
    let (_, now) = list_all(store, REGISTRY_PROBE).await?;
    let mut watch = store.watch(CONTAINERS, now).await?;
    let seeing = async {
        let mut seen: BTreeMap<String, Instant> = BTreeMap::new();
        while seen.len() < CHANGES {
            match watch.next().await {
                Some(Ok(Watched::Put(entry))) => {
                    seen.entry(entry.key).or_insert_with(Instant::now);
                }
                Some(Ok(Watched::Deleted { .. })) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Err("the watch ended".into()),
            }
        }
        Ok::<_, Failure>(seen)
    };
    let changing = async {
        let mut pace = tokio::time::interval(RATE);
        let mut told = Vec::with_capacity(CHANGES);
        for number in 0..CHANGES {
            pace.tick().await;
            let (group, n) = (number % GROUPS, number / GROUPS % EACH);
            let key = theseus_core::registry::container_key(
                &format!("bench:g{group}").parse()?,
                &container(group, n).id,
            );
            told.push((key, Instant::now()));
            cluster.flip(number)?;
        }
        Ok::<_, Failure>(told)
    };
    let (seen, told) = tokio::try_join!(seeing, changing)?;
    let late = told
        .into_iter()
        .filter_map(|(key, at)| Some(seen.get(&key)?.duration_since(at)));
    Ok(late.collect())
}

/// A prefix with nothing below it: listing it tells the store's revision.
const REGISTRY_PROBE: &str = "nothing/";

/// Writes the same, one transaction after another, under no lock.
async fn write(store: &EtcdStore, txns: Vec<Txn>) -> Result<(), Failure> {
    for txn in txns {
        let writes: Vec<Write> = txn.writes;
        store
            .commit(Txn {
                compares: Vec::new(),
                writes,
            })
            .await?;
    }
    Ok(())
}

/// `theseus endpoints` of the containers below a prefix.
async fn endpoints(server: &EtcdServer, prefix: &str) -> Result<Vec<Row>, Failure> {
    let directory = tempfile::tempdir()?;
    let config = directory.path().join("mesos.yaml");
    let text = format!(
        "etcd: {{endpoints: ['{}'], prefix: {prefix}}}\n",
        server.endpoint()
    );
    std::fs::write(&config, text)?;
    let command = || -> Result<Command, Failure> {
        let mut command = Command::new(program::path()?);
        command
            .env_clear()
            .env("HOME", directory.path())
            .args(["endpoints", "bench", "--port", "0", "--config"])
            .arg(&config)
            .stdout(Stdio::null());
        Ok(command)
    };
    let store = connect(server, prefix).await?;
    let (mut runs, mut lists, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..7 {
        runs.push(time(program::run(&mut command()?)).await?);
        let list = async {
            list_all(&store, CONTAINERS).await?;
            Ok(())
        };
        lists.push(time(list).await?);
        peaks.push(program::peak_memory(&mut command()?).await?);
    }
    Ok(vec![
        Row::ratio(
            "`theseus endpoints` of 10,000 containers",
            median(runs),
            "listing their keys in etcd",
            median(lists),
            "< 30 ms",
        ),
        Row::new("its peak memory", megabytes(median(peaks)), ""),
    ])
}
