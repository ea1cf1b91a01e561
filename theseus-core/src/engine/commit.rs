//! Committing many transactions in few, and finding out what became of those whose answer was lost.

use crate::audit::AUDIT;
use crate::records::LOCKS;
use crate::store::{self, Compare, Store, StoreError, Txn, Write};

/// No transaction carries more than so many bytes of keys and values.
pub(crate) const MAX_BYTES: usize = 1_000_000;
/// How often a commit is tried whose outcome the store did not tell.
const TRIES: u32 = 3;

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
            if key.starts_with(AUDIT) {
                // It may have been removed since.
                continue;
            }
            match store.get(key).await? {
                Some(entry) if entry.value == *value => latest = latest.max(Some(entry.modified)),
                _ => return Ok(None),
            }
        }
    }
    Ok(latest)
}

/// One transaction of several; what all of them compare is compared once.
fn merge(batch: &[Txn]) -> Txn {
    let mut compares: Vec<Compare> = Vec::new();
    for compare in batch.iter().flat_map(|txn| &txn.compares) {
        if is_shared(compare) && compares.contains(compare) {
            continue;
        }
        compares.push(compare.clone());
    }
    Txn {
        compares,
        writes: batch
            .iter()
            .flat_map(|txn| txn.writes.iter().cloned())
            .collect(),
    }
}

/// Whether several transactions may compare the same: only locks belong to more than one group.
fn is_shared(compare: &Compare) -> bool {
    compare.key().starts_with(LOCKS)
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

/// How many bytes a write carries.
pub(crate) fn size(write: &Write) -> usize {
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
