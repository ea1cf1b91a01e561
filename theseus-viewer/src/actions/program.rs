//! What pages and programs share: reading what was sent, planning it, and beginning to carry it out.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use theseus_core::audit::Deed;
use theseus_core::engine::{Ask, ControlError, Engine};
use theseus_core::manifest::Source;
use theseus_core::model::GroupId;
use theseus_core::plan::Plan;
use theseus_core::records::LockRecord;

use super::out_of_reach;
use super::{Asked, Work};
use crate::guard::Caller;
use crate::refusal::Refusal;
use crate::routes::App;
use crate::viewer::Viewer;

/// The media types of manifests. None of them is one that a form of another site could send.
const TYPES: [&str; 6] = [
    "application/json",
    "application/yaml",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
    "text/vnd.yaml",
];

/// Takes what was sent as a manifest.
pub(crate) fn body(headers: &HeaderMap, bytes: &Bytes) -> Result<Vec<Source>, Refusal> {
    let told = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let essence = told
        .and_then(|it| it.split(';').next())
        .unwrap_or("")
        .trim();
    if !TYPES.iter().any(|it| it.eq_ignore_ascii_case(essence)) {
        let reason = if essence.is_empty() {
            "a manifest has a Content-Type".to_owned()
        } else {
            format!("a manifest is no {essence:?}")
        };
        return Err(
            Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason).help(
                "send Content-Type: application/yaml or application/json; with curl: \
                 -H 'Content-Type: application/yaml' --data-binary @FILE",
            ),
        );
    }
    Ok(vec![Source::new("manifest", bytes.to_vec())])
}

/// The engine in the name of whoever asks.
pub(crate) fn engine_for(viewer: &Viewer, caller: Caller) -> Engine {
    let engine = viewer.engine().clone();
    match caller.elsewhere() {
        Some(address) => {
            let by = format!("{}, from {address}", engine.by());
            engine.in_the_name_of(by)
        }
        None => engine,
    }
}

/// What comes of something that is asked for.
pub(crate) enum Begun {
    /// There was nothing to do.
    Unchanged(Plan),
    /// It is carried out here.
    Work(Arc<Work>),
}

/// Plans what is asked for, and begins to carry it out.
pub(crate) async fn deploy(app: &App, caller: Caller, asked: &Asked) -> Result<Begun, Refusal> {
    let plan = asked.plan(&app.viewer).await?;
    if plan.is_empty() {
        return Ok(Begun::Unchanged(plan));
    }
    planned(app, caller, plan, asked.deed()).map(Begun::Work)
}

/// Begins to carry a plan out.
pub(crate) fn planned(
    app: &App,
    caller: Caller,
    plan: Plan,
    deed: Deed,
) -> Result<Arc<Work>, Refusal> {
    app.works.begin(engine_for(&app.viewer, caller), plan, deed)
}

/// What comes of an abort.
pub(crate) enum Aborted {
    /// Somebody else carries the rollout out, and takes it back.
    By(LockRecord),
    /// It is taken back here.
    Here(Arc<Work>),
}

/// Takes a rollout back: by whoever carries it out, or else from here.
pub(crate) async fn abort(app: &App, caller: Caller, group: &GroupId) -> Result<Aborted, Refusal> {
    let engine = engine_for(&app.viewer, caller);
    let abort = engine.abort(group).await.map_err(not_told)?;
    if let Some(holder) = abort.holder {
        return Ok(Aborted::By(holder));
    }
    let plan = Asked::Group(group.clone(), Ask::Resume)
        .plan(&app.viewer)
        .await?;
    planned(app, caller, plan, Deed::Abort).map(Aborted::Here)
}

/// Why a rollout was not told.
pub(crate) fn not_told(error: ControlError) -> Refusal {
    match error {
        ControlError::Engine(error) => out_of_reach(&error),
        error => Refusal::new(StatusCode::CONFLICT, error.to_string()),
    }
}
