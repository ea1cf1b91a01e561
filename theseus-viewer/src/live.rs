//! Keeping open pages true: a stream of server-sent events that tell what changed.
//!
//! A page says what it shows and which version it has. Each message has all parts that changed since
//! the last one that was sent, already as HTML, so that the script only swaps elements by their id.
//! A message is made when the connection has room for it: a slow reader skips versions. Pages that
//! show the same and have the same are told the same: it is made once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde::Deserialize;
use theseus_core::cluster::ContainerId;
use theseus_core::model::GroupId;

use crate::guard::Stay;
use crate::pages::{Ask, Extra, Has, Page, Sight, update};
use crate::view::{Version, View};
use crate::viewer::{Subscription, Viewer};

/// How often something is sent, for a page to know that nothing changed.
const BEAT: Duration = Duration::from_secs(15);
/// How often what a page shows besides the view is read anew.
const REREAD: Duration = Duration::from_secs(15);

/// What a page follows.
#[derive(Debug, Deserialize)]
pub(crate) struct Follow {
    /// Which page: all groups when it is not said.
    page: Option<String>,
    /// The group that it shows.
    group: Option<GroupId>,
    /// The container or the machine.
    name: Option<String>,
    /// The version that it has.
    version: Option<Version>,
    /// What it has besides.
    late: Option<u64>,
}

impl Follow {
    fn page(&self) -> Option<Page> {
        let (group, name) = (self.group.clone(), self.name.clone());
        Some(match self.page.as_deref().unwrap_or("overview") {
            "overview" => Page::Overview,
            "group" => Page::Group(group?),
            "container" => Page::Container(group?, ContainerId(name?)),
            "machines" => Page::Machines,
            "machine" => Page::Machine(name?),
            "usage" => Page::Usage,
            "events" => Page::Events,
            _ => return None,
        })
    }
}

/// The stream of what changes in a page.
pub(crate) async fn stream(
    State(viewer): State<Viewer>,
    Query(follow): Query<Follow>,
    Query(ask): Query<Ask>,
    stay: Stay,
    headers: HeaderMap,
) -> Response {
    let Some(page) = follow.page() else {
        let reason = "There is no such page to follow.\n";
        return (StatusCode::BAD_REQUEST, reason).into_response();
    };
    let Some(subscription) = viewer.subscribe() else {
        let reason = "Too many pages are open.\n";
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            [(RETRY_AFTER, "10")],
            reason,
        )
            .into_response();
    };
    // A browser that was cut off tells the last message that it got.
    let has = last_event(&headers).unwrap_or(Has {
        version: follow.version.unwrap_or(Version::NONE),
        late: follow.late.unwrap_or_default(),
    });
    let following = Following {
        viewer,
        subscription,
        ask: page.followed(&ask),
        page,
        has,
    };
    // Scripts are not told of comments, so the beat is an event of its own.
    let beat = Event::default().event("beat").data("-");
    let messages = stream::unfold(following, Following::message);
    Sse::new(messages.take_until(Box::pin(stay.over())))
        .keep_alive(KeepAlive::new().interval(BEAT).event(beat))
        .into_response()
}

/// The id of a message: the version, and what there is besides.
fn last_event(headers: &HeaderMap) -> Option<Has> {
    let id = headers.get("last-event-id")?.to_str().ok()?;
    let (version, late) = id.split_once('-')?;
    Some(Has {
        version: Version(version.parse().ok()?),
        late: late.parse().ok()?,
    })
}

struct Following {
    viewer: Viewer,
    subscription: Subscription,
    page: Page,
    ask: Ask,
    has: Has,
}

impl Following {
    async fn message(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            let view = self.next().await?;
            if self.page.shows_machines() {
                self.viewer.machines_are_shown();
            }
            // A version of the future is of another process: what that page shows is unknown.
            if self.has.version > view.version {
                self.has.version = Version::NONE;
            }
            let Some((has, data)) = self.told(&view).await else {
                continue;
            };
            self.has = has;
            let id = format!("{}-{}", self.has.version.0, self.has.late);
            let event = Event::default().id(id).data(&*data);
            return Some((Ok(event), self));
        }
    }

    /// The next view, or the same one when it is time to read what there is besides.
    async fn next(&mut self) -> Option<Arc<View>> {
        if !self.page.has_extra() {
            return self.subscription.next().await;
        }
        match tokio::time::timeout(REREAD, self.subscription.next()).await {
            Ok(view) => view,
            Err(_) => Some(self.viewer.view()),
        }
    }

    /// What the page is to be told of a view; `None` when it has all of it.
    async fn told(&self, view: &View) -> Option<(Has, Arc<str>)> {
        let (page, ask, has) = (&self.page, &self.ask, &self.has);
        let extra = Extra::read(self.viewer.reads(), page, ask, view).await;
        let sight = Sight {
            page,
            ask,
            view,
            extra: &extra,
            links: self.viewer.links(),
        };
        let make = || {
            let update = update(&sight, has, Timestamp::now());
            if update.is_empty() {
                return String::new();
            }
            serde_json::to_string(&update).expect("text always becomes JSON")
        };
        let will = sight.has();
        let (before, after) = (has.late, will.late);
        let key = format!("{}&{}-{before}-{after}", page.stream(ask), has.version.0);
        let told = view.update(key, make);
        (!told.is_empty()).then_some((will, told))
    }
}
