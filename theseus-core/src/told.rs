//! What happened, as people say it: what the cluster tells, and what the audit trail has.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::audit::{AuditRecord, Deed, Outcome};
use crate::cluster::{ContainerId, ContainerState, Event, EventKind, HealthState};
use crate::model::GroupId;
use crate::plan::Action;

/// One thing that is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Told {
    /// A container came to another state.
    Container {
        /// When, where the engine tells.
        at: Option<Timestamp>,
        /// Its group.
        group: GroupId,
        /// Which.
        container: ContainerId,
        /// The state that it is in now.
        state: ContainerState,
    },
    /// What a container's checks say has changed.
    Health {
        /// When, where the engine tells.
        at: Option<Timestamp>,
        /// Its group.
        group: GroupId,
        /// Which.
        container: ContainerId,
        /// What they say now.
        health: HealthState,
    },
    /// An app of a group has changed.
    App {
        /// When, where the engine tells.
        at: Option<Timestamp>,
        /// The group.
        group: GroupId,
    },
    /// Somebody did something.
    Audit(AuditRecord),
    /// From here on it is known what containers do.
    Attached,
    /// From here on it is not.
    Detached,
}

/// What a sentence means for whoever looks after the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Something works, or is done.
    Good,
    /// Something changes, or is on its way.
    Change,
    /// Something is wrong.
    Bad,
    /// Nothing to look at twice.
    Faint,
    /// None of these.
    Plain,
}

/// A sentence, in three parts: `what` is the one that the tone is of. Names and reasons in it are
/// as they came, so whoever shows them makes them inert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// Of what it is said.
    pub of: String,
    /// What is said.
    pub what: String,
    /// Why that is so, where somebody told.
    pub reason: Option<String>,
    /// What it means.
    pub tone: Tone,
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.of.is_empty() {
            write!(f, "{} ", self.of)?;
        }
        f.write_str(&self.what)?;
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

impl Told {
    /// What an event tells, if it is anything to a person.
    pub fn of(event: Event) -> Option<Self> {
        let (at, group) = (event.at, event.group);
        Some(match event.kind {
            EventKind::Attached => Self::Attached,
            EventKind::Detached => Self::Detached,
            EventKind::Container { id, state, .. } => Self::Container {
                at,
                group: group?,
                container: id,
                state,
            },
            EventKind::Health { id, health } => Self::Health {
                at,
                group: group?,
                container: id,
                health,
            },
            EventKind::App => Self::App { at, group: group? },
            EventKind::Operation { .. } => return None,
        })
    }

    /// The group that it is about.
    pub fn group(&self) -> Option<&GroupId> {
        match self {
            Self::Container { group, .. }
            | Self::Health { group, .. }
            | Self::App { group, .. } => Some(group),
            Self::Audit(record) => Some(&record.group),
            Self::Attached | Self::Detached => None,
        }
    }

    /// When it happened, where that is known.
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Container { at, .. } | Self::Health { at, .. } | Self::App { at, .. } => *at,
            Self::Audit(record) => Some(record.at),
            Self::Attached | Self::Detached => None,
        }
    }

    /// It, as a person says it.
    pub fn sentence(&self) -> Sentence {
        let (of, tone, what) = match self {
            Self::Container {
                container, state, ..
            } => {
                let (tone, what) = match state {
                    ContainerState::Staging => (Tone::Change, "is asked for"),
                    ContainerState::Starting => (Tone::Change, "is about to run"),
                    ContainerState::Running => (Tone::Good, "runs"),
                    ContainerState::Stopping => (Tone::Change, "is told to stop"),
                    ContainerState::Unreachable => (Tone::Bad, "cannot be reached"),
                    ContainerState::Ended => (Tone::Faint, "is over"),
                };
                (container.0.as_str(), tone, what)
            }
            Self::Health {
                container, health, ..
            } => {
                let (tone, what) = match health {
                    HealthState::Healthy => (Tone::Good, "passes its checks"),
                    HealthState::Unhealthy => (Tone::Bad, "fails its checks"),
                    HealthState::Unknown => (Tone::Faint, "has no checks"),
                };
                (container.0.as_str(), tone, what)
            }
            Self::App { .. } => (
                "",
                Tone::Plain,
                "what the cluster is to run of it has changed",
            ),
            Self::Audit(record) => return audit(record),
            Self::Attached => (
                "",
                Tone::Plain,
                "from here on the cluster tells what happens",
            ),
            Self::Detached => (
                "",
                Tone::Plain,
                "the cluster does not tell what happens for now; what does is not shown",
            ),
        };
        Sentence {
            of: of.to_owned(),
            what: what.to_owned(),
            reason: None,
            tone,
        }
    }
}

