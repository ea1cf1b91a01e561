//! What every [`Store`] owes: one function for each property, which panics where it does not hold.
//!
//! An implementer writes a [`Fixture`] and lets [`contract_tests!`](crate::contract_tests) make a
//! test of each property:
//!
//! ```
//! use std::sync::Arc;
//!
//! use theseus_core::store::Store;
//! use theseus_store::MemoryStore;
//! use theseus_store::contract::Fixture;
//!
//! struct InMemory(MemoryStore);
//!
//! #[async_trait::async_trait]
//! impl Fixture for InMemory {
//!     async fn open(&self) -> Arc<dyn Store> {
//!         Arc::new(self.0.clone())
//!     }
//! }
//!
//! mod contract {
//!     # use super::InMemory;
//!     # use theseus_store::MemoryStore;
//!     theseus_store::contract_tests! {
//!         #[tokio::test(start_paused = true)]
//!         on InMemory(MemoryStore::new())
//!     }
//! }
//! # fn main() {}
//! ```

#![expect(
    clippy::missing_panics_doc,
    reason = "a property that does not hold panics"
)]

mod commits;
mod entries;
mod locks;
mod watches;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use theseus_core::store::{Entry, Revision, Store, StoreError, Txn, Watched, Write};
use tokio::time::timeout;

pub use self::commits::*;
pub use self::entries::*;
pub use self::locks::*;
pub use self::watches::*;

/// Records of their own, empty at first, on which a property is tried.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// One more handle on these records, as another process would have it.
    async fn open(&self) -> Arc<dyn Store>;
}

/// Makes a test of each property of the [contract](crate::contract), with these attributes, on a
/// fixture that the expression makes anew for each. The expression may await.
#[macro_export]
macro_rules! contract_tests {
    ($(#[$attribute:meta])+ on $fixture:expr) => {
        $crate::contract_tests! { @each [$(#[$attribute])+] [$fixture]
            a_missing_key_reads_as_nothing
            what_was_put_is_read_back
            a_delete_removes_one_key
            a_prefix_delete_removes_all_below_and_nothing_else
            a_listing_is_in_order_and_below_its_prefix
            pages_together_are_the_whole_listing
            a_listing_ends_where_it_was_told_to
            revisions_rise
            compares_guard_a_commit
            a_conflict_names_the_key_and_writes_nothing
            the_largest_transaction_is_taken_and_a_larger_one_refused
            malformed_transactions_are_refused
            racing_writers_lose_no_update
            a_watch_tells_the_past_and_goes_on
            a_watch_sees_only_its_prefix
            a_commit_is_watched_whole
            a_watch_goes_on_where_another_stopped
            a_watch_keeps_up_with_racing_writers
            a_held_lock_is_refused_with_its_holder
            a_lock_is_an_entry_like_any_other
            a_lock_ends_by_itself_and_watches_are_told
            a_renewed_lock_outlives_its_time
            a_lost_lease_renews_and_commits_nothing
            a_released_lock_is_free_at_once
            a_lease_that_was_lost_releases_nothing
        }
    };
    (@each $attributes:tt $fixture:tt $($property:ident)+) => {
        $($crate::contract_tests! { @one $attributes $fixture $property })+
    };
    (@one [$($attributes:tt)+] [$fixture:expr] $property:ident) => {
        $($attributes)+
        async fn $property() {
            $crate::contract::$property(&$fixture).await;
        }
    };
}

/// Long enough for anything that is going to happen at all.
const PATIENCE: Duration = Duration::from_secs(20);

fn put(key: &str, value: impl Into<Bytes>) -> Write {
    Write::Put(key.to_owned(), value.into())
}

fn delete(key: &str) -> Write {
    Write::Delete(key.to_owned())
}

fn delete_prefix(prefix: &str) -> Write {
    Write::DeletePrefix(prefix.to_owned())
}

/// Commits without compares.
async fn write(store: &dyn Store, writes: impl Into<Vec<Write>>) -> Revision {
    let txn = Txn {
        compares: vec![],
        writes: writes.into(),
    };
    store
        .commit(txn)
        .await
        .expect("a commit without compares succeeds")
}

async fn get(store: &dyn Store, key: &str) -> Option<Entry> {
    store.get(key).await.expect("a key is read")
}

/// The keys of a whole listing.
async fn keys(store: &dyn Store, prefix: &str) -> Vec<String> {
    let (entries, _) = theseus_core::store::list_all(store, prefix)
        .await
        .expect("a listing is read");
    entries.into_iter().map(|entry| entry.key).collect()
}

/// A revision from which a watch tells everything that follows.
async fn now(store: &dyn Store) -> Revision {
    let page = theseus_core::store::Page::first(1);
    store
        .list("", page)
        .await
        .expect("a listing is read")
        .revision
}

/// A watch, with what it has told.
struct Watching(BoxStream<'static, Result<Watched, StoreError>>);

impl Watching {
    async fn on(store: &dyn Store, prefix: &str, after: Revision) -> Self {
        Self(store.watch(prefix, after).await.expect("a watch starts"))
    }

    async fn next(&mut self) -> Watched {
        let next = timeout(PATIENCE, self.0.next())
            .await
            .expect("a watch tells of changes");
        next.expect("a watch does not end")
            .expect("a watch goes on")
    }

    /// The next changes, as many as these, are these.
    async fn expect(&mut self, expected: &[Watched]) {
        for change in expected {
            assert_eq!(self.next().await, *change);
        }
    }
}

fn was_put(key: &str, value: &str, revision: Revision) -> Watched {
    let (key, value) = (key.to_owned(), Bytes::copy_from_slice(value.as_bytes()));
    Watched::Put(Entry {
        key,
        value,
        modified: revision,
    })
}

fn was_deleted(key: &str, revision: Revision) -> Watched {
    Watched::Deleted {
        key: key.to_owned(),
        revision,
    }
}

/// Raises a counter that others raise too, as often as it takes to get through.
async fn increment(store: &dyn Store, key: &str) {
    use theseus_core::store::Compare;
    loop {
        let found = get(store, key).await;
        let (compare, count) = match &found {
            None => (Compare::Absent(key.to_owned()), 0),
            Some(entry) => (
                Compare::Unchanged(key.to_owned(), entry.modified),
                count(entry),
            ),
        };
        let writes = vec![put(key, (count + 1).to_string())];
        match store
            .commit(Txn {
                compares: vec![compare],
                writes,
            })
            .await
        {
            Ok(_) => return,
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => panic!("a commit fails only by a conflict: {error:?}"),
        }
    }
}

fn count(entry: &Entry) -> u64 {
    let text = std::str::from_utf8(&entry.value).expect("a counter is text");
    text.parse().expect("a counter is a number")
}

/// What is there after these changes.
fn replay(changes: impl IntoIterator<Item = Watched>) -> BTreeMap<String, Entry> {
    let mut entries = BTreeMap::new();
    for change in changes {
        match change {
            Watched::Put(entry) => entries.insert(entry.key.clone(), entry),
            Watched::Deleted { key, .. } => entries.remove(&key),
        };
    }
    entries
}
