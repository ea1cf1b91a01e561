//! The definition of an app as each version takes it and shows it. The sections are those of the
//! reference of Marathon's API by version.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;

use axum::http::StatusCode;
use common::as_version;
use serde_json::{Value, json};

/// Versions between which the form of a definition changed.
const FORMS: [&str; 22] = [
    "0.7.0", "0.7.1", "0.7.6", "0.8.0", "0.8.2", "0.9.0", "0.10.1", "0.11.1", "0.13.1", "0.14.1",
    "0.15.7", "1.0.0", "1.1.2", "1.3.13", "1.4.0", "1.4.13", "1.5.11", "1.6.590", "1.7.236",
    "1.8.244", "1.9.109", "1.11.0",
];

/// `path = value`, one leaf a line.
fn leaves(value: &Value) -> BTreeMap<String, String> {
    fn go(value: &Value, path: &str, leaves: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                for (name, field) in fields {
                    go(field, &format!("{path}/{name}"), leaves);
                }
            }
            Value::Array(elements) if elements.iter().any(Value::is_object) => {
                for (index, element) in elements.iter().enumerate() {
                    go(element, &format!("{path}({index})"), leaves);
                }
            }
            leaf => drop(leaves.insert(path.to_owned(), leaf.to_string())),
        }
    }
    let mut found = BTreeMap::new();
    go(value, "", &mut found);
    found
}

/// What the first version shows, and what each later one shows otherwise.
async fn history(
    path: &str,
    body: impl Fn(&str) -> Value,
    shown: impl Fn(&Value) -> Value,
) -> String {
    let mut text = String::new();
    let mut before = BTreeMap::new();
    for version in FORMS {
        let cluster = as_version(version);
        cluster.ok("POST", "/v2/apps", body(version)).await;
        cluster.settle().await;
        let now = leaves(&shown(&cluster.get(path).await));
        let now: BTreeMap<_, _> = now.into_iter().map(mask).collect();
        writeln!(text, "{version}").unwrap();
        for (leaf, value) in &before {
            if now.get(leaf) != Some(value) {
                writeln!(text, "  - {leaf} = {value}").unwrap();
            }
        }
        for (leaf, value) in &now {
            if before.get(leaf) != Some(value) {
                writeln!(text, "  + {leaf} = {value}").unwrap();
            }
        }
        before = now;
    }
    text
}

/// §2.1, §2.2, §2.4, §2.6: everything that was ever known, in the form of before 1.5. What a
/// version does not know it passes over.
fn old_form(version: &str) -> Value {
    let parameters = if version == "0.7.6" {
        json!({"hostname": "a"})
    } else {
        json!([{"key": "hostname", "value": "a"}])
    };
    json!({
        "id": "/shop/web",
        "instances": 1,
        "cpus": 0.5,
        "env": {"A": "1"},
        "labels": {"team": "a"},
        "constraints": [["hostname", "UNIQUE"]],
        "uris": ["http://x/y.tgz"],
        "acceptedResourceRoles": ["*"],
        "container": {
            "type": "DOCKER",
            "docker": {
                "image": "web:1",
                "network": "BRIDGE",
                "portMappings": [{"containerPort": 80, "protocol": "tcp", "name": "http"}],
                "privileged": false,
                "parameters": parameters,
                "forcePullImage": true,
            },
            "volumes": [{"containerPath": "/a", "hostPath": "/b", "mode": "RO"}],
        },
        "healthChecks": [{"protocol": "HTTP", "path": "/health"}],
        "upgradeStrategy": {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0.5},
        "killSelection": "OLDEST_FIRST",
        "taskKillGracePeriodSeconds": 5,
        "executorResources": {"cpus": 0.2, "mem": 40, "disk": 10},
        "resourceLimits": {"cpus": 1, "mem": "unlimited"},
        "unheardOf": {"of": "course"},
    })
}

#[tokio::test(start_paused = true)]
async fn an_app_in_the_old_form_is_shown_as_each_version_shows_it() {
    let shown = |answer: &Value| {
        let mut app = answer["app"].clone();
        let fields = app.as_object_mut().unwrap();
        // Tasks have a test of their own.
        fields.retain(|name, _| !name.starts_with("tasks") && name != "deployments");
        app
    };
    let text = history("/v2/apps/shop/web", old_form, shown).await;
    insta::assert_snapshot!(text);
}

