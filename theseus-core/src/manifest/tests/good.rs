//! What is accepted, and what it means.

use std::time::Duration;

use super::{parse, spec_of, with};
use crate::manifest::{Faults, Manifest, Reader, Source};
use crate::model::{
    Amount, CustomConstraint, EnvValue, Fetch, GroupId, Health, Network, OnFailure, Order, Port,
    Probe, Promote, Protocol, Spec, Strategy, Update,
};

const INGESTOR: &str = include_str!("../../../../examples/ingestor.yaml");
const INGESTOR_REMOVE: &str = include_str!("../../../../examples/ingestor-remove.yaml");
const WEBSHOP: &str = include_str!("../../../../examples/webshop.yaml");
const EVERYTHING: &str = include_str!("../../../../examples/everything.yaml");
const FIXED_HOST: &str = include_str!("../../../../examples/fixed-host.yaml");
const DEPENDS_ON: &str = include_str!("../../../../examples/depends-on.yaml");

fn group(text: &str) -> GroupId {
    text.parse().unwrap()
}

fn groups(manifest: &Manifest) -> (Vec<String>, Vec<String>) {
    (
        manifest
            .deploy()
            .map(|(group, _)| group.to_string())
            .collect(),
        manifest.remove().map(ToString::to_string).collect(),
    )
}

#[test]
fn the_first_manifests_run_unchanged() {
    let mut expected = Spec::new("54.189.193.228:5000/flask");
    expected.ports.insert("ssh".to_owned(), Port::tcp(22));
    expected.ports.insert("api".to_owned(), Port::tcp(5000));
    for (name, value) in [
        ("APP_NAME", "Ingestor"),
        ("KEYSPACE_NAME", "flask_keyspace2"),
        ("TABLE_NAME", "flask_table2"),
    ] {
        let value = EnvValue::Plain(value.to_owned());
        expected.environment.0.insert(name.to_owned(), value);
    }
    expected.instances = 4;
    expected.resources.cpus = 0.1;
    expected.resources.mem = 128.0;
    assert_eq!(spec_of(INGESTOR, "ingestor:dev"), expected);

    let manifest = parse(INGESTOR_REMOVE).unwrap();
    assert_eq!(groups(&manifest), (vec![], vec!["ingestor:dev".to_owned()]));
}

#[test]
fn the_examples_are_good() {
    let webshop = parse(WEBSHOP).unwrap_or_else(|faults| panic!("{faults}"));
    let (deploy, remove) = groups(&webshop);
    assert_eq!(
        deploy,
        [
            "web:prod",
            "web:canary,prod",
            "api:prod",
            "worker:prod",
            "db:prod"
        ]
    );
    assert_eq!(remove, ["web:beta"]);
    let canary = spec_of(WEBSHOP, "web:canary,prod");
    assert_eq!(canary.image, "registry.example.com/shop/web:2.5-rc1");
    assert_eq!(canary.instances, 1);
    assert_eq!(canary.health, spec_of(WEBSHOP, "web:prod").health, "merged");
    assert_eq!(canary.constraints, []);

    let everything = parse(EVERYTHING).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(
        groups(&everything).0,
        ["ingestor:dev,eu", "ingestor:dev,us"]
    );
    assert_eq!(groups(&everything).1, ["ingestor:staging"]);

    let ledger = spec_of(FIXED_HOST, "ledger:dev");
    assert!(ledger.fixed_host().is_some());
    assert!(ledger.why_stop_first().is_some());
    let web = spec_of(DEPENDS_ON, "web:dev");
    assert_eq!(web.depends_on, [group("api:dev")]);
    for dependency in web.depends_on.iter().map(ToString::to_string) {
        spec_of(DEPENDS_ON, &dependency);
    }
}

