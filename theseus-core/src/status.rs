//! How groups are doing: what `status` and `ps` tell, and the viewer shows.
//!
//! A [`Status`] is a pure view of an [`Observed`](crate::state::Observed). Its JSON is stable, and says nothing of a spec
//! but its image and the names of its ports, so no secret can be in it.

mod description;
mod making;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;

use crate::cluster::{ContainerId, ContainerState, HealthState, Revision};
use crate::model::{GroupId, Labels, ServiceName};
use crate::plan::Drift;
use crate::records::{Halt, HaltKind};
use crate::registry::CountsRecord;

pub use description::{GroupDescription, SlotDescription};
pub use making::status;
pub(crate) use making::{named_ports, recorded};

/// The version of the shape. It rises only when a reader of the former shape would go wrong.
const FORMAT_VERSION: u32 = 1;

/// How all groups that were looked at are doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The version of this shape.
    pub format_version: u32,
    /// The groups, in the order of their names.
    pub groups: Vec<GroupStatus>,
    /// How many apps run that no group accounts for, where everything was looked at. Left out of
    /// the JSON when there are none.
    #[serde(skip_serializing_if = "is_none")]
    pub foreign: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "as `skip_serializing_if` wants it"
)]
fn is_none(count: &usize) -> bool {
    *count == 0
}

/// How one group is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupStatus {
    /// Which group.
    pub group: GroupId,
    /// The service that it belongs to.
    pub service: ServiceName,
    /// What tells it apart from the service's other groups.
    pub labels: Labels,
    /// The revision that it is, or is on its way to be; `None` where no record tells.
    pub revision: Option<Revision>,
    /// The image of that revision.
    pub image: Option<String>,
    /// How many containers it is to have: none while it is being removed, or without a record.
    pub instances: u32,
    /// How many containers run, of whatever revision.
    pub running: u32,
    /// How many of those do their work. Where there are health checks they must pass; where there
    /// are none, running is all that can be asked, so that `healthy` reaches `instances` in every
    /// group that is well.
    pub healthy: u32,
    /// How often containers of what runs have ended though they were wanted. Left out of the JSON
    /// where no registrar has counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u32>,
    /// The deploy or removal that is not done.
    pub rollout: Option<RolloutStatus>,
    /// Its containers, of whatever revision: older revisions first, then in the order in which
    /// they were asked for.
    pub containers: Vec<ContainerStatus>,
    /// Apps that no record accounts for. Left out of the JSON when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// Why nobody knows what runs of it, where what the cluster tells is not understood. Left out of the
    /// JSON where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// When the last deploy of it was done. Not in the JSON.
    #[serde(skip)]
    pub deployed_at: Option<Timestamp>,
}

/// A deploy or removal that is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RolloutStatus {
    /// The revision that it leads to; `None` for a removal.
    pub revision: Option<Revision>,
    /// When it began.
    pub started_at: Timestamp,
    /// What it does.
    pub action: RolloutAction,
    /// Who began it; empty where nobody said so.
    pub by: String,
    /// Why nobody is to carry it out for now.
    pub halted: Option<Halt>,
    /// Why it takes the group back to what it was, when it does.
    pub rolled_back: Option<String>,
}

/// What a rollout does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutAction {
    /// It brings the group to a revision.
    Deploy,
    /// It takes the group away.
    Remove,
}

/// How one container is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContainerStatus {
    /// The engine's name of it.
    pub id: ContainerId,
    /// The host that it runs on; `None` before it is placed.
    pub host: Option<Arc<str>>,
    /// The host's ports, by the names in the spec of its revision, or by their position, counted
    /// from 0, where that spec is not known.
    pub ports: IndexMap<String, u16>,
    /// How far it is.
    pub state: ContainerState,
    /// What its health checks say; unknown where it has none.
    pub health: HealthState,
    /// The revision of the group that it is a copy of.
    pub revision: Revision,
    /// When it began to run.
    pub started_at: Option<Timestamp>,
}

/// How a group is doing, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// Nothing of it does its work.
    Down,
    /// Less of it does its work than is wanted.
    Degraded,
    /// A deploy of it has failed and was left as it is.
    Failed,
    /// A deploy of it waits for a person.
    Paused,
    /// More of it runs than is wanted, or something that no record accounts for.
    Drifted,
    /// A deploy of it is under way.
    Deploying,
    /// It is being taken away.
    Removing,
    /// It is as it should be.
    Well,
}

impl Condition {
    /// All of them, those first that somebody is to look at the soonest.
    pub const ALL: [Self; 8] = [
        Self::Deploying,
        Self::Removing,
        Self::Failed,
        Self::Down,
        Self::Degraded,
        Self::Paused,
        Self::Drifted,
        Self::Well,
    ];

    /// The lower, the sooner somebody is to look at it: first what is under way, then what is in
    /// trouble, then the rest.
    pub fn urgency(self) -> u8 {
        match self {
            Self::Deploying | Self::Removing => 0,
            Self::Failed | Self::Down => 1,
            Self::Degraded | Self::Paused => 2,
            Self::Drifted => 3,
            Self::Well => 4,
        }
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Paused => "paused",
            Self::Drifted => "drifted",
            Self::Deploying => "deploying",
            Self::Removing => "removing",
            Self::Well => "well",
        }
    }
}

impl GroupStatus {
    /// How the group is doing, in one word. What is under way comes first: whatever is missing
    /// meanwhile may be part of it.
    pub fn condition(&self) -> Condition {
        if let Some(rollout) = &self.rollout {
            return match (&rollout.halted, rollout.action) {
                (Some(halt), _) if halt.kind == HaltKind::Kept => Condition::Failed,
                (Some(_), _) => Condition::Paused,
                (None, RolloutAction::Deploy) => Condition::Deploying,
                (None, RolloutAction::Remove) => Condition::Removing,
            };
        }
        if self.healthy < self.instances {
            if self.healthy == 0 {
                Condition::Down
            } else {
                Condition::Degraded
            }
        } else if !self.drift.is_empty() || self.running > self.instances {
            Condition::Drifted
        } else if self.revision.is_none() {
            // No record and no app: all that is left of it is containers that still die.
            Condition::Removing
        } else {
            Condition::Well
        }
    }
}

impl Status {
    /// Takes over from the registry what nobody can see at a look.
    pub fn tell_restarts(&mut self, counts: &BTreeMap<GroupId, CountsRecord>) {
        for group in &mut self.groups {
            group.restarts = counts.get(&group.group).map(CountsRecord::restarts);
        }
    }
}
