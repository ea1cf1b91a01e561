//! The names that requests and expectations may hold in braces.

use std::collections::BTreeMap;

use serde_json::Value;

/// What stands for `{name}` in texts: the group of a probe, and what it kept of earlier answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    pub(crate) fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// Puts in what is known by name; other braces stay.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.0 {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        filled
    }

    /// The same for all texts in a value, those of keys included.
    pub(crate) fn fill_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill(text)),
            Value::Array(items) => items.iter().map(|it| self.fill_value(it)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, it)| (self.fill(key), self.fill_value(it)))
                .collect(),
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn known_names_are_filled_in_everywhere() {
        let mut names = Names::default();
        names.set("g", "/x/y");
        let value = json!({"id": "{g}/a", "{g}": [1, "{h}"]});
        assert_eq!(
            names.fill_value(&value),
            json!({"id": "/x/y/a", "/x/y": [1, "{h}"]})
        );
    }
}
