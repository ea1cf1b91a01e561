//! The task that looks at cluster and store, and the handle on what it saw last.
//!
//! Between two looks it shows what events tell. So thousands of them a second cost the cluster
//! nothing, and what they got wrong is put right by the next look.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use theseus_core::causes::chain;
use theseus_core::cluster::{Cluster, Event, Inventory, Scope};
use theseus_core::engine::Engine;
use theseus_core::hearsay::Heard;
use theseus_core::model::GroupId;
use theseus_core::records::LockRecord;
use theseus_core::registry::{self, CountsRecord};
use theseus_core::state::Observed;
use theseus_core::store::Store;
use theseus_core::told::Told;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::interest::Interest;
use crate::links::Links;
use crate::nudge::{Nudge, Nudges};
use crate::reads::Reads;
use crate::view::{Entry, News, Picture, Trouble, View};

/// How long the viewer rests between two looks.
const REST: Duration = Duration::from_millis(200);
/// How long it rests, at least, before it shows something else that it was told.
const BREATH: Duration = Duration::from_millis(100);
/// How long it relies on what it is told before it looks all the same.
const POLL: Duration = Duration::from_secs(10);
/// The same after a look that failed.
const RETRY: Duration = Duration::from_secs(2);
/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long whoever asks waits for the first look.
const FIRST: Duration = Duration::from_secs(5);
/// How many event streams may be open at once.
const MAX_STREAMS: usize = 512;
/// How many may read logs at once: each asks the agents of its own.
const MAX_LOGS: usize = 64;
/// How much of what happened may wait to be shown.
const MAX_PENDING: usize = 1000;

/// Knows how all groups are doing, as of a moment ago.
///
/// Clones share one task, which ends with the last of them.
#[derive(Clone)]
pub struct Viewer {
    shared: Arc<Shared>,
    links: Arc<Links>,
}

struct Shared {
    engine: Engine,
    store: Arc<dyn Store>,
    views: watch::Receiver<Arc<View>>,
    streams: Arc<Semaphore>,
    cluster: Arc<dyn Cluster>,
    logs: Arc<Semaphore>,
    machines: Arc<Interest>,
    reads: Reads,
    stopped: watch::Sender<bool>,
    task: AbortHandle,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Viewer")
            .field("version", &self.view().version)
            .finish_non_exhaustive()
    }
}