#[test]
fn everything_is_everything() {
    // What has a default is shown with it, so only what is asked for can differ from it.
    let spec = spec_of(EVERYTHING, "ingestor:dev,eu");
    let shown = Update {
        canary: Some(Amount::Count(1)),
        bake: Duration::from_secs(300),
        ..Update::default()
    };
    assert_eq!(spec.update, shown);
    let probe = spec.health.clone().unwrap().probe;
    assert_eq!(spec.health, Some(Health::new(probe)));
    let shown: serde_json::Value = serde_json::to_value(&spec).unwrap();
    // `args` is shown as empty, which is how it is left out.
    for key in crate::manifest::decode::group_keys() {
        let named = ["labels", "args", "force-pull", "custom_constraints"].contains(&key);
        assert!(
            named || shown.get(key).is_some(),
            "{key} is not in everything.yaml"
        );
        assert!(
            key == "custom_constraints" || EVERYTHING.contains(&format!("{key}:")),
            "{key}"
        );
    }
    let update = serde_json::to_value(&spec.update).unwrap();
    let keys = update.as_object().unwrap().keys().map(String::as_str);
    for key in keys.chain(["promote"]).chain(CustomConstraint::NAMES) {
        let is_there = EVERYTHING.contains(&format!("{key}:"));
        assert!(is_there, "{key} is not in everything.yaml");
    }
}

#[test]
fn defaults() {
    assert_eq!(with(""), Spec::new("i"));
    let empty = "ports:, environment:, volumes:, command:, args:, parameters:, fetch:, metadata:, \
        constraints:, custom-constraints:, depends-on:, health:, update:";
    assert_eq!(with(empty), Spec::new("i"), "a key with nothing behind it");
}

#[test]
fn ports_and_network() {
    let port = Port {
        container: 53,
        host: Some(1053),
        service: Some(10053),
        protocol: Protocol::Udp,
    };
    let spec = with(
        "ports: {dns-tcp: 53, dns: {container: 53, host: 1053, service: 10053, protocol: udp}}",
    );
    let ports: Vec<_> = spec.ports.into_iter().collect();
    assert_eq!(
        ports,
        [
            ("dns-tcp".to_owned(), Port::tcp(53)),
            ("dns".to_owned(), port)
        ]
    );

    for (written, network) in [
        ("bridge", Network::Bridge),
        ("host", Network::Host),
        ("weave", Network::Named("weave".to_owned())),
    ] {
        assert_eq!(with(&format!("network: {written}")).network, network);
    }
    let spec = with("network: host, ports: {api: {container: 80, host: 80}}");
    assert_eq!(spec.ports["api"].host, Some(80));
}

#[test]
fn values_of_the_environment_are_passed_on_as_written() {
    for (written, expected) in [
        ("text", "text"),
        ("'5'", "5"),
        ("5", "5"),
        ("010", "010"),
        ("1.50", "1.50"),
        ("1e3", "1e3"),
        ("True", "True"),
        ("no", "no"),
        ("''", ""),
        ("'null'", "null"),
        ("!!str 5", "5"),
        ("!!str", ""),
        ("\"a\\tb\"", "a\tb"),
    ] {
        let spec = with(&format!("environment: {{A: {written}}}"));
        assert_eq!(
            spec.environment.0["A"],
            EnvValue::Plain(expected.to_owned()),
            "{written}"
        );
    }
    let spec = with("environment: {A: {secret: db/a}}");
    let secret = "db/a".to_owned();
    assert_eq!(spec.environment.0["A"], EnvValue::Secret { secret });
}

#[test]
fn lists_of_words_take_numbers_and_booleans() {
    let spec = with(
        "command: [sleep, 10, true], args: ['a b'], parameters: {a: 1, b: [x, 2]}, metadata: {P: 80}",
    );
    assert_eq!(spec.command, ["sleep", "10", "true"]);
    assert_eq!(spec.args, ["a b"]);
    assert_eq!(spec.parameters["a"], ["1"]);
    assert_eq!(spec.parameters["b"], ["x", "2"]);
    assert_eq!(spec.metadata["P"], "80");
}

