//! A Mesos agent: its state, what its tasks use, and their files.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state, map_response_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde::Serialize;

use super::chaos;
use super::error::ApiError;
use super::params::Params;
use super::{ok, worded};
use crate::cluster::NoFile;
use crate::engine::Engine;

/// The agent of one host.
#[derive(Clone, Debug)]
struct Agent {
    engine: Arc<Engine>,
    host: usize,
}

type Ctx = State<Agent>;

/// The API of the agent of the host of that number.
pub(crate) fn router(engine: Arc<Engine>, host: usize) -> Router {
    let agent = Agent { engine, host };
    let mut router = Router::new();
    let handlers: [(&str, MethodRouter<Agent>); 6] = [
        ("/state", get(state)),
        ("/monitor/statistics", get(statistics)),
        ("/containers", get(statistics)),
        ("/files/browse", get(browse)),
        ("/files/read", get(read)),
        ("/files/download", get(download)),
    ];
    for (path, handler) in handlers {
        // Before Mesos 1.0 everything was spelled as a file; the agent's own paths may be
        // prefixed with the name of the process.
        for suffix in ["", ".json"] {
            router = router.route(&format!("{path}{suffix}"), handler.clone());
            if !path.starts_with("/files") {
                router = router.route(&format!("/slave(1){path}{suffix}"), handler.clone());
            }
        }
    }
    router
        .layer(from_fn_with_state(agent.clone(), only_while_up))
        .layer(from_fn_with_state(Arc::clone(&agent.engine), chaos::strike))
        .layer(map_response_with_state(Arc::clone(&agent.engine), worded))
        .with_state(agent)
}

/// Nobody answers for a host that is lost.
async fn only_while_up(State(agent): Ctx, request: Request, next: Next) -> Response {
    let up = agent.engine.read(|cluster, _| cluster.is_up(agent.host));
    if up {
        next.run(request).await
    } else {
        Response::new(chaos::broken(None))
    }
}

/// Mesos answers in text what is wrong with a request.
#[derive(Debug)]
enum Refusal {
    NotFound,
    Bad(String),
    Failed(ApiError),
}

impl From<NoFile> for Refusal {
    fn from(_: NoFile) -> Self {
        Self::NotFound
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::Failed(error) => error.into_response(),
            Self::Bad(text) => (StatusCode::BAD_REQUEST, text).into_response(),
        }
    }
}

type Answer = Result<Response, Refusal>;

fn answer(body: &impl Serialize) -> Answer {
    ok(body).map_err(Refusal::Failed)
}

async fn state(State(agent): Ctx) -> Answer {
    agent.engine.read(|cluster, _| {
        let state = cluster.agent_state(agent.host).ok_or(Refusal::NotFound)?;
        answer(&state)
    })
}

async fn statistics(State(agent): Ctx) -> Answer {
    agent.engine.read(|cluster, now| {
        let statistics = cluster.statistics(agent.host, now);
        answer(&statistics.ok_or(Refusal::NotFound)?)
    })
}

async fn browse(State(agent): Ctx, params: Params) -> Answer {
    let path = path(&params)?;
    answer(
        &agent
            .engine
            .read(|cluster, now| cluster.browse(agent.host, path, now))?,
    )
}

async fn read(State(agent): Ctx, params: Params) -> Answer {
    let path = path(&params)?;
    let (offset, length) = (place(&params, "offset")?, place(&params, "length")?);
    answer(
        &agent
            .engine
            .read(|cluster, now| cluster.read_file(agent.host, path, offset, length, now))?,
    )
}

async fn download(State(agent): Ctx, params: Params) -> Answer {
    let path = path(&params)?;
    let name = path.rsplit('/').next().unwrap_or_default();
    let content = agent
        .engine
        .read(|cluster, now| cluster.download(agent.host, path, now))?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename={name}"),
        ),
    ];
    Ok((headers, content).into_response())
}

fn path(params: &Params) -> Result<&str, Refusal> {
    let path = params.first("path").filter(|path| !path.is_empty());
    path.ok_or_else(|| Refusal::Bad("Expecting 'path=value' in query.\n".into()))
}

/// A number of bytes; none if absent or -1, which means the same.
fn place(params: &Params, name: &str) -> Result<Option<u64>, Refusal> {
    let Some(text) = params.first(name) else {
        return Ok(None);
    };
    match text.parse::<i64>() {
        Ok(-1) => Ok(None),
        Ok(number) => u64::try_from(number)
            .map(Some)
            .map_err(|_| Refusal::Bad(format!("Negative {name} provided: {number}.\n"))),
        Err(_) => Err(Refusal::Bad(format!("Failed to parse {name}: {text}.\n"))),
    }
}
