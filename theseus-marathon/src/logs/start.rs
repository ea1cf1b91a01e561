//! Where to begin in an output.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::files::{Family, File};
use super::gunzip::Gunzip;
use super::place::{Candidate, Mark};
use super::sandbox::{self, Sandbox};
use super::text::UNKNOWN;
use super::track::{LARGEST_READ, Track};
use crate::failure::Failure;

/// More lines are not looked for from the end on.
const MOST_LINES: u64 = 1 << 20;

/// How much is looked through in search of the last lines: so much anyway, and so much for each. In
/// what has no lines one could search for ever.
const LEAST_SEARCH: u64 = 1 << 20;
const SEARCH_FOR_LINE: u64 = 16 << 10;

/// A place in an output.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// The file's number.
    file: u32,
    offset: u64,
    /// What is right before it, as far as that is known.
    before: Vec<u8>,
}

/// The last lines of an output.
#[derive(Debug)]
pub(super) struct Last {
    pub(super) track: Track,
    /// How many bytes they are, up to where was looked from.
    pub(super) length: u64,
    /// Where they begin, unless that is the beginning of everything.
    pub(super) mark: Option<Mark>,
}

/// Finds where the last lines begin: of all, or of those before a place in these files. `None` where
/// the files changed too much meanwhile, so that one has to look again.
pub(super) async fn last_lines(
    sandbox: &Sandbox,
    family: Family,
    before: Option<(u32, u64)>,
    lines: u64,
) -> Result<Option<Last>, Failure> {
    let mut count = Count::new(lines.min(MOST_LINES));
    let mut oldest = None;
    let (newest, offset) = before.unwrap_or((0, u64::MAX));
    for file in family.files().iter().filter(|file| file.number >= newest) {
        let end = if file.number == newest {
            offset
        } else {
            u64::MAX
        };
        let found = if file.is_compressed {
            count.in_compressed(sandbox, file, end).await?
        } else {
            count.in_plain(sandbox, file, end).await?
        };
        match found {
            Search::Found(place) => {
                let Place {
                    file,
                    offset,
                    before,
                } = place;
                return Ok(Some(Last {
                    length: count.length,
                    mark: Some(Mark::new(&family, file, offset, &before)),
                    track: Track::from_place(family, file, offset, &before),
                }));
            }
            // How long it would be is not known, nor what it has.
            Search::Damaged if before.is_some() => break,
            Search::Further | Search::Damaged => oldest = Some(file.number),
            Search::Changed => return Ok(None),
        }
    }
    Ok(Some(Last {
        length: count.length,
        mark: None,
        track: match oldest {
            Some(oldest) => Track::from_place(family, oldest, 0, &[]),
            None => Track::from_oldest(),
        },
    }))
}

/// Where a place is by now; `None` if what was there is not kept any more.
pub(super) async fn find(
    sandbox: &Sandbox,
    family: &Family,
    mark: &Mark,
) -> Result<Option<(u32, u64)>, Failure> {
    for Candidate { file, check } in mark.candidates(family) {
        let is_it = match check {
            None => true,
            Some((from, to)) => {
                let before = all(sandbox, &file.path, from, to).await?;
                before.is_some_and(|before| mark.follows(&before))
            }
        };
        if is_it {
            return Ok(Some((file.number, mark.offset)));
        }
    }
    Ok(None)
}

/// Begins with the first file that was written to since then.
pub(super) fn since(family: Family, then: Timestamp) -> Track {
    let is_recent = |file: &&File| file.written().is_none_or(|written| written >= then);
    let recent = family.files().iter().take_while(is_recent).last();
    let (number, offset) = match (recent, family.file(0)) {
        (Some(file), _) => (file.number, 0),
        (None, Some(file)) => (0, file.size),
        (None, None) => return Track::from_oldest(),
    };
    Track::from_place(family, number, offset, &[])
}

/// What came of looking through a file.
#[derive(Debug, PartialEq, Eq)]
enum Search {
    Found(Place),
    /// It is in an older file.
    Further,
    /// The file cannot be unpacked.
    Damaged,
    /// The file is not what it was any more.
    Changed,
}

/// Counts lines from the end on.
#[derive(Debug)]
struct Count {
    wanted: u64,
    seen: u64,
    /// Whether the very last byte was looked at: if it ends a line, it begins none.
    is_past_end: bool,
    /// How much may still be looked through.
    patience: u64,
    /// How much the place is before the end.
    length: u64,
}

impl Count {
    fn new(wanted: u64) -> Self {
        Self {
            wanted,
            seen: 0,
            is_past_end: false,
            patience: LEAST_SEARCH.saturating_add(wanted.saturating_mul(SEARCH_FOR_LINE)),
            length: 0,
        }
    }

    /// Goes back through a piece; gives how much of it is before the place, if that is in it.
    fn back(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut rest = bytes;
        if self.wanted == 0 && !bytes.is_empty() {
            return Some(bytes.len());
        }
        while let Some((last, before)) = rest.split_last() {
            let is_end = !std::mem::replace(&mut self.is_past_end, true);
            if *last == b'\n' && !is_end {
                self.seen += 1;
                if self.seen == self.wanted {
                    return Some(rest.len());
                }
            }
            rest = before;
        }
        None
    }

