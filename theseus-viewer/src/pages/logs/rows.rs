//! Lines as they stand in a page, be they in it from the beginning or come later: who wrote what is
//! written here alone, so that nothing of it can do more in one of them than in the other.

use std::collections::BTreeMap;

use jiff::Timestamp;
use maud::{Markup, html};
use serde::Serialize;
use theseus_core::cluster::{ContainerId, LogPlace, Output};
use theseus_core::logs::{Speaker, Told, Word, inert};

/// What a page is told of what was written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Piece<'a> {
    /// The rows, as HTML.
    rows: String,
    /// Where the logs of containers begin that have more before.
    places: BTreeMap<&'a ContainerId, &'a LogPlace>,
    /// Whether all is told that was there, so that what follows was written just now.
    is_caught_up: bool,
    /// Whether a container is over and told whole.
    has_ended: bool,
}

/// A word about the page.
pub(super) fn remark(text: &str) -> Markup {
    html! { li.word { span.what { (text) } } }
}

/// A line, or a word about a container. Nothing of what is not for people.
pub(super) fn row(told: &Told) -> Markup {
    match told {
        Told::Line(line) => html! {
            li.stderr[line.output == Output::Stderr] data-at=[line.time.map(Timestamp::as_millisecond)] {
                (who(&line.speaker))
                span.mark title=(line.output.as_str()) { (if line.output == Output::Stderr { "!" } else { "|" }) }
                span.what { (inert(&line.text)) }
            }
        },
        Told::Word {
            word: Word::Began { .. },
            ..
        }
        | Told::CaughtUp
        | Told::Untimed => html! {},
        Told::Word { speaker, word } => html! {
            li.word { (who(speaker)) span.what { (inert(&word.to_string())) } }
        },
        Told::ClusterAway { reason } => {
            let words = "The cluster does not tell which containers there are";
            remark(&format!("{words}: {}", inert(reason)))
        }
        Told::ClusterBack => remark("The cluster tells again which containers there are."),
    }
}

fn who(speaker: &Speaker) -> Markup {
    html! { span.who title=(speaker.container) { (speaker.short_name()) } }
}

fn is_end(told: &Told) -> bool {
    matches!(
        told,
        Told::Word {
            word: Word::Ended,
            ..
        }
    )
}

/// The same for the page's script: an object on a line of its own.
pub(super) fn piece(batch: &[Told]) -> Vec<u8> {
    let piece = Piece::of(batch);
    let mut bytes = serde_json::to_vec(&piece).expect("text always becomes JSON");
    bytes.push(b'\n');
    bytes
}

impl<'a> Piece<'a> {
    pub(super) fn of(batch: &'a [Told]) -> Self {
        let rows = html! { @for told in batch { (row(told)) } };
        let places = batch.iter().filter_map(|told| match told {
            Told::Word {
                speaker,
                word: Word::Began { place },
            } => Some((&speaker.container, place)),
            _ => None,
        });
        Self {
            rows: rows.into_string(),
            places: places.collect(),
            is_caught_up: batch.contains(&Told::CaughtUp),
            has_ended: batch.iter().any(is_end),
        }
    }
}
