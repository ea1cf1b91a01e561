//! Those who deploy: each a person at a terminal whose processes may be killed or stand still.

use std::sync::Arc;
use std::time::Duration;

use theseus_core::cluster::Scope;
use theseus_core::engine::{Engine, EngineError, Options, Outcome, Report};
use theseus_core::model::GroupId;
use theseus_core::plan::{self, Plan};
use tokio::sync::Notify;
use tokio::time::{sleep, sleep_until, timeout};

use super::frozen::{Freezing, Frost};
use super::scenario::{Command, Step};
use super::site::Site;
use crate::desired;

/// No command may take longer, faults or not: nothing waits for longer than its deadline without
/// progress, and there are at most five containers in each of three groups to make some.
const LONGEST: Duration = Duration::from_secs(3600);
/// How often somebody tries again whom others were in the way of.
const TRIES: u32 = 40;
/// How soon.
const AGAIN: Duration = Duration::from_secs(5);

/// Somebody who deploys.
#[derive(Debug)]
pub(super) struct Deployer {
    pub(super) name: String,
    pub(super) site: Arc<Site>,
    pub(super) frost: Frost,
    /// Told when the present process is killed.
    pub(super) kill: Notify,
}

impl Deployer {
    pub(super) fn new(name: impl Into<String>, site: &Arc<Site>) -> Self {
        Self {
            name: name.into(),
            site: Arc::clone(site),
            frost: Frost::default(),
            kill: Notify::new(),
        }
    }

    /// Does one thing after the other.
    pub(super) async fn play(&self, script: Vec<Step>) {
        let began = tokio::time::Instant::now();
        for step in script {
            sleep_until(began + step.at).await;
            self.carry_out(&step.command).await;
        }
    }

    /// Does one thing, as often as it takes; gives the last report, if it came to one.
    pub(super) async fn carry_out(&self, command: &Command) -> Option<Report> {
        self.site
            .note(format_args!("{} does {command:?}", self.name));
        for number in 0..TRIES {
            let by = format!(
                "{}#{}#{number}",
                self.name,
                self.site.world.age().as_millis()
            );
            let engine = self.site.engine(&by);
            let process = Freezing::new(run(&engine, command), self.frost.clone());
            let ended = tokio::select! {
                biased;
                () = self.kill.notified() => None,
                ended = timeout(LONGEST, process) => Some(ended),
            };
            match ended {
                None => self.site.note(format_args!("{by} is killed")),
                Some(Err(_)) => {
                    self.site
                        .accuse(&format!("{by} did not end in {LONGEST:?}: {command:?}"));
                    return None;
                }
                Some(Ok(Err(error))) => self.site.note(format_args!("{by} fails: {error:?}")),
                Some(Ok(Ok(None))) => return None,
                Some(Ok(Ok(Some(report)))) => {
                    self.site
                        .note(format_args!("{by} reports {:?}", report.groups));
                    self.judge(&report);
                    if !report
                        .groups
                        .iter()
                        .any(|it| is_to_be_tried_again(it.result))
                    {
                        return Some(report);
                    }
                }
            }
            sleep(AGAIN).await;
        }
        self.site.note(format_args!("{} gives up", self.name));
        None
    }

    /// Each ending has a name, and a bad one its reason.
    fn judge(&self, report: &Report) {
        for group in &report.groups {
            if !group.result.is_well() && group.reason.as_ref().is_none_or(String::is_empty) {
                self.site
                    .accuse(&format!("it ends without a reason: {group:?}"));
            }
        }
    }
}

fn is_to_be_tried_again(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Held | Outcome::Stale | Outcome::Overtaken)
}

/// One process.
async fn run(engine: &Engine, command: &Command) -> Result<Option<Report>, EngineError> {
    let plan = match command {
        Command::Apply(manifest) => Some(engine.plan(&desired(manifest)).await?),
        Command::Rollback(group) => {
            let history = engine.history(group).await?;
            single(engine, group, |state| {
                plan::rollback(group, state, &history, None).ok()
            })
            .await?
        }
        Command::Restart(group) => {
            single(engine, group, |state| plan::restart(group, state)).await?
        }
        Command::Resume(group) => single(engine, group, |state| plan::resume(group, state)).await?,
        Command::Pause(group) => {
            let _ = engine.pause(group, "somebody wanted it").await;
            None
        }
        Command::Abort(group) => {
            let _ = engine.abort(group).await;
            None
        }
        Command::Promote(group) => {
            let _ = engine.promote(group).await;
            None
        }
    };
    let Some(plan) = plan else { return Ok(None) };
    let (options, to_the_end) = (Options::default(), std::future::pending());
    let report = engine
        .carry_out(&plan, &options, &|_| (), to_the_end)
        .await?;
    Ok(Some(report))
}

async fn single(
    engine: &Engine,
    group: &GroupId,
    plan: impl FnOnce(&theseus_core::state::GroupState) -> Option<plan::GroupPlan>,
) -> Result<Option<Plan>, EngineError> {
    let observed = engine.observe(&Scope::Groups(vec![group.clone()])).await?;
    let state = observed.groups.get(group).cloned().unwrap_or_default();
    let groups: Vec<_> = plan(&state).into_iter().collect();
    Ok((!groups.is_empty()).then(|| Plan {
        groups,
        ..Plan::default()
    }))
}
