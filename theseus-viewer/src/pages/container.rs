//! One container: a row of its group's table, or a page of its own.

use jiff::Timestamp;
use maud::{Markup, html};
use theseus_core::cluster::ContainerId;
use theseus_core::model::GroupId;
use theseus_core::status::ContainerStatus;

use super::group::fact;
use super::layout::{self, container_path, group_path, machine_path};
use super::pen::Pen;
use super::table::{self, Column};
use super::{Sight, chart, commands, empty, extra, logs, ports, words};
use crate::view::Group;

/// What the table tells of a container.
pub(super) const COLUMNS: [Column; 7] = [
    Column::text("Container"),
    Column::text("Host"),
    Column::text("Ports"),
    Column::text("State"),
    Column::text("Health"),
    Column::number("Revision"),
    Column::number("Running for"),
];

/// The row of a container.
pub(super) fn row(
    id: &str,
    group: &GroupId,
    container: &ContainerStatus,
    now: Timestamp,
) -> Markup {
    html! {
        tr id=(id) role="row" {
            (table::head(&html! { a.code href=(container_path(group, &container.id.0)) { (container.id) } }))
            (table::text("Host", &host(container)))
            (table::text("Ports", &ports::list(container)))
            (table::text("State", &words::state(container.state)))
            (table::text("Health", &words::health(container.health)))
            (table::number("Revision", &html! { (container.revision) }))
            (table::number("Running for", &running_for(container, now)))
        }
    }
}

fn host(container: &ContainerStatus) -> Markup {
    match container.host.as_deref() {
        Some(host) => html! { a href=(machine_path(host)) { (host) } },
        None => words::dash(),
    }
}

pub(super) fn running_for(container: &ContainerStatus, now: Timestamp) -> Markup {
    match container.started_at {
        Some(at) => words::age(at, now),
        None => words::dash(),
    }
}

pub(super) fn write(sight: &Sight<'_>, id: &GroupId, name: &ContainerId, pen: &mut Pen) -> Markup {
    let view = sight.view;
    let known = view.known.as_deref();
    let group = known.and_then(|known| known.group(id));
    let found = group.and_then(|group| group.container(name));
    // When it is gone, it went with a list.
    let gone = known.map_or(view.version, |known| {
        let listed = group.map(Group::containers_changed);
        listed.unwrap_or(known.groups_changed())
    });
    let changed = found.map_or(gone, |(_, changed)| changed);
    let changed = group.map_or(changed, |group| changed.max(group.changed));
    let span = extra::span(sight.ask);
    let path = container_path(id, &name.0);
    html! {
        (layout::trail(&[("/".to_owned(), "Overview"), (group_path(id), &id.to_string())]))
        h1.code { (name) }
        (pen.part("facts", changed, |now| match (group, found) {
            (Some(group), Some((container, _))) => facts(sight, group, container, now),
            _ if known.is_some() => missing(id),
            _ => html! {},
        }))
        @if found.is_some() || matches!(sight.extra.log, Some(Ok(_))) {
            section.present aria-labelledby="log-title" {
                div.heading { h2 #log-title { "Log" } a href=(logs::path(id, Some(&name.0))) { "on a page of its own" } }
                @match &sight.extra.log {
                    Some(Ok(end)) => { (logs::section(id, name, end)) }
                    Some(Err(refusal)) => { p { "It is not read here now: " (refusal.reason()) ". Load the page anew to try again." } }
                    None => { p { "It is not read here at the moment." } }
                }
            }
        }
        section.present aria-labelledby="usage-title" {
            div.heading { h2 #usage-title { "Usage" } (chart::spans(&path, &[], span)) }
            (pen.late("usage", |now| html! { @for (subject, points) in &sight.extra.usage { (chart::pair(subject, points, span, now)) } }))
        }
        (commands::list(&[
            (format!("theseus logs {name} --follow"), "what it writes"),
            (format!("theseus ps {id}"), "it and its siblings"),
            (format!("theseus events {id}"), "what happens to them"),
        ]))
    }
}

fn facts(
    sight: &Sight<'_>,
    group: Group<'_>,
    container: &ContainerStatus,
    now: Timestamp,
) -> Markup {
    let wanted = group.status.revision;
    let mut apps = group.detail.apps.iter();
    let app = apps.find(|(_, revision)| *revision == container.revision);
    let task = app.and_then(|(app, _)| sight.links.task(app, &container.id.0));
    html! {
        dl.facts {
            (fact("State", &words::state(container.state)))
            (fact("Health", &words::health(container.health)))
            (fact("Group", &super::overview::name(&group.status.group)))
            (fact("Host", &host(container)))
            (fact("Ports", &ports::list(container)))
            (fact("Revision", &html! { (container.revision)
                @if wanted.is_some_and(|wanted| wanted != container.revision) { " " span.tag { "not the wanted one" } } }))
            (fact("Running for", &running_for(container, now)))
            @if let Some(at) = container.started_at { (fact("Since", &words::moment(at))) }
            @if container.revision == wanted.unwrap_or_default() {
                (fact("Image", &html! { span.image { (words::or_dash(group.status.image.as_deref())) } }))
            }
            @if let Some(spec) = &group.detail.spec {
                (fact("May use", &html! { (words::number(spec.resources.cpus)) " cpus, " (words::mib(spec.resources.mem)) }))
            }
            @if let Some(href) = task { (fact("In Marathon", &html! { a.outside href=(href) rel="noreferrer" { "this task" } })) }
        }
    }
}

fn missing(group: &GroupId) -> Markup {
    empty(
        "This container is not there.",
        &html! {
            "It is over, or never was. " a href=(group_path(group)) { "See what runs of " (group) } "."
        },
    )
}
