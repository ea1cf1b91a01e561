//! Writing records: by compare-and-commit, many groups in one transaction.

use std::sync::Arc;

use jiff::Timestamp;

use super::work::{Work, unchanged};
use crate::cluster::Revision;
use crate::model::Spec;
use crate::plan::{Base, GroupPlan};
use crate::records::{self, Goal, GroupRecord, HistoryRecord, RevisionCounter, RolloutRecord};
use crate::store::{self, Compare, Store, StoreError, Txn, Write};

/// No transaction carries more than so many bytes of values.
const MAX_BYTES: usize = 1_000_000;
/// How often a commit is tried whose outcome the store did not tell.
const TRIES: u32 = 3;

/// The transaction that writes a rollout down, before anything is done.
pub(super) fn begin(plan: &GroupPlan, rollout: &RolloutRecord) -> Txn {
    let group = &plan.group;
    let mut txn = Txn {
        compares: base(plan),
        writes: vec![Write::Put(
            records::rollout_key(group),
            records::encode(rollout),
        )],
    };
    if let Goal::Present { revision, spec } = &plan.goal
        && plan.is_new_revision
    {
        let history = records::history_key(group, *revision);
        // The one compare that tells a group which came and went since the plan was made.
        txn.compares.push(Compare::Absent(history.clone()));
        txn.writes.push(Write::Put(
            history,
            records::encode(&history_of(plan, *revision, spec, rollout.started_at)),
        ));
        let counter = RevisionCounter {
            group: group.clone(),
            last: *revision,
        };
        txn.writes.push(Write::Put(
            records::counter_key(group),
            records::encode(&counter),
        ));
    }
    txn
}

fn history_of(
    plan: &GroupPlan,
    revision: Revision,
    spec: &Arc<Spec>,
    now: Timestamp,
) -> HistoryRecord {
    HistoryRecord {
        group: plan.group.clone(),
        revision,
        spec: Arc::clone(spec),
        created_at: now,
        by: String::new(),
        ending: None,
    }
}

fn base(plan: &GroupPlan) -> Vec<Compare> {
    let Base { record, rollout } = plan.base;
    vec![
        unchanged(records::group_key(&plan.group), record),
        unchanged(records::rollout_key(&plan.group), rollout),
    ]
}

/// The transaction for a group of which only the record changes.
pub(super) fn note(plan: &GroupPlan, revision: Revision, spec: &Arc<Spec>, now: Timestamp) -> Txn {
    let record = GroupRecord {
        group: plan.group.clone(),
        revision,
        spec: Arc::clone(spec),
        deployed_at: now,
    };
    Txn {
        compares: base(plan),
        writes: vec![Write::Put(
            records::group_key(&plan.group),
            records::encode(&record),
        )],
    }
}

/// The transaction that replaces a rollout by the one that takes it back.
pub(super) fn turn_back(work: &Work, rollout: &RolloutRecord) -> Txn {
    let key = records::rollout_key(&work.group);
    Txn {
        compares: vec![Compare::Unchanged(key.clone(), work.rollout.modified)],
        writes: vec![Write::Put(key, records::encode(rollout))],
    }
}

/// The transaction that says that the goal is reached.
pub(super) fn finish(work: &Work, now: Timestamp) -> Txn {
    let (group_key, rollout_key) = (
        records::group_key(&work.group),
        records::rollout_key(&work.group),
    );
    let write = match &work.rollout.record.goal {
        Goal::Present { revision, spec } => {
            let record = GroupRecord {
                group: work.group.clone(),
                revision: *revision,
                spec: Arc::clone(spec),
                deployed_at: now,
            };
            Write::Put(group_key.clone(), records::encode(&record))
        }
        Goal::Absent => Write::Delete(group_key.clone()),
    };
    Txn {
        compares: vec![
            unchanged(
                group_key,
                work.former.as_ref().map(|stored| stored.modified),
            ),
            Compare::Unchanged(rollout_key.clone(), work.rollout.modified),
        ],
        writes: vec![write, Write::Delete(rollout_key)],
    }
}

