//! What the engine tells while it works, and when it is done.

use jiff::SignedDuration;
use serde::{Serialize, Serializer};

use crate::cluster::Operation;
use crate::model::GroupId;
use crate::plan::Action;
use crate::rollout::Census;

/// Something that happened while a plan is carried out. Its JSON is one line of `deploy`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Progress {
    /// Work on a group begins: its rollout is written down.
    Started {
        /// Which group.
        group: GroupId,
        /// What is done to it.
        action: Action,
    },
    /// The cluster took a change.
    Changed {
        /// Which group.
        group: GroupId,
        /// The change, in words.
        change: String,
    },
    /// A group is looked at, and has come somewhere else than it was.
    Waiting {
        /// Which group.
        group: GroupId,
        /// What is being waited for, in words.
        waiting: String,
        /// How many containers there are.
        #[serde(flatten)]
        census: Census,
        /// How many there will be.
        instances: u32,
    },
    /// Something went wrong that is tried again.
    Trouble {
        /// The group that it concerns; all of them when `None`.
        #[serde(skip_serializing_if = "Option::is_none")]
        group: Option<GroupId>,
        /// What.
        message: String,
    },
    /// Nobody tells what happens, so that the cluster is looked at now and then.
    Looking {
        /// Why nobody does.
        why: String,
    },
    /// Something holds an app of a group, which was not begun here and is waited for.
    Held {
        /// Which group.
        group: GroupId,
        /// What holds it, since when, what it does to which app, and whose it is, in words.
        message: String,
        /// The same for programs.
        operation: Operation,
    },
    /// A rollout failed or was aborted, and the former revision is brought back.
    RollingBack {
        /// Which group.
        group: GroupId,
        /// Why.
        reason: String,
    },
    /// Work on a group is over.
    Done(GroupReport),
}

/// How work on one group ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupReport {
    /// Which group.
    pub group: GroupId,
    /// What was done to it.
    pub action: Action,
    /// How it ended.
    pub result: Outcome,
    /// Why, when it did not end well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How long it took, in seconds.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub took: SignedDuration,
}

fn seconds<S: Serializer>(took: &SignedDuration, serializer: S) -> Result<S::Ok, S::Error> {
    // To the tenth: more would only be noise.
    serializer.serialize_f64((took.as_secs_f64() * 10.0).round() / 10.0)
}

/// How something ended, the worst last. JSON knows four ways: what was stopped or not begun is
/// `failed` there, with its reason beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// There was nothing to do.
    Unchanged,
    /// All is as planned.
    Ok,
    /// The former revision runs again.
    RolledBack,
    /// It was not begun, because another group of the plan did not come about.
    #[serde(rename = "failed")]
    Skipped,
    /// It was stopped half-way, and goes on when asked for again.
    #[serde(rename = "failed")]
    Stopped,
    /// Somebody has paused it.
    #[serde(rename = "failed")]
    Paused,
    /// Somebody else is deploying it; nothing was done.
    #[serde(rename = "failed")]
    Held,
    /// The records changed after the plan was made; nothing was done.
    #[serde(rename = "failed")]
    Stale,
    /// Somebody else has begun to deploy it meanwhile; what was left to do was left.
    #[serde(rename = "failed")]
    Overtaken,
    /// It did not come about.
    Failed,
}

impl Outcome {
    /// As people say it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Ok => "done",
            Self::RolledBack => "rolled back",
            Self::Skipped | Self::Held | Self::Stale => "not begun",
            Self::Stopped => "stopped",
            Self::Paused => "paused",
            Self::Overtaken => "given up",
            Self::Failed => "failed",
        }
    }

    /// Whether the group is as the plan wanted it.
    pub fn is_well(self) -> bool {
        matches!(self, Self::Unchanged | Self::Ok)
    }
}

/// How carrying out a plan ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Every group of the plan, in the order of their names.
    pub groups: Vec<GroupReport>,
}

impl Report {
    /// The worst of all groups.
    pub fn outcome(&self) -> Outcome {
        self.groups
            .iter()
            .map(|group| group.result)
            .max()
            .unwrap_or(Outcome::Unchanged)
    }
}
