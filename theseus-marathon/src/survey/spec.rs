//! From the definition of an app, as whatever version of Marathon shows it, to a spec.
//!
//! All shapes are read alike: `container.image` of the first ones, `docker.network` and
//! `docker.portMappings`, `networks` and `container.portMappings`. What is left over when all has
//! been taken is told: it is what no spec can say.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use theseus_core::cluster::Unsaid;
use theseus_core::model::{
    Access, Amount, Constraint, EnvValue, Environment, Fetch, Spec, Update, Volume,
};

use super::command;
use super::fields::{Fields, Remarks};
use super::{health, ports};
use crate::dialect::{Dialect, Feature};

/// What Marathon itself adds when it shows an app.
const ADDED: [&str; 13] = [
    "id",
    "version",
    "versionInfo",
    "deployments",
    "tasks",
    "tasksStaged",
    "tasksRunning",
    "tasksHealthy",
    "tasksUnhealthy",
    "lastTaskFailure",
    "readinessCheckResults",
    "taskStats",
    "tasksStats",
];

/// What an app is: as a spec, or why there can be none, and what a spec cannot say.
pub(crate) fn read(
    app: Map<String, Value>,
    dialect: Dialect,
) -> (Result<Spec, String>, Vec<Unsaid>) {
    let mut remarks = Remarks::new();
    let mut app = Fields::new("", app);
    app.ignore(&ADDED);
    let spec = spec(&mut app, dialect, &mut remarks);
    if spec.is_ok() {
        app.finish(&mut remarks);
    }
    (spec, remarks)
}

fn spec(app: &mut Fields, dialect: Dialect, remarks: &mut Remarks) -> Result<Spec, String> {
    let Some(mut container) = app.within("container", remarks) else {
        return Err("it runs no image".to_owned());
    };
    let mut docker = container.within("docker", remarks);
    let kind: Option<String> = container.take("type", remarks);
    if let Some(kind) = kind.filter(|kind| kind != "DOCKER") {
        container.remark("type", &Value::from(kind), remarks);
    }
    let first: Option<String> = container.take("image", remarks);
    let is_deimos = first.is_some();
    let image = match (&mut docker, first) {
        (Some(docker), None) => docker.take("image", remarks),
        (_, first) => first.map(|image| {
            let bare = image.strip_prefix("docker:///");
            bare.map_or(image.clone(), str::to_owned)
        }),
    };
    let Some(image) = image.filter(|image| !image.trim().is_empty()) else {
        return Err("it runs no image".to_owned());
    };
    let mut spec = Spec::new(image);
    let wiring = ports::wiring(
        app,
        Some(&mut container),
        docker.as_mut(),
        is_deimos,
        remarks,
    )?;
    (spec.network, spec.ports) = (wiring.network, wiring.ports);
    if let Some(docker) = docker {
        from_docker(&mut spec, docker, remarks);
    }
    options(&mut spec, &mut container, remarks);
    volumes(&mut spec, &mut container, remarks);
    container.finish(remarks);

    let line: Option<String> = app.take("cmd", remarks);
    let line = line.filter(|line| !line.is_empty());
    spec.command = line.as_deref().map(command::words).unwrap_or_default();
    spec.args = app.take("args", remarks).unwrap_or_default();
    spec.environment = environment(app, remarks);
    take_number(app, "cpus", &mut spec.resources.cpus, 1.0, remarks);
    take_number(app, "mem", &mut spec.resources.mem, 128.0, remarks);
    take_number(app, "disk", &mut spec.resources.disk, 0.0, remarks);
    spec.instances = app.take("instances", remarks).unwrap_or(1);
    spec.constraints = constraints(app, remarks);
    spec.fetch = fetch(app, remarks);
    spec.metadata = metadata(app, remarks);
    spec.health = health::health(app, &spec.ports, remarks);
    spec.update = update(app, remarks);
    expect_defaults(app, dialect);
    Ok(spec)
}

