//! Changes of what runs, each in the requests of every version. Whole definitions are in the
//! snapshots of `manifests`.

use std::sync::Arc;

use serde_json::{Value, json};
use theseus_core::cluster::{AppId, Change, Cluster as _, ContainerId, NewApp, OperationId, Part};
use theseus_core::model::{Amount, EnvValue, Port, Spec, Strategy};

use crate::recorder::marathon;
use crate::{assert_matrix, grouped};

const WHOLE: &str = "/theseus/web/dev/r3";
const SLOT: &str = "/theseus/db/dev/r3.s0";
const STABLE: &str = "/theseus/lb/dev/stable";

/// What Marathon has: three apps, one of which it brings from its second revision to its third.
fn answer(request: &str) -> Option<Value> {
    let deploying = json!({"version": "2026-01-01T00:00:09.000Z", "deploymentId": "d9"});
    let lb = |revision: &str| {
        let told = json!({"THESEUS_REVISION": revision});
        json!({"id": STABLE, "instances": 4, "env": told, "labels": told, "tasksRunning": 2})
    };
    let (method, path) = request.split_once(' ')?;
    if method != "GET" {
        // There is no app of this name for what must not make one.
        let is_new = path.contains("/new/") && method == "PATCH";
        return (!is_new).then_some(deploying);
    }
    let versions = [
        "2026-01-01T00:00:01.000Z",
        "2026-01-01T00:00:03.000Z",
        "2026-01-01T00:00:02.000Z",
    ];
    Some(match path {
        "/v2/deployments" => json!([{"id": "d1", "affectedApps": [STABLE], "steps": []}]),
        "/v2/apps/theseus/web/dev/r3" => json!({"app": {
            "id": WHOLE, "instances": 4, "env": {"THESEUS_REVISION": "3"},
        }}),
        "/v2/apps/theseus/db/dev/r3.s0" => json!({"app": {
            "id": SLOT, "instances": 1, "constraints": [["os", "CLUSTER", "linux"]],
            "executorResources": {"cpus": 0.2, "mem": 32, "disk": 10},
            "resourceLimits": {"mem": "unlimited"},
        }}),
        "/v2/apps/theseus/lb/dev/stable" => json!({"app": lb("3")}),
        "/v2/apps/theseus/lb/dev/stable/versions" => json!({"versions": versions}),
        "/v2/apps/theseus/lb/dev/stable/versions/2026-01-01T00:00:01.000Z" => lb("1"),
        "/v2/apps/theseus/lb/dev/stable/versions/2026-01-01T00:00:02.000Z" => lb("2"),
        "/v2/apps/theseus/lb/dev/stable/versions/2026-01-01T00:00:03.000Z" => lb("3"),
        _ => return None,
    })
}

/// All requests that it takes, and what the change is answered with.
fn said(version: &str, changes: &[Change]) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (marathon, told) = marathon(version, answer);
        let outcomes = marathon.apply(changes).await;
        let mut lines: Vec<_> = told
            .lock()
            .unwrap()
            .iter()
            .map(|it| in_a_line(it))
            .collect();
        for outcome in outcomes {
            lines.push(match outcome {
                Ok(accepted) => match accepted.operation {
                    Some(OperationId(id)) => format!("-> taken: {id}"),
                    None => "-> taken".to_owned(),
                },
                Err(error) => format!("-> {error}"),
            });
        }
        lines.join("\n")
    })
}

/// A request with its body behind it.
fn in_a_line(told: &str) -> String {
    let Some((line, body)) = told.split_once('\n') else {
        return told.to_owned();
    };
    let body: Value = serde_json::from_str(body).unwrap();
    if body.get("container").is_some() {
        return format!("{line} {{the whole definition}}");
    }
    format!("{line} {body}")
}

fn check(name: &str, about: &str, changes: &[Change]) {
    let parts = grouped(|version| said(version, changes));
    assert_matrix(&format!("change_{name}"), about, &parts);
}

fn id(app: &str) -> AppId {
    AppId(app.to_owned())
}

