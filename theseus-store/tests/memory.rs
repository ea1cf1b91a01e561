//! The contract, kept by the store in memory on a paused clock, and what is its own.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::join;
use theseus_core::store::{Revision, Store, StoreError, Txn, Write};
use theseus_store::MemoryStore;
use theseus_store::contract::Fixture;

struct InMemory(MemoryStore);

#[async_trait]
impl Fixture for InMemory {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }
}

mod contract {
    use theseus_store::MemoryStore;

    use super::InMemory;

    theseus_store::contract_tests! {
        #[tokio::test(start_paused = true)]
        on InMemory(MemoryStore::new())
    }
}

async fn put(store: &dyn Store, keys: impl IntoIterator<Item = String>) -> Revision {
    let writes = keys
        .into_iter()
        .map(|key| Write::Put(key, Bytes::new()))
        .collect();
    store
        .commit(Txn {
            compares: vec![],
            writes,
        })
        .await
        .expect("a commit succeeds")
}

#[tokio::test]
async fn a_watch_from_a_forgotten_revision_is_told_to_list_again() {
    let store = MemoryStore::new();
    let first = put(&store, ["a".to_owned()]).await;
    let mut follower = store.watch("a", first).await.expect("a watch starts");
    let write_much = async {
        for _ in 0..10 {
            put(&store, (0..1000).map(|n| format!("k/{n}"))).await;
            // Lets the follower look.
            tokio::task::yield_now().await;
        }
        put(&store, ["a".to_owned()]).await
    };
    let (told, last) = join(follower.next(), write_much).await;
    let told = told
        .expect("a watch goes on")
        .expect("a watch that follows forgets nothing");
    assert_eq!(told.revision(), last);

    let mut late = store.watch("a", Revision(0)).await.expect("a watch starts");
    let forgotten = late.next().await;
    assert!(matches!(
        forgotten,
        Some(Err(StoreError::Compacted { from: Revision(0) }))
    ));
    assert!(late.next().await.is_none(), "an error ends the stream");
}

#[tokio::test]
async fn what_is_stored_is_not_shown() {
    let store = MemoryStore::new();
    let writes = vec![Write::Put("a".to_owned(), Bytes::from_static(b"hunter2"))];
    store
        .commit(Txn {
            compares: vec![],
            writes,
        })
        .await
        .expect("a commit succeeds");
    assert_eq!(
        format!("{store:?}"),
        "MemoryStore { revision: Revision(1), .. }"
    );
}
