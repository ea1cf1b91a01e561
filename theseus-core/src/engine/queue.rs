//! The groups of a plan that are not begun yet: which of them may be, and in what order.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::model::GroupId;
use crate::plan::{After, GroupPlan, Plan};
use crate::records::Goal;

/// Groups that wait for their turn.
pub(super) struct Queue<'p> {
    waiting: Vec<&'p GroupPlan>,
    /// All groups of the plan.
    planned: BTreeSet<&'p GroupId>,
    /// Those of the plan that are over, and whether they are as they should be.
    over: BTreeMap<GroupId, bool>,
}

/// What may happen to those that wait.
#[derive(Default)]
pub(super) struct Due<'p> {
    /// These may begin.
    pub(super) ready: Vec<&'p GroupPlan>,
    /// These never will, because of what they wait for.
    pub(super) hopeless: Vec<(&'p GroupPlan, GroupId)>,
}

impl<'p> Queue<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self {
            waiting: plan.groups.iter().collect(),
            planned: plan.groups.iter().map(|plan| &plan.group).collect(),
            over: BTreeMap::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes note that work on a group is over.
    pub(super) fn note(&mut self, group: &GroupId, well: bool) {
        self.over.insert(group.clone(), well);
    }

    /// The groups that must serve before others can begin.
    pub(super) fn awaited(&self) -> BTreeSet<GroupId> {
        let after = self.waiting.iter().flat_map(|plan| &plan.after);
        after.map(|after| after.group.clone()).collect()
    }

    /// Takes out at most `room` groups that may begin, by how many containers of others serve.
    pub(super) fn take(&mut self, room: usize, serving: impl Fn(&GroupId) -> u32) -> Due<'p> {
        let mut due = Due::default();
        let waiting = std::mem::take(&mut self.waiting);
        for plan in waiting {
            let failed = plan
                .after
                .iter()
                .find(|after| self.over.get(&after.group) == Some(&false));
            let is_met = |after: &After| {
                let is_over = self.over.contains_key(&after.group);
                (is_over || !self.planned.contains(&after.group))
                    && (after.serving == 0 || serving(&after.group) >= after.serving)
            };
            if let Some(after) = failed {
                due.hopeless.push((plan, after.group.clone()));
            } else if due.ready.len() < room && plan.after.iter().all(is_met) {
                due.ready.push(plan);
            } else {
                self.waiting.push(plan);
            }
        }
        due
    }

    /// Takes out the groups of which nothing is changed.
    pub(super) fn take_unchanged(&mut self) -> Vec<&'p GroupPlan> {
        let (unchanged, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|plan| plan.is_empty());
        self.waiting = waiting;
        unchanged
    }

    /// Takes out the groups that may not wait for so long.
    pub(super) fn take_overdue(&mut self, waited: SignedDuration) -> Vec<&'p GroupPlan> {
        let is_overdue = |plan: &&GroupPlan| match &plan.goal {
            Goal::Present { spec, .. } => SignedDuration::try_from(spec.update.deadline)
                .is_ok_and(|patience| patience <= waited),
            Goal::Absent => false,
        };
        let (overdue, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(is_overdue);
        self.waiting = waiting;
        overdue
    }

    /// Takes out all that is left.
    pub(super) fn drain(&mut self) -> Vec<&'p GroupPlan> {
        std::mem::take(&mut self.waiting)
    }
}
