//! The HTTP side: routes, and what every answer has in common.

mod admin;
mod agent;
mod apps;
mod body;
mod chaos;
mod deployments;
mod error;
mod events;
mod group_update;
mod groups;
mod info;
mod leader;
mod lesser;
mod mesos;
mod metrics;
mod params;
mod pieces;
mod pods;
mod selector;
mod subscriptions;
mod tasks;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn_with_state, map_response_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, delete, get, post};
use serde::Serialize;

use self::error::ApiError;
use crate::behaviour::{self, Span};
use crate::engine::Engine;
use crate::version::MarathonVersion;

pub(crate) use self::agent::router as agent_router;

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
        .route("/v2/deployments", get(deployments::list))
        .route("/v2/deployments/{id}", delete(deployments::remove))
        .route("/v2/queue", get(deployments::queue))
        .route("/v2/info", get(info::info))
        .route("/ping", get(info::ping))
        .route("/metrics", get(metrics::metrics))
        .merge(later(engine.config.version))
        .fallback(unknown)
        .layer(from_fn_with_state(
            Arc::clone(&engine),
            leader::await_leader,
        ))
        .layer(map_response_with_state(Arc::clone(&engine), with_headers))
        .merge(mesos::router())
        .layer(from_fn_with_state(Arc::clone(&engine), chaos::strike));
    Router::new()
        .nest("/sandbox", admin::router())
        .merge(marathon)
        .layer(map_response_with_state(Arc::clone(&engine), worded))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(engine)
}

/// The routes that not every version has.
fn later(version: MarathonVersion) -> Router<Arc<Engine>> {
    let routes: [(Span, &str, MethodRouter<Arc<Engine>>); 15] = [
        (
            behaviour::TASKS_DELETE,
            "/v2/tasks/delete",
            post(tasks::delete),
        ),
        (
            behaviour::QUEUE_DELAY,
            "/v2/queue/{*rest}",
            delete(deployments::reset_delay),
        ),
        (
            behaviour::LEADER,
            "/v2/leader",
            get(leader::show).delete(leader::abdicate),
        ),
        (
            behaviour::EVENT_SUBSCRIPTIONS,
            "/v2/eventSubscriptions",
            get(subscriptions::list)
                .post(subscriptions::subscribe)
                .delete(subscriptions::unsubscribe),
        ),
        (behaviour::PODS, "/v2/pods", any(pods::collection)),
        (behaviour::PODS, "/v2/pods/", any(pods::collection)),
        (behaviour::PODS, "/v2/pods/{*rest}", any(pods::member)),
        (behaviour::PLUGINS, "/v2/plugins", get(lesser::plugins)),
        (
            behaviour::PLUGINS,
            "/v2/plugins/{*rest}",
            get(lesser::plugin),
        ),
        (
            behaviour::ARTIFACTS,
            "/v2/artifacts",
            any(lesser::artifacts),
        ),
        (
            behaviour::ARTIFACTS,
            "/v2/artifacts/{*rest}",
            any(lesser::artifacts),
        ),
        (behaviour::SCHEMAS, "/v2/schemas", get(lesser::schema)),
        (behaviour::SCHEMAS, "/v2/schemas/app", get(lesser::schema)),
        (
            behaviour::PROMETHEUS,
            "/metrics/prometheus",
            get(metrics::prometheus),
        ),
        (behaviour::EVENT_STREAM, "/v2/events", get(events::stream)),
    ];
    let present = routes.into_iter().filter(|(span, ..)| version.has(*span));
    present.fold(Router::new(), |router, (_, path, handler)| {
        router.route(path, handler)
    })
}

/// For the errors of what is not Marathon's: of the admin endpoints and of trouble on purpose.
async fn worded(State(engine): Ctx, response: Response) -> Response {
    error::worded(engine.config.version, response)
}

async fn unknown(uri: axum::http::Uri) -> ApiError {
    ApiError::UnknownUri(uri.path().to_owned())
}

/// The headers that every answer of this version has, and none that it has not.
async fn with_headers(State(engine): Ctx, response: Response) -> Response {
    let config = &engine.config;
    let mut response = error::worded(config.version, response);
    let headers = response.headers_mut();
    if config.version.has(behaviour::NEVER_CACHED) {
        let value = HeaderValue::from_static;
        headers.insert(
            header::CACHE_CONTROL,
            value("no-cache, no-store, must-revalidate"),
        );
        headers.insert(header::PRAGMA, value("no-cache"));
        headers.insert(header::EXPIRES, value("0"));
    }
    let leader = HeaderValue::from_str(&format!("http://{}", config.leader));
    if let (true, Ok(leader)) = (config.version.has(behaviour::LEADER_HEADER), leader) {
        headers.insert("X-Marathon-Leader", leader);
    }
    if !config.version.has(behaviour::DEPLOYMENT_HEADER) {
        headers.remove("Marathon-Deployment-Id");
    }
    response
}

/// Writes `body` straight into one buffer.
fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    let mut buffer = Vec::with_capacity(1024);
    serde_json::to_writer(&mut buffer, body).map_err(|error| ApiError::internal(&error))?;
    Ok(written(status, buffer))
}

/// An answer whose JSON is written.
fn written(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn ok(body: &impl Serialize) -> Answer {
    json(StatusCode::OK, body)
}
