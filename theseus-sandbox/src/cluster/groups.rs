//! Groups, and what all of them were before: the last changes are kept as what they replaced, so
//! that undoing them one after the other leads back to any former version.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::Cluster;
use super::change::ids_below;
use crate::definition::AppSpec;
use crate::path_id::PathId;
use crate::time::Stamp;

/// A group as it is. Its apps and subgroups are those whose ids lie below its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    pub(crate) version: Stamp,
    /// Apps and groups that have to run before anything in this group.
    pub(crate) dependencies: Vec<PathId>,
    pub(crate) enforce_role: bool,
}

/// What a group shall be.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupDraft {
    /// None: as they were.
    pub(crate) dependencies: Option<Vec<PathId>>,
    pub(crate) enforce_role: Option<bool>,
}

/// Groups that shall be, and (`None`) those that shall go.
pub(crate) type GroupDrafts = BTreeMap<PathId, Option<GroupDraft>>;

impl GroupDraft {
    fn over(self, former: Option<&Group>, version: Stamp) -> Group {
        let former = former.cloned().unwrap_or_default();
        Group {
            version,
            dependencies: self.dependencies.unwrap_or(former.dependencies),
            enforce_role: self.enforce_role.unwrap_or(former.enforce_role),
        }
    }
}

impl From<&Group> for GroupDraft {
    fn from(group: &Group) -> Self {
        Self {
            dependencies: Some(group.dependencies.clone()),
            enforce_role: Some(group.enforce_role),
        }
    }
}

/// What one change replaced.
#[derive(Debug, Default)]
pub(super) struct Former {
    pub(super) apps: Vec<(PathId, Option<Arc<AppSpec>>)>,
    pub(super) groups: Vec<(PathId, Option<Group>)>,
}

impl Former {
    pub(super) fn is_nothing(&self) -> bool {
        self.apps.is_empty() && self.groups.is_empty()
    }
}

/// The last changes, oldest first.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Former>);

impl History {
    pub(super) fn add(&mut self, former: Former, kept: usize) {
        self.0.push_back(former);
        let surplus = self.0.len().saturating_sub(kept);
        self.0.drain(..surplus);
    }
}

/// A group with all that is in it, now or at some former time.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) apps: BTreeMap<PathId, Arc<AppSpec>>,
    pub(crate) groups: BTreeMap<PathId, Group>,
}

impl Tree {
    fn undo(&mut self, former: &Former, root: &PathId, prefix: &str) {
        let inside = |id: &PathId| id == root || id.as_str().starts_with(prefix);
        for (id, app) in former.apps.iter().filter(|(id, _)| inside(id)) {
            put(&mut self.apps, id, app.as_ref());
        }
        for (id, group) in former.groups.iter().filter(|(id, _)| inside(id)) {
            put(&mut self.groups, id, group.as_ref());
        }
    }
}

fn put<T: Clone>(map: &mut BTreeMap<PathId, T>, id: &PathId, value: Option<&T>) {
    match value {
        Some(value) => drop(map.insert(id.clone(), value.clone())),
        None => drop(map.remove(id)),
    }
}

impl Cluster {
    pub(crate) fn group(&self, id: &PathId) -> Option<&Group> {
        self.groups.get(id)
    }

    pub(crate) fn has_group(&self, id: &PathId) -> bool {
        self.groups.contains_key(id)
    }

    /// The ids of the groups below one, however deep.
    pub(crate) fn groups_below(&self, id: &PathId) -> Vec<PathId> {
        let prefix = id.prefix();
        ids_below(&self.groups, &prefix)
            .filter(|below| *below != id)
            .cloned()
            .collect()
    }

    /// The versions that a group has had and has, newest first; none if there is no such group.
    pub(crate) fn group_versions(&self, id: &PathId) -> Option<Vec<Stamp>> {
        let mut versions = vec![self.group(id)?.version];
        let former = self.history.0.iter().rev().flat_map(|it| &it.groups);
        let of_group = former.filter(|(group, _)| group == id);
        versions.extend(of_group.filter_map(|(_, group)| Some(group.as_ref()?.version)));
        versions.dedup();
        Some(versions)
    }

    /// A group as it was in a version of its own; none if it had none such, or long ago.
    pub(crate) fn group_at(&self, id: &PathId, version: Stamp) -> Option<Tree> {
        let mut tree = self.group_now(id);
        let prefix = id.prefix();
        let mut former = self.history.0.iter().rev();
        while tree.groups.get(id).is_none_or(|it| it.version != version) {
            tree.undo(former.next()?, id, &prefix);
        }
        Some(tree)
    }

    /// A group with all that is in it.
    pub(crate) fn group_now(&self, id: &PathId) -> Tree {
        let prefix = id.prefix();
        let apps = ids_below(&self.apps, &prefix)
            .filter_map(|app| Some((app.clone(), Arc::clone(self.spec(app)?))));
        let below =
            ids_below(&self.groups, &prefix).chain(self.groups.get_key_value(id).map(|it| it.0));
        let groups = below.filter_map(|it| Some((it.clone(), self.group(it)?.clone())));
        Tree {
            apps: apps.collect(),
            groups: groups.collect(),
        }
    }

    /// Makes groups what they shall be, or lets them go, and says what they were.
    pub(super) fn store_groups(
        &mut self,
        mut drafts: GroupDrafts,
        touched: impl Iterator<Item = PathId>,
        version: Stamp,
    ) -> Vec<(PathId, Option<Group>)> {
        // Groups exist by being on the path of an app, and change whenever something in them does.
        for id in touched {
            for above in std::iter::successors(Some(id), PathId::parent) {
                drafts
                    .entry(above)
                    .or_insert_with(|| Some(GroupDraft::default()));
            }
        }
        let stored = drafts.into_iter().map(|(id, draft)| {
            let group = draft.map(|draft| draft.over(self.groups.get(&id), version));
            let former = match group {
                Some(group) => self.groups.insert(id.clone(), group),
                None => self.groups.remove(&id),
            };
            (id, former)
        });
        stored.collect()
    }
}