impl Viewer {
    /// Begins to look, through `engine` and whenever `cluster` or `store` tell of a change; these
    /// are the two that the engine works over.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start(engine: Engine, cluster: Arc<dyn Cluster>, store: Arc<dyn Store>) -> Self {
        let (sender, views) = watch::channel(Arc::new(View::first(Timestamp::now())));
        let machines = Arc::new(Interest::default());
        let reads = Reads::new(engine.clone(), Arc::clone(&cluster), Arc::clone(&store));
        let (watched, told) = (Arc::clone(&machines), Arc::clone(&store));
        let desk = Desk::new(engine.clone(), Arc::clone(&store), sender);
        let read = Arc::clone(&cluster);
        let task = tokio::spawn(async move {
            let nudges = Nudges::listen(cluster, &told, watched);
            desk.work(nudges).await;
        });
        Self {
            shared: Arc::new(Shared {
                engine,
                store,
                views,
                streams: Arc::new(Semaphore::new(MAX_STREAMS)),
                cluster: read,
                logs: Arc::new(Semaphore::new(MAX_LOGS)),
                machines,
                reads,
                stopped: watch::channel(false).0,
                task: task.abort_handle(),
            }),
            links: Arc::default(),
        }
    }

    /// Lets pages link to those that the cluster itself has of the same things.
    #[must_use]
    pub fn linked_to(mut self, links: Links) -> Self {
        self.links = Arc::new(links);
        self
    }

    /// The pages that the cluster itself has.
    pub(crate) fn links(&self) -> &Links {
        &self.links
    }

    /// What pages read besides.
    pub(crate) fn reads(&self) -> &Reads {
        &self.shared.reads
    }

    /// Says that somebody looks at the machines.
    pub(crate) fn machines_are_shown(&self) {
        self.shared.machines.show();
    }

    /// Stops looking, and ends all event streams. What was seen last stays.
    pub fn stop(&self) {
        self.shared.task.abort();
        self.shared.stopped.send_replace(true);
    }

    /// Ready once it has stopped.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopped = self.shared.stopped.subscribe();
        async move {
            // Without anybody who could stop it, it has.
            let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
        }
    }

    /// The engine over cluster and store.
    pub(crate) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// The store that is looked at.
    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    /// The cluster that is looked at.
    pub(crate) fn cluster(&self) -> &Arc<dyn Cluster> {
        &self.shared.cluster
    }

    /// Room to read logs, unless too many do.
    pub(crate) fn log_room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.shared.logs).try_acquire_owned().ok()
    }

    /// How many event streams are open.
    pub(crate) fn streams(&self) -> usize {
        MAX_STREAMS - self.shared.streams.available_permits()
    }

    /// What was seen last, once the cluster has told of its machines, or has not for a while.
    pub(crate) async fn view_with_machines(&self) -> Arc<View> {
        self.machines_are_shown();
        let mut views = self.shared.views.clone();
        let told = views.wait_for(|view| {
            let machines = view.known.as_ref().map(|known| &known.machines);
            machines.is_some_and(|it| it.told_at.is_some() || it.trouble.is_some())
        });
        let _ = tokio::time::timeout(RETRY, told).await;
        self.view()
    }

    /// What was seen last, for whoever has nothing to show without it: the first look is waited for,
    /// unless it fails or takes too long.
    pub(crate) async fn seen(&self) -> Arc<View> {
        let mut views = self.shared.views.clone();
        let looked = views.wait_for(|view| view.known.is_some() || view.trouble.is_some());
        let _ = tokio::time::timeout(FIRST, looked).await;
        self.view()
    }

    /// What was seen last.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.shared.views.borrow())
    }

    /// Room for one event stream and what it follows, unless too many are open.
    pub(crate) fn subscribe(&self) -> Option<Subscription> {
        let permit = Arc::clone(&self.shared.streams).try_acquire_owned().ok()?;
        let mut views = self.shared.views.clone();
        views.mark_changed();
        Some(Subscription {
            views,
            _permit: permit,
        })
    }
}

/// Follows the views. Whoever is slow skips some, and never holds more than one.
pub(crate) struct Subscription {
    views: watch::Receiver<Arc<View>>,
    _permit: OwnedSemaphorePermit,
}

impl Subscription {
    /// The latest view: at once at first, then when there is a newer one. `None` once the viewer
    /// has stopped.
    pub(crate) async fn next(&mut self) -> Option<Arc<View>> {
        self.views.changed().await.ok()?;
        Some(Arc::clone(&self.views.borrow_and_update()))
    }
}

/// Where everything comes together that is to be shown.
struct Desk {
    engine: Engine,
    store: Arc<dyn Store>,
    views: watch::Sender<Arc<View>>,
    picture: Option<Picture>,
    trouble: Option<Trouble>,
    /// What the cluster told of its machines before the first look.
    machines: News,
    /// What happened and is not shown yet.
    pending: Vec<Entry>,
    /// The number of the next thing that happens.
    next_entry: u64,
    /// When it may be shown anew, so that this takes half of the time at most.
    next: Instant,
}

impl Desk {
    fn new(engine: Engine, store: Arc<dyn Store>, views: watch::Sender<Arc<View>>) -> Self {
        Self {
            engine,
            store,
            views,
            picture: None,
            trouble: None,
            machines: News::default(),
            pending: Vec::new(),
            next_entry: 0,
            next: Instant::now(),
        }
    }

    async fn work(mut self, mut nudges: Nudges) {
        loop {
            let began = Instant::now();
            let looked = look(&self.engine, &*self.store).await;
            // A big cluster is looked at half of the time at most.
            let rest = REST.max(began.elapsed());
            let patience = match looked {
                Ok(look) => {
                    let (machines, counted) = match self.picture.take() {
                        Some(before) => (before.machines, before.counts),
                        None => (std::mem::take(&mut self.machines), BTreeMap::new()),
                    };
                    self.picture = Some(Picture {
                        holders: look.holders,
                        counts: look.counts.unwrap_or(counted),
                        machines,
                        ..Picture::new(look.observed, Timestamp::now())
                    });
                    self.trouble = None;
                    POLL
                }
                Err(message) => {
                    let now = Timestamp::now();
                    self.trouble = Some(Trouble::go_on(self.trouble.as_ref(), message, now));
                    RETRY
                }
            };
            self.show();
            self.listen(&mut nudges, rest, patience).await;
        }
    }

