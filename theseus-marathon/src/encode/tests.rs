use std::sync::Arc;

use serde_json::Value;
use theseus_core::cluster::Part;
use theseus_core::model::{CustomConstraint, Fetch, Port, Protocol};

use super::*;
use crate::dialect::tests::dialect;

const NATIVE: &str = "1.11.0";
const OLD: &str = "1.4.9";

fn new_app(spec: Spec) -> NewApp {
    NewApp {
        group: "ingestor:dev".parse().unwrap(),
        revision: 3,
        part: Part::Whole,
        pinned_to: None,
        instances: 4,
        spec: Arc::new(spec),
    }
}

fn json(spec: Spec, version: &str) -> Value {
    let new = new_app(spec);
    serde_json::to_value(app(&new, dialect(version)).unwrap()).unwrap()
}

fn refusals(spec: Spec, version: &str) -> Vec<String> {
    let refusals = app(&new_app(spec), dialect(version)).unwrap_err();
    refusals
        .into_iter()
        .map(|it| format!("{}: {}", it.field.unwrap_or_default(), it.message))
        .collect()
}

/// The group of the original README.
fn ingestor() -> Spec {
    let mut spec = Spec::new("54.189.193.228:5000/flask");
    spec.ports.insert("ssh".to_owned(), Port::tcp(22));
    spec.ports.insert("api".to_owned(), Port::tcp(5000));
    let name = EnvValue::Plain("Ingestor".to_owned());
    spec.environment.0.insert("APP_NAME".to_owned(), name);
    spec.instances = 4;
    spec.resources.cpus = 0.1;
    spec.resources.mem = 128.0;
    spec
}

fn constraint(words: &[&str]) -> theseus_core::model::Constraint {
    let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
    words.try_into().unwrap()
}

/// Every field that Marathon is told.
fn everything() -> Spec {
    let mut spec = ingestor();
    spec.command = vec!["run".to_owned(), "it's here".to_owned()];
    spec.args = vec!["--all".to_owned(), "$HOME".to_owned(), String::new()];
    let dns = Port {
        host: Some(53),
        service: Some(10053),
        protocol: Protocol::Udp,
        ..Port::tcp(5353)
    };
    spec.ports.insert("DNS_1".to_owned(), dns);
    let secret = "db/password".to_owned();
    spec.environment
        .0
        .insert("DB_PASS".to_owned(), EnvValue::Secret { secret });
    spec.resources.disk = 10.0;
    spec.volumes = vec!["/a:/b:ro".parse().unwrap(), "/c:/d".parse().unwrap()];
    spec.constraints = vec![
        constraint(&["hostname", "UNIQUE"]),
        constraint(&["rack", "GROUP_BY", "3"]),
    ];
    spec.custom_constraints = vec![CustomConstraint::fixed_host()];
    spec.force_pull = true;
    let hosts = vec!["a:1".to_owned(), "b:2".to_owned()];
    spec.parameters.insert("add-host".to_owned(), hosts);
    spec.fetch = vec![Fetch {
        uri: "http://x/y.tgz".to_owned(),
        extract: true,
        executable: false,
        cache: true,
    }];
    spec.metadata
        .insert("HAPROXY_GROUP".to_owned(), "external".to_owned());
    spec.metadata
        .insert(GROUP_LABEL.to_owned(), "another:group".to_owned());
    spec.health = Some(Health {
        interval: Duration::from_millis(1500),
        ..Health::new(Probe::Http {
            port: "api".to_owned(),
            path: "/health".to_owned(),
        })
    });
    spec
}

#[test]
fn the_readmes_group() {
    insta::assert_json_snapshot!("ingestor_native", json(ingestor(), NATIVE));
    insta::assert_json_snapshot!("ingestor_old", json(ingestor(), OLD));
}

#[test]
fn every_field_is_told() {
    insta::assert_json_snapshot!("everything_native", json(everything(), NATIVE));
    insta::assert_json_snapshot!("everything_old", json(everything(), OLD));
}

