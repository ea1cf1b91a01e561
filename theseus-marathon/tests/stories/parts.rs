//! Slots and stable apps: what Marathon is told to make of them, and to change about them.

use std::sync::Arc;

use crate::server::{
    answer, answer_once, apply, bodies, html, locked, marathon, new_app, requests, server, taken,
};
use serde_json::json;
use theseus_core::cluster::{
    Accepted, AppId, Change, Cluster as _, ClusterError, NewApp, OperationId, Part, Scope,
};
use theseus_core::model::Spec;
use wiremock::ResponseTemplate;

const SLOT: &str = "/theseus/a/dev/r1.s0";
const STABLE: &str = "/theseus/a/dev/stable";

fn slot(number: u32, host: Option<&str>) -> NewApp {
    let mut new = NewApp {
        part: Part::Slot(number),
        pinned_to: host.map(Into::into),
        ..new_app("a:dev")
    };
    Arc::make_mut(&mut new.spec).instances = 3;
    new
}

fn update(change: impl FnOnce(&mut Spec)) -> Change {
    let mut new = NewApp {
        part: Part::Stable,
        revision: 2,
        ..new_app("a:dev")
    };
    change(Arc::make_mut(&mut new.spec));
    Change::Update(Box::new(new))
}

fn pin(app: &str, host: &str) -> Change {
    Change::Pin {
        app: AppId(app.to_owned()),
        host: host.into(),
    }
}

fn revert(app: &str, operations: &[&str]) -> Change {
    let operations = operations.iter().map(|id| OperationId((*id).to_owned()));
    Change::Revert {
        app: AppId(app.to_owned()),
        operations: operations.collect(),
    }
}

fn by(deployment: &str) -> Accepted {
    Accepted {
        operation: Some(OperationId(deployment.to_owned())),
    }
}

fn definition(app: &serde_json::Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({ "app": app }))
}

fn missing(message: &str) -> ResponseTemplate {
    ResponseTemplate::new(404).set_body_json(json!({ "message": message }))
}

