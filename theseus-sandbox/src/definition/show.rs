//! A definition as a version of Marathon shows it.
//!
//! What is kept has the form of 1.5 and the fields of all versions. An older Marathon shows
//! networks, mappings and ports in its own way, and what is not set as null.

use std::sync::OnceLock;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{AppSpec, HealthCheck, forms};
use crate::behaviour;
use crate::version::MarathonVersion;

/// What is always there before 1.5, as JSON.
const ALWAYS: [(&str, &str); 19] = [
    ("acceptedResourceRoles", "null"),
    ("args", "null"),
    ("cmd", "null"),
    ("constraints", "[]"),
    ("container", "null"),
    ("dependencies", "[]"),
    ("env", "{}"),
    ("fetch", "[]"),
    ("healthChecks", "[]"),
    ("ipAddress", "null"),
    ("portDefinitions", "[]"),
    ("readinessChecks", "[]"),
    ("residency", "null"),
    ("secrets", "{}"),
    ("storeUrls", "[]"),
    ("taskKillGracePeriodSeconds", "null"),
    ("user", "null"),
    ("labels", "{}"),
    ("executor", "\"\""),
];

/// The text of a definition, made when it is first shown. A sandbox is of one version for good, and
/// shows the same definition again and again.
#[derive(Debug, Default)]
pub(super) struct Text(OnceLock<Box<str>>);

/// A copy is made to be changed.
impl Clone for Text {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// The text says nothing that the definition does not.
impl PartialEq for Text {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl AppSpec {
    /// The JSON of the definition in `version`, of which the sandbox is.
    pub(crate) fn shown(&self, version: MarathonVersion) -> &str {
        let text = || self.in_version(version).to_string().into();
        self.text.0.get_or_init(text)
    }

    pub(crate) fn in_version(&self, version: MarathonVersion) -> Value {
        let mut app = self.whole();
        if let (Value::Object(app), false) = (&mut app, version.has(behaviour::NATIVE_NETWORKS)) {
            self.in_old_form(app, version);
        }
        forms::show(&mut app, version);
        app
    }

    /// With the fields of all versions.
    pub(crate) fn whole(&self) -> Value {
        serde_json::to_value(self).expect("a definition has only string keys and finite numbers")
    }

    fn in_old_form(&self, app: &mut Map<String, Value>, version: MarathonVersion) {
        for (field, value) in ALWAYS {
            let value = || serde_json::from_str(value).unwrap_or_default();
            app.entry(field).or_insert_with(value);
        }
        let uris = self.fetch.iter().map(|it| it.uri.as_str());
        app.insert("uris".into(), uris.collect());
        let ports = self.service_ports();
        app.insert("ports".into(), json!(ports));
        let definitions = app.get_mut("portDefinitions").and_then(Value::as_array_mut);
        for (index, definition) in definitions.into_iter().flatten().enumerate() {
            if let (Some(definition), Some(port)) = (definition.as_object_mut(), ports.get(index)) {
                definition.insert("port".into(), json!(port));
                definition.entry("labels").or_insert_with(|| json!({}));
            }
        }
        if self.ip_address.is_some() && version.has(behaviour::ADDRESS_HIDES_PORTS) {
            app.remove("ports");
            app.remove("portDefinitions");
        }
        let Some(Value::Object(container)) = app.get_mut("container") else {
            return;
        };
        let mappings = container.remove("portMappings");
        if let Some(Value::Object(docker)) = container.get_mut("docker") {
            docker.insert("portMappings".into(), mappings.unwrap_or_default());
            docker.entry("network").or_insert(Value::Null);
        }
    }
}

impl HealthCheck {
    /// Its JSON in `version`.
    pub(crate) fn in_version(&self, version: MarathonVersion) -> Value {
        let mut app = json!({ "healthChecks": [self] });
        forms::show(&mut app, version);
        app["healthChecks"][0].take()
    }
}

/// A definition to be written wherever JSON is written.
#[derive(Debug)]
pub(crate) struct Shown<'a>(pub(crate) &'a AppSpec, pub(crate) MarathonVersion);

impl Serialize for Shown<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.in_version(self.1).serialize(serializer)
    }
}
