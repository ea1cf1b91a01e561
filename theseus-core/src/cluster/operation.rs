//! What an engine is carrying out at the moment, and whose it is.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::{AppId, OperationId};
use crate::model::GroupId;

/// So many apps of one operation are named.
const NAMED: usize = 3;

/// Something that an engine is carrying out, which holds the apps that it changes until it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// The engine's name of it.
    pub id: OperationId,
    /// When it was begun, where the engine tells.
    pub since: Option<Timestamp>,
    /// What it does, app by app; nothing where the engine does not tell.
    pub steps: Vec<OperationStep>,
}

/// What an operation does to one app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperationStep {
    /// In a word: `restarts`.
    pub does: String,
    /// The engine's name of the app.
    pub app: AppId,
    /// The group that the app belongs to; `None` when it is not Theseus's.
    pub group: Option<GroupId>,
}

impl Operation {
    /// An operation of which no more is known than that it is there.
    pub fn unknown(id: OperationId) -> Self {
        Self {
            id,
            since: None,
            steps: Vec::new(),
        }
    }

    /// The groups that it changes.
    pub fn groups(&self) -> BTreeSet<&GroupId> {
        let groups = self.steps.iter().filter_map(|step| step.group.as_ref());
        groups.collect()
    }

    /// Whether it is known to change nothing but these groups.
    pub fn is_within(&self, groups: impl Fn(&GroupId) -> bool) -> bool {
        let mut steps = self.steps.iter();
        !self.steps.is_empty() && steps.all(|step| step.group.as_ref().is_some_and(&groups))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation {}", self.id.0)?;
        if let Some(since) = self.since {
            write!(f, ", since {since:.0}")?;
        }
        for (index, step) in self.steps.iter().take(NAMED).enumerate() {
            f.write_str(if index == 0 { ", which " } else { ", " })?;
            match &step.group {
                Some(group) => write!(f, "{} {} of {group}", step.does, step.app)?,
                None => write!(f, "{} {}", step.does, step.app)?,
            }
        }
        match self.steps.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(app: &str, group: Option<&str>) -> OperationStep {
        OperationStep {
            does: "restarts".to_owned(),
            app: AppId(app.to_owned()),
            group: group.map(|group| group.parse().unwrap()),
        }
    }

    #[test]
    fn an_operation_says_what_it_does_and_since_when() {
        let mut operation = Operation::unknown(OperationId("d1".to_owned()));
        assert_eq!(operation.to_string(), "operation d1");
        operation.since = Some("2026-01-02T03:04:05.678Z".parse().unwrap());
        operation.steps = vec![step("/t/a/r1", Some("a:dev")), step("/cart", None)];
        assert_eq!(
            operation.to_string(),
            "operation d1, since 2026-01-02T03:04:05Z, which restarts /t/a/r1 of a:dev, restarts /cart"
        );
        operation
            .steps
            .extend([step("/x", None), step("/y", None), step("/z", None)]);
        assert!(operation.to_string().ends_with("restarts /x and 2 more"));
    }

    #[test]
    fn what_is_not_known_is_within_nothing() {
        let mut operation = Operation::unknown(OperationId("d1".to_owned()));
        assert!(!operation.is_within(|_| true));
        operation.steps = vec![step("/t/a/r1", Some("a:dev"))];
        assert!(operation.is_within(|group| group.to_string() == "a:dev"));
        assert!(!operation.is_within(|group| group.to_string() == "b:dev"));
        operation.steps.push(step("/cart", None));
        assert!(!operation.is_within(|_| true));
    }
}
