//! Tasks: how they are shown, and where.

use serde_json::json;

use super::{app, app_with, given, running, stuck};
use crate::check::{
    body_says, empty, fits, has, header, holds_none, holds_one, is, lacks, len, like, list, object,
    port, stamp, starts, status, text,
};
use crate::probe::{Probe, get};

pub(super) fn probes() -> Vec<Probe> {
    fields().into_iter().chain(lists()).collect()
}

/// A probe of the one task of an app, as the app shows it.
fn of_one(name: &'static str, source: &'static str) -> Probe {
    Probe::new(name, "§6", source)
        .with(running(json!({"ports": [0]})))
        .send(get("/v2/apps{g}/a"))
}

fn fields() -> Vec<Probe> {
    let one = |key: &str| format!("/app/tasks/0/{key}");
    vec![
        of_one("task-fields", "v0.7.0:EnrichedTask.scala")
            .holds(is(&one("appId"), "{g}/a"))
            .holds(text(&one("host")))
            .holds(len(&one("ports"), 1))
            .holds(port(&one("ports/0")))
            .holds(stamp(&one("stagedAt")))
            .holds(stamp(&one("startedAt")))
            .holds(is(&one("version"), "{version}")),
        of_one("task-agent", "v0.11.0:Formats.scala")
            .since(0, 11, 0)
            .holds(text(&one("slaveId"))),
        of_one("task-without-an-agent-yet", "v0.10.0:EnrichedTask.scala")
            .before(0, 11, 0)
            .holds(lacks(&one("slaveId"))),
        of_one("task-state", "v1.1.2:Formats.scala")
            .since(0, 15, 4)
            .before(1, 0, 0)
            .and_since(1, 1, 2)
            .holds(is(&one("state"), "TASK_RUNNING")),
        of_one("task-without-a-state-yet", "v0.14.0:Formats.scala")
            .before(0, 15, 4)
            .holds(lacks(&one("state"))),
        of_one("task-without-service-ports", "v0.8.1:EnrichedTask.scala")
            .holds(lacks(&one("servicePorts"))),
        of_one(
            "task-without-checks-has-no-results",
            "v0.8.1:EnrichedTask.scala",
        )
        .holds(empty(&one("healthCheckResults"))),
        of_one("task-addresses", "v1.4.0:Formats.scala")
            .since(1, 4, 0)
            .holds(fits(
                &one("ipAddresses"),
                "is a list of {ipAddress, protocol}",
                |all| {
                    let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
                    all.iter()
                        .all(|it| it["ipAddress"].is_string() && it["protocol"].is_string())
                },
            )),
        of_one("task-without-addresses-yet", "v0.13.0:Formats.scala")
            .before(0, 14, 0)
            .holds(lacks(&one("ipAddresses"))),
        of_one("task-region-and-zone", "v1.6.322:task.raml")
            .since(1, 6, 322)
            .holds(fits(
                "/app/tasks/0",
                "has texts for a region and a zone, if any",
                |task| {
                    ["region", "zone"]
                        .iter()
                        .all(|key| task[key].is_null() || task[key].is_string())
                },
            )),
        of_one("task-role", "v1.9.32:task.raml")
            .since(1, 9, 32)
            .holds(text(&one("role"))),
        of_one("task-id-is-of-an-app", "v0.7.0:TaskIdUtil.scala")
            .before(1, 8, 180)
            .holds(like(&one("id"), "group_app.uuid", |id| {
                id.rsplit_once('.')
                    .is_some_and(|(app, rest)| app.ends_with("_a") && is_uuid(rest))
            })),
        of_one("task-id-is-of-an-instance", "v1.8.180:Task.scala")
            .since(1, 8, 180)
            .holds(like(&one("id"), "group_app.instance-uuid._app.1", |id| {
                let parts = id.split_once(".instance-");
                parts.is_some_and(|(app, rest)| {
                    let parts = rest.split_once("._app.");
                    app.ends_with("_a")
                        && parts.is_some_and(|(uuid, number)| {
                            is_uuid(uuid) && number.parse::<u32>().is_ok()
                        })
                })
            })),
        Probe::new(
            "task-ids-begin-with-the-app",
            "§4",
            "v0.7.0:TaskIdUtil.scala",
        )
        .with(running(json!({})))
        .send(get("/v2/apps{g}/a"))
        .holds(starts("/app/tasks/0/id", "{g_}_a.")),
    ]
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.chars().all(|it| it == '-' || it.is_ascii_hexdigit())
}

