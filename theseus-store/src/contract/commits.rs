//! Transactions.

use futures_util::future::join_all;
use theseus_core::store::{Compare, Revision, StoreError, Txn, Write};

use super::{Fixture, count, delete, delete_prefix, get, increment, keys, now, put, write};

/// Each commit that writes has a higher revision than all before it, through whatever handle.
pub async fn revisions_rise(fixture: &dyn Fixture) {
    let (store, other) = (fixture.open().await, fixture.open().await);
    let mut last = now(&*store).await;
    for round in 0..5 {
        let handle = if round % 2 == 0 { &store } else { &other };
        let revision = write(&**handle, [put("a", "same")]).await;
        assert!(revision > last);
        assert_eq!(now(&*store).await, revision);
        last = revision;
    }
    let unchanged = write(&*store, []).await;
    assert_eq!(
        unchanged, last,
        "a commit that writes nothing tells where the store is"
    );
}

/// Compares see the state before the writes; when all hold, all writes happen.
pub async fn compares_guard_a_commit(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let compares = vec![absent("a"), absent("b")];
    let first = store
        .commit(Txn {
            compares,
            writes: vec![put("a", "1")],
        })
        .await;
    let first = first.expect("absent keys are absent");

    let compares = vec![unchanged("a", first), absent("b")];
    let writes = vec![delete("a"), put("b", "2")];
    let second = store.commit(Txn { compares, writes }).await;
    assert!(second.expect("an unchanged key is unchanged") > first);
    assert_eq!(keys(&*store, "").await, ["b"]);
}

/// The first compare that fails is named, and none of the writes happen.
pub async fn a_conflict_names_the_key_and_writes_nothing(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let old = write(&*store, [put("a", "1")]).await;
    let new = write(&*store, [put("a", "2"), put("b", "2")]).await;
    for (compares, key) in [
        (vec![absent("a")], "a"),
        (vec![unchanged("a", old)], "a"),
        (vec![unchanged("never", old)], "never"),
        (vec![unchanged("never", Revision(0))], "never"),
        (vec![unchanged("a", Revision(u64::MAX))], "a"),
        (
            vec![unchanged("a", new), absent("c"), absent("b"), absent("a")],
            "b",
        ),
    ] {
        let writes = vec![put("c", "3"), delete("a"), delete_prefix("b")];
        let refused = store
            .commit(Txn {
                compares: compares.clone(),
                writes,
            })
            .await;
        match refused {
            Err(StoreError::Conflict { key: named }) => assert_eq!(named, key),
            other => panic!("{compares:?} conflicts, but the answer is {other:?}"),
        }
    }
    assert_eq!(keys(&*store, "").await, ["a", "b"]);
    assert_eq!(
        get(&*store, "a").await.map(|entry| entry.modified),
        Some(new)
    );

    let only_compares = Txn {
        compares: vec![absent("a")],
        writes: vec![],
    };
    assert!(matches!(
        store.commit(only_compares).await,
        Err(StoreError::Conflict { .. })
    ));
}

/// A transaction may have as many operations as the store says, and no more.
pub async fn the_largest_transaction_is_taken_and_a_larger_one_refused(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let max = store.max_txn_operations();
    assert!(max >= 100, "core relies on a hundred operations");
    let keys_of = |count: usize| (0..count).map(|n| format!("k/{n:05}")).collect::<Vec<_>>();
    let puts = |count| {
        keys_of(count)
            .iter()
            .map(|key| put(key, ""))
            .collect::<Vec<Write>>()
    };

    let revision = write(&*store, puts(max)).await;
    assert_eq!(keys(&*store, "k/").await.len(), max);

    let compares = keys_of(max - 1)
        .iter()
        .map(|key| unchanged(key, revision))
        .collect();
    let full = Txn {
        compares,
        writes: vec![put("a", "")],
    };
    store
        .commit(full)
        .await
        .expect("a transaction of mostly compares is taken");

    for compares in [vec![], vec![absent("a")]] {
        let writes = puts(max + 1 - compares.len());
        let refused = store.commit(Txn { compares, writes }).await;
        assert!(
            matches!(refused, Err(StoreError::Failed { .. })),
            "{refused:?}"
        );
    }
}

/// Keys that are none, and two writes of one key, are refused, and nothing is written.
pub async fn malformed_transactions_are_refused(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    for writes in [
        vec![put("a", ""), put("", "")],
        vec![put("a", ""), put("b\0", "")],
        vec![put("a", "1"), put("a", "2")],
        vec![put("a", "1"), delete("a")],
        vec![put("a/b", "1"), delete_prefix("a/")],
    ] {
        let refused = store
            .commit(Txn {
                compares: vec![],
                writes: writes.clone(),
            })
            .await;
        assert!(
            matches!(refused, Err(StoreError::Failed { .. })),
            "{writes:?}: {refused:?}"
        );
    }
    assert_eq!(keys(&*store, "").await, [""; 0]);
    assert!(matches!(
        store.get("").await,
        Err(StoreError::Failed { .. })
    ));
}

/// Counters that several handles raise by compare-and-commit count every rise.
pub async fn racing_writers_lose_no_update(fixture: &dyn Fixture) {
    const EACH: u64 = 25;
    let writers = join_all((0..4).map(|_| fixture.open())).await;
    join_all(writers.iter().map(async |store| {
        for _ in 0..EACH {
            increment(&**store, "counter").await;
        }
    }))
    .await;
    let counter = get(&*writers[0], "counter")
        .await
        .expect("the counter is there");
    assert_eq!(count(&counter), 4 * EACH);
}

fn absent(key: &str) -> Compare {
    Compare::Absent(key.to_owned())
}

fn unchanged(key: &str, revision: Revision) -> Compare {
    Compare::Unchanged(key.to_owned(), revision)
}
