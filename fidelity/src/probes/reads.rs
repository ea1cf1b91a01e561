//! `GET /v2/apps`: what is listed, chosen and embedded.

use serde_json::json;

use super::{app, app_with, given, running, stuck};
use crate::check::{
    body_says, filled, fits, has, holds_none, holds_one, is, lacks, len, list, says, status,
};
use crate::probe::{Probe, get};

pub(super) fn probes() -> Vec<Probe> {
    lists()
        .into_iter()
        .chain(choices())
        .chain(embeds())
        .collect()
}

fn lists() -> Vec<Probe> {
    vec![
        Probe::new("list-has-counts", "§1.2", "v0.8.1:AppsResource.scala")
            .since(0, 8, 1)
            .with(given(app("a")))
            .send(get("/v2/apps"))
            .holds(status(200))
            .holds(is("/apps[id={g}/a]/tasksStaged", 0))
            .holds(is("/apps[id={g}/a]/tasksRunning", 0))
            .holds(is("/apps[id={g}/a]/tasksHealthy", 0))
            .holds(is("/apps[id={g}/a]/tasksUnhealthy", 0))
            .holds(list("/apps[id={g}/a]/deployments"))
            .holds(lacks("/apps[id={g}/a]/tasks")),
        Probe::new("list-has-few-counts", "§1.2", "v0.7.6:AppsResource.scala")
            .before(0, 8, 1)
            .with(given(app("a")))
            .send(get("/v2/apps"))
            .holds(is("/apps[id={g}/a]/tasksStaged", 0))
            .holds(is("/apps[id={g}/a]/tasksRunning", 0))
            .holds(lacks("/apps[id={g}/a]/tasksHealthy"))
            .holds(lacks("/apps[id={g}/a]/tasks")),
        Probe::new("one-app-has-all", "§1.2", "v0.8.1:AppsResource.scala")
            .with(given(app("a")))
            .send(get("/v2/apps{g}/a"))
            .holds(status(200))
            .holds(is("/app/tasksRunning", 0))
            .holds(list("/app/deployments"))
            .holds(list("/app/tasks")),
        Probe::new("one-app-that-is-not", "§1.2", "v0.8.1:AppsResource.scala")
            .send(get("/v2/apps{g}/a"))
            .holds(status(404))
            .holds(is("/message", "App '{g}/a' does not exist")),
        Probe::new(
            "an-app-tells-its-deployment",
            "§1.2",
            "v0.8.1:AppsResource.scala",
        )
        .since(0, 8, 1)
        .with(given(stuck("a")))
        .keep("deployment", "/deployments/0/id")
        .wait_for(get("/v2/apps{g}/a"))
        .holds(is("/app/deployments", json!([{"id": "{deployment}"}]))),
        Probe::new("apps-below-a-group", "§1.2", "v0.8.1:AppsResource.scala")
            .with(given(app("a")))
            .with(given(app("sub/b")))
            .send(get("/v2/apps{g}/*"))
            .holds(status(200))
            .holds(len("/*", 2))
            .holds(holds_one("/*", json!({"id": "{g}/a"})))
            .holds(holds_one("/*", json!({"id": "{g}/sub/b"}))),
        Probe::new("apps-below-no-group", "§1.2", "v1.1.1:AppsResource.scala")
            .since(1, 0, 0)
            .send(get("/v2/apps{g}/nobody/*"))
            .holds(status(404)),
    ]
}

/// Two apps, of which a choice is to list the first only.
fn chooses(name: &'static str, source: &'static str, query: &str) -> Probe {
    let labels = json!({"who": "me", "Where.in": "eu"});
    Probe::new(name, "§1.2", source)
        .with(given(app_with("one", json!({"labels": labels}))))
        .with(given(app_with(
            "two",
            json!({"cmd": "sleep 2000", "labels": {"who": "you"}}),
        )))
        .send(get(&format!("/v2/apps?{query}")))
        .holds(status(200))
        .holds(holds_one("/apps", json!({"id": "{g}/one"})))
        .holds(holds_none("/apps", json!({"id": "{g}/two"})))
}

