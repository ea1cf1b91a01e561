//! `/v2/deployments` and `/v2/queue`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use serde::Serialize;

use super::error::ApiError;
use super::params::{Params, path_id, segments};
use super::{Answer, Ctx, json, ok};
use crate::behaviour;
use crate::cluster::Receipt;
use crate::time::Stamp;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeploymentResult<'a> {
    version: Stamp,
    deployment_id: &'a Arc<str>,
}

/// The answer to whatever started a deployment.
pub(super) fn deployment_result(status: StatusCode, receipt: &Receipt) -> Answer {
    let header = [("Marathon-Deployment-Id", receipt.deployment.to_string())];
    let body = DeploymentResult {
        version: receipt.version,
        deployment_id: &receipt.deployment,
    };
    Ok((header, json(status, &body)?).into_response())
}

pub(super) async fn list(State(engine): Ctx) -> Answer {
    engine.read(|cluster, _| ok(&cluster.deployment_infos()))
}

pub(super) async fn remove(State(engine): Ctx, Path(id): Path<String>, params: Params) -> Answer {
    let unknown = || {
        let message = format!("DeploymentPlan {id} does not exist");
        ApiError::message(StatusCode::NOT_FOUND, message)
    };
    if engine.config.version.has(behaviour::FORCED_STOP) && params.flag("force", false) {
        let stopped = engine.act(|cluster, now| cluster.stop_deployment(&id, now));
        return if stopped {
            Ok(StatusCode::ACCEPTED.into_response())
        } else {
            Err(unknown())
        };
    }
    let rolled_back = engine.act(|cluster, now| cluster.roll_back(&id, now));
    deployment_result(StatusCode::OK, &rolled_back.ok_or_else(unknown)??)
}

pub(super) async fn queue(State(engine): Ctx, params: Params) -> Answer {
    let with_offers = params.all("embed").any(|it| it == "lastUnusedOffers");
    engine.read(|cluster, now| {
        ok(&BTreeMap::from([(
            "queue",
            cluster.queue(with_offers, now),
        )]))
    })
}

/// `DELETE /v2/queue/{id}/delay`.
pub(super) async fn reset_delay(State(engine): Ctx, uri: Uri) -> Answer {
    let segments = segments(uri.path(), "/v2/queue");
    let app = match segments.split_last() {
        Some((last, app)) if last == "delay" => path_id(app)?,
        _ => return Err(ApiError::not_allowed()),
    };
    if engine.act(|cluster, _| cluster.reset_delay(&app)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let message = format!("Application {app} not found in tasks queue.");
    Err(ApiError::message(StatusCode::NOT_FOUND, message))
}
