//! The lines of several containers in one order: by time where that is known, and for each of them as
//! it wrote them.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};

use tokio::time::{Duration, Instant};

use super::Told;
use super::strand::{Due, Strand};

/// Which strand.
pub(super) type Number = usize;

/// Strands, of which the next line is told that is the oldest.
#[derive(Debug, Default)]
pub(super) struct Weave {
    /// By their numbers; those that have gone leave their places empty.
    strands: Vec<Option<Box<Thread>>>,
    /// Those whose next line is known.
    ready: BinaryHeap<Reverse<(Due, Number)>>,
    /// How many strands those are; of others that have gone something may be left in `ready`.
    ready_count: usize,
    /// Those whose next line has to come before the others may go on, and when something last came of
    /// them.
    awaited: BTreeMap<Number, Instant>,
    /// Whether nobody waits for anybody: lines come as they are written.
    is_live: bool,
}

/// A strand, and whether it is in `ready`.
#[derive(Debug)]
struct Thread {
    strand: Strand,
    is_ready: bool,
}

impl Weave {
    pub(super) fn add(&mut self, strand: Strand, now: Instant) -> Number {
        let number = self.strands.len();
        let thread = Thread {
            strand,
            is_ready: false,
        };
        self.strands.push(Some(Box::new(thread)));
        self.touched(number, now);
        number
    }

    pub(super) fn remove(&mut self, number: Number) -> Option<Strand> {
        self.awaited.remove(&number);
        let thread = self.strands.get_mut(number)?.take()?;
        // What is left of it in `ready` is passed over.
        self.ready_count -= usize::from(thread.is_ready);
        Some(thread.strand)
    }

    pub(super) fn strand(&mut self, number: Number) -> Option<&mut Strand> {
        let thread = self.strands.get_mut(number)?.as_mut()?;
        Some(&mut thread.strand)
    }

    pub(super) fn strands(&self) -> impl Iterator<Item = (Number, &Strand)> {
        let places = self.strands.iter().enumerate();
        places.filter_map(|(number, place)| Some((number, &place.as_ref()?.strand)))
    }

    pub(super) fn strands_mut(&mut self) -> impl Iterator<Item = (Number, &mut Strand)> {
        let places = self.strands.iter_mut().enumerate();
        places.filter_map(|(number, place)| Some((number, &mut place.as_mut()?.strand)))
    }

    /// Something has come of this strand.
    pub(super) fn touched(&mut self, number: Number, now: Instant) {
        let Some(Some(thread)) = self.strands.get_mut(number) else {
            return;
        };
        if thread.is_ready {
            return;
        }
        if let Some(due) = thread.strand.next_due() {
            self.awaited.remove(&number);
            thread.is_ready = true;
            self.ready_count += 1;
            self.ready.push(Reverse((due, number)));
        } else if thread.strand.awaits() && !self.is_live {
            self.awaited.insert(number, now);
        } else {
            self.awaited.remove(&number);
        }
    }

    /// The next line, if it is known which is next.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Told> {
        if self.is_waiting() {
            return None;
        }
        loop {
            let mut first = self.ready.peek_mut()?;
            let Reverse((_, number)) = *first;
            let Some(Some(thread)) = self.strands.get_mut(number) else {
                PeekMut::pop(first);
                continue;
            };
            let told = thread.strand.pop();
            // One that goes on only changes its place.
            if let Some(due) = thread.strand.next_due() {
                first.0.0 = due;
            } else {
                PeekMut::pop(first);
                thread.is_ready = false;
                self.ready_count -= 1;
                self.touched(number, now);
            }
            if told.is_some() {
                return told;
            }
        }
    }

    /// Whether the next line is known.
    pub(super) fn has_next(&self) -> bool {
        self.ready_count > 0 && !self.is_waiting()
    }

    /// Whether nothing may be told because somebody is waited for.
    pub(super) fn is_waiting(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Since when somebody is waited for of whom nothing comes.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        self.awaited.values().min().copied()
    }

    /// Waits no longer for those of whom nothing came for so long.
    pub(super) fn lose_patience(&mut self, patience: Duration, now: Instant) {
        let is_late = |since: &Instant| now.duration_since(*since) >= patience;
        let late = self.awaited.iter().filter(|(_, since)| is_late(since));
        for number in late.map(|(number, _)| *number).collect::<Vec<_>>() {
            if let Some(strand) = self.strand(number) {
                strand.wait_no_longer();
            }
            self.awaited.remove(&number);
            self.touched(number, now);
        }
    }

    /// From now on lines are told as they come.
    pub(super) fn go_live(&mut self) {
        self.is_live = true;
        self.awaited.clear();
    }

    /// Whether all is told that was there, as far as anybody waits for it.
    pub(super) fn is_caught_up(&self) -> bool {
        self.ready_count == 0 && self.strands().all(|(_, strand)| strand.is_past())
    }
}
