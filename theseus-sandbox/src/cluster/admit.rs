//! May a change be made? Its apps and groups may not be in each other's way, what they depend on
//! may not go round in a circle, and no deployment may hold them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Cluster;
use super::change::{Refusal, ids_below};
use super::deployment::{AppChange, layers};
use super::groups::{GroupDraft, GroupDrafts};
use crate::behaviour;
use crate::definition::{AppSpec, Fault};
use crate::path_id::PathId;

/// What has to be known to carry out a change that may be made.
#[derive(Debug)]
pub(super) struct Admitted {
    /// The deployments that it cancels.
    pub(super) blockers: Vec<Arc<str>>,
    /// The layer of each app that depends on others.
    pub(super) layers: HashMap<PathId, usize>,
}

impl Cluster {
    /// The deployments to be cancelled for a change and the layers of its apps, or why not.
    pub(super) fn admit(
        &self,
        changes: &BTreeMap<PathId, AppChange>,
        groups: &GroupDrafts,
        force: bool,
    ) -> Result<Admitted, Refusal> {
        self.check_paths(changes, groups)?;
        let layers = self.layers(changes, groups)?;
        let locks = changes
            .keys()
            .filter_map(|app| self.runs.get(app)?.deployment.clone());
        let mut blockers: Vec<Arc<str>> = locks.collect();
        blockers.sort_unstable();
        blockers.dedup();
        if !force && !blockers.is_empty() {
            return Err(Refusal::Locked(blockers));
        }
        let running = self.deployments.len() - blockers.len();
        let limited = self.version.has(behaviour::DEPLOYMENTS_LIMITED);
        if limited && !changes.is_empty() && running >= self.max_running_deployments {
            return Err(Refusal::TooManyDeployments(self.max_running_deployments));
        }
        Ok(Admitted { blockers, layers })
    }

    /// An app may not share its path with a group that has apps.
    pub(super) fn check_paths(
        &self,
        changes: &BTreeMap<PathId, AppChange>,
        groups: &GroupDrafts,
    ) -> Result<(), Refusal> {
        let remains = |app: &PathId| match changes.get(app) {
            Some(change) => change.to.is_some(),
            None => self.apps.contains_key(app),
        };
        let created = changes
            .iter()
            .filter(|(_, it)| it.from.is_none() && it.to.is_some());
        for (app, _) in created {
            let above = std::iter::successors(app.parent(), PathId::parent);
            let prefix = app.prefix();
            let below = ids_below(&self.apps, &prefix).chain(ids_below(changes, &prefix));
            if let Some(other) = above.chain(below.cloned()).find(remains) {
                return Err(same_path(app, &other));
            }
        }
        let made = groups.iter().filter(|(_, draft)| draft.is_some());
        for (group, _) in made {
            let mut above = std::iter::successors(Some(group.clone()), PathId::parent);
            if let Some(app) = above.find(remains) {
                return Err(same_path(&app, group));
            }
        }
        Ok(())
    }

    /// A group without apps gives way to an app of its name, with the empty groups in it.
    pub(super) fn replace_empty_groups(
        &self,
        changes: &BTreeMap<PathId, AppChange>,
        groups: &mut GroupDrafts,
    ) {
        let made = changes.iter().filter(|(_, change)| change.to.is_some());
        for app in made.map(|(app, _)| app).filter(|app| self.has_group(app)) {
            groups.extend(self.groups_below(app).into_iter().map(|it| (it, None)));
            groups.insert(app.clone(), None);
        }
    }

    pub(super) fn layers(
        &self,
        changes: &BTreeMap<PathId, AppChange>,
        groups: &GroupDrafts,
    ) -> Result<HashMap<PathId, usize>, Refusal> {
        let target = |app: &PathId| match changes.get(app) {
            Some(change) => change.to.clone(),
            None => self.spec(app).cloned(),
        };
        let needed_by = |group: &PathId| match groups.get(group) {
            Some(None) => Vec::new(),
            Some(Some(GroupDraft {
                dependencies: Some(it),
                ..
            })) => it.clone(),
            _ => self
                .group(group)
                .map_or_else(Vec::new, |it| it.dependencies.clone()),
        };
        // What a group depends on, all that is in it depends on.
        let needs = |spec: &AppSpec| {
            let above = std::iter::successors(spec.id.parent(), PathId::parent);
            let mut needed = spec.dependencies.clone();
            needed.extend(above.flat_map(|group| needed_by(&group)));
            needed
        };
        let mut made = changes.values().filter_map(|change| change.to.as_ref());
        if made.all(|spec| needs(spec).is_empty()) {
            return Ok(HashMap::new());
        }
        let members = |id: PathId| {
            let prefix = id.prefix();
            let below = ids_below(&self.apps, &prefix).chain(ids_below(changes, &prefix));
            let mut members: Vec<PathId> = below.cloned().collect();
            members.push(id);
            members
        };
        let ids = self.apps.keys().chain(changes.keys());
        let dependents = ids.filter_map(target).filter_map(|spec| {
            let needed = needs(&spec).into_iter().flat_map(members);
            let needed: Vec<PathId> = needed.collect();
            (!needed.is_empty()).then(|| (spec.id.clone(), needed))
        });
        let graph: HashMap<PathId, Vec<PathId>> = dependents.collect();
        let circle = || {
            vec![Fault::at(
                "/dependencies",
                "Dependency graph has cyclic dependencies.",
            )]
        };
        layers(&graph).ok_or_else(|| Refusal::Invalid(circle()))
    }
}

fn same_path(app: &PathId, other: &PathId) -> Refusal {
    let error =
        format!("Groups and Applications may not have the same identifier: {app}, {other}.");
    Refusal::Invalid(vec![Fault::at("/", error)])
}
