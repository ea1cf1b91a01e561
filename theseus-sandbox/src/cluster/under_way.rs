//! What clients get to see of work under way: deployments, and launches that wait for offers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Cluster;
use super::deployment::PlanStep;
use super::host::Reject;
use super::launch::Waiting;
use super::mesos::UnusedOffer;
use super::readiness::ReadinessResult;
use crate::behaviour;
use crate::definition::Shown;
use crate::path_id::PathId;
use crate::time::Stamp;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeploymentInfo<'a> {
    id: &'a str,
    version: Stamp,
    affected_apps: Vec<&'a PathId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    affected_pods: Option<[(); 0]>,
    steps: Vec<PlanStep>,
    current_actions: Vec<CurrentAction<'a>>,
    current_step: usize,
    total_steps: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CurrentAction<'a> {
    #[serde(flatten)]
    action: BTreeMap<&'static str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    readiness_check_results: Option<Vec<ReadinessResult<'a>>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueItem<'a> {
    app: Shown<'a>,
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<Delay>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Stamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    processed_offers_summary: Option<OffersSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_unused_offers: Option<Vec<UnusedOffer<'a>>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Delay {
    #[serde(skip_serializing_if = "Option::is_none")]
    time_left_seconds: Option<u64>,
    overdue: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OffersSummary {
    processed_offers_count: usize,
    unused_offers_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_unused_offer_at: Option<Stamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_offer_at: Option<Stamp>,
    reject_summary_last_offers: Vec<RejectCount>,
    reject_summary_launch_attempt: Vec<RejectCount>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct RejectCount {
    pub(super) reason: Reject,
    pub(super) declined: usize,
    pub(super) processed: usize,
}

impl Cluster {
    pub(crate) fn deployment_infos(&self) -> Vec<DeploymentInfo<'_>> {
        let version = self.version;
        let shape = version.pick(behaviour::DEPLOYMENT_STEPS);
        let infos = self.deployments.values().map(|deployment| {
            let plan = &deployment.plan;
            let current = plan.steps.get(deployment.step);
            let actions = current.into_iter().flat_map(|step| step.actions.iter());
            DeploymentInfo {
                id: &plan.id,
                version: plan.version,
                affected_apps: deployment.original.keys().collect(),
                affected_pods: version.has(behaviour::PODS).then_some([]),
                steps: plan.steps.iter().map(|it| it.shaped(shape)).collect(),
                current_actions: actions
                    .map(|action| CurrentAction {
                        action: action.shaped(shape),
                        readiness_check_results: version.has(behaviour::READINESS).then(|| {
                            self.readiness_results(&action.app, self.runs.get(&action.app))
                        }),
                    })
                    .collect(),
                current_step: deployment.step + 1,
                total_steps: plan.steps.len(),
            }
        });
        infos.collect()
    }

    pub(crate) fn queue(&self, with_offers: bool, now: Stamp) -> Vec<QueueItem<'_>> {
        let has = |what| self.version.has(what);
        let items = self.runs.iter().filter_map(|(app, run)| {
            let (waiting, spec) = (run.waiting.as_ref()?, self.spec(app)?);
            let until = run.backoff.until(now);
            let left = until.map_or(0, |until| until.since(now).as_millis().div_ceil(1000));
            Some(QueueItem {
                app: Shown(spec, self.version),
                count: waiting.count,
                delay: has(behaviour::QUEUE_OVERDUE).then(|| Delay {
                    time_left_seconds: has(behaviour::QUEUE_TIME_LEFT)
                        .then(|| u64::try_from(left).unwrap_or(u64::MAX)),
                    overdue: until.is_none(),
                }),
                since: has(behaviour::QUEUE_OFFERS).then_some(waiting.since),
                processed_offers_summary: has(behaviour::QUEUE_OFFERS)
                    .then(|| OffersSummary::of(waiting)),
                role: has(behaviour::QUEUE_ROLE).then_some("*"),
                last_unused_offers: (with_offers && has(behaviour::QUEUE_OFFERS))
                    .then(|| self.unused_offers(&waiting.offers)),
            })
        });
        items.collect()
    }
}

impl OffersSummary {
    fn of(waiting: &Waiting) -> Self {
        let offers = &waiting.offers;
        Self {
            processed_offers_count: offers.processed,
            unused_offers_count: offers.unused,
            last_unused_offer_at: offers.last_unused_at,
            last_used_offer_at: offers.last_used_at,
            reject_summary_last_offers: funnel(&offers.last_rejects, offers.last_processed),
            reject_summary_launch_attempt: funnel(&offers.rejects, offers.processed),
        }
    }
}

/// Reason by reason: how many offers got that far and how many fell there.
pub(super) fn funnel(rejects: &BTreeMap<Reject, usize>, processed: usize) -> Vec<RejectCount> {
    let mut processed = processed;
    let count = |reason: Reject| {
        let declined = rejects.get(&reason).copied().unwrap_or(0);
        let entry = RejectCount {
            reason,
            declined,
            processed,
        };
        processed -= declined;
        entry
    };
    Reject::ALL.into_iter().map(count).collect()
}
