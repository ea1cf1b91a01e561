//! Cutting writes into transactions, each on condition that the registrar still leads.

use crate::engine::commit::{MAX_BYTES, size};
use crate::store::{Compare, Txn, Write};

/// The transactions that carry these writes, in as few as a store takes with so many operations
/// each. What is put comes first; whatever is removed is in transactions of its own, behind them.
pub(crate) fn batches(writes: Vec<Write>, max_operations: usize, fence: &Compare) -> Batches {
    let (puts, removals): (Vec<_>, Vec<_>) = writes
        .into_iter()
        .partition(|write| matches!(write, Write::Put(..)));
    Batches {
        puts: cut(puts, max_operations, fence),
        removals: cut(removals, max_operations, fence),
    }
}

/// Transactions of which all of one kind may be committed at the same time: no key is in two of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batches {
    /// What comes.
    pub(crate) puts: Vec<Txn>,
    /// What goes, once that is there.
    pub(crate) removals: Vec<Txn>,
}

fn cut(writes: Vec<Write>, max_operations: usize, fence: &Compare) -> Vec<Txn> {
    let mut txns: Vec<Txn> = Vec::new();
    let mut bytes = 0;
    for write in writes {
        let more = size(&write);
        match txns.last_mut() {
            // The fence is an operation, too.
            Some(txn) if txn.writes.len() + 1 < max_operations && bytes + more <= MAX_BYTES => {
                bytes += more;
                txn.writes.push(write);
            }
            _ => {
                bytes = more;
                txns.push(Txn {
                    compares: vec![fence.clone()],
                    writes: vec![write],
                });
            }
        }
    }
    txns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Revision;

    #[test]
    fn no_batch_is_too_large_and_each_is_fenced() {
        let fence = Compare::Unchanged("lock".to_owned(), Revision(1));
        let put = |n: usize, bytes| Write::Put(format!("k{n}"), vec![0; bytes].into());
        let mut writes: Vec<Write> = (0..7).map(|n| put(n, 1)).collect();
        writes.insert(2, Write::Delete("gone".to_owned()));
        let made = batches(writes, 4, &fence);
        let sizes = |txns: &[Txn]| txns.iter().map(|txn| txn.writes.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&made.puts), [3, 3, 1]);
        assert_eq!(sizes(&made.removals), [1]);
        assert!(
            made.puts
                .iter()
                .chain(&made.removals)
                .all(|txn| txn.compares == [fence.clone()])
        );
        let made = batches((0..3).map(|n| put(n, 600_000)).collect(), 128, &fence);
        assert_eq!(sizes(&made.puts), [1, 1, 1]);
        assert_eq!(batches(Vec::new(), 128, &fence).puts, []);
    }
}
