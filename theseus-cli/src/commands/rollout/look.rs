//! One look at what is under way in a group.

use jiff::Timestamp;
use serde::Serialize;
use theseus_core::cluster::{Revision, Scope};
use theseus_core::model::{GroupId, GroupSelector};
use theseus_core::records::{
    Ended, Goal, Halt, HaltKind, HistoryRecord, LockRecord, RolloutRecord,
};
use theseus_core::rollout::{self, Census, Decision, Stage, Trial, View};
use theseus_core::state::GroupState;
use theseus_core::status::RolloutAction;

use crate::args::{Format, Global};
use crate::commands::selection::unknown;
use crate::commands::waiting::name;
use crate::connect::Connection;
use crate::failure::{Code, Failure};
use crate::output::style::{BAD, CHANGE, FAINT, STRONG, inert, paint};
use crate::output::wrap::wrap;
use crate::output::{human, print, print_json, width};

/// What one look found.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Look {
    format_version: u32,
    pub(super) group: GroupId,
    /// What is under way.
    pub(super) rollout: Option<Rollout>,
    /// How the last one ended, when nothing is.
    pub(super) last: Option<Last>,
}

/// What is under way.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Rollout {
    action: RolloutAction,
    revision: Option<Revision>,
    image: Option<String>,
    started_at: Timestamp,
    by: String,
    /// Who carries it out.
    pub(super) holder: Option<LockRecord>,
    pub(super) halted: Option<Halt>,
    pub(super) rolled_back: Option<String>,
    waiting: String,
    instances: u32,
    containers: Census,
    canary: Option<Trial>,
}

/// How a rollout ended.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Last {
    revision: Revision,
    pub(super) outcome: Ended,
    pub(super) reason: Option<String>,
    at: Timestamp,
}

/// Looks at a group.
pub(super) async fn look(connection: &Connection, group: &GroupId) -> Result<Look, Failure> {
    let groups = std::slice::from_ref(group);
    let scope = Scope::Groups(groups.to_vec());
    let engine = &connection.engine;
    // The record is looked at last: whoever holds it may be done meanwhile, and not the other way.
    let holder = engine.holders(groups).await?.remove(group);
    let mut observed = engine.observe(&scope).await?;
    let state = observed.groups.remove(group).unwrap_or_default();
    let rollout = state
        .rollout
        .as_ref()
        .map(|stored| Rollout::new(&stored.record, &state, holder, Timestamp::now()));
    let last = match rollout {
        Some(_) => None,
        None => last(&engine.history(group).await?),
    };
    if rollout.is_none() && last.is_none() && state.is_absent() {
        let all = engine.observe(&Scope::All).await?;
        let selector = GroupSelector::Group(group.clone());
        return Err(unknown(&selector, all.groups.keys()));
    }
    Ok(Look {
        format_version: 1,
        group: group.clone(),
        rollout,
        last,
    })
}

fn last(history: &[HistoryRecord]) -> Option<Last> {
    let ended = history.iter().filter_map(|past| {
        let ending = past.ending.as_ref()?;
        Some(Last {
            revision: past.revision,
            outcome: ending.outcome,
            reason: ending.reason.clone(),
            at: ending.at,
        })
    });
    ended.max_by_key(|last| (last.at, last.outcome == Ended::Restored))
}

impl Rollout {
    fn new(
        record: &RolloutRecord,
        state: &GroupState,
        holder: Option<LockRecord>,
        now: Timestamp,
    ) -> Self {
        let slots = state.slot_hosts();
        let view = View::beside(record, state, &slots, now);
        let (action, revision, spec) = match &record.goal {
            Goal::Present { revision, spec } => {
                (RolloutAction::Deploy, Some(*revision), Some(spec))
            }
            Goal::Absent => (RolloutAction::Remove, None, None),
        };
        Self {
            action,
            revision,
            image: spec.map(|spec| spec.image.clone()),
            started_at: record.started_at,
            by: record.by.clone(),
            holder,
            halted: record.halted.clone(),
            rolled_back: record.rolled_back.clone(),
            waiting: match rollout::decide(&record.group, &record.goal, &view) {
                Decision::Continue { waiting, .. } => waiting,
                Decision::Reached => "its end to be written down".to_owned(),
                Decision::Failed { reason } => reason,
            },
            instances: spec.map_or(0, |spec| spec.instances),
            containers: Census::of(&record.goal, &state.apps, &slots, now),
            canary: rollout::trial(&record.goal, &view),
        }
    }

    /// What changes from look to look, in one line.
    pub(super) fn line(&self, group: &GroupId) -> String {
        let Census { new_ready, .. } = self.containers;
        let mut parts = vec![match self.action {
            RolloutAction::Deploy => format!("{group}: {new_ready}/{} ready", self.instances),
            RolloutAction::Remove => format!("{group}: {} left", self.containers.created()),
        }];
        if let Some(reason) = &self.rolled_back {
            let back = paint(CHANGE, "rolling back");
            parts.push(format!("{back} ({})", inert(reason)));
        }
        parts.push(match &self.halted {
            Some(halt) => paint(
                BAD,
                &format!("{}: {}", kind(halt.kind), inert(&halt.reason)),
            ),
            None => format!("waiting for {}", inert(&self.waiting)),
        });
        parts.join(", ")
    }
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

fn under_way(group: &GroupId, rollout: &Rollout, now: Timestamp, width: Option<u16>) -> String {
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
