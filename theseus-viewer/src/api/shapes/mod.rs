//! The shapes of what is told, for the description of the API. What is told is core's own JSON, and a
//! test finds every answer to be as it is described here; so core knows nothing of `OpenAPI`.

#![expect(dead_code, reason = "most of these only describe what others are")]
#![expect(
    clippy::struct_field_names,
    reason = "the fields are called so in the JSON"
)]

mod change;
mod group;
mod machine;
mod past;
mod plan;
mod rollout;

use utoipa::ToSchema;

pub(super) use change::{Deploys, Heard, Pause, Progress, Rollback, Scale, Unchanged};
pub(super) use group::{Containers, Description, Groups, Placed, Status};
pub(super) use machine::{Hosts, Machine};
pub(super) use past::{Detailed, Endpoints, History, Span, Trail, Usage};
pub(super) use plan::Plan;
pub(super) use rollout::{Look, Rollouts};

/// A point in time, in UTC.
#[derive(ToSchema)]
#[schema(value_type = String, format = DateTime, examples("2026-01-02T03:04:05Z"))]
pub(super) struct Time(String);

/// A group's name: `ingestor:dev`.
#[derive(ToSchema)]
#[schema(value_type = String, examples("ingestor:canary,dev"))]
pub(super) struct Name(String);
