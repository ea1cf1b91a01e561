//! Text that obeys nobody.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with everything that a terminal or a page would obey made visible, or left out where it
/// only gives colours; a tab is a space, and stays. What was written cannot move the cursor, change a
/// title, or turn the direction of what stands beside it.
pub fn inert(text: &str) -> Cow<'_, str> {
    // Most lines are plain, and that is quickly seen of all bytes at once.
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~' | b'\t');
    if text.bytes().fold(true, |all, byte| all & is_plain(byte)) {
        return Cow::Borrowed(text);
    }
    let is_told_otherwise = |c: char| is_obeyed(c) && c != '\t';
    if !text.chars().any(is_told_otherwise) {
        return Cow::Borrowed(text);
    }
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(colour) = colour(rest) {
            rest = &rest[colour..];
            continue;
        }
        if is_told_otherwise(c) {
            // Writing to a string cannot fail.
            let _ = write!(told, "{}", c.escape_unicode());
        } else {
            told.push(c);
        }
        rest = &rest[c.len_utf8()..];
    }
    Cow::Owned(told)
}

/// Whether a terminal or a page obeys it, or turns the direction of what stands beside it, rather than
/// shows it.
pub fn is_obeyed(c: char) -> bool {
    let turns_direction = matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns_direction || matches!(c, '\u{2028}' | '\u{2029}')
}

/// How long the colour is with which this begins: `ESC [ 1 ; 31 m`.
fn colour(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("\u{1b}[")?;
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ';' || c == ':'))?;
    rest[end..].starts_with('m').then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_be_obeyed_is_seen_instead() {
        for (text, expected) in [
            ("plain é\t🦀", "plain é\t🦀"),
            ("\u{1b}[1;32mok\u{1b}[0m", "ok"),
            ("\u{1b}[2J\u{1b}[H", "\\u{1b}[2J\\u{1b}[H"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("a\rb\u{8}", "a\\u{d}b\\u{8}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("evil\u{202e}txt", "evil\\u{202e}txt"),
            ("\u{1b}[", "\\u{1b}["),
            ("\u{1b}[31", "\\u{1b}[31"),
            ("\0", "\\u{0}"),
        ] {
            assert_eq!(inert(text), expected, "{text:?}");
        }
        assert!(matches!(inert("plain"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn nothing_is_left_to_obey(text in "[\u{0}-\u{ff}\u{2020}-\u{2070}\\[m0-9;]{0,40}") {
            prop_assert!(!inert(&text).chars().any(|c| is_obeyed(c) && c != '\t'));
        }
    }
}
