//! What containers write: how it is asked for, and how it comes.
//!
//! The engine gives bytes, in the order in which each of a container's outputs has them; lines are
//! made of them in [`crate::logs`].

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AppId, ClusterError, ContainerId, Revision};
use crate::model::GroupId;

/// One of the outputs of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// What it says.
    Stdout,
    /// What it, or who runs it, complains about.
    Stderr,
}

impl Output {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// Which outputs are asked for: at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Outputs {
    /// Both.
    #[default]
    Both,
    /// One of them.
    Only(Output),
}

impl Outputs {
    /// Them.
    pub fn all(self) -> &'static [Output] {
        match self {
            Self::Both => &[Output::Stdout, Output::Stderr],
            Self::Only(Output::Stdout) => &[Output::Stdout],
            Self::Only(Output::Stderr) => &[Output::Stderr],
        }
    }
}

/// A place in what a container has written, in words of the engine's. It stays where it is, whatever
/// is written or moved into other files meanwhile, until what is there is thrown away.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogPlace(pub Arc<str>);

/// Where in what a container has written to begin.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum LogStart {
    /// With the oldest that is kept.
    #[default]
    Oldest,
    /// With the last lines of each output.
    LastLines(u64),
    /// With the last lines of each output before a place, and with nothing that comes after it.
    Before {
        /// The place, as it was told.
        place: LogPlace,
        /// How many lines.
        lines: u64,
    },
    /// With what may have been written since then. The engine leaves out what is surely older, and
    /// may give more than was asked for.
    Since(Timestamp),
}

/// What is wanted of a container's log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogRequest {
    /// The host that it runs or ran on, where that is known; else it is looked for.
    pub host: Option<Arc<str>>,
    /// Which outputs.
    pub outputs: Outputs,
    /// From where on.
    pub start: LogStart,
    /// Whether to go on with what will be written, until the container has ended.
    pub follow: bool,
    /// Whether to tell at which place it begins, where so many lines are asked for.
    pub places: bool,
}

/// A piece of what a container writes, or a word about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogPiece {
    /// The next bytes of an output, of which nothing is lost or told twice. A piece ends anywhere,
    /// even within a character.
    Bytes {
        /// Which output.
        output: Output,
        /// What was written.
        bytes: Bytes,
        /// When the last of it was written at the latest, as far as the engine tells.
        written: Option<Timestamp>,
    },
    /// Something of an output was thrown away before it could be read.
    Missed {
        /// Which output.
        output: Output,
    },
    /// What is told begins at this place, before which there is more.
    Began(LogPlace),
    /// All that there is of every output has been told; from here on it comes as it is written.
    CaughtUp,
    /// The host cannot be reached. It is tried again; what is written meanwhile comes later.
    OutOfReach {
        /// When it last answered, if it has.
        since: Option<Timestamp>,
        /// Why.
        reason: String,
    },
    /// The host can be reached again.
    InReach,
}

/// What a container writes. It ends when all is told, which is not before the container has ended
/// where it is followed, or after an error.
pub type Logs = BoxStream<'static, Result<LogPiece, ClusterError>>;

/// A container that is over, and whose log is still kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndedContainer {
    /// The engine's name of it.
    pub id: ContainerId,
    /// The app that it was of.
    pub app: AppId,
    /// The group, where the app bears the name of one; an adopted app does not.
    pub group: Option<GroupId>,
    /// The revision, where that is known.
    pub revision: Option<Revision>,
    /// The host that it ran on.
    pub host: Arc<str>,
    /// When it began to run.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// The containers that are over and that hosts still know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ended {
    /// The containers, the earliest end first.
    pub containers: Vec<EndedContainer>,
    /// The hosts that did not tell theirs, each with why.
    pub silent: Vec<(Arc<str>, String)>,
}

/// Whoever else runs things on a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Tenant {
    /// What it calls itself.
    pub name: String,
    /// How many things it runs there.
    pub tasks: u32,
}