#[test]
fn files_to_fetch() {
    let spec = with(
        "fetch: ['http://a/b.tgz', {uri: 'http://a/c', extract: false, executable: true, cache: true}]",
    );
    let fetch = |uri: &str, extract, executable, cache| Fetch {
        uri: uri.to_owned(),
        extract,
        executable,
        cache,
    };
    let expected = [
        fetch("http://a/b.tgz", true, false, false),
        fetch("http://a/c", false, true, true),
    ];
    assert_eq!(spec.fetch, expected);
}

#[test]
fn constraints() {
    let spec = with(
        "constraints: [[hostname, UNIQUE], [rack, GROUP_BY], [rack, group_by, 3], [rack, CLUSTER, r1], [os, LIKE, 'linux.*'], [rack, MAX_PER, '2'], [rack, IS, r1]]",
    );
    let shown: Vec<_> = spec
        .constraints
        .into_iter()
        .map(|it| Vec::<String>::from(it).join(" "))
        .collect();
    let expected = [
        "hostname UNIQUE",
        "rack GROUP_BY",
        "rack GROUP_BY 3",
        "rack CLUSTER r1",
        "os LIKE linux.*",
        "rack MAX_PER 2",
        "rack IS r1",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn custom_constraints() {
    let fixed = CustomConstraint::fixed_host;
    let waiting = || CustomConstraint::FixedHost {
        relocate_after: Some(Duration::from_secs(600)),
    };
    let spread = |attribute: &str| CustomConstraint::SpreadBy(attribute.to_owned());
    let away = |text: &str| CustomConstraint::AwayFrom(group(text));
    let near = |text: &str| CustomConstraint::Near(group(text));
    for (written, expected) in [
        ("[]", vec![]),
        ("fixed-host", vec![fixed()]),
        ("[fixed-host]", vec![fixed()]),
        ("{fixed-host: {relocate-after: 10m}}", vec![waiting()]),
        ("{spread-by: rack}", vec![spread("rack")]),
        ("{away-from: web:dev}", vec![away("web:dev")]),
        ("{near: 'db:dev,canary'}", vec![near("db:canary,dev")]),
        // Nothing hangs on how and in which order they are written.
        (
            "[{near: db:dev}, {away-from: web:dev, spread-by: zone}, fixed-host, {spread-by: rack}]",
            vec![
                fixed(),
                spread("rack"),
                spread("zone"),
                away("web:dev"),
                near("db:dev"),
            ],
        ),
        (
            "{near: a:b, fixed-host: {relocate-after: 600s}}",
            vec![waiting(), near("a:b")],
        ),
        (
            "[{near: b:c}, {near: a:b}, {away-from: c:d}]",
            vec![away("c:d"), near("a:b"), near("b:c")],
        ),
    ] {
        for key in ["custom-constraints", "custom_constraints"] {
            let spec = with(&format!("{key}: {written}"));
            assert_eq!(spec.custom_constraints, expected, "{key}: {written}");
        }
    }
    // The engine's own constraints do not get in the way.
    let spec = with("constraints: [[hostname, UNIQUE]], custom-constraints: fixed-host");
    assert_eq!(spec.fixed_host(), Some(None));
}

#[test]
fn an_embedding_program_has_constraints_of_its_own() {
    let reader = Reader::new().custom_constraint("gpu-pool");
    let read = |written: &str| {
        let text =
            format!("deploy: {{s: {{image: i, labels: [l], custom-constraints: {written}}}}}");
        let manifest = reader.parse(&[Source::new("theseus.yaml", text)])?;
        let (_, spec) = manifest.deploy().next().unwrap();
        Ok::<_, Faults>(spec.custom_constraints.clone())
    };
    let pool = |argument: Option<&str>| CustomConstraint::Other {
        name: "gpu-pool".to_owned(),
        argument: argument.map(str::to_owned),
    };
    for (written, expected) in [
        ("gpu-pool", vec![pool(None)]),
        ("{gpu-pool: a100}", vec![pool(Some("a100"))]),
        (
            "[{gpu-pool: 4}, fixed-host]",
            vec![CustomConstraint::fixed_host(), pool(Some("4"))],
        ),
        (
            "[{gpu-pool: a}, {gpu-pool: b}]",
            vec![pool(Some("a")), pool(Some("b"))],
        ),
    ] {
        assert_eq!(read(written).unwrap(), expected, "{written}");
    }
    for (written, told) in [
        ("gpu_pool", "did you mean gpu-pool?"),
        (
            "tpu",
            "expected fixed-host, spread-by, away-from, near or gpu-pool, found \"tpu\"",
        ),
        (
            "{gpu-pool: }",
            "expected what the constraint is about, found nothing",
        ),
        ("[gpu-pool, gpu-pool]", "gpu-pool is here twice"),
    ] {
        let faults = read(written).unwrap_err().to_string();
        assert!(faults.contains(told), "{faults}");
    }
}

#[test]
fn groups_wait_for_groups() {
    for (written, expected) in [
        ("[]", &[][..]),
        ("db:dev", &["db:dev"]),
        (
            "[queue:dev, 'db:prod,dev', api:dev]",
            &["api:dev", "db:dev,prod", "queue:dev"],
        ),
    ] {
        let depends_on = with(&format!("depends-on: {written}")).depends_on;
        let shown: Vec<_> = depends_on.iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected, "{written}");
    }
    // Two ways to one group are no cycle, nor is it to keep away from each other.
    parse(
        "deploy:\n  a: {image: i, labels: [l], depends-on: [b:l, c:l], custom-constraints: {near: b:l}}\n  \
         b: {image: i, labels: [l], depends-on: c:l, custom-constraints: {away-from: a:l}}\n  \
         c: {image: i, labels: [l], custom-constraints: {away-from: x:l}}\n\
         remove:\n  x: {labels: [l]}\n",
    )
    .unwrap_or_else(|faults| panic!("{faults}"));
}

#[test]
fn health_checks() {
    let probe = |keys: &str| {
        with(&format!("ports: {{api: 5000}}, health: {{{keys}}}"))
            .health
            .unwrap()
    };
    let port = || "api".to_owned();
    let command = |line: &str| Probe::Command(line.to_owned());
    for (keys, expected) in [
        (
            "http: {port: api, path: /health}",
            Probe::Http {
                port: port(),
                path: "/health".to_owned(),
            },
        ),
        (
            "http: {port: api}",
            Probe::Http {
                port: port(),
                path: "/".to_owned(),
            },
        ),
        ("tcp: {port: api}", Probe::Tcp { port: port() }),
        ("tcp: api", Probe::Tcp { port: port() }),
        (
            "command: 'curl -f localhost || exit 1'",
            command("curl -f localhost || exit 1"),
        ),
        (
            "command: [curl, -m, 5, \"it's\"]",
            command(r"curl -m 5 'it'\''s'"),
        ),
    ] {
        assert_eq!(probe(keys), Health::new(expected), "{keys}");
    }
    let health = probe("tcp: api, grace: 0s, interval: 1m30s, timeout: 5s, failures: 0");
    let seconds = Duration::from_secs;
    assert_eq!((health.grace, health.interval), (seconds(0), seconds(90)));
    assert_eq!((health.timeout, health.failures), (seconds(5), 0));
}

#[test]
fn updates() {
    let update = |keys: &str| with(&format!("instances: 4, update: {{{keys}}}")).update;
    let expected = Update {
        strategy: Strategy::Native,
        max_surge: Amount::Percent(25),
        max_unavailable: Amount::Count(2),
        min_healthy_time: Duration::from_secs(10),
        deadline: Duration::from_secs(3600),
        on_failure: OnFailure::Pause,
        order: Order::StartFirst,
        max_failed_starts: 0,
        ..Update::default()
    };
    let keys = "strategy: native, max-surge: 25%, max-unavailable: 2, min-healthy-time: 10s, \
        deadline: 1h, on-failure: pause, order: start-first, max-failed-starts: 0";
    assert_eq!(update(keys), expected);
    assert_eq!(update("on-failure: keep").on_failure, OnFailure::Keep);

    for (keys, canary, bake, promote) in [
        ("canary: 1", Amount::Count(1), 0, Promote::Auto),
        ("canary: 4, bake: 5m", Amount::Count(4), 300, Promote::Auto),
        (
            "promote: manual, canary: 1%",
            Amount::Percent(1),
            0,
            Promote::Manual,
        ),
        (
            "canary: 100%, bake: 0s, promote: auto",
            Amount::Percent(100),
            0,
            Promote::Auto,
        ),
    ] {
        let update = update(keys);
        assert_eq!(update.canary, Some(canary), "{keys}");
        assert_eq!(update.bake, Duration::from_secs(bake), "{keys}");
        assert_eq!(update.promote, promote, "{keys}");
    }

    let stop_first = update("order: stop-first");
    assert_eq!(stop_first.order, Order::StopFirst);
    let room = |update: Update| (update.max_surge, update.max_unavailable);
    assert_eq!(room(stop_first), (Amount::Count(0), Amount::Count(1)));
    let asked = update("max-surge: 1, max-unavailable: 50%, order: stop-first");
    assert_eq!(room(asked), (Amount::Count(1), Amount::Percent(50)));
    // Nothing is replaced where nothing runs.
    with("instances: 0, update: {max-surge: 10%, canary: 2}");
}

#[test]
fn json_is_accepted_wherever_yaml_is() {
    let json = "{\n\t\"deploy\": {\"s\":{\"image\":\"a\\/b\",\n\t\t\"labels\":[\"l\"],\
        \"environment\":{\"A\":\"\\ud83d\\ude00\\u00e4\"}}},\"remove\":null}";
    let spec = spec_of(json, "s:l");
    assert_eq!(spec.image, "a/b");
    assert_eq!(
        spec.environment.0["A"],
        EnvValue::Plain("\u{1F600}ä".to_owned())
    );
}

#[test]
fn marks_line_ends_and_comments_do_not_matter() {
    for text in [
        "\u{feff}deploy:\r\n  s:\r\n    image: i\r\n    labels: [l]\r\n",
        "%YAML 1.2\n---\ndeploy: {s: {image: i, labels: [l]}}\n...\n",
        "# nothing else\ndeploy:\n  s: # one\n    - image: i\n      labels:\n      - l",
    ] {
        assert_eq!(spec_of(text, "s:l"), Spec::new("i"), "{text:?}");
    }
}

#[test]
fn nothing_to_deploy_is_fine() {
    for text in ["deploy:", "remove: {}", "deploy: {}\nremove:\n"] {
        assert_eq!(groups(&parse(text).unwrap()), (vec![], vec![]), "{text}");
    }
}

#[test]
fn several_sources_are_one_manifest_and_groups_know_where_they_are_written() {
    let manifest = Manifest::parse(&[
        Source::new("a.yaml", "deploy:\n  s: {image: i, labels: [b, a]}\n"),
        Source::new("b.json", "{\"deploy\":{\"s\":[\n{\"image\":\"i\",\"labels\":[\"c\"]}]},\n\"remove\":{\"t\":{\"labels\":[\"x\"],\"image\":[]}}}"),
    ])
    .unwrap();
    let (deploy, remove) = groups(&manifest);
    assert_eq!(
        (deploy.join(" "), remove.join(" ")),
        ("s:a,b s:c".to_owned(), "t:x".to_owned())
    );
    let origin = |group: &str| {
        manifest
            .origin(&group.parse().unwrap())
            .map(ToString::to_string)
    };
    assert_eq!(origin("s:b,a").as_deref(), Some("a.yaml:2"));
    assert_eq!(origin("s:c").as_deref(), Some("b.json:2"));
    assert_eq!(origin("t:x").as_deref(), Some("b.json:3"));
    assert_eq!(origin("t:y"), None);
}
