//! Records in this process's memory, gone with it.
//!
//! The store runs on tokio's clock and does nothing at random, so tests may pause time and
//! simulations may be repeated from their seed.

mod records;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use theseus_core::store::{Entry, Lease, Listing, Page, Revision, Store, StoreError, Txn, Watched};
use tokio::sync::watch;
use tokio::time::Instant;

use self::records::Records;
use crate::keys::{self, KeyRange};
use crate::{MAX_TXN_OPERATIONS, lease, txn};

/// A store in memory. Clones share their records.
#[derive(Clone, Default)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    records: Mutex<Records>,
    /// The last revision, for watches to wait on.
    changed: watch::Sender<Revision>,
}

impl Shared {
    /// Looks at or changes the records as they are now, and wakes the watches if they changed.
    fn with<T>(&self, work: impl FnOnce(&mut Records, Instant) -> T) -> T {
        let mut records = self.lock();
        let now = Instant::now();
        records.expire(now);
        let result = work(&mut records, now);
        let revision = records.revision();
        drop(records);
        self.changed.send_if_modified(|seen| {
            let rises = *seen < revision;
            *seen = revision.max(*seen);
            rises
        });
        result
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn failed(&self, source: impl std::error::Error + Send + Sync + 'static) -> StoreError {
        StoreError::Failed {
            address: self.address(),
            source: Box::new(source),
        }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("revision", &self.shared.lock().revision())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn max_txn_operations(&self) -> usize {
        MAX_TXN_OPERATIONS
    }

    fn address(&self) -> String {
        "memory".to_owned()
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        keys::check(key).map_err(|bad| self.failed(bad))?;
        Ok(self.shared.with(|records, _| records.get(key)))
    }

    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, StoreError> {
        Ok(self.shared.with(|records, _| records.list(prefix, page)))
    }

    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        txn::check(&txn, MAX_TXN_OPERATIONS).map_err(|bad| self.failed(bad))?;
        self.shared
            .with(|records, _| match records.conflict(&txn.compares) {
                Some(key) => Err(StoreError::Conflict { key }),
                None => Ok(records.write(txn.writes)),
            })
    }

    async fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<BoxStream<'static, Result<Watched, StoreError>>, StoreError> {
        let following = Following {
            shared: self.shared.clone(),
            changed: self.shared.changed.subscribe(),
            range: KeyRange::below(prefix),
            after,
            ready: VecDeque::new(),
        };
        Ok(stream::try_unfold(following, |mut following| async {
            let watched = following.next().await?;
            Ok(Some((watched, following)))
        })
        .boxed())
    }

    async fn lock(&self, key: &str, holder: Bytes, ttl: Duration) -> Result<Lease, StoreError> {
        keys::check(key).map_err(|bad| self.failed(bad))?;
        let ttl = lease::granted(ttl);
        self.shared.with(|records, now| {
            if let Some(held) = records.get(key) {
                return Err(StoreError::Held {
                    key: held.key,
                    holder: held.value,
                });
            }
            let acquired = records.lock(key, holder, now + ttl);
            Ok(Lease {
                key: key.to_owned(),
                acquired,
                ttl,
                token: 0,
            })
        })
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        let ttl = lease::granted(lease.ttl);
        if self
            .shared
            .with(|records, now| records.renew(lease, now + ttl))
        {
            Ok(())
        } else {
            Err(StoreError::LeaseLost {
                key: lease.key.clone(),
            })
        }
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.shared.with(|records, _| records.release(&lease));
        Ok(())
    }
}

/// A watch: where it is, and what it has read but not told yet.
struct Following {
    shared: Arc<Shared>,
    changed: watch::Receiver<Revision>,
    range: KeyRange,
    after: Revision,
    ready: VecDeque<Watched>,
}

impl Following {
    async fn next(&mut self) -> Result<Watched, StoreError> {
        loop {
            if let Some(watched) = self.ready.pop_front() {
                return Ok(watched);
            }
            self.changed.mark_unchanged();
            let next_expiry = self.read()?;
            if self.ready.is_empty() {
                tokio::select! {
                    biased;
                    // The sender lives as long as `shared`.
                    _ = self.changed.changed() => {}
                    () = until(next_expiry) => {}
                }
            }
        }
    }

    /// Reads on to the present; answers when the next lease ends.
    fn read(&mut self) -> Result<Option<Instant>, StoreError> {
        let Self {
            shared,
            range,
            after,
            ready,
            ..
        } = self;
        shared.with(|records, _| {
            ready.extend(records.changes(range, *after)?);
            *after = records.revision().max(*after);
            Ok(records.next_expiry())
        })
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
