//! A store whose writes fail as they are told to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use theseus_core::registry::REGISTRAR_LOCK;
use theseus_core::store::{Entry, Lease, Listing, Page, Revision, Store, StoreError, Txn, Watched};
use theseus_store::MemoryStore;

/// A store whose writes fail as they are told to, and which remembers what it was asked.
pub(crate) struct Troubled {
    pub(crate) inner: MemoryStore,
    /// What becomes of the commit of this number.
    pub(crate) fate: Box<dyn Fn(usize) -> Wrong + Send + Sync>,
    /// After how much every watch of it ends.
    pub(crate) watched: usize,
    pub(crate) commits: AtomicUsize,
    /// What was asked for of lists, and how much was told.
    pub(crate) lists: Mutex<Vec<(Page, usize)>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Wrong {
    Nothing,
    /// It is not reached.
    Away,
    /// It is not heard of again, and was not carried out.
    Lost,
    /// It is not heard of again, and was carried out.
    Unheard,
    /// The process ends there: nothing comes after it.
    Dead,
    /// The lock has passed to somebody else.
    Fenced,
}

impl Troubled {
    pub(crate) fn new(
        inner: &MemoryStore,
        fate: impl Fn(usize) -> Wrong + Send + Sync + 'static,
    ) -> Self {
        Self {
            inner: inner.clone(),
            fate: Box::new(fate),
            watched: usize::MAX,
            commits: AtomicUsize::new(0),
            lists: Mutex::default(),
        }
    }

    pub(crate) fn unclear(&self) -> StoreError {
        StoreError::Unclear {
            address: self.address(),
            source: "it did not answer".into(),
        }
    }
}

#[async_trait]
impl Store for Troubled {
    fn max_txn_operations(&self) -> usize {
        // Few, so that there are many.
        3
    }

    fn address(&self) -> String {
        "trouble".to_owned()
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.inner.get(key).await
    }

    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, StoreError> {
        let listing = self.inner.list(prefix, page.clone()).await?;
        let told = (page, listing.entries.len());
        self.lists.lock().expect("nobody panics").push(told);
        Ok(listing)
    }

    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        let number = self.commits.fetch_add(1, Ordering::Relaxed);
        match (self.fate)(number) {
            Wrong::Nothing => self.inner.commit(txn).await,
            Wrong::Away => Err(StoreError::Unreachable {
                address: self.address(),
                source: "it is away".into(),
            }),
            Wrong::Lost => Err(self.unclear()),
            Wrong::Unheard => {
                self.inner.commit(txn).await?;
                Err(self.unclear())
            }
            Wrong::Dead => std::future::pending().await,
            Wrong::Fenced => Err(StoreError::Conflict {
                key: REGISTRAR_LOCK.to_owned(),
            }),
        }
    }

    async fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<BoxStream<'static, Result<Watched, StoreError>>, StoreError> {
        let watch = self.inner.watch(prefix, after).await?;
        Ok(watch.take(self.watched).boxed())
    }

    async fn lock(&self, key: &str, holder: Bytes, ttl: Duration) -> Result<Lease, StoreError> {
        self.inner.lock(key, holder, ttl).await
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        self.inner.renew(lease).await
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.inner.release(lease).await
    }
}
