//! What changes something, and how far it is.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::past::{Action, Deed};
use super::plan::Plan;
use super::rollout::Holder;
use super::{Name, Time};

/// There is nothing to do.
#[derive(ToSchema)]
pub(in crate::api) struct Unchanged {
    /// `unchanged`.
    result: String,
    plan: Plan,
}

/// How far something is that is carried out.
#[derive(ToSchema)]
pub(in crate::api) struct Progress {
    id: String,
    /// Where this is told anew.
    status: String,
    /// Where people look at it.
    page: String,
    deed: Deed,
    by: String,
    started_at: Time,
    /// When it ended; null while it goes on.
    #[schema(required)]
    ended_at: Option<Time>,
    #[schema(required)]
    result: Option<Outcome>,
    #[schema(required)]
    error: Option<String>,
    groups: Vec<GroupProgress>,
    /// What happened lately, as `theseus deploy --format json` tells it, each with its time.
    #[schema(required = false)]
    happened: Vec<BTreeMap<String, Value>>,
}

/// How far it is in one group.
#[derive(ToSchema)]
pub(in crate::api) struct GroupProgress {
    group: Name,
    action: Action,
    /// What is being waited for.
    #[schema(required)]
    waiting: Option<String>,
    /// How it ended.
    #[schema(required)]
    report: Option<Report>,
}

/// How work on one group ended.
#[derive(ToSchema)]
pub(in crate::api) struct Report {
    group: Name,
    action: Action,
    result: Outcome,
    #[schema(required = false, nullable = false)]
    reason: Option<String>,
    seconds: f64,
}

/// How something ended.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(in crate::api) enum Outcome {
    Unchanged,
    Ok,
    RolledBack,
    Failed,
}

/// What this viewer carries out, and has.
#[derive(ToSchema)]
pub(in crate::api) struct Deploys {
    format_version: u32,
    deploys: Vec<Progress>,
}

/// What a rollout was told.
#[derive(ToSchema)]
pub(in crate::api) struct Heard {
    format_version: u32,
    group: Name,
    /// `paused`, `promoted` or `aborted`.
    result: String,
    /// Who carries it out, where somebody else does.
    #[schema(required = false, nullable = false)]
    holder: Option<Holder>,
}

/// Another number of containers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Scale {
    /// How many the group is to have.
    pub(in crate::api) instances: u32,
}

/// An earlier revision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Rollback {
    /// Which; the last one that ran before, unless it is said.
    pub(in crate::api) to: Option<u32>,
}

/// A stop.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Pause {
    /// Why, for others to read.
    pub(in crate::api) reason: Option<String>,
}
