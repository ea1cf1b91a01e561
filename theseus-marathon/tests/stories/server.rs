//! A Marathon of wiremock's, and what the stories tell it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use theseus_core::cluster::{Accepted, AppId, Change, Cluster, ClusterError, NewApp, Part};
use theseus_core::model::{Port, Spec};
use theseus_marathon::{Marathon, MarathonConfig};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// What became of a change.
pub(crate) type Outcome = Result<Accepted, ClusterError>;

/// Patience for machines: tries that people would wait for take milliseconds.
pub(crate) fn config(url: &str) -> MarathonConfig {
    MarathonConfig {
        urls: vec![url.parse().unwrap()],
        patience: Duration::from_millis(400),
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(20),
        ..MarathonConfig::default()
    }
}

/// A server that says that it is Marathon of this version.
pub(crate) async fn server(version: &str) -> MockServer {
    let server = MockServer::builder().start().await;
    Mock::given(method("GET"))
        .and(path("/v2/info"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"version": version})))
        .mount(&server)
        .await;
    server
}

/// Its client.
pub(crate) fn marathon(server: &MockServer) -> Marathon {
    Marathon::new(config(&server.uri())).unwrap()
}

/// Answers requests of this method and path.
pub(crate) async fn answer(server: &MockServer, verb: &str, to: &str, response: ResponseTemplate) {
    Mock::given(method(verb))
        .and(path(to))
        .respond_with(response)
        .mount(server)
        .await;
}

/// Answers the next such request only.
pub(crate) async fn answer_once(
    server: &MockServer,
    verb: &str,
    to: &str,
    response: ResponseTemplate,
) {
    Mock::given(method(verb))
        .and(path(to))
        .respond_with(response)
        .up_to_n_times(1)
        .mount(server)
        .await;
}

/// What Marathon answers when it takes a change.
pub(crate) fn taken(deployment: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"version": "v", "deploymentId": deployment}))
}

/// What Marathon answers when a deployment holds an app.
pub(crate) fn locked(deployment: &str) -> ResponseTemplate {
    ResponseTemplate::new(409).set_body_json(json!({
        "message": "App is locked by one or more deployments.",
        "deployments": [{"id": deployment}],
    }))
}

/// What filters in front of Marathon answer.
pub(crate) fn html(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw("<html>no</html>", "text/html")
}

/// The requests that were made, but for `/v2/info`, each as `METHOD path?query body`.
pub(crate) async fn requests(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let told = requests
        .iter()
        .filter(|request| request.url.path() != "/v2/info");
    told.map(|request| {
        let query = request.url.query().map(|query| format!("?{query}"));
        let body = String::from_utf8_lossy(&request.body);
        let line = format!(
            "{} {}{} {body}",
            request.method,
            request.url.path(),
            query.unwrap_or_default()
        );
        line.trim_end().to_owned()
    })
    .collect()
}

/// The bodies of requests of this method and path.
pub(crate) async fn bodies(server: &MockServer, verb: &str, to: &str) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    let told = requests
        .iter()
        .filter(|request| request.method.as_str() == verb && request.url.path() == to);
    told.map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect()
}

/// The first revision of a group with one port, called `api`.
pub(crate) fn new_app(group: &str) -> NewApp {
    let mut spec = Spec::new("a:1");
    spec.ports.insert("api".to_owned(), Port::tcp(5000));
    NewApp {
        group: group.parse().unwrap(),
        revision: 1,
        part: Part::Whole,
        pinned_to: None,
        spec: Arc::new(spec),
        instances: 1,
    }
}

/// Its creation.
pub(crate) fn create(group: &str) -> Change {
    Change::Create(Box::new(new_app(group)))
}

/// Another number of instances.
pub(crate) fn scale(app: &str, instances: u32) -> Change {
    let app = AppId(app.to_owned());
    Change::Scale { app, instances }
}

/// Tells the changes.
pub(crate) async fn apply(server: &MockServer, changes: &[Change]) -> Vec<Outcome> {
    marathon(server).apply(changes).await
}
