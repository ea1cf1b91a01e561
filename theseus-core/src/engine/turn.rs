//! The loop: look, decide, apply, wait.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::pace::Pace;
use super::progress::{GroupReport, Outcome, Progress, Report};
use super::work::{Work, complete, describe, rollout_of};
use super::{Engine, EngineError, journal};
use crate::cluster::{Change, ClusterError, Scope};
use crate::model::GroupId;
use crate::plan::{Action, GroupPlan, Plan};
use crate::records::{Goal, Stored, rollout_key};
use crate::rollout::{Census, Decision, Slots, View, decide};
use crate::state::{GroupState, Observed, Records};
use crate::store::{self, StoreError};

/// How long cluster or store may be out of reach before the loop gives up.
const OUTAGE: Duration = Duration::from_secs(120);
/// How soon something is looked at again of which no event will tell.
const AGAIN: SignedDuration = SignedDuration::from_millis(250);

/// The store's revisions of rollouts, by their keys.
type Rollouts = BTreeMap<String, store::Revision>;

type Tell<'a> = &'a (dyn Fn(Progress) + Send + Sync);

pub(super) async fn run(
    engine: &Engine,
    plan: &Plan,
    tell: Tell<'_>,
    stop: impl Future<Output = ()> + Send,
) -> Result<Report, EngineError> {
    let mut run = Run {
        engine,
        tell,
        active: BTreeMap::new(),
        reports: Vec::new(),
    };
    run.begin(plan).await?;
    if !run.active.is_empty() {
        run.work(stop).await?;
    }
    run.reports.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(Report {
        groups: run.reports,
    })
}

struct Run<'a> {
    engine: &'a Engine,
    tell: Tell<'a>,
    /// The groups that are not where they are to come.
    active: BTreeMap<GroupId, Work>,
    reports: Vec<GroupReport>,
}

