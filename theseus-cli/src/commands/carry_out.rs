//! Showing a plan, asking, and carrying it out: what all commands share that change something.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;
use theseus_core::cluster::Refusal;
use theseus_core::engine::{self, Ask, GroupReport, Outcome, Progress, Report};
use theseus_core::model::{GroupId, GroupSelector};
use theseus_core::plan::Plan;

use super::waiting;
use crate::args::{Format, Global, parse_duration};
use crate::connect::{Connection, connect};
use crate::failure::{Code, Failure};
use crate::interrupt::Stop;
use crate::output;
use crate::output::progress::{self, Teller};

/// How a plan is carried out.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(super) manner: Manner,
    /// Work on so many groups at the same time
    #[arg(long, value_name = "N", default_value_t = engine::Options::PARALLEL)]
    pub(super) parallel: NonZeroUsize,
    /// Stop all groups where they are as soon as one fails
    #[arg(long)]
    pub(super) fail_fast: bool,
    /// Break off, once, what others are doing to the apps that are to be changed: deployments that
    /// Theseus did not begin here. What they have done until then stays done
    #[arg(long)]
    pub(super) force: bool,
}

/// How anything is carried out, be it one group.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Manner {
    /// Do not ask
    #[arg(long, short)]
    pub(super) yes: bool,
    /// Stop when it is not done after so long, such as 90s or 10m; what is begun stays begun
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) timeout: Option<Duration>,
    /// While somebody else is at it, wait for that to end, for so long at most
    #[arg(
        long,
        value_name = "DURATION",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        value_parser = Patience::parse
    )]
    pub(super) wait: Option<Patience>,
}

/// How long others are waited for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// Until they are done.
    Endless,
    /// For so long.
    AtMost(Duration),
}

impl Patience {
    /// Reads what stands after `--wait=`.
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::Endless);
        }
        parse_duration(text).map(Self::AtMost)
    }
}

impl Manner {
    /// At once, without asking.
    pub(super) fn unasked() -> Self {
        Self {
            yes: true,
            ..Self::default()
        }
    }
}

impl From<Manner> for Options {
    fn from(manner: Manner) -> Self {
        Self {
            manner,
            parallel: engine::Options::PARALLEL,
            fail_fast: false,
            force: false,
        }
    }
}

impl Options {
    fn of_engine(&self) -> engine::Options {
        engine::Options {
            parallel: self.parallel,
            fail_fast: self.fail_fast,
            force: self.force,
        }
    }
}

/// Does what is asked for of groups that are there: plans it, and carries that out.
pub(super) async fn do_as_asked(
    global: &Global,
    options: &Options,
    groups: &[GroupSelector],
    ask: Ask,
) -> Result<Code, Failure> {
    let connection = connect(global).await?.asked_to(ask.deed());
    let plan = async || Ok(connection.engine.plan_ask(groups, ask).await?);
    carry_out(global, &connection, options, plan).await
}

/// Shows a plan, asks where somebody can answer, carries it out, and tells how it went. Whoever
/// waits for others plans again when they are done.
pub(super) async fn carry_out(
    global: &Global,
    connection: &Connection,
    options: &Options,
    plan: impl AsyncFn() -> Result<Plan, Failure>,
) -> Result<Code, Failure> {
    let first = plan_in_turn(connection, options, &plan).await?;
    show(global, &first);
    if !agreed(connection, &first, options)? {
        return Ok(Code::Failed);
    }
    let stuck = stuck(&first);
    let report = carried_out(global, connection, options, first, &plan).await?;
    progress::finished(&report, global.format)?;
    if let Some(help) = help(&report, &stuck) {
        output::say(&format!("help: {help}\n"));
    }
    Ok(code(report.outcome()))
}

/// Plans; and once more, if somebody else works on it and is to be waited for.
pub(super) async fn plan_in_turn(
    connection: &Connection,
    options: &Options,
    plan: &impl AsyncFn() -> Result<Plan, Failure>,
) -> Result<Plan, Failure> {
    let first = plan().await?;
    check(connection, &first).await?;
    let Some(patience) = options.manner.wait else {
        return Ok(first);
    };
    let stop = Stop::new(options.manner.timeout);
    if waiting::wait(connection, &first, patience, &stop).await? {
        return plan().await;
    }
    Ok(first)
}

/// Asks the cluster whether it can run what is planned, wherever that comes from.
async fn check(connection: &Connection, plan: &Plan) -> Result<(), Failure> {
    connection.tell_notices().await?;
    let refusals = connection.engine.refusals(plan).await?;
    let lines = refusals.iter().flat_map(|(group, refusals)| {
        refusals.iter().map(move |Refusal { field, message }| {
            let field = field.as_ref().map(|field| format!("{field}: "));
            format!("{group}: {}{message}", field.unwrap_or_default())
        })
    });
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(lines.join("\n")))
}