/// Only what an app has for its ports and networks.
fn wiring(spec: Spec, version: &str) -> Value {
    let json = json(spec, version);
    serde_json::json!({
        "networks": json["networks"],
        "ipAddress": json["ipAddress"],
        "portDefinitions": json["portDefinitions"],
        "requirePorts": json["requirePorts"],
        "portMappings": json["container"]["portMappings"],
        "docker.network": json["container"]["docker"]["network"],
        "docker.portMappings": json["container"]["docker"]["portMappings"],
    })
}

#[test]
fn the_hosts_network() {
    let mut spec = ingestor();
    spec.network = Network::Host;
    insta::assert_json_snapshot!("host_native", wiring(spec.clone(), NATIVE));
    insta::assert_json_snapshot!("host_old", wiring(spec.clone(), OLD));
    spec.ports["api"].host = Some(80);
    insta::assert_json_snapshot!("host_fixed", wiring(spec, NATIVE));
}

#[test]
fn a_network_with_a_name() {
    let mut spec = ingestor();
    spec.network = Network::Named("weave".to_owned());
    spec.ports["api"].host = Some(80);
    insta::assert_json_snapshot!("named_native", wiring(spec.clone(), NATIVE));
    insta::assert_json_snapshot!("named_old", wiring(spec, OLD));
}

#[test]
fn without_ports_marathon_makes_up_none() {
    let spec = Spec::new("a:1");
    assert_eq!(
        wiring(spec.clone(), NATIVE)["portMappings"],
        serde_json::json!([])
    );
    assert_eq!(
        wiring(spec.clone(), OLD)["docker.portMappings"],
        serde_json::json!([])
    );
    let on_host = Spec {
        network: Network::Host,
        ..spec
    };
    assert_eq!(
        wiring(on_host, NATIVE)["portDefinitions"],
        serde_json::json!([])
    );
}

/// Only what a part of a group has of its own.
fn placed(part: Part, host: Option<&str>, constraints: &[&[&str]], version: &str) -> Value {
    let mut spec = ingestor();
    spec.constraints = constraints.iter().map(|words| constraint(words)).collect();
    let new = NewApp {
        part,
        pinned_to: host.map(Into::into),
        ..new_app(spec)
    };
    let json = serde_json::to_value(app(&new, dialect(version)).unwrap()).unwrap();
    serde_json::json!({
        "id": json["id"],
        "constraints": json["constraints"],
        "upgradeStrategy": json["upgradeStrategy"],
        "revision": json["labels"]["THESEUS_REVISION"],
    })
}

#[test]
fn a_slot_is_tied_to_its_host_and_stops_before_it_starts() {
    let unique: &[&str] = &["hostname", "UNIQUE"];
    let pinned: &[&str] = &["hostname", "CLUSTER", "h1"];
    for version in ["1.0.0", OLD, NATIVE] {
        for (host, own, expected) in [
            (None, vec![], vec![]),
            (None, vec![unique], vec![unique]),
            (Some("h1"), vec![], vec![pinned]),
            (Some("h1"), vec![unique], vec![unique, pinned]),
            (Some("h1"), vec![pinned, unique], vec![pinned, unique]),
        ] {
            assert_eq!(
                placed(Part::Slot(2), host, &own, version),
                serde_json::json!({
                    "id": "/theseus/ingestor/dev/r3.s2",
                    "constraints": expected,
                    "upgradeStrategy": {"minimumHealthCapacity": 0.0, "maximumOverCapacity": 0.0},
                    "revision": "3",
                })
            );
        }
    }
}

#[test]
fn a_stable_app_says_its_revision_and_its_bounds() {
    for version in ["1.0.0", OLD, NATIVE] {
        assert_eq!(
            placed(Part::Stable, None, &[], version),
            serde_json::json!({
                "id": "/theseus/ingestor/dev/stable",
                "constraints": [],
                // Four instances, of which none may be missing, and one may be added.
                "upgradeStrategy": {"minimumHealthCapacity": 1.0, "maximumOverCapacity": 0.375},
                "revision": "3",
            })
        );
    }
}

#[test]
fn an_app_that_is_never_changed_has_no_say_in_it() {
    let whole = placed(Part::Whole, None, &[], NATIVE);
    assert_eq!(whole["upgradeStrategy"], Value::Null);
}

