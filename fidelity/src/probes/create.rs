//! `POST /v2/apps`: what is answered, and what is made of what is sent.

use serde_json::json;

use super::{app, app_with, given};
use crate::check::{
    has, header, is, is_not, lacks, len, object, says, stamp, starts, status, tells_deployment,
    text,
};
use crate::probe::{Probe, get, post, put};

pub(super) fn probes() -> Vec<Probe> {
    answers().into_iter().chain(tolerance()).collect()
}

fn answers() -> Vec<Probe> {
    vec![
        Probe::new("post-gives-the-app", "§1.2", "v0.7.0:AppsResource.scala")
            .send(post("/v2/apps", app("a")))
            .holds(status(201))
            .holds(is("/id", "{g}/a"))
            .holds(is("/cmd", "sleep 1000"))
            .holds(is("/mem", 32))
            .holds(is("/instances", 0))
            .holds(stamp("/version"))
            .keep("version", "/version")
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/version", "{version}")),
        Probe::new(
            "post-gives-the-deployment",
            "§1.2",
            "v0.8.1:AppsResource.scala",
        )
        .since(0, 8, 1)
        .send(post("/v2/apps", app("a")))
        .holds(len("/deployments", 1))
        .holds(has("/deployments/0/id")),
        Probe::new(
            "post-gives-no-deployment-yet",
            "§1.2",
            "v0.8.0:AppsResource.scala",
        )
        .before(0, 8, 1)
        .send(post("/v2/apps", app("a")))
        .holds(lacks("/deployments")),
        Probe::new("post-counts-no-tasks", "§1.2", "v0.8.1:AppsResource.scala")
            .since(0, 8, 1)
            .send(post("/v2/apps", app("a")))
            .holds(is("/tasksStaged", 0))
            .holds(is("/tasksRunning", 0))
            .holds(is("/tasksHealthy", 0))
            .holds(is("/tasksUnhealthy", 0)),
        Probe::new("post-lists-no-tasks", "§1.2", "v1.9.109:AppsResource.scala")
            .since(0, 8, 1)
            .before(1, 10, 0)
            .send(post("/v2/apps", app("a")))
            .holds(len("/tasks", 0)),
        Probe::new("post-tells-a-place", "§1.0", "v0.7.0:RestResource.scala")
            .send(post("/v2/apps", app("a")))
            .holds(header("location", "{g}/a")),
        Probe::new(
            "post-tells-its-deployment-in-a-header",
            "§1.0",
            "v1.4.0:RestResource.scala",
        )
        .since(1, 4, 0)
        .send(post("/v2/apps", app("a")))
        .holds(tells_deployment("/deployments/0/id")),
        Probe::new("post-of-what-is-there", "§1.2", "v0.8.1:AppsResource.scala")
            .since(0, 8, 1)
            .with(given(app("a")))
            .send(post("/v2/apps", app("a")))
            .holds(status(409))
            .holds(is("/message", "An app with id [{g}/a] already exists."))
            .holds(lacks("/deployments")),
        Probe::new(
            "post-overwrote-what-was-there",
            "§1.2",
            "v0.8.0:AppsResource.scala",
        )
        .before(0, 8, 1)
        .with(given(app("a")))
        .send(post(
            "/v2/apps?force=true",
            app_with("a", json!({"mem": 33})),
        ))
        .holds(status(201))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/mem", 33)),
        Probe::new("post-can-be-forced", "§1.2", "v0.7.0:AppsResource.scala")
            .send(post("/v2/apps?force=true", app("a")))
            .holds(status(201)),
        Probe::new(
            "post-makes-the-groups-above",
            "§4",
            "v0.7.0:AppsResource.scala",
        )
        .with(given(app("sub/deep/a")))
        .send(get("/v2/groups{g}/sub/deep"))
        .holds(is("/id", "{g}/sub/deep"))
        .holds(is("/apps/0/id", "{g}/sub/deep/a")),
    ]
}

