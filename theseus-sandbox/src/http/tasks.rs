//! Tasks: of one app, of all, and their killing.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;

use super::body::parse;
use super::deployments::deployment_result;
use super::error::ApiError;
use super::params::{Params, path_id};
use super::{Answer, Ctx, ok};
use crate::behaviour;
use crate::cluster::{Cluster, KillReceipt, TaskInfo};
use crate::definition::AppSpec;
use crate::engine::Engine;
use crate::path_id::PathId;
use crate::version::MarathonVersion;

/// `/v2/apps/{id}/tasks`, and `/v2/apps/{group}/*/tasks`.
pub(super) fn of_app(
    engine: &Engine,
    method: &Method,
    segments: &[&str],
    params: &Params,
    headers: &HeaderMap,
) -> Answer {
    if let [group @ .., "*"] = segments {
        let group = path_id(group)?;
        return match *method {
            Method::GET => below(engine, &group),
            _ => Err(ApiError::not_allowed()),
        };
    }
    let app = path_id(segments)?;
    match *method {
        Method::GET => engine.read(|cluster, now| {
            let spec = cluster
                .spec(&app)
                .ok_or_else(|| ApiError::unknown_app(&app))?;
            if let Some(text) = as_text(cluster, headers, || std::iter::once(&**spec)) {
                return text;
            }
            let tasks: Vec<TaskInfo> = cluster.task_infos(&app, now).collect();
            if tasks.is_empty() && cluster.version.has(behaviour::NO_TASKS_IS_404) {
                return Err(ApiError::unknown_app(&app));
            }
            ok(&BTreeMap::from([("tasks", tasks)]))
        }),
        Method::DELETE => engine.act(|cluster, now| {
            known(cluster, &app)?;
            let ids = cluster.tasks_of(&app, params.first("host").filter(|host| *host != "*"));
            let wish = Wish::of(params, cluster.version)?;
            let receipt = cluster.kill(&ids, wish.scale, wish.force, now)?;
            answer(receipt, "tasks", cluster.version)
        }),
        _ => Err(ApiError::not_allowed()),
    }
}

fn below(engine: &Engine, group: &PathId) -> Answer {
    engine.read(|cluster, now| {
        known_group(cluster, group)?;
        let prefix = group.prefix();
        let apps = cluster.specs_below(&prefix);
        let tasks: Vec<TaskInfo> = apps
            .flat_map(|spec| cluster.task_infos(&spec.id, now))
            .collect();
        ok(&BTreeMap::from([("tasks", tasks)]))
    })
}

/// `/v2/apps/{id}/tasks/{task}`.
pub(super) fn one(
    engine: &Engine,
    method: &Method,
    app: &PathId,
    id: &str,
    params: &Params,
) -> Answer {
    if *method != Method::DELETE {
        return Err(ApiError::not_allowed());
    }
    engine.act(|cluster, now| {
        known(cluster, app)?;
        let ids = cluster
            .task_of(app, id)
            .ok_or_else(|| ApiError::unknown_task(id))?;
        let wish = Wish::of(params, cluster.version)?;
        let receipt = cluster.kill(&ids, wish.scale, wish.force, now)?;
        answer(receipt, "task", cluster.version)
    })
}

/// Old versions take a group that is none for one without apps.
pub(super) fn known_group(cluster: &Cluster, group: &PathId) -> Result<(), ApiError> {
    if cluster.has_group(group) || !cluster.version.has(behaviour::UNKNOWN_GROUP_OF_APPS) {
        return Ok(());
    }
    Err(ApiError::unknown_group(group))
}

fn known(cluster: &Cluster, app: &PathId) -> Result<(), ApiError> {
    cluster
        .spec(app)
        .map(drop)
        .ok_or_else(|| ApiError::unknown_app(app))
}

/// How tasks are to be killed.
struct Wish {
    scale: bool,
    force: bool,
}

impl Wish {
    fn of(params: &Params, version: MarathonVersion) -> Result<Self, ApiError> {
        let wipe = version.has(behaviour::WIPE) && params.flag("wipe", false);
        let scale = params.flag("scale", false);
        if scale && wipe {
            let message = "You cannot use scale and wipe at the same time.";
            return Err(ApiError::message(StatusCode::BAD_REQUEST, message));
        }
        Ok(Self {
            scale,
            force: params.flag("force", false),
        })
    }
}

fn answer(receipt: KillReceipt, key: &str, version: MarathonVersion) -> Answer {
    let KillReceipt { tasks, deployment } = receipt;
    let deployment = deployment.filter(|_| version.has(behaviour::KILL_TELLS_DEPLOYMENT));
    match deployment {
        Some(receipt) => deployment_result(StatusCode::OK, &receipt),
        None if key == "task" => ok(&BTreeMap::from([(key, tasks.first())])),
        None => ok(&BTreeMap::from([(key, tasks)])),
    }
}

/// The tasks of these apps as text, or that there is none, if text is what is asked for.
fn as_text<'a, I: Iterator<Item = &'a AppSpec>>(
    cluster: &'a Cluster,
    headers: &HeaderMap,
    apps: impl FnOnce() -> I,
) -> Option<Answer> {
    let accept = headers.get(header::ACCEPT)?.to_str().ok()?;
    if !accept.contains("text/plain") || accept.contains("json") {
        return None;
    }
    if cluster.version.has(behaviour::TASKS_AS_TEXT) {
        return Some(Ok(cluster.tasks_as_text(apps()).into_response()));
    }
    let status = StatusCode::NOT_ACCEPTABLE;
    Some(Err(ApiError::message(status, "HTTP 406 Not Acceptable")))
}

pub(super) async fn list(State(engine): Ctx, params: Params, headers: HeaderMap) -> Answer {
    let states: Vec<&str> = params.all("status").chain(params.all("status[]")).collect();
    let wanted = |running: bool| {
        states.is_empty() || states.contains(&if running { "running" } else { "staging" })
    };
    engine.read(|cluster, now| {
        if let Some(text) = as_text(cluster, &headers, || cluster.specs()) {
            return text;
        }
        let tasks: Vec<TaskInfo> = cluster.all_tasks(wanted, now).collect();
        ok(&BTreeMap::from([("tasks", tasks)]))
    })
}

#[derive(Deserialize)]
struct Ids {
    ids: Vec<Arc<str>>,
}

pub(super) async fn delete(State(engine): Ctx, params: Params, body: Bytes) -> Answer {
    let Ids { ids } = parse(&body)?;
    let version = engine.config.version;
    let wish = Wish::of(&params, version)?;
    if let Some(bad) = ids.iter().find(|id| !id.contains('.')) {
        let message = format!("unable to extract runSpec id from task id '{bad}'");
        return Err(ApiError::message(StatusCode::BAD_REQUEST, message));
    }
    engine.act(|cluster, now| {
        let receipt = cluster.kill(&ids, wish.scale, wish.force, now)?;
        if version.has(behaviour::TASKS_DELETE_TELLS) {
            answer(receipt, "tasks", version)
        } else {
            Ok(StatusCode::OK.into_response())
        }
    })
}
