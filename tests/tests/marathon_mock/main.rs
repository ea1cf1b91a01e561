//! Exactly which requests Marathon gets, in which order, and what is in them.

mod marathon;

use marathon::{Marathon, Trouble};
use serde_json::{Value, json};
use theseus_core::engine::Outcome;

const FIRST: &str = "/v2/apps/theseus/web/dev/r1";
const SECOND: &str = "/v2/apps/theseus/web/dev/r2";
const REMOVE: &str = "remove: {web: {labels: [dev]}}";

fn web(image: &str, instances: usize) -> String {
    format!(
        "deploy: {{web: {{labels: [dev], image: '{image}', ports: {{api: 5000}}, environment: {{A: b}}, cpus: 0.5, mem: 64, instances: {instances}}}}}"
    )
}

/// What Marathon is told of a revision of it.
fn definition(image: &str, revision: u32, instances: usize) -> Value {
    json!({
        "id": format!("/theseus/web/dev/r{revision}"),
        "instances": instances,
        "cpus": 0.5,
        "mem": 64.0,
        "disk": 0.0,
        "env": {
            "A": "b",
            "LABELS": "[\"dev\"]",
            "SERVICE_NAME": "web",
            "THESEUS_GROUP": "web:dev",
            "THESEUS_REVISION": revision.to_string(),
        },
        "labels": {
            "THESEUS_GROUP": "web:dev",
            "THESEUS_REVISION": revision.to_string(),
        },
        "container": {
            "type": "DOCKER",
            "docker": {"image": image, "forcePullImage": false, "parameters": []},
            "volumes": [],
            "portMappings": [
                {"containerPort": 5000, "hostPort": 0, "servicePort": 0, "protocol": "tcp", "name": "api"},
            ],
        },
        "networks": [{"mode": "container/bridge"}],
        "constraints": [],
        "fetch": [],
        "healthChecks": [],
    })
}

fn request(method: &str, path: &str, body: Value) -> (String, Value) {
    (format!("{method} {path}"), body)
}

fn put(image: &str, revision: u32, instances: usize) -> (String, Value) {
    let path = format!("/v2/apps/theseus/web/dev/r{revision}");
    request("PUT", &path, definition(image, revision, instances))
}

fn delete(path: &str) -> (String, Value) {
    request("DELETE", &format!("{path}?force=false"), Value::Null)
}

fn scale(path: &str, instances: usize) -> (String, Value) {
    request("PATCH", path, json!({"instances": instances}))
}

async fn deploys(marathon: &Marathon, manifest: &str) {
    let report = marathon.deploy(manifest).await;
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
}

/// A Marathon on which two containers run, and which has forgotten how they came there.
async fn deployed() -> Marathon {
    let marathon = Marathon::start().await;
    deploys(&marathon, &web("a:1", 2)).await;
    assert_eq!(marathon.writes().await, [put("a:1", 1, 2)]);
    marathon
}

#[tokio::test]
async fn a_creation_is_one_write_among_three_looks() {
    let marathon = Marathon::without_events().await;
    deploys(&marathon, &web("a:1", 2)).await;
    let told = marathon.requests().await;
    let apps = "GET /v2/apps?label=THESEUS_GROUP%20in%20%28web%5C%3Adev%29\
                &embed=apps.tasks&embed=apps.deployments&embed=apps.lastTaskFailure";
    let count = |line: &str| told.iter().filter(|(told, _)| told == line).count();
    // To plan, to begin, and to see that it is done.
    assert_eq!(
        (count(apps), count("GET /v2/deployments")),
        (3, 3),
        "{told:#?}"
    );
    // For the version, and for the hosts, which this one does not tell.
    assert_eq!(count("GET /v2/info"), 2, "{told:#?}");
    let queue = "GET /v2/queue?embed=lastUnusedOffers";
    assert_eq!(count(queue), 1, "{told:#?}");
    assert_eq!(
        told.iter().filter(|it| **it == put("a:1", 1, 2)).count(),
        1,
        "{told:#?}"
    );
    let events = told
        .iter()
        .filter(|(line, _)| line.starts_with("GET /v2/events?"));
    assert_eq!((told.len(), events.count()), (11, 1), "{told:#?}");
}

#[tokio::test]
async fn an_identical_file_makes_no_write_at_all() {
    let marathon = deployed().await;
    let report = marathon.deploy(&web("a:1", 2)).await;
    assert_eq!(report.outcome(), Outcome::Unchanged);
    let mut told = marathon.requests().await;
    told.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].0.starts_with("GET /v2/apps?"), "{told:#?}");
    assert_eq!(told[1].0, "GET /v2/deployments");
}

