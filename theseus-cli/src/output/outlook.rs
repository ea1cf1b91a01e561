//! What is to be expected of a change, in few lines.

use std::fmt::Write as _;

use theseus_core::placement::room::{HostRoom, Room};
use theseus_core::plan::{GroupPlan, Outlook};

use super::style::{BAD, CHANGE, FAINT, GOOD, inert, paint};
use super::table::{self, Align, Column};
use super::wrap::wrap;

/// How the change goes when all goes well, and whether there is room for it.
pub(super) fn render(
    text: &mut String,
    plan: &GroupPlan,
    outlook: &Outlook,
    verbose: bool,
    width: Option<u16>,
) {
    let (words, is_well) = plan.forecast(&outlook.forecast);
    let words = if is_well { paint(FAINT, &words) } else { words };
    let head = if is_well {
        "    ".to_owned()
    } else {
        format!("    {} ", paint(CHANGE, "outlook:"))
    };
    text.push_str(&wrap(&head, &words, width));
    let Some(room) = &outlook.room else {
        return;
    };
    if room.is_short() {
        let (head, words) = (format!("    {} ", paint(BAD, "room:")), room.words());
        text.push_str(&wrap(&head, &words, width));
        if !verbose {
            for reason in room.reasons() {
                text.push_str(&wrap("      ", &inert(&reason), width));
            }
        }
    } else {
        let _ = writeln!(
            text,
            "    {}",
            paint(FAINT, &format!("room: {}", room.words()))
        );
    }
    if verbose && !room.per_host.is_empty() {
        hosts(text, room, width);
    }
}

fn hosts(text: &mut String, room: &Room, width: Option<u16>) {
    let columns = [
        Column("      HOST", Align::Left),
        Column("FITS", Align::Right),
        Column("THEN", Align::Left),
    ];
    let row = |host: &HostRoom| {
        vec![
            format!("      {}", inert(&host.host)),
            host.fits.to_string(),
            match &host.short_of {
                Some(short_of) => inert(&short_of.words()),
                None => paint(GOOD, "room for more"),
            },
        ]
    };
    let rows: Vec<_> = room.per_host.iter().map(row).collect();
    text.push_str(&table::render(&columns, &rows, width));
}
