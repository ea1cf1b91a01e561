use std::sync::Arc;

use serde_json::Value;
use theseus_core::cluster::Part;
use theseus_core::model::{Amount, Network, Port, Strategy};

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
fn where_there_are_no_labels_the_revision_is_in_the_environment() {
    let stable = |revision: Option<&str>| {
        let mut spec = ingestor();
        spec.update.max_surge = Amount::Percent(100);
        spec.update.strategy = Strategy::Native;
        if let Some(revision) = revision {
            let value = EnvValue::Plain(revision.to_owned());
            spec.environment.0.insert(REVISION.to_owned(), value);
        }
        NewApp {
            part: Part::Stable,
            ..new_app(spec)
        }
    };
    for (version, told, is_taken) in [
        ("0.7.6", Some("3"), true),
        ("0.7.6", Some("4"), false),
        ("0.7.6", None, false),
        ("0.8.0", Some("4"), true),
        ("0.8.0", None, true),
    ] {
        let new = stable(told);
        let refused = app(&new, dialect(version)).err().unwrap_or_default();
        assert_eq!(
            refused.is_empty(),
            is_taken,
            "{version} {told:?}: {refused:?}"
        );
    }
    // The manifest's own value would win.
    let new = stable(Some("3"));
    let refused = unsupported(&new.group, &new.spec, dialect("0.7.6"));
    assert_eq!(
        refused[0].field.as_deref(),
        Some("environment.THESEUS_REVISION")
    );
    let new = stable(None);
    assert_eq!(unsupported(&new.group, &new.spec, dialect("0.7.6")), []);
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
