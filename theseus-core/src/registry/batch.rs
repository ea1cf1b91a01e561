//! Cutting writes into transactions, each on condition that the registrar still leads.

use crate::engine::commit::{MAX_BYTES, size};
use crate::store::{Compare, Txn, Write};

/// The transactions that carry these writes, in as few as a store takes with so many operations
/// each. Writes that stand together are in one transaction, unless they are too many for any. The
/// transactions may be committed at the same time, as no key is in two of them.
pub(crate) fn batches(
    together: impl IntoIterator<Item = Vec<Write>>,
    max_operations: usize,
    fence: &Compare,
) -> Vec<Txn> {
    // The fence is an operation, too.
    let fits = |writes: usize, bytes: usize| writes < max_operations && bytes <= MAX_BYTES;
    let mut txns: Vec<Txn> = Vec::new();
    let mut bytes = 0;
    let mut put = |writes: Vec<Write>| {
        let more = size_of(&writes);
        match txns.last_mut() {
            Some(txn) if fits(txn.writes.len() + writes.len(), bytes + more) => {
                bytes += more;
                txn.writes.extend(writes);
            }
            _ => {
                bytes = more;
                txns.push(Txn {
                    compares: vec![fence.clone()],
                    writes,
                });
            }
        }
    };
    for writes in together.into_iter().filter(|writes| !writes.is_empty()) {
        if fits(writes.len(), size_of(&writes)) {
            put(writes);
        } else {
            for write in writes {
                put(vec![write]);
            }
        }
    }
    txns
}

fn size_of(writes: &[Write]) -> usize {
    writes.iter().map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Revision;

    #[test]
    fn no_batch_is_too_large_and_each_is_fenced() {
        let fence = Compare::Unchanged("lock".to_owned(), Revision(1));
        let put = |n: usize, bytes| vec![Write::Put(format!("k{n}"), vec![0; bytes].into())];
        let sizes = |txns: &[Txn]| txns.iter().map(|txn| txn.writes.len()).collect::<Vec<_>>();
        let made = batches((0..7).map(|n| put(n, 1)), 4, &fence);
        assert_eq!(sizes(&made), [3, 3, 1]);
        assert!(made.iter().all(|txn| txn.compares == [fence.clone()]));
        let made = batches((0..3).map(|n| put(n, 600_000)), 128, &fence);
        assert_eq!(sizes(&made), [1, 1, 1]);
        assert_eq!(batches([], 128, &fence), []);
    }

    #[test]
    fn what_stands_together_stays_together_where_it_can() {
        let fence = Compare::Unchanged("lock".to_owned(), Revision(1));
        let delete = |key| Write::Delete(format!("k{key}"));
        let sizes_of = |together: &[usize]| {
            let together = together
                .iter()
                .map(|count| (0..*count).map(delete).collect());
            let made = batches(together, 4, &fence);
            made.iter().map(|txn| txn.writes.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes_of(&[2, 2, 1, 3]), [2, 3, 3]);
        assert_eq!(sizes_of(&[5]), [3, 2], "they are too many");
        assert_eq!(sizes_of(&[0]), [0; 0]);
    }
}
