//! What is known of groups at one time: the records that the store has of them beside what the
//! cluster runs for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cluster::{App, AppId, ContainerState, Part, Revision, Snapshot};
use crate::model::{GroupId, Spec};
use crate::records::{
    Adopted, Goal, GroupRecord, RevisionCounter, RolloutRecord, SlotRecord, Stored,
};
use crate::rollout::Slots;

/// What is known of one group.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GroupState {
    /// What is deployed, by the last deploy that was done.
    pub record: Option<Stored<GroupRecord>>,
    /// The deploy or removal that has begun and is not done.
    pub rollout: Option<Stored<RolloutRecord>>,
    /// The highest revision ever given out, 0 for none. It outlives the group's removal.
    pub last_revision: Revision,
    /// Where its slots are, if it has a fixed host for each container, by the slots' numbers.
    pub slots: BTreeMap<u32, Stored<SlotRecord>>,
    /// What the cluster runs.
    pub apps: Vec<App>,
    /// Whether containers of apps that are gone already still die.
    pub stopping: bool,
}

impl GroupState {
    /// Whether neither store nor cluster knows the group.
    pub fn is_absent(&self) -> bool {
        self.record.is_none() && self.rollout.is_none() && self.apps.is_empty() && !self.stopping
    }

    /// The app that the group has taken over as it ran, as long as that runs what is deployed.
    pub fn adopted(&self) -> Option<&Adopted> {
        self.record.as_ref()?.record.adopted.as_ref()
    }

    /// The app that runs a revision.
    pub fn app(&self, revision: Revision) -> Option<&App> {
        self.apps.iter().find(|app| app.revision == revision)
    }

    /// How many containers of a revision the cluster is to keep running, in however many apps;
    /// `None` when it runs none of the revision.
    pub fn instances(&self, revision: Revision) -> Option<u32> {
        let apps = self.apps.iter().filter(|app| app.revision == revision);
        apps.map(|app| app.instances).reduce(u32::saturating_add)
    }

    /// A slot of a revision in which the cluster is to run another number of containers than the
    /// one that each of the group's `instances` slots has.
    pub fn uneven_slot(&self, revision: Revision, instances: u32) -> Option<u32> {
        let apps = self.apps.iter().filter(|app| app.revision == revision);
        apps.filter_map(|app| match app.part {
            Part::Slot(slot) if app.instances != u32::from(slot < instances) => Some(slot),
            Part::Slot(_) | Part::Whole | Part::Stable => None,
        })
        .min()
    }

    /// The hosts of its slots.
    pub fn slot_hosts(&self) -> Slots {
        let hosts = self.slots.iter();
        hosts
            .map(|(slot, stored)| (*slot, Arc::clone(&stored.record.host)))
            .collect()
    }

    /// What the group is, or is on its way to be: revision and spec.
    pub fn target(&self) -> Option<(Revision, &Arc<Spec>)> {
        match self.rollout.as_ref().map(|stored| &stored.record.goal) {
            Some(Goal::Present { revision, spec }) => Some((*revision, spec)),
            Some(Goal::Absent) | None => self
                .record
                .as_ref()
                .map(|stored| (stored.record.revision, &stored.record.spec)),
        }
    }

    /// The spec of a revision, where the group's record or its rollout has it.
    pub fn spec_of(&self, revision: Revision) -> Option<&Arc<Spec>> {
        let recorded = self
            .record
            .as_ref()
            .map(|stored| (stored.record.revision, &stored.record.spec));
        [self.target(), recorded]
            .into_iter()
            .flatten()
            .find(|(known, _)| *known == revision)
            .map(|(_, spec)| spec)
    }

    /// The revision that a new spec gets: above every one that was ever seen.
    pub fn next_revision(&self) -> Revision {
        let recorded = self.record.as_ref().map(|stored| stored.record.revision);
        let under_way = self
            .rollout
            .as_ref()
            .and_then(|stored| match &stored.record.goal {
                Goal::Present { revision, .. } => Some(*revision),
                Goal::Absent => None,
            });
        let running = self.apps.iter().map(|app| app.revision).max();
        let highest = [recorded, under_way, running].into_iter().flatten().max();
        highest
            .unwrap_or(0)
            .max(self.last_revision)
            .saturating_add(1)
    }

    /// An app of the group's that could not be read, and why. As long as there is one, nothing can be
    /// built on what is known of the group.
    pub fn unread(&self) -> Option<(&AppId, &str)> {
        self.apps
            .iter()
            .find_map(|app| Some((&app.id, app.unread.as_deref()?)))
    }

