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

    /// Puts groups back that could not be begun, unless they are over.
    pub(super) fn put_back(&mut self, plans: impl Iterator<Item = &'p GroupPlan>) {
        let over = &self.over;
        let left = plans.filter(|plan| !over.contains_key(&plan.group));
        self.waiting.extend(left);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::Spec;
    use crate::plan::{Desired, plan};
    use crate::state::Observed;

    fn group(name: &str) -> GroupId {
        format!("{name}:dev").parse().unwrap()
    }

    /// A plan that creates `db`, and `web` after it, and `cache` whenever.
    fn three() -> Plan {
        let mut desired = Desired::default();
        for name in ["cache", "db", "web"] {
            let mut spec = Spec::new("a:1");
            if name == "web" {
                spec.depends_on = vec![group("db")];
            }
            desired.deploy.insert(group(name), Arc::new(spec));
        }
        plan(&desired, &Observed::default())
    }

    fn names(plans: &[&GroupPlan]) -> Vec<String> {
        let names = plans.iter().map(|plan| plan.group.service.to_string());
        names.collect()
    }

    #[test]
    fn what_depends_on_another_waits_until_that_is_over_and_serves() {
        let plan = three();
        let mut queue = Queue::new(&plan);
        assert!(queue.take_unchanged().is_empty());
        assert_eq!(queue.awaited(), BTreeSet::from([group("db")]));
        let first = queue.take(10, |_| 0);
        assert_eq!(names(&first.ready), ["cache", "db"]);
        // It serves, but work on it is not over; then it is over, and does not serve.
        assert!(queue.take(10, |_| 1).ready.is_empty());
        queue.note(&group("db"), true);
        assert!(queue.take(10, |_| 0).ready.is_empty());
        assert_eq!(names(&queue.take(10, |_| 1).ready), ["web"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_depends_on_a_failure_is_hopeless() {
        let plan = three();
        let mut queue = Queue::new(&plan);
        queue.take(10, |_| 0);
        queue.note(&group("db"), false);
        let due = queue.take(10, |_| 1);
        assert!(due.ready.is_empty());
        assert_eq!(due.hopeless[0].1, group("db"));
    }

    #[test]
    fn there_is_room_for_so_many_and_what_is_put_back_has_its_turn_again() {
        let plan = three();
        let mut queue = Queue::new(&plan);
        let first = queue.take(1, |_| 0).ready;
        assert_eq!(names(&first), ["cache"]);
        assert!(queue.take(0, |_| 0).ready.is_empty());
        queue.put_back(first.clone().into_iter());
        assert_eq!(names(&queue.take(9, |_| 0).ready), ["db", "cache"]);
        // What is over does not come again.
        queue.note(&group("cache"), true);
        queue.put_back(first.into_iter());
        assert_eq!(names(&queue.drain()), ["web"]);
    }
}
