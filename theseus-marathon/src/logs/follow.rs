//! Reading the outputs of a task, from where one was asked to begin until there is no more.

mod begin;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use theseus_core::causes::chain;
use theseus_core::cluster::{ClusterError, LogPiece, LogRequest, Output};
use tokio::time::{Instant, sleep, sleep_until};

use super::gunzip::Gunzip;
use super::sandbox::{self, Sandbox};
use super::track::{Told, Track, Want};
use super::{Finder, Search};
use crate::failure::Failure;
use crate::transport::Chunks;

/// From one look to the next while nothing happens.
const PACE: Duration = Duration::from_secs(1);

/// Each time after so many looks at which nothing was new, the agent is asked instead whether the
/// task is over.
const IDLE_LOOKS: u32 = 5;

/// How long a task, or its files, may be unknown at its agent before they count as gone.
const NOT_YET: Duration = Duration::from_secs(60);

/// What went wrong.
#[derive(Debug)]
enum Trouble {
    Failed(Failure),
    /// The files are not there any more.
    Gone,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// One output.
#[derive(Debug)]
struct Reading {
    output: Output,
    track: Track,
    /// How much is still to be told of it, where it is to end at a place.
    left: Option<u64>,
}

impl Reading {
    /// Whether nothing is to be read of it now.
    fn is_idle(&self) -> bool {
        self.left == Some(0) || self.track.is_idle()
    }
}

/// So often in a row something else may come for a compressed file until that is what it holds.
const MOST_NONSENSE: u32 = 5;

/// The first byte of everything that gzip has packed.
const GZIP: u8 = 0x1f;

/// A compressed file while it comes in.
struct Fetch {
    /// Of which output.
    index: usize,
    chunks: Chunks,
    gunzip: Gunzip,
    /// What came in and is not unpacked.
    input: Bytes,
    /// Whether anything has come in yet.
    is_begun: bool,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Running,
    /// What there is now is all.
    Over,
    /// There was a look since that was known.
    Final,
}

impl Life {
    fn of(is_over: bool) -> Self {
        if is_over { Self::Over } else { Self::Running }
    }
}

/// Reads the outputs of a task.
pub(super) struct Follower {
    finder: Finder,
    want: LogRequest,
    sandbox: Option<Sandbox>,
    readings: Vec<Reading>,
    fetch: Option<Fetch>,
    /// How often in a row something else came for a compressed file.
    nonsense: u32,
    /// Which output is read next.
    turn: usize,
    /// What is to be told.
    pieces: VecDeque<LogPiece>,
    /// When the next look may be.
    next_look: Instant,
    /// Until then nothing is done: whoever makes files vanish all the time is not asked for more of
    /// them as fast as he can answer.
    rest: Instant,
    idle_looks: u32,
    life: Life,
    caught_up: bool,
    /// Since when it is not there.
    gone_since: Option<Instant>,
    /// When the agent last answered.
    answered: Option<Timestamp>,
    out_of_reach: bool,
    /// Whether nothing more is told.
    is_done: bool,
}

impl Follower {
    pub(super) fn new(finder: Finder, want: &LogRequest) -> Self {
        Self {
            finder,
            want: want.clone(),
            sandbox: None,
            readings: Vec::new(),
            fetch: None,
            nonsense: 0,
            turn: 0,
            pieces: VecDeque::new(),
            next_look: Instant::now(),
            rest: Instant::now(),
            idle_looks: 0,
            life: Life::Running,
            caught_up: false,
            gone_since: None,
            answered: None,
            out_of_reach: false,
            is_done: false,
        }
    }

