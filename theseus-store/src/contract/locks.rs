//! Locks and what is written under them.

use std::time::Duration;

use bytes::Bytes;
use theseus_core::store::{Lease, Store, StoreError, Txn, Watched};
use tokio::time::{Instant, sleep, timeout};

use super::{Fixture, PATIENCE, Watching, delete, get, keys, now, put, was_put, write};

const KEY: &str = "locks/ingestor";

/// Short, so that tests need not wait long. A store may grant more.
const TTL: Duration = Duration::from_secs(2);

/// Who comes second is told at once who came first.
pub async fn a_held_lock_is_refused_with_its_holder(fixture: &dyn Fixture) {
    let (store, other) = (fixture.open().await, fixture.open().await);
    let lease = lock(&*store, "first", Duration::from_secs(60)).await;
    assert_eq!((&*lease.key, lease.ttl), (KEY, Duration::from_secs(60)));
    for handle in [&store, &other] {
        assert_eq!(holder(&**handle).await.as_deref(), Some("first"));
    }
    let another = other.lock("locks/other", Bytes::new(), TTL).await;
    another.expect("another lock is free");
}

/// A lock reads, lists and watches as an entry that holds the holder, at the revision it was
/// acquired.
pub async fn a_lock_is_an_entry_like_any_other(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let start = now(&*store).await;
    let lease = lock(&*store, "holder", Duration::from_secs(60)).await;
    let entry = get(&*store, KEY).await.expect("the lock is an entry");
    assert_eq!(
        (&*entry.value, entry.modified),
        (&b"holder"[..], lease.acquired)
    );
    assert_eq!(keys(&*store, "locks/").await, [KEY]);
    Watching::on(&*store, "", start)
        .await
        .expect(&[was_put(KEY, "holder", lease.acquired)])
        .await;

    write(&*store, [put("ordinary", "value")]).await;
    match store.lock("ordinary", Bytes::new(), TTL).await {
        Err(StoreError::Held { holder, .. }) => assert_eq!(holder, "value"),
        other => panic!("an ordinary entry is in a lock's way, but the answer is {other:?}"),
    }
}

/// A lock that nobody renews ends after its time to live, not before; watches see it go.
pub async fn a_lock_ends_by_itself_and_watches_are_told(fixture: &dyn Fixture) {
    let (store, other) = (fixture.open().await, fixture.open().await);
    let asked = Instant::now();
    let lease = lock(&*store, "gone", TTL).await;
    let mut watch = Watching::on(&*other, "locks/", lease.acquired).await;
    let ended = watch.next().await;
    assert!(asked.elapsed() >= TTL);
    match ended {
        Watched::Deleted { key, revision } => {
            assert_eq!(key, KEY);
            assert!(revision > lease.acquired);
        }
        Watched::Put(entry) => panic!("nobody wrote {entry:?}"),
    }
    assert_eq!(get(&*store, KEY).await, None);
    lock(&*other, "next", TTL).await;
}

/// Renewed in time, a lock is held for longer than its time to live; its entry stays untouched.
pub async fn a_renewed_lock_outlives_its_time(fixture: &dyn Fixture) {
    let (store, other) = (fixture.open().await, fixture.open().await);
    let lease = lock(&*store, "holder", TTL).await;
    let start = Instant::now();
    while start.elapsed() < 2 * lease.ttl {
        sleep(TTL / 4).await;
        store
            .renew(&lease)
            .await
            .expect("a lease that is renewed in time is not lost");
        assert_eq!(holder(&*other).await.as_deref(), Some("holder"));
    }
    let entry = get(&*other, KEY).await.expect("the lock is held");
    assert_eq!(entry.modified, lease.acquired, "a renewal writes nothing");
    commit_under(&*store, &lease)
        .await
        .expect("a commit under a held lock succeeds");
}

