//! The HTTP side: routes, and what every answer has in common.

mod admin;
mod agent;
mod apps;
mod body;
mod chaos;
mod deployments;
mod error;
mod events;
mod groups;
mod info;
mod mesos;
mod params;
mod selector;
mod tasks;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post};
use serde::Serialize;

use self::error::ApiError;

pub(crate) use self::agent::router as agent_router;
use crate::engine::Engine;

type Ctx = axum::extract::State<Arc<Engine>>;
type Answer = Result<Response, ApiError>;

/// Larger bodies are refused with 413.
const LARGEST_BODY: usize = 64 << 20;

pub(crate) fn router(engine: Arc<Engine>) -> Router {
    let marathon = Router::new()
        .route("/v2/apps", any(apps::collection))
        .route("/v2/apps/", any(apps::collection))
        .route("/v2/apps/{*rest}", any(apps::member))
        .route("/v2/groups", any(groups::handle))
        .route("/v2/groups/", any(groups::handle))
        .route("/v2/groups/{*rest}", any(groups::handle))
        .route("/v2/tasks", get(tasks::list))
        .route("/v2/tasks/delete", post(tasks::delete))
        .route("/v2/deployments", get(deployments::list))
        .route("/v2/deployments/{id}", delete(deployments::remove))
        .route("/v2/queue", get(deployments::queue))
        .route("/v2/queue/{*rest}", delete(deployments::reset_delay))
        .route("/v2/info", get(info::info))
        .route("/v2/leader", get(info::leader))
        .route("/v2/events", get(events::stream))
        .route("/ping", get(info::ping))
        .route("/metrics", get(info::metrics))
        .fallback(unknown)
        .layer(map_response(never_cached))
        .merge(mesos::router())
        .layer(from_fn_with_state(Arc::clone(&engine), chaos::strike));
    Router::new()
        .nest("/sandbox", admin::router())
        .merge(marathon)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(engine)
}

async fn unknown(uri: axum::http::Uri) -> ApiError {
    ApiError::message(
        StatusCode::NOT_FOUND,
        format!("URI not found: {}", uri.path()),
    )
}

async fn never_cached(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let value = HeaderValue::from_static;
    headers.insert(
        header::CACHE_CONTROL,
        value("no-cache, no-store, must-revalidate"),
    );
    headers.insert(header::PRAGMA, value("no-cache"));
    headers.insert(header::EXPIRES, value("0"));
    response
}

/// Writes `body` straight into one buffer.
fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    let mut buffer = Vec::with_capacity(1024);
    serde_json::to_writer(&mut buffer, body)
        .map_err(|error| ApiError::message(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok((status, [(header::CONTENT_TYPE, "application/json")], buffer).into_response())
}

fn ok(body: &impl Serialize) -> Answer {
    json(StatusCode::OK, body)
}
