//! Apps that Theseus did not name. They belong to nobody here, unless a record says that one was
//! adopted: then it is an app of a group like any other.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{App, AppId, Container, Failure, OperationId, Part, Revision, Snapshot};
use crate::model::{GroupId, Spec};

/// An app that does not bear the name of a group's.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Foreign {
    /// The engine's name of it.
    pub id: AppId,
    /// How many containers the engine is to keep running.
    pub instances: u32,
    /// Whether its containers have health checks.
    pub checked: bool,
    /// The engine's operations that hold the app at the moment.
    pub operations: Vec<OperationId>,
    /// Its containers.
    pub containers: Vec<Container>,
    /// The last container that failed, as long as the engine remembers it.
    pub last_failure: Option<Failure>,
    /// Why it could not be read, where that is so: then nothing is known of it but that it is there.
    pub unread: Option<String>,
    /// Whether the app itself is gone, and only its containers still die.
    pub stopping: bool,
}

impl Foreign {
    /// The app as one of a group's.
    pub fn adopted_by(self, group: GroupId, revision: Revision) -> App {
        App {
            id: self.id,
            group,
            revision,
            part: Part::Whole,
            pinned_to: None,
            instances: self.instances,
            checked: self.checked,
            operations: self.operations,
            containers: self.containers,
            last_failure: self.last_failure,
            unread: self.unread,
        }
    }
}

/// What an app is that Theseus did not make.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What runs of it.
    pub running: Foreign,
    /// What it is, as far as a spec can say that; or why it is nothing that Theseus could run.
    pub spec: Result<Spec, String>,
    /// What else it is.
    pub unsaid: Vec<Unsaid>,
    /// How its group may be called, to judge by its name.
    pub proposal: Option<GroupId>,
}

/// Something that an app has and no spec can say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsaid {
    /// The field, in the engine's own words.
    pub field: String,
    /// What it is there, as people may see it.
    pub value: String,
}

impl fmt::Display for Unsaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.value)
    }
}

impl Snapshot {
    /// Gives foreign apps, and what is done to them, to the groups that have adopted them.
    pub fn adopt<'a>(
        &mut self,
        adopted: impl Iterator<Item = (&'a AppId, (&'a GroupId, Revision))>,
    ) {
        if self.foreign.is_empty() {
            return;
        }
        let adopted: BTreeMap<&AppId, (&GroupId, Revision)> = adopted.collect();
        let steps = self.operations.iter_mut().flat_map(|it| &mut it.steps);
        for step in steps.filter(|step| step.group.is_none()) {
            step.group = adopted.get(&step.app).map(|(group, _)| (*group).clone());
        }
        for foreign in std::mem::take(&mut self.foreign) {
            match adopted.get(&foreign.id) {
                Some((group, _)) if foreign.stopping => self.stopping.push((*group).clone()),
                Some((group, revision)) => {
                    let app = foreign.adopted_by((*group).clone(), *revision);
                    self.apps.push(app);
                }
                None => self.foreign.push(foreign),
            }
        }
    }
}
