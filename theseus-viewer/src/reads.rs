//! What pages read besides the shared view: histories, of groups and of usage, from the store, and who
//! else is on a machine, from the cluster. Each is read once for everybody who asks within a moment,
//! and nobody waits for long.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use theseus_core::causes::chain;
use theseus_core::cluster::{Cluster, Tenant};
use theseus_core::engine::Engine;
use theseus_core::model::GroupId;
use theseus_core::records::HistoryRecord;
use theseus_core::store::Store;
use theseus_core::usage::{self, By, Point, Span, Subject};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::lock::lock;

/// How long a page waits.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the history of a group stays as it was read.
const HISTORY: Duration = Duration::from_secs(2);
/// How long that of usage does, of which something is told every ten seconds.
const USAGE: Duration = Duration::from_secs(10);
/// How long who else runs things on a machine stays as it was told.
const TENANTS: Duration = Duration::from_secs(30);
/// How many answers are kept of each kind.
const KEPT: usize = 1000;

/// What was read, or why it could not be.
pub(crate) type Read<T> = Result<Arc<Found<T>>, String>;

/// What was read, with a number that tells it from anything else that may be read there.
#[derive(Debug)]
pub(crate) struct Found<T> {
    number: u64,
    all: Vec<T>,
}

impl<T: fmt::Debug> Found<T> {
    pub(crate) fn new(all: Vec<T>) -> Self {
        let mut hasher = DefaultHasher::new();
        // Whatever pages show of it is in this text, and no secret is.
        format!("{all:?}").hash(&mut hasher);
        Self {
            number: hasher.finish(),
            all,
        }
    }
}

impl<T> Deref for Found<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.all
    }
}

/// Takes what was read into the number of a page.
pub(crate) fn number<T>(read: &Read<T>, hasher: &mut DefaultHasher) {
    match read {
        Ok(found) => found.number.hash(hasher),
        Err(reason) => reason.hash(hasher),
    }
}

/// Reads on behalf of all pages.
pub(crate) struct Reads {
    engine: Engine,
    cluster: Arc<dyn Cluster>,
    store: Arc<dyn Store>,
    histories: Cache<GroupId, HistoryRecord>,
    usage: Cache<(String, bool), Point>,
    latest: Cache<&'static str, (String, Point)>,
    tenants: Cache<String, Tenant>,
}

impl fmt::Debug for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reads").finish_non_exhaustive()
    }
}

impl Reads {
    pub(crate) fn new(engine: Engine, cluster: Arc<dyn Cluster>, store: Arc<dyn Store>) -> Self {
        Self {
            engine,
            cluster,
            store,
            histories: Cache::new(HISTORY),
            usage: Cache::new(USAGE),
            latest: Cache::new(USAGE),
            tenants: Cache::new(TENANTS),
        }
    }

    /// The revisions of a group, the latest first.
    pub(crate) async fn history(&self, group: &GroupId) -> Read<HistoryRecord> {
        let read = async {
            let history = self.engine.history(group).await;
            history.map_err(|error| chain(&error))
        };
        self.histories.get(group.clone(), read).await
    }

    /// What something has used.
    pub(crate) async fn usage(&self, subject: &Subject, span: Span) -> Read<Point> {
        let kind = match subject {
            Subject::Container(_) => 'c',
            Subject::Group(_) => 'g',
            Subject::Host(_) => 'h',
        };
        let key = (format!("{kind}{subject}"), span == Span::Week);
        let read = async {
            let history = usage::history(&*self.store, subject, span, Timestamp::now()).await;
            history.map_err(|error| chain(&error))
        };
        self.usage.get(key, read).await
    }

    /// What everything of a kind used last, by name.
    pub(crate) async fn latest(&self, by: By) -> Read<(String, Point)> {
        let key = match by {
            By::Container => "container",
            By::Group => "group",
            By::Host => "host",
        };
        let read = async {
            let latest = usage::latest(&*self.store, by, Timestamp::now()).await;
            let latest = latest.map_err(|error| chain(&error))?;
            Ok(latest.into_iter().collect())
        };
        self.latest.get(key, read).await
    }

    /// Who else runs things on a machine.
    pub(crate) async fn tenants(&self, host: &str) -> Read<Tenant> {
        let read = async {
            let tenants = self.cluster.tenants(host).await;
            tenants.map_err(|error| chain(&error))
        };
        self.tenants.get(host.to_owned(), read).await
    }
}

/// Answers of one kind, as long as they last.
struct Cache<K, T> {
    lasts: Duration,
    answers: Mutex<HashMap<K, Answer<T>>>,
}

struct Answer<T> {
    since: Instant,
    cell: Arc<OnceCell<Read<T>>>,
}

impl<K: Eq + Hash, T: fmt::Debug> Cache<K, T> {
    fn new(lasts: Duration) -> Self {
        Self {
            lasts,
            answers: Mutex::default(),
        }
    }

    async fn get(&self, key: K, read: impl Future<Output = Result<Vec<T>, String>>) -> Read<T> {
        let cell = self.cell(key);
        let answer = cell.get_or_init(async || match tokio::time::timeout(PATIENCE, read).await {
            Ok(answer) => answer.map(|all| Arc::new(Found::new(all))),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        });
        answer.await.clone()
    }

    fn cell(&self, key: K) -> Arc<OnceCell<Read<T>>> {
        let mut answers = lock(&self.answers);
        if answers.len() >= KEPT {
            answers.retain(|_, answer| answer.since.elapsed() < self.lasts);
        }
        if answers.len() >= KEPT {
            answers.clear();
        }
        let fresh = || Answer {
            since: Instant::now(),
            cell: Arc::default(),
        };
        let answer = answers.entry(key).or_insert_with(fresh);
        if answer.since.elapsed() >= self.lasts {
            *answer = fresh();
        }
        Arc::clone(&answer.cell)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_are_one_read() {
        let cache: Cache<u8, u8> = Cache::new(HISTORY);
        let reads = AtomicUsize::new(0);
        let ask = async || {
            let read = async {
                reads.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(vec![7])
            };
            cache.get(1, read).await.unwrap()[0]
        };
        assert_eq!(tokio::join!(ask(), ask()), (7, 7));
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        tokio::time::sleep(HISTORY).await;
        ask().await;
        assert_eq!(reads.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_hangs_is_not_waited_for() {
        let cache: Cache<u8, u8> = Cache::new(HISTORY);
        let error = cache.get(1, std::future::pending()).await.unwrap_err();
        assert_eq!(error, "no answer within 2 s");
    }
}
