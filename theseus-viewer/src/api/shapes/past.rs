//! What was, what was used, and where to find what serves.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::rollout::Ended;
use super::{Name, Time};

/// The revisions of a group, the latest first.
#[derive(ToSchema)]
pub(in crate::api) struct History {
    format_version: u32,
    group: Name,
    revisions: Vec<Past>,
}

/// One revision.
#[derive(ToSchema)]
pub(in crate::api) struct Past {
    revision: u32,
    image: String,
    instances: u32,
    created_at: Time,
    by: String,
    /// How its last rollout ended; null while that goes on.
    #[schema(required)]
    outcome: Option<Ended>,
    #[schema(required)]
    reason: Option<String>,
    #[schema(required)]
    ended_at: Option<Time>,
    /// Whether it is the one that runs.
    current: bool,
}

/// One revision, with its spec.
#[derive(ToSchema)]
pub(in crate::api) struct Detailed {
    format_version: u32,
    group: Name,
    #[serde(flatten)]
    past: Past,
    /// What it is, as in a manifest.
    spec: BTreeMap<String, Value>,
}

/// Who did what.
#[derive(ToSchema)]
pub(in crate::api) struct Trail {
    format_version: u32,
    /// Whether there is more: ask again since the time of the last one.
    more: bool,
    entries: Vec<Entry>,
}

/// One thing that was done to a group.
#[derive(ToSchema)]
pub(in crate::api) struct Entry {
    at: Time,
    #[schema(required = false)]
    by: String,
    group: Name,
    deed: Deed,
    #[schema(required = false, nullable = false)]
    action: Option<Action>,
    #[schema(required = false, nullable = false)]
    revision: Option<u32>,
    outcome: Came,
    #[schema(required = false, nullable = false)]
    reason: Option<String>,
}

/// What was asked for.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(in crate::api) enum Deed {
    Deploy,
    Remove,
    Scale,
    Restart,
    Rollback,
    Resume,
    Pause,
    Promote,
    Abort,
    Adopt,
    Export,
}

/// What is done to a group.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(in crate::api) enum Action {
    Create,
    Scale,
    Roll,
    Resume,
    Remove,
    None,
}

/// What came of it.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(in crate::api) enum Came {
    Begun,
    Done,
    TurnedBack,
    RolledBack,
    Failed,
}

/// How far back.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::api) enum Span {
    /// The last hour, every few seconds.
    Hour,
    /// The last week, every quarter of an hour.
    Week,
}

/// What was used, the oldest first.
#[derive(ToSchema)]
pub(in crate::api) struct Usage {
    format_version: u32,
    points: Vec<Point>,
}

/// What was used in one step of time; null where it is not known.
#[derive(ToSchema)]
pub(in crate::api) struct Point {
    /// When the step began.
    at: Time,
    /// How long it is, in seconds.
    step: u32,
    /// How many processors were busy on the average.
    #[schema(required)]
    cpu: Option<f64>,
    #[schema(required)]
    cpu_limit: Option<f64>,
    /// How many more there would have been, but for the limits.
    #[schema(required)]
    throttled: Option<f64>,
    /// The most memory that was held, in bytes.
    #[schema(required)]
    memory: Option<u64>,
    #[schema(required)]
    memory_limit: Option<u64>,
}

/// Where containers listen that do their work.
#[derive(ToSchema)]
pub(in crate::api) struct Endpoints {
    format_version: u32,
    /// Whether a registrar keeps this true at the moment.
    kept: bool,
    /// Up to when it is known to be true.
    #[schema(required)]
    as_of: Option<Time>,
    endpoints: Vec<Endpoint>,
}

/// Where a container listens on one of its ports.
#[derive(ToSchema)]
pub(in crate::api) struct Endpoint {
    group: Name,
    container: String,
    revision: u32,
    host: String,
    port: String,
    number: u16,
    /// `host:number`.
    address: String,
}
