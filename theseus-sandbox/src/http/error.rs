//! Refusals, each worded as the version of Marathon words it.
//!
//! A handler knows what is wrong, not the version: its answer carries the error along, and
//! [`worded`] puts the status and the body in.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::behaviour::{self, Invalid};
use crate::cluster::Refusal;
use crate::definition::Fault;
use crate::path_id::PathId;
use crate::version::MarathonVersion;

#[derive(Clone, Debug)]
pub(crate) enum ApiError {
    /// A status and a message, the same in all versions.
    Message(StatusCode, String),
    /// Running deployments hold an app.
    Locked(Vec<String>),
    /// The body is no JSON.
    Malformed(String),
    /// The body is JSON of the wrong shape.
    Misshapen(Vec<Fault>),
    /// The body has the right shape and makes no sense.
    Invalid(Vec<Fault>),
    /// There is nothing at that path.
    UnknownUri(String),
}

impl ApiError {
    pub(crate) fn message(status: StatusCode, message: impl Into<String>) -> Self {
        Self::Message(status, message.into())
    }

    pub(crate) fn unknown_app(app: &PathId) -> Self {
        Self::message(StatusCode::NOT_FOUND, format!("App '{app}' does not exist"))
    }

    pub(crate) fn unknown_group(group: &PathId) -> Self {
        Self::message(
            StatusCode::NOT_FOUND,
            format!("Group '{group}' does not exist"),
        )
    }

    pub(crate) fn unknown_task(id: &str) -> Self {
        Self::message(StatusCode::NOT_FOUND, format!("Task '{id}' does not exist"))
    }

    pub(crate) fn not_allowed() -> Self {
        Self::message(
            StatusCode::METHOD_NOT_ALLOWED,
            "HTTP 405 Method Not Allowed",
        )
    }

    pub(crate) fn internal(error: &impl ToString) -> Self {
        Self::message(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }

    pub(crate) fn unprocessable(message: impl Into<String>) -> Self {
        Self::message(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    pub(crate) fn malformed(details: impl Into<String>) -> Self {
        Self::Malformed(details.into())
    }

    pub(crate) fn misshapen(faults: &[Fault]) -> Self {
        Self::Misshapen(faults.to_vec())
    }

    pub(crate) fn invalid(faults: &[Fault]) -> Self {
        Self::Invalid(faults.to_vec())
    }

    fn in_version(&self, version: MarathonVersion) -> (StatusCode, Value) {
        match self {
            Self::Message(status, message) => (*status, json!({ "message": message })),
            Self::Locked(deployments) => {
                let ids: Vec<Value> = deployments.iter().map(|id| json!({ "id": id })).collect();
                let message = "App is locked by one or more deployments. Override with the option \
                               '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'.";
                let body = json!({ "message": message, "deployments": ids });
                (StatusCode::CONFLICT, body)
            }
            Self::Malformed(text) if version.has(behaviour::INVALID_JSON) => {
                let body = json!({ "message": "Invalid JSON", "details": text });
                (StatusCode::BAD_REQUEST, body)
            }
            Self::Malformed(text) => (StatusCode::BAD_REQUEST, json!({ "message": text })),
            Self::Misshapen(faults) => {
                let status = if version.has(behaviour::SHAPE_IS_422) {
                    StatusCode::UNPROCESSABLE_ENTITY
                } else {
                    StatusCode::BAD_REQUEST
                };
                (status, misshapen(faults, version))
            }
            Self::Invalid(faults) => {
                let body = invalid(faults, version.pick(behaviour::INVALID));
                (StatusCode::UNPROCESSABLE_ENTITY, body)
            }
            Self::UnknownUri(_) if version.has(behaviour::UNKNOWN_URI_IS_500) => {
                let body = json!({ "message": "URI not found" });
                (StatusCode::INTERNAL_SERVER_ERROR, body)
            }
            Self::UnknownUri(path) => {
                let body = json!({ "message": format!("URI not found: {path}") });
                (StatusCode::NOT_FOUND, body)
            }
        }
    }
}

fn misshapen(faults: &[Fault], version: MarathonVersion) -> Value {
    if version.has(behaviour::SHAPE_DETAILS) {
        return json!({ "message": "Invalid JSON", "details": faults });
    }
    let text = |fault: &Fault| format!("{} (at {})", fault.errors.join(", "), fault.path);
    let texts: Vec<String> = faults.iter().map(text).collect();
    json!({ "message": texts.join("; ") })
}

fn invalid(faults: &[Fault], style: Invalid) -> Value {
    let attributes = || -> Vec<Value> {
        let all = faults.iter().flat_map(|fault| {
            let attribute = fault.attribute();
            let each = fault.errors.iter();
            each.map(move |error| json!({ "attribute": attribute, "error": error }))
        });
        all.collect()
    };
    match style {
        Invalid::Errors => json!({ "errors": attributes() }),
        Invalid::Bean => json!({ "message": "Bean is not valid", "errors": attributes() }),
        Invalid::Attributes => json!({ "message": "Object is not valid", "details": attributes() }),
        Invalid::Paths => json!({ "message": "Object is not valid", "details": faults }),
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Locked(deployments) => {
                Self::Locked(deployments.iter().map(ToString::to_string).collect())
            }
            Refusal::Invalid(faults) => Self::Invalid(faults),
            Refusal::TooManyDeployments(most) => Self::message(
                StatusCode::FORBIDDEN,
                format!(
                    "Max number ({most}) of running deployments was reached. Override with the option '?force=true'."
                ),
            ),
            Refusal::NoServicePortLeft => {
                Self::unprocessable("all ports of the range of service ports are in use")
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The answer with the error it carries, if any, in the words of `version`.
pub(super) fn worded(version: MarathonVersion, mut response: Response) -> Response {
    let Some(error) = response.extensions_mut().remove::<ApiError>() else {
        return response;
    };
    let (status, body) = error.in_version(version);
    (status, axum::Json(body)).into_response()
}
