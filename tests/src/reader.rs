//! Looking at a cluster as anybody could: no client of Theseus's is in between.

use axum::Router;
use axum::body::Body;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::Request;
use reqwest::Client;
use serde_json::Value;
use tower::ServiceExt as _;

/// Whoever looks at a cluster, by its address or from within its process.
#[derive(Debug, Clone)]
pub enum Reader {
    /// Over HTTP, at this address.
    There(Client, String),
    /// In this process.
    Here(Router),
}

/// One task, as the cluster tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// The app that it belongs to.
    pub app: String,
    /// Whether it runs, and its health checks pass if it has any.
    pub ready: bool,
}

impl Reader {
    /// What the cluster answers.
    ///
    /// # Panics
    ///
    /// When that is no JSON.
    pub async fn get(&self, path: &str) -> Value {
        match self {
            Self::There(client, url) => {
                let answer = client.get(format!("{url}{path}")).send().await;
                let answer = answer.expect("the sandbox answers");
                answer.json().await.expect("it answers in JSON")
            }
            Self::Here(router) => {
                let request = Request::get(path).body(Body::empty());
                let answer = router.clone().oneshot(request.expect("a request")).await;
                let body = answer.expect("it never fails").into_body();
                let body = axum::body::to_bytes(body, usize::MAX).await;
                serde_json::from_slice(&body.expect("a body")).expect("it answers in JSON")
            }
        }
    }

    /// All tasks of all apps.
    pub async fn tasks(&self) -> Vec<Task> {
        tasks(&self.get("/v2/apps?embed=apps.tasks").await)
    }

    /// Something for each time that something happens, while the connection holds; nothing where
    /// the cluster tells no events.
    ///
    /// # Panics
    ///
    /// When it does not answer.
    pub async fn events(&self) -> Option<BoxStream<'static, ()>> {
        let (path, accept) = ("/v2/events", ("accept", "text/event-stream"));
        match self {
            Self::There(client, url) => {
                let request = client.get(format!("{url}{path}"));
                let answer = request.header(accept.0, accept.1).send().await;
                let answer = answer.expect("the sandbox answers");
                let told = answer.status().is_success();
                told.then(|| whole(answer.bytes_stream()))
            }
            Self::Here(router) => {
                let request = Request::get(path).header(accept.0, accept.1);
                let request = request.body(Body::empty()).expect("a request");
                let answer = router.clone().oneshot(request).await;
                let answer = answer.expect("it never fails");
                let told = answer.status().is_success();
                told.then(|| whole(answer.into_body().into_data_stream()))
            }
        }
    }
}

/// A stream that panics when it breaks.
fn whole<T, E: std::fmt::Debug>(
    stream: impl futures_util::Stream<Item = Result<T, E>> + Send + 'static,
) -> BoxStream<'static, ()> {
    stream
        .map(|event| drop(event.expect("the stream is whole")))
        .boxed()
}

fn tasks(answer: &Value) -> Vec<Task> {
    let apps = answer["apps"].as_array().into_iter().flatten();
    apps.flat_map(|app| {
        let checks = app["healthChecks"].as_array().map_or(0, Vec::len);
        let tasks = app["tasks"].as_array().into_iter().flatten();
        tasks.map(move |task| Task {
            id: text(&task["id"]),
            app: text(&app["id"]),
            ready: runs(task) && passes(task, checks),
        })
    })
    .collect()
}

/// Whether a task runs; versions that tell no state tell when it started.
fn runs(task: &Value) -> bool {
    match task["state"].as_str() {
        Some(state) => state == "TASK_RUNNING",
        None => task["startedAt"].is_string(),
    }
}

fn passes(task: &Value, checks: usize) -> bool {
    let results = task["healthCheckResults"].as_array().into_iter().flatten();
    results.filter(|result| result["alive"] == true).count() == checks
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