fn audit(record: &AuditRecord) -> Sentence {
    let who = if record.by.is_empty() {
        "somebody"
    } else {
        record.by.as_str()
    };
    let revision = record.revision.map(|it| format!("revision {it}"));
    let what = match record.outcome {
        Outcome::Begun => format!("{who} {}", begins(record, revision.as_deref())),
        Outcome::Done => match (record.deed, &revision) {
            (Deed::Pause, _) => format!("{who} has paused its rollout"),
            (Deed::Promote, _) => format!("{who} has promoted its canaries"),
            (Deed::Adopt, _) => format!("{who} has adopted what ran already"),
            (Deed::Export, _) => format!("{who} has exported it with its secrets"),
            (_, Some(revision)) => format!("{revision} runs; {who} is done"),
            (_, None) => format!("it is gone; {who} is done"),
        },
        Outcome::TurnedBack => format!(
            "{} fails and is taken back",
            revision.unwrap_or_else(|| "its removal".to_owned())
        ),
        Outcome::RolledBack => match revision {
            Some(revision) => format!("{revision} runs again"),
            None => "it is gone again".to_owned(),
        },
        Outcome::Failed => format!(
            "{} fails and stands still",
            revision.unwrap_or_else(|| "its removal".to_owned())
        ),
    };
    Sentence {
        of: String::new(),
        what,
        reason: record.reason.clone(),
        tone: match record.outcome {
            Outcome::Begun => Tone::Change,
            Outcome::Done => Tone::Good,
            Outcome::TurnedBack | Outcome::RolledBack | Outcome::Failed => Tone::Bad,
        },
    }
}

fn begins(record: &AuditRecord, revision: Option<&str>) -> String {
    let revision = revision.unwrap_or("what was before");
    match (record.deed, record.action) {
        (Deed::Restart, _) => format!("begins to restart it as {revision}"),
        (Deed::Rollback, _) => format!("begins to take it back to {revision}"),
        (Deed::Abort, None) => "takes its rollout back".to_owned(),
        (Deed::Abort, Some(_)) => format!("begins to bring it back to {revision}"),
        (_, Some(Action::Create)) => format!("begins to create it as {revision}"),
        (_, Some(Action::Scale)) => "begins to scale it".to_owned(),
        (_, Some(Action::Remove)) => "begins to remove it".to_owned(),
        (_, Some(Action::Resume)) => format!("goes on with its rollout to {revision}"),
        _ => format!("begins to roll it to {revision}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Outcome;

    fn record(
        deed: Deed,
        action: Option<Action>,
        revision: Option<u32>,
        outcome: Outcome,
    ) -> AuditRecord {
        AuditRecord {
            at: Timestamp::UNIX_EPOCH,
            by: "ana".to_owned(),
            group: "ingestor:dev".parse().unwrap(),
            deed,
            action,
            revision,
            outcome,
            reason: None,
        }
    }

    fn told(record: &AuditRecord) -> String {
        Told::Audit(record.clone()).sentence().to_string()
    }

    #[test]
    fn who_begins_what() {
        for (deed, action, revision, expected) in [
            (
                Deed::Deploy,
                Action::Create,
                Some(1),
                "ana begins to create it as revision 1",
            ),
            (
                Deed::Deploy,
                Action::Roll,
                Some(4),
                "ana begins to roll it to revision 4",
            ),
            (
                Deed::Scale,
                Action::Scale,
                Some(4),
                "ana begins to scale it",
            ),
            (
                Deed::Restart,
                Action::Roll,
                Some(5),
                "ana begins to restart it as revision 5",
            ),
            (
                Deed::Rollback,
                Action::Roll,
                Some(3),
                "ana begins to take it back to revision 3",
            ),
            (
                Deed::Resume,
                Action::Resume,
                Some(5),
                "ana goes on with its rollout to revision 5",
            ),
            (
                Deed::Remove,
                Action::Remove,
                None,
                "ana begins to remove it",
            ),
        ] {
            let record = record(deed, Some(action), revision, Outcome::Begun);
            assert_eq!(told(&record), expected);
        }
        let abort = record(Deed::Abort, None, None, Outcome::Begun);
        assert_eq!(told(&abort), "ana takes its rollout back");
    }

    #[test]
    fn what_came_of_it() {
        use Outcome::{Done, Failed, RolledBack, TurnedBack};
        for (deed, revision, outcome, expected) in [
            (Deed::Deploy, Some(1), Done, "revision 1 runs; ana is done"),
            (Deed::Remove, None, Done, "it is gone; ana is done"),
            (Deed::Pause, None, Done, "ana has paused its rollout"),
            (Deed::Promote, None, Done, "ana has promoted its canaries"),
            (
                Deed::Adopt,
                Some(1),
                Done,
                "ana has adopted what ran already",
            ),
            (
                Deed::Export,
                Some(4),
                Done,
                "ana has exported it with its secrets",
            ),
            (
                Deed::Deploy,
                Some(5),
                TurnedBack,
                "revision 5 fails and is taken back",
            ),
            (Deed::Deploy, Some(4), RolledBack, "revision 4 runs again"),
            (
                Deed::Deploy,
                Some(5),
                Failed,
                "revision 5 fails and stands still",
            ),
        ] {
            let mut record = record(deed, None, revision, outcome);
            assert_eq!(told(&record), expected);
            record.reason = Some("no\nprogress".to_owned());
            assert_eq!(told(&record), format!("{expected}: no\nprogress"));
        }
    }
}
