//! Killing a deployer at every one of its effects: each write to the cluster and each commit to the
//! store, before it, after it with its answer lost, and before its outcome is recorded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use theseus_core::records::{self, GROUPS, GroupRecord, LOCKS, ROLLOUTS, SLOTS, Stored};
use theseus_core::store::{
    Entry, Lease, Listing, Page, Revision, Store, StoreError, Txn, Watched, list_all,
};
use theseus_store::MemoryStore;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::dice::Dice;
use super::site::Site;
use super::watch::{Watch, get};
use super::weather::Weather;
use super::{LOCKS_ARE_GONE, add_scripts, cluster};
use crate::desired;
use crate::simulated::{Fate, Fates, Simulated, deploy};

/// No deploy here takes longer.
const LONGEST: Duration = Duration::from_secs(1800);

/// What is deployed one after the other; the last of it by somebody who is killed.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    /// What is there before.
    pub before: Option<String>,
    /// What is being deployed when the deployer is killed.
    pub manifest: String,
    /// How many more containers may be started for each kill: the engine goes on starting what
    /// crashes while nobody looks.
    pub excess: usize,
}

/// Where in an effect a deployer is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It does not happen.
    Before,
    /// It happens, and nobody is told.
    Unanswered,
    /// It happens and is answered; the next commit does not happen.
    Unrecorded,
}

impl Moment {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Before, Self::Unanswered, Self::Unrecorded];
}

/// A kill at the effect of this number, counted from 0.
pub type Cut = (usize, Moment);

/// What is left when all is over.
#[derive(Debug, Clone, PartialEq, Eq)]
struct End {
    /// The apps with how many containers each is to have and has ready.
    apps: BTreeMap<String, (u64, u64)>,
    /// The groups with revision, image and instances.
    groups: Vec<(String, u32, String, u32)>,
    slots: Vec<String>,
}

/// What one life of a case came to.
struct Lived {
    end: End,
    /// How many containers were ever there.
    starts: usize,
    /// How many effects the last deployer but the one that goes on had.
    effects: usize,
    violations: Vec<String>,
}

/// Kills once at each effect in each way; gives the number of kills.
///
/// # Panics
///
/// When a kill leads elsewhere than no kill.
pub fn cut_everywhere(case: &Case) -> usize {
    let undisturbed = live(case, &[]);
    assert!(
        undisturbed.violations.is_empty(),
        "{}: {:?}",
        case.name,
        undisturbed.violations
    );
    for number in 0..undisturbed.effects {
        for moment in Moment::ALL {
            check(case, &undisturbed, &[(number, moment)]);
        }
    }
    3 * undisturbed.effects
}

/// Kills twice: at each effect, and at each of whoever goes on; or of all such pairs only those
/// whose number divides by `step`. Gives the number of pairs.
///
/// # Panics
///
/// When they lead elsewhere than no kill.
pub fn cut_twice(case: &Case, step: usize) -> usize {
    let undisturbed = live(case, &[]);
    let moments = || Moment::ALL.into_iter();
    let cuts = || (0..undisturbed.effects).flat_map(|number| moments().map(move |it| (number, it)));
    let pairs = cuts().flat_map(|first| cuts().map(move |second| [first, second]));
    let chosen = pairs.step_by(step);
    chosen.map(|pair| check(case, &undisturbed, &pair)).count()
}

fn check(case: &Case, undisturbed: &Lived, cuts: &[Cut]) {
    let lived = live(case, cuts);
    let name = case.name;
    assert!(
        lived.violations.is_empty(),
        "{name} {cuts:?}: {:?}",
        lived.violations
    );
    assert_eq!(lived.end, undisturbed.end, "{name} {cuts:?}");
    let most = undisturbed.starts + case.excess * cuts.len();
    assert!(
        lived.starts <= most,
        "{name} {cuts:?}: {} containers were started, and {} without a kill",
        lived.starts,
        undisturbed.starts
    );
}

fn live(case: &Case, cuts: &[Cut]) -> Lived {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(story(case, cuts))
}

async fn story(case: &Case, cuts: &[Cut]) -> Lived {
    // Nothing goes wrong here but the kills.
    let weather = Weather::new(&mut Dice::new(1));
    let site = Arc::new(Site::new(Simulated::with(cluster(1)), weather));
    add_scripts(&site);
    let wanted = desired(&case.manifest);
    let groups: Vec<_> = wanted
        .deploy
        .keys()
        .chain(&wanted.remove)
        .cloned()
        .collect();
    let watch = Arc::new(Watch::new(&site, &groups, false));
    let watching = tokio::spawn(Arc::clone(&watch).run());
    if let Some(before) = &case.before {
        let report = site.world.deploy(before).await;
        assert!(report.outcome().is_well(), "{report:?}");
    }
    let mut effects = 0;
    for cut in cuts.iter().map(Some).chain([None]) {
        effects = until(&site, &case.manifest, cut.copied()).await;
        sleep(LOCKS_ARE_GONE).await;
    }
    watching.abort();
    let (_, violations) = site.told();
    Lived {
        end: end(&site).await,
        starts: watch.starts(),
        effects,
        violations,
    }
}