/// A small app, as the engine completes it.
fn new_app(group: &str, part: Part) -> NewApp {
    let mut spec = Spec::new("a:2");
    spec.network = theseus_core::model::Network::Host;
    spec.ports.insert("api".to_owned(), Port::tcp(5000));
    spec.instances = 4;
    spec.environment.0.insert(
        "THESEUS_REVISION".to_owned(),
        EnvValue::Plain("3".to_owned()),
    );
    if part == Part::Stable {
        spec.update.strategy = Strategy::Native;
        spec.update.max_surge = Amount::Percent(100);
    }
    NewApp {
        group: group.parse().unwrap(),
        revision: 3,
        part,
        pinned_to: None,
        instances: 4,
        spec: Arc::new(spec),
    }
}

#[test]
fn a_creation() {
    check(
        "create",
        "A new app.",
        &[Change::Create(Box::new(new_app("new:dev", Part::Whole)))],
    );
}

#[test]
fn a_creation_of_what_is_there_already() {
    let create = Change::Create(Box::new(new_app("web:dev", Part::Whole)));
    check("create_again", "An app that is there already.", &[create]);
}

#[test]
fn a_scale() {
    let scale = |app, instances| Change::Scale {
        app: id(app),
        instances,
    };
    check("scale", "From 4 containers to 6.", &[scale(WHOLE, 6)]);
    check(
        "scale_to_what_it_is",
        "From 4 containers to 4.",
        &[scale(WHOLE, 4)],
    );
}

#[test]
fn a_pin() {
    let pin = Change::Pin {
        app: id(SLOT),
        host: "h1".into(),
    };
    check("pin", "A slot that is to stay on h1.", &[pin]);
}

#[test]
fn stopping_some_containers() {
    let shrink = |app, containers: &[&str]| Change::Shrink {
        app: id(app),
        containers: containers
            .iter()
            .map(|id| ContainerId((*id).to_owned()))
            .collect(),
    };
    check(
        "shrink",
        "Containers of three apps, the last of which deployment d1 holds.",
        &[
            shrink(WHOLE, &["theseus_web_dev_r3.1", "theseus_web_dev_r3.2"]),
            shrink(SLOT, &["theseus_db_dev_r3.s0.1"]),
            shrink(STABLE, &["theseus_lb_dev_stable.1"]),
        ],
    );
}

#[test]
fn an_end() {
    check(
        "delete",
        "The end of an app.",
        &[Change::Delete { app: id(WHOLE) }],
    );
}

#[test]
fn an_update() {
    let mut new = new_app("lb:dev", Part::Stable);
    let spec = Arc::make_mut(&mut new.spec);
    let variables = &mut spec.environment.0;
    variables.insert(
        "THESEUS_REVISION".to_owned(),
        EnvValue::Plain("4".to_owned()),
    );
    new.revision = 4;
    check(
        "update",
        "A stable app, from its revision 3 to 4.",
        &[Change::Update(Box::new(new))],
    );
}

#[test]
fn an_update_to_what_it_is() {
    let again = new_app("lb:dev", Part::Stable);
    check(
        "update_again",
        "A stable app, from its revision 3 to 3.",
        &[Change::Update(Box::new(again))],
    );
}

#[test]
fn giving_up() {
    let operations = |ids: &[&str]| ids.iter().map(|id| OperationId((*id).to_owned())).collect();
    let (app, ours) = (id(STABLE), operations(&["d1"]));
    let revert = Change::Revert {
        app: app.clone(),
        operations: ours,
    };
    check(
        "revert",
        "A stable app, back to what it was: deployment d1 holds it.",
        &[revert],
    );
    let release = Change::Release {
        app: app.clone(),
        operations: operations(&["d1"]),
    };
    check(
        "release",
        "Deployment d1 is to hold the app no longer.",
        &[release],
    );
    // What holds it by now is somebody else's.
    let revert = Change::Revert {
        app,
        operations: operations(&["d0"]),
    };
    check(
        "revert_what_another_holds",
        "Deployment d0 is to be given up, and by now it is d1 that holds the app.",
        &[revert],
    );
}
