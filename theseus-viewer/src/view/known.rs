//! What a look that succeeded saw, made ready to be shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use theseus_core::cluster::{AppId, ContainerId, Failure, Revision};
use theseus_core::model::{GroupId, Spec};
use theseus_core::plan::{Step, remaining};
use theseus_core::records::{LockRecord, RolloutRecord, SlotRecord};
use theseus_core::registry::CountsRecord;
use theseus_core::rollout::{self, Census, Decision, Trial};
use theseus_core::state::{GroupState, Observed};
use theseus_core::status::{ContainerStatus, GroupStatus, Status, status};

use super::machines::{Machines, News};
use super::{Stamps, Version};

/// What was seen, with what was told since.
#[derive(Debug)]
pub(crate) struct Picture {
    /// The groups.
    pub(crate) observed: Observed,
    /// When they were looked at.
    pub(crate) looked_at: Timestamp,
    /// Who carries rollouts out.
    pub(crate) holders: BTreeMap<GroupId, LockRecord>,
    /// What a registrar has counted, if there is one.
    pub(crate) counts: BTreeMap<GroupId, CountsRecord>,
    /// The machines.
    pub(crate) machines: News,
}

impl Picture {
    /// Groups alone.
    pub(crate) fn new(observed: Observed, looked_at: Timestamp) -> Self {
        Self {
            observed,
            looked_at,
            holders: BTreeMap::new(),
            counts: BTreeMap::new(),
            machines: News::default(),
        }
    }
}

/// What is known.
#[derive(Debug)]
pub(crate) struct Known {
    /// When it was looked at.
    pub(crate) observed_at: Timestamp,
    /// When there was a look.
    pub(crate) looked: Version,
    /// The groups, in the order of their names.
    pub(crate) status: Status,
    /// The machines.
    pub(crate) machines: Machines,
    details: Vec<Detail>,
    names: Vec<GroupId>,
    groups: Stamps,
    detailed: Stamps,
    containers: Vec<Stamps>,
    /// The places of the groups, those first that need somebody to look at them.
    order: Vec<usize>,
    order_changed: Version,
    foreign_changed: Version,
}

/// A group, with all that is known of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'a> {
    /// How it is.
    pub(crate) status: &'a GroupStatus,
    /// And more.
    pub(crate) detail: &'a Detail,
    /// When any of it last changed.
    pub(crate) changed: Version,
    /// When something else than its containers did.
    pub(crate) detail_changed: Version,
    /// When each of its containers did.
    stamps: &'a Stamps,
}

/// What is known of a group besides its status.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Detail {
    /// What it is, or is on its way to be.
    pub(crate) spec: Option<Arc<Spec>>,
    /// The revision of the last deploy that was done.
    pub(crate) settled: Option<Revision>,
    /// What the cluster runs, with the revision that each app is of.
    pub(crate) apps: Vec<(AppId, Revision)>,
    /// Where its slots are.
    pub(crate) slots: Vec<SlotRecord>,
    /// The last failure of each of its apps.
    pub(crate) failures: Vec<Failure>,
    /// How far its rollout is, if there is one.
    pub(crate) progress: Option<Progress>,
}

/// How far a rollout is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Progress {
    /// What there is.
    pub(crate) census: Census,
    /// What is waited for, as it follows "waiting for".
    pub(crate) waiting: String,
    /// The trial of new containers that is under way, if one is.
    pub(crate) trial: Option<Trial>,
    /// What is still to be done.
    pub(crate) steps: Vec<Step>,
    /// Who carries it out; `None` when nobody does.
    pub(crate) holder: Option<LockRecord>,
}

impl Detail {
    fn of(state: &GroupState, picture: &Picture) -> Self {
        let rollout = state.rollout.as_ref().map(|stored| &stored.record);
        let slots = state.slots.values();
        Self {
            spec: state.target().map(|(_, spec)| Arc::clone(spec)),
            settled: state.record.as_ref().map(|stored| stored.record.revision),
            apps: state
                .apps
                .iter()
                .map(|app| (app.id.clone(), app.revision))
                .collect(),
            slots: slots.map(|stored| stored.record.clone()).collect(),
            failures: state
                .apps
                .iter()
                .filter_map(|app| app.last_failure.clone())
                .collect(),
            progress: rollout.map(|rollout| Progress::of(rollout, state, picture)),
        }
    }
}

impl Progress {
    fn of(rollout: &RolloutRecord, state: &GroupState, picture: &Picture) -> Self {
        let (goal, now) = (&rollout.goal, picture.looked_at);
        let slots = state.slot_hosts();
        let view = rollout::View::beside(rollout, state, &slots, now);
        Self {
            census: Census::of(goal, &state.apps, &slots, now),
            waiting: match rollout::decide(&rollout.group, goal, &view) {
                Decision::Continue { waiting, .. } => waiting,
                Decision::Reached => "its end to be written down".to_owned(),
                Decision::Failed { reason } => reason,
            },
            trial: rollout::trial(goal, &view),
            steps: remaining(goal, state),
            holder: picture.holders.get(&rollout.group).cloned(),
        }
    }
}

