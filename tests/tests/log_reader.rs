//! Reading the logs of a cluster that does as a story tells it: what comes when, how much of it is
//! asked for, and who joins.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use theseus_core::cluster::{
    Accepted, App, AppId, Change, Cluster, ClusterError, Container, ContainerId, ContainerState,
    EngineInfo, Event, EventKind, Events, HealthState, LogPiece, LogRequest, LogStart, Logs,
    Output, Part, Scope, Snapshot,
};
use theseus_core::logs::{Query, Reader, Scene, Speaker, Told, speakers};
use theseus_core::model::GroupSelector;
use theseus_core::state::{Observed, Records};
use theseus_store::MemoryStore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, timeout};

fn out(text: &str) -> LogPiece {
    piece(Output::Stdout, text, None)
}

fn piece(output: Output, text: &str, written: Option<Timestamp>) -> LogPiece {
    LogPiece::Bytes {
        output,
        bytes: Bytes::copy_from_slice(text.as_bytes()),
        written,
    }
}

fn text(told: &Told) -> String {
    match told {
        Told::Line(line) => line.text.clone(),
        Told::Word { speaker, word } => {
            let word = serde_json::to_value(word).expect("a word");
            format!(
                "{}: {}",
                speaker.container,
                word["event"].as_str().expect("what")
            )
        }
        other => format!("{other:?}"),
    }
}

type Feed = UnboundedReceiver<Result<LogPiece, ClusterError>>;

/// A cluster whose containers and logs a story tells.
#[derive(Default)]
struct Fake {
    containers: Mutex<Vec<(String, u32)>>,
    feeds: Mutex<BTreeMap<String, Feed>>,
    listeners: Mutex<Vec<UnboundedSender<Event>>>,
    /// Containers that write without end, and how many pieces were read of them.
    endless: AtomicUsize,
    /// How logs were asked for.
    asked: Mutex<Vec<(String, LogRequest)>>,
    is_away: AtomicBool,
}

type Pen = UnboundedSender<Result<LogPiece, ClusterError>>;

impl Fake {
    /// A container, and what it writes with.
    fn start(&self, id: &str, revision: u32) -> Pen {
        let (pen, feed) = unbounded_channel();
        self.feeds
            .lock()
            .expect("it is sound")
            .insert(id.to_owned(), feed);
        self.containers
            .lock()
            .expect("it is sound")
            .push((id.to_owned(), revision));
        self.tell(id, ContainerState::Running);
        pen
    }

    fn stop(&self, id: &str) {
        self.containers
            .lock()
            .expect("it is sound")
            .retain(|it| it.0 != id);
        self.tell(id, ContainerState::Ended);
    }

    fn tell(&self, id: &str, state: ContainerState) {
        let event = Event {
            at: None,
            group: Some("web:dev".parse().expect("it is sound")),
            foreign: None,
            kind: EventKind::Container {
                id: ContainerId(id.to_owned()),
                state,
                failed: None,
            },
        };
        let mut listeners = self.listeners.lock().expect("it is sound");
        listeners.retain(|it| it.send(event.clone()).is_ok());
    }
}

#[async_trait]
impl Cluster for Fake {
    async fn engine(&self) -> Result<EngineInfo, ClusterError> {
        Err(ClusterError::Untold { what: "that" })
    }

