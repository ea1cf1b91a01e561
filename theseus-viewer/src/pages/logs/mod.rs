//! What the containers of a group write. Without the script it is a page with the last lines.

mod rows;
mod view;

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;
use theseus_core::cluster::ContainerId;
use theseus_core::model::GroupId;

use super::layout::{self, group_path};
use super::{address, commands};
use crate::guard::Stay;
use crate::logs::{End, MOST, Open, Places, Sending, USUAL, Wanted};
use crate::named;
use crate::refusal::Refusal;
use crate::routes::Answers;
use crate::view::{Group, View};
use crate::viewer::Viewer;

/// How long a page waits for what was written.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same of a page that has more than that.
const GLANCE: Duration = Duration::from_secs(1);
/// How many of the last lines such a page has.
const FEW: u64 = 100;
/// How many more come at once of each output when it is scrolled back.
const OLDER: u64 = 300;
/// How many lines come at once of all containers together, but of each output so many at least.
const TOGETHER: u64 = 2000;
const LEAST: u64 = 5;

/// The address of a group's logs, or of one container's.
pub(super) fn path(group: &GroupId, container: Option<&str>) -> String {
    let path = format!("{}/logs", group_path(group));
    address::with_query(&path, &[("container", container)])
}

/// The page of a group's logs.
pub(crate) async fn show(
    State(viewer): State<Viewer>,
    Path(group): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let shown = async {
        let id = named::group(&group)?;
        let view = viewer.seen().await;
        let group = seen(&view, &id)?;
        let lines = first(&wanted, group)?;
        // What is followed is followed by the script.
        let now = Wanted {
            follow: false,
            tail: lines.to_string(),
            ..wanted.clone()
        };
        let end = now.open(&viewer, &id, group)?.end(PATIENCE).await;
        Ok(page(&id, group, &wanted, lines, &end).into_response())
    };
    shown
        .await
        .unwrap_or_else(|refusal: Refusal| refusal.answer(Answers::Page))
}

/// What a page of logs follows: lines as rows of it.
pub(crate) async fn live(
    State(viewer): State<Viewer>,
    Path(group): Path<String>,
    stay: Stay,
    Query(wanted): Query<Wanted>,
) -> Response {
    let view = viewer.seen().await;
    let open = || -> Result<Open, Refusal> {
        let id = named::group(&group)?;
        wanted.open_placed(&viewer, &id, seen(&view, &id)?)
    };
    let sending = Sending {
        kind: HeaderValue::from_static("application/x-ndjson"),
        beats: true,
        write: rows::piece,
    };
    match open() {
        Ok(open) => open.send(&viewer, stay, sending),
        Err(refusal) => refusal.answer(Answers::Data),
    }
}

/// What a page asks for that is scrolled back.
#[derive(Debug, Deserialize)]
pub(crate) struct Back {
    /// Of which output; of both unless it is said.
    #[serde(default)]
    output: String,
    /// Where its lines begin, as it was told.
    places: Places,
}

/// The lines before those that a page has, as rows of it.
pub(crate) async fn older(
    State(viewer): State<Viewer>,
    Path(group): Path<String>,
    back: Result<Json<Back>, JsonRejection>,
) -> Response {
    let read = async {
        let Json(Back { output, places }) =
            back.map_err(|wrong| Refusal::new(wrong.status(), wrong.body_text()))?;
        let id = named::group(&group)?;
        let view = viewer.seen().await;
        let group = seen(&view, &id)?;
        if places.is_empty() {
            return Ok(Json(rows::Piece::of(&[])).into_response());
        }
        let share = share(places.len(), &output, OLDER);
        // Where lines are that long that they are too much, few of them may not be.
        for lines in [share, share.div_ceil(20)] {
            let wanted = Wanted {
                output: output.clone(),
                tail: lines.to_string(),
                ..Wanted::default()
            };
            let open = wanted.open_before(&viewer, &id, group, places.clone())?;
            let mut end = open.end(PATIENCE).await;
            // Some of it would be a page with holes in it.
            if end.is_late {
                return Err(not_now("they do not come in time"));
            }
            if !end.is_cut {
                return Ok(Json(rows::Piece::of(end.told.make_contiguous())).into_response());
            }
        }
        Err(not_now("they are too long for a page"))
    };
    read.await
        .unwrap_or_else(|refusal: Refusal| refusal.answer(Answers::Data))
}

/// With how many of the last lines of each output a page begins.
fn first(wanted: &Wanted, group: Group<'_>) -> Result<u64, Refusal> {
    if wanted.tail.is_empty() && wanted.container.is_empty() {
        return Ok(share(group.status.containers.len(), &wanted.output, USUAL));
    }
    // A file has all lines; a page would take too long to be read, and to be sent.
    Ok(wanted.lines()?.unwrap_or(MOST))
}

/// How many lines of each output of so many containers come at once: so many at most.
fn share(containers: usize, output: &str, most: u64) -> u64 {
    let outputs = match output {
        "stdout" | "stderr" => 1,
        _ => 2,
    };
    let all = (containers as u64).saturating_mul(outputs).max(1);
    (TOGETHER / all).clamp(LEAST, most)
}

fn not_now(reason: &str) -> Refusal {
    Refusal::later(StatusCode::SERVICE_UNAVAILABLE, reason, PATIENCE)
}

/// The last lines of one container, as they stand in its own page.
pub(crate) async fn of_container(
    viewer: &Viewer,
    view: &View,
    id: &GroupId,
    container: &ContainerId,
) -> Option<Result<End, Refusal>> {
    let group = view.known.as_ref()?.group(id)?;
    match of(container).open(viewer, id, group) {
        Ok(open) => Some(Ok(open.end(GLANCE).await)),
        Err(refusal) => Some(Err(refusal)),
    }
}

/// The same, shown.
pub(super) fn section(id: &GroupId, container: &ContainerId, end: &End) -> Markup {
    view::view(id, &of(container), FEW, end, GLANCE)
}

fn of(container: &ContainerId) -> Wanted {
    Wanted {
        container: container.0.clone(),
        tail: FEW.to_string(),
        ..Wanted::default()
    }
}

/// The group, as it was seen last.
fn seen<'a>(view: &'a View, id: &GroupId) -> Result<Group<'a>, Refusal> {
    let known = view.known.as_deref();
    let known = known.ok_or_else(|| Refusal::unseen(view))?;
    known.group(id).ok_or_else(|| named::unknown(id, known))
}

fn page(id: &GroupId, group: Group<'_>, wanted: &Wanted, lines: u64, end: &End) -> Markup {
    let content = html! {
        (layout::trail(&[("/".to_owned(), "Overview"), (group_path(id), &id.to_string())]))
        h1 { "Logs of " (id) }
        (form(id, group, wanted))
        (view::view(id, wanted, lines, end, PATIENCE))
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
