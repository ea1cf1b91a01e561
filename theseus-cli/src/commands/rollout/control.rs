//! Telling a rollout what to do.

use jiff::Timestamp;
use serde::Serialize;
use theseus_core::engine::Ask;
use theseus_core::model::{GroupId, GroupSelector};

use super::follow::{End, follow};
use super::look::{look, render};
use crate::args::{Format, Global};
use crate::commands::carry_out::{Manner, Options, carry_out, confirmed};
use crate::commands::waiting::name;
use crate::connect::Connection;
use crate::failure::{Code, Failure};
use crate::output::style::{GOOD, STRONG, paint};
use crate::output::{print, print_json, say, width_of_errors};

/// What has been told a rollout.
#[derive(Serialize)]
struct Told<'a> {
    format_version: u32,
    group: &'a GroupId,
    result: &'static str,
}

fn tell(
    global: &Global,
    group: &GroupId,
    result: &'static str,
    then: &str,
) -> Result<Code, Failure> {
    match global.format {
        Format::Json => print_json(&Told {
            format_version: 1,
            group,
            result,
        })?,
        Format::Text => print(&format!(
            "{} {} {result}; {then}\n",
            paint(GOOD, "✔"),
            paint(STRONG, &group.to_string())
        ))?,
    }
    Ok(Code::Done)
}

pub(super) async fn pause(
    global: &Global,
    connection: &Connection,
    group: &GroupId,
    reason: &str,
) -> Result<Code, Failure> {
    connection.engine.pause(group, reason).await?;
    let then = format!("theseus rollout resume {group} goes on");
    tell(global, group, "paused", &then)
}

pub(super) async fn promote(
    global: &Global,
    connection: &Connection,
    group: &GroupId,
) -> Result<Code, Failure> {
    connection.engine.promote(group).await?;
    let holders = connection
        .engine
        .holders(std::slice::from_ref(group))
        .await?;
    let then = match holders.get(group) {
        Some(holder) => format!("{} goes on with the others", name(&holder.by)),
        None => format!("nobody carries it out: theseus rollout resume {group}"),
    };
    tell(global, group, "promoted", &then)
}

pub(super) async fn resume(
    global: &Global,
    connection: &Connection,
    group: &GroupId,
    manner: &Manner,
) -> Result<Code, Failure> {
    let options = Options::from(manner.clone());
    let groups = [GroupSelector::Group(group.clone())];
    let plan = async || Ok(connection.engine.plan_ask(&groups, Ask::Resume).await?);
    carry_out(global, connection, &options, plan).await
}

/// Takes a rollout back: by whoever carries it out, or else from here.
pub(super) async fn abort(
    global: &Global,
    connection: &Connection,
    group: &GroupId,
    manner: &Manner,
) -> Result<Code, Failure> {
    let seen = look(connection, group).await?;
    if seen
        .rollout
        .as_ref()
        .is_some_and(|it| it.rolled_back.is_none())
    {
        if global.format == Format::Text {
            say(&render(&seen, Timestamp::now(), width_of_errors()));
        }
        let question = format!("Take it back on {}?", connection.name);
        if !manner.yes && !confirmed(&question)? {
            return Ok(Code::Failed);
        }
    }
    let abort = connection.engine.abort(group).await?;
    if let Some(holder) = &abort.holder {
        say(&format!(
            "{} carries it out, and takes it back\n",
            name(&holder.by)
        ));
        match follow(global, connection, group).await? {
            End::Over(code) => return Ok(as_asked(code)),
            End::Abandoned => say("nobody carries it out any more; going on from here\n"),
        }
    }
    let unasked = Manner {
        yes: true,
        ..manner.clone()
    };
    resume(global, connection, group, &unasked)
        .await
        .map(as_asked)
}

/// What was to go back and did is done.
fn as_asked(code: Code) -> Code {
    match code {
        Code::RolledBack => Code::Done,
        code => code,
    }
}