    fn show(&mut self) {
        let began = Instant::now();
        let pending = std::mem::take(&mut self.pending);
        let (picture, trouble) = (self.picture.as_ref(), self.trouble.clone());
        self.views
            .send_modify(|view| *view = Arc::new(view.next(picture, trouble, pending)));
        self.next = Instant::now() + BREATH.max(began.elapsed());
    }

    /// Shows what is told, until it is time for another look: after `patience`, or as soon as there
    /// is a reason for one, but not before `rest` is over.
    async fn listen(&mut self, nudges: &mut Nudges, rest: Duration, patience: Duration) {
        let earliest = Instant::now() + rest;
        let mut look = Instant::now() + patience.max(rest);
        let mut is_new = false;
        loop {
            let show = self.next;
            tokio::select! {
                biased;
                () = sleep_until(look) => return,
                () = sleep_until(show), if is_new => {
                    self.show();
                    is_new = false;
                }
                nudge = nudges.next() => match nudge {
                    Nudge::Event(event) => {
                        is_new = true;
                        if self.hear(event) == Heard::Gap {
                            look = look.min(earliest);
                        }
                    }
                    Nudge::Deed(record) => {
                        is_new = true;
                        self.note(Told::Audit(*record));
                    }
                    Nudge::Machines(told) => {
                        is_new = true;
                        self.take_stock(told);
                    }
                    Nudge::Look => look = look.min(earliest),
                },
            }
        }
    }

    fn hear(&mut self, event: Event) -> Heard {
        let heard = match &mut self.picture {
            Some(picture) => picture.observed.hear(&event),
            None => Heard::Gap,
        };
        if let Some(told) = Told::of(event) {
            self.note(told);
        }
        heard
    }

    fn note(&mut self, told: Told) {
        let at = told.at().unwrap_or_else(Timestamp::now);
        let number = self.next_entry;
        self.next_entry += 1;
        self.pending.push(Entry { number, at, told });
        if self.pending.len() > MAX_PENDING {
            // Only so many are kept in the end, and those are the latest.
            self.pending.drain(..MAX_PENDING / 2);
        }
    }

    fn take_stock(&mut self, told: Result<Inventory, String>) {
        let machines = match &mut self.picture {
            Some(picture) => &mut picture.machines,
            None => &mut self.machines,
        };
        let now = Timestamp::now();
        match told {
            Ok(inventory) => {
                *machines = News {
                    inventory,
                    told_at: Some(now),
                    trouble: None,
                }
            }
            Err(message) => {
                let trouble = Trouble::go_on(machines.trouble.as_ref(), message, now);
                machines.trouble = Some(trouble);
            }
        }
    }
}

/// What was seen at once.
struct Look {
    /// What there is.
    observed: Observed,
    /// Who carries out what is under way.
    holders: BTreeMap<GroupId, LockRecord>,
    /// What a registrar has counted; `None` where that cannot be read.
    counts: Option<BTreeMap<GroupId, CountsRecord>>,
}

async fn look(engine: &Engine, store: &dyn Store) -> Result<Look, String> {
    let look = async {
        let (observed, counts) =
            tokio::join!(engine.observe(&Scope::Everything), registry::counts(store));
        let observed = observed?;
        let rolling = observed
            .groups
            .iter()
            .filter(|(_, state)| state.rollout.is_some());
        let rolling: Vec<GroupId> = rolling.map(|(group, _)| group.clone()).collect();
        let holders = if rolling.is_empty() {
            BTreeMap::new()
        } else {
            engine.holders(&rolling).await?
        };
        // They are no reason to show nothing.
        let counts = counts.inspect_err(|error| {
            tracing::debug!(error = chain(error), "the restarts cannot be read");
        });
        Ok(Look {
            observed,
            holders,
            counts: counts.ok(),
        })
    };
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(seen)) => Ok(seen),
        Ok(Err::<_, theseus_core::engine::EngineError>(error)) => Err(chain(&error)),
        Err(_) => Err(format!(
            "cluster and store gave no answer within {} s",
            PATIENCE.as_secs()
        )),
    }
}