#[tokio::test]
async fn what_only_theseus_reads_is_not_told_to_marathon() {
    let marathon = deployed().await;
    let changed = web("a:1", 2).replace("instances", "update: {max-surge: 2}, instances");
    deploys(&marathon, &changed).await;
    assert_eq!(marathon.writes().await, []);
}

#[tokio::test]
async fn scaling_says_a_number() {
    let marathon = deployed().await;
    deploys(&marathon, &web("a:1", 5)).await;
    assert_eq!(marathon.writes().await, [scale(FIRST, 5)]);
    deploys(&marathon, &web("a:1", 1)).await;
    assert_eq!(marathon.writes().await, [scale(FIRST, 1)]);
}

#[tokio::test]
async fn a_roll_takes_two_writes_for_each_container() {
    let marathon = deployed().await;
    deploys(&marathon, &web("a:2", 2)).await;
    assert_eq!(marathon.writes().await, roll());
}

#[tokio::test]
async fn a_removal_is_one_write() {
    let marathon = deployed().await;
    deploys(&marathon, REMOVE).await;
    assert_eq!(marathon.writes().await, [delete(FIRST)]);
    let report = marathon.deploy(REMOVE).await;
    assert_eq!(report.outcome(), Outcome::Unchanged);
    assert_eq!(marathon.writes().await, []);
}

#[tokio::test]
async fn an_app_that_is_locked_is_changed_once_it_is_free() {
    let marathon = deployed().await;
    marathon.trouble("PATCH", [Trouble::Locked(3)]);
    deploys(&marathon, &web("a:1", 5)).await;
    // Nothing is forced, and nothing is sent while the lock is seen.
    assert_eq!(marathon.writes().await, [scale(FIRST, 5), scale(FIRST, 5)]);
}

/// What leads from two containers of the first revision to two of the second.
fn roll() -> [(String, Value); 4] {
    let kill = json!({"ids": ["task-1"]});
    [
        put("a:2", 2, 1),
        request("POST", "/v2/tasks/delete?scale=true", kill),
        scale(SECOND, 2),
        delete(FIRST),
    ]
}

#[tokio::test]
async fn a_storm_of_503_that_did_nothing_is_waited_out() {
    let marathon = deployed().await;
    let storm = [
        Trouble::Refused(503, "<html>no leader</html>"),
        Trouble::Refused(503, "Too many concurrent requests"),
    ];
    for method in ["PUT", "POST", "PATCH", "DELETE"] {
        marathon.trouble(method, storm.clone());
    }
    deploys(&marathon, &web("a:2", 2)).await;
    let thrice = roll().map(|write| [write.clone(), write.clone(), write]);
    assert_eq!(marathon.writes().await, thrice.as_flattened());
}

#[tokio::test]
async fn what_may_have_been_done_is_looked_at_and_not_done_twice() {
    let late = Trouble::Done(503, r#"{"message":"storing it took too long"}"#);
    for trouble in [late, Trouble::Done(504, "<html>late</html>"), Trouble::Cut] {
        let marathon = deployed().await;
        marathon.trouble("PUT", [trouble.clone()]);
        marathon.trouble("POST", [trouble.clone()]);
        marathon.trouble("PATCH", [trouble.clone()]);
        marathon.trouble("DELETE", [trouble]);
        deploys(&marathon, &web("a:2", 2)).await;
        assert_eq!(marathon.writes().await, roll());
    }
}

#[tokio::test]
async fn a_read_that_is_cut_short_is_read_again() {
    let marathon = deployed().await;
    marathon.trouble(
        "GET",
        [Trouble::Cut, Trouble::Refused(502, "<html>no</html>")],
    );
    let report = marathon.deploy(&web("a:1", 2)).await;
    assert_eq!(report.outcome(), Outcome::Unchanged);
    let told = marathon.requests().await;
    let reads = told
        .iter()
        .filter(|(line, _)| line.starts_with("GET /v2/apps?"));
    assert_eq!((reads.count(), told.len()), (3, 4), "{told:#?}");
}

#[tokio::test]
async fn what_marathon_refuses_is_told_in_the_manifests_words() {
    let marathon = deployed().await;
    let refusal = r#"{"message":"Object is not valid","details":[{"path":"/container/portMappings(0)/hostPort","errors":["is taken"]}]}"#;
    marathon.trouble("PUT", [Trouble::Refused(422, refusal)]);
    let report = marathon.deploy(&web("a:2", 2)).await;
    assert_eq!(report.outcome(), Outcome::RolledBack, "{report:?}");
    let reason = report.groups[0].reason.as_deref().unwrap();
    assert!(reason.contains("ports.api: is taken"), "{reason}");
    // It was asked for once, and what runs was left alone.
    assert_eq!(marathon.writes().await, [put("a:2", 2, 1)]);
}
