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
use crate::cluster::{FileInfo, FilePart, LARGEST_READ, NoFile};
use crate::docker::Docker;
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
    if let Some(docker) = &agent.engine.config.docker {
        let engine = &agent.engine;
        let tasks = engine.read(|cluster, _| cluster.running_at(agent.host));
        let readings = docker.readings(&tasks).await;
        let pairs = tasks.into_iter().zip(readings);
        let readings: Vec<_> = pairs.filter_map(|(task, it)| Some((task, it?))).collect();
        return engine.read(|cluster, now| {
            let statistics = cluster.measured(agent.host, &readings, now);
            answer(&statistics.ok_or(Refusal::NotFound)?)
        });
    }
    agent.engine.read(|cluster, now| {
        let statistics = cluster.statistics(agent.host, now);
        answer(&statistics.ok_or(Refusal::NotFound)?)
    })
}

async fn browse(State(agent): Ctx, params: Params) -> Answer {
    let path = path(&params)?;
    if let Some(docker) = &agent.engine.config.docker {
        let path = path.trim_end_matches('/');
        let task = agent
            .engine
            .read(|cluster, _| cluster.directory_of(agent.host, path))?;
        let files = docker.files(&task);
        let files: Vec<_> = files.iter().map(|it| FileInfo::real(path, it)).collect();
        return answer(&files);
    }
    answer(
        &agent
            .engine
            .read(|cluster, now| cluster.browse(agent.host, path, now))?,
    )
}

async fn read(State(agent): Ctx, params: Params) -> Answer {
    let path = path(&params)?;
    let (offset, length) = (place(&params, "offset")?, place(&params, "length")?);
    if agent.engine.config.docker.is_some() {
        let Some(offset) = offset else {
            return answer(&FilePart::end(size_of(&agent, path)?));
        };
        let length = length.unwrap_or(LARGEST_READ).min(LARGEST_READ);
        let bytes = piece(&agent, path, offset, length)?;
        return answer(&FilePart::real(offset, bytes));
    }
    answer(
        &agent
            .engine
            .read(|cluster, now| cluster.read_file(agent.host, path, offset, length, now))?,
    )
}

async fn download(State(agent): Ctx, params: Params) -> Answer {
    let path = path(&params)?;
    let name = path.rsplit('/').next().unwrap_or_default();
    let content = if agent.engine.config.docker.is_some() {
        piece(&agent, path, 0, u64::MAX)?
    } else {
        agent
            .engine
            .read(|cluster, now| cluster.download(agent.host, path, now))?
    };
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename={name}"),
        ),
    ];
    Ok((headers, content).into_response())
}

/// A piece of a file of a real task.
fn piece(agent: &Agent, path: &str, offset: u64, most: u64) -> Result<Vec<u8>, Refusal> {
    let (docker, task, name) = real_file(agent, path)?;
    let piece = docker.piece(&task, name, offset, most);
    piece.ok_or(Refusal::NotFound)
}

fn size_of(agent: &Agent, path: &str) -> Result<u64, Refusal> {
    let (docker, task, name) = real_file(agent, path)?;
    let mut files = docker.files(&task).into_iter();
    let file = files.find(|file| file.name == name);
    Ok(file.ok_or(Refusal::NotFound)?.size)
}

fn real_file<'a>(
    agent: &'a Agent,
    path: &'a str,
) -> Result<(&'a Docker, Arc<str>, &'a str), Refusal> {
    let docker = agent.engine.config.docker.as_ref().ok_or(NoFile)?;
    let (directory, name) = path.rsplit_once('/').ok_or(NoFile)?;
    let task = agent
        .engine
        .read(|cluster, _| cluster.directory_of(agent.host, directory))?;
    Ok((docker, task, name))
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
