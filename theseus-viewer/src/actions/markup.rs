//! Plans, and what is carried out, as pages show them.

use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::Value;
use theseus_core::engine::Outcome;
use theseus_core::plan::{Action, FieldChange, GroupPlan, Outlook, Plan};

use super::Work;
use super::works::{End, Group, Happened, State};
use crate::pages::{age, moment};

/// A plan as the command shows it: a diff, with the steps behind it.
pub(super) fn plan(plan: &Plan) -> Markup {
    let is_silent =
        |it: &&GroupPlan| it.is_empty() && it.notices.is_empty() && it.obstacle.is_none();
    html! {
        section.plan aria-label="Plan" {
            @for group in plan.groups.iter().filter(|it| !is_silent(it)) { (of_group(group)) }
            @for drift in &plan.drift {
                p.note {
                    (sign("?")) (drift.app) " of " (drift.group) " is in no record ("
                    (drift.containers) " containers); it is left alone"
                }
            }
            p { strong { (plan.summary()) } }
        }
    }
}

fn sign(sign: &str) -> Markup {
    html! { span.sign aria-hidden="true" { (sign) } " " }
}

fn of_group(plan: &GroupPlan) -> Markup {
    let (mark, class) = match plan.action {
        Action::Create => ("+", "good"),
        Action::Remove => ("−", "bad"),
        Action::None => ("=", "idle"),
        Action::Scale | Action::Roll | Action::Resume => ("~", "busy"),
    };
    html! {
        article.change {
            h2 {
                span.state.(class) { (sign(mark)) (plan.action.as_str()) }
                " " (plan.group)
            }
            p.detail { (plan.reason) }
            @if !plan.changes.is_empty() {
                ul.fields { @for change in &plan.changes { li { (field(change)) } } }
            }
            @if !plan.steps.is_empty() {
                ol.steps { @for step in &plan.steps { li { (step) } } }
            }
            @for after in &plan.after { p.detail { (after.words()) } }
            @if let Some(outlook) = &plan.outlook { (expected(plan, outlook)) }
            @for notice in &plan.notices { p.note { strong { "Note: " } (notice) } }
            @if let Some(obstacle) = &plan.obstacle {
                p.problem { (sign("✕")) strong { "Not possible: " } (obstacle.message) }
            }
        }
    }
}

fn expected(plan: &GroupPlan, outlook: &Outlook) -> Markup {
    let (words, is_well) = plan.forecast(&outlook.forecast);
    html! {
        p.(if is_well { "detail" } else { "problem" }) { "Outlook: " (words) }
        @if let Some(room) = &outlook.room {
            p.(if room.is_short() { "problem" } else { "detail" }) { "Room: " (room.words()) }
            @if room.is_short() { ul { @for reason in room.reasons() { li { (reason) } } } }
        }
    }
}

fn field(change: &FieldChange) -> Markup {
    html! {
        code { (change.field) } " "
        @match (&change.from, &change.to) {
            (Value::Null, to) => ins { (shown(to)) },
            (from, Value::Null) => del { (shown(from)) },
            (from, to) => { del { (shown(from)) } " → " ins { (shown(to)) } },
        }
    }
}

/// Texts without their quotes, everything else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// How far something is that is carried out.
pub(super) fn work(work: &Work, now: Timestamp) -> Markup {
    let state = work.state();
    html! {
        div #work data-over=(state.end.is_some()) {
            p.detail { "Begun " (age(work.started_at, now)) " ago by " (work.by) }
            (end(state.end.as_ref()))
            table {
                thead { tr { th scope="col" { "Group" } th scope="col" { "Action" } th scope="col" { "State" } } }
                tbody {
                    @for (group, it) in &state.groups {
                        tr {
                            th scope="row" { a href={ "/groups/" (group) } { (group) } }
                            td data-label="Action" { (it.action.as_str()) }
                            td data-label="State" { (progress(it)) }
                        }
                    }
                }
            }
            (happened(&state))
        }
    }
}

fn end(end: Option<&End>) -> Markup {
    html! {
        p.result role="status" {
            @match end {
                None => span.state.busy { (sign("◐")) "under way" },
                Some(end) => {
                    (outcome(end.outcome))
                    @if let Some(error) = &end.error { ": " (error) }
                    " " span.detail { (moment(end.at)) }
                },
            }
        }
    }
}

fn outcome(outcome: Outcome) -> Markup {
    let (class, mark) = match outcome {
        Outcome::Ok | Outcome::Unchanged => ("good", "✔"),
        Outcome::RolledBack => ("bad", "↺"),
        Outcome::Stopped | Outcome::Paused => ("odd", "‖"),
        Outcome::Skipped
        | Outcome::Held
        | Outcome::Stale
        | Outcome::Overtaken
        | Outcome::Failed => ("bad", "✕"),
    };
    html! { span.state.(class) { (sign(mark)) (outcome.words()) } }
}

fn progress(group: &Group) -> Markup {
    html! {
        @match &group.report {
            Some(report) => {
                (outcome(report.result))
                @if let Some(reason) = &report.reason { ": " (reason) }
            },
            None if group.waiting.is_empty() => "to be begun",
            None => { "waiting for " (group.waiting) },
        }
    }
}

fn happened(state: &State) -> Markup {
    html! {
        @if !state.happened.is_empty() {
            h2 { "What happened" }
            ol.happened reversed {
                @for Happened { at, what } in state.happened.iter().rev() {
                    @if let Some(words) = words(what) { li { (moment(*at)) " " (words) } }
                }
            }
        }
    }
}

/// What happened, in words; nothing for what the table tells.
fn words(progress: &theseus_core::engine::Progress) -> Option<String> {
    use theseus_core::engine::Progress;
    Some(match progress {
        Progress::Started { group, action } => format!("{group}: {} begins", action.as_str()),
        Progress::Changed { group, change } => format!("{group}: {change}"),
        Progress::Trouble { group, message } => match group {
            Some(group) => format!("{group}: trouble: {message}"),
            None => format!("trouble: {message}"),
        },
        Progress::Held { group, message, .. } => format!("{group}: waiting for others: {message}"),
        Progress::RollingBack { group, reason } => format!("{group}: rolling back: {reason}"),
        Progress::Done(report) => match &report.reason {
            Some(reason) => format!("{}: over: {reason}", report.group),
            None => format!("{}: over", report.group),
        },
        _ => return None,
    })
}
