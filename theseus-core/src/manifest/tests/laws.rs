//! What holds of every manifest.

use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::spec_of;
use crate::manifest::{Manifest, Source};
use crate::model::{
    Amount, Constraint, CustomConstraint, EnvValue, Environment, Fetch, Health, Network, OnFailure,
    Operator, Order, Port, Probe, Protocol, Resources, Spec, Strategy as UpdateStrategy, Update,
};

const EVERYTHING: &str = include_str!("../../../../examples/everything.yaml");

const NAME: &str = "[A-Za-z0-9]([A-Za-z0-9_.-]{0,8}[A-Za-z0-9])?";
/// Any text but NUL, which nothing can be given.
const TEXT: &str = "[^\0]{0,12}";
const SOLID: &str = "[!-~äö€]{1,12}";

fn duration(least: u64) -> impl Strategy<Value = Duration> {
    (least..=86_400_000).prop_map(Duration::from_millis)
}

fn ports() -> impl Strategy<Value = indexmap::IndexMap<String, Port>> {
    // Numbers from disjoint ranges by position, so that none is used twice.
    vec((NAME, 0..100_u16, any::<[bool; 3]>()), 0..4).prop_map(|ports| {
        let ports = ports.into_iter().zip(0_u16..);
        ports
            .map(|((name, number, [host, service, udp]), index)| {
                let number = 1 + index * 100 + number;
                let port = Port {
                    container: number,
                    host: host.then_some(number + 1000),
                    service: service.then_some(number + 2000),
                    protocol: if udp { Protocol::Udp } else { Protocol::Tcp },
                };
                (name, port)
            })
            .collect()
    })
}

fn env_value() -> impl Strategy<Value = EnvValue> {
    prop_oneof![
        TEXT.prop_map(EnvValue::Plain),
        SOLID.prop_map(|secret| EnvValue::Secret { secret }),
    ]
}

fn constraint() -> impl Strategy<Value = Constraint> {
    (SOLID, 0..Operator::ALL.len(), 1..100_u32, SOLID).prop_map(|(field, index, number, text)| {
        let operator = Operator::ALL[index];
        let value = match operator {
            Operator::Unique => None,
            Operator::GroupBy | Operator::MaxPer => Some(number.to_string()),
            _ => Some(text),
        };
        Constraint {
            field,
            operator,
            value,
        }
    })
}

fn health(ports: &indexmap::IndexMap<String, Port>) -> BoxedStrategy<Option<Health>> {
    let command = "[^\0]{0,9}[a-z]".prop_map(Probe::Command).boxed();
    let names: Vec<_> = ports.keys().cloned().collect();
    let probe = if names.is_empty() {
        command
    } else {
        let port = || proptest::sample::select(names.clone());
        prop_oneof![
            command,
            port().prop_map(|port| Probe::Tcp { port }),
            (port(), SOLID).prop_map(|(port, path)| Probe::Http {
                port,
                path: format!("/{path}")
            }),
        ]
        .boxed()
    };
    let timing = (duration(0), duration(1), duration(1), 0..100_u32);
    let health = (probe, timing).prop_map(|(probe, (grace, interval, timeout, failures))| Health {
        probe,
        grace,
        interval,
        timeout,
        failures,
    });
    option::of(health).boxed()
}

fn update() -> impl Strategy<Value = Update> {
    let amount = || {
        prop_oneof![
            (1..5_u32).prop_map(Amount::Count),
            Just(Amount::Percent(100)),
        ]
    };
    (
        amount(),
        amount(),
        duration(0),
        duration(1),
        any::<[bool; 3]>(),
    )
        .prop_map(
            |(max_surge, max_unavailable, min_healthy_time, deadline, [native, pause, stop])| {
                Update {
                    strategy: if native {
                        UpdateStrategy::Native
                    } else {
                        UpdateStrategy::Rolling
                    },
                    max_surge,
                    max_unavailable,
                    min_healthy_time,
                    deadline,
                    on_failure: if pause {
                        OnFailure::Pause
                    } else {
                        OnFailure::Rollback
                    },
                    order: if stop {
                        Order::StopFirst
                    } else {
                        Order::StartFirst
                    },
                    ..Update::default()
                }
            },
        )
}

