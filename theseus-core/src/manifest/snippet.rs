//! The line that a fault is on, as it may be shown: without secrets, and harmless to a terminal.

use std::ops::Range;

use super::fault::Snippet;
use super::text::Span;

/// What stands in for a secret, whatever the secret's length.
const MASK: &str = "••••••";
/// How much of a line is shown before the mark, in characters.
const BEFORE: usize = 60;
/// How much of a line is shown from the mark on, in characters.
const AFTER: usize = 80;

/// The part of a line around the mark, which lies within the line. `masks` are sorted and do not
/// overlap.
pub(super) fn snippet(
    text: &str,
    line: Range<usize>,
    mark: Range<usize>,
    masks: &[Span],
) -> Snippet {
    let skipped = text[line.start..mark.start]
        .char_indices()
        .rev()
        .nth(BEFORE);
    let cut = text[mark.start..line.end].char_indices().nth(AFTER);
    let from = skipped.map_or(line.start, |(at, c)| line.start + at + c.len_utf8());
    let to = cut.map_or(line.end, |(at, _)| mark.start + at);

    let mut shown = String::new();
    if skipped.is_some() {
        shown.push('…');
    }
    push(&mut shown, text, from..mark.start, masks);
    let start = shown.len();
    push(&mut shown, text, mark.start..mark.end.min(to), masks);
    let end = start + shown[start..].trim_end().len();
    push(&mut shown, text, mark.end.min(to)..to, masks);
    if cut.is_some() {
        shown.push('…');
    }
    Snippet {
        text: shown,
        mark: start..end,
    }
}

/// Appends a part of the text. A mask that reaches over an end of the part stands for itself there.
fn push(shown: &mut String, text: &str, part: Range<usize>, masks: &[Span]) {
    let mut at = part.start;
    for mask in &masks[masks.partition_point(|mask| mask.end <= at)..] {
        if mask.start >= part.end {
            break;
        }
        shown.push_str(&printable(&text[at..mask.start.max(at)]));
        shown.push_str(MASK);
        at = mask.end.min(part.end);
    }
    shown.push_str(&printable(&text[at..part.end]));
}

/// The text with nothing in it that moves the cursor or turns the writing round.
pub(super) fn printable(text: &str) -> String {
    let replace = |c| match c {
        '\t' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(replace).collect()
}

/// The beginning of a text that may be long.
pub(super) fn shortened(text: &str) -> String {
    const LENGTH: usize = 70;
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, mark: Range<usize>, masks: &[Range<usize>]) -> String {
        let masks: Vec<_> = masks
            .iter()
            .map(|mask| Span {
                start: mask.start,
                end: mask.end,
            })
            .collect();
        let Snippet { text, mark } = snippet(text, 0..text.len(), mark, &masks);
        format!(
            "{}<{}>{}",
            &text[..mark.start],
            &text[mark.clone()],
            &text[mark.end..]
        )
    }

    #[test]
    fn secrets_are_masked_wherever_the_mark_is() {
        let text = "PASS: hunter2, b: 1";
        let secret = std::slice::from_ref(&(6..13));
        assert_eq!(shown(text, 15..16, secret), "PASS: ••••••, <b>: 1");
        assert_eq!(shown(text, 6..13, secret), "PASS: <••••••>, b: 1");
        assert_eq!(shown(text, 0..19, secret), "<PASS: ••••••, b: 1>");
        assert_eq!(shown(text, 4..4, secret), "PASS<>: ••••••, b: 1");
        // A mark inside a secret tells at most where in it the mark is, never what is there.
        assert!(!shown(text, 8..10, secret).contains("nt"));
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let text = format!("{}X{}", "a".repeat(500), "ö".repeat(500));
        let shown = shown(&text, 500..501, &[]);
        assert_eq!(shown, format!("…{}<X>{}…", "a".repeat(60), "ö".repeat(79)));
    }

    #[test]
    fn a_terminal_takes_no_harm() {
        assert_eq!(
            shown("a\t\u{1b}[2J\u{202e}b", 0..1, &[]),
            "<a> \u{fffd}[2J\u{fffd}b"
        );
    }
}
