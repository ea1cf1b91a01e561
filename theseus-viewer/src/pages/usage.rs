//! What is used, by group, container or host.

use maud::{Markup, html};
use theseus_core::usage::Subject;

use super::filter::{self, Form};
use super::layout::{container_path, group_path, machine_path};
use super::pen::Pen;
use super::{Ask, Sight, address, chart, empty, extra};
use crate::view::Known;

/// How many are drawn on one page.
const MOST: usize = 12;

/// By what usage is told.
const KINDS: [(&str, &str); 3] = [
    ("group", "Groups"),
    ("container", "Containers"),
    ("host", "Hosts"),
];

/// Of what usage is told.
pub(super) struct Subjects {
    /// These are shown.
    pub(super) shown: Vec<Subject>,
    /// So many are meant.
    pub(super) meant: usize,
    /// Of so many.
    pub(super) all: usize,
}

/// What is meant by what is asked.
pub(super) fn subjects(known: &Known, ask: &Ask) -> Subjects {
    let groups = &known.status.groups;
    let all: Vec<Subject> = match kind(ask) {
        "container" => {
            let containers = groups.iter().flat_map(|group| &group.containers);
            containers
                .map(|it| Subject::Container(it.id.clone()))
                .collect()
        }
        "host" => {
            let hosts = known.machines.each();
            hosts
                .map(|(it, _)| Subject::Host(it.status.host.clone()))
                .collect()
        }
        _ => groups
            .iter()
            .map(|it| Subject::Group(it.group.clone()))
            .collect(),
    };
    let words: Vec<String> = ask.q.split_whitespace().map(str::to_lowercase).collect();
    let count = all.len();
    let meant = all.into_iter().filter(|subject| {
        let name = subject.to_string().to_lowercase();
        words.iter().all(|word| name.contains(word))
    });
    let mut shown: Vec<Subject> = meant.collect();
    let meant = shown.len();
    shown.truncate(MOST);
    Subjects {
        shown,
        meant,
        all: count,
    }
}

fn kind(ask: &Ask) -> &'static str {
    let kinds = KINDS.iter().map(|(kind, _)| *kind);
    kinds
        .into_iter()
        .find(|kind| *kind == ask.by)
        .unwrap_or("group")
}

pub(super) fn write(sight: &Sight<'_>, pen: &mut Pen) -> Markup {
    let ask = sight.ask;
    let (kind, span) = (kind(ask), extra::span(ask));
    let kept = [("by", Some(kind)), ("q", Some(ask.q.as_str()))];
    html! {
        h1 { "Usage" }
        div.bar-of-choices {
            nav.choice aria-label="Of what" {
                @for (name, title) in KINDS {
                    @let href = address::with_query("/usage", &[("by", Some(name)), ("span", Some(&ask.span))]);
                    a href=(href) aria-current=[(name == kind).then_some("true")] { (title) }
                }
            }
            (chart::spans("/usage", &kept, span))
        }
        (search(sight, kind))
        (pen.late("usage", |now| html! {
            @if sight.extra.usage.is_empty() {
                (empty("There is nothing to draw.", &html! { "Nothing here has that name, or nothing runs." }))
            }
            div.subjects { @for (subject, points) in &sight.extra.usage {
                section.subject { h2 { (name(sight, subject)) } (chart::pair(subject, points, span, now)) }
            } }
        }))
    }
}

fn search(sight: &Sight<'_>, kind: &str) -> Markup {
    let subjects = sight
        .view
        .known
        .as_ref()
        .map(|known| subjects(known, sight.ask));
    let (shown, meant, all) = subjects.map_or((0, 0, 0), |it| (it.shown.len(), it.meant, it.all));
    let kept = [("by", kind), ("span", sight.ask.span.as_str())];
    let form = Form {
        action: "/usage",
        list: "",
        noun: kind,
        more: &[],
        kept: &kept,
    };
    html! {
        (filter::form(&form, sight.ask, shown, all))
        @if meant > shown {
            p.soft { "The first " (shown) " of " (meant) ", by name: look for a part of a name to see others." }
        }
    }
}

/// A subject's name, with a link to its page where it has one.
fn name(sight: &Sight<'_>, subject: &Subject) -> Markup {
    let path = match subject {
        Subject::Group(group) => Some(group_path(group)),
        Subject::Host(host) => Some(machine_path(host)),
        Subject::Container(id) => sight.view.known.as_ref().and_then(|known| {
            let mut groups = known.status.groups.iter();
            let group = groups.find(|group| group.containers.iter().any(|it| it.id == *id))?;
            Some(container_path(&group.group, &id.0))
        }),
    };
    let name = subject.to_string();
    html! {
        @if let Some(path) = path { a href=(path) { (name) } } @else { (name) }
    }
}
