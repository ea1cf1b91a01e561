//! The loop: look, decide, apply, wait.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, timeout};

use super::held::Held;
use super::pace::Pace;
use super::progress::{GroupReport, Progress, Report};
use super::queue::Queue;
use super::work::{Work, complete, describe};
use super::{Engine, EngineError, Options, observe};
use crate::causes::chain;
use crate::cluster::{
    App, AppId, Change, ClusterError, NewApp, Operation, OperationId, Revision, Scope,
};
use crate::hold::Hold;
use crate::model::{GroupId, duration};
use crate::plan::Plan;
use crate::rollout::{Census, Decision, View, decide, is_over, patience};
use crate::state::{GroupState, Observed};
use crate::store::{self, Entry, StoreError};

/// How long cluster or store may be out of reach before the loop gives up.
const OUTAGE: Duration = Duration::from_secs(120);
/// How soon something is looked at again of which no event will tell.
const AGAIN: SignedDuration = SignedDuration::from_millis(250);
/// What was seen longer ago than this is not acted on.
const MAX_AGE: Duration = Duration::from_secs(10);
/// How long giving up the lock may take; it ends by itself anyway.
pub(super) const GOODBYE: Duration = Duration::from_secs(2);

pub(super) type Tell<'a> = &'a (dyn Fn(Progress) + Send + Sync);

pub(super) async fn run(
    engine: &Engine,
    plan: &Plan,
    options: &Options,
    tell: Tell<'_>,
    stop: impl Future<Output = ()> + Send,
) -> Result<Report, EngineError> {
    let mut run = Run {
        engine,
        tell,
        options,
        queue: Queue::new(plan),
        active: BTreeMap::new(),
        reports: Vec::new(),
        accepted: BTreeSet::new(),
        idle_since: (engine.clock)(),
        adopted: BTreeMap::new(),
    };
    run.dismiss_unchanged();
    if !run.queue.is_empty() {
        let store = &*engine.store;
        let awaited: Vec<GroupId> = run.queue.awaited().into_iter().collect();
        run.note_adopted(&observe::records(store, &awaited).await?);
        let hold = Hold::take(store, &engine.by, run.now()).await?;
        let worked = run.hold_and_work(&hold, stop).await;
        // Whatever happened: nobody is to wait for us any longer.
        let _ = timeout(GOODBYE, hold.release(store)).await;
        let _ = timeout(GOODBYE, engine.cluster.unsubscribe()).await;
        worked?;
    }
    run.reports.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(Report {
        groups: run.reports,
    })
}

pub(super) struct Run<'a> {
    pub(super) engine: &'a Engine,
    pub(super) tell: Tell<'a>,
    pub(super) options: &'a Options,
    /// The groups that are not begun.
    pub(super) queue: Queue<'a>,
    /// The groups that are not where they are to come.
    pub(super) active: BTreeMap<GroupId, Work>,
    pub(super) reports: Vec<GroupReport>,
    /// What the cluster carries out because it was told so here.
    pub(super) accepted: BTreeSet<OperationId>,
    /// When there was last something to work on.
    pub(super) idle_since: Timestamp,
    /// The apps that groups have taken over as they ran, and the revisions that those run.
    pub(super) adopted: BTreeMap<GroupId, (AppId, Revision)>,
}

/// What one look found.
pub(super) struct Seen {
    pub(super) observed: Observed,
    /// What the cluster is carrying out.
    pub(super) operations: BTreeMap<OperationId, Operation>,
    /// The rollouts of the active groups, as they are written down now.
    rollouts: BTreeMap<String, Entry>,
    began: Instant,
}

