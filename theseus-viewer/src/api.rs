//! What pages show, as JSON for programs.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::viewer::Viewer;

/// When what is told was seen.
const OBSERVED_AT: HeaderName = HeaderName::from_static("theseus-observed-at");
/// Whether a later look failed, so that what is told may have changed since.
const STALE: HeaderName = HeaderName::from_static("theseus-stale");

/// How all groups are doing: the same JSON as `theseus status --format json`.
pub(crate) async fn status(State(viewer): State<Viewer>) -> Response {
    let view = viewer.view();
    let Some(known) = &view.known else {
        let reason = view
            .trouble
            .as_ref()
            .map_or("cluster and store have not been looked at yet", |trouble| {
                &trouble.message
            });
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({ "error": reason })),
        )
            .into_response();
    };
    let headers = [
        (OBSERVED_AT, known.observed_at.to_string()),
        (STALE, view.trouble.is_some().to_string()),
    ];
    (headers, Json(&known.status)).into_response()
}
