//! Several processes on one SQLite file. Each test runs itself once more as its child processes.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use theseus_core::store::{Compare, Entry, Store, StoreError, Txn, Write};
use theseus_store::SqliteStore;

/// Set in a child: the file to work on, and how often to raise the counter there.
const FILE: &str = "THESEUS_TEST_FILE";
const TIMES: &str = "THESEUS_TEST_TIMES";

const COUNTER: &str = "counter";

/// What a child prints before each count that was acknowledged to it.
const ACKNOWLEDGED: &str = "acknowledged ";

fn count(entry: Option<&Entry>) -> u64 {
    entry.map_or(0, |entry| {
        std::str::from_utf8(&entry.value)
            .expect("text")
            .parse()
            .expect("a number")
    })
}

#[tokio::main(flavor = "current_thread")]
async fn count_in(path: &Path) -> u64 {
    let store = SqliteStore::open(path).await.expect("the store opens");
    count(
        store
            .get(COUNTER)
            .await
            .expect("the counter is read")
            .as_ref(),
    )
}

/// What a child does.
#[tokio::main(flavor = "current_thread")]
async fn raise_counter(path: &Path, times: u64) {
    let store = SqliteStore::open(path).await.expect("the store opens");
    let mut done = 0;
    while done < times {
        let found = store.get(COUNTER).await.expect("the counter is read");
        let compare = match &found {
            None => Compare::Absent(COUNTER.to_owned()),
            Some(entry) => Compare::Unchanged(COUNTER.to_owned(), entry.modified),
        };
        let next = count(found.as_ref()) + 1;
        let writes = vec![Write::Put(COUNTER.to_owned(), next.to_string().into())];
        match store
            .commit(Txn {
                compares: vec![compare],
                writes,
            })
            .await
        {
            Ok(_) => {
                println!("\n{ACKNOWLEDGED}{next}");
                done += 1;
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => panic!("a commit fails only by a conflict: {error:?}"),
        }
    }
}

/// Works as a child if this process is one.
fn worked_as_child() -> bool {
    let (Some(path), Ok(times)) = (env::var_os(FILE), env::var(TIMES)) else {
        return false;
    };
    raise_counter(Path::new(&path), times.parse().expect("a number"));
    true
}

fn spawn(test: &str, path: &Path, times: u64) -> Child {
    Command::new(env::current_exe().expect("this program has a path"))
        .args(["--exact", test, "--nocapture"])
        .env(FILE, path)
        .env(TIMES, times.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts once more")
}

/// The counts that a child says were acknowledged to it.
fn acknowledged(child: &mut Child) -> impl Iterator<Item = u64> + use<> {
    let output = BufReader::new(child.stdout.take().expect("its output is piped"));
    output.lines().map_while(Result::ok).filter_map(|line| {
        line.strip_prefix(ACKNOWLEDGED)
            .map(|count| count.parse().expect("a number"))
    })
}

#[test]
fn processes_that_write_at_once_lose_no_update() {
    if worked_as_child() {
        return;
    }
    let directory = TempDir::new().expect("a temporary directory can be made");
    let path = directory.path().join("theseus.db");
    let name = "processes_that_write_at_once_lose_no_update";
    let mut children: Vec<Child> = (0..4).map(|_| spawn(name, &path, 50)).collect();
    let mut counts: Vec<u64> = Vec::new();
    for child in &mut children {
        counts.extend(acknowledged(child));
        assert!(child.wait().expect("a child ends").success());
    }
    counts.sort_unstable();
    assert_eq!(counts, (1..=200).collect::<Vec<u64>>());
    assert_eq!(count_in(&path), 200);
}

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    if worked_as_child() {
        return;
    }
    let directory = TempDir::new().expect("a temporary directory can be made");
    let path = directory.path().join("theseus.db");
    let name = "what_was_acknowledged_outlives_a_kill";
    for round in 0..5 {
        let before = count_in_or_none(&path);
        let mut child = spawn(name, &path, u64::MAX);
        let mut counts = acknowledged(&mut child);
        // Lets it get going, then kills it in the middle of whatever it does.
        let going = counts
            .nth(20 + round)
            .expect("the child raises the counter");
        child.kill().expect("a child can be killed");
        let last = counts.last().unwrap_or(going);
        child.wait().expect("a child ends");
        let kept = count_in(&path);
        assert!(last > before);
        // The last commit may have been made but not told.
        assert!(
            kept == last || kept == last + 1,
            "{last} was acknowledged, {kept} is there"
        );
    }
}

fn count_in_or_none(path: &Path) -> u64 {
    if path.exists() { count_in(path) } else { 0 }
}
