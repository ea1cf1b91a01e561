//! The lines of one container: its outputs in one order.

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
    head: Option<Head>,
    calendar: Calendar,
    /// The last time that one of its lines told.
    time: Option<Timestamp>,
    /// How many pieces others have brought since it brought one.
    others: usize,
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
            head: None,
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
        let heads = self.tapes.iter().filter_map(|tape| tape.head.as_ref());
        heads.map(Head::due).min()
    }

    /// The next line, or that something is missing.
    pub(super) fn pop(&mut self) -> Option<Told> {
        self.fill();
        if self.awaits() {
            return None;
        }
        let ready = self.tapes.iter_mut().filter(|tape| tape.head.is_some());
        // The first of several that are equal.
        let tape = ready.min_by_key(|tape| tape.head.as_ref().map(Head::due))?;
        Some(match tape.head.take()? {
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
        !is_complete && tapes.any(|tape| tape.head.is_none() && tape.others < IN_A_ROW)
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

    /// Finds the next line of each output that is wanted.
    fn fill(&mut self) {
        for tape in &mut self.tapes {
            while tape.head.is_none()
                && let Some(item) = tape.split.next()
            {
                tape.head = match item {
                    Item::Gap => Some(Head::Gap {
                        due: Due(tape.time),
                    }),
                    Item::Line {
                        text,
                        continues,
                        written,
                    } => {
                        let own = tape.calendar.stamp(&text);
                        tape.time = own.or(tape.time);
                        let is_wanted = self.filter.since.is_none_or(|since| {
                            self.is_untimed |= tape.time.is_none() && written.is_none();
                            tape.time.or(written).is_none_or(|time| time >= since)
                        });
                        let grep = self.filter.grep.as_ref();
                        let is_wanted = is_wanted && grep.is_none_or(|grep| grep.is_match(&text));
                        is_wanted.then(|| Head::Line {
                            due: Due(tape.time.or(written)),
                            line: Line {
                                speaker: Arc::clone(&self.speaker),
                                output: tape.output,
                                time: own.or(written),
                                text,
                                continues,
                            },
                        })
                    }
                };
            }
        }
    }

    /// Whether all is told that will ever come.
    pub(super) fn is_done(&self) -> bool {
        let is_empty = |tape: &Tape| tape.head.is_none() && tape.split.waiting() == 0;
        self.is_over && self.tapes.iter().all(is_empty)
    }
}
