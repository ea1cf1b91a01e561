//! A rehearsal as people read it: what happened when, and how it ended.

use std::fmt::Write as _;

use super::human::count;
use super::progress::done;
use super::style::{CHANGE, FAINT, STRONG, inert, paint};
use super::wrap::wrap;
use crate::rehearsal::{Moment, Rehearsal, Rehearsed, What};

/// So many moments are told, unless all are asked for.
const MOMENTS: usize = 60;

/// The whole of it.
pub(crate) fn render(rehearsal: &Rehearsal, verbose: bool, width: Option<u16>) -> String {
    let mut text = format!(
        "\n{} on a copy of {}, where containers take {:.1}s to start\n",
        paint(STRONG, "Rehearsal"),
        count(rehearsal.hosts, "host"),
        rehearsal.start_seconds,
    );
    for note in notes(rehearsal) {
        text.push_str(&wrap(
            &format!("  {} ", paint(CHANGE, "note:")),
            &note,
            width,
        ));
    }
    let told = if verbose { usize::MAX } else { MOMENTS };
    for moment in rehearsal.timeline.iter().take(told) {
        text.push_str(&line(moment, width));
    }
    if rehearsal.timeline.len() > told {
        let more = rehearsal.timeline.len() - told;
        let _ = writeln!(text, "  … and {more} more; -v shows all of them");
    }
    for group in &rehearsal.groups {
        text.push_str(&ended(group));
    }
    text
}

fn notes(rehearsal: &Rehearsal) -> Vec<String> {
    let mut notes = Vec::new();
    if rehearsal.assumed_hosts {
        notes.push("the cluster does not tell all of its hosts, so some are made up".to_owned());
    }
    if rehearsal.assumed_start {
        notes.push("no container tells how long it took to start, so that is made up".to_owned());
    }
    if !rehearsal.left_out.is_empty() {
        notes.push(format!(
            "left out, because it is not known what they are: {}",
            inert(&rehearsal.left_out.join(", "))
        ));
    }
    notes
}

fn line(moment: &Moment, width: Option<u16>) -> String {
    let head = format!(
        "  {} {}  ",
        paint(FAINT, &format!("{:>7.1}s", moment.seconds)),
        moment.group
    );
    let words = match &moment.what {
        What::Changed { change } => inert(change),
        What::Counted { census, instances } => format!(
            "{} of {instances} new ready, {} serving, {} there",
            census.new_ready,
            census.serving(),
            census.created(),
        ),
        What::Promoted => "the canaries are promoted, as somebody will have to".to_owned(),
        What::RollingBack { reason } => {
            format!("{} {}", paint(CHANGE, "rolling back:"), inert(reason))
        }
    };
    wrap(&head, &words, width)
}

fn ended(group: &Rehearsed) -> String {
    let mut line = done(&group.report);
    if let (Some(fewest), Some(most)) = (group.fewest_serving, group.most_created) {
        let _ = write!(
            line,
            "; at least {fewest} of {} serving, at most {}",
            group.instances,
            count(most as usize, "container")
        );
    }
    line.push('\n');
    line
}
