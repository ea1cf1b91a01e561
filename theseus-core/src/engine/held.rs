//! What holds apps that are to be changed: who is told of it, what of it is left alone, and what is
//! broken off because a person has asked for it.

use std::collections::{BTreeMap, BTreeSet};

use super::Options;
use super::progress::Progress;
use super::turn::{Decided, Run, Seen};
use crate::cluster::{App, Change, Operation, OperationId};
use crate::model::GroupId;

/// That a person has asked for what others do to be broken off: once for each group, in the course
/// of what he has asked for. It is used up by its use, and nothing that happens by itself (a way
/// back, somebody else who goes on) has one or can make one.
pub(super) struct Permit(());

impl Permit {
    pub(super) fn of(options: &Options) -> Option<Self> {
        options.force.then_some(Self(()))
    }

    /// Breaks off what holds these apps.
    fn used(self, held: Vec<(&App, Vec<OperationId>)>) -> Vec<Change> {
        let Self(()) = self;
        held.into_iter()
            .map(|(app, operations)| Change::Release {
                app: app.id.clone(),
                operations,
            })
            .collect()
    }
}

/// The operations that hold apps of groups, and were not begun here.
pub(super) type Held = BTreeMap<GroupId, Vec<Operation>>;

impl Run<'_> {
    /// Uses the permits of groups that are held, instead of what was decided for them.
    pub(super) fn force(&mut self, decided: &mut Decided, seen: &Seen) {
        for (group, work) in &mut self.active {
            if decided.reached.contains(group) {
                continue;
            }
            let apps = seen.observed.groups.get(group).map(|state| &state.apps);
            let held: Vec<_> = apps
                .into_iter()
                .flatten()
                .map(|app| (app, others(app, &self.accepted)))
                .filter(|(_, operations)| !operations.is_empty())
                .collect();
            if held.is_empty() {
                continue;
            }
            if let Some(permit) = work.permit.take() {
                decided.drop_changes(|owner, _| owner == group);
                let changes = permit.used(held);
                decided.owners.extend(changes.iter().map(|_| group.clone()));
                decided.changes.extend(changes);
                decided.forced.insert(group.clone());
            }
        }
    }

    /// Takes what was decided back as far as it would break off what changes anything but Theseus's
    /// own apps, or what is not known well enough.
    pub(super) fn spare_others(&self, decided: &mut Decided, seen: &Seen) {
        let may_go = |id: &OperationId| {
            let known = seen.operations.get(id);
            self.accepted.contains(id) || known.is_some_and(|known| known.is_within(|_| true))
        };
        let forced = std::mem::take(&mut decided.forced);
        let mut is_unknown = false;
        decided.drop_changes(|owner, change| {
            let (Change::Release { operations, .. } | Change::Revert { operations, .. }) = change
            else {
                return false;
            };
            if forced.contains(owner) {
                return false;
            }
            is_unknown |= operations
                .iter()
                .any(|id| !seen.operations.contains_key(id));
            operations.retain(may_go);
            operations.is_empty()
        });
        decided.unsettled |= is_unknown;
    }

    /// What holds apps of the groups that are worked on, as far as it is known to be somebody
    /// else's.
    pub(super) fn held(&self, seen: &Seen) -> Held {
        let mut held = Held::new();
        for group in self.active.keys() {
            let apps = seen.observed.groups.get(group).map(|state| &state.apps);
            let ids: BTreeSet<OperationId> = apps
                .into_iter()
                .flatten()
                .flat_map(|app| others(app, &self.accepted))
                .collect();
            let known = ids.iter().filter_map(|id| seen.operations.get(id));
            let theirs: Vec<_> = known
                .filter(|operation| !operation.is_within(|_| true))
                .cloned()
                .collect();
            if !theirs.is_empty() {
                held.insert(group.clone(), theirs);
            }
        }
        held
    }

    /// Takes note that what was told of holds nothing any more.
    pub(super) fn forget_held(&mut self, held: &Held) {
        for (group, work) in &mut self.active {
            if !held.contains_key(group) {
                work.held = None;
            }
        }
    }

    /// Tells what holds groups, each once.
    pub(super) async fn tell_held(&mut self, held: Held) {
        for (group, operations) in held {
            let Some(work) = self.active.get_mut(&group) else {
                continue;
            };
            let mut operations = operations;
            operations.retain(|operation| {
                !self.accepted.contains(&operation.id)
                    && work.told_held.insert(operation.id.clone())
            });
            for operation in operations {
                let whose = self.whose(&operation).await;
                let message = format!("{operation}; {whose}");
                if let Some(work) = self.active.get_mut(&group) {
                    work.held = Some(message.clone());
                }
                (self.tell)(Progress::Held {
                    group: group.clone(),
                    message,
                    operation,
                });
            }
        }
    }

    /// Whose an operation is, in words.
    async fn whose(&self, operation: &Operation) -> String {
        if operation.steps.is_empty() {
            return "nothing else is known of it".to_owned();
        }
        if !operation.is_within(|_| true) {
            return "it is not Theseus's".to_owned();
        }
        let groups: Vec<GroupId> = operation.groups().into_iter().cloned().collect();
        let holders = match self.engine.holders(&groups).await {
            Ok(holders) => holders,
            Err(error) => {
                tracing::debug!(%error, "nobody tells who deploys");
                return "it is Theseus's own".to_owned();
            }
        };
        let deployed = holders.iter().map(|(group, holder)| {
            let by = match holder.by.as_str() {
                "" => "somebody",
                by => by,
            };
            format!("{by} deploys {group}")
        });
        let deployed: Vec<_> = deployed.collect();
        if deployed.is_empty() {
            "it is Theseus's own, and nobody deploys there any more".to_owned()
        } else {
            format!("it is Theseus's own: {}", deployed.join(", "))
        }
    }
}

/// What holds an app and was not begun here.
fn others(app: &App, accepted: &BTreeSet<OperationId>) -> Vec<OperationId> {
    let others = app.operations.iter().filter(|id| !accepted.contains(id));
    others.cloned().collect()
}
