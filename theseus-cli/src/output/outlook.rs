//! What is to be expected of a change, in few lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::SignedDuration;
use theseus_core::placement::ShortOf;
use theseus_core::placement::room::{HostRoom, Room};
use theseus_core::plan::{Action, GroupPlan, Outlook};
use theseus_core::records::Goal;
use theseus_core::rollout::forecast::{End, Forecast};

use super::human::{count, rough};
use super::style::{BAD, CHANGE, FAINT, GOOD, inert, paint};
use super::table::{self, Align, Column};
use super::wrap::wrap;

/// So many hosts are named for one reason.
const MAX_NAMES: usize = 3;

/// How the change goes when all goes well, and whether there is room for it.
pub(super) fn render(
    text: &mut String,
    plan: &GroupPlan,
    outlook: &Outlook,
    verbose: bool,
    width: Option<u16>,
) {
    let (words, is_well) = forecast(plan, &outlook.forecast);
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
        let (head, words) = (format!("    {} ", paint(BAD, "room:")), fits(room));
        text.push_str(&wrap(&head, &words, width));
        if !verbose {
            for reason in reasons(room) {
                text.push_str(&wrap("      ", &reason, width));
            }
        }
    } else {
        let _ = writeln!(
            text,
            "    {}",
            paint(FAINT, &format!("room: {}", fits(room)))
        );
    }
    if verbose && !room.per_host.is_empty() {
        hosts(text, room, width);
    }
}

/// A forecast in words, and whether it comes to its end.
fn forecast(plan: &GroupPlan, forecast: &Forecast) -> (String, bool) {
    let takes = SignedDuration::try_from(forecast.takes).unwrap_or(SignedDuration::MAX);
    match &forecast.end {
        End::Reached => {}
        End::Stalled(reason) => return (format!("it does not come to its end: {reason}"), false),
        End::Beyond => {
            let words = format!(
                "more steps than were followed, for more than {}",
                rough(takes)
            );
            return (words, false);
        }
    }
    let mut parts = Vec::new();
    if let (Goal::Present { spec, .. }, true) = (&plan.goal, plan.action != Action::Create) {
        let serving = forecast.fewest_serving;
        parts.push(format!("at least {serving} of {} serving", spec.instances));
    }
    parts.push(format!(
        "at most {}",
        count(forecast.most_created as usize, "container")
    ));
    parts.push(count(forecast.turns as usize, "turn"));
    if let Some(after) = forecast.promotion {
        let after = SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX);
        parts.push(format!("canaries to be promoted after {}", rough(after)));
    }
    (
        format!("about {}: {}", rough(takes), parts.join(", ")),
        true,
    )
}

/// How many fit, of how many.
fn fits(room: &Room) -> String {
    let least = if room.known { "" } else { "at least " };
    let wanted = count(room.wanted as usize, "more container");
    let verb = if room.wanted == 1 { "fits" } else { "fit" };
    format!("{least}{} of {wanted} {verb}", room.fits)
}

/// Why hosts take no more, with those that say so.
fn reasons(room: &Room) -> Vec<String> {
    let mut hosts: BTreeMap<String, Vec<&HostRoom>> = BTreeMap::new();
    for host in &room.per_host {
        if let Some(short_of) = &host.short_of {
            hosts.entry(why(short_of)).or_default().push(host);
        }
    }
    hosts
        .into_iter()
        .map(|(why, hosts)| {
            let names: Vec<String> = hosts
                .iter()
                .take(MAX_NAMES)
                .map(|it| inert(&it.host))
                .collect();
            let more = match hosts.len().saturating_sub(MAX_NAMES) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{}{more}: {why}", names.join(", "))
        })
        .collect()
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
                Some(short_of) => why(short_of),
                None => paint(GOOD, "room for more"),
            },
        ]
    };
    let rows: Vec<_> = room.per_host.iter().map(row).collect();
    text.push_str(&table::render(&columns, &rows, width));
}

fn why(short_of: &ShortOf) -> String {
    match short_of {
        ShortOf::Cpus => "too few cpus".to_owned(),
        ShortOf::Mem => "too little memory".to_owned(),
        ShortOf::Disk => "too little disk".to_owned(),
        ShortOf::Ports => "too few ports, or one that is taken".to_owned(),
        other => inert(&other.to_string()),
    }
}
