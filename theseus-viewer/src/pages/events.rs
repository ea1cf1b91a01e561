//! What happened, and who did it.

use jiff::Timestamp;
use maud::{Markup, html};
use theseus_core::told::{Told, Tone};

use super::filter::{self, Field, Filter, Form, Marks};
use super::layout::container_path;
use super::pen::Pen;
use super::table::{self, Column};
use super::{Sight, empty, overview, words};
use crate::view::Entry;

const COLUMNS: [Column; 3] = [
    Column::text("When"),
    Column::text("Group"),
    Column::text("What"),
];

/// What somebody did, and what happened.
const KINDS: [&str; 2] = ["done", "happened"];

pub(super) fn write(sight: &Sight<'_>, pen: &mut Pen) -> Markup {
    let happened = &sight.view.happened;
    let filter = Filter::of(sight.ask);
    let entries: Vec<_> = happened
        .all()
        .into_iter()
        .map(|(version, entry)| (*version, entry, marks(entry)))
        .collect();
    let seen = entries.iter().filter(|(.., it)| filter.matches(it)).count();
    let all = entries.len();
    let rows = entries.into_iter().map(|(version, entry, marks)| {
        let hidden = !filter.matches(&marks);
        let write = move |id: &str, now| row(id, entry, &marks, hidden, now);
        (format!("event:{}", entry.number), version, write)
    });
    let ask = sight.ask;
    let more = [
        Field::Text("service", "Service", &ask.service, None),
        Field::Choice("state", "Kind", &ask.state, &KINDS),
    ];
    let form = Form {
        action: "/events",
        list: "rows",
        noun: "event",
        more: &more,
        kept: &[],
    };
    html! {
        h1 { "Events" }
        p.soft { "What people did in the last week, and what happened since this viewer was started; the latest of each." }
        (filter::form(&form, ask, seen, all))
        (table::table("rows", "Events", &COLUMNS, &pen.rows("rows", happened.changed, rows)))
        (pen.part("nothing", happened.changed, |_| html! {
            @if all == 0 { (empty("Nothing has happened yet.", &html! { "What is done to groups, and what their containers do, shows up here." })) }
        }))
    }
}

fn marks(entry: &Entry) -> Marks {
    let group = entry
        .told
        .group()
        .map(ToString::to_string)
        .unwrap_or_default();
    let service = entry
        .told
        .group()
        .map(|it| it.service.as_str().to_lowercase());
    let kind = match entry.told {
        Told::Audit(_) => "done",
        _ => "happened",
    };
    Marks {
        text: format!("{group} {}", entry.told.sentence()).to_lowercase(),
        service: service.unwrap_or_default(),
        labels: String::new(),
        state: kind.to_owned(),
        hosts: String::new(),
    }
}

fn row(id: &str, entry: &Entry, marks: &Marks, hidden: bool, now: Timestamp) -> Markup {
    html! {
        tr id=(id) role="row" hidden[hidden] data-text=(marks.text) data-service=(marks.service)
            data-labels="" data-state=(marks.state) data-hosts="" {
            th.when scope="row" role="rowheader" { (words::age(entry.at, now)) " ago" }
            (table::text("Group", &html! { @match entry.told.group() { Some(group) => (overview::name(group)), None => (words::dash()) } }))
            (table::text("What", &sentence(&entry.told)))
        }
    }
}

fn sentence(told: &Told) -> Markup {
    let sentence = told.sentence();
    let (class, sign) = match sentence.tone {
        Tone::Good => ("good", "●"),
        Tone::Change => ("busy", "◐"),
        Tone::Bad => ("bad", "▲"),
        Tone::Faint => ("idle", "✕"),
        Tone::Plain => ("plain", "·"),
    };
    let container = match told {
        Told::Container {
            group, container, ..
        }
        | Told::Health {
            group, container, ..
        } => Some(container_path(group, &container.0)),
        _ => None,
    };
    html! {
        span.sign.(class) aria-hidden="true" { (sign) } " "
        @match container {
            Some(path) => a.code href=(path) { (sentence.of) },
            None => (sentence.of),
        }
        " " span.(class) { (sentence.what) }
        @if let Some(reason) = &sentence.reason { ": " (reason) }
    }
}
