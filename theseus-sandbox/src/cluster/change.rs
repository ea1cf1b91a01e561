//! Changes of definitions: compared with what is, refused or stored, and turned into a deployment.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::deployment::{AppChange, Deployment, Plan, PlanStep, layers, steps};
use super::event::EventBody;
use super::task::TaskKey;
use super::{Cluster, Record};
use crate::definition::{AppSpec, Fault, VersionInfo};
use crate::path_id::PathId;
use crate::time::Stamp;

/// Versions of an app that are kept.
const KEPT_VERSIONS: usize = 50;

/// Everything one request changes; it becomes one deployment.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) drafts: BTreeMap<PathId, Draft>,
    pub(crate) new_groups: Vec<PathId>,
    pub(crate) removed_groups: Vec<PathId>,
}

/// What an app shall be.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// None: it shall go.
    pub(crate) spec: Option<AppSpec>,
    /// Its tasks shall be replaced even if nothing differs.
    pub(crate) restart: bool,
    /// Tasks to be killed in the course of scaling.
    pub(crate) victims: Vec<TaskKey>,
}

impl From<AppSpec> for Draft {
    fn from(spec: AppSpec) -> Self {
        Self {
            spec: Some(spec),
            ..Self::default()
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) version: Stamp,
    pub(crate) deployment: Arc<str>,
}

#[derive(Debug)]
pub(crate) enum Refusal {
    /// Running deployments hold an app of the change.
    Locked(Vec<Arc<str>>),
    Invalid(Vec<Fault>),
    TooManyDeployments(usize),
    NoServicePortLeft,
}

/// A change as compared with what is: only what differs.
struct Prepared {
    version: Stamp,
    changes: BTreeMap<PathId, AppChange>,
    victims: BTreeMap<PathId, Vec<TaskKey>>,
}

impl Cluster {
    pub(crate) fn spec(&self, app: &PathId) -> Option<&Arc<AppSpec>> {
        self.apps.get(app).map(|record| &record.spec)
    }

    /// Makes a change and starts its deployment. With `force` the deployments in its way are
    /// cancelled where they stand; without, they are the reason to refuse.
    pub(crate) fn change(
        &mut self,
        change: Change,
        force: bool,
        now: Stamp,
    ) -> Result<Receipt, Refusal> {
        let version = self.last_version.plus(Duration::from_millis(1)).max(now);
        let (new_groups, removed_groups) = (change.new_groups, change.removed_groups);
        let prepared = self.prepare(change.drafts, version)?;
        let admitted = self.admit(&prepared.changes, force);
        let (blockers, layers) = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => {
                self.give_up(&prepared);
                let reason = format!("{refusal:?}");
                let group_id = PathId::root();
                self.tell(
                    EventBody::GroupChangeFailed {
                        group_id,
                        version,
                        reason,
                    },
                    now,
                );
                return Err(refusal);
            }
        };
        self.last_version = version;
        for id in &blockers {
            self.cancel(id, now);
        }
        self.store(&prepared);
        for group in removed_groups {
            self.groups.remove(&group);
        }
        for group in new_groups {
            self.groups.insert(group, version);
        }
        let group_id = PathId::root();
        self.tell(EventBody::GroupChangeSuccess { group_id, version }, now);
        let deployment = self.deploy(prepared, &layers, now);
        Ok(Receipt {
            version,
            deployment,
        })
    }

    /// The steps a change would take.
    pub(crate) fn dry_run(&mut self, change: Change, now: Stamp) -> Result<Vec<PlanStep>, Refusal> {
        let prepared = self.prepare(change.drafts, now)?;
        let layers = self.layers(&prepared.changes);
        self.give_up(&prepared);
        Ok(steps(&prepared.changes, &layers?))
    }

