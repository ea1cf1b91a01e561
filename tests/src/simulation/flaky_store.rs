//! A store that one deployer reaches over a network that fails.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, stream};
use theseus_core::store::{Entry, Lease, Listing, Page, Revision, Store, StoreError, Txn, Watched};
use theseus_store::MemoryStore;
use tokio::time::sleep;

use super::weather::{StoreFate, Weather};

/// How long a call takes that nobody answers.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The store as it is reached in this weather.
pub(super) struct FlakyStore {
    pub(super) inner: MemoryStore,
    pub(super) weather: Arc<Weather>,
}

impl FlakyStore {
    /// A call that changes something.
    async fn write<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match self.weather.store_fate() {
            StoreFate::Answered => return call.await,
            StoreFate::Unreachable => return Err(self.unreachable().await),
            StoreFate::Before => {}
            StoreFate::After => drop(call.await),
        }
        sleep(TIMEOUT).await;
        Err(StoreError::Unclear {
            address: self.address(),
            source: "it did not answer".into(),
        })
    }

    /// A call that only asks.
    async fn read<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match self.weather.store_fate() {
            StoreFate::Answered => call.await,
            _ => Err(self.unreachable().await),
        }
    }

    async fn unreachable(&self) -> StoreError {
        sleep(TIMEOUT).await;
        StoreError::Unreachable {
            address: self.address(),
            source: "it was not reached".into(),
        }
    }
}

#[async_trait]
impl Store for FlakyStore {
    fn max_txn_operations(&self) -> usize {
        self.inner.max_txn_operations()
    }

    fn address(&self) -> String {
        self.inner.address()
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.read(self.inner.get(key)).await
    }

    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, StoreError> {
        self.read(self.inner.list(prefix, page)).await
    }

    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        self.write(self.inner.commit(txn)).await
    }

    async fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<BoxStream<'static, Result<Watched, StoreError>>, StoreError> {
        let watch = self.read(self.inner.watch(prefix, after)).await?;
        let rate = self.weather.mix.watch_cut;
        let told = self
            .weather
            .draw(|dice| dice.chance(rate).then(|| dice.below(4)));
        let Some(told) = told.filter(|_| self.weather.is_stormy()) else {
            return Ok(watch);
        };
        let address = self.address();
        let cut = stream::once(async move {
            Err(StoreError::Unreachable {
                address,
                source: "the watch was cut".into(),
            })
        });
        Ok(watch.take(told as usize).chain(cut).boxed())
    }

    async fn lock(&self, key: &str, holder: Bytes, ttl: Duration) -> Result<Lease, StoreError> {
        self.write(self.inner.lock(key, holder, ttl)).await
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        self.write(self.inner.renew(lease)).await
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.write(self.inner.release(lease)).await
    }
}
