//! Deployments of others that hold what is to be changed: they are told of, waited for, and broken
//! off only by who asks for it.

use std::sync::Mutex;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use theseus_core::engine::{Options, Outcome, Progress, Report};
use theseus_sandbox::Script;
use theseus_tests::ground::Ground;
use theseus_tests::world::World;
use theseus_tests::{INGESTOR, PATIENCE, desired};
use tokio::sync::Notify;
use tokio::time::timeout;
use tower::ServiceExt as _;

const R1: &str = "/theseus/ingestor/dev/r1";

fn with_image(image: &str) -> String {
    INGESTOR.replace("54.189.193.228:5000/flask", image)
}

/// A group that serves, and somebody else's deployment that holds its app: together with another
/// app, which never comes up.
async fn story() -> (World, String) {
    let world = World::new(Ground::Sockets).await;
    assert_eq!(world.deploy(INGESTOR).await.outcome(), Outcome::Ok);
    world.sandbox().add_script(Script {
        start_delay: Some(Duration::from_secs(3600)),
        ..Script::for_image("never")
    });
    let deployment = hold(&world, R1, "/cart").await;
    (world, deployment)
}

/// Holds an app together with another one, whatever held it before; gives the deployment's id.
async fn hold(world: &World, app: &str, beside: &str) -> String {
    let never = json!({"type": "DOCKER", "docker": {"image": "never"}});
    let apps = json!([
        {"id": app, "instances": 4, "mem": 129},
        {"id": beside, "instances": 1, "cpus": 0.1, "mem": 32, "container": never},
    ]);
    let request = Request::put("/v2/apps?force=true")
        .header("content-type", "application/json")
        .body(Body::from(apps.to_string()))
        .unwrap();
    let answer = world.sandbox().router().oneshot(request).await.unwrap();
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let told: Value = serde_json::from_slice(&body).unwrap();
    // What counts is what Theseus asks for from now on.
    world.sandbox().clear_requests();
    let id = told["deploymentId"].as_str();
    id.unwrap_or_else(|| panic!("{told}")).to_owned()
}

/// Carries a manifest out until it is done, or something holds it.
async fn carry_out(world: &World, manifest: &str, force: bool) -> (Report, Vec<Progress>) {
    let engine = world.engine.clone().in_the_name_of("ana@ci-7");
    let plan = engine.plan(&desired(manifest)).await.unwrap();
    let (told, held) = (Mutex::new(Vec::new()), Notify::new());
    let tell = |progress: Progress| {
        if matches!(progress, Progress::Held { .. }) && !force {
            held.notify_one();
        }
        told.lock().unwrap().push(progress);
    };
    let options = Options {
        force,
        ..Options::default()
    };
    let done = engine.carry_out(&plan, &options, &tell, held.notified());
    let report = timeout(PATIENCE, done).await.expect("it ends").unwrap();
    (report, told.into_inner().unwrap())
}

fn forced(writes: &[String]) -> Vec<&str> {
    let writes = writes.iter().map(String::as_str);
    writes.filter(|it| it.contains("force=true")).collect()
}

#[tokio::test]
async fn what_holds_a_group_is_told_and_left_alone() {
    let (world, deployment) = story().await;
    let (report, told) = carry_out(&world, &with_image("a:2"), false).await;
    assert_eq!(report.outcome(), Outcome::Stopped, "{report:?}");
    let message = told.iter().find_map(|it| match it {
        Progress::Held { message, .. } => Some(message.clone()),
        _ => None,
    });
    let message = message.expect("it is told");
    for part in [
        &*format!("operation {deployment}, since 20"),
        "restarts /theseus/ingestor/dev/r1 of ingestor:dev",
        "starts /cart",
        "it is not Theseus's",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(forced(&world.writes()), [""; 0]);
}

#[tokio::test]
async fn what_holds_a_group_is_broken_off_for_who_asks_for_it() {
    let (world, deployment) = story().await;
    let (report, _) = carry_out(&world, &with_image("a:2"), true).await;
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    let writes = world.writes();
    let expected = format!("DELETE /v2/deployments/{deployment}?force=true");
    assert_eq!(forced(&writes), [&*expected], "{writes:#?}");
    world.assert_runs("ingestor:dev", 2, 4).await;
}

#[tokio::test]
async fn removing_does_not_break_off_what_is_not_ours() {
    let (world, deployment) = story().await;
    let remove = "remove: {ingestor: {labels: [dev]}}";
    let (report, _) = carry_out(&world, remove, false).await;
    assert_eq!(report.outcome(), Outcome::Stopped, "{report:?}");
    assert_eq!(forced(&world.writes()), [""; 0]);
    let (report, _) = carry_out(&world, remove, true).await;
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    let expected = format!("DELETE /v2/deployments/{deployment}?force=true");
    assert_eq!(forced(&world.writes()), [&*expected]);
}

#[tokio::test]
async fn no_way_back_is_forced() {
    let (world, _) = story().await;
    world.sandbox().add_script(Script {
        fail_start: true,
        ..Script::for_image("bad")
    });
    let engine = world.engine.clone();
    let plan = engine.plan(&desired(&with_image("bad:2"))).await.unwrap();
    let (turned, held) = (Notify::new(), Notify::new());
    let tell = |progress: Progress| match progress {
        Progress::RollingBack { .. } => turned.notify_one(),
        Progress::Held { operation, .. } if operation.groups().len() == 1 => held.notify_one(),
        _ => {}
    };
    let options = Options {
        force: true,
        ..Options::default()
    };
    // The permit was used for the way there. On the way back somebody holds it again.
    let stop = async {
        turned.notified().await;
        hold(&world, "/theseus/ingestor/dev/r2", "/shop").await;
        held.notified().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let done = engine.carry_out(&plan, &options, &tell, stop);
    let report = timeout(PATIENCE, done).await.expect("it ends").unwrap();
    assert_eq!(forced(&world.writes()), [""; 0], "{report:?}");
}

#[tokio::test]
async fn a_life_in_which_nothing_is_forced() {
    let world = World::new(Ground::Sockets).await;
    world.sandbox().add_script(Script {
        fail_start: true,
        ..Script::for_image("bad")
    });
    for (manifest, expected) in [
        (INGESTOR.to_owned(), Outcome::Ok),
        (
            INGESTOR.replace("instances: 4", "instances: 2"),
            Outcome::Ok,
        ),
        (with_image("a:2"), Outcome::Ok),
        (with_image("bad:3"), Outcome::RolledBack),
        (
            "remove: {ingestor: {labels: [dev]}}".to_owned(),
            Outcome::Ok,
        ),
    ] {
        let report = world.deploy(&manifest).await;
        assert_eq!(report.outcome(), expected, "{report:?}");
    }
    let writes = world.writes();
    assert!(writes.len() > 5, "{writes:#?}");
    // What is given up on the way back is the rollout's own, and no more than that.
    let given_up = |it: &&&str| it.starts_with("DELETE /v2/deployments/");
    let forced = forced(&writes);
    assert_eq!(
        forced.iter().filter(given_up).count(),
        forced.len(),
        "{writes:#?}"
    );
    let deleted: Vec<_> = writes
        .iter()
        .filter(|it| it.starts_with("DELETE /v2/apps"))
        .collect();
    assert!(!deleted.is_empty());
    assert!(
        deleted.iter().all(|it| it.ends_with("force=false")),
        "{deleted:#?}"
    );
}
