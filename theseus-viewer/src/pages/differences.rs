//! What changed from one revision of a group to another, side by side.

use maud::{Markup, html};
use theseus_core::cluster::Revision;
use theseus_core::model::GroupId;
use theseus_core::plan;
use theseus_core::records::HistoryRecord;

use super::layout::group_path;
use super::{Ask, spec};

/// The comparison that is asked for, or else of the latest revision with the one before.
pub(super) fn section(
    group: &GroupId,
    ask: &Ask,
    history: &[HistoryRecord],
    current: Option<Revision>,
) -> Markup {
    let known = |revision: Revision| history.iter().find(|past| past.revision == revision);
    let asked = |text: &str| text.trim().parse::<Revision>().ok();
    let to = asked(&ask.to)
        .or(current)
        .or(history.first().map(|past| past.revision));
    let before = |to: Revision| history.iter().find(|past| past.revision < to);
    let from = asked(&ask.from).or(to.and_then(before).map(|past| past.revision));
    if history.is_empty() {
        return html! {};
    }
    html! {
        section aria-labelledby="changes-title" {
            h2 #changes-title { "What changed" }
            @if history.len() < 2 && asked(&ask.from).is_none() {
                p.soft { "There is one revision only: nothing to compare." }
            } @else {
                form.compare method="get" action=(format!("{}#changes-title", group_path(group))) {
                    label { span { "From revision" } (choice("from", history, from)) }
                    label { span { "to" } (choice("to", history, to)) }
                    button type="submit" { "Compare" }
                }
                @match (from, to) {
                    (Some(from), Some(to)) => @match (known(from), known(to)) {
                        (Some(old), Some(new)) => (table(old, new)),
                        (None, _) => p { "There is no revision " (from) " in its history." },
                        (_, None) => p { "There is no revision " (to) " in its history." },
                    },
                    _ => p.soft { "There is no revision before." },
                }
            }
        }
    }
}

fn choice(name: &str, history: &[HistoryRecord], chosen: Option<Revision>) -> Markup {
    html! {
        select name=(name) { @for past in history {
            option value=(past.revision) selected[chosen == Some(past.revision)] { (past.revision) }
        } }
    }
}

fn table(old: &HistoryRecord, new: &HistoryRecord) -> Markup {
    let changes = plan::fields(&old.spec, &new.spec);
    html! {
        @if changes.is_empty() {
            p { "Revisions " (old.revision) " and " (new.revision) " are the same." }
        } @else {
            table.changes role="table" {
                caption.unseen { "What differs between revisions " (old.revision) " and " (new.revision) }
                thead role="rowgroup" { tr role="row" {
                    th scope="col" role="columnheader" { "Field" }
                    th scope="col" role="columnheader" { "Revision " (old.revision) }
                    th scope="col" role="columnheader" { "Revision " (new.revision) }
                } }
                tbody role="rowgroup" { @for change in &changes {
                    tr role="row" {
                        th scope="row" role="rowheader" { (change.field) }
                        td.from role="cell" data-label=(format!("Revision {}", old.revision)) { @if change.from.is_null() { span.none { "not set" } } @else { del { (spec::value(&change.field, &change.from)) } } }
                        td.to role="cell" data-label=(format!("Revision {}", new.revision)) { @if change.to.is_null() { span.none { "not set" } } @else { ins { (spec::value(&change.field, &change.to)) } } }
                    }
                } }
            }
        }
    }
}
