//! A sandbox called in memory, under tokio's paused clock.
#![allow(dead_code, reason = "each test file uses its part")]

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use theseus_sandbox::{Sandbox, SandboxConfig};
use tower::ServiceExt;

pub(crate) struct Cluster {
    pub(crate) sandbox: Sandbox,
    router: Router,
}

/// The default pace: 2 s to start, 1 s to the first health result, half a second to die.
pub(crate) fn cluster() -> Cluster {
    with(config())
}

pub(crate) fn config() -> SandboxConfig {
    SandboxConfig {
        start_time: "2026-01-02T03:04:05Z".parse().unwrap(),
        ..SandboxConfig::default()
    }
}

/// A cluster of this version.
pub(crate) fn as_version(version: &str) -> Cluster {
    with(SandboxConfig {
        version: version.parse().unwrap(),
        ..config()
    })
}

pub(crate) fn with(config: SandboxConfig) -> Cluster {
    let sandbox = Sandbox::new(config);
    Cluster {
        router: sandbox.router(),
        sandbox,
    }
}

impl Cluster {
    pub(crate) async fn raw(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send_text(
        &self,
        method: &str,
        path: &str,
        body: String,
    ) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::from(body))
            .unwrap();
        let response = self.raw(request).await;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        )
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        self.send_text(method, path, body.to_string()).await
    }

    /// Expects a success.
    pub(crate) async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.send(method, path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ok("GET", path, Value::Null).await
    }

    pub(crate) async fn app(&self, id: &str) -> Value {
        self.get(&format!("/v2/apps{id}")).await["app"].take()
    }

    /// Waits until no deployment runs.
    pub(crate) async fn settle(&self) {
        for _ in 0..10_000 {
            if self.get("/v2/deployments").await == json!([]) {
                return;
            }
            pass(100).await;
        }
        panic!("deployments go on: {}", self.get("/v2/deployments").await);
    }
}

/// Lets time pass.
pub(crate) async fn pass(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

pub(crate) fn docker(id: &str, instances: u32) -> Value {
    json!({
        "id": id,
        "instances": instances,
        "cpus": 0.1,
        "mem": 32,
        "container": { "type": "DOCKER", "docker": { "image": "web:1" },
            "portMappings": [{ "containerPort": 80, "name": "http" }] },
        "networks": [{ "mode": "container/bridge" }],
        "healthChecks": [{ "protocol": "HTTP", "path": "/", "gracePeriodSeconds": 5,
            "intervalSeconds": 10, "maxConsecutiveFailures": 3 }],
        "upgradeStrategy": { "minimumHealthCapacity": 1, "maximumOverCapacity": 0 },
    })
}

pub(crate) fn ids(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}
