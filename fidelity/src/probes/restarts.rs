//! Which changes restart containers: asked for ahead of time with `dryRun`, and seen.

use serde_json::{Value, json};

use super::update::deployment;
use super::{app_with, given, running, settled, stuck, with};
use crate::check::{Check, empty, has, holds_one, is, is_not, stamp, status};
use crate::probe::{Probe, get, post, put};

const PLAN: &str = "v1.4.0:DeploymentPlan.scala";
const STARTS: &str = "v0.11.0:AppDefinition.scala";

pub(super) fn probes() -> Vec<Probe> {
    foretold()
        .into_iter()
        .chain(plans())
        .chain(seen())
        .chain(restart())
        .collect()
}

/// A probe that changes an app of one container by a group's dry run.
fn foretells(name: &'static str, change: Value, action: Check) -> Probe {
    let whole = || app_with("a", json!({"ports": [28_127]}));
    let changed = with(with(whole(), json!({"instances": 1})), change);
    Probe::new(name, "§3", STARTS)
        .since(0, 11, 1)
        .with(given(whole()))
        .send(put("/v2/groups{g}?dryRun=true", json!({"apps": [changed]})))
        .holds(status(200))
        .holds(action)
}

/// In the first step something is done to the app, whichever way it is written.
fn first_action(action: &'static str) -> Check {
    Check::new(
        format!("the plan is {action} of {{g}}/a"),
        move |answer, names| {
            let step = answer.at("/steps/0/actions/0");
            let name = step.and_then(|it| it.get("action").or_else(|| it.get("type")));
            let app = step.and_then(|it| it.get("app"));
            if name == Some(&Value::from(action)) && app == Some(&Value::from(names.fill("{g}/a")))
            {
                Ok(())
            } else {
                Err(answer.to_string())
            }
        },
    )
}

