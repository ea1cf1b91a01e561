//! The stable JSON of a plan.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Action, Drift, FieldChange, GroupPlan, Obstacle, Outlook, Plan, Step};
use crate::model::{GroupId, Labels, ServiceName};

/// The version of the shape. It rises only when a reader of the former shape would go wrong.
pub(crate) const FORMAT_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    format_version: u32,
    groups: &'a [GroupPlan],
    summary: Summary<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    drift: &'a [Drift],
}

#[derive(Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the field is called so in the JSON"
)]
struct Group<'a> {
    group: &'a GroupId,
    service: &'a ServiceName,
    labels: &'a Labels,
    action: Action,
    reason: &'a str,
    changes: &'a [FieldChange],
    steps: &'a [Step],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notices: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    obstacle: Option<&'a Obstacle>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    after: Vec<&'a GroupId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outlook: Option<&'a Outlook>,
}

struct Summary<'a>(&'a Plan);

impl Serialize for Summary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Action::ALL.len()))?;
        for action in Action::ALL {
            map.serialize_entry(&action, &self.0.count(action))?;
        }
        map.end()
    }
}

impl Serialize for GroupPlan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Group {
            group: &self.group,
            service: &self.group.service,
            labels: &self.group.labels,
            action: self.action,
            reason: &self.reason,
            changes: &self.changes,
            steps: &self.steps,
            notices: &self.notices,
            obstacle: self.obstacle.as_ref(),
            after: self.after.iter().map(|after| &after.group).collect(),
            outlook: self.outlook.as_ref(),
        }
        .serialize(serializer)
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Document {
            format_version: FORMAT_VERSION,
            groups: &self.groups,
            summary: Summary(self),
            drift: &self.drift,
        }
        .serialize(serializer)
    }
}
