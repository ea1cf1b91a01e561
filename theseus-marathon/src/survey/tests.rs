use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};
use theseus_core::cluster::{NewApp, Part};
use theseus_core::model::{
    Constraint, EnvValue, Environment, Fetch, Health, Network, Operator, Port, Probe, Protocol,
    Resources, Spec,
};

use super::spec::read;
use super::{all, one};
use crate::dialect::tests::dialect;
use crate::encode;

/// One of each kind of definition.
const VERSIONS: [&str; 4] = ["1.0.0", "1.4.13", "1.5.11", "1.11.0"];

fn reading(app: &Value, version: &str) -> (Result<Spec, String>, Vec<String>) {
    let app = app.as_object().unwrap().clone();
    let (spec, unsaid) = read(app, dialect(version));
    (spec, unsaid.iter().map(ToString::to_string).collect())
}

/// What is read of an app that is nothing but this image, and this.
fn with(more: Value) -> (Spec, Vec<String>) {
    let mut app = json!({"id": "/web", "container": {"docker": {"image": "a:1"}}});
    merge(&mut app, more);
    let (spec, unsaid) = reading(&app, "1.11.0");
    (spec.unwrap(), unsaid)
}

fn merge(to: &mut Value, more: Value) {
    match (to, more) {
        (Value::Object(to), Value::Object(more)) => {
            for (key, value) in more {
                merge(to.entry(key).or_insert(Value::Null), value);
            }
        }
        (to, more) => *to = more,
    }
}

