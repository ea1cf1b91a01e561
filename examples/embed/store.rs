//! Records in a map: what one process needs of a [`Store`], and an honest no to the rest.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use theseus_core::store::{
    Compare, Entry, Lease, Listing, Page, Revision, Store, StoreError, Txn, Watched, Write,
};
use tokio::sync::Mutex;

type Answer<T> = Result<T, StoreError>;

/// Each key with its value, and the number of the last commit.
pub(crate) struct Map(Mutex<(BTreeMap<String, Entry>, Revision)>);

impl Map {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }
}

#[async_trait]
impl Store for Map {
    fn max_txn_operations(&self) -> usize {
        usize::MAX
    }

    fn address(&self) -> String {
        "a map".to_owned()
    }

    async fn get(&self, key: &str) -> Answer<Option<Entry>> {
        Ok(self.0.lock().await.0.get(key).cloned())
    }

    async fn list(&self, prefix: &str, page: Page) -> Answer<Listing> {
        let (entries, revision) = &*self.0.lock().await;
        let wanted = entries.values().filter(|entry| {
            let key = &entry.key;
            key.starts_with(prefix)
                && page.after.as_ref().is_none_or(|after| key > after)
                && page.before.as_ref().is_none_or(|before| key < before)
        });
        let entries: Vec<Entry> = wanted.take(page.limit).cloned().collect();
        let last = entries.last().filter(|_| entries.len() == page.limit);
        let next = last.map(|last| page.following(&last.key));
        Ok(Listing {
            next,
            entries,
            revision: *revision,
        })
    }

    async fn commit(&self, txn: Txn) -> Answer<Revision> {
        let (entries, revision) = &mut *self.0.lock().await;
        let holds = |compare: &&Compare| match compare {
            Compare::Absent(key) => !entries.contains_key(key),
            Compare::Unchanged(key, at) => entries.get(key).is_some_and(|it| it.modified == *at),
        };
        if let Some(broken) = txn.compares.iter().find(|compare| !holds(compare)) {
            return Err(StoreError::Conflict {
                key: broken.key().to_owned(),
            });
        }
        revision.0 += 1;
        for write in txn.writes {
            match write {
                Write::Put(key, value) => drop(entries.insert(
                    key.clone(),
                    Entry {
                        key,
                        value,
                        modified: *revision,
                    },
                )),
                Write::Delete(key) => drop(entries.remove(&key)),
                Write::DeletePrefix(prefix) => entries.retain(|key, _| !key.starts_with(&prefix)),
            }
        }
        Ok(*revision)
    }

    async fn watch(&self, _: &str, _: Revision) -> Answer<BoxStream<'static, Answer<Watched>>> {
        let (address, source) = ("a map".to_owned(), "nobody watches a map".into());
        Err(StoreError::Failed { address, source })
    }

    async fn lock(&self, key: &str, holder: Bytes, ttl: Duration) -> Answer<Lease> {
        if let Some(held) = self.get(key).await? {
            let (key, holder) = (held.key, held.value);
            return Err(StoreError::Held { key, holder });
        }
        let acquired = self.commit(put(key, holder)).await?;
        Ok(Lease {
            key: key.to_owned(),
            acquired,
            ttl,
            token: 0,
        })
    }

    async fn renew(&self, _: &Lease) -> Answer<()> {
        // Whoever holds a lock here ends together with the map.
        Ok(())
    }

    async fn release(&self, lease: Lease) -> Answer<()> {
        self.0.lock().await.0.remove(&lease.key);
        Ok(())
    }
}

fn put(key: &str, value: Bytes) -> Txn {
    Txn {
        compares: vec![Compare::Absent(key.to_owned())],
        writes: vec![Write::Put(key.to_owned(), value)],
    }
}
