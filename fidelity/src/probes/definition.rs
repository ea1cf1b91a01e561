//! The definition of an app: what is filled in where nothing is said, and how fields come back.

use serde_json::{Value, json};

use super::{app, app_with, given, stuck, with};
use crate::check::{empty, fits, has, has_key, includes, is, lacks, len, omits, port, status};
use crate::probe::{Probe, get, post};

const DEFINITION: &str = "v0.7.0:AppDefinition.scala";

pub(super) fn probes() -> Vec<Probe> {
    defaults()
        .into_iter()
        .chain(shapes())
        .chain(fields())
        .chain(checks())
        .collect()
}

/// A probe of what is shown of an app of which next to nothing was said.
fn shown(name: &'static str, section: &'static str, source: &'static str) -> Probe {
    let nothing = json!({"id": "{g}/a", "cmd": "sleep 1000",
        "constraints": [["hostname", "CLUSTER", "nowhere.invalid"]]});
    Probe::new(name, section, source)
        .with(given(nothing))
        .send(get("/v2/apps{g}/a"))
}

fn defaults() -> Vec<Probe> {
    vec![
        shown("default-resources", "§2.1", "v0.7.0:AppDefinition.scala")
            .holds(is("/app/instances", 1))
            .holds(is("/app/cpus", 1))
            .holds(is("/app/mem", 128))
            .holds(is("/app/disk", 0)),
        shown("default-backoff", "§2.1", "v0.7.0:AppDefinition.scala")
            .holds(is("/app/backoffSeconds", 1))
            .holds(is("/app/backoffFactor", 1.15)),
        shown(
            "default-executor-and-ports-required",
            "§2.1",
            "v0.7.0:AppDefinition.scala",
        )
        .holds(is("/app/executor", ""))
        .holds(is("/app/requirePorts", false)),
        shown(
            "default-upgrade-strategy",
            "§2.1",
            "v0.8.0:UpgradeStrategy.scala",
        )
        .since(0, 8, 0)
        .holds(is(
            "/app/upgradeStrategy",
            json!({"minimumHealthCapacity": 1, "maximumOverCapacity": 1}),
        )),
        shown(
            "default-health-capacity",
            "§2.1",
            "v0.7.0:UpgradeStrategy.scala",
        )
        .before(0, 8, 0)
        .holds(is("/app/upgradeStrategy/minimumHealthCapacity", 1))
        .holds(lacks("/app/upgradeStrategy/maximumOverCapacity")),
        shown(
            "default-launch-delay-of-an-hour",
            "§2.1",
            "v0.8.0:AppDefinition.scala",
        )
        .since(0, 8, 0)
        .before(1, 8, 180)
        .holds(is("/app/maxLaunchDelaySeconds", 3600)),
        shown("default-launch-delay-of-minutes", "§2.1", "HEAD:app.raml")
            .since(1, 8, 180)
            .holds(is("/app/maxLaunchDelaySeconds", 300)),
        shown(
            "default-kill-selection",
            "§2.1",
            "v1.4.0:KillSelection.scala",
        )
        .since(1, 4, 0)
        .holds(is("/app/killSelection", "YOUNGEST_FIRST")),
        shown(
            "default-unreachable-strategy-of-minutes",
            "§2.1",
            "v1.4.0:UnreachableStrategy.scala",
        )
        .since(1, 4, 0)
        .before(1, 4, 9)
        .and_since(1, 5, 0)
        .before(1, 5, 1)
        .holds(is(
            "/app/unreachableStrategy",
            json!({"inactiveAfterSeconds": 300, "expungeAfterSeconds": 600}),
        )),
        shown(
            "default-unreachable-strategy-at-once",
            "§2.1",
            "v1.5.1:UnreachableStrategy.scala",
        )
        .since(1, 4, 9)
        .before(1, 5, 0)
        .and_since(1, 5, 1)
        .holds(is(
            "/app/unreachableStrategy",
            json!({"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0}),
        )),
        shown("default-port", "§2.1", "v0.8.0:AppDefinition.scala")
            .since(0, 8, 0)
            .before(1, 5, 0)
            .holds(len("/app/ports", 1))
            .holds(port("/app/ports/0")),
        shown("no-default-port", "§2.1", "v0.7.6:Formats.scala")
            .since(0, 7, 6)
            .before(0, 8, 0)
            .holds(empty("/app/ports")),
        shown(
            "default-port-definition",
            "§2.1",
            "v1.1.1:AppDefinition.scala",
        )
        .since(1, 1, 0)
        .holds(len("/app/portDefinitions", 1))
        .holds(port("/app/portDefinitions/0/port"))
        .holds(is("/app/portDefinitions/0/protocol", "tcp")),
        shown(
            "default-port-definition-has-a-name",
            "§2.1",
            "v1.4.0:AppDefinition.scala",
        )
        .since(1, 4, 0)
        .before(1, 5, 0)
        .holds(is("/app/portDefinitions/0/name", "default")),
        shown("default-network", "§2.1", "v1.5.0:app.raml")
            .since(1, 5, 0)
            .holds(is("/app/networks", json!([{"mode": "host"}]))),
        shown("default-role", "§2.1", "v1.9.32:app.raml")
            .since(1, 9, 0)
            .holds(has("/app/role")),
        shown("default-gpus", "§2.1", "v1.3.0:AppDefinition.scala")
            .since(1, 3, 0)
            .holds(is("/app/gpus", 0)),
    ]
}

fn shapes() -> Vec<Probe> {
    let nothing = shown("what-is-empty-is-shown", "§2.6", "v1.4.0:Formats.scala").before(1, 5, 0);
    let omitted = shown(
        "what-is-empty-is-left-out",
        "§2.6",
        "v1.5.0:AppConversion.scala",
    );
    let keys = ["args", "dependencies", "env", "healthChecks"];
    let shown_keys = [
        "cmd",
        "args",
        "user",
        "env",
        "constraints",
        "uris",
        "healthChecks",
    ];
    vec![
        shown_keys
            .iter()
            .chain(&["dependencies", "container"])
            .fold(nothing, |probe, key| {
                probe.holds(has_key(&format!("/app/{key}")))
            }),
        keys.iter()
            .chain(&[
                "fetch",
                "readinessChecks",
                "secrets",
                "uris",
                "ports",
                "storeUrls",
                "user",
            ])
            .fold(omitted.since(1, 5, 0), |probe, key| {
                probe.holds(omits("/app", key))
            }),
        Probe::new(
            "labels-are-shown-even-if-none",
            "§2.6",
            "v1.5.0:AppConversion.scala",
        )
        .since(0, 8, 0)
        .with(given(app("a")))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/labels", json!({}))),
    ]
}

/// A probe that sends a field, and expects it back.
fn field(name: &'static str, source: &'static str, sent: Value) -> Probe {
    let fields = sent.as_object().cloned().unwrap_or_default();
    let probe = Probe::new(name, "§2.1", source)
        .send(post("/v2/apps", app_with("a", sent)))
        .holds(status(201))
        .send(get("/v2/apps{g}/a"));
    fields.into_iter().fold(probe, |probe, (key, value)| {
        probe.holds(includes(&format!("/app/{key}"), value))
    })
}

fn fields() -> Vec<Probe> {
    vec![
        field("field-env", DEFINITION, json!({"env": {"A": "1", "b_c": "x=y z"}})),
        field("field-user", DEFINITION, json!({"user": "nobody"})),
        field(
            "field-upgrade-strategy",
            "v0.8.0:UpgradeStrategy.scala",
            json!({"upgradeStrategy": {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0.25}}),
        )
        .since(0, 8, 0),
        field(
            "field-backoff",
            DEFINITION,
            json!({"backoffSeconds": 5, "backoffFactor": 1.5}),
        ),
        field("field-launch-delay", DEFINITION, json!({"maxLaunchDelaySeconds": 77})).since(0, 8, 0),
        field("field-uris", DEFINITION, json!({"uris": ["http://x.invalid/a.tgz"]})).before(1, 5, 0),
        Probe::new("field-uris-become-fetch", "§2.6", "v1.5.0:AppNormalization.scala")
            .since(1, 5, 0)
            .with(given(app_with("a", json!({"uris": ["http://x.invalid/a.tgz"]}))))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/fetch/0/uri", "http://x.invalid/a.tgz"))
            .holds(lacks("/app/uris")),
        Probe::new("field-fetch", "§2.1", "v0.15.0:FetchUri.scala")
            .since(0, 15, 0)
            .with(given(app_with("a", json!({"fetch": [{"uri": "http://x.invalid/a"}]}))))
            .send(get("/v2/apps{g}/a"))
            .holds(includes(
                "/app/fetch",
                json!([{"uri": "http://x.invalid/a", "extract": true, "executable": false, "cache": false}]),
            )),
        Probe::new("field-fetch-becomes-uris-too", "§2.6", "v0.15.0:Formats.scala")
            .since(0, 15, 0)
            .before(1, 5, 0)
            .with(given(app_with("a", json!({"fetch": [{"uri": "http://x.invalid/a"}]}))))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/uris", json!(["http://x.invalid/a"]))),
        field(
            "field-accepted-roles",
            "v0.9.0:AppDefinition.scala",
            json!({"acceptedResourceRoles": ["*"]}),
        )
        .since(0, 9, 0),
        field(
            "field-kill-grace-period",
            "v1.3.0:AppDefinition.scala",
            json!({"taskKillGracePeriodSeconds": 7}),
        )
        .since(1, 3, 0),
        field("field-kill-selection", "v1.4.0:KillSelection.scala", json!({"killSelection": "OLDEST_FIRST"}))
            .since(1, 4, 0),
        field(
            "field-unreachable-strategy",
            "v1.4.0:UnreachableStrategy.scala",
            json!({"unreachableStrategy": {"inactiveAfterSeconds": 60, "expungeAfterSeconds": 120}}),
        )
        .since(1, 4, 0),
        field(
            "field-unreachable-disabled",
            "v1.4.2:UnreachableStrategy.scala",
            json!({"unreachableStrategy": "disabled"}),
        )
        .since(1, 4, 2)
        .before(1, 5, 0)
        .and_since(1, 5, 1),
        field(
            "field-executor-resources",
            "v1.6.352:app.raml",
            json!({"executorResources": {"cpus": 0.2, "mem": 64, "disk": 20}}),
        )
        .since(1, 6, 352),
        field(
            "field-resource-limits",
            "v1.10.5:app.raml",
            json!({"resourceLimits": {"cpus": "unlimited", "mem": 64}}),
        )
        .since(1, 10, 5),
        field("field-tty", "v1.5.0:app.raml", json!({"tty": true})).since(1, 5, 0),
        field(
            "field-constraints",
            "v0.7.2:Constraints.scala",
            json!({"constraints": [["hostname", "UNLIKE", "nowhere.*"]]}),
        )
        .since(0, 7, 2),
        field(
            "field-constraint-of-a-most",
            "v1.3.0:Constraints.scala",
            json!({"constraints": [["hostname", "MAX_PER", "2"]]}),
        )
        .since(1, 3, 0),
        field(
            "field-constraint-of-equality",
            "v1.6.322:Constraints.scala",
            json!({"constraints": [["@hostname", "IS", "nowhere"]]}),
        )
        .since(1, 6, 322),
    ]
}

fn checks() -> Vec<Probe> {
    let checked = |check: Value| {
        given(with(
            stuck("a"),
            json!({"instances": 0, "ports": [0], "healthChecks": [check]}),
        ))
    };
    let first = "/app/healthChecks/0";
    let at = move |key: &str| format!("{first}/{key}");
    vec![
        Probe::new("default-health-check-is-quick", "§2.4", "v0.7.0:HealthCheck.scala")
            .before(0, 8, 0)
            .with(checked(json!({"protocol": "TCP"})))
            .send(get("/v2/apps{g}/a"))
            .holds(is(&at("gracePeriodSeconds"), 15))
            .holds(is(&at("intervalSeconds"), 10))
            .holds(is(&at("timeoutSeconds"), 20))
            .holds(is(&at("maxConsecutiveFailures"), 3)),
        Probe::new("default-health-check", "§2.4", "v0.8.0:HealthCheck.scala")
            .since(0, 8, 0)
            .with(checked(json!({"protocol": "TCP"})))
            .send(get("/v2/apps{g}/a"))
            .holds(is(&at("gracePeriodSeconds"), 300))
            .holds(is(&at("intervalSeconds"), 60))
            .holds(is(&at("timeoutSeconds"), 20))
            .holds(is(&at("maxConsecutiveFailures"), 3))
            .holds(is(&at("portIndex"), 0)),
        Probe::new("default-health-check-speaks-http", "§2.4", "v0.7.0:HealthCheck.scala")
            .with(checked(json!({"path": "/health"})))
            .send(get("/v2/apps{g}/a"))
            .holds(is(&at("protocol"), "HTTP"))
            .holds(is(&at("path"), "/health"))
            .holds(is(&at("portIndex"), 0)),
        Probe::new("default-health-check-path", "§2.4", "v0.13.0:HealthCheck.scala")
            .before(0, 14, 0)
            .with(checked(json!({"protocol": "HTTP"})))
            .send(get("/v2/apps{g}/a"))
            .holds(is(&at("path"), "/")),
        Probe::new("default-health-check-of-100s", "§2.4", "v0.8.2:HealthCheck.scala")
            .since(0, 8, 2)
            .with(checked(json!({"protocol": "HTTP", "path": "/"})))
            .send(get("/v2/apps{g}/a"))
            .holds(is(&at("ignoreHttp1xx"), false)),
        Probe::new("health-check-by-command", "§2.4", "v0.7.0:HealthCheck.scala")
            .with(checked(json!({"protocol": "COMMAND", "command": {"value": "true"}})))
            .send(get("/v2/apps{g}/a"))
            .holds(is(&at("protocol"), "COMMAND"))
            .holds(is(&at("command/value"), "true")),
        Probe::new("health-check-on-a-port", "§2.4", "v0.14.0:HealthCheck.scala")
            .since(0, 14, 0)
            .with(checked(json!({"protocol": "TCP", "port": 4242})))
            .send(get("/v2/apps{g}/a"))
            .holds(is(&at("port"), 4242))
            .holds(lacks(&at("portIndex"))),
        Probe::new("health-check-by-mesos", "§2.4", "v1.4.0:HealthCheck.scala")
            .since(1, 4, 0)
            .with(checked(json!({"protocol": "MESOS_TCP", "portIndex": 0})))
            .send(get("/v2/apps{g}/a"))
            .holds(is(&at("protocol"), "MESOS_TCP")),
        Probe::new("health-check-waits", "§2.4", "v1.5.0:healthCheck.raml")
            .since(1, 5, 0)
            .with(checked(json!({"protocol": "MESOS_TCP", "portIndex": 0})))
            .send(get("/v2/apps{g}/a"))
            .holds(is(&at("delaySeconds"), 15)),
        Probe::new("default-readiness-check", "§2.5", "v1.1.1:ReadinessCheck.scala")
            .since(1, 1, 0)
            .with(given(app_with(
                "a",
                json!({"portDefinitions": [{"port": 0, "name": "http-api"}], "readinessChecks": [{}]}),
            )))
            .send(get("/v2/apps{g}/a"))
            .holds(is(
                "/app/readinessChecks",
                json!([{"name": "readinessCheck", "protocol": "HTTP", "path": "/", "portName": "http-api",
                    "intervalSeconds": 30, "timeoutSeconds": 10, "httpStatusCodesForReady": [200],
                    "preserveLastResponse": false}]),
            )),
        Probe::new("numbers-are-numbers", "§0", "v0.7.0:AppDefinition.scala")
            .with(given(app_with("a", json!({"cpus": 0.125, "mem": 32.5}))))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/cpus", 0.125))
            .holds(fits("/app/mem", "is 32.5", |it| it.as_f64() == Some(32.5))),
    ]
}
