//! One group in full, as programs are told of it.

use serde::Serialize;
use serde_json::Value;

use super::{FORMAT_VERSION, GroupStatus};
use crate::cluster::Failure;
use crate::model::Spec;
use crate::plan;
use crate::records::SlotRecord;

/// One group in full: what it should be, what runs, and what failed lately. Whoever tells it may have
/// more to tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupDescription<'a, More> {
    /// The version of this shape.
    pub format_version: u32,
    /// How it is doing.
    #[serde(flatten)]
    pub status: &'a GroupStatus,
    /// What else is told.
    #[serde(flatten)]
    pub more: More,
    /// What it should be, with its secrets masked.
    pub spec: Option<Value>,
    /// Where its slots are.
    pub slots: Vec<SlotDescription<'a>>,
    /// The last failure of each of its apps.
    pub last_failures: Vec<&'a Failure>,
}

/// A slot of a fixed-host group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlotDescription<'a> {
    /// Where it is.
    #[serde(flatten)]
    pub record: &'a SlotRecord,
    /// How often its container has ended though it was wanted; left out of the JSON where that was not
    /// counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u32>,
}

impl<'a, More: Serialize> GroupDescription<'a, More> {
    /// What is known of a group, put together.
    pub fn new(
        status: &'a GroupStatus,
        more: More,
        spec: Option<&Spec>,
        slots: Vec<SlotDescription<'a>>,
        last_failures: Vec<&'a Failure>,
    ) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            status,
            more,
            spec: spec.map(plan::shown),
            slots,
            last_failures,
        }
    }
}

impl<'a> From<&'a SlotRecord> for SlotDescription<'a> {
    fn from(record: &'a SlotRecord) -> Self {
        Self {
            record,
            restarts: None,
        }
    }
}
