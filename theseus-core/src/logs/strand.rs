//! The lines of one container: its outputs in one order.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use regex::Regex;

use super::split::{Item, Split};
use super::stamp::Calendar;
use super::{Line, Query, Speaker, Told, Word};
use crate::cluster::{LogPiece, Output};

/// When one output has brought so many pieces in a row, the others have nothing to tell: they are read
/// in turns.
const IN_A_ROW: usize = 2;

/// How many lines of an output are found at once, and about how many bytes: a few that lie together are
/// found sooner than each of them when it is its turn, far from all that was worked on before.
const LINES_AT_ONCE: usize = 32;
const BYTES_AT_ONCE: usize = 8 << 10;

/// What lines are wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    pub(super) since: Option<Timestamp>,
    pub(super) grep: Option<Regex>,
}

impl Filter {
    pub(super) fn of(query: &Query) -> Self {
        Self {
            since: query.since,
            grep: query.grep.clone(),
        }
    }
}

/// One output.
#[derive(Debug)]
struct Tape {
    output: Output,
    split: Split,
    /// What comes next of it.
    heads: VecDeque<Head>,
    calendar: Calendar,
    /// The last time that one of its lines told.
    time: Option<Timestamp>,
    /// How many pieces others have brought since it brought one.
    others: usize,
}

impl Tape {
    /// What its next line is ordered by.
    fn due(&self) -> Option<Due> {
        self.heads.front().map(Head::due)
    }

    /// Finds the next lines that are wanted.
    fn fill(&mut self, filter: &Filter, speaker: &Arc<Speaker>, is_untimed: &mut bool) {
        let mut bytes = 0;
        while self.heads.len() < LINES_AT_ONCE && bytes < BYTES_AT_ONCE {
            let Some(item) = self.split.next() else {
                return;
            };
            let Item::Line {
                text,
                continues,
                written,
            } = item
            else {
                let due = Due(self.time);
                self.heads.push_back(Head::Gap { due });
                continue;
            };
            let own = self.calendar.stamp(&text);
            self.time = own.or(self.time);
            let time = self.time.or(written);
            let is_young = filter.since.is_none_or(|since| {
                *is_untimed |= time.is_none();
                time.is_none_or(|time| time >= since)
            });
            let is_wanted =
                is_young && filter.grep.as_ref().is_none_or(|grep| grep.is_match(&text));
            if is_wanted {
                bytes += text.len();
                self.heads.push_back(Head::Line {
                    due: Due(time),
                    line: Line {
                        speaker: Arc::clone(speaker),
                        output: self.output,
                        time: own.or(written),
                        text,
                        continues,
                    },
                });
            }
        }
    }
}

/// What lines are ordered by: what tells no time comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due(Option<Timestamp>);

#[derive(Debug)]
enum Head {
    Line { line: Line, due: Due },
    Gap { due: Due },
}

impl Head {
    fn due(&self) -> Due {
        match self {
            Self::Line { due, .. } | Self::Gap { due } => *due,
        }
    }
}

/// How far a container's log is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// What was there before is being told.
    Behind,
    /// The same, but nobody waits for it any more.
    Late,
    /// All is told that was there, so that lines come as they are written.
    Live,
    /// It cannot be reached.
    Away,
}

/// The lines of one container. What is not known to be older than what is missing waits.
#[derive(Debug)]
pub(super) struct Strand {
    pub(super) speaker: Arc<Speaker>,
    filter: Filter,
    tapes: Vec<Tape>,
    standing: Standing,
    /// Whether no more pieces come.
    is_over: bool,
    /// Whether a line did not say when it was written although that was asked.
    pub(super) is_untimed: bool,
}

impl Strand {
    pub(super) fn new(speaker: Arc<Speaker>, outputs: &[Output], filter: Filter) -> Self {
        let tape = |output: &Output| Tape {
            output: *output,
            split: Split::default(),
            heads: VecDeque::new(),
            calendar: Calendar::default(),
            time: None,
            others: 0,
        };
        Self {
            speaker,
            filter,
            tapes: outputs.iter().map(tape).collect(),
            standing: Standing::Behind,
            is_over: false,
            is_untimed: false,
        }
    }