    /// Undoes what a deployment changed; `None` if there is no such deployment.
    pub(crate) fn roll_back(&mut self, id: &str, now: Stamp) -> Option<Result<Receipt, Refusal>> {
        let deployment = self.deployments.get(id)?;
        let draft = |(app, original): (&PathId, &Option<Arc<AppSpec>>)| {
            let current = self.spec(app);
            let same = original
                .as_ref()
                .zip(current)
                .is_some_and(|(original, current)| {
                    original.instances == current.instances && !original.differs_in_config(current)
                });
            let spec = original.as_deref().cloned();
            (
                app.clone(),
                Draft {
                    spec,
                    restart: same,
                    victims: Vec::new(),
                },
            )
        };
        let drafts = deployment.original.iter().map(draft).collect();
        Some(self.change(
            Change {
                drafts,
                ..Change::default()
            },
            true,
            now,
        ))
    }

    /// Stops a deployment where it stands; `false` if there is none with that id.
    pub(crate) fn stop_deployment(&mut self, id: &str, now: Stamp) -> bool {
        let Some((id, _)) = self.deployments.get_key_value(id) else {
            return false;
        };
        let id = Arc::clone(id);
        self.cancel(&id, now);
        true
    }

    fn prepare(
        &mut self,
        drafts: BTreeMap<PathId, Draft>,
        version: Stamp,
    ) -> Result<Prepared, Refusal> {
        let mut prepared = Prepared {
            version,
            changes: BTreeMap::new(),
            victims: BTreeMap::new(),
        };
        for (app, draft) in drafts {
            let from = self.spec(&app).cloned();
            match self.compare(
                from,
                draft.spec,
                draft.restart || !draft.victims.is_empty(),
                version,
            ) {
                Ok(Some(mut change)) => {
                    change.restart &= draft.victims.is_empty();
                    prepared.victims.insert(app.clone(), draft.victims);
                    prepared.changes.insert(app, change);
                }
                Ok(None) => {}
                Err(refusal) => {
                    self.give_up(&prepared);
                    return Err(refusal);
                }
            }
        }
        Ok(prepared)
    }

    /// What differs between an app as it is and as it shall be; nothing if nothing does.
    fn compare(
        &mut self,
        from: Option<Arc<AppSpec>>,
        to: Option<AppSpec>,
        anyway: bool,
        version: Stamp,
    ) -> Result<Option<AppChange>, Refusal> {
        let Some(mut spec) = to else {
            return Ok(from.map(|from| AppChange {
                from: Some(from),
                to: None,
                restart: false,
            }));
        };
        let filled = self.service_ports.fill(&mut spec, from.as_deref());
        filled.ok_or(Refusal::NoServicePortLeft)?;
        let mut restart = false;
        spec.version_info = VersionInfo {
            last_scaling_at: version,
            last_config_change_at: version,
        };
        if let Some(from) = &from {
            let reconfigured = from.differs_in_config(&spec);
            if !reconfigured {
                if from.instances == spec.instances && !anyway {
                    return Ok(None);
                }
                spec.version_info.last_config_change_at = from.version_info.last_config_change_at;
            }
            restart = reconfigured || anyway;
        }
        spec.version = version;
        Ok(Some(AppChange {
            from,
            to: Some(Arc::new(spec)),
            restart,
        }))
    }

    fn give_up(&mut self, prepared: &Prepared) {
        for spec in prepared
            .changes
            .values()
            .filter_map(|change| change.to.as_ref())
        {
            self.service_ports.forget(spec);
        }
    }

    /// The deployments to be cancelled for a change and the layers of its apps, or why not.
    #[expect(clippy::type_complexity, reason = "two results of one check")]
    fn admit(
        &self,
        changes: &BTreeMap<PathId, AppChange>,
        force: bool,
    ) -> Result<(Vec<Arc<str>>, HashMap<PathId, usize>), Refusal> {
        self.check_paths(changes)?;
        let layers = self.layers(changes)?;
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
        if !changes.is_empty() && running >= self.max_running_deployments {
            return Err(Refusal::TooManyDeployments(self.max_running_deployments));
        }
        Ok((blockers, layers))
    }

