//! One machine in full.

use jiff::Timestamp;
use maud::{Markup, html};
use theseus_core::status::ContainerStatus;
use theseus_core::suggest::nearest;

use super::group::fact;
use super::layout::{self, container_path, machine_path};
use super::pen::Pen;
use super::table::{self, Column};
use super::{Sight, chart, commands, container, empty, extra, machines, overview, ports, words};
use crate::view::{Group, Machine};

const COLUMNS: [Column; 7] = [
    Column::text("Container"),
    Column::text("Group"),
    Column::text("Ports"),
    Column::text("State"),
    Column::text("Health"),
    Column::number("Revision"),
    Column::number("Running for"),
];

pub(super) fn write(sight: &Sight<'_>, host: &str, pen: &mut Pen) -> Markup {
    let view = sight.view;
    let known = view.known.as_deref();
    let found = known.and_then(|known| known.machines.get(host));
    let gone = known.map_or(view.version, |known| known.machines.list_changed());
    let changed = found.map_or(gone, |(_, changed)| changed);
    let told = known.map_or(changed, |known| changed.max(known.machines.changed));
    let on_it = known
        .zip(found)
        .into_iter()
        .flat_map(|(known, (machine, _))| {
            machine.cells.iter().map(|cell| {
                let group = known.at(cell.group);
                (group, group.container_at(cell.container))
            })
        });
    let rows = on_it.map(|(group, (it, changed))| {
        let write = move |row: &str, now| self::row(row, group, it, now);
        (format!("row:{}", it.id), changed, write)
    });
    let span = extra::span(sight.ask);
    html! {
        (layout::trail(&[("/machines".to_owned(), "Machines")]))
        h1 { (host) }
        (pen.part("told", told, |_| html! {
            @if let Some(known) = known { (machines::news(&known.machines)) }
        }))
        (pen.part("facts", changed, |_| match (known, found) {
            (Some(_), Some((machine, _))) => facts(sight, machine),
            (Some(_), None) => missing(sight, host),
            (None, _) => html! {},
        }))
        section.present aria-labelledby="containers-title" {
            h2 #containers-title { "Containers" }
            (table::table("rows", "Containers", &COLUMNS, &pen.rows("rows", changed, rows)))
            (pen.part("nothing", changed, |_| html! {
                @if found.is_some_and(|(machine, _)| machine.cells.is_empty()) { p.soft { "None of a group of Theseus's." } }
            }))
        }
        (pen.late("others", |_| others(sight)))
        section.present aria-labelledby="usage-title" {
            div.heading { h2 #usage-title { "Usage" } (chart::spans(&machine_path(host), &[], span)) }
            (pen.late("usage", |now| html! { @for (subject, points) in &sight.extra.usage { (chart::pair(subject, points, span, now)) } }))
        }
        (commands::list(&[("theseus hosts --wide".to_owned(), "all machines")]))
    }
}

fn facts(sight: &Sight<'_>, machine: &Machine) -> Markup {
    let host = &machine.status;
    html! {
        dl.facts {
            (fact("State", &machines::state(host.state)))
            (fact("Containers", &html! { (host.count()) }))
            (fact("Groups", &html! { (host.containers.len()) }))
            @for (name, value) in &host.attributes { (fact(name, &html! { (value) })) }
            @if let Some(free) = &host.free_ports {
                @let ranges: Vec<String> = free.iter().map(ToString::to_string).collect();
                (fact("Free ports", &html! { @if ranges.is_empty() { "none" } @else {
                    details { summary { (host.ports.free.map_or_else(|| "which".to_owned(), words::whole)) } span.image { (ranges.join(", ")) } }
                } }))
            }
            @if let Some(href) = sight.links.agents() { (fact("In Mesos", &html! { a.outside href=(href) rel="noreferrer" { "all agents" } })) }
        }
        div.wide { (machines::resources(machine)) }
    }
}

/// Who else runs things there.
fn others(sight: &Sight<'_>) -> Markup {
    html! {
        @match &sight.extra.tenants {
            Some(Ok(tenants)) if !tenants.is_empty() => p {
                "Others run things there, too: "
                @for (index, it) in tenants.iter().enumerate() {
                    @if index > 0 { ", " } (it.name) " " span.of { (words::count(it.tasks, "task")) }
                } "."
            },
            Some(Err(reason)) => p.soft { "Who else runs things there is not known: " (reason) },
            _ => {}
        }
    }
}

fn row(id: &str, group: Group<'_>, it: &ContainerStatus, now: Timestamp) -> Markup {
    let name = &group.status.group;
    html! {
        tr id=(id) role="row" {
            (table::head(&html! { a.code href=(container_path(name, &it.id.0)) { (it.id) } }))
            (table::text("Group", &overview::name(name)))
            (table::text("Ports", &ports::list(it)))
            (table::text("State", &words::state(it.state)))
            (table::text("Health", &words::health(it.health)))
            (table::number("Revision", &html! { (it.revision) }))
            (table::number("Running for", &container::running_for(it, now)))
        }
    }
}

fn missing(sight: &Sight<'_>, host: &str) -> Markup {
    let known = sight.view.known.iter();
    let names = known.flat_map(|known| known.machines.each().map(|(it, _)| &*it.status.host));
    let near = nearest(host, names);
    empty(
        &format!("No machine {host} is known."),
        &html! {
            @if let Some(near) = near { "Did you mean " a href=(machine_path(near)) { (near) } "? " }
            a href="/machines" { "See all machines" } "."
        },
    )
}
