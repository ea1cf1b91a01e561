//! Two specs, field by field, as people may see them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::{Environment, Spec};

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
pub(super) fn fields(from: &Spec, to: &Spec) -> Vec<FieldChange> {
    if from == to {
        return Vec::new();
    }
    let (old, new) = (written(from), written(to));
    let (mut old, mut new) = (
        flatten(from, differing(&old, &new)),
        flatten(to, differing(&new, &old)),
    );
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

/// The fields that are not the same in the other: only few, as a rule, need to be spelled out.
fn differing<'a>(
    fields: &'a Map<String, Value>,
    other: &'a Map<String, Value>,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    fields
        .iter()
        .filter(|(name, value)| other.get(*name) != Some(*value))
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