/// §2.1: the defaults.
#[tokio::test(start_paused = true)]
async fn an_app_that_says_little_gets_the_defaults_of_the_version() {
    let body = |_: &str| json!({"id": "/x", "cmd": "run", "healthChecks": [{"protocol": "COMMAND", "command": {"value": "true"}}]});
    let text = history("/v2/apps/x", body, |answer| answer["app"].clone()).await;
    insta::assert_snapshot!(text);
}

/// What is random, made the same.
fn mask((leaf, mut value): (String, String)) -> (String, String) {
    if ["/tasks(0)/ports", "/tasks(0)/slaveId"].contains(&&*leaf) {
        value = "…".into();
    }
    while let Some(at) = find_uuid(&value) {
        value.replace_range(at..at + 36, "UUID");
    }
    (leaf, value)
}

fn find_uuid(text: &str) -> Option<usize> {
    let hyphens = [8, 13, 18, 23];
    let fits = |window: &[u8]| {
        window.iter().enumerate().all(|(index, byte)| {
            if hyphens.contains(&index) {
                *byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        })
    };
    text.as_bytes().windows(36).position(fits)
}

/// §2.2, §2.3, §2.6: what goes in the old form comes out in the new one, and restarts nothing when
/// it is sent again.
#[tokio::test(start_paused = true)]
async fn sent_again_a_definition_changes_nothing() {
    for version in FORMS
        .into_iter()
        .filter(|it| *it != "0.7.6" && *it != "1.4.0")
    {
        let cluster = as_version(version);
        cluster.ok("POST", "/v2/apps", old_form(version)).await;
        cluster.settle().await;
        let (app, tasks) = (
            cluster.app("/shop/web").await,
            cluster.sandbox.task_ids("/shop/web"),
        );
        cluster
            .ok("PUT", "/v2/apps/shop/web", old_form(version))
            .await;
        cluster.settle().await;
        assert_eq!(
            cluster.app("/shop/web").await["version"],
            app["version"],
            "{version}"
        );
        assert_eq!(cluster.sandbox.task_ids("/shop/web"), tasks, "{version}");
    }
}

/// A definition, who refuses it, and who takes it.
type Case = (Value, &'static [&'static str], &'static [&'static str]);

async fn judge(cases: impl IntoIterator<Item = Case>) {
    for (body, refuse, take) in cases {
        for (versions, taken) in [(refuse, false), (take, true)] {
            for version in versions {
                let cluster = as_version(version);
                let (status, answer) = cluster.send("POST", "/v2/apps", body.clone()).await;
                let told = format!("{version} {body}: {status} {answer}");
                assert_eq!(status == StatusCode::CREATED, taken, "{told}");
                assert!(matches!(status.as_u16(), 201 | 400 | 422), "{told}");
            }
        }
    }
}

fn with_more(mut base: Value, more: &Value) -> Value {
    let fields = base.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    base
}

/// An app that is in order, but for `more`.
fn x(more: &Value) -> Value {
    with_more(json!({"id": "/x", "cmd": "run"}), more)
}

fn docker(more: &Value) -> Value {
    let docker = with_more(json!({"image": "a"}), more);
    x(&json!({"container": {"type": "DOCKER", "docker": docker}}))
}

/// §8.
#[tokio::test(start_paused = true)]
async fn constraints_are_refused_by_version() {
    let constraint = |operator: &str, value: Option<&str>| {
        let mut words = vec!["hostname", operator];
        words.extend(value);
        x(&json!({ "constraints": [words] }))
    };
    let cases: [Case; 7] = [
        (
            constraint("UNLIKE", Some("a")),
            &["0.7.1"],
            &["0.7.2", "1.11.0"],
        ),
        (constraint("MAX_PER", Some("2")), &["1.1.2"], &["1.3.13"]),
        (constraint("IS", Some("a")), &["1.5.11"], &["1.6.322"]),
        (constraint("unique", None), &["0.7.6", "1.11.0"], &["0.7.5"]),
        (
            constraint("LIKE", Some("(")),
            &["1.3.13", "1.11.0"],
            &["0.7.6", "1.1.2"],
        ),
        (constraint("LIKE", None), &["1.3.13"], &["1.1.2"]),
        (constraint("UNIQUE", Some("a")), &["1.3.13"], &["1.1.2"]),
    ];
    judge(cases).await;
}

