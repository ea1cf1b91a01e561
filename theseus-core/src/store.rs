//! Where Theseus keeps its own records: the [`Store`] trait and the plain data that crosses it.
//!
//! A store is an ordered map from string keys to bytes. Every change raises one counter, the
//! store's [`Revision`]; each entry remembers the revision that wrote it last. That is enough to
//! write records by compare-and-commit, to follow changes without losing any, and to fence off a
//! writer whose lock has passed to somebody else.
//!
//! One contract suite, `theseus_store::contract`, says what every implementation owes.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

/// A point in a store's history: rises with every commit, never falls. The first commit is not
/// necessarily number 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

/// One key, its value, and the revision that wrote it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key, without any prefix that the store was opened with.
    pub key: String,
    /// The value, opaque to the store.
    pub value: Bytes,
    /// The revision of the commit that last wrote this key.
    pub modified: Revision,
}

/// Which part of a listing is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Only keys that sort after this one.
    pub after: Option<String>,
    /// Only keys that sort before this one.
    pub before: Option<String>,
    /// At most this many entries; at least 1.
    pub limit: usize,
}

impl Page {
    /// The first page, of at most `limit` entries.
    pub fn first(limit: usize) -> Self {
        Self {
            after: None,
            before: None,
            limit,
        }
    }

    /// What follows in the same listing after this page, which ended with this key.
    #[must_use]
    pub fn following(self, last: &str) -> Self {
        Self {
            after: Some(last.to_owned()),
            ..self
        }
    }
}

/// One page of a listing, in key order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The entries of this page.
    pub entries: Vec<Entry>,
    /// The store's revision when the page was read. A watch from the revision of the *first* page
    /// tells all that changed while further pages were read.
    pub revision: Revision,
    /// What to ask for to get the next page; `None` on the last.
    pub next: Option<Page>,
}

/// A condition of a [`Txn`]. All of them hold, or nothing is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// The key does not exist.
    Absent(String),
    /// The key exists and was last written by this revision.
    Unchanged(String, Revision),
}

impl Compare {
    /// The key that the condition is about.
    pub fn key(&self) -> &str {
        match self {
            Self::Absent(key) | Self::Unchanged(key, _) => key,
        }
    }
}

/// One write of a [`Txn`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets the key.
    Put(String, Bytes),
    /// Removes the key; not an error when it does not exist.
    Delete(String),
    /// Removes every key that begins with this prefix.
    DeletePrefix(String),
}

/// Writes that happen together or not at all. No key is written twice in one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Txn {
    /// What must hold.
    pub compares: Vec<Compare>,
    /// What is then written.
    pub writes: Vec<Write>,
}

/// Something that a watch saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// A key was set.
    Put(Entry),
    /// A key was removed, by a delete or because its lease ended.
    Deleted {
        /// The key that is gone.
        key: String,
        /// The revision in which it went.
        revision: Revision,
    },
}

impl Watched {
    /// The revision of the commit that the change belongs to.
    pub fn revision(&self) -> Revision {
        match self {
            Self::Put(entry) => entry.modified,
            Self::Deleted { revision, .. } => *revision,
        }
    }
}

/// A lock that is held until it is released, or until nobody renewed it for its time to live.
///
/// The lock is an ordinary entry of the store, so that every write made under it can compare it:
/// see [`Lease::fence`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The key of the lock.
    pub key: String,
    /// The revision that wrote the lock's entry.
    pub acquired: Revision,
    /// How long the lock outlives its last renewal.
    pub ttl: Duration,
    /// The store's own handle on the lease.
    pub token: i64,
}

impl Lease {
    /// The condition that makes a transaction fail once the lock has passed to somebody else.
    pub fn fence(&self) -> Compare {
        Compare::Unchanged(self.key.clone(), self.acquired)
    }
}

