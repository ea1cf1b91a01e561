//! Killing tasks, with and without scaling.

use serde_json::json;

use super::update::deployment;
use super::{app, app_with, given, running, settled};
use crate::check::{body, holds_none, holds_one, is, is_not, len, refused, says, status, text};
use crate::probe::{Probe, delete, get, post, put};

pub(super) fn probes() -> Vec<Probe> {
    plain().into_iter().chain(scaling()).chain(bulk()).collect()
}

const SOURCE: &str = "v0.13.0:AppTasksResource.scala";
const LATE: &str = "v1.4.0:AppTasksResource.scala";

/// A killed task comes back as another.
fn comes_back() -> impl FnOnce(Probe) -> Probe {
    |probe| {
        probe
            .wait_for(get("/v2/apps{g}/a"))
            .holds(is("/app/tasksRunning", 1))
            .holds(holds_none("/app/tasks", json!({"id": "{task}"})))
            .holds(is("/app/instances", 1))
    }
}

fn plain() -> Vec<Probe> {
    let all = delete("/v2/apps{g}/a/tasks");
    let one = delete("/v2/apps{g}/a/tasks/{task}");
    vec![
        Probe::new("kill-all", "§1.3", SOURCE)
            .before(1, 4, 0)
            .and_since(1, 6, 322)
            .with(running(json!({})))
            .send(all.clone())
            .holds(status(200))
            .holds(holds_one(
                "/tasks",
                json!({"id": "{task}", "appId": "{g}/a"}),
            ))
            .with(comes_back()),
        Probe::new("kill-all-tells-of-instances", "§1.3", LATE)
            .since(1, 4, 0)
            .before(1, 6, 0)
            .with(running(json!({})))
            .send(all)
            .holds(status(200))
            .holds(len("/tasks", 1))
            .holds(text("/tasks/0/instanceId/idString"))
            .holds(text("/tasks/0/agentInfo/host"))
            .with(comes_back()),
        Probe::new("kill-one", "§1.3", SOURCE)
            .before(1, 4, 0)
            .and_since(1, 6, 322)
            .with(running(json!({})))
            .send(one.clone())
            .holds(status(200))
            .holds(is("/task/id", "{task}"))
            .with(comes_back()),
        Probe::new("kill-one-tells-of-an-instance", "§1.3", LATE)
            .since(1, 4, 0)
            .before(1, 6, 0)
            .with(running(json!({})))
            .send(one)
            .holds(status(200))
            .holds(text("/task/instanceId/idString"))
            .with(comes_back()),
        Probe::new("kill-nobody", "§1.3", SOURCE)
            .with(given(app("a")))
            .send(delete(
                "/v2/apps{g}/a/tasks/{g_}_a.00000000-0000-0000-0000-000000000000",
            ))
            .holds(status(404))
            .holds(says("/message", "does not exist")),
        Probe::new("kill-in-no-app", "§1.3", SOURCE)
            .send(delete("/v2/apps{g}/a/tasks"))
            .holds(status(404)),
        Probe::new("kill-on-a-host", "§1.3", SOURCE)
            .with(running(json!({})))
            .keep("host", "/app/tasks/0/host")
            .send(delete("/v2/apps{g}/a/tasks?host={host}"))
            .holds(len("/tasks", 1))
            .with(comes_back()),
        Probe::new("kill-on-every-host", "§1.3", SOURCE)
            .with(running(json!({})))
            .send(delete("/v2/apps{g}/a/tasks?host=*"))
            .holds(len("/tasks", 1))
            .with(comes_back()),
        Probe::new("kill-on-another-host", "§1.3", SOURCE)
            .with(running(json!({})))
            .send(delete("/v2/apps{g}/a/tasks?host=nowhere.invalid"))
            .holds(status(200))
            .holds(len("/tasks", 0))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/tasks/0/id", "{task}")),
        Probe::new("kill-begins-no-deployment", "§1.3", SOURCE)
            .with(running(json!({})))
            .send(delete("/v2/apps{g}/a/tasks"))
            .send(get("/v2/deployments"))
            .holds(holds_none("", json!({"affectedApps": ["{g}/a"]}))),
    ]
}

/// What is killed for good is gone, and one less is wanted.
fn scaled_down() -> impl FnOnce(Probe) -> Probe {
    |probe| {
        probe
            .with(settled(1))
            .holds(is("/app/instances", 1))
            .holds(is_not("/app/tasks/0/id", "{task}"))
    }
}

