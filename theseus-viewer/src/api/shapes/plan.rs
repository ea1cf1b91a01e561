//! Plans.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

use super::Name;
use super::group::Drift;
use super::past::Action;

/// What will change.
#[derive(ToSchema)]
pub(in crate::api) struct Plan {
    format_version: u32,
    groups: Vec<GroupPlan>,
    /// How many groups get which action.
    summary: BTreeMap<String, usize>,
    /// What runs that no record accounts for; left out when there is none.
    #[schema(required = false)]
    drift: Vec<Drift>,
}

/// What will change in one group.
#[derive(ToSchema)]
pub(in crate::api) struct GroupPlan {
    group: Name,
    service: String,
    labels: Vec<String>,
    action: Action,
    reason: String,
    changes: Vec<FieldChange>,
    steps: Vec<Step>,
    #[schema(required = false)]
    notices: Vec<String>,
    #[schema(required = false, nullable = false)]
    obstacle: Option<Obstacle>,
    /// The groups that come first.
    #[schema(required = false)]
    after: Vec<Name>,
    #[schema(required = false, nullable = false)]
    outlook: Option<Outlook>,
}

/// A field that differs. Values that look secret are masked.
#[derive(ToSchema)]
pub(in crate::api) struct FieldChange {
    field: String,
    from: Value,
    to: Value,
}

/// One thing that will be done: `start`, `scale`, `replace` or `stop`, with its numbers.
#[derive(ToSchema)]
pub(in crate::api) struct Step {
    step: StepKind,
    #[schema(required = false, nullable = false)]
    revision: Option<u32>,
    #[schema(required = false, nullable = false)]
    containers: Option<u32>,
    #[schema(required = false, nullable = false)]
    from: Option<u32>,
    #[schema(required = false, nullable = false)]
    to: Option<u32>,
    #[schema(required = false, nullable = false)]
    surge: Option<u32>,
    #[schema(required = false, nullable = false)]
    unavailable: Option<u32>,
}

/// What kind of step it is.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(in crate::api) enum StepKind {
    Start,
    Scale,
    Replace,
    Stop,
}

/// Why nothing can be done to a group.
#[derive(ToSchema)]
pub(in crate::api) struct Obstacle {
    kind: ObstacleKind,
    message: String,
}

/// What stands in the way.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(in crate::api) enum ObstacleKind {
    Paused,
    Dependency,
    Placement,
    Unread,
}

/// What is to be expected.
#[derive(ToSchema)]
pub(in crate::api) struct Outlook {
    #[schema(required = false, nullable = false)]
    room: Option<Room>,
    forecast: Forecast,
}

/// Whether a group finds the room that it needs.
#[derive(ToSchema)]
pub(in crate::api) struct Room {
    group: Name,
    wanted: u32,
    fits: u32,
    per_host: Vec<HostRoom>,
    /// Whether that is all there is to know; otherwise at least so many fit.
    known: bool,
}

/// What one host takes.
#[derive(ToSchema)]
pub(in crate::api) struct HostRoom {
    host: String,
    fits: u32,
    /// Why it takes no more.
    #[schema(required)]
    short_of: Option<String>,
}

/// How a rollout goes when all goes well. Times are in seconds.
#[derive(ToSchema)]
pub(in crate::api) struct Forecast {
    end: End,
    turns: u32,
    fewest_serving: u32,
    most_created: u32,
    takes: f64,
    #[schema(required)]
    promotion: Option<f64>,
    timeline: Vec<Moment>,
}

/// How a forecast ends.
#[derive(ToSchema)]
pub(in crate::api) struct End {
    kind: EndKind,
    #[schema(required = false, nullable = false)]
    reason: Option<String>,
}

/// In which way.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(in crate::api) enum EndKind {
    Reached,
    Stalled,
    Beyond,
}

/// What is there from one time on.
#[derive(ToSchema)]
pub(in crate::api) struct Moment {
    after: f64,
    old: u32,
    new: u32,
    serving: u32,
}
