//! Two specs, field by field, as people may see them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

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
    let (mut old, mut new) = (flatten(from), flatten(to));
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

/// A spec as it may be shown: its fields by name, as in [`FieldChange`].
pub fn shown(spec: &Spec) -> Value {
    Value::Object(flatten(spec).into_iter().collect())
}

/// The fields of a spec by name; those that are maps themselves one level deeper.
fn flatten(spec: &Spec) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    let Ok(Value::Object(fields)) = serde_json::to_value(spec) else {
        return flat;
    };
    for (name, value) in fields {
        match value {
            Value::Object(inner) if name == "environment" => {
                drop(inner);
                for (variable, value) in &spec.environment.0 {
                    let shown = Environment::shown(variable, value).into_owned();
                    flat.insert(format!("environment.{variable}"), shown.into());
                }
            }
            Value::Object(inner) => {
                flat.extend(
                    inner
                        .into_iter()
                        .map(|(key, value)| (format!("{name}.{key}"), plain(value))),
                );
            }
            value => {
                flat.insert(name, value);
            }
        }
    }
    flat
}

/// A port that is only a number is shown as one.
fn plain(value: Value) -> Value {
    match &value {
        Value::Object(map)
            if map.len() == 2
                && map
                    .get("protocol")
                    .is_some_and(|protocol| protocol == "tcp") =>
        {
            map.get("container").cloned().unwrap_or(value)
        }
        _ => value,
    }
}
