//! Changes become few requests, and each change gets its own answer.

use crate::server::{
    answer, answer_once, apply, bodies, config, create, html, locked, requests, scale, server,
    taken,
};
use serde_json::{Value, json};
use theseus_core::cluster::{
    Accepted, AppId, Change, Cluster as _, ClusterError, ContainerId, OperationId,
};
use theseus_marathon::{Marathon, Secret};
use wiremock::ResponseTemplate;

const A: &str = "/theseus/a/dev/r1";
const B: &str = "/theseus/b/dev/r1";

fn shrink(app: &str, containers: &[&str]) -> Change {
    Change::Shrink {
        app: AppId(app.to_owned()),
        containers: containers
            .iter()
            .map(|id| ContainerId((*id).to_owned()))
            .collect(),
    }
}

fn delete(app: &str) -> Change {
    let app = AppId(app.to_owned());
    Change::Delete { app }
}

fn by(deployment: &str) -> Accepted {
    Accepted {
        operation: Some(OperationId(deployment.to_owned())),
    }
}

fn refusal(path: &str, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(422).set_body_json(json!({
        "message": "Object is not valid",
        "details": [{"path": path, "errors": [message]}],
    }))
}

fn ids(body: &Value) -> Vec<&str> {
    body.as_array()
        .unwrap()
        .iter()
        .map(|app| app["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn one_creation_is_a_put_of_the_whole_app() {
    let server = server("1.11.0").await;
    answer(&server, "PUT", &format!("/v2/apps{A}"), taken("d1")).await;
    let outcomes = apply(&server, &[create("a:dev")]).await;
    assert_eq!(outcomes[0].as_ref().unwrap(), &by("d1"));
    let bodies = bodies(&server, "PUT", &format!("/v2/apps{A}")).await;
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0]["id"], A);
    assert_eq!(bodies[0]["container"]["docker"]["image"], "a:1");
    assert_eq!(requests(&server).await.len(), 1);
}

#[tokio::test]
async fn a_thousand_creations_are_a_few_requests() {
    let server = server("1.11.0").await;
    answer(&server, "PUT", "/v2/apps", taken("d1")).await;
    let changes: Vec<_> = (0..1000).map(|n| create(&format!("a:l{n}"))).collect();
    let outcomes = apply(&server, &changes).await;
    assert_eq!(outcomes.len(), 1000);
    assert!(outcomes.iter().all(Result::is_ok));
    let bodies = bodies(&server, "PUT", "/v2/apps").await;
    let apps: usize = bodies.iter().map(|body| ids(body).len()).sum();
    assert_eq!((bodies.len(), apps), (2, 1000));
}

#[tokio::test]
async fn an_app_that_spoils_the_request_is_left_out_of_it() {
    let server = server("1.11.0").await;
    let refused = refusal("(1)/container/portMappings(0)/hostPort", "is taken");
    answer_once(&server, "PUT", "/v2/apps", refused).await;
    answer(&server, "PUT", "/v2/apps", taken("d1")).await;
    let changes = ["a:dev", "b:dev", "c:dev"].map(create);
    let outcomes = apply(&server, &changes).await;
    assert_eq!(outcomes[0].as_ref().unwrap(), &by("d1"));
    assert_eq!(
        outcomes[1].as_ref().unwrap_err().to_string(),
        "marathon refuses it: ports.api: is taken"
    );
    assert_eq!(outcomes[2].as_ref().unwrap(), &by("d1"));
    let bodies = bodies(&server, "PUT", "/v2/apps").await;
    assert_eq!(ids(&bodies[1]), [A, "/theseus/c/dev/r1"]);
    assert_eq!(bodies.len(), 2);
}

#[tokio::test]
async fn when_nobody_is_named_each_app_is_asked_for_by_itself() {
    let server = server("1.11.0").await;
    answer(
        &server,
        "PUT",
        "/v2/apps",
        refusal("/", "something is wrong"),
    )
    .await;
    answer(&server, "PUT", &format!("/v2/apps{A}"), taken("d1")).await;
    answer(
        &server,
        "PUT",
        &format!("/v2/apps{B}"),
        refusal("/cpus", "too few"),
    )
    .await;
    let outcomes = apply(&server, &["a:dev", "b:dev"].map(create)).await;
    assert_eq!(outcomes[0].as_ref().unwrap(), &by("d1"));
    assert_eq!(
        outcomes[1].as_ref().unwrap_err().to_string(),
        "marathon refuses it: cpus: too few"
    );
}