    /// An app may not share its path with a group that has apps.
    fn check_paths(&self, changes: &BTreeMap<PathId, AppChange>) -> Result<(), Refusal> {
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
                let error = format!(
                    "Groups and Applications may not have the same identifier: {app}, {other}."
                );
                return Err(Refusal::Invalid(vec![Fault::at("/", error)]));
            }
        }
        Ok(())
    }

    fn layers(
        &self,
        changes: &BTreeMap<PathId, AppChange>,
    ) -> Result<HashMap<PathId, usize>, Refusal> {
        let target = |app: &PathId| match changes.get(app) {
            Some(change) => change.to.clone(),
            None => self.spec(app).cloned(),
        };
        let depends = |spec: &Arc<AppSpec>| !spec.dependencies.is_empty();
        if !changes
            .values()
            .filter_map(|change| change.to.as_ref())
            .any(depends)
        {
            return Ok(HashMap::new());
        }
        let ids = self.apps.keys().chain(changes.keys());
        let dependents = ids.filter_map(|app| target(app).filter(depends));
        let graph = dependents.map(|spec| {
            let expanded = spec.dependencies.iter().flat_map(|id| {
                let prefix = id.prefix();
                let members: Vec<PathId> = ids_below(&self.apps, &prefix)
                    .chain(ids_below(changes, &prefix))
                    .chain([id])
                    .cloned()
                    .collect();
                members
            });
            (spec.id.clone(), expanded.collect())
        });
        let circle = || {
            vec![Fault::at(
                "/dependencies",
                "Dependency graph has cyclic dependencies.",
            )]
        };
        layers(&graph.collect()).ok_or_else(|| Refusal::Invalid(circle()))
    }

    fn store(&mut self, prepared: &Prepared) {
        for (app, change) in &prepared.changes {
            if let Some(from) = &change.from {
                self.service_ports.release(from);
            }
            for group in std::iter::successors(app.parent(), PathId::parent) {
                self.groups.insert(group, prepared.version);
            }
            let Some(to) = &change.to else {
                self.apps.remove(app);
                continue;
            };
            self.service_ports.hold(to);
            let record = self.apps.entry(app.clone()).or_insert_with(|| Record {
                spec: Arc::clone(to),
                versions: Vec::new(),
            });
            record.spec = Arc::clone(to);
            record.versions.push(Arc::clone(to));
            let surplus = record.versions.len().saturating_sub(KEPT_VERSIONS);
            record.versions.drain(..surplus);
        }
    }

    fn deploy(
        &mut self,
        prepared: Prepared,
        layers: &HashMap<PathId, usize>,
        now: Stamp,
    ) -> Arc<str> {
        let Prepared {
            version,
            changes,
            victims,
        } = prepared;
        let id: Arc<str> = self.random.uuid().to_string().into();
        let plan = Arc::new(Plan {
            id: Arc::clone(&id),
            version,
            steps: steps(&changes, layers),
            original: changes
                .values()
                .filter_map(|change| change.from.clone())
                .collect(),
            target: changes
                .values()
                .filter_map(|change| change.to.clone())
                .collect(),
        });
        for app in changes.keys() {
            let run = self.runs.entry(app.clone()).or_default();
            run.deployment = Some(Arc::clone(&id));
            self.touch(app);
        }
        let original = changes
            .into_iter()
            .map(|(app, change)| (app, change.from))
            .collect();
        let deployment = Deployment {
            plan,
            step: 0,
            open: 0,
            original,
            victims,
        };
        self.deployments.insert(Arc::clone(&id), deployment);
        self.begin_step(&id, now);
        id
    }
}

/// The ids in `map` below a group, given what they start with.
pub(super) fn ids_below<'a, T>(
    map: &'a BTreeMap<PathId, T>,
    prefix: &'a str,
) -> impl Iterator<Item = &'a PathId> {
    map.range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
        .map(|(id, _)| id)
        .take_while(move |id| id.as_str().starts_with(prefix))
}
