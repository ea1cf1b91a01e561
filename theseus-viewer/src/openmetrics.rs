//! What Prometheus reads, whoever tells it.

use std::sync::atomic::AtomicU64;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The media type of what Prometheus reads.
const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds that go up and down, or a time.
pub type Seconds = Gauge<f64, AtomicU64>;

/// Metrics as text: the answer to `GET /metrics`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenMetrics(pub String);

impl From<&Registry> for OpenMetrics {
    fn from(registry: &Registry) -> Self {
        let mut text = String::new();
        if encode(&mut text, registry).is_err() {
            // Writing to a string cannot fail.
            text.clear();
        }
        Self(text)
    }
}

impl IntoResponse for OpenMetrics {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, MEDIA_TYPE)], self.0).into_response()
    }
}

/// A count as a gauge takes it.
pub fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