/// Shows a plan to people; programs are told what is done.
pub(super) fn show(global: &Global, plan: &Plan) {
    if global.format == Format::Text {
        let width = output::width_of_errors();
        output::say(&output::plan::render(plan, global.verbose > 0, width));
    }
}

/// Whether it is to be done.
pub(super) fn agreed(
    connection: &Connection,
    plan: &Plan,
    options: &Options,
) -> Result<bool, Failure> {
    if plan.is_empty() || options.manner.yes {
        return Ok(true);
    }
    confirmed(&format!("Carry it out on {}?", connection.name))
}

/// Asks, when there is somebody to answer. Who says no is told that nothing was done.
pub(super) fn confirmed(question: &str) -> Result<bool, Failure> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Ok(true);
    }
    let yes = dialoguer::Confirm::new()
        .with_prompt(question)
        .default(false)
        .interact()
        .map_err(|error| Failure::new(Code::Failed, format!("cannot ask: {error}")))?;
    if !yes {
        output::say("Nothing was done.\n");
    }
    Ok(yes)
}

/// Carries a plan out. What others have begun first is planned and carried out again after them, if
/// they are to be waited for.
async fn carried_out(
    global: &Global,
    connection: &Connection,
    options: &Options,
    mut plan: Plan,
    again: &impl AsyncFn() -> Result<Plan, Failure>,
) -> Result<Report, Failure> {
    let stop = Stop::new(options.manner.timeout);
    let teller = Teller::new(global.format);
    let mut ended: BTreeMap<GroupId, GroupReport> = BTreeMap::new();
    loop {
        let stuck = stuck(&plan);
        let is_lost = |report: &GroupReport| {
            let taken = matches!(report.result, Outcome::Held | Outcome::Stale);
            options.manner.wait.is_some() && taken && !stuck.contains(&report.group)
        };
        let tell = |progress: Progress| match &progress {
            Progress::Done(report) if is_lost(report) => {}
            _ => teller.tell(&progress),
        };
        let report = connection
            .engine
            .carry_out(&plan, &options.of_engine(), &tell, stop.requested())
            .await
            .map_err(|error| {
                Failure::from(error).or_hint(
                    "what is begun stays begun: the same command again goes on where this one was",
                )
            })?;
        let mut left: BTreeSet<GroupId> = BTreeSet::new();
        if report.groups.iter().any(is_lost) {
            // What was skipped may have come after what was lost.
            let again = |it: &&GroupReport| is_lost(it) || it.result == Outcome::Skipped;
            left.extend(
                report
                    .groups
                    .iter()
                    .filter(again)
                    .map(|it| it.group.clone()),
            );
        }
        let groups = report.groups.into_iter();
        ended.extend(groups.map(|report| (report.group.clone(), report)));
        let Some(patience) = options.manner.wait.filter(|_| !left.is_empty()) else {
            return Ok(Report {
                groups: ended.into_values().collect(),
            });
        };
        plan.groups.retain(|plan| left.contains(&plan.group));
        waiting::wait(connection, &plan, patience, &stop).await?;
        plan = again().await?;
        plan.groups.retain(|plan| left.contains(&plan.group));
        show(global, &plan);
    }
}

/// The groups that nobody's end will help.
fn stuck(plan: &Plan) -> BTreeSet<GroupId> {
    let stuck = plan.groups.iter().filter(|plan| plan.obstacle.is_some());
    stuck.map(|plan| plan.group.clone()).collect()
}

/// What to do after it ended so.
fn help(report: &Report, stuck: &BTreeSet<GroupId>) -> Option<&'static str> {
    let is_held = |it: &GroupReport| it.result == Outcome::Held && !stuck.contains(&it.group);
    match report.outcome() {
        Outcome::Held | Outcome::Stale | Outcome::Overtaken => report
            .groups
            .iter()
            .any(is_held)
            .then_some("whoever died while he deployed lets go within 10s; --wait waits for it"),
        Outcome::Paused => Some("theseus rollout resume GROUP goes on with what is paused"),
        Outcome::Skipped | Outcome::Stopped | Outcome::Failed => {
            Some("the same command again goes on where this one was")
        }
        Outcome::Ok | Outcome::Unchanged | Outcome::RolledBack => None,
    }
}

/// The exit code that goes with an outcome.
pub(super) fn code(outcome: Outcome) -> Code {
    match outcome {
        Outcome::Ok | Outcome::Unchanged => Code::Done,
        Outcome::RolledBack => Code::RolledBack,
        Outcome::Held | Outcome::Stale | Outcome::Overtaken => Code::Conflict,
        Outcome::Skipped | Outcome::Stopped | Outcome::Paused | Outcome::Failed => Code::Failed,
    }
}