    async fn observe(&self, _: &Scope) -> Result<Snapshot, ClusterError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(ClusterError::Untold { what: "containers" });
        }
        let containers = self.containers.lock().expect("it is sound").clone();
        let app = |(id, revision): (String, u32)| App {
            id: AppId(format!("/{id}")),
            group: "web:dev".parse().expect("it is sound"),
            revision,
            part: Part::Whole,
            pinned_to: None,
            instances: 1,
            checked: false,
            operations: Vec::new(),
            containers: vec![Container {
                id: ContainerId(id),
                host: Some("h1".into()),
                ports: Vec::new(),
                state: ContainerState::Running,
                health: HealthState::Unknown,
                staged_at: None,
                started_at: None,
                healthy_since: None,
                outdated: false,
            }],
            last_failure: None,
            unread: None,
        };
        Ok(Snapshot {
            apps: containers.into_iter().map(app).collect(),
            ..Snapshot::default()
        })
    }

    async fn apply(&self, _: &[Change]) -> Vec<Result<Accepted, ClusterError>> {
        Vec::new()
    }

    async fn events(&self) -> Result<Events, ClusterError> {
        let (sender, events) = unbounded_channel();
        self.listeners.lock().expect("it is sound").push(sender);
        Ok(stream::unfold(events, async |mut events| {
            Some((Ok(events.recv().await?), events))
        })
        .boxed())
    }

    async fn logs(&self, id: &ContainerId, want: &LogRequest) -> Result<Logs, ClusterError> {
        self.asked
            .lock()
            .expect("it is sound")
            .push((id.0.clone(), want.clone()));
        let feed = self.feeds.lock().expect("it is sound").remove(&id.0);
        let Some(feed) = feed else {
            return Err(ClusterError::Gone { what: id.0.clone() });
        };
        Ok(stream::unfold(feed, async |mut feed| Some((feed.recv().await?, feed))).boxed())
    }
}

/// A cluster of which one container writes more than anybody reads.
struct Endless(Arc<Fake>);

#[async_trait]
impl Cluster for Endless {
    async fn engine(&self) -> Result<EngineInfo, ClusterError> {
        self.0.engine().await
    }
    async fn observe(&self, scope: &Scope) -> Result<Snapshot, ClusterError> {
        self.0.observe(scope).await
    }
    async fn apply(&self, changes: &[Change]) -> Vec<Result<Accepted, ClusterError>> {
        self.0.apply(changes).await
    }
    async fn events(&self) -> Result<Events, ClusterError> {
        self.0.events().await
    }
    async fn logs(&self, _: &ContainerId, _: &LogRequest) -> Result<Logs, ClusterError> {
        let fake = Arc::clone(&self.0);
        let write = move || {
            fake.endless.fetch_add(1, Ordering::Relaxed);
            Ok(out(&"x\n".repeat(100)))
        };
        Ok(stream::iter(std::iter::repeat_with(write)).boxed())
    }
}

fn scene(cluster: Arc<dyn Cluster>) -> Scene {
    Scene {
        cluster,
        store: Arc::new(MemoryStore::new()),
    }
}

fn web() -> Vec<GroupSelector> {
    vec!["web:dev".parse().expect("a group")]
}

/// The containers that run now.
async fn present(fake: &Fake) -> Vec<Speaker> {
    let snapshot = fake.observe(&Scope::All).await.expect("it is there");
    speakers(&Observed::new(Records::default(), snapshot), &web())
}

async fn read(fake: &Arc<Fake>, query: Query) -> Reader {
    let present = present(fake).await;
    Reader::new(scene(fake.clone()), query, present)
}

fn following() -> Query {
    Query {
        follow: true,
        joining: web(),
        ..Query::default()
    }
}

/// What comes until something has come, or all of it.
async fn until(reader: &mut Reader, what: &str) -> Vec<String> {
    let mut told = Vec::new();
    let reading = async {
        while let Some(batch) = reader.next().await {
            told.extend(batch.iter().map(text));
            if told.iter().any(|it| it.contains(what)) {
                return;
            }
        }
    };
    let done = timeout(Duration::from_secs(600), reading).await;
    assert!(done.is_ok(), "never: {what}: {told:?}");
    told
}

fn send(pen: &Pen, piece: LogPiece) {
    pen.send(Ok(piece)).expect("somebody reads");
}

