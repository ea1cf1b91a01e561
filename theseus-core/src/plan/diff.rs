//! Two specs, field by field, as people may see them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

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
    let (old_text, new_text) = (written(from), written(to));
    let (old, new) = (fields_of(&old_text), fields_of(&new_text));
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
    let names: BTreeSet<String> = old.keys().chain(new.keys()).cloned().collect();
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
fn differing<'t>(fields: &Fields<'t>, other: &Fields<'t>) -> impl Iterator<Item = Field<'t>> {
    let differ = |(name, text): &Field<'t>| other.get(name).is_none_or(|it| it.get() != text.get());
    fields
        .iter()
        .map(|(name, text)| (*name, *text))
        .filter(differ)
}

/// A spec as it may be shown: its fields by name, as in [`FieldChange`].
pub fn shown(spec: &Spec) -> Value {
    let text = written(spec);
    Value::Object(flatten(spec, fields_of(&text)).into_iter().collect())
}

/// A field's name and its JSON, which is equal for what is equal.
type Field<'t> = (&'t str, &'t RawValue);
type Fields<'t> = BTreeMap<&'t str, &'t RawValue>;

/// A spec as it is written down.
fn written(spec: &Spec) -> String {
    serde_json::to_string(spec).unwrap_or_default()
}

/// The fields of a spec that was written down.
fn fields_of(text: &str) -> Fields<'_> {
    serde_json::from_str(text).unwrap_or_default()
}

/// Fields of a spec by name; those that are maps themselves one level deeper.
fn flatten<'t>(
    spec: &Spec,
    fields: impl IntoIterator<Item = Field<'t>>,
) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    for (name, text) in fields {
        match serde_json::from_str(text.get()).unwrap_or_default() {
            Value::Object(_) if name == "environment" => {
                for (variable, value) in &spec.environment.0 {
                    let shown = Environment::shown(variable, value).into_owned();
                    flat.insert(format!("environment.{variable}"), shown.into());
                }
            }
            Value::Object(inner) => {
                let inner = inner.into_iter();
                flat.extend(inner.map(|(key, value)| (format!("{name}.{key}"), plain(value))));
            }
            value => {
                flat.insert(name.to_owned(), value);
            }
        }
    }
    flat
}

/// A port that is only a number is shown as one.
fn plain(mut value: Value) -> Value {
    match &mut value {
        Value::Object(map)
            if map.len() == 2
                && map
                    .get("protocol")
                    .is_some_and(|protocol| protocol == "tcp") =>
        {
            map.remove("container").unwrap_or(value)
        }
        _ => value,
    }
}
