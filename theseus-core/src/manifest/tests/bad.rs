//! What is refused, and what people are told. The snapshots are what they read.

use std::fmt::Write;

use insta::assert_snapshot;

use super::parse;
use crate::manifest::{Faults, Manifest, Source};

/// What is said of each of these manifests.
#[track_caller]
fn told(manifests: &[&str]) -> String {
    let mut told = String::new();
    for text in manifests {
        let Err(faults) = parse(text) else {
            panic!("this is accepted:\n{text}");
        };
        write!(told, "{faults}\n\n").unwrap();
    }
    told
}

/// The same for groups with these keys beside the required ones.
#[track_caller]
fn told_of_group(groups: &[&str]) -> String {
    let manifests: Vec<_> = groups
        .iter()
        .map(|keys| {
            let keys = keys.replace('\n', "\n    ");
            format!("deploy:\n  ingestor:\n    image: flask\n    labels: [dev]\n    {keys}\n")
        })
        .collect();
    told(&manifests.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn all_faults_of_a_file_at_once() {
    assert_snapshot!(told(&["\
deploy:
  ingestor:
    imgae: 54.189.193.228:5000/flask
    labels: dev
    ports: {ssh: nope, api: 500000}
    instances: -1
    cpu: 0.1
    mem: '128'
  web shop:
    image: shop
    labels: [prod, 'a b']
    health: {http: {port: api}}
remov:
  ingestor: {labels: [dev]}
"]));
}

#[test]
fn the_top() {
    assert_snapshot!(told(&[
        "",
        "# nothing but a comment\n",
        "{}",
        "null",
        "- deploy",
        "ingestor: {image: flask, labels: [dev]}",
        "Deploy: {}",
        "deploy: [ingestor]",
        "deploy: {ingestor: }",
        "deploy: {ingestor: flask}",
        "deploy: {ingestor: []}",
        "deploy: {ingestor: [flask]}",
        "remove: {ingestor: [dev]}",
        "remove: {ingestor: {image: flask}}",
    ]));
}

#[test]
fn names_and_labels() {
    let long = format!("deploy: {{{}: {{image: i, labels: [l]}}}}", "x".repeat(64));
    assert_snapshot!(told(&[
        "deploy: {-ingestor: {image: i, labels: [l]}}",
        "deploy: {'': {image: i, labels: [l]}}",
        "deploy: {größe: {image: i, labels: [l]}}",
        &long,
        "deploy: {s: {image: i}}",
        "deploy: {s: {labels: [l]}}",
        "deploy: {s: {image: i, labels: }}",
        "deploy: {s: {image: i, labels: []}}",
        "deploy: {s: {image: i, labels: l}}",
        "deploy: {s: {image: i, labels: {l: 1}}}",
        "deploy: {s: {image: i, labels: [2024, l/m, '']}}",
        "deploy: {s: {image: , labels: [l]}}",
        "deploy: {s: {image: '', labels: [l]}}",
        "deploy: {s: {image: a b, labels: [l]}}",
        "deploy: {s: {image: 5, labels: [l]}}",
        "deploy: {s: {image: [i], labels: [l]}}",
    ]));
}

#[test]
fn twice() {
    assert_snapshot!(told(&[
        "deploy:\n  s: {image: i, labels: [l]}\n  s: {image: i, labels: [m]}\n",
        "deploy:\n  s:\n    image: i\n    labels: [l]\n    image: j\n",
        "deploy: {}\ndeploy: {}\n",
        "remove:\n  s:\n    labels: [l]\n    ports: {a: 1, a: 2}\n",
        "deploy:\n  s:\n    - {image: i, labels: [a, b]}\n    - {image: j, labels: [b, a]}\n",
        "deploy:\n  s: {image: i, labels: [l]}\nremove:\n  s: {labels: [l]}\n",
        "deploy:\n  s:\n    - &g {image: i, labels: [l]}\n    - *g\n",
    ]));
}

#[test]
fn the_same_group_in_two_files() {
    let sources = [
        Source::new("a.yaml", "deploy:\n  s: {image: i, labels: [a, b]}\n"),
        Source::new(
            "b.yaml",
            "deploy:\n  s: {image: i, labels: [b, a], instances: x}\n",
        ),
    ];
    assert_snapshot!(Manifest::parse(&sources).unwrap_err());
}

#[test]
fn ports() {
    assert_snapshot!(told_of_group(&[
        "ports: {ssh: 0}",
        "ports: {ssh: 65536}",
        "ports: {ssh: -22}",
        "ports: {ssh: 22.5}",
        "ports: {ssh: '22'}",
        "ports: {ssh: }",
        "ports: {ssh: 99999999999999999999999}",
        "ports: [22]",
        "ports: {'a b': 22}",
        "ports: {a: 80, b: 80}",
        "ports:\n  a: {container: 80, host: 8080, service: 10000}\n  b: {container: 80, host: 8080, service: 10000, protocol: udp}",
        "ports: {a: {containerPort: 80}}",
        "ports: {a: {container: 80, protocol: TCP}}",
        "ports: {a: {container: 80, protocol: sctp}}",
        "ports: {a: {container: 80, host: 0}}",
        "network: host\nports: {a: {container: 80, host: 8080}}",
    ]));
}

#[test]
fn numbers() {
    assert_snapshot!(told_of_group(&[
        "cpus: 0",
        "cpus: -0.5",
        "cpus: .inf",
        "cpus: .nan",
        "cpus: 1e999",
        "cpus: half",
        "cpus: '0.5'",
        "mem: 0",
        "mem: 128M",
        "mem: true",
        "disk: -1",
        "instances: 1.5",
        "instances: 100001",
        "instances: '4'",
        "instances:",
        "instances: [4]",
    ]));
}

#[test]
fn how_a_container_is_started() {
    assert_snapshot!(told_of_group(&[
        "command: python ingest.py",
        "args: {a: b}",
        "command: [python, [x], ]",
        "command: [\"a\\0b\"]",
        "environment: [APP=x]",
        "environment: {'': x, 'A=B': x, C: , D: [x], E: {secrt: x}, F: {}}",
        "volumes: /a:/b",
        "volumes: [/a, '/a:b', '/a:/b:rx', '/a:/c', '/b:/c']",
        "network: Host",
        "network: a b",
        "force-pull: yes",
        "force_pull: true",
        "parameters: {'': x, a: {b: c}}",
        "parameters: [privileged]",
        "fetch: http://a/b",
        "fetch: ['', {url: 'http://a/b'}, {uri: 'http://a/b', extract: 1}]",
        "metadata: {A: [x], B: }",
        "env: {A: b}",
        "cpu: 1",
        "replicas: 4",
    ]));
}

#[test]
fn where_containers_run() {
    assert_snapshot!(told_of_group(&[
        "constraints: [hostname, UNIQUE]",
        "constraints: hostname",
        "constraints: ['hostname:UNIQUE', [rack, UNIQUE]]",
        "constraints: [[hostname], [a, LIKE, b, c]]",
        "constraints: [[hostname, UNIQE]]",
        "constraints: [[hostname, [x]]]",
        "constraints: [[hostname, UNIQUE, x]]",
        "constraints: [[rack, LIKE], [rack, MAX_PER], [rack, IS, '']]",
        "constraints: [[rack, MAX_PER, 0], [rack, GROUP_BY, many]]",
        "constraints: [['', UNIQUE]]",
    ]));
}

#[test]
fn custom_constraints() {
    assert_snapshot!(told_of_group(&[
        "custom-constraints: fixed_host",
        "custom-constraints: [fixed-host, spread, 5, ]",
        "custom-constraints: [spread-by, {spred-by: rack}, {relocate-after: 10m}]",
        "custom-constraints: {}",
        "custom-constraints: [[fixed-host], {}, ~]",
        "custom-constraints: fixed-host\ncustom_constraints: fixed-host",
        "custom-constraints: {fixed-host: true}",
        "custom-constraints: {fixed-host: {}}",
        "custom-constraints: {fixed-host: {relocate_after: 10m}}",
        "custom-constraints: {fixed-host: {relocate-after: 0s}}",
        "custom-constraints: [away-from, near]",
        "custom-constraints: {spread-by: , away-from: [web:dev], near: db}",
        "custom-constraints: {near: web:dev,canary}",
        "custom-constraints: [fixed-host, fixed-host]",
        "custom-constraints: [{fixed-host: {relocate-after: 10m}}, fixed-host]",
        "custom-constraints: [{near: 'a:b,c'}, {spread-by: rack}, {near: 'a:c,b'}, {spread-by: rack}]",
        "custom-constraints: {near: web:dev, away-from: web:dev}",
        "custom-constraints: [{near: ingestor:dev}, {away-from: ingestor:dev}]",
        "custom-constraints: {near: ingestor:dev}",
        "custom-constraints: {away-from: ingestor:dev}",
        "update: {strategy: native}\ncustom-constraints: [{spread-by: rack}, fixed-host]",
    ]));
}

#[test]
fn what_groups_depend_on() {
    assert_snapshot!(told_of_group(&[
        "depends-on: {db: dev}",
        "depends-on: [5, [db:dev], ~]",
        "depends-on: db",
        "depends-on: [db:dev,canary]",
        "depends-on: ['db:', 'db dev']",
        "depends-on: [db:dev, queue:dev, db:dev]",
        "depends-on: ['db:a,b', 'db:b,a']",
        "depends-on: ingestor:dev",
        "depends_on: db:dev",
    ]));
}

#[test]
fn the_nearest_group_is_suggested() {
    assert_snapshot!(told(&["\
deploy:
  web: {image: i, labels: [dev], depends-on: [db, queue-dev, API.dev, other]}
  db: {image: i, labels: [dev], depends-on: [cache]}
  queue: {image: i, labels: [dev]}
  api: {image: i, labels: [], depends-on: db_dev}
remove:
  cache: {labels: [dev]}
"]));
}

#[test]
fn circles_and_what_is_to_be_gone() {
    let faults = told(&[
        "\
deploy:
  web: {image: i, labels: [dev], depends-on: [queue:dev, db:dev]}
  db: {image: i, labels: [dev], depends-on: web:dev}
  queue: {image: i, labels: [dev]}
",
        // One of the entries is a custom constraint, and there are two ways from a to b.
        "\
deploy:
  a: {image: i, labels: [l], depends-on: b:l, custom-constraints: {near: b:l}}
  b: {image: i, labels: [l], custom-constraints: [{near: a:l}]}
",
        // Two circles with a group in common.
        "\
deploy:
  a: {image: i, labels: [l], depends-on: b:l}
  b: {image: i, labels: [l], depends-on: [a:l, c:l]}
  c: {image: i, labels: [l], depends-on: b:l}
",
        "\
deploy:
  web: {image: i, labels: [dev], depends-on: db:dev, custom-constraints: {near: db:dev}}
remove:
  db: {labels: [dev]}
",
    ]);
    assert_snapshot!(faults);
}

#[test]
fn a_circle_through_several_files() {
    let sources = [
        Source::new(
            "web.yaml",
            "deploy:\n  web: {image: i, labels: [dev], depends-on: db:dev}\n",
        ),
        Source::new(
            "db.yaml",
            "deploy:\n  db: {image: i, labels: [dev], depends-on: web:dev}\n",
        ),
    ];
    assert_snapshot!(Manifest::parse(&sources).unwrap_err());
}

#[test]
fn a_large_circle_is_not_told_in_full() {
    let mut ring = "deploy:\n".to_owned();
    for n in 0..1000 {
        let next = (n + 1) % 1000;
        writeln!(
            ring,
            "  g{n}: {{image: i, labels: [l], depends-on: g{next}:l}}"
        )
        .unwrap();
    }
    let faults = parse(&ring).unwrap_err();
    assert_eq!(faults.iter().count(), 1);
    let circle = &faults.iter().next().unwrap().message;
    assert_eq!(
        circle,
        "groups wait for each other: g0:l -> g1:l -> g2:l -> g3:l -> g4:l -> g5:l -> g6:l -> \
         g7:l -> … 992 more … -> g0:l"
    );
}

#[test]
fn health() {
    let with_port = |keys: &str| format!("ports: {{api: 5000}}\nhealth: {keys}");
    let cases = [
        "{}",
        "api",
        "{grace: 5s}",
        "{tcp: api, command: x}",
        "{http: {port: apo}}",
        "{http: {port: 5000}}",
        "{tcp: {port: other}}",
        "{tcp: {}}",
        "{http: {port: api, path: health, query: x}}",
        "{command: ''}",
        "{command: []}",
        "{command: {x: y}}",
        "{tcp: api, grace: 5}",
        "{tcp: api, interval: 0s, timeout: soon, failures: -1}",
        "{tcp: api, grace: 9000h}",
        "{tpc: api}",
    ]
    .map(with_port);
    let mut cases: Vec<_> = cases.iter().map(String::as_str).collect();
    cases.push("health: {tcp: api}");
    assert_snapshot!(told_of_group(&cases));
}

#[test]
fn update() {
    assert_snapshot!(told_of_group(&[
        "update: rolling",
        "update: {strategy: roling}",
        "update: {max_surge: 1}",
        "update: {max-surge: 0}",
        "update: {max-surge: 0, max-unavailable: 0%}",
        "instances: 3\nupdate: {max-surge: 25%}",
        "update: {order: stop-first, max-unavailable: 0}",
        "update: {order: stop-first, max-unavailable: 25%}",
        "update: {order: stop}",
        "update: {max-surge: 120%}",
        "update: {max-surge: -1, max-unavailable: lots}",
        "update: {max-surge: '1'}",
        "update: {deadline: 0s, min-healthy-time: -5s, on-failure: abort}",
        "update: {max-failed-starts: -1}",
        "update: {canary: 0}",
        "update: {canary: 0%, bake: 5m}",
        "instances: 4\nupdate: {canary: 5}",
        "update: {canary: few}",
        "update: {bake: 5m, promote: manual}",
        "update: {canary: 1, bake: 5, promote: always}",
        "update: {strategy: native, canary: 1}",
    ]));
}

#[test]
fn yaml_and_what_is_not() {
    let deep = "[".repeat(100);
    assert_snapshot!(told(&[
        "deploy:\n\tingestor:\n",
        "deploy:\n  ingestor:\n    image: 'flask\n",
        "deploy:\n  ingestor: {image: flask, labels: [dev]\n",
        "deploy:\n  ingestor:\n    image: @flask\n",
        "deploy:\n  ingestor:\n    image: {{ image }}\n",
        "deploy:\n  ingestor:\n    *image : flask\n",
        "deploy: {}\n---\nremove: {}\n",
        "deploy:\n  ingestor: !group {}\n",
        "deploy: !!binary aGk=\n",
        "deploy: &a {ingestor: *a}\n",
        "deploy: {s: {<<: [5], image: i, labels: [l]}}",
        &deep,
    ]));
}

#[test]
fn what_is_no_text() {
    let told = |bytes: &[u8]| {
        let source = Source::new("theseus.yaml", bytes);
        Manifest::parse(&[source]).unwrap_err().to_string()
    };
    let utf16: Vec<u8> = "deploy:"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let utf16 = [&b"\xff\xfe"[..], &utf16].concat();
    assert_snapshot!(
        [
            told(b"deploy:\n  caf\xe9: {}\n"),
            told(&utf16),
            told(&vec![b' '; (16 << 20) + 1]),
        ]
        .join("\n\n")
    );
}

#[test]
fn aliases_do_not_expand_without_bound() {
    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for n in 1..12 {
        let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
        writeln!(laughs, "a{n}: &a{n} [{aliases}]").unwrap();
    }
    let mut tower = "a0: &a0 [x]\n".to_owned();
    for n in 1..100_000 {
        writeln!(tower, "a{n}: &a{n} [*a{}]", n - 1).unwrap();
    }
    // A long text and a long key, many times.
    let long = "x".repeat(1 << 20);
    let texts = format!("a: &a \"\\x41{long}\"\nb: [{}]\n", "*a, ".repeat(1000));
    let keys = format!(
        "a: &a {{? \"\\x41{long}\" : 1}}\nb: [{}]\n",
        "{<<: *a}, ".repeat(1000)
    );
    for bomb in [&laughs, &texts, &keys] {
        let told = told(&[bomb]);
        assert!(
            told.contains("more than 2000000 values, with what aliases stand for"),
            "{told}"
        );
        assert!(told.len() < 1000);
    }
    assert_snapshot!(told(&[&laughs, &tower]));
}

#[test]
fn secrets_are_never_shown() {
    let shown = told(&[
        "deploy:\n  s:\n    image: i\n    labels: [l]\n    environment: {DB_PASSWORD: hunter2, 'A=B': 1, API_TOKEN: [hunter2]}\n",
        "deploy: {s: {image: i, labels: [l], enviroment: {DB_PASSWORD: hunter2}, command: [x, --token=hunter2]}}",
        "deploy: {s: {image: i, labels: [l], environment: [DB_PASSWORD=hunter2]}}",
        "pw: &pw hunter2\ndeploy: {s: {image: i, labels: [l], environment: {DB_PASSWORD: *pw}, cpus: no}}",
        // Slips that make something else of a secret: a comment, a key, a part of a broken line.
        "deploy: {s: {image: i, labels: [l], environment: {\n  DB_PASSWORD: #hunter2\n  }}}",
        "deploy: {s: {image: i, labels: [l], environment: {DB_PASSWORD:\"hunter2\", DB_PASSWORD=hunter2}}}",
        "deploy:\n  s: {image: i, labels: [l], environment: {SSL_KEY}: hunter2}",
        "deploy:\n  s:\n    environment:\n      DB_PASSWORD: \"hunter2\n  x",
        "deploy:\n  s:\n    environment:\n      DB_PASSWORD: @hunter2\n",
        "deploy:\n  s:\n    environment:\n      DB_PASSWORD: |\n        hunter2\n      hunter2",
    ]);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_snapshot!(shown);
}

#[test]
fn a_service_may_be_called_as_a_secret_is() {
    assert_snapshot!(told(&[
        "deploy: {auth: {image: i, labels: [l], ports: {token: x}, mem: no}}",
    ]));
}

#[test]
fn what_is_shared_is_wrong_once_and_what_is_wrong_too_often_is_counted() {
    let shared =
        "deploy: {s: [&g {image: i, labels: [a], health: &h {tcp: x}}, {<<: *g, labels: [b]}]}";
    let faults = parse(shared).unwrap_err();
    assert_eq!(faults.iter().count(), 1, "{faults}");

    let keys: Vec<_> = (0..5000).map(|n| format!("x{n}: 1")).collect();
    let many = format!("deploy: {{s: {{{}}}}}", keys.join(", "));
    let faults: Faults = parse(&many).unwrap_err();
    // Two required keys are missing as well.
    assert_eq!((faults.iter().count(), faults.omitted()), (1000, 4002));
    assert!(faults.to_string().ends_with("… and 4002 more"));
}
