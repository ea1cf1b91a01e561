//! What a registrar serves. Whoever has more to serve on the same address merges it into the router.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use theseus_viewer::OpenMetrics;

use super::board::Board;

/// `/health` and `/metrics`.
pub(super) fn router(board: Arc<Board>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .with_state(board)
}

async fn health(State(board): State<Arc<Board>>) -> impl IntoResponse {
    let health = board.health();
    let status = if health.is_well() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(health))
}

async fn metrics(State(board): State<Arc<Board>>) -> OpenMetrics {
    board.metrics()
}
