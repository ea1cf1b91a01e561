//! Reading many logs at once.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use super::roster::{self, Roster, Scene};
use super::strand::{Filter, Strand};
use super::weave::{Number, Weave};
use super::{Query, Speaker, Told, Word};
use crate::causes::chain;
use crate::cluster::{Cluster, ClusterError, ContainerId, LogPiece, LogRequest, LogStart};

/// How many pieces of each container are on the way or waiting: more than one output may bring while
/// another one is waited for. More make nothing faster.
const PIECES: usize = 4;

/// How many lines are told at once.
const BATCH: usize = 1024;

/// How long nothing is looked at while several containers are waited for: what comes meanwhile is heard at
/// once. To be woken for each piece costs more than what is in it.
const BREATH: Duration = Duration::from_millis(1);

/// How long the others wait for a container of which nothing comes.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a container is waited for that the cluster does not know any more and whose host cannot be
/// reached.
const LOST: Duration = Duration::from_secs(60);

/// How many containers that are over are remembered, so that none is told twice.
const REMEMBERED: usize = 4096;

/// What the tasks of a reader tell it.
pub(super) enum Message {
    Piece(Number, LogPiece),
    Over(Number, Option<ClusterError>),
    Roster(Roster),
}

/// One that is read.
struct Source {
    /// How many more pieces it may send.
    room: Arc<Semaphore>,
    task: AbortHandle,
    /// Since when its host cannot be reached.
    away: Option<Instant>,
    /// Why nothing more comes of it, if that is no good end.
    error: Option<ClusterError>,
    /// Whether somebody has seen it, or something has come of it; else it was only heard of.
    is_there: bool,
    /// Whether it was waited for for too long.
    is_lost: bool,
}

/// What was there when reading began.
#[derive(Default)]
struct Backlog {
    /// The last lines of it, if no more of it is wanted.
    last: Option<VecDeque<Told>>,
    /// Whether some of it does not tell when it was written although that is asked.
    is_untimed: bool,
}

/// Reads the logs of containers, and of those that join them. Whoever drops it ends it.
pub struct Reader {
    scene: Scene,
    query: Query,
    weave: Weave,
    sources: BTreeMap<Number, Source>,
    messages: UnboundedReceiver<Message>,
    sender: UnboundedSender<Message>,
    tasks: JoinSet<()>,
    /// Those that are read, by name.
    known: BTreeMap<ContainerId, Number>,
    /// Those that are told whole, the latest last.
    told: VecDeque<ContainerId>,
    told_names: HashSet<ContainerId>,
    /// What is to be told before anything else.
    words: VecDeque<Told>,
    /// What is to be done until all is told that was there.
    backlog: Option<Backlog>,
    is_cluster_away: bool,
    /// Whether the groups that are followed may bring more.
    may_join: bool,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("containers", &self.known.len())
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Reads the logs of these containers.
    pub fn new(scene: Scene, query: Query, speakers: Vec<Speaker>) -> Self {
        let (sender, messages) = unbounded_channel();
        let may_join = query.follow && !query.joining.is_empty();
        let mut reader = Self {
            backlog: Some(Backlog {
                last: query.most.map(|_| VecDeque::new()),
                is_untimed: false,
            }),
            scene,
            query,
            weave: Weave::default(),
            sources: BTreeMap::new(),
            messages,
            sender,
            tasks: JoinSet::new(),
            known: BTreeMap::new(),
            told: VecDeque::new(),
            told_names: HashSet::new(),
            words: VecDeque::new(),
            is_cluster_away: false,
            may_join,
        };
        for speaker in speakers {
            let start = reader.start_of(&speaker.container);
            reader.listen(speaker, start, true);
        }
        if may_join {
            let (scene, joining) = (reader.scene.clone(), reader.query.joining.clone());
            let keeping = roster::keep(scene, joining, reader.sender.clone());
            reader.tasks.spawn(keeping);
        }
        reader
    }

    /// What comes next, as soon as something does; `None` when all is told. To wait for it may be broken
    /// off and taken up again.
    pub async fn next(&mut self) -> Option<Vec<Told>> {
        loop {
            let batch = self.take();
            if !batch.is_empty() {
                return Some(batch);
            }
            if self.sources.is_empty() && !self.may_join {
                return None;
            }
            let deadline = self.weave.waits_since().map(|since| since + PATIENCE);
            tokio::select! {
                message = self.messages.recv() => {
                    self.hear(message?);
                    // What has come already is taken at once.
                    for _ in 0..BATCH {
                        let Ok(message) = self.messages.try_recv() else {
                            break;
                        };
                        self.hear(message);
                    }
                }
                () = until(deadline) => self.weave.lose_patience(PATIENCE, Instant::now()),
            }
            if self.weave.is_waiting() {
                sleep(BREATH).await;
            }
        }
    }

