//! The text of a source, and the places in it.

use std::ops::Range;
use std::sync::Arc;

use super::fault::Place;
use super::snippet::snippet;

/// A half-open range of bytes of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Span {
    /// The first byte.
    pub(super) start: usize,
    /// The byte behind the last one.
    pub(super) end: usize,
}

impl Span {
    /// From the start of this one to the end of the other.
    pub(super) fn to(self, other: Self) -> Self {
        Self {
            start: self.start,
            end: other.end.max(self.start),
        }
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

/// A source's text and what is needed to find places in it quickly.
#[derive(Debug)]
pub(super) struct Text<'s> {
    /// How the source is called.
    pub(super) name: Arc<str>,
    /// The text itself.
    pub(super) content: &'s str,
    /// The byte behind the last one that is not blank.
    end: usize,
    /// Where each line begins.
    lines: Vec<usize>,
    chars: CharIndex,
}

impl<'s> Text<'s> {
    pub(super) fn new(name: Arc<str>, text: &'s str) -> Self {
        Self {
            name,
            content: text,
            end: text.trim_end().len(),
            lines: line_starts(text.as_bytes()),
            chars: CharIndex::new(text),
        }
    }

    /// The byte at which the character with this number begins.
    pub(super) fn byte_of(&self, character: usize) -> usize {
        self.chars.byte_of(self.content, character)
    }

    /// The number of the line that a byte is in, counted from 1.
    pub(super) fn line_of(&self, byte: usize) -> usize {
        self.lines.partition_point(|&start| start <= byte)
    }

    /// The bytes of each line, without what ends it.
    pub(super) fn lines(&self) -> impl Iterator<Item = Range<usize>> {
        (1..=self.lines.len()).map(|number| self.line(number))
    }

    fn line(&self, number: usize) -> Range<usize> {
        let start = self.lines[number - 1];
        let end = self
            .lines
            .get(number)
            .copied()
            .unwrap_or(self.content.len());
        let line = self.content[start..end].trim_end_matches(['\n', '\r']);
        start..start + line.len()
    }

    /// What is behind a byte on its line.
    pub(super) fn rest_of_line(&self, byte: usize) -> &str {
        let line = self.line(self.line_of(byte));
        self.content.get(byte..line.end).unwrap_or_default()
    }

    /// Where a span is, for people. `masks` are sorted and do not overlap.
    pub(super) fn place(&self, span: Span, masks: &[Span]) -> Place {
        // What is missing at the end of a file is shown behind its last word, not on an empty line.
        let start = span.start.min(self.end);
        let number = self.line_of(start);
        let line = self.line(number);
        let start = start.min(line.end);
        let mark = start..span.end.clamp(start, line.end);
        let chars_until = |byte| self.chars.char_of(self.content, byte);
        Place {
            file: Arc::clone(&self.name),
            line: number,
            column: chars_until(start) - chars_until(line.start) + 1,
            snippet: snippet(self.content, line, mark, masks),
        }
    }
}

/// Where lines begin; a line ends with LF, CR LF or CR.
fn line_starts(bytes: &[u8]) -> Vec<usize> {
    let ends = bytes.iter().enumerate().filter(|&(at, &byte)| {
        byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'))
    });
    std::iter::once(0)
        .chain(ends.map(|(at, _)| at + 1))
        .collect()
}

/// Translates between characters, which the parser counts, and bytes.
#[derive(Debug)]
enum CharIndex {
    /// They are the same.
    Ascii,
    /// The byte of every [`STRIDE`]th character, from the first one on.
    Checkpoints(Vec<usize>),
}

const STRIDE: usize = 128;

impl CharIndex {
    fn new(text: &str) -> Self {
        if text.is_ascii() {
            return Self::Ascii;
        }
        let bytes = text.char_indices().map(|(byte, _)| byte);
        Self::Checkpoints(bytes.step_by(STRIDE).collect())
    }

    fn byte_of(&self, text: &str, character: usize) -> usize {
        match self {
            Self::Ascii => character.min(text.len()),
            Self::Checkpoints(bytes) => {
                let Some(&near) = bytes.get(character / STRIDE) else {
                    return text.len();
                };
                let rest = text[near..].char_indices().nth(character % STRIDE);
                rest.map_or(text.len(), |(byte, _)| near + byte)
            }
        }
    }

    fn char_of(&self, text: &str, byte: usize) -> usize {
        match self {
            Self::Ascii => byte,
            Self::Checkpoints(bytes) => {
                let index = bytes.partition_point(|&at| at <= byte) - 1;
                index * STRIDE + text[bytes[index]..byte].chars().count()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(text: &str, start: usize, end: usize) -> (usize, usize) {
        let place = Text::new("f".into(), text).place(Span { start, end }, &[]);
        (place.line, place.column)
    }

    #[test]
    fn lines_and_columns_are_counted_from_one_and_in_characters() {
        let text = "ab\nü: ö\r\nc\rd\n\n";
        for (word, expected) in [
            ("a", (1, 1)),
            ("b", (1, 2)),
            ("ö", (2, 4)),
            ("c", (3, 1)),
            ("d", (4, 1)),
        ] {
            let start = text.find(word).unwrap();
            assert_eq!(place(text, start, start + word.len()), expected, "{word}");
        }
        assert_eq!(place(text, text.len(), text.len()), (4, 2), "the end");
        assert_eq!(place("", 0, 0), (1, 1), "nothing");
    }

    proptest! {
        #[test]
        fn characters_and_bytes_are_two_names_of_one_place(text in "[aö€\u{1F600}\r\n]{0,600}") {
            let index = Text::new("f".into(), &text);
            for (number, (byte, _)) in text.char_indices().enumerate() {
                prop_assert_eq!(index.byte_of(number), byte);
                prop_assert_eq!(index.chars.char_of(&text, byte), number);
            }
            prop_assert_eq!(index.byte_of(text.len() + 7), text.len());
        }
    }
}
