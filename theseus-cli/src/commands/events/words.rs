//! Sentences about what happened.

use theseus_core::audit::{AuditRecord, Deed, Outcome};
use theseus_core::cluster::{ContainerState, HealthState};
use theseus_core::plan::Action;

use super::Told;
use crate::output::style::{BAD, CHANGE, FAINT, GOOD, inert, paint};

/// What happened, as a person says it.
pub(super) fn sentence(told: &Told) -> String {
    match told {
        Told::Container {
            container, state, ..
        } => {
            let (style, what) = match state {
                ContainerState::Staging => (CHANGE, "is asked for"),
                ContainerState::Starting => (CHANGE, "is about to run"),
                ContainerState::Running => (GOOD, "runs"),
                ContainerState::Stopping => (CHANGE, "is told to stop"),
                ContainerState::Unreachable => (BAD, "cannot be reached"),
                ContainerState::Ended => (FAINT, "is over"),
            };
            format!("{} {}", inert(&container.0), paint(style, what))
        }
        Told::Health {
            container, health, ..
        } => {
            let (style, what) = match health {
                HealthState::Healthy => (GOOD, "passes its checks"),
                HealthState::Unhealthy => (BAD, "fails its checks"),
                HealthState::Unknown => (FAINT, "has no checks"),
            };
            format!("{} {}", inert(&container.0), paint(style, what))
        }
        Told::App { .. } => "what the cluster is to run of it has changed".to_owned(),
        Told::Audit(record) => audit(record),
        Told::Attached => "from here on the cluster tells what happens".to_owned(),
        Told::Detached => {
            "the cluster does not tell what happens for now; what does is not shown".to_owned()
        }
    }
}

fn audit(record: &AuditRecord) -> String {
    let who = if record.by.is_empty() {
        "somebody".to_owned()
    } else {
        inert(&record.by)
    };
    let revision = record.revision.map(|it| format!("revision {it}"));
    let reason = record
        .reason
        .as_deref()
        .map_or_else(String::new, |it| format!(": {}", inert(it)));
    let text = match record.outcome {
        Outcome::Begun => format!("{who} {}", begins(record, revision.as_deref())),
        Outcome::Done => match (record.deed, &revision) {
            (Deed::Pause, _) => format!("{who} has paused its rollout"),
            (Deed::Promote, _) => format!("{who} has promoted its canaries"),
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
    let style = match record.outcome {
        Outcome::Begun => CHANGE,
        Outcome::Done => GOOD,
        Outcome::TurnedBack | Outcome::RolledBack | Outcome::Failed => BAD,
    };
    format!("{}{reason}", paint(style, &text))
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
    use jiff::Timestamp;

    use super::*;

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
        anstream::adapter::strip_str(&audit(record)).to_string()
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
            assert_eq!(told(&record), format!("{expected}: no\\nprogress"));
        }
    }
}