#[tokio::test(start_paused = true)]
async fn containers_are_told_by_time_and_then_as_they_write() {
    let fake = Arc::new(Fake::default());
    let (a, b) = (fake.start("a", 1), fake.start("b", 1));
    send(
        &a,
        out("2026-01-02T03:04:01Z a1\n2026-01-02T03:04:03Z a3\n  more of a3\n"),
    );
    send(&b, out("2026-01-02T03:04:02Z b2\n"));
    send(&b, piece(Output::Stderr, "2026-01-02T03:04:00Z b0\n", None));
    send(&a, LogPiece::CaughtUp);
    let mut reader = read(&fake, following()).await;
    // The rest of what b may have written before is waited for.
    assert!(until(&mut reader, "b0").await.len() == 1);
    assert!(
        timeout(Duration::from_secs(1), reader.next())
            .await
            .is_err()
    );
    send(&b, LogPiece::CaughtUp);
    let told = until(&mut reader, "CaughtUp").await;
    let words: Vec<&str> = told
        .iter()
        .map(|it| it.rsplit(' ').next().unwrap_or(it))
        .collect();
    assert_eq!(words, ["a1", "b2", "a3", "a3", "CaughtUp"]);
    let now = "2026-01-02T04:00:00Z".parse().ok();
    send(&b, piece(Output::Stdout, "no time of its own\n", now));
    let batch = reader.next().await.expect("it goes on");
    let Told::Line(line) = &batch[0] else {
        panic!("{batch:?}");
    };
    assert_eq!((line.time, line.text.as_str()), (now, "no time of its own"));
    // An unfinished line waits for its end.
    send(&a, out("half"));
    assert!(
        timeout(Duration::from_secs(60), reader.next())
            .await
            .is_err()
    );
    send(&a, out(" and half\n"));
    assert_eq!(until(&mut reader, "half").await, ["half and half"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_slowly_makes_containers_wait_and_not_memory_grow() {
    let fake = Arc::new(Fake::default());
    let _pen = fake.start("a", 1);
    let present = present(&fake).await;
    let cluster = Arc::new(Endless(Arc::clone(&fake)));
    let mut reader = Reader::new(scene(cluster), Query::default(), present);
    sleep(Duration::from_secs(10)).await;
    let asked = || fake.endless.load(Ordering::Relaxed);
    assert!(asked() <= 4, "{}", asked());
    let mut lines = 0;
    for _ in 0..100 {
        lines += reader.next().await.expect("it goes on").len();
        sleep(Duration::from_millis(10)).await;
        assert!(
            asked() <= lines / 100 + 6,
            "{} pieces of 100 for {lines}",
            asked()
        );
    }
    assert!(lines > 1000, "{lines}");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_one_who_says_nothing() {
    let fake = Arc::new(Fake::default());
    let (a, b) = (fake.start("a", 1), fake.start("b", 1));
    send(&a, out("a1\n"));
    let mut reader = read(&fake, following()).await;
    let began = Instant::now();
    assert_eq!(until(&mut reader, "a1").await, ["a1", "CaughtUp"]);
    assert!(
        (2..5).contains(&began.elapsed().as_secs()),
        "{:?}",
        began.elapsed()
    );
    // Nor for one whose host cannot be reached.
    send(
        &b,
        LogPiece::OutOfReach {
            since: None,
            reason: "gone".to_owned(),
        },
    );
    send(&a, out("a2\n"));
    send(&a, LogPiece::CaughtUp);
    let told = until(&mut reader, "a2").await;
    assert_eq!(told, ["b: out-of-reach", "a2"]);
    send(&b, LogPiece::InReach);
    send(&b, out("b1\n"));
    send(&b, LogPiece::CaughtUp);
    assert_eq!(until(&mut reader, "b1").await, ["b: in-reach", "b1"]);
}

#[tokio::test(start_paused = true)]
async fn who_comes_is_followed_from_its_first_line_and_who_goes_is_told_whole() {
    let fake = Arc::new(Fake::default());
    let old = fake.start("old", 1);
    send(&old, out("old line\n"));
    send(&old, LogPiece::CaughtUp);
    let query = Query {
        start: LogStart::LastLines(1),
        ..following()
    };
    let mut reader = read(&fake, query).await;
    assert_eq!(
        until(&mut reader, "CaughtUp").await,
        ["old line", "CaughtUp"]
    );

    let new = fake.start("new", 2);
    send(&new, out("first words\n"));
    send(&new, LogPiece::CaughtUp);
    assert_eq!(
        until(&mut reader, "first").await,
        ["new: joined", "first words"]
    );
    fake.stop("old");
    send(&old, out("last words"));
    drop(old);
    assert_eq!(
        until(&mut reader, "ended").await,
        ["last words", "old: ended"]
    );
    // One that is gone before anybody has looked has a log all the same.
    let (pen, feed) = unbounded_channel();
    send(&pen, out("a short life\n"));
    drop(pen);
    fake.feeds
        .lock()
        .expect("it is sound")
        .insert("brief".to_owned(), feed);
    fake.tell("brief", ContainerState::Ended);
    // Of another nothing is left.
    fake.tell("nothing", ContainerState::Ended);
    let told = until(&mut reader, "brief: ended").await;
    assert_eq!(told, ["brief: joined", "a short life", "brief: ended"]);
    // It is not told once more.
    fake.tell("brief", ContainerState::Ended);
    fake.stop("new");
    drop(new);
    let rest = until(&mut reader, "never to come").await;
    assert_eq!(rest, ["new: ended"], "the group is gone, and so it ends");
    let asked = fake.asked.lock().expect("it is sound").clone();
    let starts: Vec<_> = asked
        .iter()
        .take(3)
        .map(|it| (it.0.as_str(), it.1.start.clone()))
        .collect();
    assert_eq!(
        starts,
        [
            ("old", LogStart::LastLines(1)),
            ("new", LogStart::Oldest),
            ("brief", LogStart::Oldest)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_away_stops_nobody_who_is_known() {
    let fake = Arc::new(Fake::default());
    let pen = fake.start("a", 1);
    send(&pen, LogPiece::CaughtUp);
    let mut reader = read(&fake, following()).await;
    until(&mut reader, "CaughtUp").await;
    fake.is_away.store(true, Ordering::Relaxed);
    let told = until(&mut reader, "ClusterAway").await;
    assert_eq!(told.len(), 1, "{told:?}");
    send(&pen, out("on and on\n"));
    assert_eq!(until(&mut reader, "on").await, ["on and on"]);
    fake.is_away.store(false, Ordering::Relaxed);
    assert_eq!(until(&mut reader, "ClusterBack").await, ["ClusterBack"]);
}

#[tokio::test(start_paused = true)]
async fn who_is_lost_for_good_is_given_up() {
    let fake = Arc::new(Fake::default());
    let (a, b) = (fake.start("a", 1), fake.start("b", 1));
    send(&a, LogPiece::CaughtUp);
    send(&b, LogPiece::CaughtUp);
    let mut reader = read(&fake, following()).await;
    until(&mut reader, "CaughtUp").await;
    send(
        &a,
        LogPiece::OutOfReach {
            since: None,
            reason: "gone".to_owned(),
        },
    );
    fake.containers
        .lock()
        .expect("it is sound")
        .retain(|it| it.0 == "b");
    let began = Instant::now();
    let told = until(&mut reader, "a: failed").await;
    assert!(told.contains(&"a: out-of-reach".to_owned()), "{told:?}");
    assert!(began.elapsed() >= Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn only_what_is_wanted_is_told() {
    let fake = Arc::new(Fake::default());
    let pen = fake.start("a", 1);
    let lines =
        "no time\n2026-01-02T03:04:01Z old\n  more of the old\n2026-01-02T03:04:09Z new\n  more\n";
    send(&pen, out(lines));
    send(
        &pen,
        piece(Output::Stderr, "2026-01-02T03:04:10Z newer\n", None),
    );
    send(
        &pen,
        LogPiece::Missed {
            output: Output::Stdout,
        },
    );
    send(&pen, out("2026-01-02T03:04:11Z newest\n"));
    drop(pen);
    let since = "2026-01-02T03:04:05Z".parse().ok();
    let query = Query {
        since,
        ..Query::default()
    };
    let told = until(&mut read(&fake, query).await, "never to come").await;
    let words: Vec<&str> = told
        .iter()
        .map(|it| it.rsplit(' ').next().unwrap_or(it))
        .collect();
    assert_eq!(
        words,
        [
            "time", "new", "more", "missed", "newer", "newest", "Untimed", "CaughtUp"
        ]
    );

    let pen = fake.start("a", 1);
    let many: Vec<String> = (0..1000).map(|it| format!("line {it}\n")).collect();
    send(&pen, out(&many.concat()));
    drop(pen);
    let query = Query {
        grep: regex::Regex::new("line [0-9]$").ok(),
        most: Some(3),
        ..Query::default()
    };
    let mut reader = Reader::new(
        scene(fake.clone()),
        query,
        present(&fake).await[..1].to_vec(),
    );
    let told = until(&mut reader, "never to come").await;
    assert_eq!(told, ["line 7", "line 8", "line 9", "CaughtUp"]);
}
