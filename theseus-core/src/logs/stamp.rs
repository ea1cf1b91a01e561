//! When a line was written, as it says itself.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimeParser;

/// No time is written with more characters.
const LONGEST: usize = 40;

/// How long a day is as it is written: `2026-01-02`.
const DAY: usize = 10;

/// Reads when lines were written. Of those of one output most are of the same day as the one before, and
/// that day is not read again.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    day: [u8; DAY],
    /// When it began, in seconds since 1970 by universal time; none before the first line.
    midnight: Option<i64>,
}

impl Calendar {
    /// The time with which a line begins, if it begins with one that says where on earth it is meant:
    /// `2026-01-02T03:04:05.678Z`, in brackets or not, with a space in its middle or not. Without a
    /// zone nobody knows when that was.
    pub(super) fn stamp(&mut self, text: &str) -> Option<Timestamp> {
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
                || (*byte == b' ' && at == DAY);
            if !goes_on {
                break;
            }
            length = at + 1;
        }
        let told = text[..length].trim_end_matches(['.', ',', ':', '-']);
        self.of_that_day(told).or_else(|| self.of_any_day(told))
    }

    fn of_any_day(&mut self, told: &str) -> Option<Timestamp> {
        static PARSER: DateTimeParser = DateTimeParser::new();
        let time = PARSER.parse_timestamp(told).ok()?;
        if let (Some(day), Some((second, _))) = (told.as_bytes().first_chunk(), of_day(told)) {
            self.day = *day;
            self.midnight = Some(time.as_second() - second);
        }
        Some(time)
    }

    /// The same if it is of the day that is known.
    fn of_that_day(&self, told: &str) -> Option<Timestamp> {
        let midnight = self.midnight?;
        if !told.as_bytes().starts_with(&self.day) {
            return None;
        }
        let (second, nanosecond) = of_day(told)?;
        Timestamp::new(midnight + second, nanosecond).ok()
    }
}

/// The second of the day and the nanosecond of that of a time as most are written:
/// `2026-01-02T03:04:05.678Z`. Nothing of any other.
fn of_day(told: &str) -> Option<(i64, i32)> {
    let time = told.as_bytes().get(DAY..)?;
    let [b'T', h1, h2, b':', m1, m2, b':', s1, s2, rest @ .., b'Z'] = time else {
        return None;
    };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| byte - b'0');
    let number = |tens: &u8, ones: &u8, bound: u8| {
        let number = digit(tens)? * 10 + digit(ones)?;
        (number < bound).then_some(i64::from(number))
    };
    let second = (number(h1, h2, 24)? * 60 + number(m1, m2, 60)?) * 60 + number(s1, s2, 60)?;
    let nanosecond = match rest {
        [] => 0,
        [b'.' | b',', digits @ ..] if (1..=9).contains(&digits.len()) => {
            let mut sum = 0;
            for place in digits {
                sum = sum * 10 + i32::from(digit(place)?);
            }
            (digits.len()..9).fold(sum, |sum, _| sum * 10)
        }
        _ => return None,
    };
    Some((second, nanosecond))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_that_begin_with_a_time() {
        let stamp = |text: &str| Calendar::default().stamp(text);
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

    #[test]
    fn the_day_before_is_no_day_after() {
        let mut calendar = Calendar::default();
        for (text, expected) in [
            ("2026-01-02T23:59:59.999Z a", "2026-01-02T23:59:59.999Z"),
            ("2026-01-02T00:00:00Z a", "2026-01-02T00:00:00Z"),
            (
                "2026-01-03T00:00:00,000000001Z a",
                "2026-01-03T00:00:00.000000001Z",
            ),
            ("2026-01-03T23:00:00+01:00 a", "2026-01-03T22:00:00Z"),
            ("2026-01-03T12:30:15.5Z a", "2026-01-03T12:30:15.5Z"),
        ] {
            assert_eq!(calendar.stamp(text), expected.parse().ok(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_line_may_come(text in ".{0,60}|[0-9T:.,+Z -]{0,60}") {
            let _ = Calendar::default().stamp(&text);
        }

        #[test]
        fn what_was_before_changes_nothing(
            before in "2026-01-0[12]T0[0-9]:0[0-9]:0[0-9]Z",
            text in "2026-01-0[12][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.,][0-9]{0,10})?(Z|z|\\+01:00|\\+0000|)( a)?",
        ) {
            let mut calendar = Calendar::default();
            let _ = calendar.stamp(&before);
            prop_assert_eq!(calendar.stamp(&text), Calendar::default().stamp(&text));
        }
    }
}