    /// All that can be told now, but not too much at once.
    fn take(&mut self) -> Vec<Told> {
        let now = Instant::now();
        let mut batch = Vec::new();
        if self.weave.has_next() {
            batch.reserve_exact(self.words.len() + BATCH);
        }
        batch.extend(self.words.drain(..));
        while batch.len() < BATCH {
            let Some(told) = self.weave.pop(now) else {
                break;
            };
            match self.backlog.as_mut().and_then(|it| it.last.as_mut()) {
                Some(last) if matches!(told, Told::Line(_)) => {
                    last.push_back(told);
                    if last.len() > self.query.most.unwrap_or(usize::MAX) {
                        last.pop_front();
                    }
                }
                _ => batch.push(told),
            }
        }
        self.give_room();
        self.tell_ends(&mut batch);
        if batch.len() < BATCH
            && self.weave.is_caught_up()
            && let Some(backlog) = self.backlog.take()
        {
            self.weave.go_live();
            batch.extend(backlog.last.into_iter().flatten());
            if backlog.is_untimed {
                batch.push(Told::Untimed);
            }
            batch.push(Told::CaughtUp);
        }
        batch
    }

    /// Lets each container send as many pieces as were used up.
    fn give_room(&mut self) {
        for (number, strand) in self.weave.strands_mut() {
            if let Some(backlog) = &mut self.backlog {
                backlog.is_untimed |= strand.is_untimed;
            }
            let used = strand.used();
            if used > 0
                && let Some(source) = self.sources.get(&number)
            {
                source.room.add_permits(used);
            }
        }
    }

    /// Tells of those that are told whole.
    fn tell_ends(&mut self, batch: &mut Vec<Told>) {
        while self.tasks.try_join_next().is_some() {}
        let done = self.weave.strands().filter(|(_, strand)| strand.is_done());
        let done: Vec<Number> = done.map(|(number, _)| number).collect();
        for number in done {
            let (Some(strand), Some(source)) =
                (self.weave.remove(number), self.sources.remove(&number))
            else {
                continue;
            };
            self.remember(&strand.speaker.container);
            let word = match source.error {
                // It was heard of, and has left nothing behind.
                Some(ClusterError::Gone { .. }) if !source.is_there => continue,
                Some(error) => Word::Failed {
                    is_out_of_reach: matches!(error, ClusterError::Unreachable { .. }),
                    reason: chain(&error),
                },
                None if source.is_lost => Word::Failed {
                    reason: "its host does not come back, and the cluster knows it no more"
                        .to_owned(),
                    is_out_of_reach: true,
                },
                None if self.query.follow => Word::Ended,
                None => continue,
            };
            batch.push(Told::Word {
                speaker: strand.speaker,
                word,
            });
        }
    }

