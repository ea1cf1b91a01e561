//! Times and numbers as people say them.

use jiff::{SignedDuration, Timestamp};
pub(crate) use theseus_core::model::duration::rough;

/// How long ago that was: `45s`, `12m`, `3h`, `5d`.
pub(crate) fn age(since: Option<Timestamp>, now: Timestamp) -> String {
    since.map_or_else(|| "-".to_owned(), |since| rough(now.duration_since(since)))
}

/// A duration to the tenth of a second, or roughly when it is long.
pub(crate) fn exact(duration: SignedDuration) -> String {
    if duration < SignedDuration::from_secs(120) {
        format!("{:.1}s", duration.as_secs_f64())
    } else {
        format!("{}m {}s", duration.as_mins(), duration.as_secs() % 60)
    }
}

/// `1 container`, `2 containers`.
pub(crate) fn count(number: usize, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {word}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_their_largest_unit() {
        for (seconds, told) in [
            (-5, "0s"),
            (119, "119s"),
            (120, "2m"),
            (7200, "2h"),
            (172_800, "2d"),
        ] {
            assert_eq!(rough(SignedDuration::from_secs(seconds)), told);
        }
        assert_eq!(exact(SignedDuration::from_millis(2_345)), "2.3s");
        assert_eq!(exact(SignedDuration::from_secs(125)), "2m 5s");
    }
}