/// Commits transactions that do not depend on each other, as many together as the store allows,
/// and gives one answer for each, in their order.
pub(super) async fn commit_all(
    store: &dyn Store,
    txns: Vec<Txn>,
) -> Vec<Result<store::Revision, StoreError>> {
    let mut answers = Vec::with_capacity(txns.len());
    for batch in batches(txns, store.max_txn_operations()) {
        if batch.len() > 1 {
            let merged = merge(&batch);
            if let Ok(revision) = commit(store, merged).await {
                answers.extend(batch.iter().map(|_| Ok(revision)));
                continue;
            }
            // One of them is at fault: each gets its own answer.
        }
        for txn in batch {
            answers.push(commit(store, txn).await);
        }
    }
    answers
}

/// Commits one transaction. Where the store does not tell whether it wrote, it is looked up.
async fn commit(store: &dyn Store, txn: Txn) -> Result<store::Revision, StoreError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match store.commit(txn.clone()).await {
            Err(StoreError::Unclear { .. }) if tries < TRIES => {
                if let Some(revision) = written(store, &txn).await? {
                    return Ok(revision);
                }
            }
            Err(StoreError::Conflict { key }) if tries > 1 => {
                // The conflict may be with this very transaction, written by an earlier try.
                return written(store, &txn)
                    .await?
                    .ok_or(StoreError::Conflict { key });
            }
            answer => return answer,
        }
    }
}

/// The revision in which the transaction's values were written, if all of them are there.
async fn written(store: &dyn Store, txn: &Txn) -> Result<Option<store::Revision>, StoreError> {
    let mut latest = None;
    for write in &txn.writes {
        if let Write::Put(key, value) = write {
            match store.get(key).await? {
                Some(entry) if entry.value == *value => latest = latest.max(Some(entry.modified)),
                _ => return Ok(None),
            }
        }
    }
    Ok(latest)
}

fn merge(batch: &[Txn]) -> Txn {
    Txn {
        compares: batch
            .iter()
            .flat_map(|txn| txn.compares.iter().cloned())
            .collect(),
        writes: batch
            .iter()
            .flat_map(|txn| txn.writes.iter().cloned())
            .collect(),
    }
}

/// Cuts transactions into batches that a store takes as one.
fn batches(txns: Vec<Txn>, max_operations: usize) -> Vec<Vec<Txn>> {
    let mut batches: Vec<Vec<Txn>> = Vec::new();
    let (mut operations, mut bytes) = (0, 0);
    for txn in txns {
        let more_operations = txn.compares.len() + txn.writes.len();
        let more_bytes: usize = txn.writes.iter().map(size).sum();
        match batches.last_mut() {
            Some(batch)
                if operations + more_operations <= max_operations
                    && bytes + more_bytes <= MAX_BYTES =>
            {
                operations += more_operations;
                bytes += more_bytes;
                batch.push(txn);
            }
            _ => {
                (operations, bytes) = (more_operations, more_bytes);
                batches.push(vec![txn]);
            }
        }
    }
    batches
}

fn size(write: &Write) -> usize {
    match write {
        Write::Put(key, value) => key.len() + value.len(),
        Write::Delete(key) | Write::DeletePrefix(key) => key.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_within_the_limits() {
        let txn = |bytes: usize| Txn {
            compares: vec![Compare::Absent("k".to_owned())],
            writes: vec![Write::Put("k".to_owned(), vec![0; bytes].into())],
        };
        let sizes =
            |txns: Vec<Txn>, max| batches(txns, max).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec![txn(1); 5], 4), [2, 2, 1]);
        assert_eq!(sizes(vec![txn(600_000); 3], 128), [1, 1, 1]);
        assert_eq!(
            sizes(vec![txn(10); 3], 1),
            [1, 1, 1],
            "one that is too large goes alone"
        );
        assert!(sizes(Vec::new(), 4).is_empty());
    }
}
