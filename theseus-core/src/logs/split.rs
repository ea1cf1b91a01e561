//! From the bytes of one output to its lines.

use std::collections::VecDeque;

use bytes::Bytes;
use jiff::Timestamp;

/// A line that is longer, in bytes, is told in parts.
pub const LONGEST_LINE: usize = 32 << 10;

/// What comes out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    Line {
        text: String,
        /// Whether the rest of it follows.
        continues: bool,
        /// When it was written, as far as that was seen.
        written: Option<Timestamp>,
    },
    /// Something is missing here.
    Gap,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes, Option<Timestamp>),
    Gap,
}

/// Makes lines of pieces, whatever the pieces end in.
#[derive(Debug, Default)]
pub(super) struct Split {
    pieces: VecDeque<Piece>,
    /// How much of the first piece is told.
    at: usize,
    /// The beginning of a line whose end has not come.
    beginning: Vec<u8>,
    /// Whether no more pieces come.
    is_over: bool,
    /// How many pieces were used up.
    used: usize,
}

impl Split {
    pub(super) fn push(&mut self, bytes: Bytes, written: Option<Timestamp>) {
        self.pieces.push_back(Piece::Bytes(bytes, written));
    }

    pub(super) fn push_gap(&mut self) {
        self.pieces.push_back(Piece::Gap);
    }

    /// No more pieces come: what has no end is a line, too.
    pub(super) fn finish(&mut self) {
        self.is_over = true;
    }

    /// How many pieces were used up since this was last asked.
    pub(super) fn used(&mut self) -> usize {
        std::mem::take(&mut self.used)
    }

    /// How many pieces wait.
    pub(super) fn waiting(&self) -> usize {
        self.pieces.len()
    }

    pub(super) fn next(&mut self) -> Option<Item> {
        loop {
            let Some(piece) = self.pieces.front() else {
                let is_rest = self.is_over && !self.beginning.is_empty();
                return is_rest.then(|| self.line(false, None));
            };
            let Piece::Bytes(bytes, written) = piece else {
                if !self.beginning.is_empty() {
                    // Its end is what is missing.
                    return Some(self.line(false, None));
                }
                self.pieces.pop_front();
                self.used += 1;
                return Some(Item::Gap);
            };
            let written = *written;
            let room = LONGEST_LINE - self.beginning.len();
            let rest = &bytes[self.at..];
            let within = &rest[..rest.len().min(room + 1)];
            match memchr::memchr(b'\n', within) {
                Some(end) if self.beginning.is_empty() => {
                    let line = told(&within[..end], false, written);
                    self.pass(end + 1);
                    return Some(line);
                }
                Some(end) => {
                    self.beginning.extend_from_slice(&within[..end]);
                    self.pass(end + 1);
                    return Some(self.line(false, written));
                }
                None if within.len() > room => {
                    self.beginning.extend_from_slice(&within[..room]);
                    self.pass(room);
                    return Some(self.line(true, written));
                }
                None => {
                    let all = within.len();
                    self.beginning.extend_from_slice(within);
                    self.pass(all);
                }
            }
        }
    }

    /// Goes on so many bytes, and lets the first piece go once nothing is left of it.
    fn pass(&mut self, count: usize) {
        self.at += count;
        if let Some(Piece::Bytes(bytes, _)) = self.pieces.front()
            && bytes.len() == self.at
        {
            self.pieces.pop_front();
            self.at = 0;
            self.used += 1;
        }
    }

    /// The line that has begun. Of one that continues, a character that is cut begins the rest.
    fn line(&mut self, continues: bool, written: Option<Timestamp>) -> Item {
        let rest = if continues {
            let whole = whole_characters(&self.beginning);
            self.beginning.split_off(whole)
        } else {
            Vec::new()
        };
        let line = std::mem::replace(&mut self.beginning, rest);
        told(&line, continues, written)
    }
}

fn told(line: &[u8], continues: bool, written: Option<Timestamp>) -> Item {
    let line = match line {
        [line @ .., b'\r'] if !continues => line,
        line => line,
    };
    // Which is what nearly all of them are, and is seen sooner than what else a line may be.
    let text = match str::from_utf8(line) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(line).into_owned(),
    };
    Item::Line {
        text,
        continues,
        written,
    }
}

