//! What the pages' addresses answer.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use theseus_core::cluster::ContainerId;

use super::{Ask, Extra, Page, Sight, render};
use crate::named;
use crate::routes::Answers;
use crate::view::View;
use crate::viewer::Viewer;

pub(crate) async fn overview(viewer: State<Viewer>, ask: Query<Ask>) -> Response {
    answer(viewer, Page::Overview, ask).await
}

pub(crate) async fn machines(viewer: State<Viewer>, ask: Query<Ask>) -> Response {
    answer(viewer, Page::Machines, ask).await
}

pub(crate) async fn machine(
    viewer: State<Viewer>,
    Path(host): Path<String>,
    ask: Query<Ask>,
) -> Response {
    answer(viewer, Page::Machine(host), ask).await
}

pub(crate) async fn usage(viewer: State<Viewer>, ask: Query<Ask>) -> Response {
    answer(viewer, Page::Usage, ask).await
}

pub(crate) async fn events(viewer: State<Viewer>, ask: Query<Ask>) -> Response {
    answer(viewer, Page::Events, ask).await
}

pub(crate) async fn group(
    viewer: State<Viewer>,
    Path(group): Path<String>,
    ask: Query<Ask>,
) -> Response {
    match named::group(&group) {
        Ok(group) => answer(viewer, Page::Group(group), ask).await,
        Err(refusal) => refusal.answer(Answers::Page),
    }
}

pub(crate) async fn container(
    viewer: State<Viewer>,
    Path((group, id)): Path<(String, String)>,
    ask: Query<Ask>,
) -> Response {
    match named::group(&group) {
        Ok(group) => answer(viewer, Page::Container(group, ContainerId(id)), ask).await,
        Err(refusal) => refusal.answer(Answers::Page),
    }
}

async fn answer(State(viewer): State<Viewer>, page: Page, Query(ask): Query<Ask>) -> Response {
    if page.shows_machines() {
        viewer.machines_are_shown();
    }
    let view = viewer.view();
    let extra = Extra::read_whole(&viewer, &page, &ask, &view).await;
    let sight = Sight {
        page: &page,
        ask: &ask,
        view: &view,
        extra: &extra,
        links: viewer.links(),
    };
    let status = if is_there(&page, &view) {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    };
    (status, render(&sight, Timestamp::now())).into_response()
}

/// Whether what the page is about is there, as far as anything is known.
fn is_there(page: &Page, view: &View) -> bool {
    let Some(known) = &view.known else {
        return true;
    };
    match page {
        Page::Group(group) => known.group(group).is_some(),
        Page::Container(group, id) => known
            .group(group)
            .is_some_and(|group| group.container(id).is_some()),
        Page::Machine(host) => known.machines.get(host).is_some(),
        Page::Overview | Page::Machines | Page::Usage | Page::Events => true,
    }
}
