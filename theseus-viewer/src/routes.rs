//! Which address shows what.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use theseus_core::model::GroupId;
use tower_http::limit::RequestBodyLimitLayer;

use crate::guard::{AllowedHosts, guard};
use crate::pages::{self, Page};
use crate::viewer::Viewer;
use crate::{api, assets, live};

/// The viewer's pages, for requests that name one of these hosts. Mount it at the root.
pub fn router(viewer: Viewer, hosts: AllowedHosts) -> Router {
    Router::new()
        .route("/", get(overview))
        .route("/groups/{group}", get(group))
        .route("/events", get(live::events))
        .route("/api/v1/status", get(api::status))
        .route("/health", get(async || "ok"))
        .route("/assets/viewer.css", get(assets::style))
        .route("/assets/viewer.js", get(assets::script))
        .route("/assets/icon.svg", get(assets::icon))
        .fallback(async || not_found("There is no such page."))
        // Nothing here reads a body.
        .layer(RequestBodyLimitLayer::new(0))
        .layer(middleware::from_fn_with_state(hosts, guard))
        .with_state(viewer)
}

async fn overview(State(viewer): State<Viewer>) -> Response {
    pages::render(&Page::Overview, &viewer.view(), Timestamp::now()).into_response()
}

async fn group(State(viewer): State<Viewer>, Path(group): Path<String>) -> Response {
    let id: GroupId = match group.parse() {
        Ok(id) => id,
        Err(reason) => return not_found(&format!("{group:?} is no group: {reason}.")),
    };
    let view = viewer.view();
    let missing = view
        .known
        .as_ref()
        .is_some_and(|known| known.group(&id).is_none());
    let status = if missing {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::OK
    };
    let page = pages::render(&Page::Group(id), &view, Timestamp::now());
    (status, page).into_response()
}

fn not_found(reason: &str) -> Response {
    (StatusCode::NOT_FOUND, pages::not_found(reason)).into_response()
}
