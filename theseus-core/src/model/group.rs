//! Groups: a service and a set of labels, written `ingestor:canary,dev`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::name::{Label, NameError, ServiceName};

/// A non-empty set of labels. The order in which they are written does not count. Clones share them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Labels(Arc<[Label]>);

impl Labels {
    /// The set, unless it is empty.
    pub fn new(labels: impl IntoIterator<Item = Label>) -> Option<Self> {
        let mut labels: Vec<_> = labels.into_iter().collect();
        labels.sort_unstable();
        labels.dedup();
        (!labels.is_empty()).then(|| Self(labels.into()))
    }

    /// The labels in alphabetical order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Label> {
        self.0.iter()
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, label) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(label.as_str())?;
        }
        Ok(())
    }
}

/// Which group: the unit that is deployed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupId {
    /// The service that the group belongs to.
    pub service: ServiceName,
    /// What tells it apart from the service's other groups.
    pub labels: Labels,
}

/// Why a text names no group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupIdError {
    /// There is no colon, or nothing behind it.
    #[error("a group is written SERVICE:LABEL[,LABEL…], as in ingestor:dev")]
    NoLabels,
    /// The part before the colon is no service name.
    #[error("{name:?} is no service name")]
    Service {
        /// What was written.
        name: String,
        /// Why it is none.
        #[source]
        source: NameError,
    },
    /// A part behind the colon is no label.
    #[error("{name:?} is no label")]
    Label {
        /// What was written.
        name: String,
        /// Why it is none.
        #[source]
        source: NameError,
    },
}

impl GroupId {
    /// The group of a service with these labels.
    pub fn new(service: ServiceName, labels: Labels) -> Self {
        Self { service, labels }
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.labels)
    }
}

impl FromStr for GroupId {
    type Err = GroupIdError;

    fn from_str(text: &str) -> Result<Self, GroupIdError> {
        let (service, labels) = text.split_once(':').ok_or(GroupIdError::NoLabels)?;
        let service = parse_service(service)?;
        if labels.is_empty() {
            return Err(GroupIdError::NoLabels);
        }
        let labels = labels
            .split(',')
            .map(|label| {
                label.parse().map_err(|source| GroupIdError::Label {
                    name: label.to_owned(),
                    source,
                })
            })
            .collect::<Result<Vec<Label>, _>>()?;
        let labels = Labels::new(labels).ok_or(GroupIdError::NoLabels)?;
        Ok(Self::new(service, labels))
    }
}

fn parse_service(text: &str) -> Result<ServiceName, GroupIdError> {
    text.parse().map_err(|source| GroupIdError::Service {
        name: text.to_owned(),
        source,
    })
}

impl TryFrom<String> for GroupId {
    type Error = GroupIdError;

    fn try_from(text: String) -> Result<Self, GroupIdError> {
        text.parse()
    }
}

impl From<GroupId> for String {
    fn from(group: GroupId) -> Self {
        group.to_string()
    }
}

/// What a person may write where groups are meant: one group, or all groups of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupSelector {
    /// `ingestor:dev`
    Group(GroupId),
    /// `ingestor`
    Service(ServiceName),
}

impl GroupSelector {
    /// Whether the group is meant.
    pub fn matches(&self, group: &GroupId) -> bool {
        match self {
            Self::Group(id) => id == group,
            Self::Service(service) => *service == group.service,
        }
    }
}

impl FromStr for GroupSelector {
    type Err = GroupIdError;

    fn from_str(text: &str) -> Result<Self, GroupIdError> {
        if text.contains(':') {
            text.parse().map(Self::Group)
        } else {
            parse_service(text).map(Self::Service)
        }
    }
}

impl fmt::Display for GroupSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => group.fmt(f),
            Self::Service(service) => service.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_labels_does_not_count() {
        let one: GroupId = "ingestor:dev,canary,dev".parse().unwrap();
        let two: GroupId = "ingestor:canary,dev".parse().unwrap();
        assert_eq!(one, two);
        assert_eq!(one.to_string(), "ingestor:canary,dev");
    }

    #[test]
    fn what_is_no_group_says_why() {
        for (text, message) in [
            (
                "ingestor",
                "a group is written SERVICE:LABEL[,LABEL…], as in ingestor:dev",
            ),
            (
                "ingestor:",
                "a group is written SERVICE:LABEL[,LABEL…], as in ingestor:dev",
            ),
            (":dev", "\"\" is no service name"),
            ("ingestor:dev,", "\"\" is no label"),
            ("a:b:c", "\"b:c\" is no label"),
        ] {
            assert_eq!(text.parse::<GroupId>().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_service_selects_all_its_groups() {
        let group: GroupId = "ingestor:dev".parse().unwrap();
        for (selector, expected) in [
            ("ingestor", true),
            ("ingestor:dev", true),
            ("ingestor:prod", false),
            ("other", false),
        ] {
            assert_eq!(
                selector.parse::<GroupSelector>().unwrap().matches(&group),
                expected
            );
        }
    }
}
