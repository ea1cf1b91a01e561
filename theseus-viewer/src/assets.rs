//! The files that pages refer to, embedded in the program.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// The style of all pages.
pub(crate) async fn style() -> impl IntoResponse {
    let body = include_str!("../assets/viewer.css");
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], body)
}

/// What keeps an open page true.
pub(crate) async fn script() -> impl IntoResponse {
    let body = include_str!("../assets/viewer.js");
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], body)
}

/// The style of logs.
pub(crate) async fn logs_style() -> impl IntoResponse {
    let body = include_str!("../assets/logs.css");
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], body)
}

/// What keeps a page of logs going.
pub(crate) async fn logs_script() -> impl IntoResponse {
    let body = include_str!("../assets/logs.js");
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], body)
}

/// The icon of all pages.
pub(crate) async fn icon() -> impl IntoResponse {
    let body = include_str!("../assets/icon.svg");
    ([(CONTENT_TYPE, "image/svg+xml")], body)
}