impl Run<'_> {
    pub(super) fn now(&self) -> Timestamp {
        (self.engine.clock)()
    }

    async fn hold_and_work(
        &mut self,
        hold: &Hold,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), EngineError> {
        let keep = hold.keep(&*self.engine.store);
        let work = self.work(hold, stop);
        tokio::pin!(keep, work);
        tokio::select! {
            biased;
            worked = &mut work => worked,
            // The loop sees that the lock is lost, and lets go in its own time.
            () = &mut keep => work.await,
        }
    }

    async fn work(
        &mut self,
        hold: &Hold,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), EngineError> {
        tokio::pin!(stop);
        self.begin_due(hold, &Observed::default()).await?;
        if self.is_over() {
            return Ok(());
        }
        let mut pace = tokio::select! {
            biased;
            () = &mut stop => {
                self.stopped();
                return Ok(());
            }
            pace = Pace::attach(&*self.engine.cluster, &self.engine.store, hold.acquired()) => pace,
        };
        if let Some(why) = pace.unheard().or_else(|| self.engine.cluster.unheard()) {
            (self.tell)(Progress::Looking { why });
        }
        let mut reached_at = Instant::now();
        while !self.is_over() {
            let looked = Instant::now();
            // Looking may be cut short; what follows from it may not.
            let seen = tokio::select! {
                biased;
                () = &mut stop => break,
                seen = self.look() => seen,
            };
            let took = looked.elapsed();
            let turned = match seen {
                Ok(seen) => self.turn(hold, seen).await,
                Err(error) => Err(error),
            };
            let until = match turned {
                Ok(until) => {
                    reached_at = Instant::now();
                    until
                }
                Err(error) if is_passing(&error) && reached_at.elapsed() < OUTAGE => {
                    (self.tell)(Progress::Trouble {
                        group: None,
                        message: chain(&error),
                    });
                    self.soon()
                }
                Err(error) => return Err(error),
            };
            if hold.is_lost() {
                self.lost();
            }
            if self.is_over() {
                return Ok(());
            }
            let known = self.known();
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = pace.wait(self.now(), until, took, &known) => {}
            }
        }
        self.stopped();
        Ok(())
    }

    /// The rollouts that are worked on, and when each was written as far as is known here.
    fn known(&self) -> BTreeMap<String, store::Revision> {
        let works = self.active.values();
        works
            .map(|work| (work.key(), work.rollout.modified))
            .collect()
    }

    fn is_over(&self) -> bool {
        self.active.is_empty() && self.queue.is_empty()
    }

    /// In a moment.
    pub(super) fn soon(&self) -> Option<Timestamp> {
        self.now().checked_add(AGAIN).ok()
    }

    /// What runs of the groups that matter, and which rollouts are written down.
    async fn look(&self) -> Result<Seen, EngineError> {
        let began = Instant::now();
        let active: Vec<GroupId> = self.active.keys().cloned().collect();
        let mut watched: BTreeSet<GroupId> = self.queue.awaited();
        watched.extend(active.iter().cloned());
        let adopted = watched.iter().filter_map(|group| {
            let (app, revision) = self.adopted.get(group)?;
            Some((app, (group, *revision)))
        });
        let adopted: Vec<_> = adopted.collect();
        let scope = Scope::Groups(watched.iter().cloned().collect());
        let cluster = &*self.engine.cluster;
        let rollouts = observe::rollouts(&*self.engine.store, &active);
        let snapshot = async { Ok(cluster.observe(&scope).await?) };
        let foreign = async { Ok(observe::foreign(cluster, adopted.iter().map(|it| it.0)).await?) };
        let (rollouts, mut snapshot, foreign) = tokio::try_join!(rollouts, snapshot, foreign)?;
        snapshot.foreign = foreign;
        snapshot.adopt(adopted.into_iter());
        let operations = std::mem::take(&mut snapshot.operations).into_iter();
        Ok(Seen {
            operations: operations.map(|it| (it.id.clone(), it)).collect(),
            observed: Observed::default().beside(snapshot),
            rollouts,
            began,
        })
    }

    /// One turn for all groups; gives the time at which the next look is due at the latest.
    async fn turn(&mut self, hold: &Hold, seen: Seen) -> Result<Option<Timestamp>, EngineError> {
        self.heed(hold, &seen.rollouts).await?;
        self.settle_slots(hold, &seen.observed).await?;
        let puzzling = self.ask_why().await;
        self.place_again(hold, puzzling, &seen.observed).await?;
        let mut decided = self.decide(&seen.observed);
        self.force(&mut decided, &seen);
        self.spare_others(&mut decided, &seen);
        let others = self.held(&seen);
        self.forget_held(&others);
        self.tell_held(others).await;
        self.finish(hold, &decided.reached).await?;
        for (group, reason) in std::mem::take(&mut decided.failed) {
            decided.unsettled = true;
            self.fail(hold, &group, reason).await?;
        }
        let began = self.begin_due(hold, &seen.observed).await?;
        let is_old = seen.began.elapsed() > MAX_AGE || !hold.is_sure();
        if is_old && !decided.changes.is_empty() {
            tracing::debug!("what was seen is too old to act on");
            return Ok(self.soon());
        }
        let unsettled = self.apply(hold, decided.changes, decided.owners).await?;
        if began {
            return Ok(Some(self.now()));
        }
        // No event tells of what did not happen.
        let again = (decided.unsettled || unsettled)
            .then(|| self.soon())
            .flatten();
        Ok([decided.until, again].into_iter().flatten().min())
    }

    fn decide(&mut self, observed: &Observed) -> Decided {
        let now = self.now();
        let absent = GroupState::default();
        let mut decided = Decided::default();
        for (group, work) in &mut self.active {
            let state = observed.groups.get(group).unwrap_or(&absent);
            let slots = work.hosts();
            let census = Census::of(&work.rollout.record.goal, &state.apps, &slots, now);
            if let Some((app, reason)) = state.unread() {
                let patience = patience(&work.rollout.record.goal);
                if is_over(work.mark_unread(now), patience, now) {
                    let patience = duration::format(patience);
                    let reason = format!(
                        "what is told of {app} has not been understood for {patience}: {reason}"
                    );
                    decided.failed.push((group.clone(), reason));
                    continue;
                }
                let waiting = format!("what is told of {app} to be understood: {reason}");
                tell_waiting(self.tell, work, census, waiting);
                decided.unsettled = true;
                continue;
            }
            work.mark_read(now);
            work.mark_progress(&census, now);
            work.mark_adopted(&state.apps);
            work.starts.look(&state.apps);
            let view = View {
                apps: &state.apps,
                stopping: state.stopping,
                progress_at: work.progress_at,
                now,
                failed_starts: work.starts.failed(),
                promoted: work.is_promoted(),
                turning_back: work.rollout.record.rolled_back.is_some(),
                slots: &slots,
            };
            match decide(group, &work.rollout.record.goal, &view) {
                Decision::Reached => decided.reached.push(group.clone()),
                Decision::Failed { reason } => decided.failed.push((group.clone(), reason)),
                Decision::Continue {
                    changes,
                    waiting,
                    until,
                } => {
                    tell_waiting(self.tell, work, census, waiting);
                    decided.until = [decided.until, until].into_iter().flatten().min();
                    decided.owners.extend(changes.iter().map(|_| group.clone()));
                    decided.changes.extend(changes);
                }
            }
        }
        decided
    }

    /// Tells the cluster what to change, and says whether anything is to be looked at again soon.
    /// What fails in passing is seen, and tried again, on the next look; what is refused ends the
    /// group's work.
    async fn apply(
        &mut self,
        hold: &Hold,
        changes: Vec<Change>,
        owners: Vec<GroupId>,
    ) -> Result<bool, EngineError> {
        if changes.is_empty() {
            return Ok(false);
        }
        let changes: Vec<Change> = changes
            .into_iter()
            .zip(&owners)
            .map(|(change, group)| self.completed(change, group))
            .collect();
        for (change, group) in changes.iter().zip(&owners) {
            if let Some(work) = self.active.get_mut(group) {
                work.starts.told(change);
            }
        }
        let mut unsettled = false;
        let answers = self.engine.cluster.apply(&changes).await;
        let (mut unreachable, mut others) = (None, Held::new());
        for ((change, group), answer) in changes.iter().zip(owners).zip(answers) {
            match answer {
                Ok(accepted) => {
                    self.accepted.extend(accepted.operation);
                    (self.tell)(Progress::Changed {
                        group,
                        change: describe(change),
                    });
                }
                Err(ClusterError::Busy { operations, .. }) if !operations.is_empty() => {
                    others.entry(group).or_default().extend(operations);
                }
                Err(error @ ClusterError::Busy { .. }) => (self.tell)(Progress::Trouble {
                    group: Some(group),
                    message: chain(&error),
                }),
                Err(ClusterError::Gone { .. }) => {}
                Err(error @ ClusterError::Unreachable { .. }) => unreachable = Some(error),
                // Nobody but an operator can mend these; what is begun stays as it is till then.
                Err(error @ (ClusterError::Denied { .. } | ClusterError::Garbled { .. })) => {
                    return Err(error.into());
                }
                Err(error) if error.is_passing() => {
                    unsettled = true;
                    (self.tell)(Progress::Trouble {
                        group: Some(group),
                        message: chain(&error),
                    });
                }
                Err(error) => {
                    unsettled = true;
                    self.fail(hold, &group, chain(&error)).await?;
                }
            }
        }
        self.tell_held(others).await;
        unreachable.map_or(Ok(unsettled), |error| Err(error.into()))
    }

    /// A change with everything in it that new containers are told.
    fn completed(&self, change: Change, group: &GroupId) -> Change {
        let constraints = self
            .active
            .get(group)
            .map_or(&[][..], |work| &work.constraints);
        let complete = |app: NewApp| complete(app, &self.engine.environment, constraints);
        match change {
            Change::Create(app) => Change::Create(Box::new(complete(*app))),
            Change::Update(app) => Change::Update(Box::new(complete(*app))),
            change => change,
        }
    }
}

