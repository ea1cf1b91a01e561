//! Versions of apps: `…/versions`, and the way back to one.

use serde_json::json;

use super::update::{deployment, putting};
use super::{app, given};
use crate::check::{
    empty, has, holds_none, holds_one, is, is_not, lacks, len, list, stamp, status,
};
use crate::probe::{Probe, get, put};

/// An app `a` of two versions, `{first}` with a mem of 32 and `{second}` with 33.
fn twice() -> impl FnOnce(Probe) -> Probe {
    |probe| {
        probe
            .with(given(app("a")))
            .keep("first", "/version")
            .send(put("/v2/apps{g}/a", json!({"mem": 33})))
            .keep("second", "/version")
            .wait_for(get("/v2/apps{g}/a"))
            .holds(empty("/app/deployments"))
    }
}

pub(super) fn probes() -> Vec<Probe> {
    let section = "§1.2";
    vec![
        putting(
            "versions-are-listed",
            section,
            "v0.7.0:AppVersionsResource.scala",
        )
        .with(twice())
        .send(get("/v2/apps{g}/a/versions"))
        .holds(len("/versions", 2))
        .holds(stamp("/versions/0"))
        .holds(holds_one("/versions", json!("{first}")))
        .holds(holds_one("/versions", json!("{second}"))),
        putting(
            "versions-are-bare-apps",
            section,
            "v0.7.0:AppVersionsResource.scala",
        )
        .with(twice())
        .send(get("/v2/apps{g}/a/versions/{first}"))
        .holds(status(200))
        .holds(is("/id", "{g}/a"))
        .holds(is("/mem", 32))
        .holds(is("/version", "{first}"))
        .holds(lacks("/app"))
        .send(get("/v2/apps{g}/a/versions/{second}"))
        .holds(is("/mem", 33)),
        Probe::new(
            "versions-of-nothing",
            section,
            "v0.7.0:AppVersionsResource.scala",
        )
        .send(get("/v2/apps{g}/a/versions"))
        .holds(status(404)),
        Probe::new(
            "a-version-that-never-was",
            section,
            "v0.7.0:AppVersionsResource.scala",
        )
        .with(given(app("a")))
        .send(get("/v2/apps{g}/a/versions/2001-02-03T04:05:06.789Z"))
        .holds(status(404)),
        putting("back-to-a-version", section, "v0.8.0:AppUpdate.scala")
            .with(twice())
            .send(put("/v2/apps{g}/a", json!({"version": "{first}"})))
            .with(deployment(200))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/mem", 32))
            .holds(is_not("/app/version", "{second}")),
        Probe::new(
            "back-to-a-version-with-an-id",
            section,
            "v0.8.0:AppUpdate.scala",
        )
        .since(0, 8, 0)
        .before(1, 4, 0)
        .and_since(1, 4, 1)
        .with(twice())
        .send(put(
            "/v2/apps{g}/a",
            json!({"id": "{g}/a", "version": "{first}"}),
        ))
        .with(deployment(200))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/mem", 32)),
        putting(
            "back-to-a-version-and-more",
            section,
            "v0.8.0:AppUpdate.scala",
        )
        .with(twice())
        .send(put(
            "/v2/apps{g}/a",
            json!({"version": "{first}", "mem": 34}),
        ))
        .holds(status(422))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/mem", 33)),
        putting(
            "back-to-a-version-that-never-was",
            section,
            "v0.8.0:AppUpdate.scala",
        )
        .with(given(app("a")))
        .send(put(
            "/v2/apps{g}/a",
            json!({"version": "2001-02-03T04:05:06.789Z"}),
        ))
        .holds(status(404)),
        Probe::new("versions-of-groups", "§1.4", "v0.7.0:GroupsResource.scala")
            .with(given(app("a")))
            .with(given(app("b")))
            .send(get("/v2/groups{g}/versions"))
            .holds(list(""))
            .holds(stamp("/0"))
            .keep("latest", "/0")
            .send(get("/v2/groups{g}/versions/{latest}"))
            .holds(is("/id", "{g}"))
            .holds(list("/apps"))
            .holds(has("/version")),
        Probe::new(
            "versions-of-no-group",
            "§1.4",
            "v0.7.0:GroupsResource.scala",
        )
        .send(get("/v2/groups{g}/versions"))
        .holds(status(404)),
        Probe::new("a-group-goes-back", "§1.4", "v0.7.0:GroupsResource.scala")
            .since(0, 11, 1)
            .send(put("/v2/groups{g}", json!({"apps": [app("a")]})))
            .keep("first", "/version")
            .wait_for(get("/v2/groups{g}/apps"))
            .holds(len("", 1))
            .send(put("/v2/groups{g}", json!({"apps": [app("a"), app("b")]})))
            .wait_for(get("/v2/deployments"))
            .holds(holds_none("", json!({"affectedApps": ["{g}/b"]})))
            .send(put("/v2/groups{g}", json!({"version": "{first}"})))
            .with(deployment(200))
            .send(get("/v2/groups{g}/apps"))
            .holds(len("", 1))
            .holds(is("/0/id", "{g}/a")),
        Probe::new(
            "a-group-goes-back-and-more",
            "§1.4",
            "v0.8.0:GroupsResource.scala",
        )
        .send(put("/v2/groups{g}", json!({"apps": [app("a")]})))
        .keep("first", "/version")
        .send(put(
            "/v2/groups{g}",
            json!({"version": "{first}", "apps": []}),
        ))
        .holds(status(422))
        .send(get("/v2/groups{g}/apps"))
        .holds(len("", 1)),
    ]
}
