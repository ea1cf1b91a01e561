//! What past revisions were, as far as containers of them still run.

use std::collections::{BTreeMap, BTreeSet};

use super::picture::Shape;
use crate::cluster::Revision;
use crate::engine::EngineError;
use crate::model::GroupId;
use crate::records::{self, HistoryRecord};
use crate::state::Observed;
use crate::store::Store;

/// The shapes of revisions that are not in the current records of their groups.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    /// A revision that the history does not know has none.
    known: BTreeMap<GroupId, BTreeMap<Revision, Shape>>,
    asked: BTreeSet<(GroupId, Revision)>,
}

impl Shapes {
    /// The shapes of a group's past revisions.
    pub(super) fn of(&self, group: &GroupId) -> &BTreeMap<Revision, Shape> {
        static NONE: BTreeMap<Revision, Shape> = BTreeMap::new();
        self.known.get(group).unwrap_or(&NONE)
    }

    /// Asks the history for the revisions that run and that nothing else tells of. What is not
    /// needed any more is forgotten, and what was not there is asked for anew, whenever all is seen.
    pub(super) async fn learn(
        &mut self,
        store: &dyn Store,
        observed: &Observed,
        all: bool,
    ) -> Result<(), EngineError> {
        let mut needed = BTreeSet::new();
        for (group, state) in &observed.groups {
            for app in &state.apps {
                if state.spec_of(app.revision).is_none() {
                    needed.insert((group.clone(), app.revision));
                }
            }
        }
        if all {
            self.asked.retain(|asked| {
                let (group, revision) = asked;
                let is_known = self
                    .known
                    .get(group)
                    .is_some_and(|it| it.contains_key(revision));
                needed.contains(asked) && is_known
            });
            self.known.retain(|group, shapes| {
                shapes.retain(|revision, _| needed.contains(&(group.clone(), *revision)));
                !shapes.is_empty()
            });
        }
        for (group, revision) in needed {
            if self.asked.contains(&(group.clone(), revision)) {
                continue;
            }
            let key = records::history_key(&group, revision);
            if let Some(entry) = store.get(&key).await? {
                let past = records::decode::<HistoryRecord>(&entry)?.record;
                let shapes = self.known.entry(group.clone()).or_default();
                shapes.insert(revision, Shape::from(&*past.spec));
            }
            self.asked.insert((group, revision));
        }
        Ok(())
    }
}