    async fn in_plain(
        &mut self,
        sandbox: &Sandbox,
        file: &File,
        end: u64,
    ) -> Result<Search, Failure> {
        let mut end = file.size.min(end);
        while end > 0 {
            let from = end.saturating_sub(LARGEST_READ);
            let Some(bytes) = all(sandbox, &file.path, from, end).await? else {
                return Ok(Search::Changed);
            };
            if let Some(at) = self.back(&bytes) {
                self.length += end - from - at as u64;
                return Ok(Search::Found(Place {
                    file: file.number,
                    offset: from + at as u64,
                    before: known(&bytes[..at]).to_vec(),
                }));
            }
            self.patience = self.patience.saturating_sub(end - from);
            self.length += end - from;
            end = from;
            if self.patience == 0 && end > 0 {
                return Ok(Search::Found(Place {
                    file: file.number,
                    offset: end,
                    before: Vec::new(),
                }));
            }
        }
        Ok(Search::Further)
    }

    /// What is compressed can be read from its beginning only: the ends of its last lines are kept.
    async fn in_compressed(
        &mut self,
        sandbox: &Sandbox,
        file: &File,
        end: u64,
    ) -> Result<Search, Failure> {
        let Some(mut chunks) = sandbox.download(&file.path).await? else {
            return Ok(Search::Changed);
        };
        let wanted = self.wanted - self.seen;
        let mut ends: VecDeque<u64> = VecDeque::new();
        let mut offset = 0;
        let mut gunzip = Gunzip::new(0);
        let mut take = |bytes: &[u8]| {
            let room = usize::try_from(end - offset).unwrap_or(usize::MAX);
            let bytes = &bytes[..bytes.len().min(room)];
            for at in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
                ends.push_back(offset + at.0 as u64 + 1);
            }
            offset += bytes.len() as u64;
            // One more, since the last may end the file and so begin no line.
            while ends.len() as u64 > wanted + 1 {
                ends.pop_front();
            }
        };
        while let Some(input) = sandbox::next(&mut chunks).await? {
            let mut input = &*input;
            while !input.is_empty() {
                match gunzip.unpack(&mut input) {
                    Ok(bytes) => take(&bytes),
                    // Whatever it is, it is of no use, and nor is what is older.
                    Err(_) => return Ok(Search::Damaged),
                }
            }
        }
        let Ok(bytes) = gunzip.finish() else {
            return Ok(Search::Damaged);
        };
        take(&bytes);
        if !self.is_past_end && ends.back() == Some(&offset) {
            ends.pop_back();
        }
        self.is_past_end |= offset > 0;
        let count = ends.len() as u64;
        if count < wanted {
            self.seen += count;
            self.length += offset;
            return Ok(Search::Further);
        }
        let index = usize::try_from(count - wanted).unwrap_or(usize::MAX);
        // Of what is not in it nothing is wanted.
        let at = ends.get(index).copied().unwrap_or(offset);
        self.length += offset - at;
        Ok(Search::Found(Place {
            file: file.number,
            offset: at,
            before: Vec::new(),
        }))
    }
}

/// The end of these bytes, as far as it is known.
fn known(bytes: &[u8]) -> &[u8] {
    bytes
        .rsplit(|byte| *byte == UNKNOWN)
        .next()
        .unwrap_or(bytes)
}

/// All bytes of a file between two places; `None` if they are not there.
async fn all(
    sandbox: &Sandbox,
    path: &str,
    from: u64,
    to: u64,
) -> Result<Option<Vec<u8>>, Failure> {
    let (mut at, mut bytes) = (from, Vec::new());
    while at < to {
        let piece = sandbox.read(path, at, to - at).await?;
        let Some(piece) = piece.filter(|piece| piece.length > 0) else {
            return Ok(None);
        };
        at += piece.length;
        bytes.append(&mut piece.in_place());
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Where the last lines begin, by reading back in such pieces.
    fn found(text: &str, lines: u64, piece: usize) -> Option<usize> {
        let mut count = Count::new(lines);
        let mut end = text.len();
        while end > 0 {
            let from = end.saturating_sub(piece);
            if let Some(at) = count.back(&text.as_bytes()[from..end]) {
                return Some(from + at);
            }
            end = from;
        }
        None
    }

    #[test]
    fn where_the_last_lines_begin() {
        for (text, lines, expected) in [
            ("a\nb\nc\n", 1, Some(4)),
            ("a\nb\nc\n", 2, Some(2)),
            ("a\nb\nc\n", 3, None),
            ("a\nb\nc", 1, Some(4)),
            ("a\nb\nc\n", 0, Some(6)),
            ("\n\n\n", 1, Some(2)),
            ("\n\n\n", 2, Some(1)),
            ("a", 5, None),
            ("", 1, None),
        ] {
            assert_eq!(found(text, lines, 100), expected, "{text:?} {lines}");
        }
    }

    proptest! {
        #[test]
        fn so_many_lines_follow(text in "[ab\n]{0,40}", lines in 1..10_u64, piece in 1..20_usize) {
            let from = found(&text, lines, piece).unwrap_or(0);
            let all = text.lines().count();
            let told = text[from..].lines().count();
            prop_assert_eq!(told, all.min(usize::try_from(lines).unwrap()));
            prop_assert!(from == 0 || text.as_bytes()[from - 1] == b'\n');
        }
    }
}
