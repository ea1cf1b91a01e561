//! Tasks: of one app, of all, and their killing.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use serde::Deserialize;

use super::body::parse;
use super::deployments::deployment_result;
use super::error::ApiError;
use super::params::{Params, path_id};
use super::{Answer, Ctx, ok};
use crate::behaviour;
use crate::cluster::{Cluster, KillReceipt, TaskInfo};
use crate::engine::Engine;
use crate::path_id::PathId;

/// `/v2/apps/{id}/tasks`, and `/v2/apps/{group}/*/tasks`.
pub(super) fn of_app(
    engine: &Engine,
    method: &Method,
    segments: &[&str],
    params: &Params,
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
            known(cluster, &app)?;
            let tasks: Vec<TaskInfo> = cluster.task_infos(&app, now).collect();
            ok(&BTreeMap::from([("tasks", tasks)]))
        }),
        Method::DELETE => engine.act(|cluster, now| {
            known(cluster, &app)?;
            let ids = cluster.tasks_of(&app, params.first("host").filter(|host| *host != "*"));
            let wish = Wish::of(params)?;
            let receipt = cluster.kill(&ids, wish.scale, wish.force, now)?;
            answer(receipt, "tasks")
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
        let wish = Wish::of(params)?;
        let receipt = cluster.kill(&ids, wish.scale, wish.force, now)?;
        answer(receipt, "task")
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
    fn of(params: &Params) -> Result<Self, ApiError> {
        let (scale, wipe) = (params.flag("scale", false), params.flag("wipe", false));
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

fn answer(receipt: KillReceipt, key: &str) -> Answer {
    match receipt {
        KillReceipt::Scaled(receipt) => deployment_result(StatusCode::OK, &receipt),
        KillReceipt::Tasks(tasks) if key == "task" => ok(&BTreeMap::from([(key, tasks.first())])),
        KillReceipt::Tasks(tasks) => ok(&BTreeMap::from([(key, tasks)])),
    }
}

pub(super) async fn list(State(engine): Ctx, params: Params) -> Answer {
    let states: Vec<&str> = params.all("status").chain(params.all("status[]")).collect();
    let wanted = |running: bool| {
        states.is_empty() || states.contains(&if running { "running" } else { "staging" })
    };
    engine.read(|cluster, now| {
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
    let wish = Wish::of(&params)?;
    if let Some(bad) = ids.iter().find(|id| !id.contains('.')) {
        let message = format!("unable to extract runSpec id from task id '{bad}'");
        return Err(ApiError::message(StatusCode::BAD_REQUEST, message));
    }
    engine.act(|cluster, now| {
        let receipt = cluster.kill(&ids, wish.scale, wish.force, now)?;
        answer(receipt, "tasks")
    })
}
