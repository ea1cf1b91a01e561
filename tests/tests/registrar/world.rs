//! A cluster on simulated time, the registrars for it, and what the registry holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use theseus_core::cluster::{ContainerState, Scope};
use theseus_core::engine::Engine;
use theseus_core::records;
use theseus_core::registry::{
    self, CONTAINERS, COUNTS, ContainerRecord, CountsRecord, Happening, REGISTRY, Registrar,
    RegistryRecord, Tell,
};
use theseus_core::store::{Entry, Store, list_all};
use theseus_tests::simulated::{Fate, Fates, Simulated, Streams};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// How long anything may take, in simulated time.
pub(crate) const LONG: Duration = Duration::from_secs(600);

pub(crate) fn answered() -> Fates {
    Arc::new(|_, _| Fate::Answered)
}

/// A registrar that runs, and all that it told.
pub(crate) struct Running {
    pub(crate) told: Arc<Mutex<Vec<Happening>>>,
    pub(crate) task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(registrar: Registrar) -> Self {
        let told: Arc<Mutex<Vec<Happening>>> = Arc::default();
        let to = Arc::clone(&told);
        let task = tokio::spawn(async move {
            let tell: Tell<'_> =
                &move |happening| to.lock().expect("nobody panics").push(happening);
            registrar.run(tell, std::future::pending()).await;
        });
        Self { told, task }
    }

    pub(crate) fn count(&self, is_meant: impl Fn(&Happening) -> bool) -> usize {
        let told = self.told.lock().expect("nobody panics");
        told.iter().filter(|it| is_meant(it)).count()
    }

    pub(crate) fn looks(&self) -> usize {
        self.count(|it| matches!(it, Happening::Looked { .. }))
    }

    pub(crate) fn leads(&self) -> bool {
        self.count(|it| matches!(it, Happening::Leads)) > 0
    }

    pub(crate) fn writes(&self) -> usize {
        let told = self.told.lock().expect("nobody panics");
        let writes = told.iter().map(|it| match it {
            Happening::Settled(settled) => settled.writes,
            _ => 0,
        });
        writes.sum()
    }

    /// As when its process is killed.
    pub(crate) fn kill(&self) {
        self.task.abort();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A cluster, and registrars for it.
pub(crate) struct World {
    pub(crate) site: Simulated,
    pub(crate) streams: Arc<Streams>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            site: Simulated::new(5),
            streams: Arc::default(),
        }
    }

    pub(crate) fn registrar_over(
        &self,
        by: &str,
        store: Arc<dyn Store>,
        fates: Fates,
    ) -> Registrar {
        let cluster = Arc::new(self.site.client(by, fates, Arc::clone(&self.streams)));
        let began = Instant::now();
        let start = self.site.now();
        let clock =
            move || start + SignedDuration::try_from(began.elapsed()).expect("not an eternity");
        Registrar::new(cluster, store, clock).in_the_name_of(by)
    }

    pub(crate) fn registrar(&self, by: &str) -> Running {
        Running::start(self.registrar_over(by, self.store(), answered()))
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.site.store.clone())
    }

    pub(crate) fn engine(&self) -> Engine {
        self.site.engine()
    }

    /// What the registry holds.
    pub(crate) async fn held(&self) -> BTreeMap<String, ContainerRecord> {
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

    pub(crate) async fn counts(&self) -> Vec<(String, u32, u32)> {
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
    pub(crate) async fn is_true(&self) -> bool {
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
    pub(crate) async fn until_true(&self) -> Duration {
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

    pub(crate) async fn word(&self) -> Option<RegistryRecord> {
        let entry = self.site.store.get(REGISTRY).await.expect("it is there")?;
        Some(records::decode(&entry).expect("a record").record)
    }
}

pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(LONG, waited).await.is_ok(), "never: {what}");
}
