//! Random operations on the stores in memory and in a file, beside a model that is plain to see
//! through: all answers and all changes that watches tell are the same.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::StreamExt as _;
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;
use theseus_core::store::{
    Compare, Entry, Page, Revision, Store, StoreError, Txn, Watched, Write, list_all,
};
use theseus_store::{MemoryStore, SqliteStore};

/// All entries, and all that ever changed.
#[derive(Default)]
struct Model {
    entries: BTreeMap<String, Entry>,
    revision: Revision,
    changes: Vec<Watched>,
}

impl Model {
    fn commit(&mut self, txn: &Txn) -> Result<Revision, String> {
        for compare in &txn.compares {
            let modified = self.entries.get(compare.key()).map(|entry| entry.modified);
            let holds = match compare {
                Compare::Absent(_) => modified.is_none(),
                Compare::Unchanged(_, revision) => modified == Some(*revision),
            };
            if !holds {
                return Err(compare.key().to_owned());
            }
        }
        self.revision.0 += u64::from(!txn.writes.is_empty());
        for write in &txn.writes {
            match write {
                Write::Put(key, value) => {
                    let (value, modified) = (value.clone(), self.revision);
                    let entry = Entry {
                        key: key.clone(),
                        value,
                        modified,
                    };
                    self.changes.push(Watched::Put(entry.clone()));
                    self.entries.insert(key.clone(), entry);
                }
                Write::Delete(key) => self.delete(|other| other == key),
                Write::DeletePrefix(prefix) => self.delete(|key| key.starts_with(prefix.as_str())),
            }
        }
        Ok(self.revision)
    }

    fn delete(&mut self, goes: impl Fn(&str) -> bool) {
        let (gone, kept) = std::mem::take(&mut self.entries)
            .into_iter()
            .partition(|(key, _)| goes(key));
        self.entries = kept;
        let gone: BTreeMap<String, Entry> = gone;
        let revision = self.revision;
        self.changes.extend(
            gone.into_keys()
                .map(|key| Watched::Deleted { key, revision }),
        );
    }

    fn list(&self, prefix: &str) -> Vec<Entry> {
        self.entries
            .values()
            .filter(|entry| entry.key.starts_with(prefix))
            .cloned()
            .collect()
    }

    /// What a watch of the prefix tells after the revision.
    fn changes(&self, prefix: &str, after: Revision) -> Vec<Watched> {
        let told = |change: &&Watched| {
            let key = match change {
                Watched::Put(entry) => &entry.key,
                Watched::Deleted { key, .. } => key,
            };
            change.revision() > after && key.starts_with(prefix)
        };
        self.changes.iter().filter(told).cloned().collect()
    }
}

/// One step. Revisions are told as how long ago they were.
#[derive(Debug, Clone)]
enum Step {
    Commit {
        absent: Vec<String>,
        unchanged: Vec<(String, u64)>,
        writes: Vec<Write>,
    },
    Get(String),
    List {
        prefix: String,
        limit: usize,
    },
    Watch {
        prefix: String,
        ago: u64,
    },
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a",
        "a/",
        "a/b",
        "a/b/c",
        "a0",
        "b",
        "é",
        "\u{1}",
        "\u{10ffff}",
    ])
    .prop_map(str::to_owned)
}

fn prefix() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), key()]
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        4 => (key(), vec(any::<u8>(), 0..4))
            .prop_map(|(key, value)| Write::Put(key, Bytes::from(value))),
        2 => key().prop_map(Write::Delete),
        1 => prefix().prop_map(Write::DeletePrefix),
    ]
}

