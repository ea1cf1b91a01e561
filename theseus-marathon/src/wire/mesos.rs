//! What a Mesos master answers about its agents.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::read::{Lenient, or_default};

/// `GET /slaves`
#[derive(Debug, Deserialize)]
pub(crate) struct Agents {
    pub(crate) slaves: Vec<Lenient<Agent>>,
    /// Those that a master knows from the one before it, and has not heard of since.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) recovered_slaves: Vec<Lenient<Agent>>,
}

/// An agent. Its resources and attributes are named as its operators like.
#[derive(Debug, Deserialize)]
pub(crate) struct Agent {
    pub(crate) hostname: String,
    /// What it is called and where it listens: `slave(1)@10.0.0.1:5051`.
    pub(crate) pid: Option<String>,
    pub(crate) active: Option<bool>,
    /// Since 1.9.
    pub(crate) deactivated: Option<bool>,
    /// Since 1.9, while it is being emptied and afterwards.
    pub(crate) drain_info: Option<Value>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) attributes: BTreeMap<String, Value>,
    pub(crate) resources: Option<BTreeMap<String, Value>>,
    pub(crate) used_resources: Option<BTreeMap<String, Value>>,
}
