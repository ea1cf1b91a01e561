//! What all answers have in common.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::HeaderName;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::IntoResponses;

use crate::refusal::{Problem, Refusal};
use crate::routes::Answers;
use crate::view::{Known, View};
use crate::viewer::Viewer;

/// When what is told was seen.
const OBSERVED_AT: HeaderName = HeaderName::from_static("theseus-observed-at");
/// Whether a later look failed, so that what is told may have changed since.
const STALE: HeaderName = HeaderName::from_static("theseus-stale");

/// What can go wrong wherever something is shown.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it only describes what a refusal looks like")]
pub(super) enum Refused {
    /// The request is not understood.
    #[response(status = 400)]
    BadRequest(#[to_schema] Problem),
    /// The viewer has a token, and the request has another one or none.
    #[response(status = 401)]
    Unauthorized(#[to_schema] Problem),
    /// The host, the origin or the caller is not one that this is for.
    #[response(status = 403)]
    Forbidden(#[to_schema] Problem),
    /// There is no such thing.
    #[response(status = 404)]
    NotFound(#[to_schema] Problem),
    /// There were too many wrong tokens.
    #[response(status = 429)]
    TooMany(#[to_schema] Problem),
    /// The cluster or the store could not be asked.
    #[response(status = 502)]
    OutOfReach(#[to_schema] Problem),
    /// Nothing is known yet.
    #[response(status = 503)]
    NotYet(#[to_schema] Problem),
}

/// An answer, or why there is none.
pub(super) type Told = Result<Response, Wrong>;

/// Why there is no answer.
pub(super) struct Wrong(Refusal);

impl From<Refusal> for Wrong {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<JsonRejection> for Wrong {
    fn from(rejection: JsonRejection) -> Self {
        Self(Refusal::new(rejection.status(), rejection.body_text()))
    }
}

impl From<QueryRejection> for Wrong {
    fn from(rejection: QueryRejection) -> Self {
        Self(Refusal::new(rejection.status(), rejection.body_text()))
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        self.0.answer(Answers::Data)
    }
}

/// What was seen last.
pub(super) struct Seen {
    view: Arc<View>,
    known: Arc<Known>,
}

impl Seen {
    /// What was seen last, once anything was; a refusal if that takes too long.
    pub(super) async fn last(viewer: &Viewer) -> Result<Self, Refusal> {
        Self::of(viewer.seen().await)
    }

    /// What is in a view.
    pub(super) fn of(view: Arc<View>) -> Result<Self, Refusal> {
        match view.known.clone() {
            Some(known) => Ok(Self { view, known }),
            None => Err(Refusal::unseen(&view)),
        }
    }

    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    /// Tells something of it, with how far it can be trusted.
    pub(super) fn tell(&self, what: &impl Serialize) -> Response {
        let headers = [
            (OBSERVED_AT, self.known.observed_at.to_string()),
            (STALE, self.view.trouble.is_some().to_string()),
        ];
        (headers, Json(what)).into_response()
    }
}

/// Tells something.
pub(super) fn tell(what: &impl Serialize) -> Response {
    Json(what).into_response()
}
