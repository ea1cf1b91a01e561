//! The revisions of a group, and how each of them ended.

use jiff::Timestamp;
use maud::{Markup, html};
use theseus_core::cluster::Revision;
use theseus_core::model::GroupId;
use theseus_core::records::{Ended, HistoryRecord};

use super::layout::group_path;
use super::table::{self, Column};
use super::{address, words};

const COLUMNS: [Column; 6] = [
    Column::number("Revision"),
    Column::text("Image"),
    Column::text("Outcome"),
    Column::number("Deployed"),
    Column::text("By"),
    Column::text("Why"),
];

/// How many are shown.
const MOST: usize = 30;

pub(super) fn section(
    group: &GroupId,
    history: &[HistoryRecord],
    current: Option<Revision>,
    now: Timestamp,
) -> Markup {
    let rows = html! {
        @for past in history.iter().take(MOST) { (row(group, past, current == Some(past.revision), now)) }
    };
    html! {
        section aria-labelledby="history-title" {
            h2 #history-title { "History" }
            @if history.is_empty() { p.soft { "It has no history." } }
            @else { (table::table("revisions", "Revisions", &COLUMNS, &rows)) }
            @if history.len() > MOST {
                p.soft { "and " (history.len() - MOST) " older ones: " code { "theseus history " (group) } }
            }
        }
    }
}

fn row(group: &GroupId, past: &HistoryRecord, is_current: bool, now: Timestamp) -> Markup {
    let ending = past.ending.as_ref();
    let revision = past.revision.to_string();
    let compare = address::with_query(&group_path(group), &[("to", Some(&revision))]);
    html! {
        tr role="row" {
            th.number scope="row" role="rowheader" {
                a href=(format!("{compare}#changes-title")) title="What changed with it" { (revision) }
            }
            (table::text("Image", &html! { span.image { (past.spec.image) } }))
            (table::text("Outcome", &html! {
                (outcome(ending.map(|ending| ending.outcome)))
                @if is_current { " " span.tag { "current" } }
            }))
            (table::number("Deployed", &html! { (words::age(past.created_at, now)) " ago" }))
            (table::text("By", &html! { (words::who(&past.by)) }))
            (table::text("Why", &words::or_dash(ending.and_then(|ending| ending.reason.as_deref()))))
        }
    }
}

fn outcome(outcome: Option<Ended>) -> Markup {
    let Some(outcome) = outcome else {
        return words::signed("busy", "◐", "under way");
    };
    let (class, sign) = match outcome {
        Ended::Deployed | Ended::Adopted | Ended::Restored => ("good", "✓"),
        Ended::RolledBack => ("bad", "↩"),
        Ended::Failed => ("bad", "!"),
        Ended::Superseded | Ended::Removed => ("idle", "·"),
    };
    words::signed(class, sign, outcome.as_str())
}
