//! What a client may send for a group, and the change of apps and groups that it comes to.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::apps::checked;
use super::error::ApiError;
use crate::behaviour;
use crate::cluster::{Change, Cluster, Draft, GroupDraft};
use crate::definition::{AppSpec, AppUpdate, Fault, Manner};
use crate::path_id::PathId;
use crate::time::Stamp;

/// A group as it may be sent. An absent list leaves what is there; a given one is the whole.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupUpdate {
    pub(super) id: Option<String>,
    apps: Option<Vec<AppUpdate>>,
    groups: Option<Vec<GroupUpdate>>,
    dependencies: Option<Vec<String>>,
    enforce_role: Option<bool>,
    pub(super) scale_by: Option<f64>,
    pub(super) version: Option<Stamp>,
}

impl GroupUpdate {
    /// Whether nothing but `version` or `scaleBy` is given, and not both.
    pub(super) fn is_one_key(&self) -> bool {
        let Self {
            id,
            apps,
            groups,
            dependencies,
            enforce_role,
            scale_by,
            version,
        } = self;
        id.is_none()
            && apps.is_none()
            && groups.is_none()
            && dependencies.is_none()
            && enforce_role.is_none()
            && (scale_by.is_none() || version.is_none())
    }
}

/// Every app in a group, however deep, as many times as large.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, and the factor was found positive"
)]
pub(super) fn scale(cluster: &Cluster, group: &PathId, factor: f64) -> Result<Change, ApiError> {
    if factor < 0.0 {
        let error = "must not be negative";
        return Err(ApiError::invalid(&[Fault::at("/scaleBy", error)]));
    }
    let prefix = group.prefix();
    let scaled = cluster.specs_below(&prefix).map(|spec| {
        let mut spec = spec.clone();
        spec.instances = (f64::from(spec.instances) * factor).ceil() as u32;
        (spec.id.clone(), Draft::from(spec))
    });
    Ok(Change {
        drafts: scaled.collect(),
        ..Change::default()
    })
}

/// A group as it was in a version of its own, with all that is in it.
pub(super) fn roll_back(
    cluster: &Cluster,
    group: &PathId,
    version: Stamp,
) -> Result<Change, ApiError> {
    let unknown = || {
        let message = format!("Group {group} is not available in version {version}");
        ApiError::unprocessable(message)
    };
    let former = cluster.group_at(group, version).ok_or_else(unknown)?;
    let mut change = Change::default();
    forget(cluster, group, &mut change);
    for (app, spec) in former.apps {
        change.drafts.insert(app, Draft::from((*spec).clone()));
    }
    for (id, group) in &former.groups {
        let draft = GroupDraft::from(group);
        change.groups.insert(id.clone(), Some(draft));
    }
    Ok(change)
}

/// Takes a group away with all that is in it; of the root only what is in it.
pub(super) fn forget(cluster: &Cluster, group: &PathId, change: &mut Change) {
    let prefix = group.prefix();
    for spec in cluster.specs_below(&prefix) {
        change.drafts.insert(spec.id.clone(), Draft::default());
    }
    let below = cluster.groups_below(group).into_iter();
    change.groups.extend(below.map(|group| (group, None)));
    if !group.is_root() {
        change.groups.insert(group.clone(), None);
    }
}

/// The change that makes a group what an update says.
pub(super) fn collect(
    cluster: &Cluster,
    group: &PathId,
    update: GroupUpdate,
) -> Result<Change, ApiError> {
    let mut change = Change::default();
    collect_group(cluster, group, update, "", &mut change)?;
    if cluster.version.has(behaviour::GROUP_CHANGE_RESTARTS) {
        let prefix = group.prefix();
        for spec in cluster.specs_below(&prefix) {
            let draft = change.drafts.entry(spec.id.clone());
            let draft = draft.or_insert_with(|| Draft::from(spec.clone()));
            draft.restart = true;
        }
    }
    Ok(change)
}

fn collect_group(
    cluster: &Cluster,
    group: &PathId,
    update: GroupUpdate,
    place: &str,
    change: &mut Change,
) -> Result<(), ApiError> {
    let dependencies = update.dependencies.map(|ids| {
        let resolved = ids.iter().enumerate().map(|(index, id)| {
            let place = format!("{place}/dependencies({index})");
            group
                .parent()
                .unwrap_or_else(PathId::root)
                .resolve(id)
                .map_err(|error| ApiError::invalid(&[Fault::at(place, error)]))
        });
        resolved.collect::<Result<_, _>>()
    });
    let draft = GroupDraft {
        dependencies: dependencies.transpose()?,
        enforce_role: update
            .enforce_role
            .filter(|_| cluster.version.has(behaviour::ENFORCE_ROLE)),
    };
    change.groups.insert(group.clone(), Some(draft));
    if let Some(apps) = update.apps {
        collect_apps(cluster, group, apps, place, change)?;
    }
    let Some(groups) = update.groups else {
        return Ok(());
    };
    let mut kept = BTreeSet::new();
    for (index, child) in groups.into_iter().enumerate() {
        let place = format!("{place}/groups({index})");
        let id = child_id(group, child.id.as_deref(), &place)?;
        collect_group(cluster, &id, child, &place, change)?;
        kept.insert(id);
    }
    for other in cluster.groups_below(group) {
        if other.parent().as_ref() == Some(group) && !kept.contains(&other) {
            forget(cluster, &other, change);
        }
    }
    Ok(())
}

fn collect_apps(
    cluster: &Cluster,
    group: &PathId,
    apps: Vec<AppUpdate>,
    place: &str,
    change: &mut Change,
) -> Result<(), ApiError> {
    let prefix = group.prefix();
    let present = cluster.specs_below(&prefix).map(|spec| &spec.id);
    for id in present.filter(|id| id.parent().as_ref() == Some(group)) {
        change.drafts.insert(id.clone(), Draft::default());
    }
    for (index, update) in apps.into_iter().enumerate() {
        let place = format!("{place}/apps({index})");
        let id = child_id(group, update.id.as_deref(), &place)?;
        let version = cluster.version;
        let blank = AppSpec::blank(id.clone(), version);
        let spec = checked(update.apply(blank, Manner::whole(version)), &place, version)?;
        change.drafts.insert(id, Draft::from(spec));
    }
    Ok(())
}

fn child_id(group: &PathId, id: Option<&str>, place: &str) -> Result<PathId, ApiError> {
    let missing = || ApiError::misshapen(&[Fault::at(format!("{place}/id"), "error.path.missing")]);
    let child = resolve(group, Some(id.ok_or_else(missing)?), place)?;
    if child.parent().as_ref() == Some(group) {
        return Ok(child);
    }
    let error = format!("Identifier {child} is not child of {group}. Hint: use relative paths.");
    Err(ApiError::invalid(&[Fault::at(
        format!("{place}/id"),
        error,
    )]))
}

pub(super) fn resolve(base: &PathId, id: Option<&str>, place: &str) -> Result<PathId, ApiError> {
    base.resolve(id.unwrap_or_default())
        .map_err(|error| ApiError::invalid(&[Fault::at(format!("{place}/id"), error)]))
}
