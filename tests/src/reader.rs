//! Looking at a cluster as anybody could: no client of Theseus's is in between.

use std::collections::HashMap;

use axum::Router;
use axum::body::Body;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::Request;
use reqwest::Client;
use serde_json::Value;
use tower::ServiceExt as _;

/// How many times apps and tasks are read that do not fit each other.
const MOMENTS: usize = 10;

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
    ///
    /// # Panics
    ///
    /// When the cluster tells of tasks whose apps it never lists.
    pub async fn tasks(&self) -> Vec<Task> {
        for _ in 0..MOMENTS {
            let listed = self.get("/v2/apps?embed=apps.tasks").await;
            // Before 0.8 the list of apps comes without their tasks.
            let apart = if are_embedded(&listed) {
                Value::Null
            } else {
                self.get("/v2/tasks").await
            };
            if let Some(tasks) = tasks(&listed, &apart) {
                return tasks;
            }
        }
        panic!("there are tasks of apps that are not listed");
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

fn are_embedded(listed: &Value) -> bool {
    let mut apps = listed["apps"].as_array().into_iter().flatten();
    apps.all(|app| app["tasks"].is_array())
}

/// The tasks of apps, and those that were read after them. Nothing where one of these is of an app
/// that was made in between.
fn tasks(listed: &Value, apart: &Value) -> Option<Vec<Task>> {
    let apps = || listed["apps"].as_array().into_iter().flatten();
    let checks = apps().map(|app| {
        let checks = app["healthChecks"].as_array().map_or(0, Vec::len);
        (text(&app["id"]), checks)
    });
    let checks: HashMap<_, _> = checks.collect();
    let embedded = apps().filter_map(|app| app["tasks"].as_array());
    let told = embedded.chain(apart["tasks"].as_array()).flatten();
    told.map(|task| {
        let app = text(&task["appId"]);
        let ready = runs(task) && passes(task, *checks.get(&app)?);
        let id = text(&task["id"]);
        Some(Task { id, app, ready })
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
