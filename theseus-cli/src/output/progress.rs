//! What a deploy tells while it runs: a line per group that moves on a terminal, plain lines
//! elsewhere, or JSON.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use theseus_core::engine::{GroupReport, Outcome, Progress, Report};
use theseus_core::model::GroupId;

use super::style::{BAD, CHANGE, FAINT, GOOD, STRONG, inert, paint};
use super::{human, print_json, say};
use crate::args::Format;

/// More moving lines than this fit no terminal; the groups beyond only report when they are done.
const MAX_BARS: usize = 16;

/// Tells what happens, in one of three ways.
pub(crate) struct Teller {
    way: Way,
}

enum Way {
    Json,
    /// What was last said of each group, so that it is said once.
    Lines(Mutex<BTreeMap<GroupId, String>>),
    Bars {
        all: MultiProgress,
        bars: Mutex<BTreeMap<GroupId, ProgressBar>>,
    },
}

impl Teller {
    pub(crate) fn new(format: Format) -> Self {
        let way = match format {
            Format::Json => Way::Json,
            Format::Text if super::is_lively() => Way::Bars {
                all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
                bars: Mutex::default(),
            },
            Format::Text => Way::Lines(Mutex::default()),
        };
        Self { way }
    }

    /// Takes what the engine tells.
    pub(crate) fn tell(&self, progress: &Progress) {
        match &self.way {
            // A reader that went away does not stop a deploy.
            Way::Json => drop(print_json(progress)),
            Way::Lines(said) => {
                if let Some(line) = line(progress)
                    && is_news(said, progress, &line)
                {
                    say(&format!("{line}\n"));
                }
            }
            Way::Bars { all, bars } => {
                // Nothing panics while it holds the bars.
                if let Ok(mut bars) = bars.lock() {
                    draw(all, &mut bars, progress);
                }
            }
        }
    }
}

/// Whether a line says something else of its group than the last one that told how far it is.
fn is_news(said: &Mutex<BTreeMap<GroupId, String>>, progress: &Progress, line: &str) -> bool {
    let Progress::Waiting { group, .. } = progress else {
        return true;
    };
    // Nothing panics while it holds the lines.
    let Ok(mut said) = said.lock() else {
        return true;
    };
    said.insert(group.clone(), line.to_owned()).as_deref() != Some(line)
}

fn draw(all: &MultiProgress, bars: &mut BTreeMap<GroupId, ProgressBar>, progress: &Progress) {
    match progress {
        Progress::Started { group, .. } if bars.len() < MAX_BARS => {
            let bar = all.add(
                ProgressBar::new(1)
                    .with_style(bar_style())
                    .with_prefix(group.to_string()),
            );
            bar.enable_steady_tick(Duration::from_millis(120));
            bars.insert(group.clone(), bar);
        }
        Progress::Waiting {
            group,
            waiting,
            census,
            instances,
        } => {
            if let Some(bar) = bars.get(group) {
                bar.set_length(u64::from(*instances).max(1));
                bar.set_position(u64::from(census.new_ready));
                bar.set_message(waiting.clone());
            }
        }
        Progress::RollingBack { group, reason } => {
            let _ = all.println(paint(
                CHANGE,
                &format!("{group}: rolling back: {}", inert(reason)),
            ));
        }
        Progress::Trouble { .. } | Progress::Held { .. } | Progress::Looking { .. } => {
            if let Some(line) = line(progress) {
                let _ = all.println(line);
            }
        }
        Progress::Done(report) => {
            if let Some(bar) = bars.remove(&report.group) {
                bar.finish_and_clear();
            }
            if report.result != Outcome::Unchanged {
                let _ = all.println(done(report));
            }
        }
        _ => {}
    }
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {prefix:.bold} {bar:16.green/dim} {pos}/{len} ready, waiting for {msg} {elapsed:.dim}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━─")
}

