//! What each version of Marathon has, and how it refuses. The sections are those of the reference
//! of Marathon's API by version.

mod common;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::as_version;
use serde_json::{Value, json};
use theseus_sandbox::MarathonVersion;

/// Every version that brought something or took it away, as far as there is a test for it.
fn versions() -> impl Iterator<Item = String> {
    MarathonVersion::series().map(|it| it.to_string())
}

#[tokio::test(start_paused = true)]
async fn every_version_tells_its_name() {
    for version in versions() {
        let info = as_version(&version).get("/v2/info").await;
        assert_eq!(info["version"], json!(version));
    }
}

/// §1.1, and §1.11 for what is not there.
#[tokio::test(start_paused = true)]
async fn endpoints_come_and_go() {
    let cases = [
        ("POST", "/v2/apps/x/restart", "0.7.5", "0.7.6"),
        ("GET", "/v2/leader", "0.7.6", "0.8.0"),
        ("POST", "/v2/tasks/delete", "0.8.0", "0.8.1"),
        ("GET", "/v2/events", "0.8.2", "0.9.0"),
        ("DELETE", "/v2/queue/x/delay", "0.9.0", "0.10.0"),
        ("PATCH", "/v2/apps/x", "1.3.13", "1.4.0"),
        ("PATCH", "/v2/apps", "1.3.13", "1.4.0"),
    ];
    let absent = |status: StatusCode, answer: &Value| {
        status == StatusCode::METHOD_NOT_ALLOWED
            || answer["message"]
                .as_str()
                .is_some_and(|it| it.starts_with("URI not found"))
    };
    for (method, path, without, with) in cases {
        let body = json!([]);
        let (status, answer) = as_version(without).send(method, path, body.clone()).await;
        assert!(
            absent(status, &answer),
            "{method} {path} in {without}: {status} {answer}"
        );
        let (status, answer) = as_version(with).send(method, path, body).await;
        let there = !absent(status, &answer) || path == "/v2/events";
        assert!(there, "{method} {path} in {with}: {status} {answer}");
    }
}

/// §1.0, §1.2, §9.
#[tokio::test(start_paused = true)]
async fn headers_come_with_their_versions() {
    for (header, first, before) in [
        ("cache-control", "0.8.1", "0.8.0"),
        ("x-marathon-leader", "0.9.0", "0.8.2"),
        ("marathon-deployment-id", "1.4.0", "1.3.13"),
    ] {
        for (version, expected) in [(first, true), (before, false)] {
            let body = json!({"id": "/x", "cmd": "run"}).to_string();
            let request = Request::post("/v2/apps").body(Body::from(body)).unwrap();
            let response = as_version(version).raw(request).await;
            assert_eq!(response.status(), StatusCode::CREATED, "{version}");
            assert_eq!(
                response.headers().contains_key(header),
                expected,
                "{header} in {version}"
            );
        }
    }
}

/// §1.11: JSON that is none.
#[tokio::test(start_paused = true)]
async fn what_is_no_json_is_refused_in_the_words_of_the_version() {
    for version in versions() {
        let cluster = as_version(&version);
        let (status, answer) = cluster.send_text("POST", "/v2/apps", "{".into()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{version}");
        let split = version.parse::<MarathonVersion>().unwrap() >= "0.13.0".parse().unwrap();
        assert_eq!(
            answer["message"] == "Invalid JSON",
            split,
            "{version} {answer}"
        );
        assert_eq!(answer["details"].is_string(), split, "{version} {answer}");
    }
}

/// §1.11: JSON of the wrong type.
#[tokio::test(start_paused = true)]
async fn what_has_the_wrong_type_is_refused_in_the_words_of_the_version() {
    for (version, status, details) in [
        ("0.7.6", 400, false),
        ("0.10.1", 400, false),
        ("0.11.0", 400, true),
        ("1.4.13", 400, true),
        ("1.5.0", 422, true),
        ("1.11.0", 422, true),
    ] {
        let cluster = as_version(version);
        let body = json!({"id": "/x", "cmd": "run", "instances": "many"});
        let (found, answer) = cluster.send("POST", "/v2/apps", body).await;
        assert_eq!(found.as_u16(), status, "{version} {answer}");
        let expected = if details {
            json!("/instances")
        } else {
            Value::Null
        };
        assert_eq!(answer["details"][0]["path"], expected, "{version} {answer}");
        assert!(answer["message"].is_string(), "{version} {answer}");
    }
}

/// §1.11: what makes no sense.
#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_is_refused_in_the_words_of_the_version() {
    let attribute = "upgradeStrategy.minimumHealthCapacity";
    let error = "error.max 1";
    let attributes = json!([{ "attribute": attribute, "error": error }]);
    let paths = json!([{ "path": "/upgradeStrategy/minimumHealthCapacity", "errors": [error] }]);
    for (version, expected) in [
        ("0.8.2", json!({ "errors": attributes })),
        (
            "0.9.0",
            json!({ "message": "Bean is not valid", "errors": attributes }),
        ),
        (
            "0.13.1",
            json!({ "message": "Bean is not valid", "errors": attributes }),
        ),
        (
            "0.14.0",
            json!({ "message": "Object is not valid", "details": attributes }),
        ),
        (
            "0.15.7",
            json!({ "message": "Object is not valid", "details": attributes }),
        ),
        (
            "1.0.0",
            json!({ "message": "Object is not valid", "details": paths }),
        ),
        (
            "1.11.0",
            json!({ "message": "Object is not valid", "details": paths }),
        ),
    ] {
        let strategy = json!({"minimumHealthCapacity": 2, "maximumOverCapacity": 0});
        let body = json!({"id": "/x", "cmd": "run", "upgradeStrategy": strategy});
        let (status, answer) = as_version(version).send("POST", "/v2/apps", body).await;
        assert_eq!((status.as_u16(), answer), (422, expected), "{version}");
    }
}

/// §1.11: a path that is none.
#[tokio::test(start_paused = true)]
async fn an_unknown_path_is_a_500_since_1_6_486() {
    for (version, status, message) in [
        ("0.7.6", 404, "URI not found: /v2/nothing"),
        ("1.6.352", 404, "URI not found: /v2/nothing"),
        ("1.6.486", 500, "URI not found"),
        ("1.11.0", 500, "URI not found"),
    ] {
        let (found, answer) = as_version(version)
            .send("GET", "/v2/nothing", Value::Null)
            .await;
        assert_eq!(
            (found.as_u16(), answer),
            (status, json!({ "message": message })),
            "{version}"
        );
    }
}
