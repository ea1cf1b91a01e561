//! What is refused, and in which words.

use serde_json::{Value, json};

use super::{app, app_with, given, with};
use crate::check::{Check, fits, has, is, refused, says, status, text};
use crate::probe::{Probe, get, post, put};

pub(super) fn probes() -> Vec<Probe> {
    forms()
        .into_iter()
        .chain(rules())
        .chain(combinations())
        .collect()
}

/// Neither a command alone nor arguments alone: an app of the right shape that makes no sense.
fn senseless() -> Value {
    app_with("a", json!({"args": ["sleep", "1000"]}))
}

fn forms() -> Vec<Probe> {
    let says_what = |probe: Probe, key: &'static str| {
        probe
            .send(post("/v2/apps", senseless()))
            .holds(status(422))
            .holds(fits(key, "is a list of {attribute, error}", |all| {
                let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
                !all.is_empty()
                    && all
                        .iter()
                        .all(|it| it["attribute"].is_string() && it["error"].is_string())
            }))
    };
    vec![
        Probe::new(
            "no-json-at-all",
            "§1.11",
            "v0.11.0:MarathonExceptionMapper.scala",
        )
        .send(post("/v2/apps", None).raw("{\"id\": "))
        .holds(status(400))
        .holds(text("/message")),
        Probe::new(
            "no-json-at-all-has-details",
            "§1.11",
            "v1.1.1:MarathonExceptionMapper.scala",
        )
        .since(1, 1, 0)
        .send(post("/v2/apps", None).raw("{\"id\": "))
        .holds(status(400))
        .holds(is("/message", "Invalid JSON"))
        .holds(text("/details")),
        Probe::new(
            "json-of-another-shape",
            "§1.11",
            "v0.11.0:MarathonExceptionMapper.scala",
        )
        .since(0, 11, 0)
        .before(1, 5, 0)
        .send(post(
            "/v2/apps",
            app_with("a", json!({"instances": "many"})),
        ))
        .holds(status(400))
        .holds(is("/message", "Invalid JSON"))
        .holds(is("/details/0/path", "/instances"))
        .holds(has("/details/0/errors/0")),
        Probe::new(
            "json-of-another-shape-is-unprocessable",
            "§1.11",
            "v1.5.0:MarathonExceptionMapper.scala",
        )
        .since(1, 5, 0)
        .send(post(
            "/v2/apps",
            app_with("a", json!({"instances": "many"})),
        ))
        .holds(status(422))
        .holds(is("/message", "Invalid JSON"))
        .holds(is("/details/0/path", "/instances"))
        .holds(has("/details/0/errors/0")),
        says_what(
            Probe::new(
                "no-sense-as-bare-errors",
                "§1.11",
                "v0.8.0:ModelValidation.scala",
            )
            .before(0, 9, 0),
            "/errors",
        ),
        says_what(
            Probe::new(
                "no-sense-as-a-bean",
                "§1.11",
                "v0.9.0:ModelValidation.scala",
            )
            .since(0, 9, 0)
            .before(0, 14, 0),
            "/errors",
        )
        .holds(is("/message", "Bean is not valid")),
        says_what(
            Probe::new(
                "no-sense-as-an-object",
                "§1.11",
                "v0.14.0:ModelValidation.scala",
            )
            .since(0, 14, 0)
            .before(1, 0, 0),
            "/details",
        )
        .holds(is("/message", "Object is not valid")),
        Probe::new("no-sense-with-paths", "§1.11", "v1.1.1:Validation.scala")
            .since(1, 0, 0)
            .send(post("/v2/apps", senseless()))
            .holds(status(422))
            .holds(is("/message", "Object is not valid"))
            .holds(fits("/details", "is a list of {path, errors}", |all| {
                let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
                let texts = |it: &Value| {
                    it.as_array()
                        .is_some_and(|it| it.iter().all(Value::is_string))
                };
                !all.is_empty()
                    && all
                        .iter()
                        .all(|it| it["path"].is_string() && texts(&it["errors"]))
            })),
        Probe::new("a-bad-selector", "§1.2", "v0.8.2:LabelSelector.scala")
            .since(0, 8, 2)
            .send(get("/v2/apps?label=%3D%3D%3D"))
            .holds(status(422))
            .holds(text("/message")),
    ]
}

/// A probe that an app is refused, and not stored.
fn refuses(name: &'static str, section: &'static str, source: &'static str, sent: Value) -> Probe {
    refuses_with(name, section, source, sent, status(422))
}

