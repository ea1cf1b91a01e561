//! One group in full.

use jiff::Timestamp;
use maud::{Markup, html};
use theseus_core::model::GroupId;
use theseus_core::suggest::nearest;

use super::layout::{self, group_path};
use super::pen::Pen;
use super::table;
use super::{
    Sight, address, cells, chart, commands, container, differences, empty, extra, history, logs,
    overview, rollout, spec, words,
};
use crate::view::{Group, Known};

/// How many containers are listed.
const MOST: usize = 1000;

pub(super) fn write(sight: &Sight<'_>, id: &GroupId, pen: &mut Pen) -> Markup {
    let view = sight.view;
    let known = view.known.as_deref();
    let group = known.and_then(|known| known.group(id));
    // When it is gone, it went with the list of groups.
    let gone = known.map_or(view.version, Known::groups_changed);
    let changed = group.map_or(gone, |group| group.changed);
    let detailed = group.map_or(gone, |group| group.detail_changed);
    let listed = group.map_or(gone, Group::containers_changed);
    let containers = group.into_iter().flat_map(Group::containers).take(MOST);
    let rows = containers.map(|(it, changed)| {
        let write = move |row: &str, now| container::row(row, id, it, now);
        (format!("row:{}", it.id), changed, write)
    });
    let service = address::with_query("/", &[("service", Some(id.service.as_str()))]);
    html! {
        (layout::trail(&[("/".to_owned(), "Overview"), (service, id.service.as_str())]))
        h1 { (id) }
        @if let Some(group) = group { (crate::actions::forms(group.status)) }
        (pen.part("facts", changed, |now| match group {
            Some(group) => facts(sight, group, now),
            None if known.is_some() => missing(sight, id),
            None => html! {},
        }))
        (pen.part("rollout", changed, |now| html! { @if let Some(group) = group { (rollout::panel(group, now)) } }))
        section.present aria-labelledby="containers-title" {
            div.heading { h2 #containers-title { "Containers" } a href=(logs::path(id, None)) { "what they write" } }
            (table::table("rows", "Containers", &container::COLUMNS, &pen.rows("rows", listed, rows)))
            (pen.part("nothing", listed, |_| html! {
                @let count = group.map_or(1, |group| group.status.containers.len());
                @if count > MOST { p.soft { "and " (count - MOST) " more: " code { "theseus ps " (id) } } }
                @if count == 0 {
                    (empty("No container is there at the moment.", &html! { "As soon as one is asked for, it shows up here." }))
                }
            }))
        }
        (usage(sight, id, pen))
        div.columns {
            (pen.late("changes", |_| late_history(sight, |history| {
                differences::section(id, sight.ask, history, group.and_then(|group| group.status.revision))
            })))
            (pen.part("spec", detailed, |_| html! {
                @if let Some(spec) = group.and_then(|group| group.detail.spec.as_ref()) {
                    section aria-labelledby="spec-title" { h2 #spec-title { "Spec" } (spec::fields(spec)) }
                }
            }))
        }
        (pen.late("history", |now| late_history(sight, |history| {
            history::section(id, history, group.and_then(|group| group.detail.settled), now)
        })))
        (pen.part("commands", detailed, |_| html! {
            @if let Some(group) = group { (commands::of_group(id, group.status.rollout.is_some())) }
        }))
    }
}

/// What is known of the group.
fn facts(sight: &Sight<'_>, group: Group<'_>, now: Timestamp) -> Markup {
    let status = group.status;
    html! {
        dl.facts {
            (fact("State", &overview::state(status, now)))
            (fact("Ready", &overview::ready(status)))
            (fact("Running", &html! { (status.running) }))
            @if let Some(restarts) = status.restarts { (fact("Restarts", &html! { (restarts) })) }
            (fact("Revision", &words::or_dash(status.revision)))
            (fact("Image", &html! { span.image { (words::or_dash(status.image.as_deref())) } }))
            @if let Some(at) = status.deployed_at { (fact("Deployed", &html! { (words::age(at, now)) " ago" })) }
            @if !status.containers.is_empty() { (fact("Containers", &overview::containers(status))) }
            @if !group.detail.apps.is_empty() && sight.links.app(&group.detail.apps[0].0).is_some() {
                (fact("In Marathon", &html! { @for (app, revision) in &group.detail.apps {
                    @if let Some(href) = sight.links.app(app) { a.outside href=(href) rel="noreferrer" { "revision " (revision) } " " }
                } }))
            }
        }
        @if status.containers.len() > 1 { (cells::key()) }
        @if let Some(reason) = &status.unread {
            p.failure {
                span.sign aria-hidden="true" { "? " }
                strong { "What runs of it is not known" } ": " span.reason { (reason) }
            }
        }
        @for drift in &status.drift {
            p.drift {
                span.sign aria-hidden="true" { "≠ " }
                "No record accounts for app " code { (drift.app) } " of revision " (drift.revision)
                ", which has " (words::count(drift.containers, "container")) "."
            }
        }
        (slots(group, now))
        @for failure in &group.detail.failures {
            p.failure {
                span.sign aria-hidden="true" { "! " }
                strong { "Last failure" }
                @if let Some(at) = failure.at { " " (words::age(at, now)) " ago" }
                @if let Some(host) = &failure.host { " on " a href=(layout::machine_path(host)) { (host) } }
                ": " span.reason { (failure.message) }
            }
        }
    }
}

/// A name and its value.
pub(super) fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// Where the slots of a fixed-host group are.
fn slots(group: Group<'_>, now: Timestamp) -> Markup {
    let slots = &group.detail.slots;
    html! {
        @if !slots.is_empty() {
            h2 { "Slots" }
            ul.slots { @for slot in slots {
                li {
                    "slot " (slot.slot) " on " a href=(layout::machine_path(&slot.host)) { (slot.host) }
                    " for " (words::age(slot.since, now))
                    @if let Some(from) = &slot.moved_from { ", before that on " (from) }
                    @if let Some(lost) = slot.lost_since { ", " strong.bad { "its host is gone" } " for " (words::age(lost, now)) }
                }
            } }
        }
    }
}

/// What is said of a group that there is not.
fn missing(sight: &Sight<'_>, id: &GroupId) -> Markup {
    let names: Vec<String> = sight
        .view
        .known
        .iter()
        .flat_map(|known| {
            known
                .status
                .groups
                .iter()
                .map(|group| group.group.to_string())
        })
        .collect();
    let near = nearest(&id.to_string(), names.iter().map(String::as_str));
    let near = near.and_then(|name| name.parse::<GroupId>().ok());
    empty(
        &format!("There is no group {id}."),
        &html! {
                "It was removed, or never deployed. If it comes, it shows up here."
        @if let Some(near) = near { " Did you mean " a href=(group_path(&near)) { (near) } "?" }
        },
    )
}

fn usage(sight: &Sight<'_>, id: &GroupId, pen: &mut Pen) -> Markup {
    let span = extra::span(sight.ask);
    html! {
        section.present aria-labelledby="usage-title" {
            div.heading { h2 #usage-title { "Usage" } (chart::spans(&group_path(id), &[], span)) }
            (pen.late("usage", |now| html! { @for (subject, points) in &sight.extra.usage { (chart::pair(subject, points, span, now)) } }))
        }
    }
}

/// Something made of the history, or why that cannot be read.
fn late_history(
    sight: &Sight<'_>,
    write: impl FnOnce(&[theseus_core::records::HistoryRecord]) -> Markup,
) -> Markup {
    match &sight.extra.history {
        Some(Ok(history)) => write(history),
        Some(Err(reason)) => {
            html! { div.empty { p { strong { "Its history cannot be read." } } p.reason { (reason) } } }
        }
        None => html! {},
    }
}
