//! Where to begin in an output.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::files::{Family, File};
use super::gunzip::Gunzip;
use super::sandbox::{self, Sandbox};
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

/// Finds where the last lines begin. `None` where the files changed too much meanwhile, so that one
/// has to look again.
pub(super) async fn last_lines(
    sandbox: &Sandbox,
    family: Family,
    lines: u64,
) -> Result<Option<Track>, Failure> {
    let mut count = Count::new(lines.min(MOST_LINES));
    let mut oldest = None;
    for file in family.files() {
        let found = if file.is_compressed {
            count.in_compressed(sandbox, file).await?
        } else {
            count.in_plain(sandbox, file).await?
        };
        match found {
            Search::Found(place) => {
                let Place {
                    file,
                    offset,
                    before,
                } = place;
                return Ok(Some(Track::from_place(family, file, offset, &before)));
            }
            Search::Further => oldest = Some(file.number),
            Search::Changed => return Ok(None),
        }
    }
    Ok(Some(match oldest {
        Some(oldest) => Track::from_place(family, oldest, 0, &[]),
        None => Track::from_oldest(),
    }))
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
}

impl Count {
    fn new(wanted: u64) -> Self {
        Self {
            wanted,
            seen: 0,
            is_past_end: false,
            patience: LEAST_SEARCH.saturating_add(wanted.saturating_mul(SEARCH_FOR_LINE)),
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

    async fn in_plain(&mut self, sandbox: &Sandbox, file: &File) -> Result<Search, Failure> {
        let mut end = file.size;
        while end > 0 {
            let from = end.saturating_sub(LARGEST_READ);
            let Some(bytes) = all(sandbox, &file.path, from, end).await? else {
                return Ok(Search::Changed);
            };
            if let Some(at) = self.back(&bytes) {
                return Ok(Search::Found(Place {
                    file: file.number,
                    offset: from + at as u64,
                    before: bytes[..at].to_vec(),
                }));
            }
            self.patience = self.patience.saturating_sub(end - from);
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
    async fn in_compressed(&mut self, sandbox: &Sandbox, file: &File) -> Result<Search, Failure> {
        let Some(mut chunks) = sandbox.download(&file.path).await? else {
            return Ok(Search::Changed);
        };
        let wanted = self.wanted - self.seen;
        let mut ends: VecDeque<u64> = VecDeque::new();
        let mut offset = 0;
        let mut gunzip = Gunzip::new(0);
        let mut take = |bytes: &[u8]| {
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
                    Err(_) => return Ok(Search::Further),
                }
            }
        }
        let Ok(bytes) = gunzip.finish() else {
            return Ok(Search::Further);
        };
        take(&bytes);
        if !self.is_past_end && ends.back() == Some(&offset) {
            ends.pop_back();
        }
        self.is_past_end |= offset > 0;
        let count = ends.len() as u64;
        if count < wanted {
            self.seen += count;
            return Ok(Search::Further);
        }
        let index = usize::try_from(count - wanted).unwrap_or(usize::MAX);
        Ok(match ends.get(index) {
            Some(at) => Search::Found(Place {
                file: file.number,
                offset: *at,
                before: Vec::new(),
            }),
            // Nothing is wanted of it.
            None => Search::Found(Place {
                file: file.number,
                offset,
                before: Vec::new(),
            }),
        })
    }
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