fn from_docker(spec: &mut Spec, mut docker: Fields, remarks: &mut Remarks) {
    spec.force_pull = docker.take("forcePullImage", remarks).unwrap_or(false);
    let parameters: Option<Value> = docker.take("parameters", remarks);
    match parameters {
        // 0.7.6 had a map.
        Some(Value::Object(map)) => {
            for (key, value) in map {
                match value {
                    Value::String(value) => add_parameter(spec, key, value),
                    value => docker.remark(&format!("parameters.{key}"), &value, remarks),
                }
            }
        }
        Some(Value::Array(list)) => {
            for item in list {
                match (item["key"].as_str(), item["value"].as_str()) {
                    (Some(key), Some(value)) if !key.is_empty() => {
                        add_parameter(spec, key.to_owned(), value.to_owned());
                    }
                    _ => docker.remark("parameters", &item, remarks),
                }
            }
        }
        Some(other) => docker.remark("parameters", &other, remarks),
        None => {}
    }
    docker.finish(remarks);
}

fn add_parameter(spec: &mut Spec, key: String, value: String) {
    spec.parameters.entry(key).or_default().push(value);
}

/// The options of the first containers: words of a command line of Docker's.
fn options(spec: &mut Spec, container: &mut Fields, remarks: &mut Remarks) {
    let words: Vec<String> = container.take("options", remarks).unwrap_or_default();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => {
                (name.to_owned(), Some(value.to_owned()))
            }
            _ => (word.clone(), words.next()),
        };
        let value = value.unwrap_or_default();
        let volume = value.parse::<Volume>();
        match (&*name, volume) {
            ("-v" | "--volume", Ok(volume)) => spec.volumes.push(volume),
            (name, _) if name.starts_with("--") && name.len() > 2 => {
                add_parameter(spec, name[2..].to_owned(), value);
            }
            _ => container.remark("options", &Value::from(format!("{name} {value}")), remarks),
        }
    }
}

fn volumes(spec: &mut Spec, container: &mut Fields, remarks: &mut Remarks) {
    for mut volume in container.each("volumes", remarks) {
        match (volume.text("hostPath"), volume.text("containerPath")) {
            (Some(host), Some(inside)) if is_host_volume(host, inside) => {
                let is_read = volume.text("mode") == Some("RO");
                spec.volumes.push(Volume {
                    host: host.to_owned(),
                    container: inside.to_owned(),
                    access: if is_read {
                        Access::ReadOnly
                    } else {
                        Access::ReadWrite
                    },
                });
                volume.ignore(&["hostPath", "containerPath", "mode"]);
                volume.finish(remarks);
            }
            _ => volume.refuse(remarks),
        }
    }
}

/// Whether a manifest can write it: a colon stands between the two.
fn is_host_volume(host: &str, inside: &str) -> bool {
    let text = format!("{host}:{inside}:rw");
    text.parse::<Volume>()
        .is_ok_and(|volume| volume.host == host && volume.container == inside)
}

fn environment(app: &mut Fields, remarks: &mut Remarks) -> Environment {
    let variables: BTreeMap<String, Value> = app.take("env", remarks).unwrap_or_default();
    let mut sources: BTreeMap<String, Value> = app.take("secrets", remarks).unwrap_or_default();
    let mut used = Vec::new();
    let mut environment = Environment::default();
    for (name, value) in variables {
        let is_name = !name.is_empty() && !name.contains(['=', '\0']);
        let read = match &value {
            Value::String(text) => Some(EnvValue::Plain(text.clone())),
            // Before there were types for them, numbers came through.
            Value::Number(_) | Value::Bool(_) => Some(EnvValue::Plain(value.to_string())),
            Value::Object(_) => value["secret"].as_str().map(|key| {
                used.push(key.to_owned());
                let source = sources
                    .get(key)
                    .and_then(|secret| secret["source"].as_str());
                let secret = source.unwrap_or(key).to_owned();
                EnvValue::Secret { secret }
            }),
            Value::Null | Value::Array(_) => None,
        };
        match read {
            Some(read) if is_name => {
                environment.0.insert(name, read);
            }
            _ => app.remark(&format!("env.{name}"), &value, remarks),
        }
    }
    sources.retain(|key, _| !used.contains(key));
    for (key, secret) in &sources {
        app.remark(&format!("secrets.{key}"), secret, remarks);
    }
    environment
}

/// Where Marathon leaves a number out, it means its own default.
fn take_number(app: &mut Fields, name: &str, to: &mut f64, default: f64, remarks: &mut Remarks) {
    *to = app.take(name, remarks).unwrap_or(default);
}

