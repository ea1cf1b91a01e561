//! What of an output is read next, so that a rotation loses nothing and doubles nothing. No request
//! is made here: who has a [`Track`] does what it [wants](Track::want) and tells it the answer.
//!
//! A place in an output is a file and an offset, and a rotation gives files other names at any time,
//! between a look at the directory and a read as well. So nothing is believed for its name alone:
//! * From one look to the next the files that were rotated before tell how often there was another
//!   rotation: they lie there as they did, under higher numbers. What they leave open is tried.
//! * Each read begins a little before the place, and must bring what was read there before.
//! * What may be another file counts once another look shows that nothing was rotated meanwhile: the
//!   first piece of a file, before which there is nothing, and what is read where it only may be.

use bytes::Bytes;

use super::files::{Family, File};
use super::text::Piece;

/// An agent answers with at most this much of a file: 16 pages of memory.
pub(super) const LARGEST_READ: u64 = 16 * 4096;

/// How much is read once more, to see that it is the same file.
const OVERLAP: usize = 64;

/// How often in a row there may be a look without a pause that leads to nothing.
const MOST_FRUITLESS: u32 = 3;

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Want {
    /// A look at the directory: now, or, when all is told, in a while.
    Look { now: bool },
    /// A piece of a file.
    Read {
        path: String,
        from: u64,
        length: u64,
    },
    /// All of a compressed file, unpacked, but for its first bytes.
    Fetch { path: String, skip: u64 },
}

/// What comes of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Whether something may have been thrown away before these bytes could be read.
    pub(super) missed: bool,
    /// The next bytes of the output.
    pub(super) bytes: Bytes,
    /// How many bytes of the file these are: an agent may have made something else of them.
    pub(super) length: u64,
}

impl Told {
    /// Bytes as they are in the file.
    pub(super) fn exactly(bytes: Vec<u8>) -> Self {
        Self {
            missed: false,
            length: bytes.len() as u64,
            bytes: bytes.into(),
        }
    }
}

/// A file among others at the time of a look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Spot {
    family: Family,
    number: u32,
}

impl Spot {
    fn file(&self) -> Option<&File> {
        self.family.file(self.number)
    }
}

/// How far an output is read.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// Where the file was that is being read, the last time that this was sure.
    sure: Option<Spot>,
    /// Where it seems to be.
    here: Option<Spot>,
    /// Where it may be if it is not there.
    others: Vec<u32>,
    /// Whether what is there has to be read to be sure, even if nothing follows it.
    in_doubt: bool,
    /// How much of it was told.
    offset: u64,
    /// The last that was told of it.
    tail: Vec<u8>,
    /// What was unpacked, until it is enough to see whether it is the right file.
    unpacked: Option<Vec<u8>>,
    /// A piece, until it counts.
    held: Option<Piece>,
    /// Whether the last look turned out to be no good.
    is_stale: bool,
    /// What the look before the last has shown, if the file was nowhere there.
    nowhere: Option<Family>,
    /// Whether the last look has shown the very same.
    is_same: bool,
    /// How many looks in a row led to nothing while something was to be read.
    fruitless: u32,
}

impl Track {
    /// From the oldest that is kept.
    pub(super) fn from_oldest() -> Self {
        Self::default()
    }

    /// From a place on that somebody found: in this file, behind so many bytes, which end so.
    pub(super) fn from_place(family: Family, number: u32, offset: u64, before: &[u8]) -> Self {
        let spot = Spot { family, number };
        let mut track = Self {
            sure: Some(spot.clone()),
            here: Some(spot),
            offset,
            ..Self::default()
        };
        track.remember(before);
        track.advance();
        track
    }

    /// Whether all is told that was there at the last look.
    pub(super) fn is_idle(&self) -> bool {
        let is_settled = self.here.is_some() && self.held.is_none() && !self.is_stale;
        is_settled && matches!(self.want(), Want::Look { .. })
    }

    /// The file that is read.
    pub(super) fn file(&self) -> Option<&File> {
        self.here.as_ref()?.file()
    }

