//! Groups and their containers.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

use super::{Name, Time};

/// How all groups are doing.
#[derive(ToSchema)]
pub(in crate::api) struct Status {
    format_version: u32,
    groups: Vec<GroupStatus>,
    /// How many apps run that no group accounts for; left out when there are none.
    #[schema(required = false)]
    foreign: usize,
}

/// How one group is doing.
#[derive(ToSchema)]
pub(in crate::api) struct GroupStatus {
    group: Name,
    service: String,
    labels: Vec<String>,
    /// The revision that it is, or is on its way to be; null where no record tells.
    #[schema(required)]
    revision: Option<u32>,
    /// The image of that revision.
    #[schema(required)]
    image: Option<String>,
    /// How many containers it is to have.
    instances: u32,
    /// How many run, of whatever revision.
    running: u32,
    /// How many of those do their work.
    healthy: u32,
    /// How often containers of what runs have ended though they were wanted; left out where no
    /// registrar has counted.
    #[schema(required = false, nullable = false)]
    restarts: Option<u32>,
    /// The deploy or removal that is not done.
    #[schema(required)]
    rollout: Option<RolloutStatus>,
    containers: Vec<ContainerStatus>,
    /// Apps that no record accounts for; left out when there are none.
    #[schema(required = false)]
    drift: Vec<Drift>,
    /// Why nobody knows what runs of it.
    #[schema(required = false, nullable = false)]
    unread: Option<String>,
}

/// A deploy or removal that is not done.
#[derive(ToSchema)]
pub(in crate::api) struct RolloutStatus {
    /// The revision that it leads to; null for a removal.
    #[schema(required)]
    revision: Option<u32>,
    started_at: Time,
    action: RolloutAction,
    /// Who began it.
    by: String,
    /// Why nobody is to carry it out for now.
    #[schema(required)]
    halted: Option<Halt>,
    /// Why it takes the group back to what it was, when it does.
    #[schema(required)]
    rolled_back: Option<String>,
}

/// What a rollout does.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(in crate::api) enum RolloutAction {
    Deploy,
    Remove,
}

/// Why a rollout stands still.
#[derive(ToSchema)]
pub(in crate::api) struct Halt {
    kind: HaltKind,
    reason: String,
    at: Time,
    /// Who stopped it; left out where nobody said so.
    #[schema(required = false)]
    by: String,
}

/// What kind of stop it is: by a person, or because it has failed.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(in crate::api) enum HaltKind {
    Paused,
    Failed,
    Kept,
}

/// How one container is doing.
#[derive(ToSchema)]
pub(in crate::api) struct ContainerStatus {
    id: String,
    /// The host that it runs on; null before it is placed.
    #[schema(required)]
    host: Option<String>,
    /// The host's ports, by their names.
    ports: BTreeMap<String, u16>,
    state: ContainerState,
    health: HealthState,
    revision: u32,
    /// When it began to run.
    #[schema(required)]
    started_at: Option<Time>,
}

/// How far a container is.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(in crate::api) enum ContainerState {
    Staging,
    Starting,
    Running,
    Stopping,
    Unreachable,
    Ended,
}

/// What its health checks say.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(in crate::api) enum HealthState {
    Healthy,
    Unhealthy,
    Unknown,
}

/// Something that runs and that no record accounts for.
#[derive(ToSchema)]
pub(in crate::api) struct Drift {
    group: Name,
    revision: u32,
    app: String,
    containers: usize,
}

/// The groups, without their containers.
#[derive(ToSchema)]
pub(in crate::api) struct Groups {
    format_version: u32,
    groups: Vec<Summary>,
}

/// A group without its containers.
#[derive(ToSchema)]
pub(in crate::api) struct Summary {
    group: Name,
    condition: Condition,
    #[schema(required)]
    revision: Option<u32>,
    #[schema(required)]
    image: Option<String>,
    instances: u32,
    running: u32,
    healthy: u32,
    #[schema(required)]
    rollout: Option<RolloutStatus>,
    /// How many apps there are that no record accounts for.
    drift: usize,
    /// When the last deploy of it was done.
    #[schema(required)]
    deployed_at: Option<Time>,
}

/// How a group is doing, in one word.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(in crate::api) enum Condition {
    Down,
    Degraded,
    Failed,
    Paused,
    Drifted,
    Deploying,
    Removing,
    Well,
}

/// One group in full.
#[derive(ToSchema)]
pub(in crate::api) struct Description {
    format_version: u32,
    #[schema(inline)]
    #[serde(flatten)]
    status: GroupStatus,
    condition: Condition,
    #[schema(required)]
    deployed_at: Option<Time>,
    /// What it is to be, as in a manifest.
    #[schema(required)]
    spec: Option<BTreeMap<String, Value>>,
    /// Where the slots of a fixed-host group are.
    slots: Vec<Slot>,
    last_failures: Vec<Failure>,
}

/// Where a slot of a fixed-host group is.
#[derive(ToSchema)]
pub(in crate::api) struct Slot {
    group: Name,
    slot: u32,
    host: String,
    since: Time,
    #[schema(required = false, nullable = false)]
    moved_from: Option<String>,
    #[schema(required = false, nullable = false)]
    lost_since: Option<Time>,
}

/// A container that failed.
#[derive(ToSchema)]
pub(in crate::api) struct Failure {
    #[schema(required = false, nullable = false)]
    container: Option<String>,
    message: String,
    #[schema(required)]
    host: Option<String>,
    #[schema(required)]
    at: Option<Time>,
}

/// The containers of all groups.
#[derive(ToSchema)]
pub(in crate::api) struct Containers {
    format_version: u32,
    containers: Vec<Placed>,
}

/// A container, and whose it is.
#[derive(ToSchema)]
pub(in crate::api) struct Placed {
    group: Name,
    #[serde(flatten)]
    container: ContainerStatus,
}
