//! Refusals as Marathon 1.5 words them.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::cluster::Refusal;
use crate::definition::Fault;
use crate::path_id::PathId;

#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    body: Value,
}

impl ApiError {
    pub(crate) fn message(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            body: json!({ "message": message.into() }),
        }
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

    pub(crate) fn unprocessable(message: impl Into<String>) -> Self {
        Self::message(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// The body is no JSON.
    pub(crate) fn malformed(details: impl Into<String>) -> Self {
        let body = json!({ "message": "Invalid JSON", "details": details.into() });
        Self {
            status: StatusCode::BAD_REQUEST,
            body,
        }
    }

    /// The body is JSON of the wrong shape.
    pub(crate) fn misshapen(faults: &[Fault]) -> Self {
        let body = json!({ "message": "Invalid JSON", "details": faults });
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            body,
        }
    }

    /// The body has the right shape and makes no sense.
    pub(crate) fn invalid(faults: &[Fault]) -> Self {
        let body = json!({ "message": "Object is not valid", "details": faults });
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            body,
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Locked(deployments) => {
                let ids: Vec<Value> = deployments
                    .iter()
                    .map(|id| json!({ "id": &**id }))
                    .collect();
                let message = "App is locked by one or more deployments. Override with the option \
                               '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'.";
                let body = json!({ "message": message, "deployments": ids });
                Self {
                    status: StatusCode::CONFLICT,
                    body,
                }
            }
            Refusal::Invalid(faults) => Self::invalid(&faults),
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
        (self.status, axum::Json(self.body)).into_response()
    }
}
