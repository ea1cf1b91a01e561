//! Which address shows what.

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;

use crate::guard::{AllowedHosts, guard};
use crate::viewer::Viewer;
use crate::{api, assets, live, pages};

/// The viewer's pages, for requests that name one of these hosts. Mount it at the root.
pub fn router(viewer: Viewer, hosts: AllowedHosts) -> Router {
    Router::new()
        .route("/", get(pages::routes::overview))
        .route("/groups/{group}", get(pages::routes::group))
        .route(
            "/groups/{group}/containers/{container}",
            get(pages::routes::container),
        )
        .route("/machines", get(pages::routes::machines))
        .route("/machines/{host}", get(pages::routes::machine))
        .route("/usage", get(pages::routes::usage))
        .route("/events", get(pages::routes::events))
        .route("/live", get(live::stream))
        .route("/api/v1/status", get(api::status))
        .route("/health", get(async || "ok"))
        .route("/assets/viewer.css", get(assets::style))
        .route("/assets/viewer.js", get(assets::script))
        .route("/assets/icon.svg", get(assets::icon))
        .fallback(async || not_found("There is no such page."))
        // Nothing here reads a body.
        .layer(RequestBodyLimitLayer::new(0))
        // Nothing in a page is secret from whoever may see it, so its length gives nothing away.
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(hosts, guard))
        .with_state(viewer)
}

fn not_found(reason: &str) -> Response {
    (StatusCode::NOT_FOUND, pages::not_found(reason)).into_response()
}
