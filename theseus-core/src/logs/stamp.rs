//! When a line was written, as it says itself.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimeParser;

/// No time is written with more characters.
const LONGEST: usize = 40;

/// The time with which a line begins, if it begins with one that says where on earth it is meant:
/// `2026-01-02T03:04:05.678Z`, in brackets or not, with a space in its middle or not. Without a zone
/// nobody knows when that was.
pub(super) fn stamp(text: &str) -> Option<Timestamp> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    let text = text.trim_start_matches(['[', '(', '"', ' ']);
    let bytes = text.as_bytes();
    let looks_so = bytes.len() > 19
        && bytes[0].is_ascii_digit()
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[13] == b':';
    if !looks_so {
        return None;
    }
    let mut length = 0;
    for (at, byte) in bytes.iter().enumerate().take(LONGEST) {
        let goes_on = byte.is_ascii_digit()
            || matches!(
                byte,
                b'-' | b':' | b'.' | b',' | b'+' | b'T' | b't' | b'Z' | b'z'
            )
            || (*byte == b' ' && at == 10);
        if !goes_on {
            break;
        }
        length = at + 1;
    }
    let told = text[..length].trim_end_matches(['.', ',', ':', '-']);
    PARSER.parse_timestamp(told).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_that_begin_with_a_time() {
        let time = "2026-01-02T03:04:05.678Z";
        for text in [
            "2026-01-02T03:04:05.678Z hello",
            "[2026-01-02T03:04:05.678Z] hello",
            "2026-01-02 03:04:05.678Z hello",
            "2026-01-02 03:04:05,678Z: hello",
            "2026-01-02T04:04:05.678+01:00 hello",
            "2026-01-02T03:04:05.678+0000\thello",
            "\"2026-01-02T03:04:05.678Z\"",
        ] {
            assert_eq!(stamp(text), time.parse().ok(), "{text}");
        }
        for text in [
            "",
            "hello",
            // Whose clock?
            "2026-01-02 03:04:05,678 INFO hello",
            "2026-13-02T03:04:05Z",
            "2026-01-02",
            "hello 2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05ünd",
        ] {
            assert_eq!(stamp(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_line_may_come(text in ".{0,60}|[0-9T:.,+Z -]{0,60}") {
            let _ = stamp(&text);
        }
    }
}