#[tokio::test]
async fn slots_are_created_together() {
    let server = server("1.11.0").await;
    answer(&server, "PUT", "/v2/apps", taken("d1")).await;
    let changes = [(0, Some("h1")), (1, Some("h2")), (2, None)]
        .map(|(n, host)| Change::Create(Box::new(slot(n, host))));
    for outcome in apply(&server, &changes).await {
        assert_eq!(outcome.unwrap(), by("d1"));
    }
    let bodies = bodies(&server, "PUT", "/v2/apps").await;
    let told: Vec<_> = bodies[0]
        .as_array()
        .unwrap()
        .iter()
        .map(|app| json!([app["id"], app["instances"], app["constraints"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!(["/theseus/a/dev/r1.s0", 1, [["hostname", "CLUSTER", "h1"]]]),
            json!(["/theseus/a/dev/r1.s1", 1, [["hostname", "CLUSTER", "h2"]]]),
            json!(["/theseus/a/dev/r1.s2", 1, []]),
        ]
    );
    assert_eq!(requests(&server).await.len(), 1);
}

#[tokio::test]
async fn a_slot_without_its_container_is_created_by_itself() {
    let server = server("1.11.0").await;
    for number in 0..2 {
        let path = format!("/v2/apps/theseus/a/dev/r1.s{number}");
        answer(&server, "PUT", &path, taken("d1")).await;
    }
    let empty = |number| NewApp {
        instances: 0,
        ..slot(number, None)
    };
    let changes = [0, 1].map(|number| Change::Create(Box::new(empty(number))));
    for outcome in apply(&server, &changes).await {
        assert_eq!(outcome.unwrap(), by("d1"));
    }
    assert_eq!(requests(&server).await.len(), 2);
}

#[tokio::test]
async fn a_pin_comes_to_the_constraints_of_the_app() {
    for (version, verb) in [
        ("0.15.7", "PUT"),
        ("1.3.13", "PUT"),
        ("1.4.1", "PATCH"),
        ("1.11.0", "PATCH"),
    ] {
        let server = server(version).await;
        let path = format!("/v2/apps{SLOT}");
        let app = json!({"id": SLOT, "cmd": null, "constraints": [["rack", "UNIQUE"]]});
        answer(&server, "GET", &path, definition(&app)).await;
        answer(&server, verb, &path, taken("d1")).await;
        let outcomes = apply(&server, &[pin(SLOT, "h1")]).await;
        assert_eq!(outcomes[0].as_ref().unwrap(), &by("d1"), "{version}");
        assert_eq!(
            requests(&server).await,
            [
                format!("GET {path}"),
                format!(
                    r#"{verb} {path} {{"constraints":[["rack","UNIQUE"],["hostname","CLUSTER","h1"]]}}"#
                ),
            ]
        );
    }
}

#[tokio::test]
async fn an_app_is_pinned_once() {
    let server = server("1.11.0").await;
    let app = json!({"id": SLOT, "constraints": [["hostname", "CLUSTER", "h1"]]});
    answer(&server, "GET", &format!("/v2/apps{SLOT}"), definition(&app)).await;
    let again = apply(&server, &[pin(SLOT, "h1")]).await.remove(0);
    assert_eq!(again.unwrap(), Accepted::default());
    let elsewhere = apply(&server, &[pin(SLOT, "h2")]).await.remove(0);
    let error = elsewhere.unwrap_err();
    assert!(error.is_passing(), "{error}");
    assert_eq!(
        error.to_string(),
        format!("{SLOT} without a host is not there any more")
    );
    assert_eq!(requests(&server).await.len(), 2);
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_pin() {
    let path = format!("/v2/apps{SLOT}");
    let app = || definition(&json!({"id": SLOT}));
    for (read, write, expected) in [
        (
            missing("App '/x' does not exist"),
            None,
            "is not there any more",
        ),
        (html(200), None, "is not understood as marathon"),
        (
            definition(&json!({"constraints": "all"})),
            None,
            "is not understood as marathon",
        ),
        (app(), Some(locked("d0")), "is held by operation d0"),
        (app(), Some(html(504)), "did not say whether it acted"),
    ] {
        let server = server("1.11.0").await;
        answer(&server, "GET", &path, read).await;
        let writes = usize::from(write.is_some());
        if let Some(write) = write {
            answer(&server, "PATCH", &path, write).await;
        }
        let error = apply(&server, &[pin(SLOT, "h1")])
            .await
            .remove(0)
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        let is_told = usize::from(expected.contains("held"));
        let told = requests(&server).await;
        assert_eq!(told.len(), 1 + writes + is_told, "{error}");
    }
}

#[tokio::test]
async fn an_app_that_goes_before_it_is_pinned_is_not_made_of_a_pin() {
    let server = server("1.3.13").await;
    let path = format!("/v2/apps{SLOT}");
    answer_once(&server, "GET", &path, definition(&json!({"id": SLOT}))).await;
    answer(&server, "GET", &path, missing("App '/x' does not exist")).await;
    let refusal = ResponseTemplate::new(422).set_body_json(json!({"message": "no image"}));
    answer(&server, "PUT", &path, refusal).await;
    let outcome = apply(&server, &[pin(SLOT, "h1")]).await.remove(0);
    assert!(
        matches!(outcome, Err(ClusterError::Gone { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn each_of_many_pins_finds_its_app() {
    let server = server("1.11.0").await;
    let app = |number| format!("/theseus/a/dev/r1.s{number}");
    for number in 0..40 {
        let path = format!("/v2/apps{}", app(number));
        let own = json!({"constraints": [["level", "LIKE", number.to_string()]]});
        answer(&server, "GET", &path, definition(&own)).await;
        answer(&server, "PATCH", &path, taken(&format!("d{number}"))).await;
    }
    let changes: Vec<_> = (0..40)
        .map(|number| pin(&app(number), &format!("h{}", number % 7)))
        .collect();
    let outcomes = apply(&server, &changes).await;
    let told = requests(&server).await;
    for (number, outcome) in outcomes.into_iter().enumerate() {
        assert_eq!(outcome.unwrap(), by(&format!("d{number}")));
        let expected = format!(
            r#"PATCH /v2/apps{} {{"constraints":[["level","LIKE","{number}"],["hostname","CLUSTER","h{}"]]}}"#,
            app(number),
            number % 7
        );
        assert!(told.contains(&expected), "{expected}");
    }
    assert_eq!(told.len(), 80);
}

#[tokio::test]
async fn an_update_puts_the_whole_definition_in_the_place_of_the_old_one() {
    let server = server("1.11.0").await;
    let path = format!("/v2/apps{STABLE}");
    answer(&server, "PUT", &path, taken("d1")).await;
    // Said twice it is the same: of the second deployment nothing will be seen.
    for _ in 0..2 {
        let outcomes = apply(&server, &[update(|_| {})]).await;
        assert_eq!(outcomes[0].as_ref().unwrap(), &by("d1"));
    }
    let told = requests(&server).await;
    assert_eq!(told.len(), 2);
    assert!(
        told[0].starts_with(&format!("PUT {path}?partialUpdate=false {{")),
        "{told:?}"
    );
    assert_eq!(told[0], told[1]);
    insta::assert_json_snapshot!(bodies(&server, "PUT", &path).await[0]);
}

#[tokio::test]
async fn updates_do_not_share_a_deployment() {
    let server = server("1.11.0").await;
    let other = match update(|_| {}) {
        Change::Update(mut new) => {
            new.group = "b:dev".parse().unwrap();
            Change::Update(new)
        }
        other => other,
    };
    answer(&server, "PUT", &format!("/v2/apps{STABLE}"), locked("d0")).await;
    answer(&server, "PUT", "/v2/apps/theseus/b/dev/stable", taken("d1")).await;
    let outcomes = apply(&server, &[update(|_| {}), other]).await;
    assert!(
        matches!(outcomes[0], Err(ClusterError::Busy { .. })),
        "{outcomes:?}"
    );
    assert_eq!(outcomes[1].as_ref().unwrap(), &by("d1"));
}

#[tokio::test]
async fn what_is_refused_about_an_update_is_called_as_in_the_manifest() {
    let server = server("1.11.0").await;
    let refusal = ResponseTemplate::new(422).set_body_json(json!({
        "message": "Object is not valid",
        "details": [{"path": "/upgradeStrategy", "errors": ["must be {0, 0}"]}],
    }));
    answer(&server, "PUT", &format!("/v2/apps{STABLE}"), refusal).await;
    let error = apply(&server, &[update(|_| {})])
        .await
        .remove(0)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "marathon refuses it: update: must be {0, 0}"
    );
}

/// Before 1.4.1 a PUT keeps what it does not say, and nothing can be taken away.
#[tokio::test]
async fn old_versions_are_not_told_what_they_would_get_wrong() {
    let server = server("1.3.13").await;
    let path = format!("/v2/apps{STABLE}");
    let app = json!({"id": STABLE, "cmd": "exec run", "args": null, "ipAddress": null});
    answer(&server, "GET", &path, definition(&app)).await;
    answer(&server, "PUT", &path, taken("d1")).await;
    let without = apply(&server, &[update(|_| {})]).await.remove(0);
    assert_eq!(
        without.unwrap_err().to_string(),
        "marathon refuses it: command: it cannot be taken away from an app: this is Marathon \
         1.3.13; it takes Marathon 1.4.1 or later"
    );
    let another = update(|spec| spec.command = vec!["walk".to_owned()]);
    let another = apply(&server, &[another]).await.remove(0);
    assert_eq!(another.unwrap(), by("d1"));
    let bodies = bodies(&server, "PUT", &path).await;
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0]["cmd"], "exec walk");
    let told = requests(&server).await;
    assert!(told[2].starts_with(&format!("PUT {path} {{")), "{told:?}");
}

#[tokio::test]
async fn marathon_brings_an_app_back_by_itself() {
    let server = server("1.11.0").await;
    answer(&server, "DELETE", "/v2/deployments/d1", taken("back")).await;
    let over = missing("DeploymentPlan d2 does not exist");
    answer(&server, "DELETE", "/v2/deployments/d2", over).await;
    let outcomes = apply(
        &server,
        &[
            revert(STABLE, &["d1"]),
            revert("/theseus/b/dev/stable", &["d2"]),
            revert("/theseus/c/dev/stable", &[]),
            revert("/theseus/d/dev/stable", &["../apps/x"]),
            revert("/somebody/elses", &["d1"]),
        ],
    )
    .await;
    assert_eq!(outcomes[0].as_ref().unwrap(), &by("back"));
    for over in &outcomes[1..3] {
        assert_eq!(over.as_ref().unwrap(), &Accepted::default());
    }
    for refused in &outcomes[3..] {
        assert!(
            matches!(refused, Err(ClusterError::Refused { .. })),
            "{refused:?}"
        );
    }
    let mut told = requests(&server).await;
    told.sort();
    assert_eq!(
        told,
        ["DELETE /v2/deployments/d1", "DELETE /v2/deployments/d2"]
    );
}

#[tokio::test]
async fn parts_are_scaled_shrunk_and_deleted_like_any_app() {
    let server = server("1.11.0").await;
    answer(&server, "PATCH", &format!("/v2/apps{STABLE}"), taken("d1")).await;
    answer(&server, "DELETE", &format!("/v2/apps{SLOT}"), taken("d2")).await;
    let changes = [
        Change::Scale {
            app: AppId(STABLE.to_owned()),
            instances: 3,
        },
        Change::Delete {
            app: AppId(SLOT.to_owned()),
        },
    ];
    let outcomes = apply(&server, &changes).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let mut told = requests(&server).await;
    told.sort();
    assert_eq!(
        told,
        [
            format!("DELETE /v2/apps{SLOT}?force=false"),
            format!(r#"PATCH /v2/apps{STABLE} {{"instances":3}}"#),
        ]
    );
}

#[tokio::test]
async fn parts_are_seen_as_what_they_are() {
    let server = server("1.11.0").await;
    let apps = json!({"apps": [
        {
            "id": SLOT, "constraints": [["hostname", "CLUSTER", "h1"]],
            "labels": {"THESEUS_GROUP": "a:dev", "THESEUS_REVISION": "1"},
            "version": "2026-01-02T03:00:00.000Z",
            "versionInfo": {"lastConfigChangeAt": "2026-01-02T03:00:00.000Z"},
            "tasks": [{"id": "t.1", "host": "h1", "version": "2026-01-02T03:00:00.000Z"}],
        },
        {
            "id": "/theseus/b/dev/stable",
            "labels": {"THESEUS_GROUP": "b:dev", "THESEUS_REVISION": "4"},
            "version": "2026-01-02T03:00:00.000Z",
            "versionInfo": {"lastConfigChangeAt": "2026-01-02T03:00:00.000Z"},
            "tasks": [{"id": "t.1", "host": "h1", "version": "2026-01-02T02:00:00.000Z"}],
        },
    ]});
    answer(
        &server,
        "GET",
        "/v2/apps",
        ResponseTemplate::new(200).set_body_json(apps),
    )
    .await;
    let none = ResponseTemplate::new(200).set_body_json(json!([]));
    answer(&server, "GET", "/v2/deployments", none).await;
    let snapshot = marathon(&server).observe(&Scope::All).await.unwrap();
    let seen: Vec<_> = snapshot
        .apps
        .iter()
        .map(|app| {
            let outdated = app.containers[0].outdated;
            (app.part, app.revision, app.pinned_to.as_deref(), outdated)
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Part::Slot(0), 1, Some("h1"), false),
            (Part::Stable, 4, None, true)
        ]
    );
}
