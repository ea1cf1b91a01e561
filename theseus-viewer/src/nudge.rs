//! What tells that something changed: the cluster's events, which say what, and the store's watches,
//! as a bell that says only that it is worth to look.
//!
//! Lost ones cost some seconds, as the viewer looks from time to time anyway, so every failure here
//! is simply tried again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use theseus_core::cluster::{Cluster, Event, EventKind};
use theseus_core::records;
use theseus_core::store::{Page, Store, StoreError};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

/// How long after the end of a stream it is opened again.
const REATTACH: Duration = Duration::from_secs(5);

/// How many events may wait. Of more than these, a look tells.
const WAITING: usize = 10_000;

/// Something changed.
pub(crate) enum Nudge {
    /// And this is what.
    Event(Event),
    /// Only a look tells what.
    Look,
}

/// Listens until it is dropped.
pub(crate) struct Nudges {
    events: mpsc::Receiver<Event>,
    bell: Arc<Notify>,
    _listeners: JoinSet<()>,
}

impl Nudges {
    /// Begins to listen.
    pub(crate) fn listen(cluster: Arc<dyn Cluster>, store: &Arc<dyn Store>) -> Self {
        let bell = Arc::new(Notify::new());
        let (sender, events) = mpsc::channel(WAITING);
        let mut listeners = JoinSet::new();
        listeners.spawn(follow_cluster(cluster, sender, Arc::clone(&bell)));
        for prefix in [records::GROUPS, records::ROLLOUTS] {
            listeners.spawn(follow_store(Arc::clone(store), prefix, Arc::clone(&bell)));
        }
        Self {
            events,
            bell,
            _listeners: listeners,
        }
    }

    /// Waits for the next event, or for the bell.
    pub(crate) async fn next(&mut self) -> Nudge {
        tokio::select! {
            biased;
            () = self.bell.notified() => Nudge::Look,
            Some(event) = self.events.recv() => Nudge::Event(event),
        }
    }

    /// Waits for the bell alone. However often it rang since the last time, that is one.
    pub(crate) async fn bell(&self) {
        self.bell.notified().await;
    }
}

async fn follow_cluster(cluster: Arc<dyn Cluster>, sender: mpsc::Sender<Event>, bell: Arc<Notify>) {
    loop {
        match cluster.events().await {
            Ok(mut events) => {
                while let Some(Ok(event)) = events.next().await {
                    let is_told = match event.kind {
                        EventKind::Attached => false,
                        // Clusters run more than our groups, and that is not shown.
                        _ if event.group.is_none() => true,
                        _ => sender.try_send(event).is_ok(),
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
