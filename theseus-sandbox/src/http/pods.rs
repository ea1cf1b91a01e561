//! `/v2/pods`. The sandbox runs none: there is nothing to list, and none is taken.

use axum::http::{Method, StatusCode, Uri};
use axum::response::IntoResponse;

use super::error::ApiError;
use super::params::{path_id, segments};
use super::{Answer, ok};

pub(super) async fn collection(method: Method) -> Answer {
    match method {
        Method::HEAD => Ok(StatusCode::OK.into_response()),
        Method::GET => ok(&[(); 0]),
        Method::POST => Err(refused()),
        _ => Err(ApiError::not_allowed()),
    }
}

/// `/v2/pods/{id}`, and the views of it that are named after two colons.
pub(super) async fn member(method: Method, uri: Uri) -> Answer {
    let whole = segments(uri.path(), "/v2/pods").join("/");
    let (id, view) = whole.split_once("::").unwrap_or((&whole, ""));
    let id = path_id(&[id.trim_end_matches('/')])?;
    match method {
        Method::GET if id.is_root() && view == "status" => ok(&[(); 0]),
        Method::GET | Method::DELETE => {
            let message = format!("Pod '{id}' does not exist");
            Err(ApiError::message(StatusCode::NOT_FOUND, message))
        }
        Method::PUT => Err(refused()),
        _ => Err(ApiError::not_allowed()),
    }
}

fn refused() -> ApiError {
    ApiError::unprocessable("the sandbox runs no pods")
}