/// What a store answers when it does not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Nobody answers at the store's address. Nothing was done.
    #[error("cannot reach the store at {address}")]
    Unreachable {
        /// Where it was looked for: endpoints or a file.
        address: String,
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store refused who we are.
    #[error("the store at {address} refuses these credentials")]
    Denied {
        /// Where it was asked.
        address: String,
        /// What it said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A compare did not hold; nothing was written.
    #[error("{key} was changed by somebody else")]
    Conflict {
        /// The first key whose compare failed.
        key: String,
    },
    /// Somebody else holds the lock.
    #[error("the lock {key} is held by somebody else")]
    Held {
        /// The lock's key.
        key: String,
        /// The value that the holder wrote into it.
        holder: Bytes,
    },
    /// The lease has ended; whatever was done under it can no longer be committed.
    #[error("the lock {key} was lost")]
    LeaseLost {
        /// The lock's key.
        key: String,
    },
    /// A watch was asked from a revision that the store no longer remembers: list again.
    #[error("the store no longer remembers its revision {}", .from.0)]
    Compacted {
        /// The revision that was asked for.
        from: Revision,
    },
    /// Whether a write happened is not known: look before writing again.
    #[error("the store at {address} did not say whether it wrote")]
    Unclear {
        /// Where it was asked.
        address: String,
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store answered with an error of its own.
    #[error("the store at {address} failed")]
    Failed {
        /// Where it was asked.
        address: String,
        /// What it said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Ordered keys to bytes, with revisions. Keys are non-empty strings without NUL.
#[async_trait]
pub trait Store: Send + Sync {
    /// How many compares and writes one transaction may hold, together.
    fn max_txn_operations(&self) -> usize;

    /// How the store is called in messages: its endpoints or its file. Never holds a secret.
    fn address(&self) -> String;

    /// One entry.
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError>;

    /// The entries whose keys begin with `prefix`, in key order, a page at a time.
    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, StoreError>;

    /// Writes all, or nothing when a compare fails ([`StoreError::Conflict`]).
    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError>;

    /// Every change to keys that begin with `prefix`, *after* revision `after`, in order, each
    /// once. The stream ends with an error; whoever wants to go on watches again from the last
    /// revision seen, or lists again after [`StoreError::Compacted`].
    async fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<BoxStream<'static, Result<Watched, StoreError>>, StoreError>;

    /// Takes the lock `key`, writing `holder` into it, or fails at once with
    /// [`StoreError::Held`]. It ends by itself `ttl` (at least a second) after the last renewal.
    async fn lock(&self, key: &str, holder: Bytes, ttl: Duration) -> Result<Lease, StoreError>;

    /// Makes the lease last another `ttl` from now, or says that it is lost.
    async fn renew(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Gives the lock up. Not an error when it was lost already.
    async fn release(&self, lease: Lease) -> Result<(), StoreError>;
}

/// Reads all entries below a prefix. The revision is the first page's.
pub async fn list_all(
    store: &dyn Store,
    prefix: &str,
) -> Result<(Vec<Entry>, Revision), StoreError> {
    const PAGE: usize = 1000;
    let mut entries = Vec::new();
    let revision = each_page(store, prefix, PAGE, |mut page| {
        entries.append(&mut page);
        Ok::<_, StoreError>(())
    });
    let revision = revision.await?;
    Ok((entries, revision))
}

/// Works on all entries below a prefix, page by page, in key order. While one page is worked on, the
/// next is on its way. The revision is the first page's.
pub async fn each_page<E: From<StoreError>>(
    store: &dyn Store,
    prefix: &str,
    limit: usize,
    work: impl FnMut(Vec<Entry>) -> Result<(), E>,
) -> Result<Revision, E> {
    let listing = store.list(prefix, Page::first(limit)).await?;
    let revision = listing.revision;
    each_page_from(store, prefix, listing, work).await?;
    Ok(revision)
}

/// The same from a page on that is there already.
pub(crate) async fn each_page_from<E: From<StoreError>>(
    store: &dyn Store,
    prefix: &str,
    mut listing: Listing,
    mut work: impl FnMut(Vec<Entry>) -> Result<(), E>,
) -> Result<(), E> {
    while let Some(page) = listing.next {
        let entries = listing.entries;
        // The first of the two is begun first: what is next is asked for before the work begins.
        let (next, worked) = tokio::join!(store.list(prefix, page), async { work(entries) });
        worked?;
        listing = next?;
    }
    work(listing.entries)
}
