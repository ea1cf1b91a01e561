//! Endpoints that few ask for: plugins, of which there are none; artifacts, for which there is no
//! store; and the schema of an app.

use axum::extract::Path;
use axum::http::{Method, StatusCode};
use serde_json::json;

use super::error::ApiError;
use super::{Answer, ok};

pub(super) async fn plugins() -> Answer {
    ok(&json!({ "plugins": [] }))
}

pub(super) async fn plugin(Path(path): Path<String>) -> ApiError {
    let id = path.split('/').next().unwrap_or_default();
    ApiError::message(
        StatusCode::NOT_FOUND,
        format!("Plugin '{id}' does not exist"),
    )
}

pub(super) async fn artifacts(method: Method) -> ApiError {
    match method {
        Method::GET | Method::PUT | Method::POST | Method::DELETE => ApiError::message(
            StatusCode::NOT_FOUND,
            "there is no store of artifacts: --artifact_store is not set",
        ),
        _ => ApiError::not_allowed(),
    }
}

/// What an app may hold, as far as the types go.
pub(super) async fn schema() -> Answer {
    let text = json!({ "type": "string" });
    let number = json!({ "type": "number", "minimum": 0 });
    let whole = json!({ "type": "integer", "minimum": 0 });
    let list = json!({ "type": "array" });
    let object = json!({ "type": "object" });
    ok(&json!({
        "$schema": "http://json-schema.org/schema#",
        "title": "AppDefinition",
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": text, "cmd": text, "args": list, "user": text, "env": object,
            "instances": whole, "cpus": number, "mem": number, "disk": number,
            "constraints": list, "ports": list, "requirePorts": { "type": "boolean" },
            "container": object, "labels": object, "healthChecks": list, "dependencies": list,
            "upgradeStrategy": object, "backoffSeconds": whole, "backoffFactor": number,
            "maxLaunchDelaySeconds": whole,
        },
    }))
}
