//! `theseus describe GROUP`

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use theseus_core::cluster::{Part, Scope};
use theseus_core::model::{GroupId, GroupSelector};
use theseus_core::registry::{self, CountsRecord};
use theseus_core::state::{GroupState, Observed};
use theseus_core::status::{GroupDescription, GroupStatus, SlotDescription, status};

use super::super::ps::{container_columns, container_row};
use super::super::selection::select;
use super::super::status::{condition, restarts};
use super::super::waiting::name;
use crate::args::{Format, Global};
use crate::connect::connect;
use crate::failure::{Code, Failure};
use crate::output::style::{BAD, FAINT, STRONG, inert, paint};
use crate::output::table::{Align, Column, render};
use crate::output::wrap::wrap;
use crate::output::{human, print, print_json, width};

type Description<'a> = GroupDescription<'a, More>;

/// What the registrar tells besides.
#[derive(Serialize)]
struct More {
    #[serde(skip_serializing_if = "Option::is_none")]
    restarted_at: Option<Timestamp>,
}

pub(super) async fn run(global: &Global, group: &GroupId) -> Result<Code, Failure> {
    let connection = connect(global).await?;
    let observed = connection.engine.observe(&Scope::All).await?;
    select(&observed, &[GroupSelector::Group(group.clone())])?;
    // Selected, so it is known and has a status.
    let Some((state, mut status)) = one(&observed, group) else {
        return Ok(Code::Failed);
    };
    let counts = registry::counts(&*connection.store).await?;
    let counts = counts.get(group);
    status.restarts = counts.map(CountsRecord::restarts);
    let more = More {
        restarted_at: counts.and_then(CountsRecord::restarted_at),
    };
    let apps = state.apps.iter();
    let description = GroupDescription::new(
        &status,
        more,
        state.target().map(|(_, spec)| &**spec),
        slots_of(state, counts),
        apps.filter_map(|app| app.last_failure.as_ref()).collect(),
    );
    match global.format {
        Format::Json => print_json(&description)?,
        Format::Text => print(&text(&description, Timestamp::now(), width()))?,
    }
    Ok(Code::Done)
}

fn one<'a>(observed: &'a Observed, group: &GroupId) -> Option<(&'a GroupState, GroupStatus)> {
    let state = observed.groups.get(group)?;
    let status = status(observed)
        .groups
        .into_iter()
        .find(|status| status.group == *group)?;
    Some((state, status))
}

fn slots_of<'a>(state: &'a GroupState, counts: Option<&CountsRecord>) -> Vec<SlotDescription<'a>> {
    let slots = state.slots.iter();
    slots
        .map(|(number, stored)| {
            let mut apps = state.apps.iter().rev();
            let app = apps.find(|app| app.part == Part::Slot(*number));
            let counted = app
                .zip(counts)
                .and_then(|(app, counts)| counts.apps.iter().find(|counted| counted.app == app.id));
            SlotDescription {
                record: &stored.record,
                restarts: counted.map(|counted| counted.restarts),
            }
        })
        .collect()
}

fn text(description: &Description<'_>, now: Timestamp, width: Option<u16>) -> String {
    let status = description.status;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}  {}, {} of {} ready",
        paint(STRONG, &status.group.to_string()),
        condition(status.condition()),
        status.healthy,
        status.instances,
    );
    if let Some(revision) = status.revision {
        let age = status
            .deployed_at
            .map(|at| format!(", deployed {} ago", human::age(Some(at), now)));
        let _ = writeln!(text, "revision {revision}{}", age.unwrap_or_default());
    }
    if let Some(restarts @ 1..) = status.restarts {
        let times = human::count(restarts as usize, "restart");
        let last = human::age(description.more.restarted_at, now);
        let _ = writeln!(text, "{times}, the last {last} ago");
    }
    if let Some(rollout) = &status.rollout {
        let what = match rollout.revision {
            Some(revision) => format!("to revision {revision}"),
            None => "that removes the group".to_owned(),
        };
        let _ = writeln!(
            text,
            "rollout {what}, begun {} ago by {}",
            human::age(Some(rollout.started_at), now),
            name(&rollout.by),
        );
        if let Some(reason) = &rollout.rolled_back {
            text.push_str(&wrap("  it goes back: ", &inert(reason), width));
        }
        if let Some(halt) = &rollout.halted {
            let head = format!("  {} ", paint(BAD, "it stands still:"));
            text.push_str(&wrap(&head, &inert(&halt.reason), width));
        }
        let _ = writeln!(text, "  theseus rollout status {} tells more", status.group);
    }
    if let Some(Value::Object(fields)) = &description.spec {
        let _ = writeln!(text, "\n{}", paint(STRONG, "Spec"));
        let widest = fields
            .keys()
            .map(|field| field.chars().count())
            .max()
            .unwrap_or(0);
        for (field, value) in fields {
            let value = match value {
                Value::String(text) => inert(text),
                value => inert(&value.to_string()),
            };
            let _ = writeln!(text, "  {:<widest$}  {value}", inert(field));
        }
    }
    let _ = writeln!(text, "\n{}", paint(STRONG, "Containers"));
    if status.containers.is_empty() {
        let _ = writeln!(text, "  {}", paint(FAINT, "none"));
    } else {
        let rows: Vec<_> = status
            .containers
            .iter()
            .map(|container| container_row(container, now))
            .collect();
        text.push_str(&render(&container_columns(), &rows, width));
    }
    if !description.slots.is_empty() {
        let _ = writeln!(text, "\n{}", paint(STRONG, "Slots"));
        text.push_str(&slot_table(&description.slots, now, width));
    }
    for drift in &status.drift {
        let _ = writeln!(
            text,
            "\n{} is in no record: revision {}, {}",
            inert(&drift.app.0),
            drift.revision,
            human::count(drift.containers, "container"),
        );
    }
    for failure in &description.last_failures {
        let _ = writeln!(
            text,
            "\n{} {} ago on {}: {}",
            paint(BAD, "last failure"),
            human::age(failure.at, now),
            failure
                .host
                .as_deref()
                .map_or_else(|| "an unknown host".to_owned(), inert),
            inert(&failure.message),
        );
    }
    text
}

/// Where the slots of a fixed-host group are.
fn slot_table(slots: &[SlotDescription<'_>], now: Timestamp, width: Option<u16>) -> String {
    let columns = [
        Column("SLOT", Align::Right),
        Column("HOST", Align::Left),
        Column("SINCE", Align::Right),
        Column("MOVED FROM", Align::Left),
        Column("LOST", Align::Right),
        Column("RESTARTS", Align::Right),
    ];
    let row = |SlotDescription {
                   record: slot,
                   restarts: times,
               }: &SlotDescription<'_>| {
        let lost = slot.lost_since.map(|since| human::age(Some(since), now));
        vec![
            slot.slot.to_string(),
            inert(&slot.host),
            human::age(Some(slot.since), now),
            slot.moved_from
                .as_deref()
                .map_or_else(|| "-".to_owned(), inert),
            lost.map_or_else(|| "-".to_owned(), |lost| paint(BAD, &lost)),
            restarts(*times),
        ]
    };
    render(&columns, &slots.iter().map(row).collect::<Vec<_>>(), width)
}
