//! `PUT`, `PATCH` and `DELETE` of apps.

use serde_json::json;

use super::{app, app_with, given, running, stuck};
use crate::check::{
    empty, has, holds_none, is, is_not, lacks, refused, says, stamp, status, tells_deployment, text,
};
use crate::probe::{Probe, delete, get, patch, put};

pub(super) fn probes() -> Vec<Probe> {
    one()
        .into_iter()
        .chain(several())
        .chain(removal())
        .collect()
}

/// A probe with `PUT`, which 1.4.0 could not do.
pub(super) fn putting(name: &'static str, section: &'static str, source: &'static str) -> Probe {
    Probe::new(name, section, source)
        .before(1, 4, 0)
        .and_since(1, 4, 1)
}

/// What begins a deployment answers with it.
pub(super) fn deployment(code: u16) -> impl FnOnce(Probe) -> Probe {
    move |probe| {
        probe
            .holds(status(code))
            .holds(text("/deploymentId"))
            .holds(stamp("/version"))
    }
}

fn one() -> Vec<Probe> {
    let labelled = || {
        given(app_with(
            "a",
            json!({"env": {"A": "1", "B": "2"}, "user": "nobody", "cmd": "sleep 1000"}),
        ))
    };
    vec![
        putting("put-changes", "§1.2", "v0.7.0:AppsResource.scala")
            .with(given(app("a")))
            .send(put("/v2/apps{g}/a", json!({"mem": 33})))
            .with(deployment(200))
            .keep("version", "/version")
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/mem", 33))
            .holds(is("/app/version", "{version}")),
        putting(
            "put-keeps-what-is-not-said",
            "§1.2",
            "v1.3.0:AppUpdate.scala",
        )
        .with(labelled())
        .send(put("/v2/apps{g}/a", json!({"mem": 33})))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/env", json!({"A": "1", "B": "2"})))
        .holds(is("/app/user", "nobody"))
        .holds(is("/app/cpus", 0.01)),
        putting("put-keeps-what-is-null", "§1.2", "v1.3.0:AppUpdate.scala")
            .with(labelled())
            .send(put(
                "/v2/apps{g}/a",
                json!({"mem": 33, "user": null, "env": null}),
            ))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/env", json!({"A": "1", "B": "2"})))
            .holds(is("/app/user", "nobody")),
        putting(
            "put-replaces-whole-values",
            "§1.2",
            "v1.3.0:AppUpdate.scala",
        )
        .with(labelled())
        .send(put("/v2/apps{g}/a", json!({"env": {"C": "3"}})))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/env", json!({"C": "3"}))),
        putting("put-empties", "§2.6", "v1.3.0:AppUpdate.scala")
            .with(labelled())
            .send(put("/v2/apps{g}/a", json!({"env": {}})))
            .send(get("/v2/apps{g}/a"))
            .holds(empty("/app/env")),
        Probe::new("put-of-all", "§1.2", "v1.4.1:AppsResource.scala")
            .since(1, 4, 1)
            .with(labelled())
            .send(put(
                "/v2/apps{g}/a?partialUpdate=false",
                json!({"cmd": "sleep 7", "cpus": 0.02, "instances": 0}),
            ))
            .with(deployment(200))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/cmd", "sleep 7"))
            .holds(is("/app/mem", 128))
            .holds(empty("/app/env"))
            .holds(lacks("/app/user")),
        Probe::new("put-creates", "§1.2", "v0.8.1:AppsResource.scala")
            .since(0, 8, 1)
            .before(1, 4, 0)
            .and_since(1, 4, 1)
            .send(put("/v2/apps{g}/a", app("a")))
            .with(deployment(201))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/cmd", "sleep 1000")),
        Probe::new(
            "put-created-and-gave-the-app",
            "§1.2",
            "v0.8.0:AppsResource.scala",
        )
        .before(0, 8, 1)
        .send(put("/v2/apps{g}/a", app("a")))
        .holds(status(201))
        .holds(is("/id", "{g}/a"))
        .holds(is("/cmd", "sleep 1000")),
        Probe::new(
            "put-creates-only-what-is-whole",
            "§1.2",
            "v1.5.0:AppsResource.scala",
        )
        .since(1, 5, 0)
        .send(put("/v2/apps{g}/a", json!({"instances": 2})))
        .holds(status(422))
        .send(get("/v2/apps{g}/a"))
        .holds(status(404)),
        Probe::new(
            "the-id-of-the-url-wins",
            "§1.2",
            "v0.11.0:AppsResource.scala",
        )
        .since(0, 11, 0)
        .before(1, 4, 0)
        .and_since(1, 5, 0)
        .with(given(app("a")))
        .send(put("/v2/apps{g}/a", json!({"id": "{g}/b", "mem": 33})))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/mem", 33))
        .send(get("/v2/apps{g}/b"))
        .holds(status(404)),
        Probe::new(
            "the-id-of-the-body-won",
            "§1.2",
            "v0.10.0:AppsResource.scala",
        )
        .before(0, 11, 0)
        .with(given(app("a")))
        .send(put("/v2/apps{g}/a", app("b")))
        .send(get("/v2/apps{g}/b"))
        .holds(status(200)),
        Probe::new(
            "put-under-a-lock",
            "§1.11",
            "v0.8.1:MarathonExceptionMapper.scala",
        )
        .since(0, 8, 1)
        .before(1, 4, 0)
        .and_since(1, 4, 1)
        .with(given(stuck("a")))
        .keep("deployment", "/deployments/0/id")
        .wait_for(get("/v2/deployments"))
        .holds(has("[id={deployment}]"))
        .send(put("/v2/apps{g}/a", json!({"mem": 33})))
        .holds(status(409))
        .holds(says(
            "/message",
            "App is locked by one or more deployments.",
        ))
        .holds(is("/deployments", json!([{"id": "{deployment}"}])))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/mem", 32)),
        Probe::new("put-by-force", "§5.2", "v0.8.1:AppsResource.scala")
            .since(0, 8, 1)
            .before(1, 4, 0)
            .and_since(1, 4, 1)
            .with(given(stuck("a")))
            .keep("deployment", "/deployments/0/id")
            .wait_for(get("/v2/deployments"))
            .holds(has("[id={deployment}]"))
            .send(put("/v2/apps{g}/a?force=true", json!({"mem": 33})))
            .with(deployment(200))
            .keep("other", "/deploymentId")
            .wait_for(get("/v2/deployments"))
            .holds(lacks("[id={deployment}]"))
            .holds(has("[id={other}]")),
        Probe::new("patch-changes", "§1.2", "v1.4.0:AppsResource.scala")
            .since(1, 4, 0)
            .with(given(app("a")))
            .send(patch("/v2/apps{g}/a", json!({"mem": 33})))
            .with(deployment(200))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/mem", 33))
            .holds(is("/app/cmd", "sleep 1000")),
        Probe::new("patch-never-creates", "§1.2", "v1.4.0:AppsResource.scala")
            .since(1, 4, 0)
            .send(patch("/v2/apps{g}/a", app("a")))
            .holds(status(404))
            .send(get("/v2/apps{g}/a"))
            .holds(status(404)),
        Probe::new("no-patch-yet", "§1.1", "v1.3.0:AppsResource.scala")
            .before(1, 4, 0)
            .with(given(app("a")))
            .send(patch("/v2/apps{g}/a", json!({"mem": 33})))
            .holds(refused()),
        Probe::new("put-of-nothing-new", "§3", "v0.8.0:AppsResource.scala")
            .since(0, 8, 0)
            .before(1, 4, 0)
            .and_since(1, 4, 1)
            .with(given(app("a")))
            .send(put("/v2/apps{g}/a", json!({"mem": 32})))
            .with(deployment(200)),
    ]
}