    /// Takes what has come; gives a word to be told at once.
    pub(super) fn push(&mut self, piece: LogPiece) -> Option<Word> {
        match piece {
            LogPiece::Bytes {
                output,
                bytes,
                written,
            } => {
                // What was there before was written at any time before.
                let written = written.filter(|_| self.standing == Standing::Live);
                for tape in &mut self.tapes {
                    if tape.output == output {
                        tape.others = 0;
                        tape.split.push(bytes.clone(), written);
                    } else {
                        tape.others += 1;
                    }
                }
                None
            }
            LogPiece::Missed { output } => {
                let mut tapes = self.tapes.iter_mut();
                if let Some(tape) = tapes.find(|tape| tape.output == output) {
                    tape.split.push_gap();
                }
                None
            }
            LogPiece::Began(place) => Some(Word::Began { place }),
            LogPiece::CaughtUp => {
                self.standing = Standing::Live;
                None
            }
            LogPiece::OutOfReach { since, reason } => {
                self.standing = Standing::Away;
                Some(Word::OutOfReach { since, reason })
            }
            LogPiece::InReach => {
                self.standing = Standing::Behind;
                Some(Word::InReach)
            }
        }
    }

    /// No more comes.
    pub(super) fn finish(&mut self) {
        self.is_over = true;
        for tape in &mut self.tapes {
            tape.split.finish();
        }
    }

    /// How many pieces were used up since this was last asked.
    pub(super) fn used(&mut self) -> usize {
        self.tapes.iter_mut().map(|tape| tape.split.used()).sum()
    }

    /// What its next line is ordered by, where it is known which is next.
    pub(super) fn next_due(&mut self) -> Option<Due> {
        self.fill();
        if self.awaits() {
            return None;
        }
        self.tapes.iter().filter_map(Tape::due).min()
    }

    /// The next line, or that something is missing.
    pub(super) fn pop(&mut self) -> Option<Told> {
        self.fill();
        if self.awaits() {
            return None;
        }
        let ready = self.tapes.iter_mut().filter(|tape| !tape.heads.is_empty());
        // The first of several that are equal.
        let tape = ready.min_by_key(|tape| tape.due())?;
        Some(match tape.heads.pop_front()? {
            Head::Line { line, .. } => Told::Line(line),
            Head::Gap { .. } => Told::Word {
                speaker: Arc::clone(&self.speaker),
                word: Word::Missed {
                    output: tape.output,
                },
            },
        })
    }

    /// Whether more has to come before the next line is known.
    pub(super) fn awaits(&self) -> bool {
        let is_complete = self.is_past();
        let mut tapes = self.tapes.iter();
        !is_complete && tapes.any(|tape| tape.heads.is_empty() && tape.others < IN_A_ROW)
    }

    /// Whether nobody waits for what it has written so far.
    pub(super) fn is_past(&self) -> bool {
        self.is_over || self.standing != Standing::Behind
    }

    /// Whether its host cannot be reached.
    pub(super) fn is_away(&self) -> bool {
        self.standing == Standing::Away
    }

    /// What is there of it is told from now on without waiting for what may be missing.
    pub(super) fn wait_no_longer(&mut self) {
        self.standing = Standing::Late;
    }

    /// Finds the next lines that are wanted of each output of which none is known.
    fn fill(&mut self) {
        for tape in &mut self.tapes {
            if tape.heads.is_empty() {
                tape.fill(&self.filter, &self.speaker, &mut self.is_untimed);
            }
        }
    }

    /// Whether all is told that will ever come.
    pub(super) fn is_done(&self) -> bool {
        let is_empty = |tape: &Tape| tape.heads.is_empty() && tape.split.waiting() == 0;
        self.is_over && self.tapes.iter().all(is_empty)
    }
}
