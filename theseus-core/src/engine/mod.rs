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

mod adopt;
mod ask;
mod begin;
pub(crate) mod commit;
mod control;
mod explain;
mod export;
mod held;
mod journal;
mod look;
pub(crate) mod observe;
mod pace;
mod place;
mod progress;
mod queue;
mod settle;
mod turn;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use jiff::Timestamp;

use crate::audit::Deed;
use crate::cluster::{Cluster, ClusterError, Scope};
use crate::model::GroupId;
use crate::placement::{Rule, Rules};
use crate::plan::{self, Desired, GroupPlan, Plan};
use crate::records::{Goal, RecordError};
use crate::state::Observed;
use crate::store::{Store, StoreError};

pub use adopt::{Adopted, Candidate};
pub use ask::{Ask, AskError, CheckError, UnknownGroup};
pub use control::{Abort, ControlError};
pub use look::{Last, Look, UnderWay};
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

/// How a plan is carried out.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many groups are worked on at the same time.
    pub parallel: NonZeroUsize,
    /// Whether one group that fails stops all others where they are.
    pub fail_fast: bool,
    /// Whether a person has asked for what others are doing to the groups' apps to be broken off.
    /// That is done once for each group, for this run only, and never on the way back of a rollout
    /// that failed.
    pub force: bool,
}

impl Options {
    /// How many groups are worked on at the same time, unless something else is said. They share
    /// their looks and their writes, so it may be many.
    pub const PARALLEL: NonZeroUsize = NonZeroUsize::new(1000).expect("it is not 0");
}

impl Default for Options {
    fn default() -> Self {
        Self {
            parallel: Self::PARALLEL,
            fail_fast: false,
            force: false,
        }
    }
}

/// Tells the time. Core has no clock of its own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Plans, and carries plans out, over a cluster and a store.
#[derive(Clone)]
pub struct Engine {
    cluster: Arc<dyn Cluster>,
    store: Arc<dyn Store>,
    clock: Clock,
    by: String,
    deed: Deed,
    rules: Rules,
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
            by: String::new(),
            deed: Deed::default(),
            rules: Rules::default(),
            environment: BTreeMap::new(),
        }
    }

    /// Says in whose name the engine works: `ana@ci-7`. It is written into locks, rollouts and
    /// history, for others to read.
    #[must_use]
    pub fn in_the_name_of(mut self, by: impl Into<String>) -> Self {
        self.by = by.into();
        self
    }

    /// In whose name the engine works; empty where nobody said so.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// Says what the engine was asked for, where it is not a deploy. It is written into the audit
    /// trail.
    #[must_use]
    pub fn asked_to(mut self, deed: Deed) -> Self {
        self.deed = deed;
        self
    }

    /// Looks after custom constraints of its own, besides those that Theseus knows.
    #[must_use]
    pub fn with_rule(mut self, rule: Arc<dyn Rule>) -> Self {
        self.rules = self.rules.with(rule);
        self
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
        let mut groups: BTreeSet<GroupId> = desired.remove.clone();
        for (group, spec) in &desired.deploy {
            groups.insert(group.clone());
            groups.extend(spec.depends_on.iter().cloned());
            groups.extend(plan::neighbours(spec).cloned());
        }
        let scope = Scope::Groups(groups.into_iter().collect());
        let observed = self.observe(&scope).await?;
        let plan = planned(desired, &observed);
        Ok(self.foresee(plan, &observed).await)
    }

    /// Looks at everything while what is wanted is still being read, and plans. That is for very many
    /// groups, of which a selection would be no quicker. What is wrong with what is read comes before
    /// what is wrong with cluster or store.
    pub async fn plan_beside<E: From<EngineError>>(
        &self,
        reading: impl Future<Output = Result<Desired, E>>,
    ) -> Result<Plan, E> {
        let (desired, observed) =
            observe::observe_beside(&self.cluster, &self.store, reading).await?;
        let plan = planned(&desired, &observed);
        let plan = self.foresee(plan, &observed).await;
        // Nobody needs to wait until all of it is given back.
        tokio::task::spawn_blocking(move || drop((desired, observed)));
        Ok(plan)
    }

    /// Looks ahead at what a plan brings: where its containers go, whether there is room for them,
    /// and how long it takes. What nothing can satisfy becomes an obstacle of the group.
    pub async fn foresee(&self, mut plan: Plan, observed: &Observed) -> Plan {
        let matters = |plan: &GroupPlan| match &plan.goal {
            Goal::Present { spec, .. } => !plan.is_empty() || spec.fixed_host().is_some(),
            Goal::Absent => false,
        };
        if plan.groups.iter().any(matters) {
            let terrain = self.terrain(observed).await;
            plan::foresee(&mut plan, observed, &terrain, &self.rules, (self.clock)());
        }
        plan
    }

    /// Carries a plan out, telling `progress` what happens, until it is done or `stop` is ready.
    ///
    /// A group that fails does not keep the others from going on; the report says how each of
    /// them ended. An error means that cluster or store were out of reach for too long; then, as
    /// after a stop, carrying out the same plan anew goes on where this one was.
    pub async fn carry_out(
        &self,
        plan: &Plan,
        options: &Options,
        progress: &(dyn Fn(Progress) + Send + Sync),
        stop: impl Future<Output = ()> + Send,
    ) -> Result<Report, EngineError> {
        turn::run(self, plan, options, progress, stop).await
    }
}

/// The plan alone. Of groups that it is not asked about it tells nothing, though they were looked at
/// because where they are may matter.
fn planned(desired: &Desired, observed: &Observed) -> Plan {
    let mut plan = plan::plan(desired, observed);
    plan.drift.retain(|drift| desired.speaks_of(&drift.group));
    plan
}
