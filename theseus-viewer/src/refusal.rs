//! What is answered to whoever does not get what he asks for: a page to people, JSON to programs.

use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::http::header::{ALLOW, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use theseus_core::manifest::Faults;
use utoipa::ToSchema;

use crate::pages::{self, address::segment};
use crate::routes::Answers;
use crate::view::View;

/// When it is worth to ask again for what has not been seen.
const AGAIN: Duration = Duration::from_secs(2);

/// Why something is not answered.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    reason: String,
    help: Option<String>,
    header: Option<Box<(HeaderName, HeaderValue)>>,
    faults: Vec<Fault>,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// What, in words.
    error: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    /// What is wrong with the manifest, fault by fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<Fault>,
}

/// One thing that is wrong with a manifest.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Fault {
    /// The line, counted from 1.
    line: usize,
    /// The column, counted from 1.
    column: usize,
    /// Which part of the manifest it is about: `deploy.ingestor.ports.ssh`.
    path: String,
    /// What was expected, and what was found instead.
    message: String,
    /// What was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<String>,
    /// What else helps to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.into(),
            help: None,
            header: None,
            faults: Vec::new(),
        }
    }

    pub(crate) fn forbidden(reason: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason)
    }

    pub(crate) fn unauthorized(reason: &str) -> Self {
        let bearer = HeaderValue::from_static("Bearer realm=\"theseus\"");
        Self::new(StatusCode::UNAUTHORIZED, reason).with(WWW_AUTHENTICATE, bearer)
    }

    /// Not now, but after a while.
    pub(crate) fn later(status: StatusCode, reason: &str, wait: Duration) -> Self {
        let seconds = HeaderValue::from(wait.as_secs().max(1));
        Self::new(status, reason).with(RETRY_AFTER, seconds)
    }

    /// Nothing was seen yet that could be told of.
    pub(crate) fn unseen(view: &View) -> Self {
        let reason = match &view.trouble {
            Some(trouble) => &trouble.message,
            None => "cluster and store have not been looked at yet",
        };
        Self::later(StatusCode::SERVICE_UNAVAILABLE, reason, AGAIN)
    }

    /// Not by this method.
    pub(crate) fn method(allowed: &'static str) -> Self {
        let reason = format!("only {allowed} are taken here");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, reason)
            .with(ALLOW, HeaderValue::from_static(allowed))
    }

    /// Only after a sign-in, which leads back.
    pub(crate) fn sign_in(request: &Request) -> Self {
        let to = match (request.method(), request.uri().path_and_query()) {
            (&Method::GET | &Method::HEAD, Some(path)) => path.as_str(),
            _ => "/",
        };
        let place = format!("/sign-in?to={}", segment(to));
        let place = HeaderValue::from_str(&place);
        Self::new(StatusCode::SEE_OTHER, "sign in first").with(
            LOCATION,
            place.unwrap_or(HeaderValue::from_static("/sign-in")),
        )
    }

    fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        Self {
            header: Some(Box::new((name, value))),
            ..self
        }
    }

    /// Adds what to do about it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds what is wrong with a manifest, fault by fault.
    pub(crate) fn faults(mut self, faults: &Faults) -> Self {
        let told = faults.iter().map(|fault| Fault {
            line: fault.place.line,
            column: fault.place.column,
            path: fault.path.to_string(),
            message: fault.message.clone(),
            suggestion: fault.suggestion.clone(),
            help: fault.help.clone(),
        });
        self.faults = told.collect();
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        self.header.as_deref().cloned()
    }

    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    /// The same as an answer.
    pub(crate) fn answer(self, answers: Answers) -> Response {
        let Self {
            status,
            reason,
            help,
            header,
            faults,
        } = self;
        let mut response = match answers {
            Answers::Data => {
                let problem = Problem {
                    error: reason,
                    help,
                    faults,
                };
                (status, Json(problem)).into_response()
            }
            Answers::Page => {
                let page = pages::refused(status, &reason, help.as_deref());
                (status, page).into_response()
            }
        };
        if let Some((name, value)) = header.map(|header| *header) {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
