//! Keeping open pages true: a stream of server-sent events that tell what changed.
//!
//! A page says what it shows and which version it has. Each message has all parts that changed since
//! the last one that was sent, already as HTML, so that the script only swaps elements by their id.
//! A message is made when the connection has room for it: a slow reader skips versions.

use std::convert::Infallible;

use axum::extract::{Query, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use jiff::Timestamp;
use serde::Deserialize;
use theseus_core::model::GroupId;

use crate::pages::{Page, update};
use crate::view::Version;
use crate::viewer::{Subscription, Viewer};

/// What a page follows.
#[derive(Debug, Deserialize)]
pub(crate) struct Follow {
    /// The group that it shows; all of them when there is none.
    group: Option<GroupId>,
    /// The version that it has.
    from: Option<Version>,
}

/// The stream of what changes in a page.
pub(crate) async fn events(
    State(viewer): State<Viewer>,
    Query(follow): Query<Follow>,
    headers: HeaderMap,
) -> Response {
    let Some(subscription) = viewer.subscribe() else {
        let reason = "Too many pages are open.\n";
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            [(RETRY_AFTER, "10")],
            reason,
        )
            .into_response();
    };
    let page = follow.group.map_or(Page::Overview, Page::Group);
    // A browser that was cut off tells the last message that it got.
    let has = last_event(&headers)
        .or(follow.from)
        .unwrap_or(Version::NONE);
    Sse::new(stream::unfold((subscription, page, has), message))
        .keep_alive(KeepAlive::default())
        .into_response()
}

fn last_event(headers: &HeaderMap) -> Option<Version> {
    let id = headers.get("last-event-id")?.to_str().ok()?;
    id.parse().ok().map(Version)
}

type Following = (Subscription, Page, Version);

async fn message(
    (mut subscription, page, has): Following,
) -> Option<(Result<Event, Infallible>, Following)> {
    let view = subscription.next().await?;
    // A version of the future is of another process: what that page shows is unknown.
    let has = if has > view.version {
        Version::NONE
    } else {
        has
    };
    let update = update(&page, &view, has, Timestamp::now());
    let event = Event::default()
        .id(view.version.0.to_string())
        .json_data(&update)
        .expect("text and numbers always become JSON");
    Some((Ok(event), (subscription, page, view.version)))
}