prop_compose! {
    fn resources()(cpus in 0.001..64.0_f64, mem in 1.0..1e6_f64, disk in 0.0..1e6_f64) -> Resources {
        Resources { cpus, mem, disk }
    }
}

prop_compose! {
    fn spec()(ports in ports())(
        health in health(&ports),
        ports in Just(ports),
        image in SOLID,
        words in (vec(TEXT, 0..3), vec(TEXT, 0..3)),
        environment in btree_map("[^=\0]{1,8}", env_value(), 0..4),
        maps in (btree_map(SOLID, vec(TEXT, 0..3), 0..3), btree_map(SOLID, TEXT, 0..3)),
        instances in 0..=100_000_u32,
        resources in resources(),
        volumes in vec(("/[a-z]{0,5}", any::<bool>()), 0..3),
        constraints in vec(constraint(), 0..3),
        fetch in vec((SOLID, any::<[bool; 3]>()), 0..3),
        network in prop_oneof![Just(Network::Bridge), "n[a-z]{1,5}".prop_map(Network::Named)],
        flags in any::<[bool; 2]>(),
        update in update(),
    ) -> Spec {
        let volumes = volumes.iter().enumerate().map(|(index, (host, read_only))| {
            let access = if *read_only { "ro" } else { "rw" };
            format!("{host}:/c{index}:{access}").parse().unwrap()
        });
        Spec {
            image,
            command: words.0,
            args: words.1,
            ports,
            environment: Environment(environment),
            instances,
            resources,
            volumes: volumes.collect(),
            constraints,
            custom_constraints: flags[0].then_some(CustomConstraint::fixed_host()).into_iter().collect(),
            force_pull: flags[1],
            network,
            parameters: maps.0,
            fetch: fetch
                .into_iter()
                .map(|(uri, [extract, executable, cache])| Fetch { uri, extract, executable, cache })
                .collect(),
            metadata: maps.1,
            health,
            update,
            depends_on: Vec::new(),
        }
    }
}

fn never_panics(bytes: &[u8]) {
    if let Err(faults) = Manifest::parse(&[Source::new("fuzz.yaml", bytes)]) {
        assert!(faults.iter().count() > 0);
        for fault in &faults {
            let text = &fault.place.snippet.text;
            assert!(text.get(fault.place.snippet.mark.clone()).is_some());
            assert!(!text.contains(['\n', '\r', '\u{1b}']));
        }
        assert!(!faults.to_string().is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The JSON of a spec, with labels beside it, is a group of a manifest.
    #[test]
    fn a_spec_is_read_back_from_its_json(spec in spec()) {
        let mut group = serde_json::to_value(&spec).unwrap();
        group["labels"] = serde_json::json!(["l"]);
        let manifest = serde_json::json!({"deploy": {"s": [group]}});
        for text in [manifest.to_string(), format!("{manifest:#}")] {
            prop_assert_eq!(&spec_of(&text, "s:l"), &spec, "{}", text);
        }
    }

    #[test]
    fn bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        never_panics(&bytes);
    }

    #[test]
    fn texts_never_panic(text in "(?s).{0,200}") {
        never_panics(text.as_bytes());
    }

    #[test]
    fn what_looks_like_yaml_never_panics(
        tokens in vec(proptest::sample::select(vec![
            "deploy", "remove", "s", "image", "labels", "ports", "health", "http", "environment",
            "DB_PASSWORD", "<<", ": ", ":", "- ", "\n", "\n  ", "\n    ", "\t", "\r", "\r\n", "[",
            "]", "{", "}", ", ", "'", "\"", "|", ">", "&a ", "*a", "!t ", "!!str ", "# ", "---",
            "...", "? ", "5", "1.5", "~", "ä", "\u{1F600}", "\u{feff}", "\\ud83d\\ude00", "\u{202e}",
        ]), 0..60)
    ) {
        never_panics(tokens.concat().as_bytes());
    }

    #[test]
    fn a_damaged_manifest_never_panics(
        changes in vec((any::<proptest::sample::Index>(), 0..4_usize, "[ -~\n]{0,3}"), 1..5)
    ) {
        let mut bytes = EVERYTHING.as_bytes().to_vec();
        for (at, removed, added) in changes {
            let at = at.index(bytes.len());
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, added.bytes());
        }
        never_panics(&bytes);
    }
}
