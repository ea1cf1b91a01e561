//! What a sandbox is made of: its hosts, its pace and how containers behave.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::docker::Docker;
use crate::script::Script;
use crate::snapshot::Snapshot;
use crate::version::MarathonVersion;

/// How a sandbox starts out. [`Default`] is a small cluster at the pace of a laptop.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Which Marathon it is.
    pub version: MarathonVersion,
    /// The `host:port` that `/v2/leader` tells.
    pub leader: String,
    /// The machines of the cluster.
    pub hosts: Vec<HostConfig>,
    /// From the launch of a task (`TASK_STAGING`) until it runs; half of it is `TASK_STARTING`.
    pub start_delay: Duration,
    /// From running to the first result of the health checks.
    pub health_delay: Duration,
    /// From running until the readiness checks, if any, find a task ready.
    pub ready_delay: Duration,
    /// From a kill to the end of the task.
    pub kill_delay: Duration,
    /// Ports handed out where an app asks for service port 0. Each port definition and mapping
    /// of each app takes one, so a cluster of very many apps needs a wide range.
    pub service_ports: RangeInclusive<u16>,
    /// Deployments that may run at the same time; one more is refused with 403.
    pub max_running_deployments: usize,
    /// Events a reader of `/v2/events` may lag behind before it is cut off.
    pub event_buffer: usize,
    /// Requests that [`Sandbox::requests`](crate::Sandbox::requests) remembers.
    pub request_log: usize,
    /// Decides task ids, deployment ids and host ports.
    pub seed: u64,
    /// The wall time at the start; from there on it follows tokio's clock.
    pub start_time: Timestamp,
    /// How images behave; the first script that fits decides.
    pub scripts: Vec<Script>,
    /// What runs the tasks. Without it they are simulated: scripts and delays say how they fare.
    pub docker: Option<Docker>,
    /// What an earlier or another cluster held, to go on from.
    pub state: Option<Snapshot>,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            version: MarathonVersion::default(),
            leader: "127.0.0.1:8080".into(),
            hosts: HostConfig::several(4),
            start_delay: Duration::from_secs(2),
            health_delay: Duration::from_secs(1),
            ready_delay: Duration::ZERO,
            kill_delay: Duration::from_millis(500),
            service_ports: 10_000..=20_000,
            max_running_deployments: 100,
            event_buffer: 65_536,
            request_log: 10_000,
            seed: 0,
            start_time: Timestamp::now(),
            scripts: Vec::new(),
            docker: None,
            state: None,
        }
    }
}

/// One machine (a Mesos agent).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostConfig {
    /// The host name that constraints on `hostname` see.
    pub name: String,
    /// CPU shares.
    pub cpus: f64,
    /// Memory in MiB.
    pub mem: f64,
    /// Disk in MiB.
    pub disk: f64,
    /// Ranges of host ports on offer.
    pub ports: Vec<RangeInclusive<u16>>,
    /// Text attributes that constraints can name.
    pub attributes: BTreeMap<String, String>,
}

impl HostConfig {
    /// A host of 16 CPUs, 64 GiB of memory, 256 GiB of disk and the ports 31000 to 32000.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            cpus: 16.0,
            mem: 65_536.0,
            disk: 262_144.0,
            ports: vec![31_000..=32_000],
            attributes: BTreeMap::new(),
        }
    }

    /// The same host with one more attribute.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// `count` hosts `host-1`, `host-2` … whose attribute `rack` is `a` and `b` in turn.
    pub fn several(count: usize) -> Vec<Self> {
        let host = |number: usize| {
            let rack = if number % 2 == 1 { "a" } else { "b" };
            Self::named(format!("host-{number}")).with_attribute("rack", rack)
        };
        (1..=count).map(host).collect()
    }
}
