//! What is used, by group, container or host: those first that use the most.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _};

use maud::{Markup, html};
use theseus_core::usage::{By, Point, Subject};

use super::filter::{self, Form};
use super::layout::{container_path, group_path, machine_path};
use super::pen::Pen;
use super::table::{self, Column};
use super::{Ask, Sight, address, chart, empty, extra, words};
use crate::reads::Read;
use crate::view::Known;

/// How many are drawn on one page.
pub(super) const DRAWN: usize = 8;
/// How many more have their numbers on it.
const LISTED: usize = 500;

/// By what usage is told.
const KINDS: [(&str, &str, By); 3] = [
    ("group", "Groups", By::Group),
    ("container", "Containers", By::Container),
    ("host", "Hosts", By::Host),
];

/// What comes first.
const SORTS: [(&str, &str); 3] = [
    ("cpu", "Most processor"),
    ("memory", "Most memory"),
    ("name", "By name"),
];

const COLUMNS: [Column; 5] = [
    Column::text("Name"),
    Column::number("Processors"),
    Column::number("of"),
    Column::number("Memory"),
    Column::number("of"),
];

/// Something that may use something, with what that was at last.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) subject: Subject,
    latest: Option<Point>,
}

impl Standing {
    /// Takes it into the number of a page.
    pub(super) fn number(&self, hasher: &mut DefaultHasher) {
        self.subject.to_string().hash(hasher);
        let latest = self.latest.as_ref();
        latest.map(|it| (it.at, it.memory)).hash(hasher);
    }
}

/// What is meant by what is asked, in the order that is asked for.
pub(super) fn standing(known: &Known, ask: &Ask, latest: &Read<(String, Point)>) -> Vec<Standing> {
    let words: Vec<String> = ask.q.split_whitespace().map(str::to_lowercase).collect();
    let latest: HashMap<&str, Point> = latest
        .iter()
        .flat_map(|latest| latest.iter())
        .map(|(name, point)| (name.as_str(), *point))
        .collect();
    let mut all: Vec<Standing> = subjects(known, by(ask))
        .into_iter()
        .filter_map(|subject| {
            let name = subject.to_string();
            let small = name.to_lowercase();
            let is_meant = words.iter().all(|word| small.contains(word));
            let latest = latest.get(name.as_str()).copied();
            is_meant.then_some(Standing { subject, latest })
        })
        .collect();
    match sort(ask) {
        "cpu" => all.sort_by(|a, b| {
            let cpu = |it: &Standing| it.latest.and_then(|point| point.cpu).unwrap_or(-1.0);
            cpu(b).total_cmp(&cpu(a))
        }),
        "memory" => all.sort_by_key(|it| Reverse(it.latest.and_then(|point| point.memory))),
        _ => {}
    }
    all
}

fn subjects(known: &Known, by: By) -> Vec<Subject> {
    let groups = &known.status.groups;
    match by {
        By::Group => {
            let ids = groups.iter().map(|it| it.group.clone());
            ids.map(Subject::Group).collect()
        }
        By::Container => {
            let containers = groups.iter().flat_map(|group| &group.containers);
            containers
                .map(|it| Subject::Container(it.id.clone()))
                .collect()
        }
        By::Host => {
            let hosts = known.machines.each();
            hosts
                .map(|(it, _)| Subject::Host(it.status.host.clone()))
                .collect()
        }
    }
}

/// By what usage is told.
pub(super) fn by(ask: &Ask) -> By {
    let known = KINDS.iter().find(|(name, ..)| *name == ask.by);
    known.map_or(By::Group, |(.., by)| *by)
}

fn kind(ask: &Ask) -> &'static str {
    let by = by(ask);
    let known = KINDS.iter().find(|(.., it)| *it == by);
    known.map_or("group", |(name, ..)| name)
}

fn sort(ask: &Ask) -> &'static str {
    let known = SORTS.iter().find(|(name, _)| *name == ask.sort);
    known.map_or("cpu", |(name, _)| name)
}