#[test]
fn an_app_that_cannot_be_read_spoils_no_other() {
    for (odd, why) in [
        (r#""cpus": 1e999"#, "number out of range"),
        (r#""instances": 1e999"#, "number out of range"),
        (r#""tasks": 7"#, "invalid type"),
    ] {
        let odd = format!(r#"{{"id": "/odd", {odd}}}"#);
        let body = format!(
            r#"{{"apps": [{{"id": "/a"}}, {odd}, {{"id": "/theseus/s/l/r3", "cpus": 1e999}}, {{"id": "/b"}}]}}"#
        );
        let told = all(body.as_bytes()).unwrap();
        let told: Vec<_> = told
            .iter()
            .map(|(running, definition)| (&*running.id.0, definition.as_ref().err()))
            .collect();
        let [("/a", None), ("/odd", Some(reason)), ("/b", None)] = told[..] else {
            panic!("{told:?}");
        };
        assert!(reason.contains(why), "{reason}");
        let body = format!(r#"{{"app": {odd}}}"#);
        let (running, definition) = one(body.as_bytes()).unwrap().unwrap();
        assert_eq!(&*running.id.0, "/odd");
        assert!(definition.is_err(), "{odd}");
    }
    for body in [r#"{"apps": [{"id": "/a"}, {}]}"#, r#"{"apps": 7}"#, "{}"] {
        assert!(all(body.as_bytes()).is_err(), "{body}");
    }
}

/// As Marathon 0.7 and the first Theseus had it.
#[test]
fn an_app_of_the_first_theseus() {
    let app = json!({
        "id": "/ingestorD.L-dev-D.L0c1f3d1eD.L", "cmd": "", "args": null, "user": null,
        "container": {
            "image": "docker:///54.189.193.228:5000/flask",
            "options": ["-v", "/logs:/logs:ro", "--net=weave", "-p", "7000:7000", "-P"],
        },
        "env": {"ETCD_HOST_ADDRESS": "10.0.0.1", "LABELS": "['dev']", "SERVICE_NAME": "ingestor"},
        "instances": 4, "cpus": 0.1, "mem": 128.0, "disk": 0.0, "executor": "",
        "constraints": [["hostname", "UNIQUE", ""]], "uris": [], "storeUrls": [],
        "ports": [22, 5000], "requirePorts": false, "backoffSeconds": 1, "backoffFactor": 1.15,
        "healthChecks": [], "dependencies": [],
        "upgradeStrategy": {"minimumHealthCapacity": 1.0},
        "version": "2014-09-12T23:28:21.737Z", "tasksStaged": 0, "tasksRunning": 4, "deployments": [],
    });
    insta::assert_debug_snapshot!(reading(&app, "1.0.0"));
}

/// As it is shown from 0.8 to 1.4, with nulls and with everything twice.
#[test]
fn an_app_of_the_middle_ages() {
    let app = json!({
        "id": "/shop/prod/web", "cmd": "python app.py --port $PORT0", "args": null, "user": null,
        "env": {"A": "1", "DB_PASSWORD": {"secret": "secret0"}},
        "secrets": {"secret0": {"source": "db/password"}, "unused": {"source": "other"}},
        "instances": 2, "cpus": 0.5, "mem": 256, "disk": 10, "gpus": 0, "executor": "",
        "constraints": [["rack", "GROUP_BY", "3"], ["rack", "NEAR", "x"]],
        "uris": ["http://x/a.tgz"],
        "fetch": [{"uri": "http://x/a.tgz", "extract": true, "executable": false, "cache": true}],
        "storeUrls": [], "backoffSeconds": 5, "backoffFactor": 1.15, "maxLaunchDelaySeconds": 3600,
        "container": {
            "type": "DOCKER",
            "volumes": [
                {"containerPath": "/b", "hostPath": "/a", "mode": "RO"},
                {"containerPath": "data", "mode": "RW", "persistent": {"size": 100}},
            ],
            "docker": {
                "image": "web:2", "network": "BRIDGE", "privileged": false, "forcePullImage": true,
                "parameters": [{"key": "cap-add", "value": "A"}, {"key": "cap-add", "value": "B"}],
                "portMappings": [
                    {"containerPort": 8080, "hostPort": 0, "servicePort": 10001, "protocol": "tcp", "name": "http", "labels": {"VIP_0": "/web:80"}},
                    {"containerPort": 53, "hostPort": 31053, "servicePort": 10002, "protocol": "udp", "labels": {}},
                    {"containerPort": 53, "hostPort": 0, "servicePort": 10003, "protocol": "udp,tcp"},
                ],
            },
        },
        "ports": [10001, 10002, 10003],
        "portDefinitions": [
            {"port": 10001, "protocol": "tcp", "labels": {}}, {"port": 10002, "protocol": "tcp"},
            {"port": 10003, "protocol": "tcp"},
        ],
        "requirePorts": false,
        "healthChecks": [
            {"protocol": "HTTP", "path": "/health", "portIndex": 0, "gracePeriodSeconds": 5, "intervalSeconds": 6, "timeoutSeconds": 7, "maxConsecutiveFailures": 8, "ignoreHttp1xx": false},
            {"protocol": "TCP", "portIndex": 1},
        ],
        "readinessChecks": [], "dependencies": ["/shop/prod/db"],
        "upgradeStrategy": {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0.25},
        "labels": {"HAPROXY_GROUP": "external"}, "acceptedResourceRoles": null, "ipAddress": null,
        "residency": null, "taskKillGracePeriodSeconds": 30,
        "unreachableStrategy": {"inactiveAfterSeconds": 300, "expungeAfterSeconds": 600},
        "killSelection": "OLDEST_FIRST",
        "version": "x", "versionInfo": {"lastScalingAt": "x", "lastConfigChangeAt": "x"},
        "lastTaskFailure": {"message": "x"}, "tasks": [{"id": "t"}],
    });
    insta::assert_debug_snapshot!(reading(&app, "1.4.8"));
}

/// As it is shown from 1.5 on, with the fields of the last ones.
#[test]
fn an_app_of_the_last_days() {
    let app = json!({
        "id": "/web", "args": ["-v"], "instances": 1, "cpus": 1, "mem": 64, "disk": 0, "gpus": 1,
        "executor": "", "user": "root", "role": "prod", "tty": true,
        "networks": [{"name": "dcos", "mode": "container", "labels": {"a": "b"}}],
        "container": {
            "type": "MESOS",
            "docker": {"image": "web:3", "pullConfig": {"secret": "pull"}},
            "linuxInfo": {"seccomp": {"unconfined": true}},
            "portMappings": [{"containerPort": 80, "labels": {}, "name": "http", "protocol": "tcp", "servicePort": 10101, "networkNames": ["dcos"]}],
            "volumes": [
                {"containerPath": "/s", "secret": "key"},
                {"containerPath": "/e", "external": {"name": "v", "provider": "dvdi", "options": {"dvdi/driver": "rexray", "password": "hunter2"}}},
            ],
        },
        "healthChecks": [{"protocol": "MESOS_HTTP", "path": "/h", "portIndex": 0, "delaySeconds": 15, "ipProtocol": "IPv4", "gracePeriodSeconds": 300, "intervalSeconds": 60, "timeoutSeconds": 20, "maxConsecutiveFailures": 3}],
        "check": {"tcp": {"portIndex": 0}},
        "readinessChecks": [{"name": "r", "portName": "http"}],
        "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 1},
        "unreachableStrategy": "disabled", "killSelection": "YOUNGEST_FIRST",
        "backoffFactor": 1.15, "backoffSeconds": 1, "maxLaunchDelaySeconds": 300,
        "executorResources": {"cpus": 0.1, "mem": 32, "disk": 10},
        "resourceLimits": {"cpus": "unlimited"},
        "labels": {}, "newFangled": {"x": 1}, "requirePorts": false, "tasksStats": {},
    });
    let (spec, unsaid) = reading(&app, "1.11.0");
    assert!(!format!("{spec:?} {unsaid:?}").contains("hunter2"));
    insta::assert_debug_snapshot!((spec, unsaid));
}

#[test]
fn what_runs_no_image_is_nothing_for_theseus() {
    for app in [
        json!({"id": "/a", "cmd": "sleep 1"}),
        json!({"id": "/a", "cmd": "sleep 1", "container": null}),
        json!({"id": "/a", "container": {"type": "MESOS", "volumes": []}}),
        json!({"id": "/a", "container": {"docker": {"image": ""}}}),
        json!({"id": "/a", "container": {"docker": {"image": 7}}}),
        json!({}),
    ] {
        let (spec, _) = reading(&app, "1.11.0");
        assert_eq!(spec.unwrap_err(), "it runs no image", "{app}");
    }
}

#[test]
fn what_a_version_sets_by_itself_is_told_only_of_others() {
    let patient = json!({"inactiveAfterSeconds": 300, "expungeAfterSeconds": 600});
    let impatient = json!({"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0.0});
    for (version, field, value, is_usual) in [
        ("1.4.8", "unreachableStrategy", patient.clone(), true),
        ("1.4.8", "unreachableStrategy", impatient.clone(), false),
        ("1.5.11", "unreachableStrategy", impatient, true),
        ("1.11.0", "unreachableStrategy", patient, false),
        ("1.5.11", "maxLaunchDelaySeconds", json!(3600), true),
        ("1.5.11", "maxLaunchDelaySeconds", json!(300), false),
        ("1.11.0", "maxLaunchDelaySeconds", json!(300), true),
        ("1.11.0", "maxLaunchDelaySeconds", json!(3600), false),
        ("1.11.0", "role", json!("*"), true),
        ("1.11.0", "role", json!("dev"), false),
        ("1.11.0", "acceptedResourceRoles", json!(["dev"]), false),
        ("1.11.0", "gpus", json!(0), true),
    ] {
        let app = json!({"container": {"docker": {"image": "a:1"}}, field: value});
        let (_, unsaid) = reading(&app, version);
        assert_eq!(unsaid.is_empty(), is_usual, "{version} {unsaid:?}");
    }
}

#[test]
fn ports_of_the_hosts_network() {
    let host = |more: Value| with(more).0;
    let fixed = host(
        json!({"requirePorts": true, "portDefinitions": [{"port": 80, "name": "http"}, {"port": 81}]}),
    );
    assert_eq!(fixed.network, Network::Host);
    assert_eq!(fixed.ports.keys().collect::<Vec<_>>(), ["http", "port-81"]);
    assert_eq!(
        (fixed.ports[0].container, fixed.ports[0].host),
        (80, Some(80))
    );
    let service = host(json!({"ports": [10001, 0, 0]}));
    let numbers: Vec<_> = service
        .ports
        .iter()
        .map(|(name, port)| (&**name, port.container, port.host, port.service))
        .collect();
    assert_eq!(
        numbers,
        [
            ("port-10001", 10001, None, Some(10001)),
            ("port-number-2", 1, None, None),
            ("port-number-3", 2, None, None)
        ]
    );
}

#[test]
fn how_marathon_replaces_containers_becomes_how_theseus_may() {
    for (minimum, maximum, surge, unavailable) in [
        (1.0, 1.0, "1", "0"),
        (0.5, 0.0, "0", "50%"),
        (0.0, 0.0, "0", "100%"),
        (1.0, 0.2, "20%", "0"),
        (0.7, 0.1, "10%", "30%"),
        // Which could never come forward.
        (1.0, 0.0, "1", "0"),
    ] {
        let strategy = json!({"upgradeStrategy": {"minimumHealthCapacity": minimum, "maximumOverCapacity": maximum}});
        let update = with(strategy).0.update;
        let told = (
            update.max_surge.to_string(),
            update.max_unavailable.to_string(),
        );
        assert_eq!(told, (surge.to_owned(), unavailable.to_owned()));
    }
}

#[test]
fn which_port_a_check_is_of() {
    let ports = json!({"networks": [{"mode": "container/bridge"}], "container": {"portMappings": [
        {"containerPort": 80, "name": "http"}, {"containerPort": 81, "hostPort": 31081, "name": "admin"},
    ]}});
    for (check, port) in [
        (json!({}), Some("http")),
        (json!({"portIndex": 1}), Some("admin")),
        (json!({"port": 81}), Some("admin")),
        (json!({"port": 31081}), Some("admin")),
        (json!({"port": 9}), None),
        (json!({"portIndex": 2}), None),
        (json!({"protocol": "GRPC"}), None),
        (json!({"protocol": "HTTPS"}), Some("http")),
    ] {
        let mut app = ports.clone();
        merge(&mut app, json!({"healthChecks": [check]}));
        let (spec, unsaid) = with(app);
        let probed = spec.health.as_ref().and_then(|health| health.probe.port());
        assert_eq!(probed, port, "{check}");
        let is_told = port.is_none() || check["protocol"] == "HTTPS";
        assert_eq!(!unsaid.is_empty(), is_told, "{check} {unsaid:?}");
    }
}

const WORD: &str = "[a-z]([a-z0-9-]{0,5}[a-z0-9])?";
const TEXT: &str = "(?s).{0,8}";

prop_compose! {
    fn ports(network: Network)(
        ports in btree_map(WORD, (1..=65535_u16, option::of(1..=65535_u16), option::of(1..=65535_u16), any::<bool>()), 0..4),
    ) -> Vec<(String, Port)> {
        let is_host = network == Network::Host;
        let fixed = ports.values().any(|port| port.1.is_some());
        ports.into_iter().map(|(name, (container, host, service, udp))| {
            // On the host's network there is one number; Marathon requires all of them or none.
            let (host, service) = match (is_host, fixed) {
                (true, true) => (Some(container), None),
                (true, false) => (None, service),
                (false, _) => (host, service),
            };
            let protocol = if udp { Protocol::Udp } else { Protocol::Tcp };
            (name, Port { container, host, service, protocol })
        }).collect()
    }
}

fn network() -> impl Strategy<Value = Network> {
    prop_oneof![
        Just(Network::Bridge),
        Just(Network::Host),
        "n[a-z]{1,5}".prop_map(Network::Named),
    ]
}

fn constraint() -> impl Strategy<Value = Constraint> {
    (WORD, 0..Operator::ALL.len(), option::of("[a-z0-9.*]{1,4}")).prop_map(
        |(field, index, value)| Constraint {
            field,
            operator: Operator::ALL[index],
            value,
        },
    )
}

fn health(ports: &[(String, Port)]) -> BoxedStrategy<Option<Health>> {
    let command = TEXT.prop_map(Probe::Command).boxed();
    let names: Vec<_> = ports.iter().map(|(name, _)| name.clone()).collect();
    let probe = if names.is_empty() {
        command
    } else {
        let port = || proptest::sample::select(names.clone());
        prop_oneof![
            command,
            port().prop_map(|port| Probe::Tcp { port }),
            (port(), TEXT).prop_map(|(port, path)| Probe::Http {
                port,
                path: format!("/{path}")
            }),
        ]
        .boxed()
    };
    let health = (probe, 0..999_u64, 1..999_u64, 1..999_u64, 0..99_u32).prop_map(
        |(probe, grace, interval, timeout, failures)| Health {
            probe,
            grace: Duration::from_secs(grace),
            interval: Duration::from_secs(interval),
            timeout: Duration::from_secs(timeout),
            failures,
        },
    );
    option::of(health).boxed()
}

fn env_value() -> impl Strategy<Value = EnvValue> {
    prop_oneof![
        TEXT.prop_map(EnvValue::Plain),
        WORD.prop_map(|secret| EnvValue::Secret { secret }),
    ]
}

fn wiring() -> impl Strategy<Value = (Network, Vec<(String, Port)>)> {
    network().prop_flat_map(|network| (Just(network.clone()), ports(network)))
}

prop_compose! {
    /// Specs of which Marathon is told all that there is to be told.
    fn spec()(wiring in wiring())(
        health in health(&wiring.1),
        (network, ports) in Just(wiring),
        image in WORD,
        command in vec(TEXT, 0..3),
        args in vec(TEXT, 0..3),
        environment in btree_map("[^=\0]{1,8}", env_value(), 0..4),
        instances in 0..=100_000_u32,
        (cpus, mem, disk) in (0.001..64.0_f64, 1.0..1e6_f64, 0.0..1e6_f64),
        volumes in vec(("/[a-z]{0,5}", any::<bool>()), 0..3),
        constraints in vec(constraint(), 0..3),
        parameters in btree_map(WORD, vec(TEXT, 1..3), 0..3),
        metadata in btree_map(WORD, TEXT, 0..3),
        fetch in vec((WORD, any::<[bool; 3]>()), 0..3),
        force_pull in any::<bool>(),
    ) -> Spec {
        let volumes = volumes.iter().enumerate().map(|(index, (host, read_only))| {
            let access = if *read_only { "ro" } else { "rw" };
            format!("{host}:/c{index}:{access}").parse().unwrap()
        });
        let fetch = fetch.into_iter().map(|(uri, [extract, executable, cache])| Fetch {
            uri, extract, executable, cache,
        });
        Spec {
            image,
            // With a command, its arguments are words of the same line.
            args: if command.is_empty() { args } else { Vec::new() },
            command,
            ports: ports.into_iter().collect(),
            environment: Environment(environment),
            instances,
            resources: Resources { cpus, mem, disk },
            volumes: volumes.collect(),
            constraints,
            force_pull,
            network,
            parameters,
            fetch: fetch.collect(),
            metadata,
            health,
            ..Spec::new("")
        }
    }
}

/// A spec as it comes back: on the host's network nobody is told a number inside.
fn comparable(mut spec: Spec) -> Spec {
    if spec.network == Network::Host {
        for port in spec.ports.values_mut() {
            port.container = port.host.or(port.service).unwrap_or(1);
        }
    }
    spec
}

proptest! {
    #[test]
    fn what_theseus_writes_is_read_back(spec in spec(), version in 0..VERSIONS.len()) {
        let version = VERSIONS[version];
        let new = NewApp {
            group: "a:x".parse().unwrap(),
            revision: 1,
            part: Part::Whole,
            pinned_to: None,
            instances: spec.instances,
            spec: Arc::new(spec),
        };
        // What a version cannot express, it need not show.
        let Ok(app) = encode::app(&new, dialect(version)) else {
            return Ok(());
        };
        let mut app = serde_json::to_value(&app).unwrap();
        for own in ["THESEUS_GROUP", "THESEUS_REVISION"] {
            for place in ["labels", "env"] {
                app[place].as_object_mut().unwrap().remove(own);
            }
        }
        let (read, unsaid) = reading(&app, version);
        prop_assert_eq!(&unsaid, &[""; 0]);
        let wanted = comparable(Spec::clone(&new.spec));
        prop_assert_eq!(comparable(read.unwrap()), wanted, "{} {}", version, app);
    }

    #[test]
    fn any_definition_may_be_there(
        field in proptest::sample::select(vec![
            "cmd", "args", "env", "secrets", "container", "ports", "portDefinitions", "networks",
            "healthChecks", "constraints", "fetch", "uris", "labels", "upgradeStrategy", "ipAddress",
            "instances", "cpus", "user",
        ]),
        value in value(),
    ) {
        let mut app = json!({"container": {"docker": {"image": "a:1"}}});
        app[field] = value;
        let _ = reading(&app, "1.11.0");
    }
}

/// Something in JSON, with the words of a definition more often than in life.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,5}".prop_map(Value::from),
    ];
    let key = proptest::sample::select(vec![
        "docker",
        "image",
        "portMappings",
        "containerPort",
        "hostPort",
        "volumes",
        "hostPath",
        "mode",
        "name",
        "protocol",
        "port",
        "portIndex",
        "command",
        "value",
        "uri",
        "secret",
        "parameters",
        "key",
        "options",
        "network",
    ]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(key.clone(), inner, 0..4).prop_map(|map: BTreeMap<&str, Value>| {
                map.into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            }),
        ]
    })
}