fn several() -> Vec<Probe> {
    vec![
        putting("put-of-several", "§1.2", "v0.7.0:AppsResource.scala")
            .with(given(app("a")))
            .send(put(
                "/v2/apps",
                json!([{"id": "{g}/a", "mem": 33}, app("b")]),
            ))
            .with(deployment(200))
            .keep("version", "/version")
            .send(get("/v2/apps{g}/*"))
            .holds(is("/*[id={g}/a]/mem", 33))
            .holds(is("/*[id={g}/a]/version", "{version}"))
            .holds(is("/*[id={g}/b]/version", "{version}")),
        Probe::new("patch-of-several", "§1.2", "v1.4.0:AppsResource.scala")
            .since(1, 4, 0)
            .with(given(app("a")))
            .with(given(app("b")))
            .send(patch(
                "/v2/apps",
                json!([{"id": "{g}/a", "mem": 33}, {"id": "{g}/b", "mem": 34}]),
            ))
            .with(deployment(200))
            .send(get("/v2/apps{g}/*"))
            .holds(is("/*[id={g}/a]/mem", 33))
            .holds(is("/*[id={g}/b]/mem", 34)),
        Probe::new(
            "patch-of-several-never-creates",
            "§1.2",
            "v1.4.0:AppsResource.scala",
        )
        .since(1, 4, 0)
        .with(given(app("a")))
        .send(patch(
            "/v2/apps",
            json!([{"id": "{g}/a", "mem": 33}, app("b")]),
        ))
        .holds(status(404))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/mem", 32)),
    ]
}

