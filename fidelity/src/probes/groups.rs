//! `/v2/groups`.

use serde_json::{Value, json};

use super::update::deployment;
use super::{app, app_with, given, running, settled, stuck};
use crate::check::{
    boolean, empty, filled, has, header, holds_none, holds_one, is, lacks, len, list, refused,
    says, stamp, status, tells_deployment,
};
use crate::probe::{Probe, delete, get, patch, post, put};

pub(super) fn probes() -> Vec<Probe> {
    reads()
        .into_iter()
        .chain(creation())
        .chain(updates())
        .chain(removal())
        .collect()
}

fn a_and_sub_b() -> impl FnOnce(Probe) -> Probe {
    |probe| probe.with(given(app("a"))).with(given(app("sub/b")))
}

fn reads() -> Vec<Probe> {
    let section = "§1.4";
    vec![
        Probe::new("the-root-group", section, "v0.7.0:GroupsResource.scala")
            .send(get("/v2/groups"))
            .holds(is("/id", "/"))
            .holds(list("/apps"))
            .holds(list("/groups"))
            .holds(list("/dependencies"))
            .holds(stamp("/version")),
        Probe::new(
            "the-root-group-has-pods",
            section,
            "v1.4.0:GroupsResource.scala",
        )
        .since(1, 4, 0)
        .send(get("/v2/groups"))
        .holds(list("/pods")),
        Probe::new("groups-enforce-roles", section, "v1.9.32:group.raml")
            .since(1, 9, 32)
            .with(given(app("a")))
            .send(get("/v2/groups{top}"))
            .holds(boolean("/enforceRole")),
        Probe::new("a-group", section, "v0.7.0:GroupsResource.scala")
            .with(a_and_sub_b())
            .send(get("/v2/groups{g}"))
            .holds(is("/id", "{g}"))
            .holds(len("/apps", 1))
            .holds(is("/apps/0/id", "{g}/a"))
            .holds(len("/groups", 1))
            .holds(is("/groups/0/id", "{g}/sub"))
            .holds(is("/groups/0/apps/0/id", "{g}/sub/b"))
            .holds(stamp("/version")),
        Probe::new("no-group", section, "v0.7.0:GroupsResource.scala")
            .send(get("/v2/groups{g}"))
            .holds(status(404))
            .holds(is("/message", "Group '{g}' does not exist")),
        Probe::new("apps-of-a-group", section, "v0.7.0:GroupsResource.scala")
            .with(a_and_sub_b())
            .send(get("/v2/groups{g}/apps"))
            .holds(len("", 2))
            .holds(holds_one("", json!({"id": "{g}/a"})))
            .holds(holds_one("", json!({"id": "{g}/sub/b"}))),
        Probe::new("embed-groups", section, "v1.1.1:GroupsResource.scala")
            .since(1, 0, 0)
            .with(a_and_sub_b())
            .send(get("/v2/groups{g}?embed=group.groups"))
            .holds(empty("/apps"))
            .holds(is("/groups/0/id", "{g}/sub")),
        Probe::new("embed-apps", section, "v1.1.1:GroupsResource.scala")
            .since(1, 0, 0)
            .with(a_and_sub_b())
            .send(get("/v2/groups{g}?embed=group.apps"))
            .holds(len("/apps", 1))
            .holds(empty("/groups"))
            .holds(lacks("/apps/0/tasks")),
        Probe::new(
            "embed-tasks-of-groups",
            section,
            "v1.1.1:InfoEmbedResolver.scala",
        )
        .since(1, 0, 0)
        .with(running(json!({})))
        .send(get(
            "/v2/groups{g}?embed=group.apps&embed=group.apps.tasks&embed=group.apps.counts",
        ))
        .holds(is("/apps/0/tasks/0/id", "{task}"))
        .holds(is("/apps/0/tasksRunning", 1)),
        Probe::new(
            "groups-show-plain-apps",
            section,
            "v0.15.7:GroupsResource.scala",
        )
        .before(1, 0, 0)
        .with(given(app("a")))
        .send(get("/v2/groups{g}?embed=group.groups"))
        .holds(is("/apps/0/id", "{g}/a"))
        .holds(lacks("/apps/0/tasksRunning"))
        .holds(lacks("/apps/0/tasks")),
    ]
}