/// Deploys until the cut, if it comes to that; gives the number of effects.
async fn until(site: &Site, manifest: &str, cut: Option<Cut>) -> usize {
    let knife = Arc::new(Knife::new(cut));
    let store = CutStore {
        inner: site.world.store.clone(),
        knife: Arc::clone(&knife),
    };
    let marathon = site.world.client("cut", knife.fates(), Arc::default());
    let engine = site.world.engine_over(marathon, Arc::new(store));
    tokio::select! {
        biased;
        () = knife.end.notified() => {}
        ended = timeout(LONGEST, deploy(&engine, manifest)) => drop(ended.expect("it ends")),
    }
    knife.count.load(Ordering::Relaxed)
}

async fn end(site: &Site) -> End {
    let store = &site.world.store;
    for prefix in [LOCKS, ROLLOUTS] {
        let (left, _) = list_all(store, prefix).await.expect("memory answers");
        assert!(left.is_empty(), "{left:?}");
    }
    let (groups, _) = list_all(store, GROUPS).await.expect("memory answers");
    let groups = groups.iter().map(|entry| {
        let Stored { record, .. }: Stored<GroupRecord> = records::decode(entry).expect("a record");
        let spec = &record.spec;
        (
            record.group.to_string(),
            record.revision,
            spec.image.clone(),
            spec.instances,
        )
    });
    let (slots, _) = list_all(store, SLOTS).await.expect("memory answers");
    let apps = get(site, "/v2/apps?embed=apps.tasks").await;
    let apps = apps["apps"].as_array().into_iter().flatten().map(|app| {
        let id = app["id"].as_str().unwrap_or_default().to_owned();
        let instances = app["instances"].as_u64().unwrap_or_default();
        (id, (instances, super::ending::ready(app)))
    });
    End {
        apps: apps.collect(),
        groups: groups.collect(),
        slots: slots.into_iter().map(|entry| entry.key).collect(),
    }
}

/// Counts effects, and kills at one of them.
#[derive(Debug)]
struct Knife {
    cut: Option<Cut>,
    count: AtomicUsize,
    /// The next commit is not to happen.
    before_commit: AtomicBool,
    /// Told when the deployer is to be dropped.
    end: Arc<Notify>,
}

impl Knife {
    fn new(cut: Option<Cut>) -> Self {
        Self {
            cut,
            count: AtomicUsize::new(0),
            before_commit: AtomicBool::new(false),
            end: Arc::default(),
        }
    }

    /// What becomes of the next effect.
    fn strike(&self, is_commit: bool) -> Option<Moment> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        if is_commit && self.before_commit.load(Ordering::Relaxed) {
            return Some(Moment::Before);
        }
        let (_, moment) = self.cut.filter(|(at, _)| *at == number)?;
        if moment == Moment::Unrecorded {
            self.before_commit.store(true, Ordering::Relaxed);
            return None;
        }
        Some(moment)
    }

    fn fates(self: &Arc<Self>) -> Fates {
        let knife = Arc::clone(self);
        Arc::new(move |_, sent| {
            if sent.what.starts_with("GET ") {
                return Fate::Answered;
            }
            let end = Arc::clone(&knife.end);
            match knife.strike(false) {
                Some(Moment::Before) => Fate::Last { served: false, end },
                Some(_) => Fate::Last { served: true, end },
                None => Fate::Answered,
            }
        })
    }
}

/// A store whose commits are counted, and that may be the last thing that a deployer sees.
struct CutStore {
    inner: MemoryStore,
    knife: Arc<Knife>,
}

impl CutStore {
    async fn last(&self) -> ! {
        self.knife.end.notify_one();
        std::future::pending().await
    }
}

#[async_trait]
impl Store for CutStore {
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
        match self.knife.strike(true) {
            None => self.inner.commit(txn).await,
            Some(Moment::Before) => self.last().await,
            Some(_) => {
                // Whether it was done makes no difference to who is dead.
                let _ = self.inner.commit(txn).await;
                self.last().await
            }
        }
    }

    async fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<BoxStream<'static, Result<Watched, StoreError>>, StoreError> {
        self.inner.watch(prefix, after).await
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
