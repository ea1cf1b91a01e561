//! Rehearsing a deploy: the real engine and the real client carry it out on a copy of the cluster in
//! memory, on a clock that jumps from one event to the next.

mod reality;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use theseus_core::cluster::Scope;
use theseus_core::engine::{Engine, GroupReport, Options, Outcome, Progress, Report};
use theseus_core::model::{GroupId, Promote};
use theseus_core::plan::{Desired, Plan};
use theseus_core::records::Goal;
use theseus_core::rollout::{self, Census, Stage, View};
use tokio::time::{Instant, sleep};

use crate::connect::Connection;
use crate::failure::{Code, Failure};
use reality::{Copy, Reality};

/// Whatever takes longer is not waited for, on the rehearsal's own clock.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How soon somebody says that canaries are good.
const PROMOTION: Duration = Duration::from_secs(1);

/// How a rehearsal went.
#[derive(Debug, Serialize)]
pub(crate) struct Rehearsal {
    /// How many hosts there were.
    pub(crate) hosts: usize,
    /// Whether some of them, or what they have, is made up.
    pub(crate) assumed_hosts: bool,
    /// How long containers took to start, in seconds.
    pub(crate) start_seconds: f64,
    /// Whether that is made up.
    pub(crate) assumed_start: bool,
    /// Apps that are not part of it, because nobody knows what they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) left_out: Vec<String>,
    /// What happened, in order.
    pub(crate) timeline: Vec<Moment>,
    /// How each group ended.
    pub(crate) groups: Vec<Rehearsed>,
}

/// Something that happened.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Moment {
    /// How long after the beginning.
    pub(crate) seconds: f64,
    pub(crate) group: GroupId,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(crate) enum What {
    /// The cluster was told to change something.
    Changed { change: String },
    /// So many containers were there.
    Counted {
        #[serde(flatten)]
        census: Census,
        instances: u32,
    },
    /// Somebody said that the canaries are good, as a person has to.
    Promoted,
    /// It failed, and went back.
    RollingBack { reason: String },
}

/// How one group ended.
#[derive(Debug, Serialize)]
pub(crate) struct Rehearsed {
    #[serde(flatten)]
    pub(crate) report: GroupReport,
    /// The fewest containers that were sure to serve; `None` where nothing was counted.
    pub(crate) fewest_serving: Option<u32>,
    /// The most that existed or might have.
    pub(crate) most_created: Option<u32>,
    /// How many there were to be.
    pub(crate) instances: u32,
}

impl Rehearsal {
    /// The worst of all groups.
    pub(crate) fn outcome(&self) -> Outcome {
        let results = self.groups.iter().map(|group| group.report.result);
        results.max().unwrap_or(Outcome::Unchanged)
    }
}

/// Rehearses what leads to what is wanted.
pub(crate) async fn rehearse(
    connection: &Connection,
    desired: Desired,
) -> Result<Rehearsal, Failure> {
    let reality = Reality::look(connection).await?;
    let (tell, told) = tokio::sync::oneshot::channel();
    let cannot = |why: String| Failure::new(Code::Failed, format!("cannot rehearse: {why}"));
    // A paused clock wants a runtime, and a thread, of its own.
    let play = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        let played = match runtime {
            Ok(runtime) => runtime.block_on(play(&reality, &desired)),
            Err(error) => Err(cannot(error.to_string())),
        };
        // Whoever asked may have gone.
        let _ = tell.send(played);
    };
    std::thread::Builder::new()
        .name("rehearsal".to_owned())
        .spawn(play)
        .map_err(|error| cannot(error.to_string()))?;
    told.await
        .map_err(|_| cannot("it was broken off".to_owned()))?
}

async fn play(reality: &Reality, desired: &Desired) -> Result<Rehearsal, Failure> {
    let (start, began) = (Timestamp::now(), Instant::now());
    let clock = move || after(start, began);
    let copy = reality.copy(start).await?;
    let Copy {
        marathon, store, ..
    } = copy;
    let engine =
        Engine::new(Arc::new(marathon), Arc::new(store), clock).in_the_name_of("the rehearsal");
    let plan = engine.plan(desired).await?;
    let timeline = Timeline {
        start: clock(),
        began: Instant::now(),
        moments: Mutex::default(),
    };
    let report = carry_out(&engine, &plan, &timeline).await?;
    let timeline = timeline.moments.into_inner();
    let timeline = timeline.unwrap_or_else(PoisonError::into_inner);
    Ok(Rehearsal {
        hosts: copy.hosts,
        assumed_hosts: copy.assumed_hosts,
        start_seconds: copy.start_time.as_secs_f64(),
        assumed_start: copy.assumed_start_time,
        left_out: copy.left_out,
        groups: rehearsed(report, &timeline),
        timeline,
    })
}