fn lists() -> Vec<Probe> {
    vec![
        Probe::new("tasks-of-an-app", "§1.3", "v0.7.0:AppTasksResource.scala")
            .with(running(json!({})))
            .send(get("/v2/apps{g}/a/tasks"))
            .holds(len("/tasks", 1))
            .holds(is("/tasks/0/id", "{task}"))
            .holds(is("/tasks/0/appId", "{g}/a")),
        Probe::new(
            "no-tasks-was-no-app",
            "§1.3",
            "v0.15.7:AppTasksResource.scala",
        )
        .before(1, 0, 0)
        .with(given(app("a")))
        .send(get("/v2/apps{g}/a/tasks"))
        .holds(status(404)),
        Probe::new("no-tasks", "§1.3", "v1.1.1:AppTasksResource.scala")
            .since(1, 0, 0)
            .with(given(app("a")))
            .send(get("/v2/apps{g}/a/tasks"))
            .holds(status(200))
            .holds(len("/tasks", 0)),
        Probe::new("tasks-of-no-app", "§1.3", "v0.7.0:AppTasksResource.scala")
            .send(get("/v2/apps{g}/a/tasks"))
            .holds(status(404)),
        Probe::new(
            "tasks-below-a-group",
            "§1.3",
            "v0.8.1:AppTasksResource.scala",
        )
        .with(running(json!({})))
        .send(get("/v2/apps{g}/*/tasks"))
        .holds(holds_one(
            "/tasks",
            json!({"id": "{task}", "appId": "{g}/a"}),
        )),
        Probe::new("all-tasks", "§1.3", "v0.7.0:TasksResource.scala")
            .with(running(json!({"ports": [28_130]})))
            .send(get("/v2/tasks"))
            .holds(is("/tasks[appId={g}/a]/id", "{task}"))
            .holds(is("/tasks[appId={g}/a]/servicePorts", json!([28_130]))),
        Probe::new("tasks-that-run", "§1.3", "v0.8.1:TasksResource.scala")
            .with(running(json!({})))
            .send(get("/v2/tasks?status=running"))
            .holds(has("/tasks[appId={g}/a]"))
            .send(get("/v2/tasks?status=staging"))
            .holds(holds_none("/tasks", json!({"appId": "{g}/a"})))
            .send(get("/v2/tasks?status[]=running&status[]=staging"))
            .holds(has("/tasks[appId={g}/a]")),
        Probe::new(
            "tasks-that-wait-for-a-host",
            "§5.4",
            "v0.8.1:AppsResource.scala",
        )
        .with(given(stuck("a")))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/tasksRunning", 0)),
        Probe::new("tasks-as-text", "§1.3", "v1.4.0:EndpointsHelper.scala")
            .before(1, 10, 0)
            .with(running(json!({"ports": [28_131]})))
            .keep("host", "/app/tasks/0/host")
            .keep("port", "/app/tasks/0/ports/0")
            .send(get("/v2/tasks").accepting("text/plain"))
            .holds(status(200))
            .holds(header("content-type", "text/plain"))
            .holds(body_says("{g_}_a\t28131\t{host}:{port}")),
        Probe::new(
            "tasks-of-no-ports-as-text",
            "§1.3",
            "v1.4.0:EndpointsHelper.scala",
        )
        .before(1, 10, 0)
        .with(running(json!({"ports": []})))
        .keep("host", "/app/tasks/0/host")
        .send(get("/v2/tasks").accepting("text/plain"))
        .holds(body_says("{g_}_a\t \t{host}")),
        Probe::new("tasks-are-counted", "§1.2", "v0.8.1:AppsResource.scala")
            .since(0, 8, 1)
            .with(running(json!({})))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/tasksRunning", 1))
            .holds(is("/app/tasksStaged", 0))
            .holds(is("/app/tasksHealthy", 0))
            .holds(is("/app/tasksUnhealthy", 0)),
        Probe::new("tasks-of-several-ports", "§4", "v0.8.1:TaskBuilder.scala")
            .with(running(json!({"ports": [0, 0, 0]})))
            .send(get("/v2/apps{g}/a"))
            .holds(len("/app/tasks/0/ports", 3))
            .holds(fits("/app/tasks/0/ports", "are three numbers", |ports| {
                ports[0] != ports[1] && ports[1] != ports[2] && ports[0] != ports[2]
            })),
        Probe::new(
            "tasks-of-several-instances",
            "§5.4",
            "v0.8.1:DeploymentActor.scala",
        )
        .with(given(app_with("b", json!({"instances": 2}))))
        .wait_for(get("/v2/apps{g}/b"))
        .holds(is("/app/tasksRunning", 2))
        .holds(empty("/app/deployments"))
        .holds(fits("/app/tasks", "are two", |tasks| {
            tasks[0]["id"] != tasks[1]["id"]
        })),
        Probe::new(
            "the-last-failure-of-none",
            "§6",
            "v0.8.1:AppsResource.scala",
        )
        .with(given(app("a")))
        .send(get("/v2/apps{g}/a"))
        .holds(lacks("/app/lastTaskFailure")),
        Probe::new("the-last-failure", "§6", "v0.8.1:TaskFailure.scala")
            .since(0, 7, 6)
            .with(failing())
            .holds(is("/app/lastTaskFailure/appId", "{g}/a"))
            .holds(text("/app/lastTaskFailure/host"))
            .holds(text("/app/lastTaskFailure/message"))
            .holds(is("/app/lastTaskFailure/state", "TASK_FAILED"))
            .holds(text("/app/lastTaskFailure/taskId"))
            .holds(stamp("/app/lastTaskFailure/timestamp"))
            .holds(is("/app/lastTaskFailure/version", "{version}")),
        Probe::new(
            "the-last-failure-embedded",
            "§1.2",
            "v0.11.0:InfoEmbedResolver.scala",
        )
        .since(0, 11, 0)
        .with(failing())
        .holds(text("/app/lastTaskFailure/slaveId"))
        .send(get("/v2/apps?embed=apps.lastTaskFailure"))
        .holds(object("/apps[id={g}/a]/lastTaskFailure"))
        .send(get("/v2/apps?embed=apps.failures"))
        .holds(object("/apps[id={g}/a]/lastTaskFailure"))
        .holds(list("/apps[id={g}/a]/tasks")),
    ]
}

/// Steps that create an app whose containers fail, and wait for one that did.
fn failing() -> impl FnOnce(Probe) -> Probe {
    |probe| {
        probe
            .with(given(app_with(
                "a",
                json!({"instances": 1, "cmd": "exit 3"}),
            )))
            .keep("version", "/version")
            .wait_for(get("/v2/apps{g}/a"))
            .holds(object("/app/lastTaskFailure"))
    }
}