fn refuses_with(
    name: &'static str,
    section: &'static str,
    source: &'static str,
    sent: Value,
    with: Check,
) -> Probe {
    Probe::new(name, section, source)
        .send(post("/v2/apps", sent))
        .holds(with)
        .send(get("/v2/apps{g}/a"))
        .holds(status(404))
}

fn rules() -> Vec<Probe> {
    let constrained = |constraint: Value| app_with("a", json!({"constraints": [constraint]}));
    vec![
        refuses("ids-are-in-lower-case", "§4", "v0.8.0:PathId.scala", app("Upper")),
        refuses("ids-have-no-underscore", "§4", "v0.8.0:PathId.scala", app("a_b")),
        refuses("ids-do-not-end-in-a-dash", "§4", "v0.8.0:PathId.scala", app("a-")),
        refuses("neither-command-nor-image", "§2.1", "v0.8.0:ModelValidation.scala", {
            json!({"id": "{g}/a", "cpus": 0.01, "mem": 32, "instances": 0})
        }),
        refuses("reserved-ids", "§4", "v1.8.180:AppValidation.scala", app("a/restart")).since(1, 8, 180),
        refuses_with(
            "fewer-than-no-instances",
            "§2.1",
            "v0.8.0:AppDefinition.scala",
            app_with("a", json!({"instances": -1})),
            refused(),
        ),
        refuses_with(
            "fewer-than-no-cpus",
            "§2.1",
            "v0.8.0:AppDefinition.scala",
            app_with("a", json!({"cpus": -1})),
            refused(),
        )
        .since(0, 8, 0),
        refuses_with(
            "an-unknown-operator",
            "§8",
            "v0.7.0:Constraints.scala",
            constrained(json!(["hostname", "NEARBY", "x"])),
            refused(),
        ),
        refuses_with(
            "a-constraint-of-one-word",
            "§2.3",
            "v0.7.0:Constraints.scala",
            constrained(json!(["hostname"])),
            refused(),
        ),
        refuses(
            "unique-has-no-value",
            "§8",
            "v1.3.0:AppDefinition.scala",
            constrained(json!(["hostname", "UNIQUE", "x"])),
        )
        .since(1, 3, 0),
        refuses("like-has-a-value", "§8", "v1.3.0:AppDefinition.scala", constrained(json!(["rack", "LIKE"])))
            .since(1, 3, 0),
        refuses(
            "like-has-a-pattern",
            "§8",
            "v1.3.0:AppDefinition.scala",
            constrained(json!(["rack", "LIKE", "("])),
        )
        .since(1, 3, 0),
        refuses(
            "a-most-is-a-number",
            "§8",
            "v1.3.0:AppDefinition.scala",
            constrained(json!(["rack", "MAX_PER", "few"])),
        )
        .since(1, 3, 0),
        refuses(
            "a-single-instance",
            "§4",
            "v1.1.1:AppDefinition.scala",
            app_with(
                "a",
                json!({"instances": 2, "labels": {"MARATHON_SINGLE_INSTANCE_APP": "true"},
                    "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}}),
            ),
        )
        .since(1, 1, 0),
        refuses(
            "capacity-above-all",
            "§2.1",
            "v0.8.0:UpgradeStrategy.scala",
            app_with(
                "a",
                json!({"upgradeStrategy": {"minimumHealthCapacity": 1.5, "maximumOverCapacity": 1}}),
            ),
        )
        .since(0, 8, 0),
        refuses_with(
            "accepted-roles-are-some",
            "§2.1",
            "v0.9.0:AppDefinition.scala",
            app_with("a", json!({"acceptedResourceRoles": []})),
            refused(),
        )
        .since(0, 9, 0),
        refuses(
            "readiness-is-of-a-port",
            "§2.5",
            "v1.1.1:ReadinessCheck.scala",
            app_with(
                "a",
                json!({"portDefinitions": [{"port": 0, "name": "web"}], "readinessChecks": [{"portName": "api"}]}),
            ),
        )
        .since(1, 1, 0),
        refuses(
            "readiness-is-told-in-time",
            "§2.5",
            "v1.1.1:ReadinessCheck.scala",
            app_with(
                "a",
                json!({"portDefinitions": [{"port": 0, "name": "http-api"}],
                    "readinessChecks": [{"intervalSeconds": 5, "timeoutSeconds": 5}]}),
            ),
        )
        .since(1, 1, 0),
        refuses(
            "names-of-ports-are-names",
            "§4",
            "v1.1.1:PortDefinition.scala",
            app_with("a", json!({"portDefinitions": [{"port": 0, "name": "Web_1"}]})),
        )
        .since(1, 1, 0),
        refuses_with(
            "ports-are-below-65536",
            "§2.1",
            "v0.8.0:AppDefinition.scala",
            app_with("a", json!({"ports": [65_536]})),
            refused(),
        ),
        refuses_with(
            "check-of-a-port-that-is-not",
            "§2.4",
            "v0.8.0:AppDefinition.scala",
            app_with("a", json!({"ports": [0], "healthChecks": [{"protocol": "TCP", "portIndex": 3}]})),
            refused(),
        ),
        Probe::new("a-group-at-an-app", "§1.4", "v1.1.1:GroupsResource.scala")
            .since(1, 0, 0)
            .with(given(app("a")))
            .send(post("/v2/groups", json!({"id": "{g}/a"})))
            .holds(status(409))
            .holds(says("/message", "{g}/a")),
    ]
}

fn combinations() -> Vec<Probe> {
    let docker = |more: Value| {
        let container = json!({"container": {"type": "DOCKER", "docker": {"image": "busybox"}}});
        with(app_with("a", container), more)
    };
    let new =
        |name, sent| refuses(name, "§2.3", "v1.5.0:NetworkValidation.scala", sent).since(1, 5, 0);
    let old_docker =
        json!({"docker": {"network": "BRIDGE", "portMappings": [{"containerPort": 80}]}});
    let bridge = json!([{"mode": "container/bridge"}]);
    vec![
        refuses(
            "uris-and-fetch",
            "§2.3",
            "v0.15.0:AppDefinition.scala",
            app_with(
                "a",
                json!({"uris": ["http://x.invalid/a"], "fetch": [{"uri": "http://x.invalid/b"}]}),
            ),
        )
        .since(0, 15, 0)
        .before(1, 5, 0),
        Probe::new(
            "uris-and-fetch-in-an-update",
            "§2.3",
            "v0.15.0:AppUpdate.scala",
        )
        .since(0, 15, 0)
        .before(1, 4, 0)
        .and_since(1, 4, 1)
        .before(1, 5, 0)
        .with(given(app("a")))
        .send(put("/v2/apps{g}/a", json!({"uris": [], "fetch": []})))
        .holds(refused()),
        refuses(
            "ports-and-other-definitions",
            "§2.3",
            "v1.1.1:AppDefinition.scala",
            app_with(
                "a",
                json!({"ports": [28_125], "portDefinitions": [{"port": 28_126}]}),
            ),
        )
        .since(1, 0, 0)
        .before(1, 5, 0),
        refuses(
            "an-address-and-ports",
            "§2.3",
            "v0.14.0:AppDefinition.scala",
            app_with("a", json!({"ports": [0], "ipAddress": {}})),
        )
        .since(0, 14, 0)
        .before(1, 5, 0),
        new(
            "networks-of-two-kinds-of-keys",
            docker(json!({"networks": bridge, "container": old_docker})),
        ),
        new(
            "networks-and-an-address",
            app_with(
                "a",
                json!({"networks": [{"mode": "container", "name": "x"}], "ipAddress": {}}),
            ),
        ),
        new(
            "mappings-of-two-kinds-of-keys",
            docker(with(
                json!({"container": old_docker}),
                json!({"container": {"portMappings": [{"containerPort": 80}]}}),
            )),
        ),
        new(
            "networks-of-two-modes",
            docker(json!({"networks": [{"mode": "host"}, {"mode": "container/bridge"}]})),
        ),
        new(
            "two-bridges",
            docker(
                json!({"networks": [{"mode": "container/bridge"}, {"mode": "container/bridge"}]}),
            ),
        ),
        new(
            "a-name-for-the-host",
            app_with("a", json!({"networks": [{"mode": "host", "name": "x"}]})),
        ),
        new(
            "a-name-for-the-bridge",
            docker(json!({"networks": [{"mode": "container/bridge", "name": "x"}]})),
        ),
        new(
            "half-an-upgrade-strategy",
            app_with(
                "a",
                json!({"upgradeStrategy": {"minimumHealthCapacity": 0.5}}),
            ),
        ),
    ]
}
