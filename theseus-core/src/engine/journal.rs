//! What is written to the store, and on which conditions: one function for each step of a rollout's
//! life. Every write of one who deploys is made on condition that his lock is still held.

use jiff::Timestamp;

use super::work::Work;
use crate::audit::AuditRecord;
use crate::hold::Hold;
use crate::plan::{Base, GroupPlan};
use crate::records::{
    self, Adopted, Ended, Ending, Goal, GroupRecord, HistoryRecord, RevisionCounter, RolloutRecord,
};
use crate::registry;
use crate::store::{self, Compare, Txn, Write};

/// Writes a rollout down, before anything is done. `history` is what is new in the history;
/// `other_lock` is the lock under which the group was worked on before, and must be gone.
pub(super) fn begin(
    plan: &GroupPlan,
    rollout: &RolloutRecord,
    history: &[HistoryRecord],
    hold: &Hold,
    other_lock: Option<&str>,
    audit: &AuditRecord,
) -> Txn {
    let group = &plan.group;
    let mut compares = base(plan);
    compares.push(hold.fence());
    compares.extend(other_lock.map(|key| Compare::Absent(key.to_owned())));
    let mut writes = vec![Write::Put(
        records::rollout_key(group),
        records::encode(rollout),
    )];
    writes.extend(history.iter().map(past));
    writes.push(audit.write());
    if let Goal::Present { revision, .. } = &plan.goal
        && plan.is_new_revision
    {
        // The one compare that tells a group which came and went since the plan was made.
        compares.push(Compare::Absent(records::history_key(group, *revision)));
        let counter = RevisionCounter {
            group: group.clone(),
            last: *revision,
        };
        writes.push(Write::Put(
            records::counter_key(group),
            records::encode(&counter),
        ));
    }
    Txn { compares, writes }
}

/// Changes the record of a group of which nothing else changes: it keeps what it has adopted.
pub(super) fn note(
    plan: &GroupPlan,
    adopted: Option<&Adopted>,
    now: Timestamp,
    audit: &AuditRecord,
) -> Option<Txn> {
    let Goal::Present { revision, spec } = &plan.goal else {
        return None;
    };
    let record = GroupRecord {
        group: plan.group.clone(),
        revision: *revision,
        spec: spec.clone(),
        deployed_at: now,
        adopted: adopted.cloned(),
    };
    Some(Txn {
        compares: base(plan),
        writes: vec![
            Write::Put(records::group_key(&plan.group), records::encode(&record)),
            audit.write(),
        ],
    })
}

/// Replaces what is written of a rollout, and of the revision that it gives up.
pub(super) fn rewrite(
    work: &Work,
    rollout: &RolloutRecord,
    given_up: Option<&HistoryRecord>,
    hold: &Hold,
    audit: Option<&AuditRecord>,
) -> Txn {
    let key = records::rollout_key(&work.group);
    let mut writes = vec![Write::Put(key.clone(), records::encode(rollout))];
    writes.extend(given_up.map(past));
    writes.extend(audit.map(AuditRecord::write));
    Txn {
        compares: vec![Compare::Unchanged(key, work.rollout.modified), hold.fence()],
        writes,
    }
}

/// Says that the goal is reached.
pub(super) fn finish(
    work: &Work,
    history: Option<&HistoryRecord>,
    hold: &Hold,
    now: Timestamp,
    audit: &AuditRecord,
) -> Txn {
    let (group_key, rollout_key) = (
        records::group_key(&work.group),
        records::rollout_key(&work.group),
    );
    let (mut keeps_slots, mut adopted) = (false, None);
    let write = match &work.rollout.record.goal {
        Goal::Present { revision, spec } => {
            keeps_slots = spec.fixed_host().is_some();
            let stays = work.has_adopted && work.is_at_former();
            adopted = work.adopted().filter(|_| stays);
            let record = GroupRecord {
                group: work.group.clone(),
                revision: *revision,
                spec: spec.clone(),
                deployed_at: now,
                adopted: adopted.cloned(),
            };
            Write::Put(group_key.clone(), records::encode(&record))
        }
        Goal::Absent => Write::Delete(group_key.clone()),
    };
    let mut writes = vec![write, Write::Delete(rollout_key.clone()), audit.write()];
    writes.extend(history.map(past));
    if work.rollout.record.goal == Goal::Absent {
        // A registrar would do so, too; but there may be none.
        writes.push(Write::DeletePrefix(registry::containers_prefix(
            &work.group,
        )));
        writes.push(Write::Delete(registry::counts_key(&work.group)));
    }
    if let Some(gone) = work.adopted().filter(|_| adopted.is_none()) {
        writes.push(Write::Delete(records::adopted_key(&gone.app)));
    }
    if !work.slots.is_empty() && !keeps_slots {
        writes.push(Write::DeletePrefix(records::slots_prefix(&work.group)));
    }
    Txn {
        compares: vec![
            unchanged(
                group_key,
                work.former.as_ref().map(|stored| stored.modified),
            ),
            Compare::Unchanged(rollout_key, work.rollout.modified),
            hold.fence(),
        ],
        writes,
    }
}

/// A revision with the end that its rollout came to.
pub(super) fn ended(
    mut history: HistoryRecord,
    outcome: Ended,
    reason: Option<String>,
    at: Timestamp,
) -> HistoryRecord {
    history.ending = Some(Ending {
        outcome,
        reason,
        at,
    });
    history
}

/// What the history is to say of a revision.
pub(super) fn past(history: &HistoryRecord) -> Write {
    Write::Put(
        records::history_key(&history.group, history.revision),
        records::encode(history),
    )
}

fn base(plan: &GroupPlan) -> Vec<Compare> {
    let Base { record, rollout } = plan.base;
    vec![
        unchanged(records::group_key(&plan.group), record),
        unchanged(records::rollout_key(&plan.group), rollout),
    ]
}

/// The condition that nobody has written what was read so.
pub(super) fn unchanged(key: String, modified: Option<store::Revision>) -> Compare {
    match modified {
        Some(revision) => Compare::Unchanged(key, revision),
        None => Compare::Absent(key),
    }
}