fn removal() -> Vec<Probe> {
    vec![
        Probe::new("delete", "§1.2", "v0.7.0:AppsResource.scala")
            .with(given(app("a")))
            .send(delete("/v2/apps{g}/a"))
            .with(deployment(200))
            .wait_for(get("/v2/apps{g}/a"))
            .holds(status(404)),
        Probe::new(
            "delete-is-seen-at-once",
            "§1.2",
            "v0.11.0:AppsResource.scala",
        )
        .since(0, 11, 0)
        .with(running(json!({})))
        .send(delete("/v2/apps{g}/a"))
        .with(deployment(200))
        .send(get("/v2/apps{g}/a"))
        .holds(status(404)),
        Probe::new("delete-of-nothing", "§1.2", "v0.7.0:AppsResource.scala")
            .send(delete("/v2/apps{g}/a"))
            .holds(status(404))
            .holds(says("/message", "{g}/a")),
        Probe::new("delete-is-forced", "§1.0", "HEAD:AppsResource.scala")
            .with(given(stuck("a")))
            .send(delete("/v2/apps{g}/a"))
            .with(deployment(200)),
        Probe::new("delete-without-force", "§1.2", "HEAD:AppsResource.scala")
            .since(0, 8, 1)
            .with(given(stuck("a")))
            .keep("deployment", "/deployments/0/id")
            .wait_for(get("/v2/deployments"))
            .holds(has("[id={deployment}]"))
            .send(delete("/v2/apps{g}/a?force=false"))
            .holds(status(409))
            .holds(has("/deployments/0/id"))
            .send(get("/v2/apps{g}/a"))
            .holds(status(200)),
        Probe::new("delete-leaves-the-group", "§4", "HEAD:AppsResource.scala")
            .with(given(app("a")))
            .send(delete("/v2/apps{g}/a"))
            .wait_for(get("/v2/apps{g}/a"))
            .holds(status(404))
            .send(get("/v2/groups{g}"))
            .holds(is("/id", "{g}"))
            .holds(empty("/apps")),
        Probe::new(
            "delete-tells-its-deployment-in-a-header",
            "§1.0",
            "v1.4.0:RestResource.scala",
        )
        .since(1, 4, 0)
        .with(given(app("a")))
        .send(delete("/v2/apps{g}/a"))
        .holds(tells_deployment("/deploymentId")),
        Probe::new(
            "what-is-deleted-can-be-made-again",
            "§12",
            "v0.13.0:AppsResource.scala",
        )
        .with(given(app("a")))
        .keep("version", "/version")
        .send(delete("/v2/apps{g}/a"))
        .wait_for(get("/v2/apps{g}/a"))
        .holds(status(404))
        .wait_for(get("/v2/deployments"))
        .holds(holds_none("", json!({"affectedApps": ["{g}/a"]})))
        .with(given(app("a")))
        .send(get("/v2/apps{g}/a"))
        .holds(is_not("/app/version", "{version}")),
    ]
}