fn creation() -> Vec<Probe> {
    let whole = || json!({"id": "{g}", "apps": [app("a")], "groups": [{"id": "sub", "apps": [relative("b")]}]});
    vec![
        Probe::new("post-a-group", "§1.4", "v0.7.0:GroupsResource.scala")
            .send(post("/v2/groups", whole()))
            .with(deployment(201))
            .send(get("/v2/groups{g}"))
            .holds(is("/apps/0/id", "{g}/a"))
            .holds(is("/groups/0/apps/0/id", "{g}/sub/b")),
        Probe::new(
            "post-a-group-tells-a-place",
            "§1.4",
            "v0.7.0:GroupsResource.scala",
        )
        .send(post("/v2/groups", json!({"id": "{g}"})))
        .holds(header("location", "{g}")),
        Probe::new(
            "post-a-group-that-is-there",
            "§1.4",
            "v0.8.1:GroupsResource.scala",
        )
        .with(given(app("a")))
        .send(post("/v2/groups", json!({"id": "{g}"})))
        .holds(status(409))
        .holds(says(
            "/message",
            "Group {g} is already created. Use PUT to change this group.",
        ))
        .holds(lacks("/deployments")),
        Probe::new(
            "post-a-group-below-another",
            "§1.4",
            "v0.7.0:GroupsResource.scala",
        )
        .with(given(app("a")))
        .send(post("/v2/groups{g}", json!({"id": "sub"})))
        .with(deployment(201))
        .send(get("/v2/groups{g}/sub"))
        .holds(is("/id", "{g}/sub")),
        Probe::new("put-a-new-group", "§1.4", "v0.7.0:GroupsResource.scala")
            .send(put("/v2/groups{g}", json!({"apps": [app("a")]})))
            .with(deployment(200))
            .send(get("/v2/groups{g}"))
            .holds(is("/apps/0/id", "{g}/a")),
        Probe::new(
            "put-a-group-by-its-id",
            "§1.4",
            "v0.7.0:GroupsResource.scala",
        )
        .send(put("/v2/groups", json!({"id": "{g}", "apps": [app("a")]})))
        .with(deployment(200))
        .send(get("/v2/groups{g}"))
        .holds(is("/apps/0/id", "{g}/a")),
        Probe::new(
            "ids-in-groups-are-of-the-group",
            "§1.4",
            "v0.8.0:GroupUpdate.scala",
        )
        .send(put("/v2/groups{g}", json!({"apps": [relative("a")]})))
        .send(get("/v2/groups{g}"))
        .holds(is("/apps/0/id", "{g}/a")),
        Probe::new("ids-beyond-the-group", "§1.4", "v1.1.1:GroupUpdate.scala")
            .since(1, 0, 0)
            .send(put("/v2/groups{g}/one", json!({"apps": [app("two/a")]})))
            .holds(status(422)),
        Probe::new(
            "apps-in-groups-are-whole",
            "§1.4",
            "v1.1.1:GroupUpdate.scala",
        )
        .since(1, 0, 0)
        .with(given(app("a")))
        .send(put(
            "/v2/groups{g}",
            json!({"apps": [{"id": "a", "mem": 33}]}),
        ))
        .holds(refused())
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/mem", 32)),
        Probe::new("group-dependencies", "§1.4", "v0.7.0:Group.scala")
            .with(given(app("db/a")))
            .send(put(
                "/v2/groups{g}/web",
                json!({"apps": [relative("a")], "dependencies": ["{g}/db"]}),
            ))
            .with(deployment(200))
            .send(get("/v2/groups{g}/web"))
            .holds(is("/dependencies", json!(["{g}/db"]))),
        Probe::new(
            "a-group-tells-its-deployment-in-a-header",
            "§1.0",
            "v1.4.0:RestResource.scala",
        )
        .since(1, 4, 0)
        .send(put("/v2/groups{g}", json!({"apps": [app("a")]})))
        .holds(tells_deployment("/deploymentId")),
    ]
}

/// An app whose id is relative to its group.
fn relative(name: &str) -> Value {
    app_with(name, json!({"id": name}))
}

