//! Manifests, each in the words of every version: the app that is made of it, or why none is. The
//! JSON of a version is whole where it is the first, and what differs from the one before it after
//! that.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use similar::TextDiff;
use theseus_core::cluster::{Change, Cluster as _, NewApp, Part};
use theseus_core::manifest::{Manifest, Source};
use theseus_core::model::{EnvValue, GroupId, Spec, Strategy};

use crate::recorder::marathon;
use crate::{assert_matrix, grouped};

/// What a version makes of the one group of a manifest: the JSON, or the refusals.
fn said(version: &str, group: &GroupId, spec: &Arc<Spec>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (marathon, told) = marathon(version, |request| {
            let is_taken = request.starts_with("PUT") || request.starts_with("POST");
            is_taken.then(|| json!({"deploymentId": "d1"}))
        });
        let wanted = BTreeMap::from([(group.clone(), spec.clone())]);
        let refused = marathon.unsupported(&wanted).await.unwrap();
        let created = marathon.apply(&[create(group, spec)]).await.remove(0);
        if let Some(refusals) = refused.get(group) {
            // What is not said in time is refused all the same, in the same words.
            let told_twice = created.unwrap_err().to_string();
            let lines = refusals.iter().map(|refusal| {
                assert!(told_twice.contains(&refusal.message), "{told_twice}");
                let field = refusal.field.as_deref().unwrap_or("the group");
                // So that versions that say the same are together.
                let message = refusal.message.replace(version, "…");
                format!("{field}: {message}")
            });
            return lines.collect::<Vec<_>>().join("\n");
        }
        created.unwrap();
        let told = told.lock().unwrap();
        let (_, body) = told.last().unwrap().split_once('\n').unwrap();
        body.to_owned()
    })
}

/// What the engine asks for first.
fn create(group: &GroupId, spec: &Arc<Spec>) -> Change {
    let (part, pinned_to) = match (spec.update.strategy, spec.fixed_host()) {
        (Strategy::Native, _) => (Part::Stable, None),
        (_, Some(_)) => (Part::Slot(0), Some("h1".into())),
        _ => (Part::Whole, None),
    };
    let instances = if matches!(part, Part::Slot(_)) {
        1
    } else {
        spec.instances
    };
    let mut spec = Spec::clone(spec);
    for (name, value) in [
        ("THESEUS_GROUP", group.to_string()),
        ("THESEUS_REVISION", "3".to_owned()),
    ] {
        let variables = &mut spec.environment.0;
        variables
            .entry(name.to_owned())
            .or_insert(EnvValue::Plain(value));
    }
    Change::Create(Box::new(NewApp {
        group: group.clone(),
        revision: 3,
        part,
        pinned_to,
        instances,
        spec: Arc::new(spec),
    }))
}

fn check(name: &str, text: &str) {
    let manifest = Manifest::parse(&[Source::new("theseus.yaml", text)]).unwrap();
    let (group, spec) = manifest.deploy().next().unwrap();
    let parts = grouped(|version| said(version, group, spec));
    let mut former: Option<&str> = None;
    let shown: Vec<_> = parts
        .iter()
        .map(|(versions, said)| {
            if !said.starts_with('{') {
                return (versions.clone(), said.clone());
            }
            let shown = former.map_or_else(|| said.clone(), |former| difference(former, said));
            former = Some(said);
            (versions.clone(), shown)
        })
        .collect();
    assert_matrix(name, text, &shown);
}

/// What is different, with the lines around it.
fn difference(former: &str, said: &str) -> String {
    let difference = TextDiff::from_lines(former, said);
    let hunks = difference.unified_diff().context_radius(2).to_string();
    let lines = hunks
        .lines()
        .map(|line| if line.starts_with("@@") { "…" } else { line });
    lines
        .filter(|line| !line.starts_with("\\ No newline"))
        .collect::<Vec<_>>()
        .join("\n")
}

macro_rules! manifests {
    ($($name:ident: $text:literal)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name), concat!("deploy:\n  web:\n    image: 'a:1'\n    labels: [dev]\n", $text));
        })*
    };
}