/// What the time is when it was `start` as it began.
fn after(start: Timestamp, began: Instant) -> Timestamp {
    let elapsed = SignedDuration::try_from(began.elapsed()).unwrap_or(SignedDuration::MAX);
    start.checked_add(elapsed).unwrap_or(Timestamp::MAX)
}

async fn carry_out(engine: &Engine, plan: &Plan, timeline: &Timeline) -> Result<Report, Failure> {
    let options = Options::default();
    let tell = |progress: Progress| timeline.tell(progress);
    let work = engine.carry_out(plan, &options, &tell, sleep(LONGEST));
    tokio::select! {
        report = work => Ok(report?),
        failure = promote(engine, plan, timeline) => Err(failure),
    }
}

/// Says of canaries that they are good as soon as somebody has to, until that fails.
async fn promote(engine: &Engine, plan: &Plan, timeline: &Timeline) -> Failure {
    let asks = |goal: &Goal| matches!(goal, Goal::Present { spec, .. } if spec.update.promote == Promote::Manual);
    let groups = plan.groups.iter().filter(|plan| asks(&plan.goal));
    let groups: Vec<GroupId> = groups.map(|plan| plan.group.clone()).collect();
    if groups.is_empty() {
        return std::future::pending().await;
    }
    loop {
        sleep(PROMOTION).await;
        if let Err(failure) = promote_due(engine, &groups, timeline).await {
            return failure;
        }
    }
}

async fn promote_due(
    engine: &Engine,
    groups: &[GroupId],
    timeline: &Timeline,
) -> Result<(), Failure> {
    let observed = engine.observe(&Scope::Groups(groups.to_vec())).await?;
    for (group, state) in &observed.groups {
        let Some(stored) = &state.rollout else {
            continue;
        };
        let rollout = &stored.record;
        let slots = state.slot_hosts();
        let view = View::beside(rollout, state, &slots, timeline.now());
        let trial = rollout::trial(&rollout.goal, &view);
        if trial.is_some_and(|trial| trial.stage == Stage::Asking) {
            engine.promote(group).await?;
            timeline.add(group.clone(), What::Promoted);
        }
    }
    Ok(())
}

/// What happens, as it is told.
struct Timeline {
    start: Timestamp,
    began: Instant,
    moments: Mutex<Vec<Moment>>,
}

impl Timeline {
    fn now(&self) -> Timestamp {
        after(self.start, self.began)
    }

    fn tell(&self, progress: Progress) {
        match progress {
            Progress::Changed { group, change } => self.add(group, What::Changed { change }),
            Progress::Waiting {
                group,
                census,
                instances,
                ..
            } => self.add(group, What::Counted { census, instances }),
            Progress::RollingBack { group, reason } => {
                self.add(group, What::RollingBack { reason });
            }
            _ => {}
        }
    }

    fn add(&self, group: GroupId, what: What) {
        let moments = self.moments.lock();
        moments
            .unwrap_or_else(PoisonError::into_inner)
            .push(Moment {
                seconds: (self.began.elapsed().as_secs_f64() * 10.0).round() / 10.0,
                group,
                what,
            });
    }
}

fn rehearsed(report: Report, timeline: &[Moment]) -> Vec<Rehearsed> {
    let mut counts: BTreeMap<&GroupId, Vec<(Census, u32)>> = BTreeMap::new();
    for moment in timeline {
        if let What::Counted { census, instances } = &moment.what {
            let counted = counts.entry(&moment.group).or_default();
            counted.push((*census, *instances));
        }
    }
    let groups = report.groups.into_iter().map(|report| {
        let counted = counts.remove(&report.group).unwrap_or_default();
        let each = || counted.iter().map(|(census, _)| census);
        Rehearsed {
            fewest_serving: each().map(Census::serving).min(),
            most_created: each().map(Census::created).max(),
            instances: counted.last().map_or(0, |(_, instances)| *instances),
            report,
        }
    });
    groups.collect()
}