/// §2.2, §2.3.
#[tokio::test(start_paused = true)]
async fn containers_ports_and_networks_are_refused_by_version() {
    let ip = json!({"groups": [], "labels": {}, "discovery": {"ports": []}});
    let by_key = json!({"parameters": [{"key": "a", "value": "b"}]});
    let cases: [Case; 11] = [
        (docker(&json!({"network": "USER"})), &["1.1.2"], &["1.3.13"]),
        (
            docker(&json!({"parameters": {"a": "b"}})),
            &["0.8.0", "1.5.0"],
            &["0.7.0", "0.7.6"],
        ),
        (docker(&by_key), &["0.7.6"], &["0.8.0"]),
        (
            docker(&json!({"credential": {"principal": "a"}})),
            &["1.4.13"],
            &["1.3.13"],
        ),
        (
            x(&json!({"ipAddress": ip, "ports": [0]})),
            &["0.14.1", "1.4.13"],
            &["0.13.1"],
        ),
        (
            x(&json!({"ports": [1], "portDefinitions": [{"port": 2}]})),
            &["1.0.0", "1.4.13", "1.5.11", "1.11.0"],
            &["0.15.7"],
        ),
        (
            x(&json!({"ports": [1], "portDefinitions": [{"port": 1}]})),
            &[],
            &["0.15.7", "1.4.13"],
        ),
        (
            x(&json!({"uris": ["a"], "fetch": [{"uri": "b"}]})),
            &["0.15.7", "1.5.11"],
            &["0.14.1"],
        ),
        (
            x(&json!({"uris": [], "fetch": [{"uri": "b"}]})),
            &[],
            &["0.15.7", "1.5.11"],
        ),
        (
            x(&json!({"networks": [{"mode": "container"}]})),
            &["1.5.0"],
            &["1.4.13"],
        ),
        (
            x(&json!({"networks": [{"mode": "host"}], "ipAddress": ip})),
            &["1.5.11"],
            &["1.4.13"],
        ),
    ];
    judge(cases).await;
}

/// What an app has of networks and ports once it is there.
async fn wired(version: &str, body: &Value) -> Value {
    let cluster = as_version(version);
    let mut app = body.clone();
    app["id"] = json!("/x");
    cluster.ok("POST", "/v2/apps", app).await;
    let app = cluster.app("/x").await;
    json!({
        "networks": app["networks"],
        "definitions": app["portDefinitions"],
        "mappings": app["container"]["portMappings"],
        "require": app["requirePorts"],
    })
}