/// What is to be done about all groups.
#[derive(Default)]
pub(super) struct Decided {
    pub(super) reached: Vec<GroupId>,
    failed: Vec<(GroupId, String)>,
    pub(super) changes: Vec<Change>,
    /// The group of each change.
    pub(super) owners: Vec<GroupId>,
    /// The groups whose changes break off what others do, as a person has asked for.
    pub(super) forced: BTreeSet<GroupId>,
    until: Option<Timestamp>,
    pub(super) unsettled: bool,
}

impl Decided {
    /// Takes out the changes that are to be dropped, by their groups.
    pub(super) fn drop_changes(
        &mut self,
        mut is_dropped: impl FnMut(&GroupId, &mut Change) -> bool,
    ) {
        let changes = std::mem::take(&mut self.changes).into_iter();
        let owners = std::mem::take(&mut self.owners);
        for (mut change, owner) in changes.zip(owners) {
            if !is_dropped(&owner, &mut change) {
                self.changes.push(change);
                self.owners.push(owner);
            }
        }
    }
}

/// How many containers of a group serve.
pub(super) fn serving(observed: &Observed, group: &GroupId) -> u32 {
    let apps: &[App] = observed
        .groups
        .get(group)
        .map_or(&[], |state| &state.apps[..]);
    let served = apps
        .iter()
        .flat_map(|app| app.containers.iter().filter(|it| app.is_served_by(it)));
    u32::try_from(served.count()).unwrap_or(u32::MAX)
}

/// Tells how far a group is, unless that was told already.
fn tell_waiting(tell: Tell<'_>, work: &mut Work, census: Census, mut waiting: String) {
    if let Some(delay) = &work.delay {
        waiting = format!("{waiting}; {delay}");
    }
    let told = Some((census, waiting.clone()));
    if work.told != told {
        work.told = told;
        let (group, instances) = (work.group.clone(), work.instances());
        tell(Progress::Waiting {
            group,
            waiting,
            census,
            instances,
        });
    }
}

fn is_passing(error: &EngineError) -> bool {
    match error {
        EngineError::Cluster(error) => error.is_passing(),
        EngineError::Store(error) => {
            matches!(
                error,
                StoreError::Unreachable { .. } | StoreError::Unclear { .. }
            )
        }
        EngineError::Record(_) => false,
    }
}
