//! All groups: one row each.

use std::collections::BTreeMap;

use jiff::Timestamp;
use maud::{Markup, html};
use theseus_core::status::{Condition, GroupStatus, Status};

use super::{Column, Page, container, words};

/// What the table tells of a group.
pub(super) const COLUMNS: [Column; 7] = [
    Column::text("Group"),
    Column::text("State"),
    Column::number("Ready"),
    Column::text("Containers"),
    Column::number("Revision"),
    Column::text("Image"),
    Column::number("Deployed"),
];

/// How many containers a row shows one by one.
const MAX_CELLS: usize = 60;

/// How many groups there are, and how they are.
pub(super) fn summary(status: &Status) -> Markup {
    if status.groups.is_empty() {
        return html! {
            div.empty {
                p { strong { "No group is deployed." } }
                p { "Write a manifest, and " code { "theseus deploy FILE" } " brings it here." }
            }
        };
    }
    let mut conditions: BTreeMap<Condition, usize> = BTreeMap::new();
    for group in &status.groups {
        *conditions.entry(group.condition()).or_default() += 1;
    }
    let running: u64 = status
        .groups
        .iter()
        .map(|group| u64::from(group.running))
        .sum();
    html! {
        ul.counts {
            li { strong { (status.groups.len()) } " " (plural(status.groups.len(), "group")) }
            li { strong { (running) } " running" }
            @for (condition, groups) in conditions {
                li { (words::condition(condition)) " " strong { (groups) } }
            }
        }
    }
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 {
        word.to_owned()
    } else {
        format!("{word}s")
    }
}

/// The row of a group.
pub(super) fn row(id: &str, group: &GroupStatus, now: Timestamp) -> Markup {
    let page = Page::Group(group.group.clone());
    html! {
        tr id=(id) role="row" {
            th scope="row" role="rowheader" { a href=(page.path()) { (group.service) span.labels { ":" (group.labels) } } }
            td role="cell" data-label="State" { (state(group, now)) }
            td.number role="cell" data-label="Ready" { (ready(group)) }
            td role="cell" data-label="Containers" { (cells(group)) }
            td.number role="cell" data-label="Revision" { (words::or_dash(group.revision)) }
            td.image role="cell" data-label="Image" { (words::or_dash(group.image.as_deref())) }
            td.number role="cell" data-label="Deployed" {
                @if let Some(at) = group.deployed_at { (words::age(at, now)) " ago" } @else { (words::dash()) }
            }
        }
    }
}

/// How the group is, and what is under way.
pub(super) fn state(group: &GroupStatus, now: Timestamp) -> Markup {
    html! {
        (words::condition(group.condition()))
        @if let Some(rollout) = &group.rollout {
            span.detail {
                @if let Some(revision) = rollout.revision { " revision " (revision) }
                ", for " (words::age(rollout.started_at, now))
            }
        }
    }
}

/// How many do their work, of how many that should.
pub(super) fn ready(group: &GroupStatus) -> Markup {
    html! { (group.healthy) span.of { " / " (group.instances) } }
}

/// Every container as a sign.
fn cells(group: &GroupStatus) -> Markup {
    let containers = &group.containers;
    let hidden = containers.len().saturating_sub(MAX_CELLS);
    html! {
        span.cells {
            @for container in containers.iter().take(MAX_CELLS) { (container::sign(container)) }
            @if hidden > 0 { " +" (hidden) }
            @if containers.is_empty() { (words::dash()) }
        }
    }
}