#[test]
fn commands_are_seen_by_no_shell() {
    for (command, args, cmd, expected_args) in [
        (&[][..], &[][..], None, None),
        (&[], &["-v", "a b"], None, Some(vec!["-v", "a b"])),
        (&["run"], &[], Some("exec run"), None),
        (
            &["run", "-x"],
            &["--y=1", "a b"],
            Some("exec run -x '--y=1' 'a b'"),
            None,
        ),
        (
            &["sh", "-c", "echo $A; 'b'"],
            &[],
            Some(r"exec sh -c 'echo $A; '\''b'\'''"),
            None,
        ),
        (&["A=1"], &[""], Some("exec 'A=1' ''"), None),
    ] {
        let owned = |words: &[&str]| {
            words
                .iter()
                .map(|&word| word.to_owned())
                .collect::<Vec<_>>()
        };
        let mut spec = Spec::new("a:1");
        (spec.command, spec.args) = (owned(command), owned(args));
        let json = json(spec, NATIVE);
        assert_eq!(json["cmd"].as_str(), cmd, "{command:?} {args:?}");
        let args = json
            .get("args")
            .map(|args| serde_json::from_value(args.clone()).unwrap());
        assert_eq!(args, expected_args.map(|args| owned(&args)));
    }
}

#[test]
fn health_checks() {
    for (probe, expected) in [
        (
            Probe::Tcp {
                port: "ssh".to_owned(),
            },
            serde_json::json!({"protocol": "TCP", "portIndex": 0}),
        ),
        (
            Probe::Command("curl -f localhost".to_owned()),
            serde_json::json!({"protocol": "COMMAND", "command": {"value": "curl -f localhost"}}),
        ),
    ] {
        let mut spec = ingestor();
        spec.health = Some(Health::new(probe));
        let mut expected = expected;
        expected["gracePeriodSeconds"] = 300.into();
        expected["intervalSeconds"] = 60.into();
        expected["timeoutSeconds"] = 20.into();
        expected["maxConsecutiveFailures"] = 3.into();
        assert_eq!(
            json(spec, NATIVE)["healthChecks"],
            serde_json::json!([expected])
        );
    }
}

#[test]
fn what_a_version_lacks_is_refused_with_the_field() {
    let mut spec = everything();
    spec.network = Network::Named("weave".to_owned());
    spec.constraints.push(constraint(&["rack", "MAX_PER", "2"]));
    spec.constraints.push(constraint(&["rack", "IS", "a"]));
    let lacks = |field: &str, version: &str, needed: &str| {
        format!("{field}: this is Marathon {version}; it takes Marathon {needed} or later")
    };
    assert_eq!(
        refusals(spec.clone(), "1.1.5"),
        [
            lacks("network", "1.1.5", "1.3.0"),
            lacks("environment.DB_PASS", "1.1.5", "1.3.0"),
            lacks("constraints[2]", "1.1.5", "1.3.0"),
            lacks("constraints[3]", "1.1.5", "1.6.322"),
        ]
    );
    assert_eq!(
        refusals(spec.clone(), OLD),
        [lacks("constraints[3]", OLD, "1.6.322")]
    );
    assert!(app(&new_app(spec), dialect(NATIVE)).is_ok());
}

#[test]
fn what_no_marathon_can_run_is_refused_with_the_field() {
    let mut spec = ingestor();
    spec.network = Network::Host;
    spec.ports["api"].host = Some(80);
    spec.ports["api"].service = Some(10080);
    spec.health = Some(Health::new(Probe::Tcp {
        port: "web".to_owned(),
    }));
    assert_eq!(
        refusals(spec, NATIVE),
        [
            "ports.api: on the host's network, `host` and `service` are one number",
            "health: there is no port called \"web\"",
        ]
    );
    let mut new = new_app(ingestor());
    new.group = format!("{}:dev", "A".repeat(60)).parse().unwrap();
    let refusals = app(&new, dialect(NATIVE)).unwrap_err();
    assert!(refusals[0].message.contains("too long"), "{refusals:?}");
}
