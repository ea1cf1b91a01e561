//! Stores in etcd while servers of it are killed.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use theseus_core::store::{Compare, Entry, Revision, Store, StoreError, Txn, Write};
use theseus_store::testing::EtcdServer;
use theseus_store::{EtcdConfig, EtcdStore};
use tokio::time::timeout;

async fn connect(servers: &[EtcdServer]) -> EtcdStore {
    let config = EtcdConfig::new(servers.iter().map(EtcdServer::endpoint));
    EtcdStore::connect(config)
        .await
        .expect("the store connects")
}

fn put(key: &str, value: impl Into<Bytes>) -> Txn {
    let writes = vec![Write::Put(key.to_owned(), value.into())];
    Txn {
        compares: vec![],
        writes,
    }
}

fn count(entry: Option<&Entry>) -> u64 {
    entry.map_or(0, |entry| {
        std::str::from_utf8(&entry.value)
            .expect("text")
            .parse()
            .expect("a number")
    })
}

/// What comes of something within five seconds.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(5), work)
        .await
        .expect("it does not take long")
}

/// Raises the counter by one, if nobody else comes first.
async fn increment(store: &EtcdStore) -> Result<(), StoreError> {
    let found = store.get("counter").await?;
    let compare = match &found {
        None => Compare::Absent("counter".to_owned()),
        Some(entry) => Compare::Unchanged("counter".to_owned(), entry.modified),
    };
    let mut txn = put("counter", (count(found.as_ref()) + 1).to_string());
    txn.compares.push(compare);
    store.commit(txn).await.map(drop)
}

#[tokio::test]
#[ignore = "needs etcd"]
async fn a_killed_server_is_reported_soon_and_a_restarted_one_used_again() {
    let mut servers = vec![EtcdServer::start()];
    let store = connect(&servers).await;
    let written = store
        .commit(put("a", "1"))
        .await
        .expect("a commit succeeds");
    let mut watch = store.watch("", written).await.expect("a watch starts");

    servers[0].kill();
    let ended = watch.next().await.expect("a watch says why it ends");
    assert!(
        matches!(ended, Err(StoreError::Unreachable { .. })),
        "{ended:?}"
    );
    assert!(watch.next().await.is_none(), "an error ends the stream");

    let unreachable = soon(store.get("a")).await.expect_err("nobody answers");
    assert!(
        matches!(unreachable, StoreError::Unreachable { .. }),
        "{unreachable:?}"
    );
    let unreachable = soon(store.commit(put("a", "2")))
        .await
        .expect_err("nobody answers");
    assert!(
        matches!(unreachable, StoreError::Unreachable { .. }),
        "{unreachable:?}"
    );
    let nobody = EtcdConfig::new([servers[0].endpoint()]);
    let unreachable = soon(EtcdStore::connect(nobody))
        .await
        .expect_err("nobody answers");
    assert!(
        matches!(unreachable, StoreError::Unreachable { .. }),
        "{unreachable:?}"
    );
    assert!(
        unreachable.to_string().contains(servers[0].endpoint()),
        "{unreachable}"
    );

    servers[0].restart();
    let entry = store.get("a").await.expect("a key is read");
    assert_eq!(
        entry.map(|entry| (entry.value, entry.modified)),
        Some(("1".into(), written))
    );
    let mut watch = store.watch("", written).await.expect("a watch starts");
    let revision = store
        .commit(put("a", "3"))
        .await
        .expect("a commit succeeds");
    let change = watch
        .next()
        .await
        .expect("a watch goes on")
        .expect("a watch goes on");
    assert_eq!(change.revision(), revision);
}

#[tokio::test]
#[ignore = "needs etcd"]
async fn nobody_notices_the_death_of_one_of_three() {
    for victim in 0..3 {
        let mut servers = EtcdServer::start_cluster(3);
        let store = connect(&servers).await;
        for call in 0..300 {
            if call == 50 {
                servers[victim].kill();
            }
            match call % 3 {
                0 => drop(store.get("counter").await.expect("a key is read")),
                1 => increment(&store).await.expect("a commit succeeds"),
                _ => {
                    let txn = Txn {
                        compares: vec![],
                        writes: vec![],
                    };
                    store.commit(txn).await.expect("a commit succeeds");
                }
            }
        }
        let counter = store.get("counter").await.expect("the counter is read");
        assert_eq!(count(counter.as_ref()), 100);
    }
}

/// Raises the counter until this many rises were acknowledged; answers how many more may have
/// happened.
async fn increment_often(store: EtcdStore, times: u64) -> u64 {
    let (mut acknowledged, mut unclear) = (0, 0);
    while acknowledged < times {
        match increment(&store).await {
            Ok(()) => acknowledged += 1,
            Err(StoreError::Unclear { .. }) => unclear += 1,
            // Elections may take longer than calls are made again.
            Err(StoreError::Conflict { .. } | StoreError::Unreachable { .. }) => {}
            Err(error) => panic!("a server's death is no such error: {error:?}"),
        }
    }
    unclear
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd"]
async fn racing_writers_lose_no_update_while_servers_die_and_return() {
    const WRITERS: u64 = 3;
    const EACH: u64 = 100;
    let mut servers = EtcdServer::start_cluster(3);
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        writers.push(tokio::spawn(increment_often(connect(&servers).await, EACH)));
    }
    let killer = tokio::task::spawn_blocking(move || {
        for server in &mut servers {
            server.kill();
            server.restart();
        }
        servers
    });
    let mut unclear = 0;
    for writer in writers {
        unclear += writer.await.expect("a writer gets through");
    }
    let servers = killer.await.expect("the servers come back");
    let store = connect(&servers).await;
    let counter = store.get("counter").await.expect("the counter is read");
    let acknowledged = WRITERS * EACH;
    let possible = acknowledged..=acknowledged + unclear;
    assert!(
        possible.contains(&count(counter.as_ref())),
        "{counter:?} is not in {possible:?}"
    );
}

#[tokio::test]
#[ignore = "needs etcd"]
async fn a_lock_outlives_the_death_of_one_of_three() {
    let mut servers = EtcdServer::start_cluster(3);
    let (store, other) = (connect(&servers).await, connect(&servers).await);
    let ttl = Duration::from_secs(10);
    let lease = store
        .lock("locks/a", "first".into(), ttl)
        .await
        .expect("a free lock is taken");
    servers[0].kill();
    store.renew(&lease).await.expect("a lease is renewed");
    let held = other.lock("locks/a", "second".into(), ttl).await;
    assert!(matches!(held, Err(StoreError::Held { .. })), "{held:?}");
    let mut txn = put("a", "1");
    txn.compares.push(lease.fence());
    let written = store.commit(txn).await;
    assert!(
        matches!(written, Ok(revision) if revision > Revision(0)),
        "{written:?}"
    );
    store.release(lease).await.expect("a held lock is released");
    other
        .lock("locks/a", "second".into(), ttl)
        .await
        .expect("a free lock is taken");
}
