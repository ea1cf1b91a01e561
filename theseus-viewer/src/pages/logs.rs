//! What the containers of a group write. Without the script it is a page with the last lines.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use theseus_core::cluster::Output;
use theseus_core::logs::{Told, inert};
use theseus_core::model::GroupId;

use super::layout::{self, group_path};
use super::{address, commands, empty, routes, words};
use crate::logs::{End, MOST, Wanted};
use crate::routes::Answers;
use crate::view::Group;
use crate::viewer::Viewer;

/// How long a page waits for what was written.
const PATIENCE: Duration = Duration::from_secs(5);

/// The address of a group's logs, or of one container's.
pub(super) fn path(group: &GroupId, container: Option<&str>) -> String {
    let path = format!("{}/logs", group_path(group));
    address::with_query(&path, &[("container", container)])
}

pub(crate) async fn show(
    State(viewer): State<Viewer>,
    Path(group): Path<String>,
    Query(mut wanted): Query<Wanted>,
) -> Response {
    let id = match routes::parse(&group) {
        Ok(id) => id,
        Err(refusal) => return refusal,
    };
    let view = viewer.view();
    let Some(known) = view.known.as_deref() else {
        let page = super::not_found("cluster and store have not been looked at yet; try again");
        return (StatusCode::SERVICE_UNAVAILABLE, page).into_response();
    };
    let Some(group) = known.group(&id) else {
        let page = super::not_found(&format!("there is no group {id}"));
        return (StatusCode::NOT_FOUND, page).into_response();
    };
    // A file has all lines; a page would take too long to be read, and to be sent.
    if wanted.tail == "all" {
        wanted.tail = MOST.to_string();
    }
    // What is followed is followed by the script.
    let now = Wanted {
        follow: false,
        ..wanted.clone()
    };
    let open = match now.open(&viewer, &id, group) {
        Ok(open) => open,
        Err(refusal) => return refusal.answer(Answers::Page),
    };
    let lines = match wanted.lines() {
        Ok(lines) => lines.unwrap_or(MOST),
        Err(refusal) => return refusal.answer(Answers::Page),
    };
    let end = open.end(PATIENCE).await;
    page(&id, group, &wanted, lines, &end).into_response()
}

fn page(id: &GroupId, group: Group<'_>, wanted: &Wanted, lines: u64, end: &End) -> Markup {
    let written = end.told.iter().filter(|it| matches!(it, Told::Line(_)));
    let written = written.count();
    let api = |more: &[(&str, Option<&str>)]| {
        let mut parameters = vec![
            ("container", Some(wanted.container.as_str())),
            ("output", Some(wanted.output.as_str())),
        ];
        parameters.extend(more);
        let path = format!("/api/v1/groups/{}/logs", address::segment(&id.to_string()));
        address::with_query(&path, &parameters)
    };
    let older = (lines < MOST).then(|| {
        let tail = (lines.max(1) * 2).min(MOST).to_string();
        address::with_query(
            &path(id, None),
            &[
                ("container", Some(wanted.container.as_str())),
                ("output", Some(wanted.output.as_str())),
                ("q", Some(wanted.q.as_str())),
                ("tail", Some(tail.as_str())),
            ],
        )
    });
    let content = html! {
        (layout::trail(&[("/".to_owned(), "Overview"), (group_path(id), &id.to_string())]))
        h1 { "Logs of " (id) }
        link rel="stylesheet" href="/assets/logs.css";
        script src="/assets/logs.js" defer {}
        (form(id, group, wanted))
        div.log-bar {
            p #log-state role="status" { (words::count(written, "line")) ", as of now" }
            button #log-pause type="button" hidden aria-pressed="false" { "Pause" }
            button #log-end type="button" hidden { "Jump to the end" }
            @if let Some(older) = &older { a #log-older href=(older) { "Older lines" } }
            a href=(api(&[("tail", Some("all")), ("text", Some("true"))])) download { "Download all" }
        }
        ol.log #log tabindex="0" aria-label="Lines" data-stream=(api(&[("follow", Some("true"))]))
            data-lines=(lines) data-most=(MOST) {
            @if end.is_cut { (remark("What was written before this is more than a page has. “Download all” has all of it.")) }
            @for told in &end.told { (row(told)) }
            @if end.is_late { (remark(&format!("Not all of it came within {} s.", PATIENCE.as_secs()))) }
        }
        @if written == 0 {
            div #log-empty { (empty("Nothing is told.", &html! { "Nothing was written, or nothing of it is meant." })) }
        }
        (commands::list(&[
            (format!("theseus logs {id} --follow"), "the same"),
            (format!("theseus logs {id} --previous"), "of containers that are over"),
        ]))
    };
    layout::still(&format!("Logs of {id}"), "", &content)
}

/// What is looked for.
fn form(id: &GroupId, group: Group<'_>, wanted: &Wanted) -> Markup {
    let containers = group.status.containers.iter();
    html! {
        form.filter #log-form method="get" action=(path(id, None)) {
            label { span { "Container" } select name="container" {
                option value="" selected[wanted.container.is_empty()] { "all of them" }
                @for it in containers {
                    option value=(it.id.0) selected[wanted.container == it.id.0] { (it.id) }
                }
            } }
            label { span { "Output" } select name="output" {
                @for output in ["", "stdout", "stderr"] {
                    option value=(output) selected[wanted.output == output] {
                        (if output.is_empty() { "both" } else { output })
                    }
                }
            } }
            label.find { span { "Search" } input type="search" name="q" value=(wanted.q) autocomplete="off" spellcheck="false"; }
            input type="hidden" name="tail" value=(wanted.tail);
            button type="submit" { "Show" }
        }
    }
}

/// A word about the page.
fn remark(text: &str) -> Markup {
    html! { li.word { span.what { (text) } } }
}

/// A line, or a word about a container.
fn row(told: &Told) -> Markup {
    match told {
        Told::Line(line) => html! {
            li.stderr[line.output == Output::Stderr] {
                span.who title=(line.speaker.container) { (line.speaker.short_name()) }
                span.mark title=(line.output.as_str()) { (if line.output == Output::Stderr { "!" } else { "|" }) }
                span.what { (inert(&line.text)) }
            }
        },
        Told::Word { speaker, word } => html! {
            li.word { span.who title=(speaker.container) { (speaker.short_name()) } span.what { (inert(&word.to_string())) } }
        },
        Told::ClusterAway { reason } => {
            html! { li.word { span.what { "The cluster does not tell which containers there are: " (inert(reason)) } } }
        }
        Told::CaughtUp | Told::Untimed | Told::ClusterBack => html! {},
    }
}
