//! The list of probes, by what they are about, and what many of them begin with.
//!
//! Facts are cited by the section of the protocol reference they stand in, and by a file of Marathon
//! at a tag where they can be read; paths are shortened to what tells files apart.

#![expect(
    clippy::too_many_lines,
    reason = "they are lists, not courses of action"
)]

mod create;
mod definition;
mod deployments;
mod events;
mod groups;
mod health;
mod kills;
mod mesos;
mod networks;
mod queue;
mod reads;
mod refusals;
mod restarts;
mod service;
mod tasks;
mod update;
mod versions;

use serde_json::{Value, json};

use crate::check::{empty, is};
use crate::probe::{Probe, get, post};

/// Every probe.
pub fn all() -> Vec<Probe> {
    let rooms = [
        service::probes,
        create::probes,
        definition::probes,
        networks::probes,
        refusals::probes,
        reads::probes,
        update::probes,
        versions::probes,
        restarts::probes,
        deployments::probes,
        tasks::probes,
        kills::probes,
        health::probes,
        queue::probes,
        groups::probes,
        events::probes,
        mesos::probes,
    ];
    rooms.into_iter().flat_map(|room| room()).collect()
}

/// An app of no containers.
fn app(name: &str) -> Value {
    json!({"id": format!("{{g}}/{name}"), "cmd": "sleep 1000", "cpus": 0.01, "mem": 32, "instances": 0})
}

/// The same app with more, or other, fields.
fn app_with(name: &str, more: Value) -> Value {
    with(app(name), more)
}

/// An object with more, or other, fields.
fn with(mut whole: Value, more: Value) -> Value {
    merge(&mut whole, more);
    whole
}

/// Adds the fields of one object to another, down to the innermost; of what both have the added one
/// stays.
fn merge(whole: &mut Value, more: Value) {
    match (whole, more) {
        (Value::Object(fields), Value::Object(more)) => {
            for (key, value) in more {
                merge(fields.entry(key).or_insert(Value::Null), value);
            }
        }
        (whole, more) => *whole = more,
    }
}

/// An app with one container to come, for which there is no host: its deployment never ends.
fn stuck(name: &str) -> Value {
    let nowhere = json!([["hostname", "CLUSTER", "nowhere.invalid"]]);
    app_with(name, json!({"instances": 1, "constraints": nowhere}))
}

/// A step that creates an app.
fn given(definition: Value) -> impl FnOnce(Probe) -> Probe {
    move |probe| probe.send(post("/v2/apps", definition))
}

/// Steps that create the app `a` with one container, and wait until it runs; its id is `{task}`.
fn running(more: Value) -> impl FnOnce(Probe) -> Probe {
    let definition = with(app_with("a", json!({"instances": 1})), more);
    move |probe| {
        probe
            .with(given(definition))
            .with(settled(1))
            .keep("task", "/app/tasks/0/id")
            .keep("version", "/app/version")
    }
}

/// A step that waits until the app `a` has so many containers, and nothing is done to it.
fn settled(count: usize) -> impl FnOnce(Probe) -> Probe {
    move |probe| {
        probe
            .wait_for(get("/v2/apps{g}/a"))
            .holds(is("/app/tasksRunning", count))
            .holds(is("/app/tasksStaged", 0))
            .holds(empty("/app/deployments"))
            .holds(crate::check::len("/app/tasks", count))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Version;
    use crate::probe::{Act, Step};

    #[test]
    fn names_are_those_of_groups_and_of_one_probe_each() {
        let mut seen = BTreeSet::new();
        for probe in all() {
            let name = probe.name();
            let plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
            assert!(name.chars().all(plain) && !name.is_empty(), "{name}");
            assert!(!["restart", "tasks", "versions"].contains(&name), "{name}");
            assert!(seen.insert(name), "{name} is there twice");
            assert!(!probe.steps.is_empty(), "{name}");
            let expects = |step: &Step| !step.checks.is_empty() || matches!(step.act, Act::Hear(_));
            assert!(probe.steps.iter().any(expects), "{name}");
            let origin = probe.origin();
            let is_whole = origin.starts_with('§') && origin.contains([':', '/']);
            assert!(is_whole, "{name}: {origin}");
        }
    }

    #[test]
    fn every_version_has_its_probes() {
        for version in ["0.7.6", "0.10.1", "0.15.7", "1.1.7", "1.3.14", "1.4.14"] {
            let version = Version::parse(version).unwrap();
            let count = all().iter().filter(|it| it.is_for(version)).count();
            assert!(count >= 80, "{count} for {version}");
        }
    }
}
