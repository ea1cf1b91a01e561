//! `/v2/info` and `/ping`.

use axum::extract::State;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Answer, Ctx, ok};
use crate::behaviour;
use crate::cluster::FRAMEWORK;
use crate::config::SandboxConfig;
use crate::version::MarathonVersion;

pub(super) async fn info(State(engine): Ctx, uri: Uri, headers: HeaderMap) -> Answer {
    let config = &engine.config;
    let port = config
        .leader
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse::<u16>().ok());
    let mut told = json!({
        "name": "marathon",
        "version": config.version.to_string(),
        "buildref": "unknown",
        "elected": true,
        "leader": config.leader,
        "frameworkId": FRAMEWORK,
        "marathon_config": {
            "framework_name": "marathon",
            "features": features(config.version),
            "ha": false,
            "hostname": "localhost",
            "local_port_min": config.service_ports.start(),
            "local_port_max": config.service_ports.end(),
            "master": "sandbox",
        },
        "zookeeper_config": {},
        "http_config": { "http_port": port, "https_port": Value::Null },
    });
    if config.version.has(behaviour::MESOS_LEADER_TOLD) {
        let master = format!("http://{}/", authority(&uri, &headers, config));
        told["marathon_config"]["mesos_leader_ui_url"] = master.into();
    }
    if config.version.has(behaviour::EVENT_SUBSCRIPTIONS) {
        let subscriber = json!({ "type": "http_callback", "http_endpoints": Value::Null });
        told["event_subscriber"] = subscriber;
    }
    ok(&told)
}

/// What the sandbox does of what a Marathon only does when it is told so.
fn features(version: MarathonVersion) -> &'static [&'static str] {
    if version.has(behaviour::TASK_KILLING) {
        &["task_killing"]
    } else {
        &[]
    }
}

/// The `host:port` by which a client has found the sandbox.
pub(super) fn authority<'a>(
    uri: &'a Uri,
    headers: &'a HeaderMap,
    config: &'a SandboxConfig,
) -> &'a str {
    let told = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    let meant = uri.authority().map(Authority::as_str);
    told.or(meant).unwrap_or(&config.leader)
}

/// Text where text will do, else JSON, else nothing.
pub(super) async fn ping(headers: HeaderMap) -> Response {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("*/*");
    let accepts = |kinds: &[&str]| kinds.iter().any(|kind| accept.contains(kind));
    if accepts(&["*/*", "text/*", "text/plain"]) {
        ([(header::CONTENT_TYPE, "text/plain;charset=utf-8")], "pong").into_response()
    } else if accepts(&["application/*", "application/json"]) {
        ([(header::CONTENT_TYPE, "application/json")], "\"pong\"").into_response()
    } else {
        StatusCode::NO_CONTENT.into_response()
    }
}
