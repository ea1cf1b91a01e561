//! Carrying a plan out: the only part of this crate that waits for anything.
//!
//! ```text
//!            +--> observe --> decide (pure) --> apply --> wait for an event or a deadline --+
//!            +------------------------------------------------------------------------------+
//! ```
//!
//! One loop serves all groups of a plan, so that the number of requests does not grow with theirs:
//! each turn looks once, decides for every group, and applies all changes together. Nothing is
//! remembered between two turns but what the cluster and the store hold; whoever starts the loop
//! again, here or elsewhere, goes on where it was.

mod journal;
mod observe;
mod pace;
mod progress;
mod turn;
mod work;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;

use crate::cluster::{Cluster, ClusterError, Scope};
use crate::plan::{self, Desired, Plan};
use crate::records::RecordError;
use crate::state::Observed;
use crate::store::{Store, StoreError};

pub use progress::{GroupReport, Outcome, Progress, Report};

/// What can keep the engine from its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The cluster did not do its part.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The store did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the store holds is not understood.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Tells the time. Core has no clock of its own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Plans, and carries plans out, over a cluster and a store.
#[derive(Clone)]
pub struct Engine {
    cluster: Arc<dyn Cluster>,
    store: Arc<dyn Store>,
    clock: Clock,
    environment: BTreeMap<String, String>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("store", &self.store.address())
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine over these two, which asks `clock` for the time.
    pub fn new(
        cluster: Arc<dyn Cluster>,
        store: Arc<dyn Store>,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        Self {
            cluster,
            store,
            clock: Arc::new(clock),
            environment: BTreeMap::new(),
        }
    }

    /// Adds a variable to the environment of every container that is started from now on. What
    /// the manifest sets wins.
    #[must_use]
    pub fn with_environment(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// What is known of the groups in scope.
    pub async fn observe(&self, scope: &Scope) -> Result<Observed, EngineError> {
        observe::observe(&*self.cluster, &*self.store, scope).await
    }

    /// Looks, and plans what leads to what is wanted.
    pub async fn plan(&self, desired: &Desired) -> Result<Plan, EngineError> {
        let groups = desired
            .deploy
            .keys()
            .chain(&desired.remove)
            .cloned()
            .collect();
        let observed = self.observe(&Scope::Groups(groups)).await?;
        Ok(plan::plan(desired, &observed))
    }

    /// Carries a plan out, telling `progress` what happens, until it is done or `stop` is ready.
    ///
    /// A group that fails does not keep the others from going on; the report says how each of
    /// them ended. An error means that cluster or store were out of reach for too long; then, as
    /// after a stop, carrying out the same plan anew goes on where this one was.
    pub async fn carry_out(
        &self,
        plan: &Plan,
        progress: &(dyn Fn(Progress) + Send + Sync),
        stop: impl Future<Output = ()> + Send,
    ) -> Result<Report, EngineError> {
        turn::run(self, plan, progress, stop).await
    }
}
