//! The contract, kept by the store in an SQLite file, and what is its own: files and their faults.

use std::error::Error as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::{join, join_all};
use tempfile::TempDir;
use theseus_core::store::{Revision, Store, StoreError, Txn, Write};
use theseus_store::SqliteStore;
use theseus_store::contract::Fixture;

struct InFile(TempDir);

impl InFile {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary directory can be made"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("state/theseus.db")
    }
}

#[async_trait]
impl Fixture for InFile {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(open(&self.path()).await)
    }
}

mod contract {
    use super::InFile;

    theseus_store::contract_tests! {
        #[tokio::test]
        on InFile::new()
    }
}

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).await.expect("the store opens")
}

async fn put(store: &SqliteStore, keys: impl IntoIterator<Item = String>) -> Revision {
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
async fn records_outlive_the_store() {
    let file = InFile::new();
    let revision = put(&open(&file.path()).await, ["a".to_owned()]).await;
    let entry = open(&file.path())
        .await
        .get("a")
        .await
        .expect("a key is read");
    assert_eq!(entry.map(|entry| entry.modified), Some(revision));
}

#[tokio::test]
async fn a_new_file_may_be_opened_by_many_at_once() {
    let file = InFile::new();
    let path = file.path();
    join_all((0..8).map(async |number| put(&open(&path).await, [number.to_string()]).await)).await;
    let entries = theseus_core::store::list_all(&open(&path).await, "").await;
    assert_eq!(entries.expect("a listing is read").0.len(), 8);
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;

    let file = InFile::new();
    let _store = open(&file.path()).await;
    let mode = |path: &Path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    let directory = file.0.path().join("state");
    assert_eq!(mode(&directory), 0o700);
    for name in ["theseus.db", "theseus.db-wal", "theseus.db-shm"] {
        assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_watch_from_a_forgotten_revision_is_told_to_list_again() {
    let file = InFile::new();
    let store = open(&file.path()).await;
    let first = put(&store, ["a".to_owned()]).await;
    let mut follower = store.watch("a", first).await.expect("a watch starts");
    let write_much = async {
        for _ in 0..10 {
            put(&store, (0..1000).map(|n| format!("k/{n}"))).await;
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

/// Opens a file that cannot be used, and answers what is told about it.
async fn refusal(path: &Path) -> (StoreError, String) {
    let error = SqliteStore::open(path)
        .await
        .expect_err("the file cannot be used");
    let source = error.source().expect("the error says why").to_string();
    assert!(
        error.to_string().contains(&path.display().to_string()),
        "{error} names the file"
    );
    (error, source)
}

#[tokio::test]
async fn files_that_are_not_ours_are_refused_and_left_alone() {
    let file = InFile::new();
    let path = file.0.path().join("other.db");

    fs::write(
        &path,
        "a text of more than a hundred bytes, so that it has a header's length; ".repeat(3),
    )
    .expect("a file is written");
    let (error, source) = refusal(&path).await;
    assert!(matches!(error, StoreError::Failed { .. }));
    assert_eq!(source, "file is not a database");
    fs::remove_file(&path).expect("a file is removed");

    let stranger = rusqlite::Connection::open(&path).expect("SQLite opens");
    stranger
        .execute_batch("create table theirs (x)")
        .expect("a table is made");
    let before = fs::read(&path).expect("a file is read");
    let (error, source) = refusal(&path).await;
    assert!(matches!(error, StoreError::Failed { .. }));
    assert_eq!(source, "the file is not a Theseus store");
    assert_eq!(fs::read(&path).expect("a file is read"), before);
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let file = InFile::new();
    drop(open(&file.path()).await);
    let raw = rusqlite::Connection::open(file.path()).expect("SQLite opens");
    raw.pragma_update(None, "user_version", 2)
        .expect("the version is raised");
    let (error, source) = refusal(&file.path()).await;
    assert!(matches!(error, StoreError::Failed { .. }));
    assert!(
        source.contains("written by a newer version of Theseus"),
        "{source}"
    );
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_no_panic() {
    let file = InFile::new();
    let store = open(&file.path()).await;
    put(&store, (0..2000).map(|n| format!("k/{n}"))).await;
    drop(store);
    let mut bytes = fs::read(file.path()).expect("a file is read");
    bytes[4096..].fill(0xa5);
    fs::write(file.path(), bytes).expect("a file is written");

    let damaged = match SqliteStore::open(file.path()).await {
        Ok(store) => store.get("k/1").await.expect_err("the table is unreadable"),
        Err(error) => error,
    };
    assert!(matches!(damaged, StoreError::Failed { .. }), "{damaged:?}");
    assert_eq!(
        damaged.source().expect("the error says why").to_string(),
        "database disk image is malformed"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_unreachable() {
    let file = InFile::new();
    let blocked = file.0.path().join("blocked");
    fs::write(&blocked, "").expect("a file is written");
    let (error, _) = refusal(&blocked.join("theseus.db")).await;
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    let (error, _) = refusal(file.0.path()).await;
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
}