    /// Apps that no record accounts for: left behind, or made by somebody else.
    pub fn unaccounted(&self) -> impl Iterator<Item = &App> {
        self.apps
            .iter()
            .filter(|app| !self.accounts_for(app.revision))
    }

    /// Whether a record accounts for what runs of a revision. While a rollout is under way, any
    /// revision may be part of it.
    pub fn accounts_for(&self, revision: Revision) -> bool {
        let settled = self.record.as_ref().map(|stored| stored.record.revision);
        self.rollout.is_some() || settled == Some(revision)
    }
}

/// What the store knows of the groups that were looked at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Records {
    /// What is deployed.
    pub groups: Vec<Stored<GroupRecord>>,
    /// What is under way.
    pub rollouts: Vec<Stored<RolloutRecord>>,
    /// Which revisions were given out.
    pub counters: Vec<RevisionCounter>,
    /// Where slots are.
    pub slots: Vec<Stored<SlotRecord>>,
}

/// What is known of all groups that were looked at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// By group; one that nobody knows is left out, or is empty.
    pub groups: BTreeMap<GroupId, GroupState>,
    /// How many apps run that no group accounts for, where everything was looked at.
    pub foreign: usize,
    /// How many containers of such apps are on each host.
    pub foreign_on: BTreeMap<Arc<str>, u32>,
}

impl Observed {
    /// Puts together what the store and the cluster know.
    pub fn new(records: Records, snapshot: Snapshot) -> Self {
        Self::recorded(records).beside(snapshot)
    }

    /// What the store alone knows.
    pub fn recorded(records: Records) -> Self {
        let Records {
            groups: records,
            rollouts,
            counters,
            slots,
        } = records;
        // Collected rather than inserted: a map of what is nearly sorted is built at once.
        let recorded = records.into_iter().map(|stored| {
            let group = stored.record.group.clone();
            let record = Some(stored);
            let rest = GroupState::default();
            (group, GroupState { record, ..rest })
        });
        let mut groups: BTreeMap<GroupId, GroupState> = recorded.collect();
        for stored in rollouts {
            let group = stored.record.group.clone();
            groups.entry(group).or_default().rollout = Some(stored);
        }
        for counter in counters {
            groups.entry(counter.group).or_default().last_revision = counter.last;
        }
        for stored in slots {
            let group = stored.record.group.clone();
            let slots = &mut groups.entry(group).or_default().slots;
            slots.insert(stored.record.slot, stored);
        }
        Self {
            groups,
            ..Self::default()
        }
    }

    /// The same, with what the cluster knows.
    #[must_use]
    pub fn beside(mut self, mut snapshot: Snapshot) -> Self {
        snapshot.adopt(self.adopted());
        self.foreign = snapshot.foreign.iter().filter(|app| !app.stopping).count();
        self.foreign_on = foreign_on(&snapshot);
        let mut apps = snapshot.apps;
        apps.sort_by(|a, b| (&a.group, a.revision).cmp(&(&b.group, b.revision)));
        // Both are in order, so each app is found beside its group, and needs not be searched for.
        let mut apps = apps.into_iter().peekable();
        let mut unrecorded = Vec::new();
        for (group, state) in &mut self.groups {
            while let Some(app) = apps.next_if(|app| app.group <= *group) {
                if app.group == *group {
                    state.apps.push(app);
                } else {
                    unrecorded.push(app);
                }
            }
        }
        for app in unrecorded.into_iter().chain(apps) {
            let group = app.group.clone();
            self.groups.entry(group).or_default().apps.push(app);
        }
        for group in snapshot.stopping {
            self.groups.entry(group).or_default().stopping = true;
        }
        self
    }

    /// The apps that groups have adopted: whose each is, and which revision it runs.
    pub fn adopted(&self) -> impl Iterator<Item = (&AppId, (&GroupId, Revision))> {
        self.groups.values().filter_map(|state| {
            let record = &state.record.as_ref()?.record;
            let adopted = record.adopted.as_ref()?;
            Some((&adopted.app, (&record.group, record.revision)))
        })
    }
}

/// How many containers of apps that nobody has adopted are on each host.
fn foreign_on(snapshot: &Snapshot) -> BTreeMap<Arc<str>, u32> {
    let containers = snapshot.foreign.iter().flat_map(|app| &app.containers);
    let present = containers.filter(|it| it.state != ContainerState::Ended);
    let mut counts = BTreeMap::new();
    for host in present.filter_map(|container| container.host.clone()) {
        *counts.entry(host).or_default() += 1;
    }
    counts
}
