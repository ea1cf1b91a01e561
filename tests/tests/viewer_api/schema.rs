//! Whether a value is as an `OpenAPI` document says: as much of JSON Schema as the viewer's has.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::Value;

/// A document in `OpenAPI`.
pub(crate) struct Document(pub(crate) Value);

/// What an object may have, and what it must have.
#[derive(Default)]
struct Shape<'a> {
    properties: BTreeMap<&'a str, &'a Value>,
    required: BTreeSet<&'a str>,
    others: Option<&'a Value>,
}

impl Document {
    /// In what an answer differs from its description.
    pub(crate) fn differences(
        &self,
        method: &Method,
        path: &str,
        status: u16,
        body: &Value,
    ) -> Vec<String> {
        let method = method.as_str().to_lowercase();
        let responses = &self.0["paths"][path][&method]["responses"];
        let schema = &responses[status.to_string()]["content"]["application/json"]["schema"];
        if schema.is_null() {
            return vec![format!(
                "{method} {path} has no answer {status} with a body"
            )];
        }
        let mut wrong = Vec::new();
        self.compare(schema, body, "", &mut wrong);
        wrong
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(name) => {
                let name = name.trim_start_matches("#/components/schemas/");
                self.resolved(&self.0["components"]["schemas"][name])
            }
            None => schema,
        }
    }

    fn compare(&self, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
        let schema = self.resolved(schema);
        if schema.is_null() {
            wrong.push(format!("{at} has no description"));
        } else if let Some(choices) = schema["oneOf"].as_array() {
            let fits = |choice: &&Value| {
                let mut wrong = Vec::new();
                self.compare(choice, value, at, &mut wrong);
                wrong.is_empty()
            };
            if !choices.iter().any(|choice| fits(&choice)) {
                wrong.push(format!("{at}: {value} is none of what it may be"));
            }
        } else if let Some(values) = schema["enum"].as_array() {
            if !values.contains(value) {
                wrong.push(format!("{at}: {value} is none of {values:?}"));
            }
        } else if !schema["allOf"].is_null() || !schema["properties"].is_null() {
            self.compare_object(schema, value, at, wrong);
        } else {
            self.compare_type(schema, value, at, wrong);
        }
    }

    fn compare_object(&self, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
        let Some(object) = value.as_object() else {
            wrong.push(format!("{at}: {value} is no object"));
            return;
        };
        let mut shape = Shape::default();
        self.collect(schema, &mut shape);
        for name in &shape.required {
            if !object.contains_key(*name) {
                wrong.push(format!("{at}.{name} is missing"));
            }
        }
        for (name, value) in object {
            let at = format!("{at}.{name}");
            match shape
                .properties
                .get(name.as_str())
                .copied()
                .or(shape.others)
            {
                Some(schema) => self.compare(schema, value, &at, wrong),
                None => wrong.push(format!("{at} is not described")),
            }
        }
    }

    fn collect<'a>(&'a self, schema: &'a Value, shape: &mut Shape<'a>) {
        let schema = self.resolved(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.collect(part, shape);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            shape.properties.insert(name, property);
        }
        let required = schema["required"].as_array().into_iter().flatten();
        shape.required.extend(required.filter_map(Value::as_str));
        if schema["additionalProperties"].is_object() {
            shape.others = Some(&schema["additionalProperties"]);
        }
    }

    fn compare_type(&self, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            // Anything goes.
            _ => return,
        };
        let fits = types.iter().any(|it| match *it {
            "null" => value.is_null(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => false,
        });
        if !fits {
            wrong.push(format!("{at}: {value} is no {}", types.join(" or ")));
            return;
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            self.compare(&schema["items"], item, &format!("{at}[{index}]"), wrong);
        }
        if schema["additionalProperties"].is_object() {
            for (name, item) in value.as_object().into_iter().flatten() {
                self.compare(
                    &schema["additionalProperties"],
                    item,
                    &format!("{at}.{name}"),
                    wrong,
                );
            }
        }
    }
}
