//! The Mesos master behind the Marathon: its agents, and where it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::info::authority;
use super::{Answer, Ctx, ok};
use crate::engine::Engine;

pub(super) fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route("/slaves", get(slaves))
        .route("/master/slaves", get(slaves))
        .route("/redirect", get(redirect))
        .route("/master/redirect", get(redirect))
}

async fn slaves(State(engine): Ctx) -> Answer {
    engine.read(|cluster, _| ok(&BTreeMap::from([("slaves", cluster.slaves())])))
}

/// Leads to the leading master, as Mesos does: without a scheme.
async fn redirect(State(engine): Ctx, uri: Uri, headers: HeaderMap) -> Response {
    let master = format!("//{}", authority(&uri, &headers, &engine.config));
    let status = StatusCode::TEMPORARY_REDIRECT;
    (status, [(header::LOCATION, master)]).into_response()
}
