//! What holds of every manifest.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::spec_of;
use crate::manifest::{Manifest, Secrets, Source, write};
use crate::model::{
    Amount, Constraint, CustomConstraint, EnvValue, Environment, Fetch, GroupId, Health, Network,
    OnFailure, Operator, Order, Port, Probe, Promote, Protocol, Resources, Spec,
    Strategy as UpdateStrategy, Update,
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

/// An update for so many instances. The engine's own has no canary, and no fixed hosts.
fn update(instances: u32, is_fixed: bool) -> impl Strategy<Value = Update> {
    let amount = || {
        prop_oneof![
            (1..5_u32).prop_map(Amount::Count),
            Just(Amount::Percent(100)),
        ]
    };
    let canary = prop_oneof![
        (1..=instances.max(1)).prop_map(Amount::Count),
        (1..=100_u8).prop_map(Amount::Percent),
    ];
    let promote = prop_oneof![Just(Promote::Auto), Just(Promote::Manual)];
    let failure = prop_oneof![
        Just(OnFailure::Rollback),
        Just(OnFailure::Pause),
        Just(OnFailure::Keep)
    ];
    (
        (amount(), amount()),
        (duration(0), duration(1)),
        (0..=100_000_u32, failure),
        option::of((canary, duration(0), promote)),
        any::<[bool; 2]>(),
    )
        .prop_map(
            move |(room, times, (max_failed_starts, on_failure), canary, [native, stop])| {
                let native = native && !is_fixed && canary.is_none();
                let mut update = Update {
                    max_surge: room.0,
                    max_unavailable: room.1,
                    min_healthy_time: times.0,
                    deadline: times.1,
                    max_failed_starts,
                    on_failure,
                    ..Update::default()
                };
                if native {
                    update.strategy = UpdateStrategy::Native;
                }
                if stop {
                    update.order = Order::StopFirst;
                }
                if let Some((canary, bake, promote)) = canary {
                    update.canary = Some(canary);
                    update.bake = bake;
                    update.promote = promote;
                }
                update
            },
        )
}

fn group() -> impl Strategy<Value = GroupId> {
    // Not the group that says it, which has the label `l`.
    (NAME, any::<bool>(), NAME).prop_map(|(service, alone, label)| {
        let labels = if alone {
            "k".to_owned()
        } else {
            format!("{label},m")
        };
        format!("{service}:{labels}").parse().unwrap()
    })
}

/// Custom constraints that go together, in the order of a spec.
fn custom_constraints() -> impl Strategy<Value = Vec<CustomConstraint>> {
    (
        option::of(option::of(duration(1))),
        btree_set(SOLID, 0..3),
        btree_set(group(), 0..4),
        any::<bool>(),
    )
        .prop_map(|(fixed, attributes, groups, near)| {
            let fixed = fixed.map(|relocate_after| CustomConstraint::FixedHost { relocate_after });
            let spread = attributes.into_iter().map(CustomConstraint::SpreadBy);
            let groups = groups.into_iter().enumerate().map(|(index, group)| {
                if (index % 2 == 0) == near {
                    CustomConstraint::Near(group)
                } else {
                    CustomConstraint::AwayFrom(group)
                }
            });
            let mut all: Vec<_> = fixed.into_iter().chain(spread).chain(groups).collect();
            all.sort();
            all
        })
}

fn is_fixed(constraints: &[CustomConstraint]) -> bool {
    constraints
        .iter()
        .any(|constraint| matches!(constraint, CustomConstraint::FixedHost { .. }))
}

prop_compose! {
    fn resources()(cpus in 0.001..64.0_f64, mem in 1.0..1e6_f64, disk in 0.0..1e6_f64) -> Resources {
        Resources { cpus, mem, disk }
    }
}

prop_compose! {
    fn spec()(
        ports in ports(),
        instances in 0..=100_000_u32,
        custom_constraints in custom_constraints(),
    )(
        health in health(&ports),
        update in update(instances, is_fixed(&custom_constraints)),
        ports in Just(ports),
        instances in Just(instances),
        custom_constraints in Just(custom_constraints),
        image in SOLID,
        words in (vec(TEXT, 0..3), vec(TEXT, 0..3)),
        environment in btree_map("[^=\0]{1,8}", env_value(), 0..4),
        maps in (btree_map(SOLID, vec(TEXT, 0..3), 0..3), btree_map(SOLID, TEXT, 0..3)),
        resources in resources(),
        volumes in vec(("/[a-z]{0,5}", any::<bool>()), 0..3),
        constraints in vec(constraint(), 0..3),
        fetch in vec((SOLID, any::<[bool; 3]>()), 0..3),
        network in prop_oneof![Just(Network::Bridge), "n[a-z]{1,5}".prop_map(Network::Named)],
        force_pull in any::<bool>(),
        depends_on in btree_set(group(), 0..3),
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
            custom_constraints,
            force_pull,
            network,
            parameters: maps.0,
            fetch: fetch
                .into_iter()
                .map(|(uri, [extract, executable, cache])| Fetch { uri, extract, executable, cache })
                .collect(),
            metadata: maps.1,
            health,
            update,
            depends_on: depends_on.into_iter().collect(),
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
    fn what_is_written_of_specs_is_read_back(specs in vec(spec(), 1..3)) {
        let groups: Vec<_> = specs
            .into_iter()
            .zip(["s:l", "s:m,o,p"])
            .map(|(spec, group)| (group.parse::<GroupId>().unwrap(), Arc::new(spec)))
            .collect();
        let text = write(groups.iter().map(|(group, spec)| (group, spec)), Secrets::Shown);
        let manifest = Manifest::parse(&[Source::new("written.yaml", text.clone())]);
        let manifest = manifest.unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        let read: Vec<_> = manifest.deploy().map(|(group, spec)| (group.clone(), spec.clone())).collect();
        prop_assert_eq!(read, groups, "{}", text);
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
            "depends-on", "s:l", "custom-constraints", "near", "fixed-host", "update", "canary",
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
