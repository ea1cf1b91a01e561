//! The turn of one app (look, decide, act) and the progress of deployments.

use std::sync::Arc;

use super::decide::{Activity, Decision, KillOrder, Member, Rolling, Scaling, keep};
use super::deployment::{ActionKind, PlannedAction};
use super::event::EventBody;
use super::task::TaskKey;
use super::{Cluster, Run};
use crate::behaviour::{self, KillRule};
use crate::definition::{AppSpec, KillSelection, Operator};
use crate::path_id::PathId;
use crate::time::Stamp;

impl Cluster {
    pub(super) fn drive(&mut self, app: &PathId, now: Stamp) {
        let spec = self.apps.get(app).map(|record| Arc::clone(&record.spec));
        if !self.runs.contains_key(app) {
            return;
        }
        let members = self.members(app, spec.as_deref());
        let Some(run) = self.runs.get_mut(app) else {
            return;
        };
        let rule = self.version.pick(behaviour::KILL_RULE);
        let decision = decide(run, spec.as_deref(), rule, &members);
        for task in decision.kill {
            if let Some(task) = self.tasks.get_mut(&task) {
                task.decommissioned = true;
            }
            self.kill_task(task, now);
        }
        match &spec {
            Some(spec) => self.want(app, spec, decision.launch, now),
            None => self.want_none(app),
        }
        if decision.done {
            self.finish_activity(app, now);
        }
        self.drop_if_gone(app);
    }

    fn members(&self, app: &PathId, spec: Option<&AppSpec>) -> Vec<Member> {
        let grouped_by = spec.and_then(|spec| {
            let mut grouping = spec
                .constraints
                .iter()
                .filter(|it| matches!(it.operator, Operator::GroupBy(_)));
            grouping.next().map(|constraint| constraint.field.as_str())
        });
        let keys = self.runs.get(app).into_iter().flat_map(|run| &run.tasks);
        let member = |key: &TaskKey| {
            let task = self.tasks.get(key)?;
            let group = grouped_by.and_then(|field| self.hosts[task.host].field(field));
            Some(Member {
                key: *key,
                state: task.state,
                outdated: spec.is_none_or(|spec| task.spec.version != spec.version),
                ready: task.is_ready(),
                inactive: task.inactive,
                group: group.map(str::to_owned),
            })
        };
        keys.filter_map(member).collect()
    }

    /// An app of which neither a definition nor a task nor a lock is left.
    fn drop_if_gone(&mut self, app: &PathId) {
        let leaves = self.apps.get(app).is_none_or(|record| record.leaving);
        let gone = |run: &Run| run.tasks.is_empty() && run.deployment.is_none();
        if leaves && self.runs.get(app).is_some_and(gone) {
            self.runs.remove(app);
            if let Some(record) = self.apps.remove(app) {
                self.service_ports.release(&record.spec);
            }
        }
    }

    pub(super) fn begin_step(&mut self, id: &Arc<str>, now: Stamp) {
        let Some(deployment) = self.deployments.get_mut(id) else {
            return;
        };
        let Some(step) = deployment.plan.steps.get(deployment.step).cloned() else {
            return self.finish_deployment(id, now);
        };
        deployment.open = step.actions.len();
        let plan = Arc::clone(&deployment.plan);
        let actions = Arc::clone(&step.actions);
        self.tell(
            EventBody::DeploymentInfo {
                plan,
                current_step: step,
            },
            now,
        );
        for action in actions.iter() {
            self.begin_action(id, action);
        }
    }

    fn begin_action(&mut self, id: &Arc<str>, planned: &PlannedAction) {
        let app = &planned.app;
        let spec = self.apps.get(app).map(|record| Arc::clone(&record.spec));
        let members = self.members(app, spec.as_deref());
        let target = spec.as_ref().map_or(0, |spec| spec.instances as usize);
        let deployment = self.deployments.get_mut(id);
        let victims = deployment
            .and_then(|it| it.victims.remove(app))
            .unwrap_or_default();
        let strategy = spec
            .as_ref()
            .map(|spec| spec.upgrade_strategy)
            .unwrap_or_default();
        let activity = match planned.action {
            ActionKind::StartApplication => Activity::Start,
            ActionKind::StopApplication => Activity::Stop,
            ActionKind::ScaleApplication => {
                Activity::Scale(Scaling::begin(target, &members, victims))
            }
            ActionKind::RestartApplication => {
                let rules = self.version.pick(behaviour::UPGRADES);
                Activity::Restart(Rolling::begin(target, strategy, rules, &members))
            }
            ActionKind::KillAllOldTasksOf => Activity::KillOld,
        };
        let run = self.runs.entry(app.clone()).or_default();
        if matches!(activity, Activity::Restart(_)) {
            run.backoff.reset();
        }
        run.activity = Some(activity);
        self.touch(app);
    }

    fn finish_activity(&mut self, app: &PathId, now: Stamp) {
        let Some(run) = self.runs.get_mut(app) else {
            return;
        };
        let stopped = matches!(run.activity.take(), Some(Activity::Stop));
        let Some(id) = run.deployment.clone() else {
            return;
        };
        if stopped {
            self.tell(
                EventBody::AppTerminatedEvent {
                    app_id: app.clone(),
                },
                now,
            );
        }
        let Some(deployment) = self.deployments.get_mut(&id) else {
            return;
        };
        deployment.open -= 1;
        if deployment.open > 0 {
            return;
        }
        let plan = Arc::clone(&deployment.plan);
        let current_step = plan.steps[deployment.step].clone();
        deployment.step += 1;
        self.tell(EventBody::DeploymentStepSuccess { plan, current_step }, now);
        self.begin_step(&id, now);
    }

    fn finish_deployment(&mut self, id: &Arc<str>, now: Stamp) {
        if let Some(plan) = self.unlock(id) {
            self.tell(
                EventBody::DeploymentSuccess {
                    id: Arc::clone(id),
                    plan: Some(plan),
                },
                now,
            );
        }
    }

    /// Ends a deployment where it stands.
    pub(super) fn cancel(&mut self, id: &Arc<str>, now: Stamp) {
        if let Some(plan) = self.unlock(id) {
            self.tell(
                EventBody::DeploymentFailed {
                    id: Arc::clone(id),
                    plan: Some(plan),
                },
                now,
            );
        }
    }

    fn unlock(&mut self, id: &Arc<str>) -> Option<Arc<super::deployment::Plan>> {
        let deployment = self.deployments.shift_remove(id)?;
        for app in deployment.original.keys() {
            if let Some(run) = self.runs.get_mut(app) {
                run.deployment = None;
                run.activity = None;
            }
            self.touch(app);
        }
        Some(deployment.plan)
    }
}

/// Within a deployment the activity decides; before its turn comes the app is left alone, and
/// without a deployment its number of tasks is kept.
fn decide(run: &mut Run, spec: Option<&AppSpec>, rule: KillRule, members: &[Member]) -> Decision {
    let (target, selection) = spec.map_or((0, KillSelection::default()), |spec| {
        (spec.instances as usize, spec.kill_selection)
    });
    let order = KillOrder { rule, selection };
    match &mut run.activity {
        Some(activity) => activity.decide(target, order, members),
        None if run.deployment.is_some() => Decision::default(),
        None => keep(target, order, members),
    }
}
