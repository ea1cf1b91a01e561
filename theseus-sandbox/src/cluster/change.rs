//! Changes of definitions: compared with what is, refused or stored, and turned into a deployment.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::admit::Admitted;
use super::deployment::{AppChange, Deployment, Plan, PlanStep, steps};
use super::event::EventBody;
use super::groups::{Former, GroupDrafts};
use super::task::TaskKey;
use super::{Cluster, Record};
use crate::behaviour;
use crate::definition::{AppSpec, Fault, VersionInfo};
use crate::path_id::PathId;
use crate::time::Stamp;

/// Everything one request changes; it becomes one deployment.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) drafts: BTreeMap<PathId, Draft>,
    /// None: the group shall go.
    pub(crate) groups: GroupDrafts,
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
        let mut groups = change.groups;
        let prepared = self.prepare(change.drafts, version)?;
        let admitted = self.admit(&prepared.changes, &groups, force);
        let Admitted { blockers, layers } = match admitted {
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
        self.replace_empty_groups(&prepared.changes, &mut groups);
        self.store(&prepared, groups);
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
        let layers = self
            .check_paths(&prepared.changes, &change.groups)
            .and_then(|()| self.layers(&prepared.changes, &change.groups));
        self.give_up(&prepared);
        Ok(steps(&prepared.changes, &layers?, self.version))
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
                    original.instances == current.instances
                        && !original.differs_in_config(current, self.version)
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
        let mut drafts: BTreeMap<PathId, Draft> = deployment.original.iter().map(draft).collect();
        if let Some(others) = &deployment.others {
            let old = others
                .iter()
                .map(|(app, spec)| (app.clone(), Draft::from((**spec).clone())));
            drafts.extend(old);
            for app in self.apps.keys() {
                drafts.entry(app.clone()).or_default();
            }
        }
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
                draft.restart,
                !draft.victims.is_empty(),
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
        restarts: bool,
        kills: bool,
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
            let reconfigured = from.differs_in_config(&spec, self.version);
            let same = !reconfigured && from.instances == spec.instances;
            let no_op_restarts = self.version.has(behaviour::NO_OP_RESTARTS);
            let anyway = restarts || kills || same && no_op_restarts;
            if same && !anyway {
                return Ok(None);
            }
            let is_config = restarts && self.version.has(behaviour::RESTART_IS_CONFIG_CHANGE);
            if !reconfigured && !is_config {
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

    fn store(&mut self, prepared: &Prepared, groups: GroupDrafts) {
        let kept = self.version.pick(behaviour::KEPT_VERSIONS);
        let parents = prepared.changes.keys().filter_map(PathId::parent);
        let changed = groups.keys().cloned();
        let touched: Vec<PathId> = parents.chain(changed).collect();
        let former = Former {
            apps: prepared
                .changes
                .iter()
                .map(|(app, change)| (app.clone(), change.from.clone()))
                .collect(),
            groups: self.store_groups(groups, touched.into_iter(), prepared.version),
        };
        if !former.is_nothing() {
            self.history.add(former, kept);
        }
        for (app, change) in &prepared.changes {
            if let Some(from) = &change.from {
                self.service_ports.release(from);
            }
            let Some(to) = &change.to else {
                self.leave(app, prepared.version);
                continue;
            };
            self.service_ports.hold(to);
            let record = self.apps.entry(app.clone()).or_insert_with(|| Record {
                spec: Arc::clone(to),
                versions: Vec::new(),
                leaving: false,
            });
            record.spec = Arc::clone(to);
            record.leaving = false;
            record.versions.push(Arc::clone(to));
            let surplus = record.versions.len().saturating_sub(kept);
            record.versions.drain(..surplus);
        }
    }

    /// An app that goes is gone from the lists at once, or without instances until its tasks are
    /// dead.
    fn leave(&mut self, app: &PathId, version: Stamp) {
        if !self.version.has(behaviour::DELETED_APPS_LINGER) {
            self.apps.remove(app);
            return;
        }
        if let Some(record) = self.apps.get_mut(app) {
            let mut spec = (*record.spec).clone();
            (spec.instances, spec.version) = (0, version);
            self.service_ports.hold(&spec);
            record.spec = Arc::new(spec);
            record.leaving = true;
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
            steps: steps(&changes, layers, self.version),
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
        let others = self.version.has(behaviour::WHOLE_ROLLBACK).then(|| {
            let others = self
                .apps
                .iter()
                .filter(|(app, _)| !changes.contains_key(*app));
            others
                .map(|(app, record)| (app.clone(), Arc::clone(&record.spec)))
                .collect()
        });
        let original = changes
            .into_iter()
            .map(|(app, change)| (app, change.from))
            .collect();
        let deployment = Deployment {
            plan,
            step: 0,
            open: 0,
            original,
            others,
            victims,
        };
        self.tell_health_checks(&deployment.plan, now);
        self.deployments.insert(Arc::clone(&id), deployment);
        self.begin_step(&id, now);
        id
    }
}

impl Cluster {
    /// What becomes of the health checks of the apps of a plan.
    fn tell_health_checks(&mut self, plan: &Plan, now: Stamp) {
        let checks = |spec: &Arc<AppSpec>| !spec.health_checks.is_empty();
        for spec in plan.original.iter().filter(|spec| checks(spec)) {
            let app_id = spec.id.clone();
            self.tell(EventBody::RemoveHealthCheckEvent { app_id }, now);
        }
        for spec in plan.target.iter().filter(|spec| checks(spec)) {
            for check in &spec.health_checks {
                let added = EventBody::AddHealthCheckEvent {
                    app_id: spec.id.clone(),
                    version: Some(spec.version),
                    health_check: check.in_version(self.version),
                };
                self.tell(added, now);
            }
        }
    }
}

/// The ids in `map` below a group, given what they start with.
pub(super) fn ids_below<'a, T>(
    map: &'a BTreeMap<PathId, T>,
    prefix: &str,
) -> impl Iterator<Item = &'a PathId> {
    map.range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
        .map(|(id, _)| id)
        .take_while(move |id| id.as_str().starts_with(prefix))
}