impl Run<'_> {
    fn now(&self) -> Timestamp {
        (self.engine.clock)()
    }

    /// Writes down what is about to be done, and reports at once what takes no more than that.
    async fn begin(&mut self, plan: &Plan) -> Result<(), EngineError> {
        let now = self.now();
        let groups: Vec<GroupId> = plan
            .groups
            .iter()
            .filter(|p| !p.is_empty())
            .map(|p| p.group.clone())
            .collect();
        let before = if groups.is_empty() {
            Observed::default()
        } else {
            super::observe::records(&*self.engine.store, &groups).await?
        };
        let mut written = Vec::new();
        let mut txns = Vec::new();
        for group in &plan.groups {
            match opening(group, now) {
                Some(txn) => {
                    txns.push(txn);
                    written.push(group);
                }
                None if group.is_empty() => self.end(report(group, Outcome::Unchanged, None)),
                None => self.take_up(group, before.groups.get(&group.group)),
            }
        }
        let answers = journal::commit_all(&*self.engine.store, txns).await;
        for (group, answer) in written.into_iter().zip(answers) {
            match answer {
                Ok(_) if group.action == Action::None => self.end(report(group, Outcome::Ok, None)),
                Ok(revision) => {
                    let former = before
                        .groups
                        .get(&group.group)
                        .and_then(|state| state.record.clone());
                    let rollout = Stored {
                        record: rollout_of(group, now),
                        modified: revision,
                    };
                    self.start(group, rollout, former);
                }
                Err(StoreError::Conflict { .. }) => {
                    self.end(report(group, Outcome::Stale, Some(stale())));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Goes on with a rollout that is written down already just as it is planned.
    fn take_up(&mut self, plan: &GroupPlan, state: Option<&GroupState>) {
        let rollout = state.and_then(|state| state.rollout.clone());
        match rollout.filter(|stored| Some(stored.modified) == plan.base.rollout) {
            Some(rollout) => {
                let former = state.and_then(|state| state.record.clone());
                self.start(plan, rollout, former);
            }
            None => self.end(report(plan, Outcome::Stale, Some(stale()))),
        }
    }

    fn start(
        &mut self,
        plan: &GroupPlan,
        rollout: Stored<crate::records::RolloutRecord>,
        former: Option<Stored<crate::records::GroupRecord>>,
    ) {
        (self.tell)(Progress::Started {
            group: plan.group.clone(),
            action: plan.action,
        });
        let work = Work {
            group: plan.group.clone(),
            action: plan.action,
            began: self.now(),
            rollout,
            former,
            best: None,
            progress_at: self.now(),
            told: None,
        };
        self.active.insert(plan.group.clone(), work);
    }

    fn end(&mut self, report: GroupReport) {
        (self.tell)(Progress::Done(report.clone()));
        self.reports.push(report);
    }

    /// Takes a group out of the work.
    fn close(&mut self, group: &GroupId, result: Outcome, reason: Option<String>) {
        if let Some(work) = self.active.remove(group) {
            let report = work.report(result, reason, self.now());
            self.end(report);
        }
    }

    async fn work(&mut self, stop: impl Future<Output = ()> + Send) -> Result<(), EngineError> {
        tokio::pin!(stop);
        let mut pace = tokio::select! {
            biased;
            () = &mut stop => {
                self.stopped();
                return Ok(());
            }
            pace = Pace::attach(&*self.engine.cluster) => pace,
        };
        let mut reached_at = Instant::now();
        while !self.active.is_empty() {
            let looked = Instant::now();
            // Looking may be cut short; what follows from it may not.
            let seen = tokio::select! {
                biased;
                () = &mut stop => break,
                seen = self.look() => seen,
            };
            let took = looked.elapsed();
            let turned = match seen {
                Ok((observed, rollouts)) => {
                    self.drop_overtaken(&rollouts);
                    self.turn(observed).await
                }
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
                    self.now().checked_add(AGAIN).ok()
                }
                Err(error) => return Err(error),
            };
            if self.active.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = pace.wait(self.now(), until, took) => {}
            }
        }
        self.stopped();
        Ok(())
    }

    /// What runs of the groups, and which rollouts of them are written down.
    async fn look(&self) -> Result<(Observed, Rollouts), EngineError> {
        let groups: Vec<GroupId> = self.active.keys().cloned().collect();
        let rollouts = super::observe::rollouts(&*self.engine.store, &groups);
        let scope = Scope::Groups(groups.clone());
        let snapshot = async { Ok(self.engine.cluster.observe(&scope).await?) };
        let (rollouts, snapshot) = tokio::try_join!(rollouts, snapshot)?;
        Ok((Observed::new(Records::default(), snapshot), rollouts))
    }

    /// Lets go of the groups whose rollout somebody has replaced: two deployers of one group would
    /// undo each other's changes for ever.
    fn drop_overtaken(&mut self, rollouts: &Rollouts) {
        let overtaken_groups: Vec<GroupId> = self
            .active
            .values()
            .filter(|work| rollouts.get(&rollout_key(&work.group)) != Some(&work.rollout.modified))
            .map(|work| work.group.clone())
            .collect();
        for group in overtaken_groups {
            self.close(&group, Outcome::Overtaken, Some(overtaken()));
        }
    }

    /// Reports what is not done yet, if anything, as stopped.
    fn stopped(&mut self) {
        for group in self.active.keys().cloned().collect::<Vec<_>>() {
            self.close(
                &group,
                Outcome::Stopped,
                Some("asked for again, it goes on from here".to_owned()),
            );
        }
    }

    /// One turn for all groups; gives the time at which the next look is due at the latest.
    async fn turn(&mut self, observed: Observed) -> Result<Option<Timestamp>, EngineError> {
        let now = self.now();
        let absent = GroupState::default();
        let slots = Slots::new();
        let (mut changes, mut owners) = (Vec::new(), Vec::new());
        let (mut reached, mut failed) = (Vec::new(), Vec::new());
        let mut next: Option<Timestamp> = None;
        for (group, work) in &mut self.active {
            let state = observed.groups.get(group).unwrap_or(&absent);
            let census = Census::take(&state.apps, work.revision(), Duration::ZERO, now);
            work.mark_progress(&census, now);
            let view = View {
                apps: &state.apps,
                stopping: state.stopping,
                progress_at: work.progress_at,
                now,
                failed_starts: 0,
                promoted: work.rollout.record.promoted,
                slots: &slots,
            };
            match decide(group, &work.rollout.record.goal, &view) {
                Decision::Reached => reached.push(group.clone()),
                Decision::Failed { reason } => failed.push((group.clone(), reason)),
                Decision::Continue {
                    changes: wanted,
                    waiting,
                    until,
                } => {
                    tell_waiting(self.tell, work, census, waiting);
                    next = [next, until].into_iter().flatten().min();
                    owners.extend(wanted.iter().map(|_| group.clone()));
                    changes.extend(
                        wanted
                            .into_iter()
                            .map(|change| self.engine.completed(change)),
                    );
                }
            }
        }
        self.finish(&reached).await?;
        let turned_back = !failed.is_empty();
        for (group, reason) in failed {
            self.fail(&group, reason).await?;
        }
        let unsettled = self.apply(changes, owners).await?;
        // No event tells of what did not happen.
        let again = (turned_back || unsettled).then(|| now.checked_add(AGAIN).unwrap_or(now));
        Ok([next, again].into_iter().flatten().min())
    }

    /// Writes down that these groups are where they were to come.
    async fn finish(&mut self, reached: &[GroupId]) -> Result<(), EngineError> {
        let now = self.now();
        let txns = reached
            .iter()
            .map(|group| journal::finish(&self.active[group], now))
            .collect();
        let answers = journal::commit_all(&*self.engine.store, txns).await;
        for (group, answer) in reached.iter().zip(answers) {
            match answer {
                Ok(_) => match self.active[group].rollout.record.rolled_back.clone() {
                    Some(reason) => self.close(group, Outcome::RolledBack, Some(reason)),
                    None => self.close(group, Outcome::Ok, None),
                },
                Err(StoreError::Conflict { .. }) => {
                    self.close(group, Outcome::Overtaken, Some(overtaken()));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Turns a failed rollout back, or leaves it as it is for somebody to decide.
    async fn fail(&mut self, group: &GroupId, reason: String) -> Result<(), EngineError> {
        let now = self.now();
        let Some(work) = self.active.get_mut(group) else {
            return Ok(());
        };
        let Some(rollout) = work.rollback(&reason) else {
            let reason = work.rollout.record.rolled_back.take().unwrap_or(reason);
            self.close(group, Outcome::Failed, Some(reason));
            return Ok(());
        };
        let txn = journal::turn_back(work, &rollout);
        match journal::commit_all(&*self.engine.store, vec![txn])
            .await
            .remove(0)
        {
            Ok(modified) => {
                work.turn_to(
                    Stored {
                        record: rollout,
                        modified,
                    },
                    now,
                );
                (self.tell)(Progress::RollingBack {
                    group: group.clone(),
                    reason,
                });
            }
            Err(StoreError::Conflict { .. }) => {
                self.close(group, Outcome::Overtaken, Some(overtaken()));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Tells the cluster what to change, and says whether anything is to be looked at again soon.
    /// What fails in passing is seen, and tried again, on the next look; what is refused ends the
    /// group's work.
    async fn apply(
        &mut self,
        changes: Vec<Change>,
        owners: Vec<GroupId>,
    ) -> Result<bool, EngineError> {
        if changes.is_empty() {
            return Ok(false);
        }
        let mut unsettled = false;
        let answers = self.engine.cluster.apply(&changes).await;
        let mut unreachable = None;
        for ((change, group), answer) in changes.iter().zip(owners).zip(answers) {
            match answer {
                Ok(_) => (self.tell)(Progress::Changed {
                    group,
                    change: describe(change),
                }),
                Err(ClusterError::Busy { .. } | ClusterError::Gone { .. }) => {}
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
                    self.fail(&group, chain(&error)).await?;
                }
            }
        }
        unreachable.map_or(Ok(unsettled), |error| Err(error.into()))
    }
}

impl Engine {
    fn completed(&self, change: Change) -> Change {
        match change {
            Change::Create(app) => Change::Create(Box::new(complete(*app, &self.environment))),
            change => change,
        }
    }
}

/// What is written before work on a group begins; nothing when it is written already, or when
/// there is nothing to do.
fn opening(plan: &GroupPlan, now: Timestamp) -> Option<store::Txn> {
    match (&plan.action, &plan.goal) {
        _ if plan.is_empty() => None,
        (Action::None, Goal::Present { revision, spec }) => {
            Some(journal::note(plan, *revision, spec, now))
        }
        // Resumed as it is; with other numbers it is written anew.
        (Action::Resume, _) if plan.changes.is_empty() => None,
        _ => Some(journal::begin(plan, &rollout_of(plan, now))),
    }
}

fn report(plan: &GroupPlan, result: Outcome, reason: Option<String>) -> GroupReport {
    GroupReport {
        group: plan.group.clone(),
        action: plan.action,
        result,
        reason,
        took: jiff::SignedDuration::ZERO,
    }
}

fn stale() -> String {
    "it has changed since the plan was made: plan again".to_owned()
}

fn overtaken() -> String {
    "somebody else has begun to deploy it meanwhile".to_owned()
}

/// Tells how far a group is, unless that was told already.
fn tell_waiting(tell: Tell<'_>, work: &mut Work, census: Census, waiting: String) {
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

/// An error with all its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
