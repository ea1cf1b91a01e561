//! `/v2/deployments`: how they are shown, stopped and taken back.

use serde_json::{Value, json};

use super::update::deployment;
use super::{app, given, stuck};
use crate::check::{
    Check, body, fits, has, holds_one, is, is_not, lacks, list, number, says, stamp, status,
};
use crate::probe::{Probe, delete, get, put};

pub(super) fn probes() -> Vec<Probe> {
    shapes().into_iter().chain(ends()).collect()
}

/// Steps that begin a deployment without an end, which is `{deployment}`.
fn endless() -> impl FnOnce(Probe) -> Probe {
    |probe| {
        probe
            .with(given(stuck("a")))
            .wait_for(get("/v2/apps{g}/a"))
            .holds(has("/app/deployments/0/id"))
            .keep("deployment", "/app/deployments/0/id")
            .wait_for(get("/v2/deployments"))
            .holds(has("[id={deployment}]"))
    }
}

fn steps(form: &'static str, fits_step: fn(&Value) -> bool) -> Check {
    Check::new(format!("all steps are {form}"), move |answer, names| {
        let steps = answer.at(&names.fill("[id={deployment}]/steps"));
        let steps = steps.and_then(Value::as_array);
        if steps.is_some_and(|it| !it.is_empty() && it.iter().all(fits_step)) {
            Ok(())
        } else {
            Err(format!("{steps:?}"))
        }
    })
}

fn shapes() -> Vec<Probe> {
    let one = "[id={deployment}]";
    let at = move |key: &str| format!("{one}/{key}");
    vec![
        Probe::new(
            "deployments-are-a-bare-list",
            "§1.5",
            "v0.7.0:DeploymentsResource.scala",
        )
        .send(get("/v2/deployments"))
        .holds(status(200))
        .holds(list("")),
        Probe::new(
            "deployment-fields",
            "§1.5",
            "v0.7.6:DeploymentsResource.scala",
        )
        .with(endless())
        .holds(stamp(&at("version")))
        .holds(is(&at("affectedApps"), json!(["{g}/a"])))
        .holds(list(&at("currentActions")))
        .holds(number(&at("currentStep")))
        .holds(number(&at("totalSteps"))),
        Probe::new(
            "deployment-steps-are-lists",
            "§1.5",
            "v0.7.6:DeploymentsResource.scala",
        )
        .since(0, 7, 6)
        .before(1, 1, 0)
        .with(endless())
        .holds(steps("lists of {action, app}", |step| {
            let actions = step.as_array().map(Vec::as_slice).unwrap_or_default();
            !actions.is_empty()
                && actions
                    .iter()
                    .all(|it| it["action"].is_string() && it["app"].is_string())
        })),
        Probe::new(
            "deployment-steps-have-types",
            "§1.5",
            "v1.1.0:Formats.scala",
        )
        .since(1, 1, 0)
        .before(1, 1, 2)
        .with(endless())
        .holds(steps("{actions: [{type, app}]}", |step| {
            let actions = step["actions"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default();
            !actions.is_empty() && actions.iter().all(|it| it["type"].is_string())
        })),
        Probe::new(
            "deployment-steps-have-actions",
            "§1.5",
            "v1.1.2:Formats.scala",
        )
        .since(1, 1, 2)
        .with(endless())
        .holds(steps("{actions: [{action, app}]}", |step| {
            let actions = step["actions"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default();
            !actions.is_empty()
                && actions
                    .iter()
                    .all(|it| it["action"].is_string() && it["app"].is_string())
        })),
        Probe::new(
            "deployment-of-a-new-app",
            "§5.1",
            "v0.7.6:DeploymentPlan.scala",
        )
        .since(0, 7, 6)
        .with(endless())
        .wait_for(get("/v2/deployments"))
        .holds(is(&at("totalSteps"), 2))
        .holds(is(&at("currentStep"), 2))
        .holds(fits_action(one, "ScaleApplication")),
        Probe::new(
            "deployment-says-what-is-ready",
            "§1.5",
            "v1.1.0:Formats.scala",
        )
        .since(1, 1, 0)
        .with(endless())
        .wait_for(get("/v2/deployments"))
        .holds(is(&at("currentStep"), 2))
        .holds(fits(
            &at("currentActions/0/readinessCheckResults"),
            "is a list",
            Value::is_array,
        )),
        Probe::new(
            "deployment-tells-pods-apart",
            "§1.5",
            "v1.4.0:Formats.scala",
        )
        .since(1, 4, 0)
        .with(endless())
        .holds(is(&at("affectedPods"), json!([]))),
        Probe::new(
            "deployment-has-the-version-of-its-app",
            "§1.0",
            "v0.8.1:AppsResource.scala",
        )
        .since(0, 8, 1)
        .with(given(stuck("a")))
        .keep("version", "/version")
        .keep("deployment", "/deployments/0/id")
        .wait_for(get("/v2/deployments"))
        .holds(is(&at("version"), "{version}")),
        Probe::new(
            "deployments-without-an-effect-are-not-listed",
            "§1.5",
            "v0.15.0:DeploymentsResource.scala",
        )
        .since(0, 15, 0)
        .before(1, 4, 0)
        .and_since(1, 4, 1)
        .with(given(app("a")))
        .send(put("/v2/apps{g}/a", json!({"mem": 32})))
        .keep("deployment", "/deploymentId")
        .send(get("/v2/deployments"))
        .holds(lacks(one)),
    ]
}

fn fits_action(one: &'static str, action: &'static str) -> Check {
    holds_one(
        &format!("{one}/currentActions"),
        json!({"action": action, "app": "{g}/a"}),
    )
}

fn ends() -> Vec<Probe> {
    vec![
        Probe::new(
            "deployment-is-taken-back",
            "§1.5",
            "v0.8.2:DeploymentsResource.scala",
        )
        .since(0, 8, 2)
        .with(endless())
        .send(delete("/v2/deployments/{deployment}"))
        .with(deployment(200))
        .holds(is_not("/deploymentId", "{deployment}"))
        .wait_for(get("/v2/apps{g}/a"))
        .holds(status(404))
        .wait_for(get("/v2/deployments"))
        .holds(lacks("[id={deployment}]")),
        Probe::new(
            "deployment-is-stopped",
            "§1.5",
            "v0.7.4:DeploymentsResource.scala",
        )
        .since(0, 7, 4)
        .with(endless())
        .send(delete("/v2/deployments/{deployment}?force=true"))
        .holds(status(202))
        .holds(body(""))
        .wait_for(get("/v2/deployments"))
        .holds(lacks("[id={deployment}]"))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/instances", 1)),
        Probe::new(
            "deployment-that-is-not",
            "§1.5",
            "v0.8.2:DeploymentsResource.scala",
        )
        .send(delete(
            "/v2/deployments/00000000-0000-0000-0000-000000000000",
        ))
        .holds(status(404))
        .holds(says(
            "/message",
            "00000000-0000-0000-0000-000000000000 does not exist",
        )),
        Probe::new(
            "deployments-of-other-apps-go-on",
            "§5.2",
            "v0.8.1:DeploymentManager.scala",
        )
        .with(endless())
        .with(given(stuck("b")))
        .wait_for(get("/v2/deployments"))
        .holds(has("[id={deployment}]"))
        .holds(holds_one("", json!({"affectedApps": ["{g}/a"]})))
        .holds(holds_one("", json!({"affectedApps": ["{g}/b"]}))),
    ]
}
