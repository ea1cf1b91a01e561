//! Following a rollout to its end.

use std::time::Duration;

use jiff::Timestamp;
use theseus_core::engine::{Last, Look};
use theseus_core::model::GroupId;
use theseus_core::records::Ended;

use super::look::{line, look, render};
use crate::args::{Format, Global};
use crate::connect::Connection;
use crate::failure::{Code, Failure};
use crate::output::{print, print_json, say, width};

/// How soon it is looked again.
const AGAIN: Duration = Duration::from_millis(500);
/// So many looks in a row have to find nobody at work: one may have let go just before another
/// begins.
const LOOKS: u32 = 3;

/// How following came to its end.
pub(super) enum End {
    /// Nothing is under way any more, or it stands still.
    Over(Code),
    /// Nobody carries it out.
    Abandoned,
}

/// Shows what changes until it is over.
pub(super) async fn watch(
    global: &Global,
    connection: &Connection,
    group: &GroupId,
) -> Result<Code, Failure> {
    match follow(global, connection, group).await? {
        End::Over(code) => Ok(code),
        End::Abandoned => {
            say(&format!(
                "help: nobody carries it out; theseus rollout resume {group} goes on with it\n"
            ));
            Ok(Code::Failed)
        }
    }
}

/// Shows what changes until it is over, or nobody is left to bring it there.
pub(super) async fn follow(
    global: &Global,
    connection: &Connection,
    group: &GroupId,
) -> Result<End, Failure> {
    let mut told = None;
    let mut alone = 0;
    loop {
        let seen = look(connection, group).await?;
        let words = seen.rollout.as_ref().map(|rollout| line(group, rollout));
        // What is over is told in full, too.
        if told.is_none() || words.is_none() || told.as_ref() != Some(&words) {
            tell(global, &seen, told.is_none())?;
        }
        told = Some(words);
        let Some(rollout) = &seen.rollout else {
            return Ok(End::Over(seen.last.as_ref().map_or(Code::Done, code)));
        };
        if rollout.halted.is_some() {
            return Ok(End::Over(Code::Failed));
        }
        alone = if rollout.holder.is_some() {
            0
        } else {
            alone + 1
        };
        if alone == LOOKS {
            return Ok(End::Abandoned);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// All of it at first and at last, what changes in between.
fn tell(global: &Global, seen: &Look, is_first: bool) -> Result<(), Failure> {
    match (&seen.rollout, global.format) {
        (_, Format::Json) => print_json(seen),
        (Some(rollout), Format::Text) if !is_first => {
            print(&format!("{}\n", line(&seen.group, rollout)))
        }
        (_, Format::Text) => print(&render(seen, Timestamp::now(), width())),
    }
}

/// The exit code that goes with the end of a rollout.
fn code(last: &Last) -> Code {
    match last.outcome {
        Ended::Deployed | Ended::Adopted | Ended::Removed => Code::Done,
        Ended::Restored if last.reason.is_none() => Code::Done,
        Ended::Restored | Ended::RolledBack => Code::RolledBack,
        Ended::Failed | Ended::Superseded => Code::Failed,
    }
}
