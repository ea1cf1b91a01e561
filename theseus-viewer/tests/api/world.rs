//! A viewer of a cluster on which nothing runs, and those who ask it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use theseus_core::cluster::{
    Accepted, Change, Cluster, ClusterError, ContainerId, EngineInfo, Events, LogRequest, Logs,
    Scope, Snapshot,
};
use theseus_core::engine::Engine;
use theseus_store::MemoryStore;
use theseus_viewer::{Access, AllowedHosts, Changes, Token, Viewer, router};
use tower::ServiceExt as _;

pub(crate) const HOST: &str = "localhost:5001";
/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const TOKEN: &str = "2f6b0a9c4d7e815390ab6cde12f34567";

struct Nothing;

#[async_trait]
impl Cluster for Nothing {
    async fn engine(&self) -> Result<EngineInfo, ClusterError> {
        Err(ClusterError::Untold { what: "itself" })
    }

    async fn observe(&self, _: &Scope) -> Result<Snapshot, ClusterError> {
        Ok(Snapshot::default())
    }

    async fn logs(&self, _: &ContainerId, _: &LogRequest) -> Result<Logs, ClusterError> {
        Ok(stream::pending().boxed())
    }

    async fn apply(&self, changes: &[Change]) -> Vec<Result<Accepted, ClusterError>> {
        changes
            .iter()
            .map(|_| Err(ClusterError::Untold { what: "changes" }))
            .collect()
    }

    async fn events(&self) -> Result<Events, ClusterError> {
        Ok(stream::pending().boxed())
    }
}

pub(crate) fn viewer() -> Viewer {
    viewer_of(Arc::new(MemoryStore::new()))
}

/// The same with these records.
pub(crate) fn viewer_of(store: Arc<MemoryStore>) -> Viewer {
    let cluster = Arc::new(Nothing);
    let engine = Engine::new(cluster.clone(), store.clone(), Timestamp::now);
    Viewer::start(engine, cluster, store)
}

fn hosts() -> AllowedHosts {
    AllowedHosts::loopback(5001)
}

pub(crate) fn token() -> Token {
    Token::new(TOKEN).unwrap()
}

/// A viewer for everybody on this machine.
pub(crate) fn open(viewer: &Viewer) -> Router {
    router(viewer.clone(), hosts())
}

/// A viewer for whoever has the token.
pub(crate) fn guarded(viewer: &Viewer, changes: Changes) -> Router {
    let access = Access::with_token(hosts(), token(), changes);
    router(viewer.clone(), access)
}

/// A request with these headers, besides the host's.
pub(crate) fn ask(
    method: &Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header(header::HOST, HOST);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

pub(crate) async fn answer(router: &Router, request: Request<Body>) -> Response<Body> {
    router.clone().oneshot(request).await.unwrap()
}

pub(crate) async fn text(response: Response<Body>) -> String {
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    String::from_utf8(body.unwrap().to_vec()).unwrap()
}

/// Signs in, and gives what the browser then sends.
pub(crate) async fn sign_in(router: &Router) -> String {
    let headers = [
        ("origin", "http://localhost:5001"),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let form = format!("token={TOKEN}&to=/groups/a:b");
    let response = answer(router, ask(&Method::POST, "/sign-in", &headers, form)).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[header::LOCATION], "/groups/a:b");
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}