/// §2.3: since 1.5 a definition is brought into the form of its network before it is looked at, so that
/// ports of the other kind are no fault.
#[tokio::test(start_paused = true)]
async fn ports_of_the_other_kind_are_passed_over() {
    let definition = json!([{"port": 10000, "protocol": "tcp", "name": "default"}]);
    let docker = |network: Option<&str>| {
        let mapped = json!([{"containerPort": 80}, {"containerPort": 443}]);
        let mut docker = json!({"image": "web:1", "portMappings": mapped});
        if let Some(network) = network {
            docker["network"] = network.into();
        }
        json!({"container": {"type": "DOCKER", "docker": docker}})
    };
    let mapping = |container: u16, service: u16, name: Option<&str>| {
        let mut mapping = json!({"containerPort": container, "hostPort": 0, "labels": {},
            "protocol": "tcp", "servicePort": service});
        if let Some(name) = name {
            mapping["name"] = name.into();
        }
        mapping
    };
    for version in ["1.5.11", "1.11.0"] {
        // No network is the host's, and so may it be said.
        let mut native = json!({"container": {"docker": {"image": "web:1"},
            "portMappings": [{"containerPort": 80}]}, "networks": [{"mode": "host"}]});
        for body in [docker(None), docker(Some("HOST")), native.clone()] {
            let app = wired(version, &body).await;
            assert_eq!(app["networks"], json!([{"mode": "host"}]), "{version}");
            assert_eq!(app["definitions"], definition, "{version} {body}");
            assert_eq!(app["mappings"], Value::Null, "{version} {body}");
        }
        let app = wired(version, &docker(Some("BRIDGE"))).await;
        let mappings = json!([mapping(80, 10000, None), mapping(443, 10001, None)]);
        assert_eq!(app["mappings"], mappings, "{version}");
        assert_eq!(app["definitions"], Value::Null, "{version}");
        // On a bridge each definition stands for a mapping; who says nothing gets one.
        native["networks"] = json!([{"mode": "container/bridge"}]);
        native["portDefinitions"] = json!([{"port": 1}, {"port": 2}]);
        native["requirePorts"] = true.into();
        let app = wired(version, &native).await;
        let mappings = json!([mapping(80, 10000, None), mapping(0, 10001, None)]);
        assert_eq!(app["mappings"], mappings, "{version}");
        assert_eq!(app["require"], false, "{version}");
        let bare = json!({"cmd": "run", "networks": [{"mode": "container/bridge"}]});
        let app = wired(version, &bare).await;
        let default = json!([mapping(0, 10000, Some("default"))]);
        assert_eq!(app["mappings"], default, "{version}");
        assert_eq!(app["definitions"], Value::Null, "{version}");
    }
    // Put onto another definition, they had to fit together at first.
    for (version, expected) in [
        ("1.5.11", StatusCode::UNPROCESSABLE_ENTITY),
        ("1.8.244", StatusCode::OK),
    ] {
        let cluster = as_version(version);
        cluster
            .ok("POST", "/v2/apps", json!({"id": "/x", "cmd": "run"}))
            .await;
        cluster.settle().await;
        for update in [
            json!({"networks": [{"mode": "host"}], "container": {"docker": {"image": "web:1"},
                "portMappings": [{"containerPort": 80}]}}),
            json!({"networks": [{"mode": "container/bridge"}], "portDefinitions": [{"port": 1}]}),
        ] {
            let path = "/v2/apps/x?force=true";
            let (status, answer) = cluster.send("PUT", path, update).await;
            assert_eq!(status, expected, "{version} {answer}");
        }
    }
}

/// §2.3: an app with an address of its own has no ports of the host, and is shown without them.
#[tokio::test(start_paused = true)]
async fn an_app_with_an_address_is_shown_without_ports_of_the_host() {
    let body = json!({"id": "/x", "cmd": "run", "ipAddress": {"networkName": "blue"}});
    for (version, shown) in [("1.1.2", true), ("1.3.13", false), ("1.4.13", false)] {
        let cluster = as_version(version);
        cluster.ok("POST", "/v2/apps", body.clone()).await;
        let app = cluster.app("/x").await;
        for field in ["ports", "portDefinitions"] {
            assert_eq!(app.get(field).is_some(), shown, "{version} {field}");
        }
        assert_eq!(app["ipAddress"]["groups"], json!([]), "{version}");
    }
}

/// §2.1, §2.4, §4.
#[tokio::test(start_paused = true)]
async fn other_fields_are_refused_by_version() {
    let check =
        |protocol: &str| x(&json!({"healthChecks": [{"protocol": protocol}], "ports": [0]}));
    let cases: [Case; 13] = [
        (
            x(&json!({"cpus": 0})),
            &["0.8.0", "0.14.1", "1.5.0"],
            &["0.7.6", "0.15.7", "1.4.13"],
        ),
        (check("HTTPS"), &["0.8.1"], &["0.8.2"]),
        (check("MESOS_TCP"), &["1.3.13"], &["1.4.13"]),
        (
            x(&json!({"env": {"A": {"secret": "s"}}})),
            &["1.1.2"],
            &["1.3.13"],
        ),
        (
            json!({"id": "/a/tasks", "cmd": "run"}),
            &["1.8.180", "1.11.0"],
            &["1.7.236"],
        ),
        (
            json!({"id": "/Web", "cmd": "run"}),
            &["0.7.0", "1.11.0"],
            &[],
        ),
        (x(&json!({"args": ["a"]})), &["0.7.0", "1.11.0"], &[]),
        (
            x(&json!({"upgradeStrategy": {"minimumHealthCapacity": 1}})),
            &["1.5.0"],
            &["0.8.0", "1.4.13"],
        ),
        (
            x(&json!({"unreachableStrategy": "disabled"})),
            &["1.4.1"],
            &["1.3.13", "1.4.2", "1.5.0"],
        ),
        (
            x(&json!({"acceptedResourceRoles": ["prod"]})),
            &["1.10.26"],
            &["1.8.244", "1.9.109"],
        ),
        (
            x(&json!({"acceptedResourceRoles": []})),
            &["0.9.0", "1.9.109", "1.11.0"],
            &["0.8.2"],
        ),
        (x(&json!({"role": "prod"})), &["1.9.109"], &["1.8.244"]),
        (
            x(&json!({"labels": {"MARATHON_SINGLE_INSTANCE_APP": "true"}, "instances": 2})),
            &["1.1.2"],
            &["1.0.0", "0.7.6"],
        ),
    ];
    judge(cases).await;
}