    /// How much is read once more before what is new.
    pub(super) fn overlap(&self) -> u64 {
        self.tail.len() as u64
    }

    pub(super) fn want(&self) -> Want {
        let look = Want::Look {
            now: (self.here.is_none() || self.held.is_some() || self.is_stale)
                && self.fruitless < MOST_FRUITLESS,
        };
        if self.held.is_some() || self.is_stale {
            return look;
        }
        let Some(file) = self.file() else {
            return look;
        };
        let from = self.offset - self.overlap();
        if file.is_compressed {
            return Want::Fetch {
                path: file.path.clone(),
                skip: from,
            };
        }
        if file.size <= self.offset && !self.in_doubt {
            return look;
        }
        Want::Read {
            path: file.path.clone(),
            from,
            length: (file.size.max(self.offset) - from).min(LARGEST_READ),
        }
    }

    /// A look has shown these files.
    pub(super) fn looked(&mut self, family: Family) -> Told {
        self.fruitless = self.fruitless.saturating_add(1);
        let told = self.place(family);
        if self.is_idle() {
            self.fruitless = 0;
        }
        told
    }

    /// Finds the file again among these.
    fn place(&mut self, family: Family) -> Told {
        let mut told = Told::default();
        let Some(sure) = self.sure.clone() else {
            let number = family.oldest();
            self.settle(Spot { family, number });
            return told;
        };
        let was_stale = std::mem::take(&mut self.is_stale);
        self.is_same = self.nowhere.take().as_ref() == Some(&family);
        if let (Some(piece), Some(here)) = (self.held.take(), &self.here)
            && !family.is_rotated_since(&here.family)
        {
            let number = here.number;
            self.settle(Spot { family, number });
            return self.take(piece);
        }
        let is_rotated = family.is_rotated_since(&sure.family);
        let mut places = self.places(&sure, &family);
        if places.is_empty() {
            if sure.number == 0 && family.file(0).is_none() {
                // Being rotated just now, or not begun yet.
                return told;
            }
            self.start_over(family, &sure);
            told.missed = true;
            return told;
        }
        let number = places.remove(0);
        let spot = Spot { family, number };
        // Written to, and yet as long as before.
        let is_odd = spot.file().is_some_and(|file| {
            let before = sure.file().map(|before| before.changed);
            file.size == self.offset && before != Some(file.changed)
        });
        if self.tail.is_empty() || !(is_rotated || is_odd || was_stale) {
            self.settle(spot);
        } else {
            self.in_doubt = true;
            self.others = places;
            self.here = Some(spot);
        }
        self.advance();
        told
    }

    /// What was read, as wanted.
    pub(super) fn read(&mut self, piece: Piece) -> Told {
        let overlap = self.tail.len();
        if !piece.bytes.starts_with(&self.tail) {
            return self.not_here();
        }
        if self.in_doubt || (self.offset == 0 && !piece.bytes.is_empty()) {
            self.held = Some(piece);
            return Told::default();
        }
        // Less than the look has shown.
        self.is_stale = piece.bytes.len() == overlap;
        self.take(piece)
    }

    /// A compressed file is being unpacked, as wanted.
    pub(super) fn fetching(&mut self) {
        self.unpacked = Some(Vec::new());
    }

    /// The next bytes of a compressed file; gives what of it is to be told, and `None` when it is
    /// not the right file.
    pub(super) fn fetched(&mut self, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        if let Some(mut unpacked) = self.unpacked.take() {
            unpacked.append(&mut bytes);
            if unpacked.len() < self.tail.len() {
                self.unpacked = Some(unpacked);
                return Some(Vec::new());
            }
            bytes = unpacked.split_off(self.tail.len());
            if unpacked != self.tail {
                return None;
            }
            if let Some(here) = self.here.clone() {
                self.settle(here);
            }
        }
        self.offset += bytes.len() as u64;
        self.fruitless = 0;
        self.remember(&bytes);
        Some(bytes)
    }