/// One thing in one line; what matters only to programs is left out.
fn line(progress: &Progress) -> Option<String> {
    Some(match progress {
        Progress::Started { group, action } => format!("{group}: {}", action.as_str()),
        Progress::Changed { group, change } => format!("{group}: {}", inert(change)),
        Progress::Waiting {
            group,
            waiting,
            census,
            instances,
        } => {
            format!(
                "{group}: {}/{instances} ready, waiting for {waiting}",
                census.new_ready
            )
        }
        Progress::Trouble {
            group: Some(group),
            message,
        } => {
            format!(
                "{} {group}: {}; trying again",
                paint(CHANGE, "trouble:"),
                inert(message)
            )
        }
        Progress::Trouble {
            group: None,
            message,
        } => {
            format!(
                "{} {}; trying again",
                paint(CHANGE, "trouble:"),
                inert(message)
            )
        }
        Progress::Looking { why } => {
            format!(
                "{} nobody tells what happens, so it is looked now and then: {}",
                paint(CHANGE, "note:"),
                inert(why)
            )
        }
        Progress::Held { group, message, .. } => {
            format!(
                "{} {group}: {}; --force breaks it off",
                paint(CHANGE, "held:"),
                inert(message)
            )
        }
        Progress::RollingBack { group, reason } => {
            format!(
                "{group}: {} {}",
                paint(CHANGE, "rolling back:"),
                inert(reason)
            )
        }
        Progress::Done(report) if report.result == Outcome::Unchanged => return None,
        Progress::Done(report) => done(report),
        _ => return None,
    })
}

/// How a group ended, in one line.
pub(crate) fn done(report: &GroupReport) -> String {
    let (mark, style) = match report.result {
        Outcome::Ok => ("✔", GOOD),
        Outcome::Unchanged => ("=", FAINT),
        Outcome::RolledBack => ("↩", CHANGE),
        Outcome::Stopped => ("■", CHANGE),
        Outcome::Skipped
        | Outcome::Held
        | Outcome::Stale
        | Outcome::Paused
        | Outcome::Overtaken
        | Outcome::Failed => ("✘", BAD),
    };
    let mut line = format!(
        "{} {} {}: {}",
        paint(style, mark),
        paint(STRONG, &report.group.to_string()),
        report.action.as_str(),
        paint(style, report.result.words()),
    );
    if !report.took.is_zero() {
        line.push_str(&paint(FAINT, &format!(" in {}", human::exact(report.took))));
    }
    if let Some(reason) = &report.reason {
        line.push_str(": ");
        line.push_str(&inert(reason));
    }
    line
}

/// The last line of a deploy's JSON.
#[derive(Serialize)]
struct Finished<'a> {
    event: &'static str,
    result: Outcome,
    groups: &'a [GroupReport],
}

/// Tells how all of it ended.
pub(crate) fn finished(report: &Report, format: Format) -> Result<(), crate::failure::Failure> {
    if format == Format::Json {
        return print_json(&Finished {
            event: "finished",
            result: report.outcome(),
            groups: &report.groups,
        });
    }
    let count = |outcome| {
        report
            .groups
            .iter()
            .filter(|group| group.result == outcome)
            .count()
    };
    let parts: Vec<String> = [
        (Outcome::Ok, "done"),
        (Outcome::RolledBack, "rolled back"),
        (Outcome::Stopped, "stopped"),
        (Outcome::Skipped, "skipped"),
        (Outcome::Paused, "paused"),
        (Outcome::Held, "held"),
        (Outcome::Stale, "not begun"),
        (Outcome::Overtaken, "given up"),
        (Outcome::Failed, "failed"),
        (Outcome::Unchanged, "unchanged"),
    ]
    .into_iter()
    .filter(|(outcome, _)| count(*outcome) > 0)
    .map(|(outcome, words)| format!("{} {words}", count(outcome)))
    .collect();
    let words = match &parts[..] {
        [] => "Nothing to do.".to_owned(),
        parts => format!("Groups: {}.", parts.join(", ")),
    };
    super::print(&format!("{}\n", paint(STRONG, &words)))
}
