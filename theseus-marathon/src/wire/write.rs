//! What Marathon is told. A field that is `None` is left out, and so keeps Marathon's default.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// The whole definition of an app.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct App<'a> {
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cmd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) args: Option<&'a [String]>,
    pub(crate) env: BTreeMap<&'a str, EnvValue<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) secrets: BTreeMap<&'a str, Secret<'a>>,
    pub(crate) instances: u32,
    pub(crate) cpus: f64,
    pub(crate) mem: f64,
    pub(crate) disk: f64,
    pub(crate) container: Container<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) networks: Option<[Network<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ip_address: Option<IpAddress<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) port_definitions: Option<Vec<PortDefinition<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ports: Option<Vec<u16>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) require_ports: Option<bool>,
    pub(crate) constraints: Vec<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upgrade_strategy: Option<UpgradeStrategy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fetch: Option<Vec<Fetch<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uris: Option<Vec<&'a str>>,
    pub(crate) health_checks: Vec<HealthCheck<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) labels: Option<BTreeMap<&'a str, String>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum EnvValue<'a> {
    Plain(&'a str),
    Secret { secret: &'a str },
}

#[derive(Debug, Serialize)]
pub(crate) struct Secret<'a> {
    pub(crate) source: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) docker: Docker<'a>,
    pub(crate) volumes: Vec<Volume<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) port_mappings: Option<Vec<PortMapping<'a>>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Docker<'a> {
    pub(crate) image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) force_pull_image: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameters: Option<Parameters<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) port_mappings: Option<Vec<PortMapping<'a>>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Parameters<'a> {
    List(Vec<Parameter<'a>>),
    Map(BTreeMap<&'a str, &'a str>),
}

#[derive(Debug, Serialize)]
pub(crate) struct Parameter<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Volume<'a> {
    pub(crate) container_path: &'a str,
    pub(crate) host_path: &'a str,
    pub(crate) mode: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PortMapping<'a> {
    pub(crate) container_port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host_port: Option<u16>,
    pub(crate) service_port: u16,
    pub(crate) protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct PortDefinition<'a> {
    pub(crate) port: u16,
    pub(crate) protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Network<'a> {
    pub(crate) mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IpAddress<'a> {
    pub(crate) network_name: &'a str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Fetch<'a> {
    pub(crate) uri: &'a str,
    pub(crate) extract: bool,
    pub(crate) executable: bool,
    pub(crate) cache: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HealthCheck<'a> {
    pub(crate) protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) port_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<Command<'a>>,
    pub(crate) grace_period_seconds: u64,
    pub(crate) interval_seconds: u64,
    pub(crate) timeout_seconds: u64,
    pub(crate) max_consecutive_failures: u32,
}

/// Shares of the instances, from 0 to 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpgradeStrategy {
    pub(crate) minimum_health_capacity: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) maximum_over_capacity: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Command<'a> {
    pub(crate) value: &'a str,
}

/// A change of nothing but the number of instances. The rest is there only to be left as it is: some
/// versions forget it when it is not said again.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_field_names,
    reason = "the field is called so in the JSON"
)]
pub(crate) struct Instances {
    pub(crate) instances: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) executor_resources: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource_limits: Option<Value>,
}

impl Instances {
    pub(crate) fn only(instances: u32) -> Self {
        Self {
            instances,
            executor_resources: None,
            resource_limits: None,
        }
    }
}

/// A change of nothing but where an app may run.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pin {
    pub(crate) constraints: Vec<Vec<String>>,
    /// None, where the old container would run beside the new one otherwise: it is asked for again
    /// when that is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instances: Option<u32>,
    /// What it has already, where it would be forgotten otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) executor_resources: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource_limits: Option<Value>,
}

/// A change of an app back to one of its versions.
#[derive(Debug, Serialize)]
pub(crate) struct BackTo<'a> {
    pub(crate) version: &'a str,
}