    /// The compressed file is at its end. Whether it was the right one.
    pub(super) fn fetched_all(&mut self) -> bool {
        let is_short = self.unpacked.take().is_some() && !self.tail.is_empty();
        if !is_short {
            self.next_file();
            self.advance();
        }
        !is_short
    }

    /// The file is not there any more, or not the one that it seemed to be.
    pub(super) fn not_here(&mut self) -> Told {
        let (Some(mut here), Some(sure)) = (self.here.take(), self.sure.clone()) else {
            return Told::default();
        };
        let mut told = Told::default();
        if !self.others.is_empty() {
            here.number = self.others.remove(0);
            self.in_doubt = true;
            self.here = Some(here);
        } else if self.in_doubt && self.is_same {
            self.start_over(here.family, &sure);
            told.missed = true;
        } else {
            // Rotated since the last look.
            self.nowhere = Some(here.family.clone());
            self.in_doubt = true;
            self.is_stale = true;
            self.here = Some(here);
        }
        told
    }

    /// Where the file may be now, the likeliest first.
    fn places(&self, sure: &Spot, family: &Family) -> Vec<u32> {
        let numbers = sure.family.shifts(family).map(|shift| sure.number + shift);
        let fits = |number: &u32| {
            let file = family.file(*number);
            file.is_some_and(|file| file.is_compressed || file.size >= self.offset)
        };
        numbers.filter(fits).collect()
    }

    fn settle(&mut self, spot: Spot) {
        self.sure = Some(spot.clone());
        self.here = Some(spot);
        self.others.clear();
        self.in_doubt = false;
    }

    /// What was read is lost: goes on with the oldest file that is not known to be older.
    fn start_over(&mut self, family: Family, sure: &Spot) {
        let known = |file: &&File| {
            let mut before = sure.family.files().iter();
            // By itself, as it would lie there after any number of rotations.
            before.any(|old| old.number >= sure.number.max(1) && is_same(old, file))
        };
        let mut newer = family.files().iter().filter(|file| !known(file));
        let number = newer.next_back().map_or(0, |file| file.number);
        self.offset = 0;
        self.tail.clear();
        self.held = None;
        self.settle(Spot { family, number });
    }

    /// Takes a piece, which begins with what was told last.
    fn take(&mut self, piece: Piece) -> Told {
        let overlap = self.tail.len();
        let mut told = Told {
            bytes: Bytes::from(piece.bytes).split_off(overlap),
            ..Told::default()
        };
        if !told.bytes.is_empty() {
            self.fruitless = 0;
            told.length = piece.length - overlap as u64;
            self.offset += told.length;
            if piece.is_exact {
                self.remember(&told.bytes);
            } else {
                self.tail.clear();
            }
        }
        self.advance();
        told
    }

    /// Keeps the end of what was told, from the beginning of a character on.
    fn remember(&mut self, bytes: &[u8]) {
        let kept = &bytes[bytes.len().saturating_sub(OVERLAP)..];
        let excess = (self.tail.len() + kept.len()).saturating_sub(OVERLAP);
        self.tail.drain(..excess.min(self.tail.len()));
        self.tail.extend_from_slice(kept);
        let is_inside = |byte: &&u8| **byte & 0xc0 == 0x80;
        let inside = self.tail.iter().take_while(is_inside).count();
        self.tail.drain(..inside);
    }

    /// Goes on with the next file when one that nobody writes to any more is told.
    fn advance(&mut self) {
        while let Some(here) = &self.here
            && here.number > 0
            && !self.in_doubt
            && self.held.is_none()
            && here
                .file()
                .is_none_or(|file| !file.is_compressed && file.size <= self.offset)
            && !self.is_stale
        {
            self.next_file();
        }
    }

    fn next_file(&mut self) {
        if let Some(here) = &mut self.here {
            here.number = here.number.saturating_sub(1);
            self.sure = Some(here.clone());
        }
        self.offset = 0;
        self.tail.clear();
    }
}

/// Whether two rotated files look the same.
fn is_same(a: &File, b: &File) -> bool {
    a.changed == b.changed && a.is_compressed == b.is_compressed && a.size == b.size
}

#[cfg(test)]
mod tests;
