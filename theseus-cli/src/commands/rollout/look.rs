//! One look at what is under way in a group.

use jiff::Timestamp;
use theseus_core::cluster::Scope;
use theseus_core::engine::{Look, UnderWay};
use theseus_core::model::{GroupId, GroupSelector};
use theseus_core::records::HaltKind;
use theseus_core::rollout::{Census, Stage, Trial};
use theseus_core::status::RolloutAction;

use crate::args::{Format, Global};
use crate::commands::selection::unknown;
use crate::commands::waiting::name;
use crate::connect::Connection;
use crate::failure::{Code, Failure};
use crate::output::style::{BAD, CHANGE, FAINT, STRONG, inert, paint};
use crate::output::wrap::wrap;
use crate::output::{human, print, print_json, width};

/// Looks at a group.
pub(super) async fn look(connection: &Connection, group: &GroupId) -> Result<Look, Failure> {
    let engine = &connection.engine;
    if let Some(look) = engine.look(group).await? {
        return Ok(look);
    }
    let all = engine.observe(&Scope::All).await?;
    let selector = GroupSelector::Group(group.clone());
    Err(unknown(&selector, all.groups.keys()))
}

/// What changes from look to look, in one line.
pub(super) fn line(group: &GroupId, rollout: &UnderWay) -> String {
    let Census { new_ready, .. } = rollout.containers;
    let mut parts = vec![match rollout.action {
        RolloutAction::Deploy => format!("{group}: {new_ready}/{} ready", rollout.instances),
        RolloutAction::Remove => format!("{group}: {} left", rollout.containers.created()),
    }];
    if let Some(reason) = &rollout.rolled_back {
        let back = paint(CHANGE, "rolling back");
        parts.push(format!("{back} ({})", inert(reason)));
    }
    parts.push(match &rollout.halted {
        Some(halt) => paint(
            BAD,
            &format!("{}: {}", kind(halt.kind), inert(&halt.reason)),
        ),
        None => format!("waiting for {}", inert(&rollout.waiting)),
    });
    parts.join(", ")
}

pub(super) async fn show(
    global: &Global,
    connection: &Connection,
    group: &GroupId,
) -> Result<Code, Failure> {
    let look = look(connection, group).await?;
    match global.format {
        Format::Json => print_json(&look)?,
        Format::Text => print(&render(&look, Timestamp::now(), width()))?,
    }
    Ok(Code::Done)
}

/// A look as people read it.
pub(super) fn render(look: &Look, now: Timestamp, width: Option<u16>) -> String {
    match &look.rollout {
        Some(rollout) => under_way(&look.group, rollout, now, width),
        None => over(look, now, width),
    }
}

/// That nothing is under way, and how it came to that.
fn over(look: &Look, now: Timestamp, width: Option<u16>) -> String {
    let group = paint(STRONG, &look.group.to_string());
    let mut text = format!("{group}  nothing is under way\n");
    if let Some(last) = &look.last {
        let mut words = format!(
            "revision {} was {} {} ago",
            last.revision,
            last.outcome.as_str(),
            human::age(Some(last.at), now)
        );
        if let Some(reason) = &last.reason {
            words.push_str(": ");
            words.push_str(&inert(reason));
        }
        text.push_str(&wrap("  ", &words, width));
    }
    text
}

fn under_way(group: &GroupId, rollout: &UnderWay, now: Timestamp, width: Option<u16>) -> String {
    let goal = match (rollout.revision, &rollout.image) {
        (Some(revision), Some(image)) => format!("to revision {revision}, {}", inert(image)),
        _ => "to be removed".to_owned(),
    };
    let back = if rollout.rolled_back.is_some() {
        "back "
    } else {
        ""
    };
    let mut text = format!("{}  {back}{goal}\n", paint(STRONG, &group.to_string()));
    let mut tell = |label: &str, words: &str| {
        text.push_str(&wrap(
            &format!("  {}", paint(FAINT, &format!("{label:<13}"))),
            words,
            width,
        ));
    };
    let ago = human::age(Some(rollout.started_at), now);
    tell("begun", &format!("{ago} ago by {}", name(&rollout.by)));
    if let Some(reason) = &rollout.rolled_back {
        tell("goes back", &format!("because: {}", inert(reason)));
    }
    let Census {
        new,
        new_ready,
        old,
        old_ready,
    } = rollout.containers;
    let instances = rollout.instances;
    if rollout.action == RolloutAction::Deploy {
        tell(
            "new",
            &format!("{new_ready} of {instances} ready, {new} there or asked for"),
        );
    }
    tell("old", &format!("{old_ready} ready, {old} there"));
    if let Some(trial) = &rollout.canary {
        tell("canaries", &canaries(trial, group, now));
    }
    if let Some(halt) = &rollout.halted {
        let by = if halt.by.is_empty() {
            String::new()
        } else {
            format!(" by {}", inert(&halt.by))
        };
        let words = format!(
            "{}{by} {} ago: {}",
            paint(BAD, kind(halt.kind)),
            human::age(Some(halt.at), now),
            inert(&halt.reason)
        );
        tell("stands still", &words);
    } else {
        tell("waits for", &inert(&rollout.waiting));
    }
    match &rollout.holder {
        Some(holder) if rollout.halted.is_none() => {
            let since = human::age(Some(holder.since), now);
            tell(
                "carried out",
                &format!("by {}, for {since} now", name(&holder.by)),
            );
        }
        _ => {
            if rollout.halted.is_none() {
                tell("carried out", &paint(BAD, "by nobody"));
            }
            tell("to go on", &format!("theseus rollout resume {group}"));
            if rollout.rolled_back.is_none() {
                tell("to go back", &format!("theseus rollout abort {group}"));
            }
        }
    }
    text
}

fn canaries(trial: &Trial, group: &GroupId, now: Timestamp) -> String {
    let count = trial.count;
    match trial.stage {
        Stage::Starting => format!("{count}, starting"),
        Stage::Baking(until) => {
            let left = until.duration_since(now);
            format!(
                "{count}, ready, and watched for {} more",
                human::rough(left)
            )
        }
        Stage::Asking => format!("{count}, ready; if good: theseus rollout promote {group}"),
    }
}

fn kind(kind: HaltKind) -> &'static str {
    match kind {
        HaltKind::Paused => "paused",
        HaltKind::Failed | HaltKind::Kept => "failed",
    }
}
