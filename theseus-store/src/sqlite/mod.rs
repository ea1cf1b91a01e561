//! Records in an SQLite file that several processes on one machine may use at once.
//!
//! The file is in WAL mode and every commit is synced to disk before it is acknowledged. Writers
//! take turns (`begin immediate`, waiting for each other a few seconds at most); readers wait for
//! nobody. Each store has one connection of either kind. Leases run on the system clock, which
//! all processes share. Not for network file systems: SQLite's locks do not hold there.

mod file;
mod tables;
mod watch;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use theseus_core::store::{Entry, Lease, Listing, Page, Revision, Store, StoreError, Txn, Watched};
use tokio::task::spawn_blocking;

use self::tables::Moment;
use crate::keys::{self, KeyRange};
use crate::{MAX_TXN_OPERATIONS, lease, txn};

/// A store in an SQLite file. Clones share their connections.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    /// Wakes this process's own watches, which would otherwise wait for their next look.
    changed: tokio::sync::watch::Sender<()>,
}

impl SqliteStore {
    /// Opens the store in this file. A missing file is created, readable by its owner alone, with
    /// the directories above it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] when the file cannot be opened; [`StoreError::Failed`] when it
    /// is corrupt, belongs to another program, or was written by a newer version of this one.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let address = path.display().to_string();
        let inner = blocking(&address, move || {
            let writer = Mutex::new(file::open(&path)?);
            let reader = Mutex::new(file::open(&path)?);
            Ok(Inner {
                path,
                writer,
                reader,
                changed: tokio::sync::watch::Sender::new(()),
            })
        })
        .await?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking(&self.address(), move || inner.read(work)).await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, Moment) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking(&self.address(), move || inner.write(work)).await
    }

    fn failed(&self, source: impl std::error::Error + Send + Sync + 'static) -> StoreError {
        StoreError::Failed {
            address: self.address(),
            source: Box::new(source),
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// Reads one consistent state, in which no lease has outlived its time.
    fn read<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let mut reader = lock(&self.reader);
        if tables::has_ended_leases(&reader, Moment::now())? {
            self.write(|_, _| Ok(()))?;
        }
        let transaction = reader.transaction()?;
        Ok(work(&transaction)?)
    }

    /// Writes in one transaction, after removing what has outlived its lease.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>, Moment) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now = Moment::now();
        tables::end_leases(&transaction, now)?;
        let result = work(&transaction, now)?;
        transaction.commit().map_err(Failure::Commit)?;
        self.changed.send_replace(());
        Ok(result)
    }
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Store for SqliteStore {
    fn max_txn_operations(&self) -> usize {
        MAX_TXN_OPERATIONS
    }

    fn address(&self) -> String {
        self.inner.path.display().to_string()
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        keys::check(key).map_err(|bad| self.failed(bad))?;
        let key = key.to_owned();
        self.read(move |transaction| tables::get(transaction, &key))
            .await
    }

    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, StoreError> {
        let prefix = prefix.to_owned();
        self.read(move |transaction| tables::list(transaction, &prefix, page))
            .await
    }

    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        txn::check(&txn, MAX_TXN_OPERATIONS).map_err(|bad| self.failed(bad))?;
        self.write(move |transaction, _| {
            Ok(match tables::conflict(transaction, &txn.compares)? {
                Some(key) => Err(StoreError::Conflict { key }),
                None => Ok(tables::write(transaction, &txn.writes)?),
            })
        })
        .await?
    }

    async fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<BoxStream<'static, Result<Watched, StoreError>>, StoreError> {
        Ok(watch::follow(self.clone(), KeyRange::below(prefix), after))
    }

    async fn lock(&self, key: &str, holder: Bytes, ttl: Duration) -> Result<Lease, StoreError> {
        keys::check(key).map_err(|bad| self.failed(bad))?;
        let (key, ttl) = (key.to_owned(), lease::granted(ttl));
        self.write(move |transaction, now| {
            if let Some(held) = tables::get(transaction, &key)? {
                return Ok(Err(StoreError::Held {
                    key,
                    holder: held.value,
                }));
            }
            let acquired = tables::lock(transaction, &key, &holder, now + ttl)?;
            Ok(Ok(Lease {
                key,
                acquired,
                ttl,
                token: 0,
            }))
        })
        .await?
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        let renewed = lease.clone();
        let held = self
            .write(move |transaction, now| {
                let expires = now + lease::granted(renewed.ttl);
                tables::renew(transaction, &renewed, expires)
            })
            .await?;
        if held {
            Ok(())
        } else {
            Err(StoreError::LeaseLost {
                key: lease.key.clone(),
            })
        }
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.write(move |transaction, _| tables::release(transaction, &lease))
            .await
    }
}

/// What can go wrong between opening the file and the end of a transaction.
#[derive(Debug)]
enum Failure {
    /// The file or its directory cannot be made.
    Io(std::io::Error),
    /// The file is not one of ours.
    Foreign(file::Foreign),
    /// A statement failed; the transaction is undone.
    Statement(rusqlite::Error),
    /// The commit itself failed; the disk knows how far it got.
    Commit(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Statement(error)
    }
}

impl Failure {
    fn at(self, address: String) -> StoreError {
        use ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, PermissionDenied, ReadOnly};
        match self {
            Self::Io(error) => StoreError::Unreachable {
                address,
                source: error.into(),
            },
            Self::Foreign(error) => StoreError::Failed {
                address,
                source: error.into(),
            },
            Self::Statement(error) | Self::Commit(error)
                if matches!(
                    error.sqlite_error_code(),
                    Some(DatabaseBusy | DatabaseLocked | CannotOpen | PermissionDenied | ReadOnly)
                ) =>
            {
                StoreError::Unreachable {
                    address,
                    source: error.into(),
                }
            }
            Self::Statement(error) => StoreError::Failed {
                address,
                source: error.into(),
            },
            Self::Commit(error) => StoreError::Unclear {
                address,
                source: error.into(),
            },
        }
    }
}

/// Runs the work where it may wait for the disk and for other processes.
async fn blocking<T: Send + 'static>(
    address: &str,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, StoreError> {
    match spawn_blocking(work).await {
        Ok(result) => result.map_err(|failure| failure.at(address.to_owned())),
        Err(cut) => Err(StoreError::Unclear {
            address: address.to_owned(),
            source: Box::new(cut),
        }),
    }
}
