//! A plan as people read it: a diff, with the steps behind it.

use std::fmt::Write as _;

use serde_json::Value;
use theseus_core::plan::{Action, FieldChange, GroupPlan, Plan};

use super::style::{BAD, CHANGE, FAINT, GOOD, NOTE, STRONG, inert, paint};
use super::wrap::wrap;
use super::{human, outlook};

/// The whole plan. Groups that stay as they are only count, unless `verbose`.
pub(crate) fn render(plan: &Plan, verbose: bool, width: Option<u16>) -> String {
    let mut text = String::new();
    for group in &plan.groups {
        let is_silent = group.is_empty() && group.notices.is_empty() && group.obstacle.is_none();
        if verbose || !is_silent {
            render_group(&mut text, group, verbose, width);
        }
    }
    for drift in &plan.drift {
        let _ = writeln!(
            text,
            "{} {} of {} is in no record ({} containers); it is left alone",
            paint(NOTE, "?"),
            inert(&drift.app.0),
            drift.group,
            drift.containers,
        );
    }
    if plan.foreign > 0 {
        let _ = writeln!(
            text,
            "{} {} of somebody else's; left alone",
            paint(NOTE, "?"),
            human::count(plan.foreign, "app"),
        );
    }
    let _ = writeln!(text, "{}", paint(STRONG, &plan.summary()));
    text
}

fn render_group(text: &mut String, plan: &GroupPlan, verbose: bool, width: Option<u16>) {
    let (mark, style) = match plan.action {
        Action::Create => ("+", GOOD),
        Action::Remove => ("-", BAD),
        Action::None => ("=", FAINT),
        Action::Scale | Action::Roll | Action::Resume => ("~", CHANGE),
    };
    let _ = writeln!(
        text,
        "{} {}  {}",
        paint(style, &format!("{mark} {:<6}", plan.action.as_str())),
        paint(STRONG, &plan.group.to_string()),
        paint(FAINT, &plan.reason),
    );
    let widest = plan
        .changes
        .iter()
        .map(|change| change.field.chars().count())
        .max()
        .unwrap_or(0);
    for change in &plan.changes {
        render_change(text, change, widest);
    }
    for (index, step) in plan.steps.iter().enumerate() {
        let _ = writeln!(text, "    {}. {step}", index + 1);
    }
    for after in &plan.after {
        let _ = writeln!(text, "    {}", after.words());
    }
    if let Some(outlook) = &plan.outlook {
        outlook::render(text, plan, outlook, verbose, width);
    }
    for notice in &plan.notices {
        let head = format!("    {} ", paint(CHANGE, "note:"));
        text.push_str(&wrap(&head, &inert(notice), width));
    }
    if let Some(obstacle) = &plan.obstacle {
        let head = format!("    {} ", paint(BAD, "not possible:"));
        text.push_str(&wrap(&head, &inert(&obstacle.message), width));
    }
}

fn render_change(text: &mut String, change: &FieldChange, widest: usize) {
    let field = format!("{:<widest$}", inert(&change.field));
    let _ = match (&change.from, &change.to) {
        (Value::Null, to) => writeln!(
            text,
            "    {} {field}  {}",
            paint(GOOD, "+"),
            paint(GOOD, &shown(to))
        ),
        (from, Value::Null) => writeln!(
            text,
            "    {} {field}  {}",
            paint(BAD, "-"),
            paint(BAD, &shown(from))
        ),
        (from, to) => writeln!(
            text,
            "    {} {field}  {} → {}",
            paint(CHANGE, "~"),
            paint(BAD, &shown(from)),
            paint(GOOD, &shown(to)),
        ),
    };
}

/// Texts without their quotes, everything else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => inert(text),
        value => inert(&value.to_string()),
    }
}
