//! The machines of a cluster: what they have, and why containers find no place on them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::AppId;
use crate::model::GroupId;

/// What is known of the machines.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inventory {
    /// The hosts, each once.
    pub hosts: Vec<Host>,
    /// Whether these are all there are. Where the engine cannot tell, `hosts` are those that it
    /// happens to know.
    pub is_complete: bool,
}

impl Inventory {
    /// The host of this name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| &*host.name == name)
    }
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Host {
    /// Its name, as containers tell it.
    pub name: Arc<str>,
    /// Whether it takes containers.
    pub state: HostState,
    /// What constraints can name: text by attribute.
    pub attributes: BTreeMap<String, String>,
    /// What it has; `None` where only its name is known.
    pub total: Option<Amounts>,
    /// What is not taken of it, by whomever; `None` where that is not known.
    pub free: Option<Amounts>,
}

/// Whether a host takes containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostState {
    /// It does.
    Active,
    /// What runs there goes on, and nothing new is to come.
    Draining,
    /// It has not been heard of for a while.
    Gone,
}

/// Resources of a host.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Amounts {
    /// Processors.
    pub cpus: f64,
    /// Memory in MiB.
    pub mem: f64,
    /// Disk in MiB.
    pub disk: f64,
    /// Ports, in ascending ranges that do not touch.
    pub ports: Vec<RangeInclusive<u16>>,
}

/// Why containers of an app do not start.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delay {
    /// The app.
    pub app: AppId,
    /// The group that it belongs to.
    pub group: GroupId,
    /// How many of its containers wait.
    pub waiting: u32,
    /// How long the engine will not even try, because containers of the app have failed.
    pub backoff: Option<Duration>,
    /// Why hosts were of no use, the most frequent reason first.
    pub rejections: Vec<Rejection>,
}

/// A reason for which hosts were of no use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// The reason, in words: `too little memory`.
    pub reason: String,
    /// How many hosts were declined for it.
    pub declined: u32,
    /// How many were looked at.
    pub processed: u32,
}