pub(super) fn write(sight: &Sight<'_>, pen: &mut Pen) -> Markup {
    let ask = sight.ask;
    let (kind, sort, span) = (kind(ask), sort(ask), extra::span(ask));
    let q = Some(ask.q.as_str());
    html! {
        h1 { "Usage" }
        div.bar-of-choices {
            nav.choice aria-label="Of what" { @for (name, title, _) in KINDS {
                @let href = address::with_query("/usage", &[("by", Some(name)), ("sort", Some(sort)), ("span", Some(&ask.span))]);
                a href=(href) aria-current=[(name == kind).then_some("true")] { (title) }
            } }
            nav.choice aria-label="What comes first" { @for (name, title) in SORTS {
                @let href = address::with_query("/usage", &[("by", Some(kind)), ("sort", Some(name)), ("span", Some(&ask.span)), ("q", q)]);
                a href=(href) aria-current=[(name == sort).then_some("true")] { (title) }
            } }
            (chart::spans("/usage", &[("by", Some(kind)), ("sort", Some(sort)), ("q", q)], span))
        }
        (search(sight, kind, sort))
        (pen.late("usage", |now| html! {
            @if sight.extra.usage.is_empty() {
                (empty("There is nothing to draw.", &html! { "Nothing here has that name, or nothing runs." }))
            }
            div.subjects { @for (subject, points) in &sight.extra.usage {
                section.subject { h2 { (name(sight, subject)) } (chart::pair(subject, points, span, now)) }
            } }
            (others(sight, kind))
        }))
    }
}

fn search(sight: &Sight<'_>, kind: &str, sort: &str) -> Markup {
    let known = sight.view.known.as_ref();
    let all = known.map_or(0, |known| subjects(known, by(sight.ask)).len());
    let kept = [("by", kind), ("sort", sort), ("span", &sight.ask.span)];
    let form = Form {
        action: "/usage",
        list: "",
        noun: kind,
        more: &[],
        kept: &kept,
    };
    filter::form(&form, sight.ask, sight.extra.standing.len(), all)
}

/// The numbers of those that are not drawn.
fn others(sight: &Sight<'_>, kind: &str) -> Markup {
    let all = &sight.extra.standing;
    let more = all.get(DRAWN..).unwrap_or_default();
    let listed = &more[..more.len().min(LISTED)];
    let rows = html! { @for it in listed { (row(sight, it)) } };
    html! {
        @if !more.is_empty() {
            h2 { "The next " (words::count(listed.len(), kind)) }
            (table::table("others", "Usage of the others", &COLUMNS, &rows))
        }
        @if more.len() > listed.len() {
            p.soft { "and " (more.len() - listed.len()) " more: look for a part of a name to see others." }
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody sees the last bytes of 2^53"
)]
fn row(sight: &Sight<'_>, it: &Standing) -> Markup {
    let value = |part: fn(&Point) -> Option<f64>, write: fn(f64) -> String| {
        words::or_dash(it.latest.as_ref().and_then(part).map(write))
    };
    html! {
        tr role="row" {
            (table::head(&name(sight, &it.subject)))
            (table::number("Processors", &value(|it| it.cpu, words::number)))
            (table::number("of", &value(|it| it.cpu_limit, words::number)))
            (table::number("Memory", &value(|it| it.memory.map(|bytes| bytes as f64), words::bytes)))
            (table::number("of", &value(|it| it.memory_limit.map(|bytes| bytes as f64), words::bytes)))
        }
    }
}

/// A subject's name, with a link to its page where it has one.
fn name(sight: &Sight<'_>, subject: &Subject) -> Markup {
    let path = match subject {
        Subject::Group(group) => Some(group_path(group)),
        Subject::Host(host) => Some(machine_path(host)),
        Subject::Container(id) => sight.view.known.as_ref().and_then(|known| {
            let group = known.group_of(id)?;
            Some(container_path(group, &id.0))
        }),
    };
    let name = subject.to_string();
    html! {
        @if let Some(path) = path { a href=(path) { (name) } } @else { (name) }
    }
}