fn foretold() -> Vec<Probe> {
    let check = json!([{"protocol": "COMMAND", "command": {"value": "true"}}]);
    let strategy = json!({"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0.5});
    let restarts = |name, change| foretells(name, change, first_action("RestartApplication"));
    vec![
        foretells(
            "instances-do-not-restart",
            json!({}),
            first_action("ScaleApplication"),
        ),
        restarts("cmd-restarts", json!({"cmd": "sleep 2000"})),
        restarts("env-restarts", json!({"env": {"A": "1"}})),
        restarts("cpus-restart", json!({"cpus": 0.02})),
        restarts("mem-restarts", json!({"mem": 33})),
        restarts("disk-restarts", json!({"disk": 1})),
        restarts("user-restarts", json!({"user": "nobody"})),
        restarts("labels-restart", json!({"labels": {"who": "me"}})),
        restarts(
            "constraints-restart",
            json!({"constraints": [["hostname", "UNIQUE"]]}),
        ),
        restarts("health-checks-restart", json!({"healthChecks": check})),
        restarts(
            "an-upgrade-strategy-restarts",
            json!({"upgradeStrategy": strategy}),
        ),
        restarts("backoff-restarts", json!({"backoffSeconds": 2})),
        restarts(
            "a-launch-delay-restarts",
            json!({"maxLaunchDelaySeconds": 60}),
        ),
        restarts("ports-restart", json!({"ports": [28_128]})),
        restarts("required-ports-restart", json!({"requirePorts": true})),
        restarts(
            "accepted-roles-restart",
            json!({"acceptedResourceRoles": ["*"]}),
        ),
        restarts(
            "fetch-restarts",
            json!({"fetch": [{"uri": "http://x.invalid/a"}]}),
        )
        .since(0, 15, 0),
        restarts(
            "a-grace-period-restarts",
            json!({"taskKillGracePeriodSeconds": 7}),
        )
        .since(1, 3, 0),
        restarts(
            "kill-selection-restarts",
            json!({"killSelection": "OLDEST_FIRST"}),
        )
        .since(1, 4, 0),
        restarts(
            "an-unreachable-strategy-restarts",
            json!({"unreachableStrategy": {"inactiveAfterSeconds": 7, "expungeAfterSeconds": 8}}),
        )
        .since(1, 4, 0),
        restarts("tty-restarts", json!({"tty": true})).since(1, 5, 0),
        restarts(
            "resource-limits-restart",
            json!({"resourceLimits": {"mem": 64}}),
        )
        .since(1, 10, 5),
        foretells(
            "executor-resources-do-not-restart",
            json!({"executorResources": {"cpus": 0.2, "mem": 64, "disk": 20}}),
            first_action("ScaleApplication"),
        )
        .since(1, 6, 352),
    ]
}

fn plans() -> Vec<Probe> {
    let actions = |action: &str| json!({"actions": [{"action": action, "app": "{g}/a"}]});
    let typed = |action: &str| json!({"actions": [{"type": action, "app": "{g}/a"}]});
    let dry = |apps: Value| put("/v2/groups{g}?dryRun=true", json!({"apps": apps}));
    let one = || app_with("a", json!({"instances": 1}));
    vec![
        Probe::new("plan-of-a-new-app", "§5.1", PLAN)
            .since(1, 1, 2)
            .send(dry(json!([one()])))
            .holds(holds_one("/steps", actions("StartApplication")))
            .holds(holds_one("/steps", actions("ScaleApplication")))
            .send(get("/v2/apps{g}/a"))
            .holds(status(404)),
        Probe::new(
            "plan-of-a-new-app-in-types",
            "§1.4",
            "v0.8.1:GroupsResource.scala",
        )
        .since(0, 8, 1)
        .before(1, 1, 2)
        .send(dry(json!([one()])))
        .holds(holds_one("/steps", typed("StartApplication")))
        .holds(holds_one("/steps", typed("ScaleApplication")))
        .send(get("/v2/apps{g}/a"))
        .holds(status(404)),
        Probe::new("plan-of-an-app-less", "§5.1", PLAN)
            .since(0, 8, 1)
            .with(given(one_idle()))
            .send(dry(json!([])))
            .holds(first_action("StopApplication"))
            .send(get("/v2/apps{g}/a"))
            .holds(status(200)),
        Probe::new("plan-in-the-order-of-dependencies", "§5.1", PLAN)
            .since(1, 1, 2)
            .send(dry(json!([
                app_with("a", json!({"instances": 1, "dependencies": ["{g}/db"]})),
                app_with("db", json!({"instances": 1}))
            ])))
            .holds(Check::new(
                "/steps scale {g}/db before {g}/a",
                |answer, names| {
                    let steps = answer.at("/steps").and_then(Value::as_array);
                    let steps = steps.map(Vec::as_slice).unwrap_or_default();
                    let scales = |app: &str| {
                        let wanted = json!({"action": "ScaleApplication", "app": names.fill(app)});
                        steps.iter().position(|step| {
                            step["actions"]
                                .as_array()
                                .is_some_and(|it| it.contains(&wanted))
                        })
                    };
                    match (scales("{g}/db"), scales("{g}/a")) {
                        (Some(first), Some(second)) if first < second => Ok(()),
                        _ => Err(answer.to_string()),
                    }
                },
            )),
        Probe::new(
            "plan-of-a-change-to-no-instances",
            "§3",
            "v1.7.37:DeploymentPlan.scala",
        )
        .since(1, 7, 37)
        .with(running(json!({})))
        .send(dry(json!([app_with(
            "a",
            json!({"instances": 0, "mem": 33})
        )])))
        .holds(first_action("ScaleApplication")),
        Probe::new("plan-of-nothing-new", "§5.1", PLAN)
            .since(0, 11, 1)
            .with(given(one_idle()))
            .send(dry(json!([one_idle()])))
            .holds(empty("/steps")),
    ]
}

fn one_idle() -> Value {
    app_with("a", json!({"ports": [28_129]}))
}

fn seen() -> Vec<Probe> {
    vec![
        Probe::new(
            "scaling-keeps-containers",
            "§3",
            "v0.8.0:DeploymentPlan.scala",
        )
        .since(0, 8, 0)
        .before(1, 4, 0)
        .and_since(1, 4, 1)
        .with(running(json!({})))
        .send(put("/v2/apps{g}/a", json!({"instances": 2})))
        .with(deployment(200))
        .with(settled(2))
        .holds(holds_one(
            "/app/tasks",
            json!({"id": "{task}", "version": "{version}"}),
        ))
        .holds(is_not("/app/version", "{version}")),
        Probe::new("scaling-is-told-apart", "§3", "v0.11.0:VersionInfo.scala")
            .since(0, 11, 0)
            .before(1, 4, 0)
            .and_since(1, 4, 1)
            .with(given(app_with("a", json!({}))))
            .wait_for(get("/v2/apps{g}/a"))
            .holds(empty("/app/deployments"))
            .keep("config", "/app/versionInfo/lastConfigChangeAt")
            .send(put("/v2/apps{g}/a", json!({"instances": 1})))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/versionInfo/lastConfigChangeAt", "{config}"))
            .holds(is_not("/app/versionInfo/lastScalingAt", "{config}")),
        Probe::new("changes-are-told-apart", "§3", "v0.11.0:VersionInfo.scala")
            .since(0, 11, 0)
            .before(1, 4, 0)
            .and_since(1, 4, 1)
            .with(given(app_with("a", json!({}))))
            .keep("first", "/version")
            .send(put("/v2/apps{g}/a", json!({"mem": 33})))
            .send(get("/v2/apps{g}/a"))
            .holds(is_not("/app/versionInfo/lastConfigChangeAt", "{first}"))
            .holds(is_not("/app/versionInfo/lastScalingAt", "{first}"))
            .holds(stamp("/app/versionInfo/lastConfigChangeAt")),
        Probe::new(
            "a-changed-label-replaces-containers",
            "§3",
            "v0.8.0:AppDefinition.scala",
        )
        .since(0, 8, 0)
        .before(1, 4, 0)
        .and_since(1, 4, 1)
        .with(running(json!({})))
        .send(put("/v2/apps{g}/a", json!({"labels": {"who": "me"}})))
        .with(deployment(200))
        .keep("second", "/version")
        .with(settled(1))
        .holds(is_not("/app/tasks/0/id", "{task}"))
        .holds(is("/app/tasks/0/version", "{second}")),
        Probe::new(
            "nothing-new-keeps-containers",
            "§3",
            "v0.8.0:AppDefinition.scala",
        )
        .since(0, 8, 0)
        .before(1, 4, 0)
        .and_since(1, 4, 1)
        .with(running(json!({})))
        .send(put("/v2/apps{g}/a", json!({"mem": 32})))
        .with(deployment(200))
        .with(settled(1))
        .holds(is("/app/tasks/0/id", "{task}")),
        Probe::new(
            "nothing-new-replaced-containers",
            "§3",
            "v0.7.6:DeploymentPlan.scala",
        )
        .since(0, 7, 6)
        .before(0, 8, 0)
        .with(running(json!({})))
        .send(put("/v2/apps{g}/a", json!({"mem": 32})))
        .with(settled(1))
        .holds(is_not("/app/tasks/0/id", "{task}")),
    ]
}

fn restart() -> Vec<Probe> {
    vec![
        Probe::new(
            "restarting-replaces-containers",
            "§1.2",
            "v0.7.6:AppsResource.scala",
        )
        .since(0, 7, 6)
        .with(running(json!({})))
        .send(post("/v2/apps{g}/a/restart", None))
        .with(deployment(200))
        .with(settled(1))
        .holds(is_not("/app/tasks/0/id", "{task}")),
        Probe::new("restarting-nothing", "§1.2", "v0.7.6:AppsResource.scala")
            .since(0, 7, 6)
            .send(post("/v2/apps{g}/nobody/restart", None))
            .holds(status(404)),
        Probe::new(
            "restarting-under-a-lock",
            "§5.2",
            "v0.8.1:AppsResource.scala",
        )
        .since(0, 8, 1)
        .with(given(stuck("a")))
        .keep("deployment", "/deployments/0/id")
        .wait_for(get("/v2/deployments"))
        .holds(has("[id={deployment}]"))
        .send(post("/v2/apps{g}/a/restart", None))
        .holds(status(409))
        .send(post("/v2/apps{g}/a/restart?force=true", None))
        .with(deployment(200)),
        Probe::new(
            "restarting-counts-as-scaling",
            "§3",
            "v1.10.17:AppsResource.scala",
        )
        .since(0, 11, 0)
        .before(1, 11, 0)
        .with(given(one_idle()))
        .wait_for(get("/v2/apps{g}/a"))
        .holds(empty("/app/deployments"))
        .keep("config", "/app/versionInfo/lastConfigChangeAt")
        .send(post("/v2/apps{g}/a/restart", None))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/versionInfo/lastConfigChangeAt", "{config}"))
        .holds(is_not("/app/versionInfo/lastScalingAt", "{config}")),
        Probe::new(
            "restarting-counts-as-a-change",
            "§3",
            "HEAD:AppsResource.scala",
        )
        .since(1, 11, 0)
        .with(given(one_idle()))
        .keep("first", "/version")
        .wait_for(get("/v2/apps{g}/a"))
        .holds(empty("/app/deployments"))
        .send(post("/v2/apps{g}/a/restart", None))
        .send(get("/v2/apps{g}/a"))
        .holds(is_not("/app/versionInfo/lastConfigChangeAt", "{first}")),
    ]
}
