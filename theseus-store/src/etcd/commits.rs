//! Commits, and what to do when nobody says whether one happened.
//!
//! Every commit also writes a value of its own into one key, the mark. etcd remembers what a key
//! held at each revision, so the mark's past tells which commits happened, exactly, whatever was
//! written since. That settles the two cases in which an answer was lost:
//!
//! - A commit that compares a key it writes can happen only once, so it is sent again. If it then
//!   conflicts, the mark tells whether that is because the first try was carried out.
//! - Any other commit is not sent again. The mark tells whether it happened; if it has not (yet),
//!   the caller is told that nobody knows.

use std::sync::atomic::Ordering;

use etcd_client::{
    Compare as EtcdCompare, CompareOp, DeleteOptions, GetOptions, Txn as EtcdTxn, TxnOp,
    TxnOpResponse, TxnResponse,
};
use theseus_core::store::{Compare, Revision, StoreError, Txn, Write};
use uuid::Uuid;

use super::calls::{Attempts, Effect, Failed, Fault};
use super::namespace::{self, Namespace};
use super::{EtcdStore, MAX_TXN_OPERATIONS};
use crate::keys::KeyRange;
use crate::txn;

pub(super) async fn commit(store: &EtcdStore, txn: Txn) -> Result<Revision, StoreError> {
    txn::check(&txn, MAX_TXN_OPERATIONS).map_err(|bad| Fault::refused(bad).at(&store.address))?;
    let pending = Pending::new(store, &txn);
    let effect = if txn.writes.is_empty() {
        Effect::Read
    } else {
        Effect::Write
    };
    let mut attempts = Attempts::start();
    loop {
        let fault = match attempts.run(store.send_txn(pending.request.clone())).await {
            Ok(answer) if answer.succeeded() => return Ok(store.revision(answer.header())),
            Ok(answer) => {
                store.revision(answer.header());
                return match pending.earlier_success(&mut attempts).await? {
                    Some(revision) => Ok(revision),
                    None => Err(StoreError::Conflict {
                        key: conflict(&txn.compares, &answer),
                    }),
                };
            }
            Err(fault) => fault,
        };
        if effect == Effect::Write && fault.may_have_been_carried_out() && !happens_once(&txn) {
            return match pending.find_mark(&mut attempts).await {
                Ok(Some(revision)) => Ok(revision),
                Ok(None) | Err(_) => Err(fault.unclear_at(&store.address)),
            };
        }
        attempts
            .again(effect, fault)
            .await
            .map_err(|failed| failed.at(&store.address))?;
    }
}

/// A commit on its way.
struct Pending<'a> {
    store: &'a EtcdStore,
    request: EtcdTxn,
    mark: Uuid,
    /// A revision from before it was sent.
    before: u64,
}

impl<'a> Pending<'a> {
    fn new(store: &'a EtcdStore, txn: &Txn) -> Self {
        let mark = Uuid::new_v4();
        let before = store.seen.load(Ordering::Relaxed);
        Self {
            store,
            request: request(&store.namespace, txn, mark),
            mark,
            before,
        }
    }

    /// Whether a conflict is one with ourselves: an earlier try, not answered, was carried out.
    async fn earlier_success(
        &self,
        attempts: &mut Attempts,
    ) -> Result<Option<Revision>, StoreError> {
        if !attempts.are_unclear() {
            return Ok(None);
        }
        let found = self.find_mark(attempts).await;
        found.map_err(|failed| failed.at(&self.store.address))
    }

    /// Goes back through the mark's past to our own commit, or to where it cannot be. As long as
    /// there is time: others may have committed much since.
    async fn find_mark(&self, attempts: &mut Attempts) -> Result<Option<Revision>, Failed> {
        let mut options = GetOptions::new();
        loop {
            let found = self.read_mark(attempts, options).await?;
            let Some((value, modified)) = found.filter(|(_, at)| *at > Revision(self.before))
            else {
                return Ok(None);
            };
            if value == self.mark.as_bytes() {
                return Ok(Some(modified));
            }
            let earlier = i64::try_from(modified.0 - 1).unwrap_or(i64::MAX);
            options = GetOptions::new().with_revision(earlier);
        }
    }

    /// The mark and the revision that wrote it.
    async fn read_mark(
        &self,
        attempts: &mut Attempts,
        at: GetOptions,
    ) -> Result<Option<(Vec<u8>, Revision)>, Failed> {
        let (store, key) = (self.store, self.store.namespace.mark());
        let read = || store.send_get(key.clone(), at.clone());
        let mut answer = attempts.retry(Effect::Read, read).await?;
        let found = answer.take_kvs().into_iter().next();
        Ok(found.map(|found| {
            let modified = namespace::revision(found.mod_revision());
            (found.into_key_value().1, modified)
        }))
    }
}

