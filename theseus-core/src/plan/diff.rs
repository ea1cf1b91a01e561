//! Two specs, field by field, as people may see them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::{Environment, Resources, Spec};

/// A field that differs. Values that look secret are masked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// The field, as in a manifest: `image`, `ports.api`.
    pub field: String,
    /// What it was; null when there was none.
    pub from: Value,
    /// What it will be; null when there will be none.
    pub to: Value,
}

/// The fields in which two specs differ, in alphabetical order.
pub fn fields(from: &Spec, to: &Spec) -> Vec<FieldChange> {
    if from.same_as(to) {
        return Vec::new();
    }
    let Differing { old, new } = Differing::of(from, to);
    let (mut old, mut new) = (flatten(from, &old), flatten(to, &new));
    // Two secrets that differ look the same behind their masks, so the specs themselves decide.
    for (name, value) in &to.environment.0 {
        if from
            .environment
            .0
            .get(name)
            .is_some_and(|former| former != value)
        {
            let field = format!("environment.{name}");
            if old.get(&field) == new.get(&field) {
                new.insert(field, Value::from("•••••• (another)"));
            }
        }
    }
    let names: std::collections::BTreeSet<String> = old.keys().chain(new.keys()).cloned().collect();
    names
        .into_iter()
        .filter_map(|field| {
            let from = old.remove(&field).unwrap_or(Value::Null);
            let to = new.remove(&field).unwrap_or(Value::Null);
            (from != to).then_some(FieldChange { field, from, to })
        })
        .collect()
}

/// The fields that differ, as each side writes them. Only few differ as a rule, and only those are
/// written.
#[derive(Default)]
struct Differing {
    old: Map<String, Value>,
    new: Map<String, Value>,
}

impl Differing {
    fn of(from: &Spec, to: &Spec) -> Self {
        // Taken apart, so that a new field cannot be forgotten here.
        let Spec {
            image,
            command,
            args,
            ports,
            environment,
            instances,
            resources: Resources { cpus, mem, disk },
            volumes,
            constraints,
            custom_constraints,
            force_pull,
            network,
            parameters,
            fetch,
            metadata,
            health,
            update,
            depends_on,
        } = from;
        let mut differing = Self::default();
        differing.compare("image", image, &to.image);
        differing.compare("command", command, &to.command);
        differing.compare("args", args, &to.args);
        differing.compare("ports", ports, &to.ports);
        differing.compare("environment", environment, &to.environment);
        differing.compare("instances", instances, &to.instances);
        differing.compare("cpus", cpus, &to.resources.cpus);
        differing.compare("mem", mem, &to.resources.mem);
        differing.compare("disk", disk, &to.resources.disk);
        differing.compare("volumes", volumes, &to.volumes);
        differing.compare("constraints", constraints, &to.constraints);
        differing.compare(
            "custom-constraints",
            custom_constraints,
            &to.custom_constraints,
        );
        differing.compare("force-pull", force_pull, &to.force_pull);
        differing.compare("network", network, &to.network);
        differing.compare("parameters", parameters, &to.parameters);
        differing.compare("fetch", fetch, &to.fetch);
        differing.compare("metadata", metadata, &to.metadata);
        differing.compare("health", health, &to.health);
        differing.compare("update", update, &to.update);
        differing.compare("depends-on", depends_on, &to.depends_on);
        differing
    }

    fn compare<T: PartialEq + Serialize>(&mut self, name: &str, from: &T, to: &T) {
        if from != to {
            write(&mut self.old, name, from);
            write(&mut self.new, name, to);
        }
    }
}

/// Writes a field as a spec does: one that says nothing is left out.
fn write(fields: &mut Map<String, Value>, name: &str, value: &impl Serialize) {
    let value = serde_json::to_value(value).unwrap_or(Value::Null);
    let says_nothing = match &value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    };
    if !says_nothing {
        fields.insert(name.to_owned(), value);
    }
}

/// A spec as it may be shown: its fields by name, as in [`FieldChange`].
pub fn shown(spec: &Spec) -> Value {
    Value::Object(flatten(spec, &written(spec)).into_iter().collect())
}

/// A spec as it is written down.
fn written(spec: &Spec) -> Map<String, Value> {
    match serde_json::to_value(spec) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// Fields of a spec by name; those that are maps themselves one level deeper.
fn flatten<'a>(
    spec: &Spec,
    fields: impl IntoIterator<Item = (&'a String, &'a Value)>,
) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    for (name, value) in fields {
        match value {
            Value::Object(_) if name == "environment" => {
                for (variable, value) in &spec.environment.0 {
                    let shown = Environment::shown(variable, value).into_owned();
                    flat.insert(format!("environment.{variable}"), shown.into());
                }
            }
            Value::Object(inner) => {
                flat.extend(
                    inner
                        .iter()
                        .map(|(key, value)| (format!("{name}.{key}"), plain(value))),
                );
            }
            value => {
                flat.insert(name.clone(), value.clone());
            }
        }
    }
    flat
}

/// A port that is only a number is shown as one.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map)
            if map.len() == 2
                && map
                    .get("protocol")
                    .is_some_and(|protocol| protocol == "tcp") =>
        {
            map.get("container").unwrap_or(value).clone()
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Manifest, Source};

    /// Every field that a manifest may have.
    const EVERYTHING: &str = include_str!("../../../examples/everything.yaml");

    #[test]
    fn a_field_that_differs_is_written_as_in_the_whole_spec() {
        let manifest = Manifest::parse(&[Source::new("everything.yaml", EVERYTHING)]).unwrap();
        let plain = Spec::new("other");
        for (_, spec) in manifest.deploy() {
            let whole = written(spec);
            let Differing { old, new } = Differing::of(spec, &plain);
            assert_eq!(Differing::of(&plain, spec).new, old);
            for (name, value) in &old {
                assert_eq!(whole.get(name), Some(value), "{name}");
            }
            let plain = written(&plain);
            for (name, value) in &whole {
                let same = plain.get(name) == Some(value);
                assert_eq!(old.contains_key(name), !same, "{name}");
                assert_eq!(new.get(name), plain.get(name).filter(|_| !same), "{name}");
            }
        }
    }
}
