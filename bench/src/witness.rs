//! A cluster that does what the one behind it does, and remembers what the engine asked of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use theseus_core::cluster::{
    Accepted, Change, Cluster, ClusterError, Delay, EngineInfo, Events, Inventory, Scope, Snapshot,
};
use theseus_marathon::Marathon;

/// Stands between the engine and Marathon.
#[derive(Debug)]
pub(crate) struct Witness {
    marathon: Marathon,
    log: Arc<Mutex<Log>>,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    /// When the engine looked at the cluster.
    looks: Vec<Instant>,
    /// When it got an event.
    events: Vec<Instant>,
}

impl Log {
    /// How often the engine looked.
    pub(crate) fn looks(&self) -> usize {
        self.looks.len()
    }

    /// How many events it got.
    pub(crate) fn events(&self) -> usize {
        self.events.len()
    }

    /// The times between two looks, while there were events to wait for, of which none gave cause
    /// for the second: that is polling.
    pub(crate) fn polls(&self) -> Vec<Duration> {
        let Some(attached) = self.events.first() else {
            return Vec::new();
        };
        let told = |from: &Instant, to: &Instant| self.events.iter().any(|at| from < at && at < to);
        let looks: Vec<_> = self.looks.iter().filter(|at| *at > attached).collect();
        looks
            .windows(2)
            .filter(|pair| !told(pair[0], pair[1]))
            .map(|pair| *pair[1] - *pair[0])
            .collect()
    }
}

impl Witness {
    /// Watches what is asked of this one.
    pub(crate) fn new(marathon: Marathon) -> Self {
        Self {
            marathon,
            log: Arc::default(),
        }
    }

    /// What was seen since the last time, which is then forgotten.
    pub(crate) fn take(&self) -> Log {
        std::mem::take(&mut lock(&self.log))
    }
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Cluster for Witness {
    async fn engine(&self) -> Result<EngineInfo, ClusterError> {
        self.marathon.engine().await
    }

    async fn observe(&self, scope: &Scope) -> Result<Snapshot, ClusterError> {
        lock(&self.log).looks.push(Instant::now());
        self.marathon.observe(scope).await
    }

    async fn apply(&self, changes: &[Change]) -> Vec<Result<Accepted, ClusterError>> {
        self.marathon.apply(changes).await
    }

    async fn hosts(&self) -> Result<Inventory, ClusterError> {
        self.marathon.hosts().await
    }

    async fn delays(&self, scope: &Scope) -> Result<Vec<Delay>, ClusterError> {
        self.marathon.delays(scope).await
    }

    async fn events(&self) -> Result<Events, ClusterError> {
        let log = Arc::clone(&self.log);
        let events = self.marathon.events().await?;
        Ok(events
            .inspect(move |_| lock(&log).events.push(Instant::now()))
            .boxed())
    }
}