fn scaling() -> Vec<Probe> {
    let one = delete("/v2/apps{g}/a/tasks/{task}?scale=true");
    vec![
        Probe::new("kill-and-scale", "§1.3", "v0.10.0:TaskKiller.scala")
            .since(0, 10, 0)
            .with(running_two())
            .send(one.clone())
            .with(deployment(200))
            .with(scaled_down()),
        Probe::new(
            "kill-and-scale-gave-the-task",
            "§1.3",
            "v0.8.1:AppTasksResource.scala",
        )
        .before(0, 10, 0)
        .with(running_two())
        .send(one)
        .holds(status(200))
        .holds(is("/task/id", "{task}"))
        .with(scaled_down()),
        Probe::new("kill-all-and-scale", "§1.3", "v0.10.0:TaskKiller.scala")
            .since(0, 10, 0)
            .with(running_two())
            .send(delete("/v2/apps{g}/a/tasks?scale=true"))
            .with(deployment(200))
            .with(settled(0))
            .holds(is("/app/instances", 0)),
        Probe::new(
            "kill-and-scale-and-wipe",
            "§1.3",
            "v1.1.1:AppTasksResource.scala",
        )
        .since(1, 0, 0)
        .with(running(json!({})))
        .send(delete("/v2/apps{g}/a/tasks?scale=true&wipe=true"))
        .holds(status(400))
        .send(delete("/v2/apps{g}/a/tasks/{task}?scale=true&wipe=true"))
        .holds(status(400)),
    ]
}

/// An app `a` of two tasks, of which `{task}` is one.
fn running_two() -> impl FnOnce(Probe) -> Probe {
    |probe| {
        probe
            .with(given(app_with("a", json!({"instances": 2}))))
            .with(settled(2))
            .keep("task", "/app/tasks/0/id")
    }
}

fn bulk() -> Vec<Probe> {
    let nobody = json!({"ids": ["{g_}_a.00000000-0000-0000-0000-000000000000"]});
    let these = |query: &str| {
        post(
            &format!("/v2/tasks/delete{query}"),
            json!({"ids": ["{task}"]}),
        )
    };
    vec![
        Probe::new("kill-these", "§1.3", "v0.13.0:TasksResource.scala")
            .since(0, 13, 0)
            .with(running(json!({})))
            .send(these(""))
            .holds(status(200))
            .holds(len("/tasks", 1))
            .with(comes_back()),
        Probe::new(
            "kill-these-said-nothing",
            "§1.3",
            "v0.10.0:TasksResource.scala",
        )
        .since(0, 8, 1)
        .before(0, 13, 0)
        .with(running(json!({})))
        .send(these(""))
        .holds(status(200))
        .holds(body(""))
        .with(comes_back()),
        Probe::new(
            "kill-these-and-scale",
            "§1.3",
            "v0.13.0:TasksResource.scala",
        )
        .since(0, 13, 0)
        .with(running_two())
        .send(these("?scale=true"))
        .with(deployment(200))
        .with(scaled_down()),
        Probe::new(
            "kill-these-of-whom-nobody-is",
            "§1.3",
            "v0.13.0:TasksResource.scala",
        )
        .since(0, 13, 0)
        .with(running(json!({})))
        .send(post("/v2/tasks/delete", nobody))
        .holds(status(200))
        .holds(len("/tasks", 0))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/tasks/0/id", "{task}")),
        Probe::new(
            "kill-these-that-are-no-ids",
            "§1.3",
            "v0.13.0:TasksResource.scala",
        )
        .since(0, 13, 0)
        .send(post("/v2/tasks/delete", json!({"ids": ["nonsense"]})))
        .holds(refused()),
        Probe::new(
            "kill-these-and-wipe-and-scale",
            "§1.3",
            "v1.1.1:TasksResource.scala",
        )
        .since(1, 0, 0)
        .with(running(json!({})))
        .send(these("?scale=true&wipe=true"))
        .holds(status(400)),
        Probe::new(
            "kill-the-youngest-first",
            "§5.4",
            "v1.4.0:ScalingProposition.scala",
        )
        .since(1, 4, 1)
        .with(one_older())
        .send(put("/v2/apps{g}/a", json!({"instances": 1})))
        .with(settled(1))
        .holds(is("/app/tasks/0/id", "{task}")),
        Probe::new(
            "kill-the-oldest-first",
            "§5.4",
            "v1.4.0:ScalingProposition.scala",
        )
        .since(1, 4, 1)
        .with(running(json!({"killSelection": "OLDEST_FIRST"})))
        .with(one_more())
        .send(put("/v2/apps{g}/a", json!({"instances": 1})))
        .with(settled(1))
        .holds(is_not("/app/tasks/0/id", "{task}")),
    ]
}

fn one_older() -> impl FnOnce(Probe) -> Probe {
    |probe| probe.with(running(json!({}))).with(one_more())
}

fn one_more() -> impl FnOnce(Probe) -> Probe {
    |probe| {
        probe
            .send(put("/v2/apps{g}/a", json!({"instances": 2})))
            .with(settled(2))
    }
}