fn updates() -> Vec<Probe> {
    let section = "§1.4";
    vec![
        Probe::new(
            "apps-of-a-group-are-all",
            section,
            "v0.7.0:GroupUpdate.scala",
        )
        .with(given(app("a")))
        .with(given(app("b")))
        .send(put("/v2/groups{g}", json!({"apps": [app("b"), app("c")]})))
        .with(deployment(200))
        .wait_for(get("/v2/groups{g}"))
        .holds(len("/apps", 2))
        .holds(holds_one("/apps", json!({"id": "{g}/b"})))
        .holds(holds_one("/apps", json!({"id": "{g}/c"}))),
        Probe::new(
            "groups-of-a-group-are-all",
            section,
            "v0.7.0:GroupUpdate.scala",
        )
        .with(a_and_sub_b())
        .send(put(
            "/v2/groups{g}",
            json!({"groups": [{"id": "other", "apps": [relative("c")]}]}),
        ))
        .with(deployment(200))
        .wait_for(get("/v2/groups{g}"))
        .holds(len("/groups", 1))
        .holds(is("/groups/0/id", "{g}/other"))
        .holds(is("/apps/0/id", "{g}/a")),
        Probe::new(
            "what-a-group-does-not-say-stays",
            section,
            "v0.7.0:GroupUpdate.scala",
        )
        .with(a_and_sub_b())
        .send(put("/v2/groups{g}", json!({"apps": []})))
        .wait_for(get("/v2/groups{g}"))
        .holds(empty("/apps"))
        .holds(is("/groups/0/apps/0/id", "{g}/sub/b")),
        Probe::new("a-group-is-scaled", section, "v0.8.0:GroupsResource.scala")
            .since(0, 11, 1)
            .with(running(json!({})))
            .send(put("/v2/groups{g}", json!({"scaleBy": 1.5})))
            .with(deployment(200))
            .with(settled(2))
            .holds(is("/app/instances", 2))
            .holds(holds_one("/app/tasks", json!({"id": "{task}"}))),
        Probe::new(
            "a-group-is-scaled-and-more",
            section,
            "v0.8.0:GroupsResource.scala",
        )
        .with(given(app("a")))
        .send(put("/v2/groups{g}", json!({"scaleBy": 2, "apps": []})))
        .holds(status(422))
        .send(get("/v2/apps{g}/a"))
        .holds(status(200)),
        Probe::new(
            "a-dry-run-stores-nothing",
            section,
            "v0.8.1:GroupsResource.scala",
        )
        .since(0, 8, 1)
        .send(put(
            "/v2/groups{g}?dryRun=true",
            json!({"apps": [app("a")]}),
        ))
        .holds(status(200))
        .holds(list("/steps"))
        .holds(lacks("/deploymentId"))
        .send(get("/v2/groups{g}"))
        .holds(status(404)),
        Probe::new("a-dry-run-in-steps", section, "v0.8.1:GroupsResource.scala")
            .since(0, 8, 1)
            .send(put(
                "/v2/groups{g}?dryRun=true",
                json!({"apps": [app("a")]}),
            ))
            .holds(filled("/steps"))
            .holds(is("/steps/0/actions/0/app", "{g}/a")),
        Probe::new(
            "a-group-under-a-lock",
            section,
            "v0.8.1:GroupsResource.scala",
        )
        .with(given(stuck("a")))
        .wait_for(get("/v2/deployments"))
        .holds(holds_one("", json!({"affectedApps": ["{g}/a"]})))
        .send(put(
            "/v2/groups{g}",
            json!({"apps": [app_with("a", json!({"mem": 33}))]}),
        ))
        .holds(status(409))
        .holds(has("/deployments/0/id"))
        .send(put(
            "/v2/groups{g}?force=true",
            json!({"apps": [app_with("a", json!({"mem": 33}))]}),
        ))
        .with(deployment(200)),
        Probe::new(
            "one-deployment-for-a-group",
            section,
            "v0.7.0:GroupManager.scala",
        )
        .send(put("/v2/groups{g}", json!({"apps": [app("a"), app("b")]})))
        .keep("version", "/version")
        .send(get("/v2/groups{g}"))
        .holds(is("/apps[id={g}/a]/version", "{version}"))
        .holds(is("/apps[id={g}/b]/version", "{version}")),
        Probe::new(
            "unchanged-apps-keep-their-version",
            section,
            "v0.13.0:GroupManager.scala",
        )
        .since(0, 11, 1)
        .with(given(app("a")))
        .keep("version", "/version")
        .send(put("/v2/groups{g}", json!({"apps": [app("a"), app("b")]})))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/version", "{version}")),
        Probe::new(
            "roles-are-enforced",
            section,
            "v1.9.32:GroupsResource.scala",
        )
        .since(1, 9, 32)
        .with(given(app("a")))
        .send(patch("/v2/groups{top}", json!({"enforceRole": false})))
        .holds(status(200))
        .send(get("/v2/groups{top}"))
        .holds(is("/enforceRole", false)),
    ]
}

fn removal() -> Vec<Probe> {
    vec![
        Probe::new("delete-a-group", "§1.4", "v0.7.0:GroupsResource.scala")
            .with(a_and_sub_b())
            .send(delete("/v2/groups{g}"))
            .with(deployment(200))
            .wait_for(get("/v2/groups{g}"))
            .holds(status(404))
            .send(get("/v2/apps"))
            .holds(holds_none("/apps", json!({"id": "{g}/a"})))
            .holds(holds_none("/apps", json!({"id": "{g}/sub/b"}))),
        Probe::new("delete-no-group", "§1.4", "v0.7.0:GroupsResource.scala")
            .send(delete("/v2/groups{g}"))
            .holds(status(404)),
        Probe::new(
            "delete-a-group-under-a-lock",
            "§1.4",
            "v0.8.1:GroupsResource.scala",
        )
        .with(given(stuck("a")))
        .wait_for(get("/v2/deployments"))
        .holds(holds_one("", json!({"affectedApps": ["{g}/a"]})))
        .send(delete("/v2/groups{g}"))
        .holds(status(409))
        .send(delete("/v2/groups{g}?force=true"))
        .with(deployment(200)),
        Probe::new(
            "an-app-in-place-of-an-empty-group",
            "§1.4",
            "v0.8.2:GroupManager.scala",
        )
        .since(0, 8, 2)
        .send(put("/v2/groups{g}/a", json!({"apps": []})))
        .with(given(app("a")))
        .send(get("/v2/apps{g}/a"))
        .holds(status(200)),
        Probe::new(
            "no-app-in-place-of-a-group",
            "§1.4",
            "v0.8.2:GroupManager.scala",
        )
        .with(given(app("a/b")))
        .send(post("/v2/apps", app("a")))
        .holds(refused()),
    ]
}
