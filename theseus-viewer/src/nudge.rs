//! What tells that something changed: the cluster's events and the audit trail, which say what, the
//! store's watches, as a bell that says only that it is worth to look, and the cluster's machines,
//! which are asked now and then.
//!
//! Lost ones cost some seconds, as the viewer looks from time to time anyway, so every failure here
//! is simply tried again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use theseus_core::attribution::attributed;
use theseus_core::audit::{AUDIT, AuditRecord, Trail};
use theseus_core::causes::chain;
use theseus_core::cluster::{Cluster, Event, EventKind, Inventory};
use theseus_core::records;
use theseus_core::store::{Page, Store, StoreError, Watched};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use crate::interest::Interest;

/// How long after the end of a stream it is opened again.
const REATTACH: Duration = Duration::from_secs(5);

/// How many things may wait. Of more events than these, a look tells.
const WAITING: usize = 10_000;

/// How far back what was done is read at the start.
const MEMORY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How often the machines are asked for while somebody looks at them.
const WATCHED: Duration = Duration::from_secs(5);
/// How often they are when nobody does, so that whoever comes finds something.
const UNWATCHED: Duration = Duration::from_secs(60);
/// How long they may take to be told.
const PATIENCE: Duration = Duration::from_secs(15);

/// Something changed.
pub(crate) enum Nudge {
    /// And this is what.
    Event(Event),
    /// Somebody did something.
    Deed(Box<AuditRecord>),
    /// The cluster told of its machines, or did not.
    Machines(Result<Inventory, String>),
    /// Only a look tells what.
    Look,
}

/// Listens until it is dropped.
pub(crate) struct Nudges {
    told: mpsc::Receiver<Nudge>,
    bell: Arc<Notify>,
    _listeners: JoinSet<()>,
}

impl Nudges {
    /// Begins to listen.
    pub(crate) fn listen(
        cluster: Arc<dyn Cluster>,
        store: &Arc<dyn Store>,
        machines: Arc<Interest>,
    ) -> Self {
        let bell = Arc::new(Notify::new());
        let (sender, told) = mpsc::channel(WAITING);
        let mut listeners = JoinSet::new();
        listeners.spawn(ask_for_machines(
            Arc::clone(&cluster),
            sender.clone(),
            machines,
        ));
        listeners.spawn(follow_trail(Arc::clone(store), sender.clone()));
        let events = follow_cluster(cluster, Arc::clone(store), sender, Arc::clone(&bell));
        listeners.spawn(events);
        for prefix in [records::GROUPS, records::ROLLOUTS] {
            listeners.spawn(follow_store(Arc::clone(store), prefix, Arc::clone(&bell)));
        }
        Self {
            told,
            bell,
            _listeners: listeners,
        }
    }

    /// Waits for what is told next, or for the bell. However often it rang since the last time, that
    /// is one.
    pub(crate) async fn next(&mut self) -> Nudge {
        tokio::select! {
            biased;
            () = self.bell.notified() => Nudge::Look,
            Some(told) = self.told.recv() => told,
        }
    }
}

async fn follow_cluster(
    cluster: Arc<dyn Cluster>,
    store: Arc<dyn Store>,
    sender: mpsc::Sender<Nudge>,
    bell: Arc<Notify>,
) {
    loop {
        match cluster.events().await {
            Ok(events) => {
                let mut events = attributed(events, Arc::clone(&store));
                while let Some(Ok(event)) = events.next().await {
                    let is_ours = event.group.is_some();
                    let is_told = match event.kind {
                        EventKind::Attached | EventKind::Detached => {
                            // Said besides; what it means is that only a look tells, also whether
                            // the cluster is there at all.
                            let _ = sender.try_send(Nudge::Event(event));
                            false
                        }
                        // The end of an operation is not shown.
                        _ => !is_ours || sender.try_send(Nudge::Event(event)).is_ok(),
                    };
                    if !is_told {
                        bell.notify_one();
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "no events from the cluster"),
        }
        tokio::time::sleep(REATTACH).await;
    }
}

async fn follow_store(store: Arc<dyn Store>, prefix: &str, bell: Arc<Notify>) {
    loop {
        if let Err(error) = watch(&*store, prefix, &bell).await {
            tracing::debug!(%error, prefix, "the store's watch ended");
        }
        tokio::time::sleep(REATTACH).await;
    }
}

async fn watch(store: &dyn Store, prefix: &str, bell: &Notify) -> Result<(), StoreError> {
    let now = store.list(prefix, Page::first(1)).await?.revision;
    let mut changes = store.watch(prefix, now).await?;
    bell.notify_one();
    while let Some(change) = changes.next().await {
        change?;
        bell.notify_one();
    }
    Ok(())
}

async fn follow_trail(store: Arc<dyn Store>, sender: mpsc::Sender<Nudge>) {
    let since = Timestamp::now().saturating_sub(MEMORY);
    let mut trail = Trail::since(since.unwrap_or(Timestamp::MIN));
    loop {
        if let Err(error) = follow(&*store, &mut trail, &sender).await {
            tracing::debug!(%error, "the audit trail is away");
        }
        tokio::time::sleep(REATTACH).await;
    }
}

async fn follow(
    store: &dyn Store,
    trail: &mut Trail,
    sender: &mpsc::Sender<Nudge>,
) -> Result<(), StoreError> {
    let tell = async |record| {
        // The other end goes only together with this one.
        let _ = sender.send(Nudge::Deed(Box::new(record))).await;
    };
    let (news, now) = trail.catch_up(store, Timestamp::now()).await?;
    for record in news {
        tell(record).await;
    }
    let mut writes = store.watch(AUDIT, now).await?;
    while let Some(written) = writes.next().await {
        if let Watched::Put(entry) = written?
            && let Some(record) = trail.added(&entry, Timestamp::now())
        {
            tell(record).await;
        }
    }
    Ok(())
}

async fn ask_for_machines(
    cluster: Arc<dyn Cluster>,
    sender: mpsc::Sender<Nudge>,
    interest: Arc<Interest>,
) {
    loop {
        let told = match tokio::time::timeout(PATIENCE, cluster.hosts()).await {
            Ok(Ok(inventory)) => Ok(inventory),
            Ok(Err(error)) => Err(chain(&error)),
            Err(_) => Err(format!(
                "the cluster did not tell of its machines within {} s",
                PATIENCE.as_secs()
            )),
        };
        let _ = sender.send(Nudge::Machines(told)).await;
        interest.rest(WATCHED, UNWATCHED).await;
    }
}
