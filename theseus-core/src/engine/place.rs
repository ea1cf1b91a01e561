//! Finding places for what is about to be begun: hosts for slots, and what custom constraints come
//! to. All of it is decided by `placement`; here it is asked for, and written down.

use std::collections::BTreeMap;

use super::commit::commit_all;
use super::turn::Run;
use super::{Engine, EngineError, journal};
use crate::causes::chain;
use crate::cluster::{Inventory, Scope};
use crate::hold::Hold;
use crate::model::{CustomConstraint, GroupId};
use crate::placement::Terrain;
use crate::plan::{Action, GroupPlan, Placed};
use crate::records::{self, Goal, SlotRecord, Stored};
use crate::state::{GroupState, Observed};
use crate::store::{StoreError, Txn, Write};

impl Engine {
    /// The hosts, and who runs where. An engine that does not tell its hosts is no trouble: then
    /// only those are known that run something.
    pub(super) async fn terrain(&self, observed: &Observed) -> Terrain {
        let inventory = self.cluster.hosts().await.unwrap_or_else(|error| {
            tracing::debug!(error = chain(&error), "the hosts are not known");
            Inventory::default()
        });
        Terrain::new(&inventory, observed)
    }
}

/// Whether it matters for a group where it and others run.
pub(super) fn needs_place(plan: &GroupPlan) -> bool {
    (plan.action != Action::None || plan.slots_changed) && constraints(plan).next().is_some()
}

fn constraints(plan: &GroupPlan) -> impl Iterator<Item = &CustomConstraint> {
    let spec = match &plan.goal {
        Goal::Present { spec, .. } => Some(spec),
        Goal::Absent => None,
    };
    spec.into_iter().flat_map(|spec| &spec.custom_constraints)
}

impl Run<'_> {
    /// Finds a place for each of these that needs one.
    pub(super) async fn place(
        &self,
        plans: &[&GroupPlan],
        before: &Observed,
    ) -> Result<BTreeMap<GroupId, Placed>, EngineError> {
        let needy: Vec<&GroupPlan> = plans.iter().copied().filter(|it| needs_place(it)).collect();
        if needy.is_empty() {
            return Ok(BTreeMap::new());
        }
        // Who keeps away from others has to know where they are.
        let snapshot = self.engine.cluster.observe(&Scope::All).await?;
        let mut running = Observed::default().beside(snapshot);
        for (group, state) in &before.groups {
            let known = running.groups.entry(group.clone()).or_default();
            known.slots.clone_from(&state.slots);
            known.record.clone_from(&state.record);
        }
        let terrain = self.engine.terrain(&running).await;
        let absent = GroupState::default();
        let now = self.now();
        let placed = needy.into_iter().filter_map(|plan| {
            let Goal::Present { spec, .. } = &plan.goal else {
                return None;
            };
            let state = running.groups.get(&plan.group).unwrap_or(&absent);
            let rules = &self.engine.rules;
            let placed = Placed::new(&plan.group, spec, state, &terrain, rules, now);
            Some((plan.group.clone(), placed))
        });
        Ok(placed.collect())
    }

    /// Finds other hosts for the slots of groups in which nothing comes forward, where a host is
    /// gone and has been for as long as the spec says.
    pub(super) async fn place_again(
        &mut self,
        hold: &Hold,
        groups: Vec<GroupId>,
        observed: &Observed,
    ) -> Result<(), EngineError> {
        let now = self.now();
        let mut terrain = None;
        for group in groups {
            let Some(work) = self.active.get(&group) else {
                continue;
            };
            let Goal::Present { spec, .. } = &work.rollout.record.goal else {
                continue;
            };
            if spec.fixed_host().is_none() {
                continue;
            }
            let terrain = match &terrain {
                Some(terrain) => terrain,
                None => terrain.insert(self.engine.terrain(observed).await),
            };
            let mut state = observed.groups.get(&group).cloned().unwrap_or_default();
            state.slots.clone_from(&work.slots);
            let placed = Placed::new(&group, spec, &state, terrain, &self.engine.rules, now);
            match self.write_slots(hold, &group, &placed.slots, &state).await {
                Ok(slots) => {
                    if let Some(work) = self.active.get_mut(&group) {
                        work.slots = slots;
                    }
                }
                Err(StoreError::Conflict { key }) if key == hold.key() => hold.lose(),
                // Somebody else knows better; the next run reads it.
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Writes down where the slots of a group go, and gives what is written then.
    pub(super) async fn write_slots(
        &self,
        hold: &Hold,
        group: &GroupId,
        wanted: &BTreeMap<u32, SlotRecord>,
        state: &GroupState,
    ) -> Result<BTreeMap<u32, Stored<SlotRecord>>, StoreError> {
        let mut written = BTreeMap::new();
        let (mut changed, mut txns) = (Vec::new(), Vec::new());
        for (slot, record) in wanted {
            let known = state.slots.get(slot);
            if let Some(known) = known.filter(|known| known.record == *record) {
                written.insert(*slot, known.clone());
                continue;
            }
            let key = records::slot_key(group, *slot);
            txns.push(Txn {
                compares: vec![
                    journal::unchanged(key.clone(), known.map(|it| it.modified)),
                    hold.fence(),
                ],
                writes: vec![Write::Put(key, records::encode(record))],
            });
            changed.push((*slot, record));
        }
        let answers = commit_all(&*self.engine.store, txns).await;
        for ((slot, record), answer) in changed.into_iter().zip(answers) {
            let record = record.clone();
            let modified = answer?;
            written.insert(slot, Stored { record, modified });
        }
        Ok(written)
    }
}