fn constraints(app: &mut Fields, remarks: &mut Remarks) -> Vec<Constraint> {
    let written: Vec<Value> = app.take("constraints", remarks).unwrap_or_default();
    let mut constraints = Vec::new();
    for (index, words) in written.into_iter().enumerate() {
        let read: Option<Vec<String>> = serde_json::from_value(words.clone()).ok();
        let read = read.map(|mut words| {
            // An empty value is none.
            if words.len() == 3 && words[2].is_empty() {
                words.pop();
            }
            words
        });
        match read.and_then(|words| Constraint::try_from(words).ok()) {
            Some(constraint) => constraints.push(constraint),
            None => app.remark(&format!("constraints[{index}]"), &words, remarks),
        }
    }
    constraints
}

fn fetch(app: &mut Fields, remarks: &mut Remarks) -> Vec<Fetch> {
    let files = app.each("fetch", remarks);
    let addresses: Vec<String> = app.take("uris", remarks).unwrap_or_default();
    if files.is_empty() {
        // Archives among these are unpacked.
        let files = addresses.into_iter();
        return files
            .map(|uri| Fetch {
                uri,
                extract: true,
                executable: false,
                cache: false,
            })
            .collect();
    }
    let mut fetch = Vec::new();
    for mut file in files {
        let Some(uri) = file.take("uri", remarks) else {
            file.refuse(remarks);
            continue;
        };
        fetch.push(Fetch {
            uri,
            extract: file.take("extract", remarks).unwrap_or(true),
            executable: file.take("executable", remarks).unwrap_or(false),
            cache: file.take("cache", remarks).unwrap_or(false),
        });
        file.finish(remarks);
    }
    fetch
}

fn metadata(app: &mut Fields, remarks: &mut Remarks) -> BTreeMap<String, String> {
    let labels: BTreeMap<String, Value> = app.take("labels", remarks).unwrap_or_default();
    let mut metadata = BTreeMap::new();
    for (name, value) in labels {
        match value {
            Value::String(text) if !name.is_empty() => {
                metadata.insert(name, text);
            }
            value => app.remark(&format!("labels.{name}"), &value, remarks),
        }
    }
    metadata
}

/// How Marathon may replace containers, in the words for how Theseus may. What Marathon does unless
/// it is told otherwise is left to Theseus's own defaults.
fn update(app: &mut Fields, remarks: &mut Remarks) -> Update {
    let mut update = Update::default();
    let Some(mut strategy) = app.within("upgradeStrategy", remarks) else {
        return update;
    };
    let healthy: Option<f64> = strategy.take("minimumHealthCapacity", remarks);
    let over: Option<f64> = strategy.take("maximumOverCapacity", remarks);
    strategy.finish(remarks);
    let missing = percent(1.0 - healthy.unwrap_or(1.0));
    let surge = percent(over.unwrap_or(1.0));
    // With neither, nothing could ever be replaced; and 100 is what it is unless something is said.
    if missing > 0 || !matches!(surge, 0 | 100) {
        update.max_unavailable = amount(missing);
        update.max_surge = amount(surge);
    }
    update
}

/// A share as a percentage, at most all.
fn percent(share: f64) -> u8 {
    (1..=100_u8)
        .rev()
        .find(|percent| f64::from(*percent) <= share * 100.0 + 0.5)
        .unwrap_or(0)
}

fn amount(percent: u8) -> Amount {
    match percent {
        0 => Amount::Count(0),
        percent => Amount::Percent(percent),
    }
}

/// Leaves out of account what this version sets by itself.
fn expect_defaults(app: &mut Fields, dialect: Dialect) {
    let launch_delay = if dialect.has(Feature::ShortLaunchDelay) {
        300
    } else {
        3600
    };
    let patience = if dialect.has(Feature::ImpatientWithUnreachable) {
        json!({"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0})
    } else {
        json!({"inactiveAfterSeconds": 300, "expungeAfterSeconds": 600})
    };
    for (name, usual) in [
        ("backoffSeconds", json!(1)),
        ("backoffFactor", json!(1.15)),
        ("maxLaunchDelaySeconds", json!(launch_delay)),
        ("killSelection", json!("YOUNGEST_FIRST")),
        ("unreachableStrategy", patience),
        ("gpus", json!(0)),
        ("role", json!("*")),
        (
            "executorResources",
            json!({"cpus": 0.1, "mem": 32, "disk": 10}),
        ),
    ] {
        app.expect(name, &usual);
    }
}
