//! Durations as people write them: `90s`, `1m30s`, `2h`. For `#[serde(with = "duration")]` too.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::fmt::friendly::{SpanParser, SpanPrinter};
use serde::{Deserialize, Deserializer, Serializer, de};

/// What is expected where a duration is.
pub const EXPECTED: &str = "a duration such as 90s, 1m30s or 2h";

/// Reads a duration. A bare number has no unit and is refused.
pub fn parse(text: &str) -> Option<Duration> {
    SpanParser::new().parse_unsigned_duration(text).ok()
}

/// Writes a duration so that [`parse`] reads it back.
pub fn format(duration: Duration) -> String {
    SpanPrinter::new().unsigned_duration_to_string(&duration)
}

/// A duration in its largest unit, for people: `45s`, `12m`, `3h`, `5d`.
pub fn rough(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Writes the duration as text.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

/// Reads the duration from text.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| de::Error::custom(format_args!("expected {EXPECTED}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for (text, seconds) in [
            ("0s", 0),
            ("90s", 90),
            ("1m30s", 90),
            ("2h", 7200),
            ("5m", 300),
        ] {
            let duration = parse(text).unwrap();
            assert_eq!(duration, Duration::from_secs(seconds), "{text}");
            assert_eq!(parse(&format(duration)), Some(duration), "{text}");
        }
        assert_eq!(format(Duration::from_secs(300)), "5m");
        for text in ["", "5", "-5s", "1y2", "soon"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