fn tolerance() -> Vec<Probe> {
    vec![
        Probe::new("ids-begin-with-a-slash", "§4", "v0.7.0:PathId.scala")
            .send(post("/v2/apps", app_with("a", json!({"id": "{bare}/a"}))))
            .holds(status(201))
            .holds(is("/id", "{g}/a")),
        Probe::new("ids-end-without-a-slash", "§4", "v0.7.0:PathId.scala")
            .send(post("/v2/apps", app_with("a", json!({"id": "{g}//a/"}))))
            .holds(status(201))
            .holds(is("/id", "{g}/a")),
        Probe::new("ids-may-have-dots", "§4", "HEAD:PathId.scala")
            .send(post("/v2/apps", app("a-1.b.2-c")))
            .holds(status(201))
            .holds(is("/id", "{g}/a-1.b.2-c")),
        Probe::new("urls-may-have-two-slashes", "§0", "v0.7.0:AppsResource.scala")
            .with(given(app("a")))
            .send(get("/v2/apps/{g}/a"))
            .holds(status(200))
            .holds(is("/app/id", "{g}/a")),
        Probe::new("unknown-fields-mean-nothing", "§0", "v0.7.0:MarathonModule.scala")
            .send(post("/v2/apps", app_with("a", json!({"theseusAsks": {"for": 1}}))))
            .holds(status(201))
            .holds(lacks("/theseusAsks")),
        Probe::new("null-means-nothing", "§0", "v0.11.0:Formats.scala")
            .send(post(
                "/v2/apps",
                app_with("a", json!({"args": null, "container": null, "user": null})),
            ))
            .holds(status(201))
            .holds(lacks("/container")),
        Probe::new("the-server-gives-versions", "§2.6", "v0.11.0:AppDefinition.scala")
            .since(0, 11, 0)
            .with(given(app("a")))
            .send(get("/v2/apps{g}/a"))
            .holds(object("/app/versionInfo"))
            .holds(stamp("/app/versionInfo/lastScalingAt"))
            .holds(stamp("/app/versionInfo/lastConfigChangeAt")),
        Probe::new("no-versions-of-parts-yet", "§2.1", "v0.10.0:AppDefinition.scala")
            .before(0, 11, 0)
            .with(given(app("a")))
            .send(get("/v2/apps{g}/a"))
            .holds(lacks("/app/versionInfo")),
        Probe::new("no-containers-of-none", "§1.2", "v0.7.0:AppsResource.scala")
            .with(given(app("a")))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/tasksRunning", 0))
            .holds(len("/app/tasks", 0)),
        Probe::new("args-instead-of-a-command", "§2.1", "v0.7.0:AppDefinition.scala")
            .send(post(
                "/v2/apps",
                json!({"id": "{g}/a", "args": ["sleep", "1000"], "cpus": 0.01, "mem": 32, "instances": 0,
                    "container": {"type": "DOCKER", "docker": {"image": "busybox"}}}),
            ))
            .holds(status(201))
            .holds(is("/args", json!(["sleep", "1000"])))
            .holds(lacks("/cmd"))
            .holds(starts("/container/docker/image", "busybox")),
        Probe::new("dependencies-are-of-the-same-group", "§2.1", "v0.7.0:AppDefinition.scala")
            .with(given(app("db")))
            .send(post("/v2/apps", app_with("a", json!({"dependencies": ["db"]}))))
            .holds(status(201))
            .holds(is("/dependencies", json!(["{g}/db"]))),
        Probe::new("a-changed-label-is-another-version", "§2.1", "v0.8.0:AppDefinition.scala")
            .since(0, 8, 0)
            .send(post("/v2/apps", app_with("a", json!({"labels": {"who": "me"}}))))
            .holds(is("/labels", json!({"who": "me"})))
            .keep("version", "/version")
            .send(put("/v2/apps{g}/a", json!({"labels": {"who": "you"}})))
            .holds(text("/deploymentId"))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/labels", json!({"who": "you"})))
            .holds(is_not("/app/version", "{version}")),
        Probe::new("no-labels-yet", "§2.1", "v0.7.6:AppDefinition.scala")
            .before(0, 8, 0)
            .send(post("/v2/apps", app_with("a", json!({"labels": {"who": "me"}}))))
            .holds(status(201))
            .holds(lacks("/labels")),
        Probe::new("the-message-of-nothing-there", "§1.2", "v0.7.0:AppsResource.scala")
            .send(get("/v2/apps{g}/nobody"))
            .holds(status(404))
            .holds(says("/message", "{g}/nobody")),
    ]
}
