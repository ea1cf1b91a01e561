//! All groups: one row each.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use maud::{Markup, html};
use theseus_core::model::{GroupId, Label};
use theseus_core::status::{Condition, GroupStatus};

use super::filter::{self, Field, Filter, Form, Marks};
use super::layout::group_path;
use super::pen::Pen;
use super::table::{self, Column};
use super::{Sight, address, cells, empty, meter, rollout, words};
use crate::view::{Group, Known, Mark, Version};

/// What the table tells of a group.
const COLUMNS: [Column; 7] = [
    Column::text("Group"),
    Column::text("State"),
    Column::number("Ready"),
    Column::text("Containers"),
    Column::number("Revision"),
    Column::text("Image"),
    Column::number("Deployed"),
];

pub(super) fn write(sight: &Sight<'_>, pen: &mut Pen) -> Markup {
    let Some(known) = &sight.view.known else {
        return html! {
            h1 { "Overview" }
            (pen.part("summary", sight.view.version, |_| html! {}))
            (pen.part("proposals", sight.view.version, |_| html! {}))
            (table::table("rows", "Groups", &COLUMNS, &html! {}))
        };
    };
    let filter = Filter::of(sight.ask);
    let groups: Vec<Group<'_>> = known.by_urgency().collect();
    let marks: Vec<Marks> = groups.iter().map(|group| marks(group.status)).collect();
    let seen = marks.iter().filter(|it| filter.matches(it)).count();
    // Any group that changes may change the counts.
    let each = groups.iter().map(|group| group.changed);
    let others = [known.groups_changed(), known.foreign_changed()];
    let changed = each.chain(others).fold(Version::NONE, Version::max);
    let rows = groups.into_iter().zip(marks).map(|(group, marks)| {
        let hidden = !filter.matches(&marks);
        let id = format!("row:{}", group.status.group);
        let write = move |id: &str, now| row(id, group, &marks, hidden, now);
        (id, group.changed, write)
    });
    html! {
        h1 { "Overview" }
        (pen.part("summary", changed, |_| summary(known)))
        (form(sight, seen, known.status.groups.len()))
        (pen.part("proposals", known.groups_changed(), |_| proposals(known)))
        (table::table("rows", "Groups", &COLUMNS, &pen.rows("rows", known.order_changed(), rows)))
        (cells::key())
    }
}

/// How many groups there are, and how they are.
fn summary(known: &Known) -> Markup {
    let groups = &known.status.groups;
    if groups.is_empty() {
        return empty(
            "No group is deployed.",
            &html! { "Write a manifest, and " code { "theseus deploy FILE" } " brings it here." },
        );
    }
    let mut conditions: BTreeMap<Condition, usize> = BTreeMap::new();
    for group in groups {
        *conditions.entry(group.condition()).or_default() += 1;
    }
    let services: BTreeSet<_> = groups.iter().map(|group| &group.service).collect();
    let running: u64 = groups.iter().map(|group| u64::from(group.running)).sum();
    html! {
        ul.counts {
            li { (words::count(services.len(), "service")) }
            li { (words::count(groups.len(), "group")) }
            li { (words::count(running, "running container")) }
            @for (condition, groups) in conditions {
                li { a href=(address::with_query("/", &[("state", Some(condition.as_str()))])) { (words::condition(condition)) " " strong { (groups) } } }
            }
            @if known.status.foreign > 0 {
                li title="Apps that no group accounts for: theseus adopt --list" { (words::count(known.status.foreign, "other app")) }
            }
        }
    }
}

fn form(sight: &Sight<'_>, seen: usize, all: usize) -> Markup {
    let ask = sight.ask;
    let conditions = Condition::ALL.map(Condition::as_str);
    let more = [
        Field::Text("service", "Service", &ask.service, Some("services")),
        Field::Text("label", "Label", &ask.label, Some("labels")),
        Field::Choice("state", "State", &ask.state, &conditions),
        Field::Text("host", "Host", &ask.host, Some("hosts")),
    ];
    let form = Form {
        action: "/",
        list: "rows",
        noun: "group",
        more: &more,
        kept: &[],
    };
    filter::form(&form, ask, seen, all)
}

/// What can be looked for.
fn proposals(known: &Known) -> Markup {
    let groups = &known.status.groups;
    let services: BTreeSet<&str> = groups.iter().map(|group| group.service.as_str()).collect();
    let labels = groups.iter().flat_map(|group| group.labels.iter());
    let labels: BTreeSet<&str> = labels.map(Label::as_str).collect();
    let hosts = known
        .machines
        .each()
        .map(|(machine, _)| &*machine.status.host);
    html! {
        datalist #services { @for service in services { option value=(service) {} } }
        datalist #labels { @for label in labels { option value=(label) {} } }
        datalist #hosts { @for host in hosts { option value=(host) {} } }
    }
}

/// What a group is found by.
fn marks(group: &GroupStatus) -> Marks {
    let image = group.image.as_deref().unwrap_or_default();
    let labels: Vec<&str> = group.labels.iter().map(Label::as_str).collect();
    let hosts = group.containers.iter().filter_map(|it| it.host.as_deref());
    let hosts: BTreeSet<&str> = hosts.collect();
    let hosts: Vec<&str> = hosts.into_iter().collect();
    let condition = group.condition().as_str();
    Marks {
        text: format!("{} {condition} {image}", group.group).to_lowercase(),
        service: group.service.as_str().to_lowercase(),
        labels: labels.join(" ").to_lowercase(),
        state: condition.to_owned(),
        hosts: hosts.join(" ").to_lowercase(),
    }
}

fn row(id: &str, group: Group<'_>, marks: &Marks, hidden: bool, now: Timestamp) -> Markup {
    let status = group.status;
    html! {
        tr id=(id) role="row" hidden[hidden] data-text=(marks.text) data-service=(marks.service)
            data-labels=(marks.labels) data-state=(marks.state) data-hosts=(marks.hosts) {
            (table::head(&name(&status.group)))
            (table::text("State", &state(status, now)))
            (table::number("Ready", &ready(status)))
            (table::text("Containers", &html! {
                (containers(status))
                @if let Some(progress) = &group.detail.progress { (meter::parts(&rollout::shares(status, progress))) }
            }))
            (table::number("Revision", &words::or_dash(status.revision)))
            (table::text("Image", &html! { span.image { (words::or_dash(status.image.as_deref())) } }))
            (table::number("Deployed", &html! {
                @if let Some(at) = status.deployed_at { (words::age(at, now)) " ago" } @else { (words::dash()) }
            }))
        }
    }
}

/// A group's name, with a link to its page.
pub(super) fn name(group: &GroupId) -> Markup {
    html! { a href=(group_path(group)) { (group.service) span.labels { ":" (group.labels) } } }
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
        @if let Some(reason) = &group.unread {
            " " span title=(reason) { (words::signed("bad", "?", "not known")) }
        }
    }
}

/// How many do their work, of how many that should.
pub(super) fn ready(group: &GroupStatus) -> Markup {
    html! { (group.healthy) span.of { " / " (group.instances) } }
}

/// Every container as a sign.
pub(super) fn containers(group: &GroupStatus) -> Markup {
    let containers = &group.containers;
    html! {
        @if containers.is_empty() { (words::dash()) }
        @else { (cells::by_health(containers.iter().map(|it| Mark::of(it, group.revision)))) }
    }
}
