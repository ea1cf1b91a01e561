//! What containers write, line by line: of one or many of them, in the order in which it was written,
//! with the containers that come while it is followed.
//!
//! ```text
//! pieces --> split into lines --> strand: the outputs of one container, in order --\
//!                                                                                   weave --> lines
//! looks, events --> roster: who belongs --> more strands ---------------------------/
//! ```
//!
//! Splitting, ordering and weaving are pure. The [`Reader`] asks the cluster for pieces, for each
//! container only as many as are used up: so memory stays bounded however much is written and however
//! slowly it is read. Nothing is lost for that; what is not asked for yet waits where it is.

mod inert;
mod reader;
mod roster;
mod split;
mod stamp;
mod strand;
mod weave;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use regex::Regex;
use serde::Serialize;

use crate::cluster::{ContainerId, EndedContainer, LogPlace, LogStart, Output, Outputs, Revision};
use crate::model::{GroupId, GroupSelector};
use crate::state::Observed;

pub use inert::{inert, is_obeyed};
pub use reader::Reader;
pub use roster::Scene;
pub use split::LONGEST_LINE;

/// A container whose log is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Speaker {
    /// Its group, where it has one.
    pub group: Option<GroupId>,
    /// The engine's name of it.
    pub container: ContainerId,
    /// The host that it runs or ran on, where that is known.
    pub host: Option<Arc<str>>,
    /// The revision that it runs, where that is known.
    pub revision: Option<Revision>,
    /// Whether it is over already.
    #[serde(skip)]
    pub is_over: bool,
}

impl Speaker {
    /// A name for people, which is a part of the container's name and tells it apart from others: the
    /// first eight digits of the number in it, or its end.
    pub fn short_name(&self) -> &str {
        short(&self.container.0)
    }
}

impl From<&EndedContainer> for Speaker {
    fn from(ended: &EndedContainer) -> Self {
        Self {
            group: ended.group.clone(),
            container: ended.id.clone(),
            host: Some(Arc::clone(&ended.host)),
            revision: ended.revision,
            is_over: true,
        }
    }
}

/// How much of a name is enough.
const SHORT: usize = 8;

fn short(id: &str) -> &str {
    let words = id.split(|c: char| !c.is_ascii_alphanumeric());
    let is_number =
        |word: &&str| word.len() >= SHORT && word[..SHORT].bytes().all(|it| it.is_ascii_hexdigit());
    if let Some(number) = words.into_iter().find(is_number) {
        return &number[..SHORT];
    }
    let end = id.char_indices().rev().nth(SHORT - 1);
    end.map_or(id, |(at, _)| &id[at..])
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Who wrote it.
    #[serde(flatten)]
    pub speaker: Arc<Speaker>,
    /// Where to.
    pub output: Output,
    /// When: as the line itself tells at its beginning, or as it was seen to be written.
    pub time: Option<Timestamp>,
    /// What, without the end of the line. What is no text is replaced by `U+FFFD`; control characters
    /// are there: see [`inert`].
    pub text: String,
    /// Whether the next line of this output is the rest of this one, which was too long.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub continues: bool,
}

/// Something that is told while logs are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Told {
    /// A line.
    Line(Line),
    /// All that was there is told. From here on lines come as they are written, if they are followed.
    CaughtUp,
    /// Some outputs do not tell when their lines were written: of these more may have been told than
    /// what was asked for.
    Untimed,
    /// The cluster does not tell which containers there are. Those that are known are followed on.
    ClusterAway {
        /// Why.
        reason: String,
    },
    /// The cluster tells it again.
    ClusterBack,
    /// A word about one container.
    #[serde(untagged)]
    Word {
        /// Which.
        #[serde(flatten)]
        speaker: Arc<Speaker>,
        /// What about it.
        #[serde(flatten)]
        word: Word,
    },
}

/// What may be said of a container whose log is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Word {
    /// It belongs to what is followed, too, from now on.
    Joined,
    /// What is told of it begins at this place, before which there is more.
    Began {
        /// Where.
        place: LogPlace,
    },
    /// It is over, and all of it is told.
    Ended,
    /// Its host cannot be reached. What it writes meanwhile comes later.
    OutOfReach {
        /// When that last answered, if it has.
        since: Option<Timestamp>,
        /// Why.
        reason: String,
    },
    /// Its host can be reached again.
    InReach,
    /// Something was thrown away before it could be read.
    Missed {
        /// Of which output.
        output: Output,
    },
    /// Its log cannot be read, or no further.
    Failed {
        /// Why.
        reason: String,
        /// Whether its host could not be reached.
        is_out_of_reach: bool,
    },
}

impl fmt::Display for Word {
    /// As it follows the container's name; reasons are as they came.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined => f.write_str("is followed, too"),
            Self::Began { .. } => f.write_str("has written more before"),
            Self::Ended => f.write_str("ended"),
            Self::OutOfReach {
                since: Some(since),
                reason,
            } => write!(
                f,
                "cannot be read since {since:.0}, and is tried again: {reason}"
            ),
            Self::OutOfReach {
                since: None,
                reason,
            } => write!(f, "cannot be read, and is tried again: {reason}"),
            Self::InReach => f.write_str("can be read again"),
            Self::Missed { output } => write!(
                f,
                "has written more to {} than was kept until it could be read",
                output.as_str()
            ),
            Self::Failed { reason, .. } => write!(f, "cannot be read: {reason}"),
        }
    }
}

/// What is to be told of logs.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Which outputs.
    pub outputs: Outputs,
    /// From where on.
    pub start: LogStart,
    /// Of these containers the same, but of what is before a place.
    pub before: BTreeMap<ContainerId, LogPlace>,
    /// Whether it is told where each of them begins.
    pub places: bool,
    /// Only lines from then on, and those that do not tell when they were written.
    pub since: Option<Timestamp>,
    /// Only lines that match.
    pub grep: Option<Regex>,
    /// Of what there is at the start no more lines than so many, taken together: the last.
    pub most: Option<usize>,
    /// Whether to go on.
    pub follow: bool,
    /// Whose containers are to join while they are followed.
    pub joining: Vec<GroupSelector>,
}

/// The containers of what was observed that may have a log, of these groups and services: those that
/// run, or are about to.
pub fn speakers(observed: &Observed, selectors: &[GroupSelector]) -> Vec<Speaker> {
    use crate::cluster::ContainerState::{Running, Starting, Stopping, Unreachable};
    let groups = observed.groups.iter();
    let meant = groups.filter(|(group, _)| selectors.iter().any(|it| it.matches(group)));
    let mut speakers = Vec::new();
    for (group, state) in meant {
        for app in &state.apps {
            let there = app
                .containers
                .iter()
                .filter(|it| matches!(it.state, Starting | Running | Stopping | Unreachable));
            speakers.extend(there.map(|container| Speaker {
                group: Some(group.clone()),
                container: container.id.clone(),
                host: container.host.clone(),
                revision: Some(app.revision),
                is_over: false,
            }));
        }
    }
    speakers
}