fn choices() -> Vec<Probe> {
    let by_label = |name, query| chooses(name, "v0.8.2:LabelSelector.scala", query).since(0, 8, 2);
    vec![
        chooses("choose-by-id", "v0.8.1:AppsResource.scala", "id={bare}/ONE"),
        chooses(
            "choose-by-command",
            "v0.8.1:AppsResource.scala",
            "cmd=SLEEP%201",
        ),
        chooses(
            "choose-by-both",
            "v0.8.1:AppsResource.scala",
            "id={bare}&cmd=1000",
        )
        .since(0, 8, 0),
        by_label("choose-by-label", "label=who%3D%3Dme"),
        by_label("choose-by-another-label", "label=who!%3Dyou"),
        by_label("choose-by-label-of-some", "label=who%20in%20(me,%20them)"),
        by_label(
            "choose-by-label-of-no-others",
            "label=who%20notin%20(you,%20them)",
        ),
        by_label("choose-by-having-a-label", "label=Where.in"),
        by_label("choose-by-two-labels", "label=Where.in,who%3D%3Dme"),
        by_label("choose-by-label-and-id", "label=who%20in%20(me,you)&id=one"),
        Probe::new(
            "choose-by-id-or-command",
            "§1.2",
            "v0.7.6:AppsResource.scala",
        )
        .before(0, 8, 0)
        .with(given(app("one")))
        .with(given(app_with("two", json!({"cmd": "sleep 2000"}))))
        .send(get("/v2/apps?id={bare}/one&cmd=sleep%202000"))
        .holds(holds_one("/apps", json!({"id": "{g}/one"})))
        .holds(holds_one("/apps", json!({"id": "{g}/two"}))),
    ]
}

fn embeds() -> Vec<Probe> {
    vec![
        Probe::new("embed-tasks", "§1.2", "v0.8.1:AppsResource.scala")
            .since(0, 8, 0)
            .with(running(json!({})))
            .send(get("/v2/apps?embed=apps.tasks"))
            .holds(is("/apps[id={g}/a]/tasks/0/id", "{task}"))
            .holds(is("/apps[id={g}/a]/tasksRunning", 1)),
        Probe::new(
            "embed-has-short-names",
            "§1.2",
            "v0.11.0:InfoEmbedResolver.scala",
        )
        .since(0, 11, 0)
        .with(running(json!({})))
        .send(get("/v2/apps?embed=tasks"))
        .holds(is("/apps[id={g}/a]/tasks/0/id", "{task}"))
        .send(get("/v2/apps?embed=app.tasks"))
        .holds(is("/apps[id={g}/a]/tasks/0/id", "{task}"))
        .send(get("/v2/apps?embed=group.apps.tasks"))
        .holds(is("/apps[id={g}/a]/tasks/0/id", "{task}")),
        Probe::new(
            "embed-may-be-repeated",
            "§1.2",
            "v0.11.0:InfoEmbedResolver.scala",
        )
        .since(0, 11, 0)
        .with(running(json!({})))
        .send(get(
            "/v2/apps?embed=apps.counts&embed=apps.tasks&embed=apps.deployments",
        ))
        .holds(is("/apps[id={g}/a]/tasks/0/id", "{task}"))
        .holds(list("/apps[id={g}/a]/deployments")),
        Probe::new(
            "embed-of-what-nobody-knows",
            "§1.2",
            "v0.11.0:InfoEmbedResolver.scala",
        )
        .since(0, 11, 0)
        .with(given(app("a")))
        .send(get("/v2/apps?embed=apps.nonsense"))
        .holds(status(200))
        .holds(holds_one("/apps", json!({"id": "{g}/a"}))),
        Probe::new(
            "embed-statistics",
            "§1.2",
            "v0.11.0:InfoEmbedResolver.scala",
        )
        .since(0, 11, 0)
        .before(1, 9, 82)
        .with(running(json!({})))
        .send(get("/v2/apps{g}/a?embed=app.taskStats"))
        .holds(is("/app/taskStats/totalSummary/stats/counts/running", 1))
        .holds(is(
            "/app/taskStats/startedAfterLastScaling/stats/counts/running",
            1,
        ))
        .holds(is(
            "/app/taskStats/withLatestConfig/stats/counts/running",
            1,
        )),
        Probe::new(
            "embed-statistics-by-another-name",
            "§1.2",
            "v1.9.100:app.raml",
        )
        .since(1, 9, 100)
        .with(running(json!({})))
        .send(get("/v2/apps{g}/a?embed=app.taskStats"))
        .holds(is("/app/tasksStats/totalSummary/stats/counts/running", 1))
        .holds(lacks("/app/taskStats")),
        Probe::new(
            "lists-of-one-are-whole",
            "§1.2",
            "v0.11.0:AppsResource.scala",
        )
        .with(given(app("a")))
        .send(get("/v2/apps?id={bare}/a"))
        .holds(filled("/apps"))
        .holds(fits("/apps/0", "has its fields", |app| {
            app["cpus"].is_number()
        }))
        .holds(has("/apps/0/version"))
        .holds(says("/apps/0/id", "{g}/a"))
        .holds(body_says("sleep 1000")),
    ]
}