/// Once the lock has passed on, its former holder can neither renew it nor commit under it.
pub async fn a_lost_lease_renews_and_commits_nothing(fixture: &dyn Fixture) {
    let (store, other) = (fixture.open().await, fixture.open().await);
    let lost = lock(&*store, "first", TTL).await;
    commit_under(&*store, &lost)
        .await
        .expect("a commit under a held lock succeeds");
    let held = wait_for_lock(&*other, "second").await;

    assert_lost(&store.renew(&lost).await);
    assert!(matches!(
        commit_under(&*store, &lost).await,
        Err(StoreError::Conflict { key }) if key == KEY
    ));
    commit_under(&*other, &held)
        .await
        .expect("the new holder may commit");

    write(&*store, [delete(KEY)]).await;
    assert_lost(&other.renew(&held).await);
    assert!(matches!(
        commit_under(&*other, &held).await,
        Err(StoreError::Conflict { .. })
    ));
}

/// A released lock can be taken by somebody else at once.
pub async fn a_released_lock_is_free_at_once(fixture: &dyn Fixture) {
    let (store, other) = (fixture.open().await, fixture.open().await);
    let lease = lock(&*store, "first", Duration::from_secs(60)).await;
    store
        .release(lease.clone())
        .await
        .expect("a held lock is released");
    assert_eq!(get(&*store, KEY).await, None);
    let next = lock(&*other, "second", Duration::from_secs(60)).await;
    assert!(next.acquired > lease.acquired);
    assert_lost(&store.renew(&lease).await);
}

/// Releasing what was lost is no error, and leaves the next holder alone.
pub async fn a_lease_that_was_lost_releases_nothing(fixture: &dyn Fixture) {
    let (store, other) = (fixture.open().await, fixture.open().await);
    let lost = lock(&*store, "first", TTL).await;
    let held = wait_for_lock(&*other, "second").await;
    store
        .release(lost)
        .await
        .expect("a lost lock is released as well");
    assert_eq!(holder(&*store).await.as_deref(), Some("second"));
    other
        .renew(&held)
        .await
        .expect("the next holder still holds it");
}

async fn lock(store: &dyn Store, holder: &'static str, ttl: Duration) -> Lease {
    let lease = store
        .lock(KEY, Bytes::from_static(holder.as_bytes()), ttl)
        .await;
    let lease = lease.expect("a free lock is taken");
    assert!(lease.ttl >= ttl);
    lease
}

/// Who holds the lock, as somebody learns who tries to take it.
async fn holder(store: &dyn Store) -> Option<String> {
    match store.lock(KEY, Bytes::new(), TTL).await {
        Ok(_) => None,
        Err(StoreError::Held { key, holder }) => {
            assert_eq!(key, KEY);
            Some(String::from_utf8_lossy(&holder).into_owned())
        }
        Err(error) => panic!("a lock is taken or held: {error:?}"),
    }
}

/// Takes the lock as soon as its holder has lost it.
async fn wait_for_lock(store: &dyn Store, holder: &'static str) -> Lease {
    let take = async {
        loop {
            let ttl = Duration::from_secs(60);
            match store
                .lock(KEY, Bytes::from_static(holder.as_bytes()), ttl)
                .await
            {
                Ok(lease) => return lease,
                Err(StoreError::Held { .. }) => sleep(Duration::from_millis(100)).await,
                Err(error) => panic!("a lock is taken or held: {error:?}"),
            }
        }
    };
    timeout(PATIENCE, take)
        .await
        .expect("a lock that is not renewed becomes free")
}

async fn commit_under(store: &dyn Store, lease: &Lease) -> Result<(), StoreError> {
    let writes = vec![put("under/lock", "value")];
    store
        .commit(Txn {
            compares: vec![lease.fence()],
            writes,
        })
        .await
        .map(drop)
}

fn assert_lost(renewed: &Result<(), StoreError>) {
    assert!(
        matches!(renewed, Err(StoreError::LeaseLost { key }) if key == KEY),
        "{renewed:?}"
    );
}