/// Writes of which none puts what another one puts or deletes.
fn writes() -> impl Strategy<Value = Vec<Write>> {
    vec(write(), 0..5).prop_map(|writes| {
        let touches = |write: &Write, key: &str| match write {
            Write::Put(other, _) | Write::Delete(other) => other == key,
            Write::DeletePrefix(prefix) => key.starts_with(prefix.as_str()),
        };
        let clashes = |one: &Write, other: &Write| {
            matches!(one, Write::Put(key, _) if touches(other, key))
                || matches!(other, Write::Put(key, _) if touches(one, key))
        };
        let mut kept: Vec<Write> = Vec::new();
        for write in writes {
            if !kept.iter().any(|earlier| clashes(earlier, &write)) {
                kept.push(write);
            }
        }
        kept
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (vec(key(), 0..2), vec((key(), 0..4u64), 0..2), writes())
            .prop_map(|(absent, unchanged, writes)| Step::Commit { absent, unchanged, writes }),
        1 => key().prop_map(Step::Get),
        1 => (prefix(), 1..4usize).prop_map(|(prefix, limit)| Step::List { prefix, limit }),
        1 => (prefix(), 0..10u64).prop_map(|(prefix, ago)| Step::Watch { prefix, ago }),
    ]
}

async fn pages(store: &dyn Store, prefix: &str, limit: usize) -> Vec<Entry> {
    let (mut entries, mut next) = (Vec::new(), Some(Page::first(limit)));
    while let Some(page) = next {
        let listing = store.list(prefix, page).await.expect("a page is read");
        entries.extend(listing.entries);
        next = listing.next;
    }
    entries
}

async fn take_step(store: &dyn Store, model: &mut Model, step: &Step) {
    let ago = |ago: u64| Revision(model.revision.0.saturating_sub(ago));
    match step {
        Step::Commit {
            absent,
            unchanged,
            writes,
        } => {
            let absent = absent.iter().cloned().map(Compare::Absent);
            // Mostly the true revision, so that commits get through.
            let unchanged = unchanged.iter().map(|(key, back)| {
                let known = model.entries.get(key).filter(|_| *back > 0);
                Compare::Unchanged(
                    key.clone(),
                    known.map_or(ago(*back), |entry| entry.modified),
                )
            });
            let compares = absent.chain(unchanged).collect();
            let txn = Txn {
                compares,
                writes: writes.clone(),
            };
            let expected = model.commit(&txn);
            let got = match store.commit(txn).await {
                Ok(revision) => Ok(revision),
                Err(StoreError::Conflict { key }) => Err(key),
                Err(error) => panic!("a commit fails only by a conflict: {error:?}"),
            };
            assert_eq!(got, expected);
        }
        Step::Get(key) => {
            let got = store.get(key).await.expect("a key is read");
            assert_eq!(got.as_ref(), model.entries.get(key));
        }
        Step::List { prefix, limit } => {
            assert_eq!(pages(store, prefix, *limit).await, model.list(prefix));
        }
        Step::Watch { prefix, ago: back } => {
            let after = ago(*back);
            let expected = model.changes(prefix, after);
            let watch = store.watch(prefix, after).await.expect("a watch starts");
            let got: Vec<_> = watch.take(expected.len()).collect().await;
            let got: Vec<_> = got
                .into_iter()
                .map(|told| told.expect("a watch goes on"))
                .collect();
            assert_eq!(got, expected);
        }
    }
}

async fn compare_with_model(store: &dyn Store, steps: &[Step]) {
    let mut model = Model::default();
    for step in steps {
        take_step(store, &mut model, step).await;
    }
    let (entries, revision) = list_all(store, "").await.expect("a listing is read");
    assert_eq!((entries, revision), (model.list(""), model.revision));
    let expected = model.changes("", Revision(0));
    let watch = store.watch("", Revision(0)).await.expect("a watch starts");
    let told: Vec<_> = watch.take(expected.len()).collect().await;
    assert_eq!(
        told.into_iter().map(Result::unwrap).collect::<Vec<_>>(),
        expected
    );
}

#[tokio::main(flavor = "current_thread")]
async fn in_memory(steps: &[Step]) {
    compare_with_model(&MemoryStore::new(), steps).await;
}

#[tokio::main(flavor = "current_thread")]
async fn in_file(steps: &[Step]) {
    let directory = TempDir::new().expect("a temporary directory can be made");
    let path = directory.path().join("theseus.db");
    let store = SqliteStore::open(path).await.expect("the store opens");
    compare_with_model(&store, steps).await;
}

proptest! {
    #[test]
    fn memory_does_as_the_model(steps in vec(step(), 0..40)) {
        in_memory(&steps);
    }
}

proptest! {
    // Each commit waits for the disk.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sqlite_does_as_the_model(steps in vec(step(), 0..40)) {
        in_file(&steps);
    }
}