/// §1.2, §2.3: before 1.5 a PUT may not have both keys, even if one of them is empty.
#[tokio::test(start_paused = true)]
async fn a_put_with_uris_and_fetch_is_refused_before_1_5() {
    let body = json!({"cmd": "run", "uris": [], "fetch": [{"uri": "b"}]});
    for (version, refused) in [("0.15.7", true), ("1.4.13", true), ("1.5.11", false)] {
        let (status, _) = as_version(version)
            .send("PUT", "/v2/apps/x", body.clone())
            .await;
        assert_eq!(
            status == StatusCode::UNPROCESSABLE_ENTITY,
            refused,
            "{version}"
        );
    }
}

/// §1.2: what a partial update loses.
#[tokio::test(start_paused = true)]
async fn partial_updates_lose_what_they_lose() {
    let body = json!({"id": "/x", "cmd": "run", "executorResources": {"cpus": 0.2, "mem": 40, "disk": 10},
        "resourceLimits": {"cpus": 1}});
    for (version, executor, limits) in [
        ("1.6.352", false, false),
        ("1.9.109", false, false),
        ("1.10.5", false, false),
    ] {
        let cluster = as_version(version);
        let app = cluster.ok("POST", "/v2/apps", body.clone()).await;
        assert!(app["executorResources"].is_object(), "{version}");
        cluster
            .ok("PUT", "/v2/apps/x?force=true", json!({"instances": 2}))
            .await;
        let app = cluster.app("/x").await;
        assert_eq!(app["executorResources"].is_object(), executor, "{version}");
        assert_eq!(app["resourceLimits"].is_object(), limits, "{version}");
        cluster
            .ok(
                "PUT",
                "/v2/apps/x?force=true&partialUpdate=false",
                body.clone(),
            )
            .await;
        let app = cluster.app("/x").await;
        assert!(
            app["executorResources"].is_null(),
            "{version}: dropped even when sent"
        );
        assert_eq!(app["resourceLimits"].is_object(), version == "1.10.5");
    }
}

/// §3: a restart is told as a change of the configuration on 1.11, and a kill with scaling nowhere.
#[tokio::test(start_paused = true)]
async fn only_a_restart_on_1_11_tells_a_change_of_the_configuration() {
    for (version, told) in [("1.10.26", false), ("1.11.0", true)] {
        let cluster = as_version(version);
        let app = json!({"id": "/x", "cmd": "run", "instances": 2});
        cluster.ok("POST", "/v2/apps", app).await;
        cluster.settle().await;
        let before = cluster.app("/x").await["versionInfo"].take();
        let victim = cluster.sandbox.task_ids("/x").remove(0);
        let ids = json!({ "ids": [victim] });
        cluster.ok("POST", "/v2/tasks/delete?scale=true", ids).await;
        cluster.settle().await;
        let scaled = cluster.app("/x").await["versionInfo"].take();
        assert_eq!(
            scaled["lastConfigChangeAt"], before["lastConfigChangeAt"],
            "{version}"
        );
        assert_ne!(
            scaled["lastScalingAt"], before["lastScalingAt"],
            "{version}"
        );
        cluster.ok("POST", "/v2/apps/x/restart", Value::Null).await;
        let restarted = cluster.app("/x").await["versionInfo"].take();
        let changed = restarted["lastConfigChangeAt"] != before["lastConfigChangeAt"];
        assert_eq!(changed, told, "{version}");
    }
}
