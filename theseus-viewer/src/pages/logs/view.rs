//! The part of a page in which lines are: with what holds it still, and where the rest is.

use std::time::Duration;

use maud::{Markup, html};
use theseus_core::model::GroupId;

use super::path;
use super::rows::{remark, row};
use crate::logs::{End, MOST, Wanted};
use crate::pages::{address, empty, words};

/// The lines that are wanted of a group, as they came within a while, and how they go on.
pub(super) fn view(
    group: &GroupId,
    wanted: &Wanted,
    lines: u64,
    end: &End,
    patience: Duration,
) -> Markup {
    let with = |path: &str, more: &[(&str, Option<&str>)]| {
        let mut parameters = vec![
            ("container", Some(wanted.container.as_str())),
            ("output", Some(wanted.output.as_str())),
        ];
        parameters.extend(more);
        address::with_query(path, &parameters)
    };
    let api = format!(
        "/api/v1/groups/{}/logs",
        address::segment(&group.to_string())
    );
    let all = with(&api, &[("tail", Some("all")), ("text", Some("true"))]);
    let live = with(
        &format!("{}/live", path(group, None)),
        &[("follow", Some("true"))],
    );
    let older = (lines < MOST).then(|| {
        let tail = (lines.max(1) * 2).min(MOST).to_string();
        with(
            &path(group, None),
            &[
                ("q", Some(wanted.q.as_str())),
                ("tail", Some(tail.as_str())),
            ],
        )
    });
    html! {
        link rel="stylesheet" href="/assets/logs.css";
        script src="/assets/logs.js" defer {}
        div.log-bar {
            p #log-state role="status" { (words::count(end.lines(), "line")) ", as of now" }
            button #log-pause type="button" hidden aria-pressed="false" { "Pause" }
            button #log-end type="button" hidden { "Jump to the end" }
            @if let Some(older) = &older { a #log-older href=(older) { "Older lines" } }
            a href=(all) download { "Download all" }
        }
        ol.log.of-one[!wanted.container.is_empty()] #log tabindex="0" aria-label="Lines" data-stream=(live) data-older=(format!("{}/older", path(group, None))) data-output=(wanted.output) data-lines=(lines) data-most=(MOST) {
            @if end.is_cut { (remark("What was written before this is more than a page has. “Download all” has all of it.")) }
            @for told in &end.told { (row(told)) }
            @if end.is_late { (remark(&format!("Not all of it came within {} s.", patience.as_secs()))) }
        }
        @if end.is_silent() {
            div #log-empty { (empty("Nothing is told.", &html! { "Nothing was written, or nothing of it is meant." })) }
        }
    }
}
