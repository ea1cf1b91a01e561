//! What is asked for of groups that are there, without a manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Engine, EngineError};
use crate::audit::Deed;
use crate::cluster::{ClusterError, Refusal, Revision, Scope};
use crate::manifest::{Faults, Manifest, Source};
use crate::model::{GroupId, GroupSelector, Spec};
use crate::plan::{self, Desired, GroupPlan, Plan, RollbackError};
use crate::records::Goal;
use crate::state::Observed;
use crate::suggest;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// That they go.
    Remove,
    /// That each has so many containers.
    Scale(u32),
    /// That their containers are replaced by new ones of the same kind.
    Restart,
    /// That they are what they were before, or this revision.
    Rollback(Option<Revision>),
    /// That what is under way goes on.
    Resume,
}

impl Ask {
    /// What the audit trail calls it.
    pub fn deed(self) -> Deed {
        match self {
            Self::Remove => Deed::Remove,
            Self::Scale(_) => Deed::Scale,
            Self::Restart => Deed::Restart,
            Self::Rollback(_) => Deed::Rollback,
            Self::Resume => Deed::Resume,
        }
    }
}

/// Why there is no plan for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// There is no such group.
    #[error(transparent)]
    Unknown(#[from] UnknownGroup),
    /// What the group should be is not known.
    #[error("{group} runs, but its record is lost, so what it should be is not known")]
    LostRecord {
        /// Which group.
        group: GroupId,
    },
    /// There is nothing to go back to.
    #[error(transparent)]
    NoWayBack(#[from] RollbackError),
    /// There is nothing to go on with.
    #[error("nothing is under way in {group}")]
    NothingUnderWay {
        /// Which group.
        group: GroupId,
    },
    /// Cluster or store did not do their part.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// That a name means no group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no group {name}")]
pub struct UnknownGroup {
    /// What was asked for.
    pub name: String,
    /// The group that was probably meant.
    pub near: Option<String>,
    /// Whether there is no group at all.
    pub nothing_there: bool,
}

impl UnknownGroup {
    /// That this means none of those that are known.
    pub fn new<'a>(selector: &GroupSelector, known: impl Iterator<Item = &'a GroupId>) -> Self {
        let name = selector.to_string();
        let names: Vec<String> = known.map(ToString::to_string).collect();
        let near = suggest::nearest(&name, names.iter().map(String::as_str));
        Self {
            near: near.map(str::to_owned),
            nothing_there: names.is_empty(),
            name,
        }
    }
}

impl Observed {
    /// The groups that are known and meant; everything when nothing is named. A name that means
    /// nothing is an error.
    pub fn select(&self, selectors: &[GroupSelector]) -> Result<Vec<&GroupId>, UnknownGroup> {
        let known = || {
            let known = self.groups.iter().filter(|(_, state)| !state.is_absent());
            known.map(|(group, _)| group)
        };
        let nothing = |selector: &&GroupSelector| !known().any(|group| selector.matches(group));
        if let Some(selector) = selectors.iter().find(nothing) {
            return Err(UnknownGroup::new(selector, known()));
        }
        let meant = |group: &&GroupId| {
            selectors.is_empty() || selectors.iter().any(|selector| selector.matches(group))
        };
        Ok(known().filter(meant).collect())
    }
}

/// Why a manifest cannot be deployed here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The cluster cannot run what it says.
    #[error(transparent)]
    Refused(#[from] Faults),
    /// The cluster did not do its part.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

impl Engine {
    /// Looks, and plans what these groups are asked for. The engine that carries it out should be
    /// one that was [asked to](Self::asked_to) do just that.
    pub async fn plan_ask(&self, groups: &[GroupSelector], ask: Ask) -> Result<Plan, AskError> {
        let observed = self.observe(&Scope::All).await?;
        let groups = observed.select(groups)?;
        let plan = match ask {
            Ask::Remove => {
                let desired = Desired {
                    remove: groups.into_iter().cloned().collect(),
                    ..Desired::default()
                };
                plan::plan(&desired, &observed)
            }
            Ask::Scale(instances) => plan::plan(&scaled(&observed, groups, instances)?, &observed),
            Ask::Restart | Ask::Resume | Ask::Rollback(_) => {
                let mut plan = Plan::default();
                for group in groups {
                    plan.groups.push(self.single(&observed, group, ask).await?);
                }
                plan
            }
        };
        Ok(self.foresee(plan, &observed).await)
    }

    async fn single(
        &self,
        observed: &Observed,
        group: &GroupId,
        ask: Ask,
    ) -> Result<GroupPlan, AskError> {
        let state = &observed.groups[group];
        let group = group.clone();
        match ask {
            Ask::Rollback(to) => {
                let history = self.history(&group).await?;
                Ok(plan::rollback(&group, state, &history, to)?)
            }
            Ask::Resume => plan::resume(&group, state).ok_or(AskError::NothingUnderWay { group }),
            _ => plan::restart(&group, state).ok_or(AskError::LostRecord { group }),
        }
    }

    /// Asks the cluster whether it can run what was read of these sources. What it cannot is told
    /// where it is written, all at once, before anything is done.
    pub async fn check(&self, sources: &[Source], desired: &Desired) -> Result<(), CheckError> {
        let refusals = self.cluster.unsupported(&desired.deploy).await?;
        if refusals.is_empty() {
            return Ok(());
        }
        Ok(Manifest::parse_for(sources, &refusals).map(drop)?)
    }

    /// Asks the cluster whether it can run what is planned, wherever that comes from.
    pub async fn refusals(
        &self,
        plan: &Plan,
    ) -> Result<BTreeMap<GroupId, Vec<Refusal>>, ClusterError> {
        let wanted = plan.groups.iter().filter_map(|plan| match &plan.goal {
            Goal::Present { spec, .. } => Some((plan.group.clone(), Arc::clone(spec))),
            Goal::Absent => None,
        });
        self.cluster.unsupported(&wanted.collect()).await
    }
}

fn scaled(observed: &Observed, groups: Vec<&GroupId>, instances: u32) -> Result<Desired, AskError> {
    let mut desired = Desired::default();
    for group in groups {
        let Some((_, spec)) = observed.groups[group].target() else {
            return Err(AskError::LostRecord {
                group: group.clone(),
            });
        };
        let spec = Spec {
            instances,
            ..Spec::clone(spec)
        };
        desired.deploy.insert(group.clone(), Arc::new(spec));
    }
    Ok(desired)
}