#[tokio::test]
async fn a_locked_app_holds_up_no_other() {
    let server = server("1.11.0").await;
    answer(&server, "PATCH", &format!("/v2/apps{A}"), locked("d0")).await;
    answer(&server, "PATCH", &format!("/v2/apps{B}"), taken("d1")).await;
    let outcomes = apply(&server, &[scale(A, 2), scale(B, 3)]).await;
    let Err(ClusterError::Busy { operations, .. }) = &outcomes[0] else {
        panic!("{outcomes:?}");
    };
    assert_eq!(operations[0].id, OperationId("d0".to_owned()));
    assert_eq!(outcomes[1].as_ref().unwrap(), &by("d1"));
}

#[tokio::test]
async fn nothing_is_sent_again_when_nobody_knows_what_was_done() {
    let server = server("1.11.0").await;
    answer(&server, "PUT", "/v2/apps", html(504)).await;
    let outcomes = apply(&server, &["a:dev", "b:dev"].map(create)).await;
    for outcome in outcomes {
        assert!(
            matches!(outcome, Err(ClusterError::Unclear { .. })),
            "{outcome:?}"
        );
    }
    assert_eq!(requests(&server).await.len(), 1);
}

#[tokio::test]
async fn scaling_says_the_number_and_nothing_else() {
    let server = server("1.4.1").await;
    answer(&server, "PATCH", &format!("/v2/apps{A}"), taken("d1")).await;
    apply(&server, &[scale(A, 5)]).await.remove(0).unwrap();
    assert_eq!(
        requests(&server).await,
        [format!(r#"PATCH /v2/apps{A} {{"instances":5}}"#)]
    );
}

#[tokio::test]
async fn what_holds_an_app_is_given_up_and_nothing_else_is_forced() {
    let server = server("1.11.0").await;
    let accepted = ResponseTemplate::new(202);
    answer(&server, "DELETE", "/v2/deployments/d1", accepted).await;
    let over = json!({"message": "DeploymentPlan d2 does not exist"});
    let over = ResponseTemplate::new(404).set_body_json(over);
    answer(&server, "DELETE", "/v2/deployments/d2", over).await;
    let release = |operation: &str| Change::Release {
        app: AppId(A.to_owned()),
        operations: vec![OperationId(operation.to_owned())],
    };
    // The second is over already, the third is no deployment at all.
    let outcomes = apply(
        &server,
        &[release("d1"), release("d2"), release("../apps/x")],
    )
    .await;
    assert!(outcomes[0].is_ok() && outcomes[1].is_ok(), "{outcomes:?}");
    assert!(
        matches!(outcomes[2], Err(ClusterError::Refused { .. })),
        "{outcomes:?}"
    );
    let mut told = requests(&server).await;
    told.sort();
    assert_eq!(
        told,
        [
            "DELETE /v2/deployments/d1?force=true",
            "DELETE /v2/deployments/d2?force=true"
        ]
    );
}

/// One deployment would hold both until the slower one is up.
#[tokio::test]
async fn apps_with_further_to_go_do_not_share_a_deployment() {
    let server = server("1.11.0").await;
    for app in [A, B] {
        answer(&server, "PUT", &format!("/v2/apps{app}"), taken("d1")).await;
        answer(&server, "PATCH", &format!("/v2/apps{app}"), taken("d2")).await;
    }
    let part = |group| match create(group) {
        Change::Create(mut new) => {
            new.instances = 0;
            Change::Create(new)
        }
        other => other,
    };
    for outcome in apply(&server, &["a:dev", "b:dev"].map(part)).await {
        assert_eq!(outcome.unwrap(), by("d1"));
    }
    for outcome in apply(&server, &[scale(A, 1), scale(B, 2)]).await {
        assert_eq!(outcome.unwrap(), by("d2"));
    }
    assert_eq!(requests(&server).await.len(), 4);
}

#[tokio::test]
async fn before_patch_each_app_is_scaled_by_itself() {
    let server = server("1.3.13").await;
    answer(&server, "PUT", &format!("/v2/apps{A}"), taken("d1")).await;
    // Marathon takes it for a new app, without an image.
    answer(
        &server,
        "PUT",
        &format!("/v2/apps{B}"),
        refusal("/", "no image"),
    )
    .await;
    let missing = json!({"message": "App '/theseus/b/dev/r1' does not exist"});
    let missing = ResponseTemplate::new(404).set_body_json(missing);
    answer(&server, "GET", &format!("/v2/apps{B}"), missing).await;
    let outcomes = apply(&server, &[scale(A, 2), scale(B, 2)]).await;
    assert_eq!(outcomes[0].as_ref().unwrap(), &by("d1"));
    assert!(
        matches!(outcomes[1], Err(ClusterError::Gone { .. })),
        "{outcomes:?}"
    );
    let told = requests(&server).await;
    assert!(
        told.contains(&format!(r#"PUT /v2/apps{A} {{"instances":2}}"#)),
        "{told:?}"
    );
}

#[tokio::test]
async fn containers_of_several_apps_are_stopped_in_one_request() {
    let server = server("1.11.0").await;
    answer(&server, "POST", "/v2/tasks/delete", taken("d1")).await;
    let changes = [
        shrink(A, &["a.1", "a.2"]),
        shrink(B, &["b.1"]),
        shrink(B, &[]),
    ];
    for (outcome, accepted) in
        apply(&server, &changes)
            .await
            .into_iter()
            .zip([by("d1"), by("d1"), Accepted::default()])
    {
        assert_eq!(outcome.unwrap(), accepted);
    }
    assert_eq!(
        requests(&server).await,
        [r#"POST /v2/tasks/delete?scale=true {"ids":["a.1","a.2","b.1"]}"#]
    );
}

#[tokio::test]
async fn deleting_is_not_forced_and_what_is_gone_is_gone() {
    let server = server("1.11.0").await;
    answer(&server, "DELETE", &format!("/v2/apps{A}"), taken("d1")).await;
    let missing = json!({"message": "App '/theseus/b/dev/r1' does not exist"});
    let missing = ResponseTemplate::new(404).set_body_json(missing);
    answer(&server, "DELETE", &format!("/v2/apps{B}"), missing).await;
    let outcomes = apply(&server, &[delete(A), delete(B)]).await;
    assert_eq!(outcomes[0].as_ref().unwrap(), &by("d1"));
    assert_eq!(outcomes[1].as_ref().unwrap(), &Accepted::default());
    let mut told = requests(&server).await;
    told.sort();
    let expected = [A, B].map(|app| format!("DELETE /v2/apps{app}?force=false"));
    assert_eq!(told, expected);
}

#[tokio::test]
async fn changes_of_all_kinds_keep_their_places() {
    let server = server("1.11.0").await;
    answer(&server, "DELETE", &format!("/v2/apps{A}"), taken("deleted")).await;
    answer(&server, "PATCH", &format!("/v2/apps{B}"), taken("scaled")).await;
    answer(&server, "POST", "/v2/tasks/delete", taken("shrunk")).await;
    answer(
        &server,
        "PUT",
        "/v2/apps/theseus/d/dev/r1",
        taken("created"),
    )
    .await;
    let changes = [
        delete(A),
        scale(B, 1),
        delete("/somebody/../elses"),
        shrink("/theseus/c/dev/r1", &["c.1"]),
        create("d:dev"),
    ];
    let outcomes = apply(&server, &changes).await;
    let told: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Ok(accepted) => accepted.operation.unwrap().0,
            Err(error) => error.to_string(),
        })
        .collect();
    assert_eq!(
        told,
        [
            "deleted",
            "scaled",
            r#"marathon refuses it: "/somebody/../elses" is not the id of an app"#,
            "shrunk",
            "created"
        ]
    );
    assert_eq!(requests(&server).await.len(), 4);
}

#[tokio::test]
async fn a_storm_of_503_passes() {
    let server = server("1.11.0").await;
    for _ in 0..3 {
        answer_once(&server, "PATCH", &format!("/v2/apps{A}"), html(503)).await;
    }
    answer(&server, "PATCH", &format!("/v2/apps{A}"), taken("d1")).await;
    let outcomes = apply(&server, &[scale(A, 2)]).await;
    assert_eq!(outcomes[0].as_ref().unwrap(), &by("d1"));
    assert_eq!(requests(&server).await.len(), 4);
}

#[tokio::test]
async fn a_503_of_marathons_own_may_have_done_it() {
    let server = server("1.11.0").await;
    let late = ResponseTemplate::new(503).set_body_json(json!({"message": "storing took long"}));
    answer(&server, "PATCH", &format!("/v2/apps{A}"), late).await;
    let outcomes = apply(&server, &[scale(A, 2)]).await;
    assert!(
        matches!(outcomes[0], Err(ClusterError::Unclear { .. })),
        "{outcomes:?}"
    );
    assert_eq!(requests(&server).await.len(), 1);
}

#[tokio::test]
async fn of_a_failure_told_at_great_length_only_the_beginning_is_read() {
    let server = server("1.11.0").await;
    let long = json!({"message": "no".repeat(1 << 20)});
    let refused = ResponseTemplate::new(422).set_body_json(&long);
    answer(&server, "PATCH", &format!("/v2/apps{A}"), refused).await;
    let outcomes = apply(&server, &[scale(A, 2)]).await;
    let Err(ClusterError::Refused { refusals, .. }) = &outcomes[0] else {
        panic!("{outcomes:?}");
    };
    // Half an object is no JSON, so it is shown as it came.
    let message = &refusals[0].message;
    assert!(message.starts_with(r#"{"message":"nono"#), "{message}");
    assert!(message.len() < 1000, "{message}");
}

#[tokio::test]
async fn a_success_that_is_not_marathons_is_no_success() {
    let server = server("1.11.0").await;
    answer(&server, "PATCH", &format!("/v2/apps{A}"), html(200)).await;
    let outcomes = apply(&server, &[scale(A, 2)]).await;
    assert!(
        matches!(outcomes[0], Err(ClusterError::Unclear { .. })),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn a_version_that_is_too_old_is_told_nothing() {
    let server = server("0.6.1").await;
    let outcomes = apply(&server, &[create("a:dev"), delete(B)]).await;
    for outcome in outcomes {
        let message = outcome.unwrap_err().to_string();
        assert!(
            message.contains("this is Marathon 0.6.1; Theseus needs 0.7.0 or later"),
            "{message}"
        );
    }
    assert_eq!(requests(&server).await, [""; 0]);
}

#[tokio::test]
async fn what_cannot_be_said_to_this_version_is_not_sent() {
    let server = server("0.7.0").await;
    let outcomes = apply(&server, &[create("a:dev")]).await;
    let message = outcomes[0].as_ref().unwrap_err().to_string();
    assert!(
        message.contains("network: this is Marathon 0.7.0; it takes Marathon 0.7.1 or later"),
        "{message}"
    );
    assert_eq!(requests(&server).await, [""; 0]);
}

#[tokio::test]
async fn every_request_says_who_asks_and_in_which_words() {
    let server = server("1.11.0").await;
    answer(
        &server,
        "PATCH",
        &format!("/marathon/v2/apps{A}"),
        taken("d1"),
    )
    .await;
    let info = ResponseTemplate::new(200).set_body_json(json!({"version": "1.11.0"}));
    answer(&server, "GET", "/marathon/v2/info", info).await;
    for (credentials, expected) in [
        (
            theseus_marathon::Credentials::Basic {
                user: "u".to_owned(),
                password: Secret::Text("p".to_owned()),
            },
            "Basic dTpw",
        ),
        (
            theseus_marathon::Credentials::Token(Secret::Text("t".to_owned())),
            "token=t",
        ),
        (
            theseus_marathon::Credentials::Bearer(Secret::Text("t".to_owned())),
            "Bearer t",
        ),
    ] {
        let config = theseus_marathon::MarathonConfig {
            credentials: Some(credentials),
            ..config(&format!("{}/marathon/", server.uri()))
        };
        let marathon = Marathon::new(config).unwrap();
        marathon.apply(&[scale(A, 2)]).await.remove(0).unwrap();
        let request = server.received_requests().await.unwrap().pop().unwrap();
        for (header, expected) in [
            ("authorization", expected),
            ("accept", "application/json"),
            ("content-type", "application/json"),
            ("content-length", "15"),
        ] {
            assert_eq!(request.headers[header], expected, "{header}");
        }
    }
}
