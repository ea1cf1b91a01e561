//! The Mesos master behind the Marathon: where it is, what it knows, and what it counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use super::info::authority;
use super::{Answer, Ctx, ok};
use crate::engine::Engine;
use crate::time::Stamp;

/// Every path with the name of the process before it and without, and each as it was spelled
/// before Mesos 1.0, too.
pub(super) fn router() -> Router<Arc<Engine>> {
    let both = |router: Router<Arc<Engine>>, path: &str, handler: MethodRouter<Arc<Engine>>| {
        router
            .route(path, handler.clone())
            .route(&format!("/master{path}"), handler)
    };
    let mut router = Router::new();
    for suffix in ["", ".json"] {
        router = both(router, &format!("/slaves{suffix}"), get(slaves));
        router = both(router, &format!("/state{suffix}"), get(state));
    }
    both(router, "/redirect", get(redirect)).route("/metrics/snapshot", get(metrics))
}

async fn slaves(State(engine): Ctx) -> Answer {
    engine.read(|cluster, _| ok(&BTreeMap::from([("slaves", cluster.slaves())])))
}

async fn state(State(engine): Ctx, uri: Uri, headers: HeaderMap) -> Answer {
    let authority = authority(&uri, &headers, &engine.config);
    engine.read(|cluster, _| ok(&cluster.master_state(authority, started(&engine))))
}

async fn metrics(State(engine): Ctx) -> Answer {
    engine.read(|cluster, now| ok(&cluster.master_metrics(started(&engine), now)))
}

fn started(engine: &Engine) -> Stamp {
    Stamp::from_timestamp(engine.config.start_time)
}

/// Leads to the leading master, as Mesos does: without a scheme.
async fn redirect(State(engine): Ctx, uri: Uri, headers: HeaderMap) -> Response {
    let master = format!("//{}", authority(&uri, &headers, &engine.config));
    let status = StatusCode::TEMPORARY_REDIRECT;
    (status, [(header::LOCATION, master)]).into_response()
}