/// Whether the transaction breaks a condition of its own, so that a second try finds it broken.
fn happens_once(txn: &Txn) -> bool {
    txn.compares
        .iter()
        .any(|compare| txn.writes.iter().any(|write| breaks(write, compare)))
}

fn breaks(write: &Write, compare: &Compare) -> bool {
    match (compare, write) {
        (compare, Write::Put(key, _)) => compare.key() == key,
        (Compare::Absent(_), Write::Delete(_) | Write::DeletePrefix(_)) => false,
        (Compare::Unchanged(compared, _), Write::Delete(key)) => compared == key,
        (Compare::Unchanged(compared, _), Write::DeletePrefix(prefix)) => {
            compared.starts_with(prefix)
        }
    }
}

/// The transaction as etcd takes it. When a compare fails, all compared keys are read instead.
fn request(namespace: &Namespace, txn: &Txn, mark: Uuid) -> EtcdTxn {
    let compares: Vec<_> = txn
        .compares
        .iter()
        .map(|compare| etcd_compare(namespace, compare))
        .collect();
    let mut writes: Vec<_> = txn
        .writes
        .iter()
        .map(|write| etcd_write(namespace, write))
        .collect();
    if !writes.is_empty() {
        writes.push(TxnOp::put(namespace.mark(), mark.as_bytes(), None));
    }
    let keys_only = GetOptions::new().with_keys_only();
    let reads: Vec<_> = txn
        .compares
        .iter()
        .map(|compare| TxnOp::get(namespace.key(compare.key()), Some(keys_only.clone())))
        .collect();
    EtcdTxn::new()
        .when(compares)
        .and_then(writes)
        .or_else(reads)
}

fn etcd_compare(namespace: &Namespace, compare: &Compare) -> EtcdCompare {
    let key = namespace.key(compare.key());
    match compare {
        Compare::Absent(_) => EtcdCompare::create_revision(key, CompareOp::Equal, 0),
        Compare::Unchanged(_, revision) => {
            // An absent key compares as 0 in etcd, which is no revision of an entry.
            let number = i64::try_from(revision.0).ok().filter(|number| *number > 0);
            EtcdCompare::mod_revision(key, CompareOp::Equal, number.unwrap_or(-1))
        }
    }
}

fn etcd_write(namespace: &Namespace, write: &Write) -> TxnOp {
    match write {
        Write::Put(key, value) => TxnOp::put(namespace.key(key), value.as_ref(), None),
        Write::Delete(key) => TxnOp::delete(namespace.key(key), None),
        Write::DeletePrefix(prefix) => {
            let (from, to) = namespace.range(&KeyRange::below(prefix));
            TxnOp::delete(from, Some(DeleteOptions::new().with_range(to)))
        }
    }
}

/// The first key whose compare failed, from what was read of them all in the same moment.
fn conflict(compares: &[Compare], answer: &TxnResponse) -> String {
    let found = answer.op_responses().into_iter().map(|read| match read {
        TxnOpResponse::Get(found) => found
            .kvs()
            .first()
            .map(|entry| namespace::revision(entry.mod_revision())),
        _ => None,
    });
    let broken = compares
        .iter()
        .zip(found)
        .find(|(compare, modified)| match compare {
            Compare::Absent(_) => modified.is_some(),
            Compare::Unchanged(_, revision) => *modified != Some(*revision),
        });
    broken.map_or_else(String::new, |(compare, _)| compare.key().to_owned())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_transaction_that_breaks_its_own_condition_happens_once() {
        let absent = |key: &str| Compare::Absent(key.to_owned());
        let unchanged = |key: &str| Compare::Unchanged(key.to_owned(), Revision(7));
        let put = |key: &str| Write::Put(key.to_owned(), Bytes::new());
        let delete = |key: &str| Write::Delete(key.to_owned());
        let delete_prefix = |prefix: &str| Write::DeletePrefix(prefix.to_owned());
        for (compares, writes, expected) in [
            (vec![absent("a")], vec![put("a")], true),
            (
                vec![unchanged("lock"), absent("a")],
                vec![put("b"), put("a")],
                true,
            ),
            (vec![unchanged("a")], vec![delete("a")], true),
            (vec![unchanged("a/b")], vec![delete_prefix("a/")], true),
            (
                vec![absent("a")],
                vec![delete("a"), delete_prefix(""), put("b")],
                false,
            ),
            (vec![unchanged("lock")], vec![put("a"), delete("b")], false),
            (vec![], vec![put("a")], false),
        ] {
            let txn = Txn { compares, writes };
            assert_eq!(happens_once(&txn), expected, "{txn:?}");
        }
    }
}