/// How much of this is surely not cut in a character; all of what is no text anyway.
fn whole_characters(bytes: &[u8]) -> usize {
    let end = bytes.len();
    let is_inside = |byte: u8| byte & 0xc0 == 0x80;
    let begins = (1..=4.min(end)).find(|back| !is_inside(bytes[end - back]));
    let Some(back) = begins else {
        return end;
    };
    let length = match bytes[end - back] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    if length > back { end - back } else { end }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All lines of this text, cut at these places.
    fn lines(text: &[u8], cuts: &[usize]) -> Vec<(String, bool)> {
        let (mut split, mut lines, mut from) = (Split::default(), Vec::new(), 0);
        let mut take = |split: &mut Split| {
            while let Some(item) = split.next() {
                match item {
                    Item::Line {
                        text, continues, ..
                    } => lines.push((text, continues)),
                    Item::Gap => lines.push(("GAP".to_owned(), false)),
                }
            }
        };
        let ends = cuts
            .iter()
            .map(|cut| cut % (text.len() + 1))
            .chain([text.len()]);
        let mut pieces = 0;
        for end in ends.filter(|end| *end > 0) {
            if end > from {
                split.push(Bytes::copy_from_slice(&text[from..end]), None);
                pieces += 1;
                from = end;
            }
            take(&mut split);
        }
        split.finish();
        take(&mut split);
        assert_eq!(split.used(), pieces);
        lines
    }

    fn texts(text: &str) -> Vec<String> {
        lines(text.as_bytes(), &[])
            .into_iter()
            .map(|it| it.0)
            .collect()
    }

    #[test]
    fn lines_are_what_stands_between_their_ends() {
        assert_eq!(texts("a\nb\r\n\nc"), ["a", "b", "", "c"]);
        assert_eq!(texts("a\n"), ["a"]);
        assert_eq!(texts("\n"), [""]);
        assert_eq!(texts(""), [""; 0]);
        let binary = lines(b"\xff\x00\xfe\n", &[]);
        assert_eq!(binary, [("\u{fffd}\0\u{fffd}".to_owned(), false)]);
    }

    #[test]
    fn what_is_too_long_comes_in_parts_and_nothing_of_it_is_lost() {
        let long = "é".repeat(50_000);
        let parts = lines(format!("{long}\nend\n").as_bytes(), &[]);
        assert_eq!(parts.len(), 5);
        let flags: Vec<bool> = parts.iter().map(|it| it.1).collect();
        assert_eq!(flags, [true, true, true, false, false]);
        let whole: String = parts[..4].iter().map(|it| it.0.as_str()).collect();
        assert_eq!(whole, long);
        assert!(parts.iter().all(|it| it.0.len() <= LONGEST_LINE));
        let just = "x".repeat(LONGEST_LINE);
        assert_eq!(lines(format!("{just}\n").as_bytes(), &[]), [(just, false)]);
    }

    #[test]
    fn a_line_ends_where_something_is_missing() {
        let mut split = Split::default();
        split.push(Bytes::from_static(b"half a li"), None);
        split.push_gap();
        split.push(Bytes::from_static(b"whole\n"), None);
        let mut next = || match split.next()? {
            Item::Line { text, .. } => Some(text),
            Item::Gap => Some("…".to_owned()),
        };
        let told: Vec<String> = std::iter::from_fn(&mut next).collect();
        assert_eq!(told, ["half a li", "…", "whole"]);
    }

    proptest! {
        #[test]
        fn where_pieces_end_does_not_matter(
            text in "[ab\n\ré🦀]{0,60}",
            mut cuts in proptest::collection::vec(0..300_usize, 0..8),
        ) {
            for cut in &mut cuts {
                *cut %= text.len() + 1;
            }
            cuts.sort_unstable();
            prop_assert_eq!(lines(text.as_bytes(), &cuts), lines(text.as_bytes(), &[]));
        }

        #[test]
        fn nothing_is_lost(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let told = lines(&bytes, &[]);
            let ends = bytes.split(|byte| *byte == b'\n').count() - 1;
            let last = usize::from(!bytes.is_empty() && !bytes.ends_with(b"\n"));
            prop_assert_eq!(told.len(), ends + last);
        }
    }
}