manifests! {
    the_least: ""
    on_the_hosts_network: "    network: host\n"
    ports: "    ports: {ssh: 22, api: 5000, DNS_1: {container: 53, protocol: udp}}\n"
    host_and_service_ports: "    ports: {api: {container: 5000, host: 80, service: 10080}, admin: {container: 5001, service: 10081}}\n"
    ports_of_the_host: "    network: host\n    ports: {api: 5000, admin: {container: 5001, service: 10081}}\n"
    fixed_ports_of_the_host: "    network: host\n    ports: {api: {container: 5000, host: 5000}, admin: 5001}\n"
    udp_on_the_host: "    network: host\n    ports: {dns: {container: 53, protocol: udp}}\n"
    a_named_network: "    network: weave\n    ports: {api: {container: 5000, host: 80}, admin: 5001}\n"
    volumes: "    network: host\n    volumes: ['/a:/b:ro', '/c:/d']\n"
    resources: "    network: host\n    cpus: 0.0005\n    mem: 64\n    disk: 10.5\n    instances: 4\n"
    http_health: "    ports: {ssh: 22, api: 5000}\n    health: {http: {port: api, path: /health}, grace: 5s, interval: 1500ms, timeout: 2s, failures: 5}\n"
    tcp_health: "    network: host\n    ports: {ssh: 22}\n    health: {tcp: {port: ssh}}\n"
    command_health: "    network: host\n    health: {command: 'curl -f localhost', failures: 0}\n"
    constraints: "    network: host\n    constraints: [[hostname, UNIQUE], [rack, GROUP_BY, '3'], [rack, LIKE, 'a.*'], [os, CLUSTER, linux]]\n"
    newer_constraints: "    network: host\n    constraints: [[rack, UNLIKE, 'a.*'], [hostname, MAX_PER, '2'], [rack, MAX_PER, '2'], [rack, IS, a], ['@zone', GROUP_BY, '3']]\n"
    environment: "    network: host\n    environment: {APP_NAME: Ingestor, DEBUG: true, LEVEL: 3}\n"
    secrets: "    network: host\n    environment: {DB_PASS: {secret: db/password}, APP_NAME: Ingestor}\n"
    plain_fetch: "    network: host\n    fetch: ['http://x/y.tgz']\n"
    fetch: "    network: host\n    fetch: ['http://x/y.tgz', {uri: 'http://x/z', extract: false, executable: true, cache: true}]\n"
    metadata: "    network: host\n    metadata: {HAPROXY_GROUP: external, THESEUS_GROUP: 'another:group'}\n"
    command: "    network: host\n    command: [run, \"it's here\"]\n    args: [--all, '$HOME', '']\n"
    args: "    network: host\n    args: [--all, '$HOME']\n"
    a_parameter: "    network: host\n    parameters: {hostname: a}\n"
    parameters: "    network: host\n    parameters: {add-host: ['a:1', 'b:2'], hostname: a}\n"
    force_pull: "    network: host\n    force-pull: true\n"
    a_fixed_host: "    ports: {api: 5000}\n    instances: 3\n    constraints: [[os, CLUSTER, linux]]\n    custom-constraints: fixed-host\n"
    native: "    ports: {api: 5000}\n    instances: 4\n    update: {strategy: native}\n"
    native_all_at_once: "    ports: {api: 5000}\n    instances: 4\n    update: {strategy: native, max-surge: 100%}\n"
    native_without_surge: "    ports: {api: 5000}\n    instances: 4\n    update: {strategy: native, max-surge: 0, max-unavailable: 1}\n"
    native_with_a_revision_of_its_own: "    ports: {api: 5000}\n    environment: {THESEUS_REVISION: '7'}\n    update: {strategy: native}\n"
    a_custom_update: "    ports: {api: 5000}\n    instances: 4\n    update: {max-surge: 2, max-unavailable: 25%, min-healthy-time: 5s, deadline: 5m, on-failure: pause, order: stop-first}\n"
    everything: "    ports: {ssh: 22, api: {container: 5000, host: 80}}\n    environment: {APP_NAME: Ingestor, DB_PASS: {secret: db/password}}\n    instances: 4\n    cpus: 0.1\n    mem: 128\n    disk: 10\n    volumes: ['/a:/b:ro']\n    constraints: [[hostname, UNIQUE]]\n    custom-constraints: fixed-host\n    command: [run]\n    args: [--all]\n    force-pull: true\n    parameters: {add-host: ['a:1', 'b:2']}\n    fetch: [{uri: 'http://x/y.tgz', cache: true}]\n    metadata: {HAPROXY_GROUP: external}\n    health: {http: {port: api, path: /health}}\n"
}
