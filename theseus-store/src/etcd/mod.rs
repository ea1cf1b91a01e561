//! Records in an etcd cluster, through its v3 API.
//!
//! Every call is tried again, for a few seconds at most, because the client library does not route
//! around a dead node by itself. What is safe to try again is decided in `calls`; how an unclear
//! commit is cleared up, in `commits`.
//!
//! All keys lie below the configured prefix. One key there is the store's own, `<prefix>/` followed
//! by a NUL character and `commit`; no listing or watch shows it.

mod calls;
mod commits;
mod config;
mod leases;
mod namespace;
mod watches;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use etcd_client::{Client, GetOptions, GetResponse, KvClient, ResponseHeader, TxnResponse};
use futures_util::stream::BoxStream;
use theseus_core::store::{Entry, Lease, Listing, Page, Revision, Store, StoreError, Txn, Watched};

use self::calls::{Attempts, Effect, Fault, Request};
pub use self::config::{EtcdConfig, Identity, Login, Secret, Tls};
use self::namespace::Namespace;
use crate::keys::{self, KeyRange};

/// The largest answer that is read. Requests of 1.5 MB are the most that etcd takes, so that a
/// page of one entry always fits; longer pages are halved until they do.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// etcd takes 128 operations in each part of a transaction; the store adds one of its own.
const MAX_TXN_OPERATIONS: usize = 127;

/// A store in an etcd cluster. Clones share their connections.
#[derive(Clone)]
pub struct EtcdStore {
    client: Client,
    kv: KvClient,
    namespace: Namespace,
    address: Arc<str>,
    /// The last revision that any answer told.
    seen: Arc<AtomicU64>,
}

impl EtcdStore {
    /// Connects, logs in and reads one key, so that a wrong address, password or certificate is
    /// known at once.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] when no endpoint answers within four seconds,
    /// [`StoreError::Denied`] when the credentials are refused or may not read below the prefix,
    /// [`StoreError::Failed`] when the configuration makes no sense.
    pub async fn connect(config: EtcdConfig) -> Result<Self, StoreError> {
        let address = config.address();
        config.check().map_err(|bad| StoreError::Failed {
            address: address.clone(),
            source: Box::new(bad),
        })?;
        let namespace = Namespace::new(&config.prefix);
        let options = config.options();
        let connect = || -> Request<_> {
            let (endpoints, options) = (config.endpoints.clone(), options.clone());
            let mark = namespace.mark();
            Box::pin(async move {
                let client = Client::connect(endpoints, Some(options)).await?;
                let found = client.kv_client().get(mark, None).await?;
                Ok((client, found))
            })
        };
        let (client, found) = Attempts::start()
            .retry(Effect::Read, connect)
            .await
            .map_err(|failed| failed.at(&address))?;
        let store = Self {
            kv: client.kv_client().max_decoding_message_size(LARGEST_ANSWER),
            client,
            namespace,
            address: address.into(),
            seen: Arc::default(),
        };
        store.revision(found.header());
        Ok(store)
    }

    /// Makes a call as often as is needed and safe.
    async fn call<T>(
        &self,
        effect: Effect,
        request: impl Fn() -> Request<T>,
    ) -> Result<T, StoreError> {
        Attempts::start()
            .retry(effect, request)
            .await
            .map_err(|failed| failed.at(&self.address))
    }

    fn send_get(&self, key: String, options: GetOptions) -> Request<GetResponse> {
        let mut kv = self.kv.clone();
        Box::pin(async move { kv.get(key, Some(options)).await })
    }

    fn send_txn(&self, txn: etcd_client::Txn) -> Request<TxnResponse> {
        let mut kv = self.kv.clone();
        Box::pin(async move { kv.txn(txn).await })
    }

    /// The revision in an answer, which is remembered.
    fn revision(&self, header: Option<&ResponseHeader>) -> Revision {
        let revision = header.map_or(Revision(0), |header| namespace::revision(header.revision()));
        self.seen.fetch_max(revision.0, Ordering::Relaxed);
        revision
    }

    /// Reads one page, or less of it when the whole would be too large an answer.
    async fn page(&self, range: &KeyRange, mut page: Page) -> Result<Listing, StoreError> {
        let (from, to) = self.namespace.range(range);
        let mut attempts = Attempts::start();
        page.limit = page.limit.max(1);
        loop {
            let wanted = i64::try_from(page.limit).unwrap_or(i64::MAX);
            let options = GetOptions::new().with_range(to.clone()).with_limit(wanted);
            match attempts.run(self.send_get(from.clone(), options)).await {
                Ok(answer) => return self.listing(answer, page),
                Err(fault) if fault.is_too_large() && page.limit > 1 => page.limit /= 2,
                Err(fault) => {
                    let retried = attempts.again(Effect::Read, fault).await;
                    retried.map_err(|failed| failed.at(&self.address))?;
                }
            }
        }
    }

    fn listing(&self, mut answer: GetResponse, page: Page) -> Result<Listing, StoreError> {
        let revision = self.revision(answer.header());
        let found = answer.take_kvs().into_iter();
        let entries: Result<Vec<Entry>, _> =
            found.map(|found| self.namespace.entry(found)).collect();
        let entries = entries.map_err(|bad| Fault::refused(bad).at(&self.address))?;
        let last = entries.last().filter(|_| answer.more());
        let next = last.map(|last| page.following(&last.key));
        Ok(Listing {
            entries,
            revision,
            next,
        })
    }

    fn check_key(&self, key: &str) -> Result<(), StoreError> {
        keys::check(key).map_err(|bad| Fault::refused(bad).at(&self.address))
    }
}

impl fmt::Debug for EtcdStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdStore")
            .field("address", &self.address)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for EtcdStore {
    fn max_txn_operations(&self) -> usize {
        MAX_TXN_OPERATIONS
    }

    fn address(&self) -> String {
        self.address.to_string()
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.check_key(key)?;
        let listing = self.page(&KeyRange::only(key), Page::first(1)).await?;
        Ok(listing.entries.into_iter().next())
    }

    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, StoreError> {
        self.page(&KeyRange::below(prefix).part(&page), page).await
    }

    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        commits::commit(self, txn).await
    }

    async fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<BoxStream<'static, Result<Watched, StoreError>>, StoreError> {
        watches::follow(self, &KeyRange::below(prefix), after).await
    }

    async fn lock(&self, key: &str, holder: Bytes, ttl: Duration) -> Result<Lease, StoreError> {
        self.check_key(key)?;
        leases::lock(self, key, holder, ttl).await
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        leases::renew(self, lease).await
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        leases::release(self, &lease).await
    }
}
