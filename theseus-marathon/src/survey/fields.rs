//! The fields of something that was read as JSON, each to be taken once. What nobody takes is what
//! no spec can say, whatever a later version may call it; so nothing is lost without a word.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use theseus_core::cluster::Unsaid;
use theseus_core::model::looks_secret;

/// No value is shown longer than this, in characters.
const LONGEST: usize = 120;

/// What stands in for a value that is nobody's business.
const MASK: &str = "••••••";

/// Fields that are not taken yet.
pub(super) struct Fields {
    /// Where they are, such as `container.docker.`.
    place: String,
    left: Map<String, Value>,
}

/// What no spec can say, as it is found.
pub(super) type Remarks = Vec<Unsaid>;

impl Fields {
    pub(super) fn new(place: impl Into<String>, fields: Map<String, Value>) -> Self {
        Self {
            place: place.into(),
            left: fields,
        }
    }

    /// Takes a value of this type. `null` counts as absent; what has another type is remarked upon.
    pub(super) fn take<T: DeserializeOwned>(
        &mut self,
        name: &str,
        remarks: &mut Remarks,
    ) -> Option<T> {
        let value = self.left.remove(name).filter(|value| !value.is_null())?;
        let taken = T::deserialize(&value).ok();
        if taken.is_none() {
            self.remark(name, &value, remarks);
        }
        taken
    }

    /// Takes the fields inside this one.
    pub(super) fn within(&mut self, name: &str, remarks: &mut Remarks) -> Option<Self> {
        let fields = self.take(name, remarks)?;
        Some(Self::new(format!("{}{name}.", self.place), fields))
    }

    /// Takes the fields inside each item of this list.
    pub(super) fn each(&mut self, name: &str, remarks: &mut Remarks) -> Vec<Self> {
        let items: Vec<Value> = self.take(name, remarks).unwrap_or_default();
        let mut all = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            match item {
                Value::Object(fields) => {
                    all.push(Self::new(format!("{}{name}[{index}].", self.place), fields));
                }
                item => self.remark(&format!("{name}[{index}]"), &item, remarks),
            }
        }
        all
    }

    /// A text that stays to be taken.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.left.get(name)?.as_str()
    }

    /// Leaves fields out of account.
    pub(super) fn ignore(&mut self, names: &[&str]) {
        self.left.retain(|name, _| !names.contains(&&**name));
    }

    /// Leaves a field out of account where it is no more than what Marathon sets by itself.
    pub(super) fn expect(&mut self, name: &str, usual: &Value) {
        if self
            .left
            .get(name)
            .is_some_and(|value| is_same(value, usual))
        {
            self.left.remove(name);
        }
    }

    /// Remarks upon a field as a whole.
    pub(super) fn remark(&self, name: &str, value: &Value, remarks: &mut Remarks) {
        remarks.push(Unsaid {
            field: format!("{}{name}", self.place),
            value: shown(name, value),
        });
    }

    /// Remarks upon all that is left and says something.
    pub(super) fn finish(self, remarks: &mut Remarks) {
        for (name, value) in &self.left {
            if !says_nothing(value) {
                self.remark(name, value, remarks);
            }
        }
    }

    /// Remarks upon all of it, as one.
    pub(super) fn refuse(self, remarks: &mut Remarks) {
        remarks.push(Unsaid {
            field: self.place.trim_end_matches('.').to_owned(),
            value: shown("", &Value::Object(self.left)),
        });
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// Whether two values are the same, however their numbers are written.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|other| is_same(value, other)))
        }
        (one, other) => one == other,
    }
}

/// A value as people may see it.
fn shown(name: &str, value: &Value) -> String {
    let text = match masked(name, value) {
        Value::String(text) => text,
        value => value.to_string(),
    };
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn masked(name: &str, value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), masked(name, value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(|item| masked(name, item)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::String(_) if looks_secret(name) => MASK.into(),
        Value::String(text) => text.clone().into(),
    }
}
