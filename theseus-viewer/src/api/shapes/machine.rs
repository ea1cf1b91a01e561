//! Machines.

use std::collections::BTreeMap;

use utoipa::ToSchema;

use super::Name;
use super::group::Placed;

/// The machines.
#[derive(ToSchema)]
pub(in crate::api) struct Hosts {
    format_version: u32,
    /// Whether these are all there are.
    complete: bool,
    hosts: Vec<Host>,
}

/// A machine.
#[derive(ToSchema)]
pub(in crate::api) struct Host {
    host: String,
    state: HostState,
    attributes: BTreeMap<String, String>,
    /// Processors.
    cpus: Share,
    /// Memory in MiB.
    mem: Share,
    /// Disk in MiB.
    disk: Share,
    /// Ports, counted.
    ports: Share,
    /// The ports that are free: `31000-31004`, or `31000`.
    #[schema(required)]
    free_ports: Option<Vec<String>>,
    /// How many containers of each group run there.
    containers: Vec<Running>,
}

/// Whether a machine takes containers.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(in crate::api) enum HostState {
    Active,
    Draining,
    Gone,
}

/// One of the things that a machine has; null where it is not known.
#[derive(ToSchema)]
pub(in crate::api) struct Share {
    #[schema(required)]
    total: Option<f64>,
    #[schema(required)]
    used: Option<f64>,
    #[schema(required)]
    free: Option<f64>,
}

/// Containers of one group.
#[derive(ToSchema)]
pub(in crate::api) struct Running {
    group: Name,
    count: u32,
}

/// One machine, with its containers.
#[derive(ToSchema)]
pub(in crate::api) struct Machine {
    format_version: u32,
    #[serde(flatten)]
    status: Host,
    running: Vec<Placed>,
}
