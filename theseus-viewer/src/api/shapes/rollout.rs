//! Rollouts, while they go on and at their end.

use utoipa::ToSchema;

use super::group::{Halt, RolloutAction, RolloutStatus};
use super::{Name, Time};

/// What is under way, in all groups.
#[derive(ToSchema)]
pub(in crate::api) struct Rollouts {
    format_version: u32,
    rollouts: Vec<UnderWay>,
}

/// What is under way in a group.
#[derive(ToSchema)]
pub(in crate::api) struct UnderWay {
    group: Name,
    instances: u32,
    healthy: u32,
    #[serde(flatten)]
    rollout: RolloutStatus,
}

/// What one look at a group's rollout found.
#[derive(ToSchema)]
pub(in crate::api) struct Look {
    format_version: u32,
    group: Name,
    /// What is under way.
    #[schema(required)]
    rollout: Option<Advance>,
    /// How the last one ended, when nothing is.
    #[schema(required)]
    last: Option<Last>,
}

/// How far a rollout is.
#[derive(ToSchema)]
pub(in crate::api) struct Advance {
    action: RolloutAction,
    #[schema(required)]
    revision: Option<u32>,
    #[schema(required)]
    image: Option<String>,
    started_at: Time,
    by: String,
    /// Who carries it out.
    #[schema(required)]
    holder: Option<Holder>,
    #[schema(required)]
    halted: Option<Halt>,
    #[schema(required)]
    rolled_back: Option<String>,
    /// What is being waited for, in words.
    waiting: String,
    instances: u32,
    containers: Census,
    #[schema(required)]
    canary: Option<Trial>,
}

/// Who deploys.
#[derive(ToSchema)]
pub(in crate::api) struct Holder {
    by: String,
    since: Time,
}

/// How many containers a group has, by what they are good for.
#[derive(ToSchema)]
pub(in crate::api) struct Census {
    new: u32,
    new_ready: u32,
    old: u32,
    old_ready: u32,
}

/// New containers that are being tried out.
#[derive(ToSchema)]
pub(in crate::api) struct Trial {
    count: u32,
    stage: Stage,
    /// Until when they are watched.
    #[schema(required = false, nullable = false)]
    until: Option<Time>,
}

/// How far a trial is.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(in crate::api) enum Stage {
    Starting,
    Baking,
    Asking,
}

/// How a rollout ended.
#[derive(ToSchema)]
pub(in crate::api) struct Last {
    revision: u32,
    outcome: Ended,
    #[schema(required)]
    reason: Option<String>,
    at: Time,
}

/// What became of a revision.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(in crate::api) enum Ended {
    Deployed,
    Adopted,
    Restored,
    RolledBack,
    Failed,
    Superseded,
    Removed,
}
