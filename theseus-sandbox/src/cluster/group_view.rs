//! What clients get to see of groups, as they are or as they were.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Cluster;
use super::change::ids_below;
use super::groups::{Group, Tree};
use super::view::{AppInfo, Embed};
use crate::path_id::PathId;
use crate::time::Stamp;

/// What a group is shown with.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the API"
)]
pub(crate) struct GroupWants {
    pub(crate) groups: bool,
    pub(crate) apps: bool,
    pub(crate) pods: bool,
    pub(crate) roles: bool,
    pub(crate) embed: Embed,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupView<'a> {
    id: &'a PathId,
    #[serde(skip_serializing_if = "Option::is_none")]
    apps: Option<Vec<AppInfo<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pods: Option<[(); 0]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<GroupView<'a>>>,
    dependencies: &'a [PathId],
    version: Stamp,
    /// Of top-level groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    enforce_role: Option<bool>,
}

impl Cluster {
    /// The group `id` of `tree`.
    pub(crate) fn group_view<'a>(
        &'a self,
        tree: &'a Tree,
        id: &PathId,
        wants: GroupWants,
        now: Stamp,
    ) -> Option<GroupView<'a>> {
        let (id, group) = tree.groups.get_key_value(id)?;
        let apps = || {
            let children = children(&tree.apps, id);
            let info = children.map(|(_, spec)| self.app_info(spec, wants.embed, now));
            info.collect()
        };
        let groups = || {
            let children = children(&tree.groups, id);
            let views = children.filter_map(|(id, _)| self.group_view(tree, id, wants, now));
            views.collect()
        };
        let Group {
            version,
            dependencies,
            enforce_role,
        } = group;
        let top_level = id.parent().is_some_and(|parent| parent.is_root());
        Some(GroupView {
            id,
            apps: wants.apps.then(apps),
            pods: wants.pods.then_some([]),
            groups: wants.groups.then(groups),
            dependencies,
            version: *version,
            enforce_role: (wants.roles && top_level).then_some(*enforce_role),
        })
    }
}

/// What lies directly in a group.
fn children<'a, T>(
    map: &'a BTreeMap<PathId, T>,
    group: &'a PathId,
) -> impl Iterator<Item = (&'a PathId, &'a T)> {
    let prefix = group.prefix();
    let below: Vec<&PathId> = ids_below(map, &prefix).collect();
    let direct = below
        .into_iter()
        .filter(|id| id.parent().as_ref() == Some(group));
    direct.filter_map(|id| map.get_key_value(id))
}
