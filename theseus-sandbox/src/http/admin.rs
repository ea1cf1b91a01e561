//! `/sandbox`: making trouble over HTTP. The crate's front page lists the endpoints.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;

use super::body::parse;
use super::error::ApiError;
use super::{Answer, Ctx, ok};
use crate::engine::Engine;
use crate::faults::HttpFault;
use crate::script::Script;

type Done = Result<StatusCode, ApiError>;

pub(super) fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route("/hosts", get(hosts))
        .route("/hosts/{name}/{action}", post(change_host))
        .route("/tasks/{id}/{action}", post(change_task))
        .route(
            "/scripts",
            get(scripts).post(add_script).delete(clear_scripts),
        )
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/events/{action}", post(change_events))
        .route("/requests", get(requests).delete(clear_requests))
}

const DONE: Done = Ok(StatusCode::NO_CONTENT);

fn unknown(what: &str) -> ApiError {
    ApiError::message(StatusCode::NOT_FOUND, format!("there is no {what}"))
}

async fn hosts(State(engine): Ctx) -> Answer {
    engine.read(|cluster, _| ok(&cluster.host_views()))
}

async fn change_host(State(engine): Ctx, Path((name, action)): Path<(String, String)>) -> Done {
    let found = engine.act(|cluster, now| match action.as_str() {
        "lose" => Ok(cluster.lose_host(&name, now)),
        "return" => Ok(cluster.return_host(&name, now)),
        "drain" => Ok(cluster.drain_host(&name, true, now)),
        "undrain" => Ok(cluster.drain_host(&name, false, now)),
        _ => Err(unknown(&format!("action '{action}'"))),
    })?;
    if found {
        DONE
    } else {
        Err(unknown(&format!("host '{name}'")))
    }
}

#[derive(Deserialize)]
struct Failure {
    message: String,
}

async fn change_task(
    State(engine): Ctx,
    Path((id, action)): Path<(String, String)>,
    body: Bytes,
) -> Done {
    let failure: Option<Failure> = if body.is_empty() { None } else { parse(&body)? };
    let message = failure.map_or_else(|| "failed by request".to_owned(), |it| it.message);
    let found = engine.act(|cluster, now| match action.as_str() {
        "fail" => Ok(cluster.fail_task(&id, &message, now)),
        "healthy" => Ok(cluster.set_health(&id, true, now)),
        "unhealthy" => Ok(cluster.set_health(&id, false, now)),
        "ready" => Ok(cluster.set_ready(&id, true, now)),
        "unready" => Ok(cluster.set_ready(&id, false, now)),
        _ => Err(unknown(&format!("action '{action}'"))),
    })?;
    if found {
        DONE
    } else {
        Err(unknown(&format!("such task '{id}'")))
    }
}

async fn scripts(State(engine): Ctx) -> Answer {
    engine.read(|cluster, _| ok(&cluster.scripts))
}

async fn add_script(State(engine): Ctx, body: Bytes) -> Done {
    let script: Script = parse(&body)?;
    engine.act(|cluster, _| cluster.scripts.push(script));
    DONE
}

async fn clear_scripts(State(engine): Ctx) -> Done {
    engine.act(|cluster, _| cluster.scripts.clear());
    DONE
}

async fn faults(State(engine): Ctx) -> Answer {
    ok(&engine.faults.all())
}

async fn add_fault(State(engine): Ctx, body: Bytes) -> Done {
    let fault: HttpFault = parse(&body)?;
    engine.faults.add(fault);
    DONE
}

async fn clear_faults(State(engine): Ctx) -> Done {
    engine.faults.clear();
    DONE
}

async fn change_events(State(engine): Ctx, Path(action): Path<String>) -> Done {
    match action.as_str() {
        "cut" => engine.hub.cut(),
        "silence" => engine.hub.silence(true),
        "resume" => engine.hub.silence(false),
        _ => return Err(unknown(&format!("action '{action}'"))),
    }
    DONE
}

async fn requests(State(engine): Ctx) -> Answer {
    ok(&engine.requests.all())
}

async fn clear_requests(State(engine): Ctx) -> Done {
    engine.requests.clear();
    DONE
}
