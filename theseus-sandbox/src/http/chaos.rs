//! Logs every request and lets the faults strike that are in force.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;

use super::error::ApiError;
use crate::engine::Engine;
use crate::faults::FaultAction;
use crate::requests::RequestRecord;

pub(super) async fn strike(
    State(engine): State<Arc<Engine>>,
    request: Request,
    next: Next,
) -> Response {
    let record = RequestRecord {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
    };
    let fault = engine.faults.strike(&record.method, &record.path);
    engine.requests.add(record);
    drop(engine);
    match fault {
        None => next.run(request).await,
        Some(FaultAction::Status(status)) => refuse(status),
        Some(FaultAction::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            next.run(request).await
        }
        Some(FaultAction::CutBody) => cut(next.run(request).await, 2).await,
        Some(FaultAction::DropConnection) => cut(next.run(request).await, usize::MAX).await,
        Some(FaultAction::LoseRequest) => Response::new(broken(None)),
    }
}

fn refuse(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    ApiError::message(status, "the sandbox was told to answer so").into_response()
}

#[derive(Debug, thiserror::Error)]
#[error("the sandbox was told to break the connection")]
struct Cut;

/// Keeps one part in `divisor` of the body and breaks the connection there. If nothing is kept,
/// the server never gets to send the head either.
async fn cut(response: Response, divisor: usize) -> Response {
    let (parts, body) = response.into_parts();
    if body.size_hint().exact().is_none() {
        // A stream without an end has no half.
        return Response::from_parts(parts, broken(None));
    }
    let whole = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default();
    let kept = whole.slice(..whole.len() / divisor);
    Response::from_parts(parts, broken((!kept.is_empty()).then_some(kept)))
}

/// A body that breaks the connection; if nothing is kept, before anything is sent.
pub(super) fn broken(kept: Option<Bytes>) -> Body {
    Body::from_stream(stream::unfold(kept, |kept| async move {
        match kept {
            Some(kept) if !kept.is_empty() => Some((Ok(kept), Some(Bytes::new()))),
            Some(_) => {
                // What was kept goes out before the connection breaks.
                tokio::task::yield_now().await;
                Some((Err(Cut), None))
            }
            None => Some((Err(Cut), None)),
        }
    }))
}