impl Known {
    pub(super) fn new(before: Option<&Self>, picture: &Picture, version: Version) -> Self {
        let mut status = status(&picture.observed);
        status.tell_restarts(&picture.counts);
        let names: Vec<GroupId> = status.groups.iter().map(|it| it.group.clone()).collect();
        let details: Vec<Detail> = names
            .iter()
            .filter_map(|group| {
                let state = picture.observed.groups.get(group)?;
                Some(Detail::of(state, picture))
            })
            .collect();
        let detailed = Stamps::new(
            before.map(|before| (&*before.names, &before.detailed)),
            &names,
            |former, now| before.is_some_and(|before| before.details[former] == details[now]),
            version,
        );
        let groups = Stamps::new(
            before.map(|before| (&*before.names, &before.groups)),
            &names,
            |former, now| {
                before.is_some_and(|before| {
                    before.status.groups[former] == status.groups[now]
                        && detailed.each[now] != version
                })
            },
            version,
        );
        let containers = status.groups.iter().map(|group| {
            let former = before.and_then(|before| before.group(&group.group));
            container_stamps(former, group, version)
        });
        let containers = containers.collect();
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by_key(|&index| status.groups[index].condition().urgency());
        let same_order = before.filter(|before| {
            let former = before.order.iter().map(|&index| &before.names[index]);
            former.eq(order.iter().map(|&index| &names[index]))
        });
        let same_foreign = before.filter(|before| before.status.foreign == status.foreign);
        let machines = before.map(|before| &before.machines);
        let looked = before.filter(|before| before.observed_at == picture.looked_at);
        Self {
            observed_at: picture.looked_at,
            looked: looked.map_or(version, |before| before.looked),
            machines: Machines::new(
                machines,
                &picture.machines,
                &picture.observed,
                &status,
                version,
            ),
            order_changed: same_order.map_or(version, |before| before.order_changed),
            foreign_changed: same_foreign.map_or(version, |before| before.foreign_changed),
            order,
            status,
            details,
            names,
            groups,
            detailed,
            containers,
        }
    }

    /// When a group last came or went.
    pub(crate) fn groups_changed(&self) -> Version {
        self.groups.list
    }

    /// When the order of the groups last changed.
    pub(crate) fn order_changed(&self) -> Version {
        self.order_changed
    }

    /// When the number of apps last changed that no group accounts for.
    pub(crate) fn foreign_changed(&self) -> Version {
        self.foreign_changed
    }

    /// The groups: first those in which something is under way, then those in trouble, then the
    /// rest.
    pub(crate) fn by_urgency(&self) -> impl Iterator<Item = Group<'_>> {
        self.order.iter().map(|&index| self.at(index))
    }

    /// The group at a place in the order of names.
    pub(crate) fn at(&self, index: usize) -> Group<'_> {
        Group {
            status: &self.status.groups[index],
            detail: &self.details[index],
            changed: self.groups.each[index],
            detail_changed: self.detailed.each[index],
            stamps: &self.containers[index],
        }
    }

    /// The group that a container is of.
    pub(crate) fn group_of(&self, container: &ContainerId) -> Option<&GroupId> {
        let mut groups = self.status.groups.iter();
        let group = groups.find(|group| group.containers.iter().any(|it| it.id == *container))?;
        Some(&group.group)
    }

    /// A group.
    pub(crate) fn group(&self, id: &GroupId) -> Option<Group<'_>> {
        let index = self.names.binary_search(id).ok()?;
        Some(self.at(index))
    }
}

impl<'a> Group<'a> {
    /// Its containers, and when each of them last changed.
    pub(crate) fn containers(self) -> impl Iterator<Item = (&'a ContainerStatus, Version)> {
        let stamps = self.stamps.each.iter().copied();
        self.status.containers.iter().zip(stamps)
    }

    /// When a container last came or went.
    pub(crate) fn containers_changed(self) -> Version {
        self.stamps.list
    }

    /// The container at a place, and when it last changed.
    pub(crate) fn container_at(self, index: usize) -> (&'a ContainerStatus, Version) {
        (&self.status.containers[index], self.stamps.each[index])
    }

    /// The container of a name.
    pub(crate) fn container(self, id: &ContainerId) -> Option<(&'a ContainerStatus, Version)> {
        self.containers().find(|(container, _)| container.id == *id)
    }
}

fn container_stamps(former: Option<Group<'_>>, now: &GroupStatus, version: Version) -> Stamps {
    let ids = |group: &GroupStatus| -> Vec<ContainerId> {
        group.containers.iter().map(|it| it.id.clone()).collect()
    };
    let before = former.map(|former| (ids(former.status), former.stamps));
    Stamps::new(
        before.as_ref().map(|(ids, stamps)| (&**ids, *stamps)),
        &ids(now),
        |one, other| former.is_some_and(|it| it.status.containers[one] == now.containers[other]),
        version,
    )
}