    fn remember(&mut self, container: &ContainerId) {
        self.known.remove(container);
        if self.told_names.insert(container.clone()) {
            self.told.push_back(container.clone());
        }
        if self.told.len() > REMEMBERED
            && let Some(oldest) = self.told.pop_front()
        {
            self.told_names.remove(&oldest);
        }
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Piece(number, piece) => {
                let source = self.sources.get_mut(&number);
                if source.is_some_and(|it| !std::mem::replace(&mut it.is_there, true)) {
                    self.tell_joined(number);
                }
                let Some(strand) = self.weave.strand(number) else {
                    return;
                };
                let holds_room = matches!(piece, LogPiece::Bytes { .. } | LogPiece::Missed { .. });
                let word = strand.push(piece);
                let (speaker, is_away) = (Arc::clone(&strand.speaker), strand.is_away());
                if let Some(source) = self.sources.get_mut(&number) {
                    source.away = source.away.or(Some(Instant::now())).filter(|_| is_away);
                    if !holds_room {
                        source.room.add_permits(1);
                    }
                }
                self.words
                    .extend(word.map(|word| Told::Word { speaker, word }));
                self.weave.touched(number, Instant::now());
            }
            Message::Over(number, error) => {
                if let Some(strand) = self.weave.strand(number) {
                    strand.finish();
                    self.weave.touched(number, Instant::now());
                }
                if let Some(source) = self.sources.get_mut(&number) {
                    source.error = error;
                }
            }
            Message::Roster(Roster::Away(reason)) => {
                if !std::mem::replace(&mut self.is_cluster_away, true) {
                    self.words.push_back(Told::ClusterAway { reason });
                }
            }
            Message::Roster(Roster::Seen { speakers, is_there }) => {
                if std::mem::take(&mut self.is_cluster_away) {
                    self.words.push_back(Told::ClusterBack);
                }
                self.may_join = is_there;
                self.join(speakers);
            }
        }
    }

    /// Listens to those that are new, and gives up those that are lost.
    fn join(&mut self, speakers: Vec<Speaker>) {
        let seen: BTreeSet<ContainerId> = speakers.iter().map(|it| it.container.clone()).collect();
        for speaker in speakers {
            if self.known.contains_key(&speaker.container)
                || self.told_names.contains(&speaker.container)
            {
                continue;
            }
            let number = self.listen(speaker, LogStart::Oldest, false);
            if self.sources.get(&number).is_some_and(|it| it.is_there) {
                self.tell_joined(number);
            }
        }
        let lost = self.known.iter().filter(|(container, number)| {
            let away = self.sources.get(number).and_then(|source| source.away);
            !seen.contains(*container) && away.is_some_and(|since| since.elapsed() > LOST)
        });
        let lost: Vec<Number> = lost.map(|(_, number)| *number).collect();
        for number in lost {
            if let Some(source) = self.sources.get_mut(&number) {
                source.task.abort();
                source.is_lost = true;
            }
            self.hear(Message::Over(number, None));
        }
    }

    fn tell_joined(&mut self, number: Number) {
        if let Some(strand) = self.weave.strand(number) {
            self.words.push_back(Told::Word {
                speaker: Arc::clone(&strand.speaker),
                word: Word::Joined,
            });
        }
    }

    /// Where to begin with a container that was there from the beginning.
    fn start_of(&self, container: &ContainerId) -> LogStart {
        match (&self.query.start, self.query.before.get(container)) {
            (LogStart::LastLines(lines), Some(place)) => LogStart::Before {
                place: place.clone(),
                lines: *lines,
            },
            (start, _) => start.clone(),
        }
    }

    /// Begins to read a log.
    fn listen(&mut self, speaker: Speaker, start: LogStart, is_awaited: bool) -> Number {
        let request = LogRequest {
            host: speaker.host.clone(),
            outputs: self.query.outputs,
            start,
            follow: self.query.follow && !(speaker.is_over && speaker.host.is_some()),
            places: self.query.places,
        };
        let is_there = speaker.host.is_some() || is_awaited;
        let container = speaker.container.clone();
        let outputs = self.query.outputs.all();
        let strand = Strand::new(Arc::new(speaker), outputs, Filter::of(&self.query));
        let number = self.weave.add(strand, Instant::now());
        let room = Arc::new(Semaphore::new(PIECES));
        let task = self.tasks.spawn(pump(
            Arc::clone(&self.scene.cluster),
            number,
            container.clone(),
            request,
            Arc::clone(&room),
            self.sender.clone(),
        ));
        let source = Source {
            room,
            task,
            away: None,
            error: None,
            is_there,
            is_lost: false,
        };
        self.known.insert(container, number);
        self.sources.insert(number, source);
        number
    }
}

/// Brings what a container writes, as long as there is room.
async fn pump(
    cluster: Arc<dyn Cluster>,
    number: Number,
    container: ContainerId,
    request: LogRequest,
    room: Arc<Semaphore>,
    told: UnboundedSender<Message>,
) {
    let mut logs = match cluster.logs(&container, &request).await {
        Ok(logs) => logs,
        Err(error) => {
            // Nobody may be left to be told.
            let _ = told.send(Message::Over(number, Some(error)));
            return;
        }
    };
    loop {
        let Ok(permit) = room.acquire().await else {
            return;
        };
        permit.forget();
        let message = match logs.next().await {
            Some(Ok(piece)) => Message::Piece(number, piece),
            Some(Err(error)) => Message::Over(number, Some(error)),
            None => Message::Over(number, None),
        };
        let is_over = matches!(message, Message::Over(..));
        if told.send(message).is_err() || is_over {
            return;
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
