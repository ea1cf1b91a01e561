//! Hints that something changed: the cluster's events and the store's watches, as one bell.
//!
//! A hint says only that it is worth to look. Lost ones cost some seconds, as the viewer looks from
//! time to time anyway, so every failure here is simply tried again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use theseus_core::cluster::{Cluster, Event, EventKind};
use theseus_core::records;
use theseus_core::store::{Page, Store, StoreError};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// How long after the end of a stream it is opened again.
const REATTACH: Duration = Duration::from_secs(5);

/// Listens for hints until it is dropped.
pub(crate) struct Nudges {
    bell: Arc<Notify>,
    _listeners: JoinSet<()>,
}

impl Nudges {
    /// Begins to listen.
    pub(crate) fn listen(cluster: Arc<dyn Cluster>, store: &Arc<dyn Store>) -> Self {
        let bell = Arc::new(Notify::new());
        let mut listeners = JoinSet::new();
        listeners.spawn(follow_cluster(cluster, Arc::clone(&bell)));
        for prefix in [records::GROUPS, records::ROLLOUTS] {
            listeners.spawn(follow_store(Arc::clone(store), prefix, Arc::clone(&bell)));
        }
        Self {
            bell,
            _listeners: listeners,
        }
    }

    /// Waits for a hint. All that came since the last call are one.
    pub(crate) async fn next(&self) {
        self.bell.notified().await;
    }
}

async fn follow_cluster(cluster: Arc<dyn Cluster>, bell: Arc<Notify>) {
    loop {
        match cluster.events().await {
            Ok(mut events) => {
                while let Some(Ok(event)) = events.next().await {
                    if concerns_us(&event) {
                        bell.notify_one();
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "no events from the cluster"),
        }
        tokio::time::sleep(REATTACH).await;
    }
}

/// Clusters run more than our groups, and what happens there needs no look.
fn concerns_us(event: &Event) -> bool {
    event.group.is_some() || event.kind == EventKind::Attached
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
