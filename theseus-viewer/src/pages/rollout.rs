//! What is under way in a group: how far it is, what it waits for, what is left to do.

use jiff::Timestamp;
use maud::{Markup, html};
use theseus_core::records::HaltKind;
use theseus_core::rollout::{Stage, Trial};
use theseus_core::status::{GroupStatus, RolloutAction, RolloutStatus};

use super::{meter, words};
use crate::view::{Group, Progress};

/// New containers that are ready, new ones that are not, and old ones, as parts of a bar.
pub(super) fn shares(group: &GroupStatus, progress: &Progress) -> [(&'static str, f64); 3] {
    let census = &progress.census;
    let all = census.created().max(group.instances).max(1);
    let part = |count: u32| f64::from(count) / f64::from(all);
    [
        ("ready", part(census.new_ready)),
        (
            "coming",
            part(census.new - census.new_ready.min(census.new)),
        ),
        ("old", part(census.old)),
    ]
}

/// What is under way; nothing when nothing is.
pub(super) fn panel(group: Group<'_>, now: Timestamp) -> Markup {
    let (Some(rollout), Some(progress)) = (&group.status.rollout, &group.detail.progress) else {
        return html! {};
    };
    html! {
        section.panel aria-labelledby="rollout-title" {
            h2 #rollout-title { (title(rollout)) }
            p {
                "Begun " (words::age(rollout.started_at, now)) " ago by " (words::who(&rollout.by)) ". "
                @match &progress.holder {
                    Some(holder) => { "Carried out by " (words::who(&holder.by)) "." }
                    None if rollout.halted.is_none() => strong.bad { "Carried out by nobody." },
                    None => {}
                }
            }
            @if let Some(reason) = &rollout.rolled_back { p { strong { "It goes back" } " because: " (reason) } }
            (bar(group.status, progress))
            (waiting(rollout, progress, now))
            @if !progress.steps.is_empty() {
                p { "Still to be done:" }
                ol.steps { @for step in &progress.steps { li { (step) } } }
            }
        }
    }
}

fn title(rollout: &RolloutStatus) -> String {
    match (rollout.action, rollout.revision, &rollout.rolled_back) {
        (RolloutAction::Remove, ..) | (_, None, _) => "It is being removed".to_owned(),
        (_, Some(revision), None) => format!("Rollout to revision {revision}"),
        (_, Some(revision), Some(_)) => format!("Way back to revision {revision}"),
    }
}

fn bar(group: &GroupStatus, progress: &Progress) -> Markup {
    let census = &progress.census;
    html! {
        (meter::parts(&shares(group, progress)))
        ul.key {
            @if group.instances > 0 {
                li { (swatch("ready")) " " (census.new_ready) " of " (group.instances) " new ready" }
                li { (swatch("coming")) " " (census.new - census.new_ready.min(census.new)) " new there or asked for" }
            }
            li { (swatch("old")) " " (census.old) " old, " (census.old_ready) " ready" }
        }
    }
}

fn swatch(class: &str) -> Markup {
    html! { svg.swatch width="10" height="10" viewBox="0 0 8 8" aria-hidden="true" { rect class=(class) width="8" height="8" {} } }
}

fn waiting(rollout: &RolloutStatus, progress: &Progress, now: Timestamp) -> Markup {
    html! {
        @if let Some(halt) = &rollout.halted {
            p { strong.bad { @if halt.kind == HaltKind::Paused { "Paused" } @else { "Failed" } }
                @if !halt.by.is_empty() { " by " (words::who(&halt.by)) }
                " " (words::age(halt.at, now)) " ago: " (halt.reason) }
        } @else {
            p { strong { "Waiting for " } (progress.waiting) "." }
        }
        @if let Some(Trial { count, stage }) = progress.trial {
            p { (words::count(count, "canary container")) ": " @match stage {
                Stage::Starting => "starting.",
                Stage::Baking(until) => { "ready, and watched until " (words::moment(until)) "." }
                Stage::Asking => "ready. Somebody is to say that they are good.",
            } }
        }
    }
}