    /// The next piece; `None` when there are no more.
    pub(super) async fn next(&mut self) -> Option<Result<LogPiece, ClusterError>> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                return Some(Ok(piece));
            }
            if self.is_done {
                return None;
            }
            sleep_until(self.rest).await;
            let outcome = self.step().await;
            if outcome.is_ok() {
                self.heard();
            }
            match outcome {
                Ok(()) => {}
                Err(Trouble::Failed(failure)) if self.want.follow && may_pass(&failure) => {
                    self.lost(failure);
                    sleep(2 * PACE).await;
                }
                Err(Trouble::Gone) if self.want.follow && self.may_be_there_again() => {
                    self.fetch = None;
                    self.sandbox = None;
                    sleep(PACE).await;
                }
                Err(trouble) => {
                    self.is_done = true;
                    return Some(Err(match trouble {
                        Trouble::Failed(failure) => self.finder.error(failure),
                        Trouble::Gone => self.finder.gone(),
                    }));
                }
            }
        }
    }

    /// Whether what is not there may be there soon: a task is known elsewhere before its agent knows
    /// it, and an agent that starts anew does not show everything at once.
    fn may_be_there_again(&mut self) -> bool {
        let since = *self.gone_since.get_or_insert_with(Instant::now);
        self.life == Life::Running && since.elapsed() < NOT_YET
    }

    /// The agent has answered.
    fn heard(&mut self) {
        if self.sandbox.is_none() {
            return;
        }
        self.answered = Some(Timestamp::now());
        if std::mem::take(&mut self.out_of_reach) {
            self.pieces.push_front(LogPiece::InReach);
        }
    }

    /// The agent cannot be reached.
    fn lost(&mut self, failure: Failure) {
        self.fetch = None;
        // What is written meanwhile comes late, too.
        self.caught_up = false;
        if !std::mem::replace(&mut self.out_of_reach, true) {
            self.pieces.push_back(LogPiece::OutOfReach {
                since: self.answered,
                reason: chain(&self.finder.error(failure)),
            });
        }
    }

    /// Does the next thing.
    async fn step(&mut self) -> Result<(), Trouble> {
        let Some(sandbox) = self.sandbox.clone() else {
            return self.find().await;
        };
        if self.readings.is_empty() {
            return self.begin(&sandbox).await;
        }
        if let Some(fetch) = self.fetch.take() {
            return self.go_on(fetch).await;
        }
        if let Some(index) = self.next_reading() {
            return self.act(&sandbox, index).await;
        }
        let mut readings = self.readings.iter();
        if !readings.all(Reading::is_idle) {
            // The directory changes faster than it can be read.
            sleep_until(self.next_look).await;
            return self.look(&sandbox).await;
        }
        // Nobody knows that while the agent cannot be asked.
        if !self.out_of_reach && !std::mem::replace(&mut self.caught_up, true) {
            self.pieces.push_back(LogPiece::CaughtUp);
        }
        if !self.want.follow || self.life == Life::Final {
            self.is_done = true;
            return Ok(());
        }
        sleep_until(self.next_look).await;
        self.next_look = Instant::now() + PACE;
        if self.idle_looks >= IDLE_LOOKS {
            self.idle_looks = 0;
            return self.ask_whether_over().await;
        }
        self.idle_looks += 1;
        self.look(&sandbox).await
    }

    async fn find(&mut self) -> Result<(), Trouble> {
        match self.finder.find().await {
            Search::Found(agent, run) => {
                self.finder.host = Some(agent.host.clone());
                self.life = Life::of(run.is_over);
                if run.directory.is_empty() {
                    return Err(Trouble::Gone);
                }
                self.sandbox = Some(Sandbox {
                    agent,
                    directory: run.directory,
                });
                Ok(())
            }
            Search::OutOfReach(failure) => Err(failure.into()),
            Search::Unknown => Err(Trouble::Gone),
        }
    }

    /// The next output of which there is something to read, in turns.
    fn next_reading(&mut self) -> Option<usize> {
        let count = self.readings.len();
        let mut turns = (0..count).map(|next| (self.turn + next) % count);
        let index = turns.find(|index| !self.readings[*index].is_idle())?;
        // A directory that keeps changing is not looked at any more often for that.
        let want = self.readings[index].track.want();
        if want == (Want::Look { now: false }) {
            return None;
        }
        self.turn = index + 1;
        Some(index)
    }

    async fn act(&mut self, sandbox: &Sandbox, index: usize) -> Result<(), Trouble> {
        let Reading { track, left, .. } = &mut self.readings[index];
        let told = match track.want() {
            Want::Look { .. } => return self.look(sandbox).await,
            Want::Read { path, from, length } => {
                let most = left.map_or(length, |left| left.saturating_add(track.overlap()));
                match sandbox.read(&path, from, length.min(most)).await? {
                    Some(piece) => track.read(piece),
                    None => track.not_here(),
                }
            }
            want @ Want::Fetch { .. } => {
                let Want::Fetch { path, skip } = &want else {
                    return Ok(());
                };
                let chunks = sandbox.download(path).await?;
                // What is open now is the right file if nothing was rotated before.
                self.look(sandbox).await?;
                let track = &mut self.readings[index].track;
                match chunks {
                    Some(chunks) if track.want() == want => {
                        track.fetching();
                        self.fetch = Some(Fetch {
                            index,
                            chunks,
                            gunzip: Gunzip::new(*skip),
                            input: Bytes::new(),
                            is_begun: false,
                        });
                        return Ok(());
                    }
                    Some(_) => return Ok(()),
                    None => track.not_here(),
                }
            }
        };
        self.tell(index, told);
        Ok(())
    }

    /// Unpacks what has come in of a compressed file, or waits for more.
    async fn go_on(&mut self, mut fetch: Fetch) -> Result<(), Trouble> {
        let index = fetch.index;
        if fetch.input.is_empty() {
            match sandbox::next(&mut fetch.chunks).await? {
                Some(input) => {
                    // What a proxy says in its place is no file of which something is lost.
                    let is_nonsense = input.first().is_some_and(|first| *first != GZIP);
                    if !fetch.is_begun && is_nonsense && self.nonsense < MOST_NONSENSE {
                        self.nonsense += 1;
                        self.rest = Instant::now() + PACE;
                        return Ok(());
                    }
                    if !input.is_empty() {
                        fetch.is_begun = true;
                        self.nonsense = 0;
                    }
                    fetch.input = input;
                    self.fetch = Some(fetch);
                }
                None => self.end_of_file(index, fetch.gunzip.finish()),
            }
            return Ok(());
        }
        let mut input = &*fetch.input;
        let unpacked = fetch.gunzip.unpack(&mut input);
        fetch.input = fetch.input.slice(fetch.input.len() - input.len()..);
        match unpacked {
            Ok(bytes) => {
                if self.unpacked(index, bytes) {
                    self.fetch = Some(fetch);
                }
            }
            Err(error) => self.end_of_file(index, Err(error)),
        }
        Ok(())
    }

    /// Tells what was unpacked, if it is of the right file.
    fn unpacked(&mut self, index: usize, bytes: Vec<u8>) -> bool {
        let track = &mut self.readings[index].track;
        let fetched = track.fetched(bytes);
        let is_right = fetched.is_some();
        let told = match fetched {
            Some(bytes) => Told::exactly(bytes),
            None => track.not_here(),
        };
        self.tell(index, told);
        is_right && self.readings[index].left != Some(0)
    }

    /// A compressed file is at its end, or of no more use.
    fn end_of_file(&mut self, index: usize, rest: std::io::Result<Vec<u8>>) {
        let is_damaged = match rest {
            Ok(bytes) => {
                if !self.unpacked(index, bytes) {
                    return;
                }
                false
            }
            Err(error) => {
                tracing::debug!(%error, "a file cannot be unpacked");
                true
            }
        };
        let track = &mut self.readings[index].track;
        // Of another file than the one that is looked for nothing can be missed.
        let told = if track.fetched_all() {
            Told {
                missed: is_damaged,
                ..Told::default()
            }
        } else {
            track.not_here()
        };
        self.tell(index, told);
    }

    /// Looks at the directory, for all outputs that wait for that.
    async fn look(&mut self, sandbox: &Sandbox) -> Result<(), Trouble> {
        let life = self.life;
        let directory = look(sandbox).await?;
        self.gone_since = None;
        self.next_look = Instant::now() + PACE;
        if life != Life::Running {
            self.life = Life::Final;
        }
        for index in 0..self.readings.len() {
            let Reading { output, track, .. } = &mut self.readings[index];
            let waits = matches!(track.want(), Want::Look { .. } | Want::Fetch { .. });
            if waits {
                let told = track.looked(directory.of(*output).clone());
                self.tell(index, told);
            }
        }
        Ok(())
    }

    async fn ask_whether_over(&mut self) -> Result<(), Trouble> {
        match self.finder.find().await {
            Search::Found(_, run) => self.life = Life::of(run.is_over),
            // So it was, and its agent has forgotten it.
            Search::Unknown => self.life = Life::Over,
            Search::OutOfReach(failure) => return Err(failure.into()),
        }
        Ok(())
    }

    fn tell(&mut self, index: usize, mut told: Told) {
        let Reading {
            output,
            track,
            left,
        } = &mut self.readings[index];
        if let Some(left) = left {
            // Only what was unpacked goes beyond, and that is as it is in its file.
            if told.length > *left {
                let room = usize::try_from(*left).unwrap_or(usize::MAX);
                told.bytes.truncate(room);
            }
            *left = left.saturating_sub(told.length);
        }
        if told.missed {
            self.rest = Instant::now() + PACE;
            self.pieces.push_back(LogPiece::Missed { output: *output });
        }
        if !told.bytes.is_empty() {
            self.idle_looks = 0;
            self.pieces.push_back(LogPiece::Bytes {
                output: *output,
                bytes: told.bytes,
                written: track.file().and_then(super::files::File::written),
            });
        }
    }
}

/// Whether it may be otherwise the next time: who answers nonsense now may be a proxy, or an agent
/// that just starts.
fn may_pass(failure: &Failure) -> bool {
    !matches!(failure, Failure::Denied(_) | Failure::Gone(_))
}

async fn look(sandbox: &Sandbox) -> Result<super::files::Directory, Trouble> {
    sandbox.look().await?.ok_or(Trouble::Gone)
}
