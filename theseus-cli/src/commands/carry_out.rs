//! Showing a plan, asking, and carrying it out: what `deploy`, `remove` and `scale` share.

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use theseus_core::engine::{self, Outcome, Progress, Report};
use theseus_core::plan::Plan;

use crate::args::{Format, Global, parse_duration};
use crate::connect::Connection;
use crate::failure::{Code, Failure};
use crate::interrupt;
use crate::output::progress::{self, Teller};
use crate::output::{self, style};

/// How a plan is carried out.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Stop when it is not done after so long, such as 90s or 10m; what is begun stays begun
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
}

/// Shows the plan, asks where somebody can answer, carries it out, and tells how it went.
pub(crate) async fn carry_out(
    global: &Global,
    connection: &Connection,
    plan: &Plan,
    options: &Options,
) -> Result<Code, Failure> {
    if global.format == Format::Text {
        output::say(&output::plan::render(plan, global.verbose > 0));
    }
    if !plan.is_empty() && !options.yes && !confirmed(connection)? {
        output::say("Nothing was done.\n");
        return Ok(Code::Failed);
    }
    let teller = Teller::new(global.format);
    let tell = |progress: Progress| teller.tell(&progress);
    let report = connection
        .engine
        .carry_out(
            plan,
            &engine::Options::default(),
            &tell,
            stop(options.timeout),
        )
        .await
        .map_err(|error| {
            Failure::from(error).or_hint(
                "what is begun stays begun: the same command again goes on where this one was",
            )
        })?;
    progress::finished(&report, global.format)?;
    Ok(code(&report))
}

/// Asks, when there is somebody to answer.
fn confirmed(connection: &Connection) -> Result<bool, Failure> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Ok(true);
    }
    let question = format!("Carry it out on {}?", connection.name);
    dialoguer::Confirm::new()
        .with_prompt(question)
        .default(false)
        .interact()
        .map_err(|error| Failure::new(Code::Failed, format!("cannot ask: {error}")))
}

/// Ready when the work is to stop.
async fn stop(timeout: Option<Duration>) {
    let time = async {
        match timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = interrupt::requested() => output::say(&format!(
            "{} once more to stop at once\n", style::paint(style::CHANGE, "stopping cleanly;"),
        )),
        () = time => output::say(&format!("{}\n", style::paint(style::CHANGE, "the time is over; stopping"))),
    }
}

fn code(report: &Report) -> Code {
    match report.outcome() {
        Outcome::Ok | Outcome::Unchanged => Code::Done,
        Outcome::RolledBack => Code::RolledBack,
        Outcome::Held | Outcome::Stale | Outcome::Overtaken => Code::Conflict,
        Outcome::Skipped | Outcome::Stopped | Outcome::Paused | Outcome::Failed => {
            output::say("help: the same command again goes on where this one was\n");
            Code::Failed
        }
    }
}
