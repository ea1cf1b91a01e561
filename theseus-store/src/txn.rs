//! What a transaction may look like, checked before any store sees it, so that all refuse the same.

use std::collections::BTreeSet;
use std::ops::Bound;

use theseus_core::store::{Txn, Write};

use crate::keys::{self, BadKey};

/// Why a transaction is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadTxn {
    #[error(transparent)]
    Key(#[from] BadKey),
    #[error("{0} is written twice in one transaction")]
    WrittenTwice(String),
    #[error("a transaction of {size} operations is larger than the {max} that the store takes")]
    TooLarge { size: usize, max: usize },
}

/// Says whether the transaction is one that every store with this limit must take.
pub(crate) fn check(txn: &Txn, max: usize) -> Result<(), BadTxn> {
    let size = txn.compares.len() + txn.writes.len();
    if size > max {
        return Err(BadTxn::TooLarge { size, max });
    }
    for compare in &txn.compares {
        keys::check(compare.key())?;
    }
    let mut put = BTreeSet::new();
    for write in &txn.writes {
        match write {
            Write::Put(key, _) => {
                keys::check(key)?;
                if !put.insert(key.as_str()) {
                    return Err(BadTxn::WrittenTwice(key.clone()));
                }
            }
            Write::Delete(key) => keys::check(key)?,
            Write::DeletePrefix(_) => {}
        }
    }
    match txn
        .writes
        .iter()
        .find_map(|write| put_and_deleted(&put, write))
    {
        Some(key) => Err(BadTxn::WrittenTwice(key.to_owned())),
        None => Ok(()),
    }
}

/// A key that is put although this write deletes it.
fn put_and_deleted<'a>(put: &BTreeSet<&'a str>, write: &Write) -> Option<&'a str> {
    match write {
        Write::Put(..) => None,
        Write::Delete(key) => put.get(key.as_str()).copied(),
        Write::DeletePrefix(prefix) => {
            let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
            put.range::<str, _>(from)
                .next()
                .copied()
                .filter(|key| key.starts_with(prefix.as_str()))
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use theseus_core::store::{Compare, Revision};

    use super::*;

    fn put(key: &str) -> Write {
        Write::Put(key.to_owned(), Bytes::new())
    }

    fn delete(key: &str) -> Write {
        Write::Delete(key.to_owned())
    }

    fn delete_prefix(prefix: &str) -> Write {
        Write::DeletePrefix(prefix.to_owned())
    }

    #[test]
    fn transactions_are_refused_for_what_is_wrong_with_them() {
        let twice = |key: &str| Err(BadTxn::WrittenTwice(key.to_owned()));
        for (writes, expected) in [
            (vec![], Ok(())),
            (
                vec![put("a"), put("b"), delete("c"), delete_prefix("d")],
                Ok(()),
            ),
            (vec![delete("a"), delete("a"), delete_prefix("a")], Ok(())),
            (vec![delete_prefix("")], Ok(())),
            (vec![put("a"), delete_prefix("a/")], Ok(())),
            (vec![put("a"), put("a")], twice("a")),
            (vec![delete("a"), put("a")], twice("a")),
            (
                vec![put("0"), put("a/b"), delete_prefix("a/")],
                twice("a/b"),
            ),
            (vec![put("")], Err(BadKey::Empty.into())),
            (vec![delete("")], Err(BadKey::Empty.into())),
            (vec![put("\0")], Err(BadKey::Nul("\0".to_owned()).into())),
            (
                vec![delete("1"); 5],
                Err(BadTxn::TooLarge { size: 5, max: 4 }),
            ),
        ] {
            let txn = Txn {
                compares: vec![],
                writes,
            };
            assert_eq!(check(&txn, 4), expected, "{txn:?}");
        }
    }

    #[test]
    fn compares_count_and_are_checked_too() {
        let compares = vec![Compare::Absent(String::new())];
        let txn = Txn {
            compares,
            writes: vec![],
        };
        assert_eq!(check(&txn, 4), Err(BadKey::Empty.into()));

        let compares = vec![Compare::Unchanged("a".to_owned(), Revision(1)); 3];
        let txn = Txn {
            compares,
            writes: vec![delete("a"), delete("b")],
        };
        assert_eq!(check(&txn, 4), Err(BadTxn::TooLarge { size: 5, max: 4 }));
    }
}
