//! What containers use: counters and sizes as their hosts tell them, and the rates between two
//! readings.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::ContainerId;

/// What containers use, as far as their hosts tell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Usage {
    /// One reading for each container. Others than Theseus's may be among them.
    pub readings: Vec<Reading>,
    /// The hosts that do not tell: what their containers use is not known.
    pub silent: Vec<Silent>,
}

/// A host that does not tell what its containers use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Silent {
    /// Its name.
    pub host: Arc<str>,
    /// Why it does not.
    pub reason: String,
}

/// What a container has used and uses, read once. Whatever a host does not tell is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Which container.
    pub container: ContainerId,
    /// The host that it runs on.
    pub host: Arc<str>,
    /// When, by the host's own clock.
    pub at: Option<Timestamp>,
    /// How long it has kept a processor busy since it started, in seconds.
    pub cpu_seconds: Option<f64>,
    /// How many processors it may use.
    pub cpu_limit: Option<f64>,
    /// How long it was kept from using a processor because of its limit, in seconds.
    pub throttled_seconds: Option<f64>,
    /// How much memory it holds, in bytes.
    pub memory: Option<u64>,
    /// How much it may hold, in bytes.
    pub memory_limit: Option<u64>,
}

/// What a container uses of a machine's time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// How many processors it keeps busy.
    pub cpu: f64,
    /// How many more it would have, but for its limit; `None` where that is not told.
    pub throttled: Option<f64>,
}

/// The shortest time that tells a rate: counters tick in hundredths of a second.
const SHORTEST: f64 = 0.1;
/// By how much the time between two readings may differ on the two clocks, besides half of it:
/// answers take their time.
const SLACK: f64 = 2.0;

/// What a container uses, by two readings of it and the time between them on the reader's own clock.
/// `None` where they do not tell: the host's clock stands still or jumps, the counter began anew, or
/// something is missing.
pub fn rate(before: &Reading, after: &Reading, between: Duration) -> Option<Rate> {
    let passed: SignedDuration = after.at?.duration_since(before.at?);
    let passed = passed.as_secs_f64();
    let between = between.as_secs_f64();
    let is_jump = (passed - between).abs() > between / 2.0 + SLACK;
    if passed < SHORTEST || is_jump {
        return None;
    }
    let grown = |before: f64, after: f64| {
        let share = (after - before) / passed;
        (share.is_finite() && share >= 0.0).then_some(share)
    };
    let throttled = before.throttled_seconds.zip(after.throttled_seconds);
    Some(Rate {
        cpu: grown(before.cpu_seconds?, after.cpu_seconds?)?,
        throttled: throttled.and_then(|(before, after)| grown(before, after)),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(milliseconds: i64, cpu: impl Into<Option<f64>>) -> Reading {
        Reading {
            container: ContainerId("a".to_owned()),
            host: "h1".into(),
            at: Some(Timestamp::from_millisecond(milliseconds).unwrap()),
            cpu_seconds: cpu.into(),
            cpu_limit: None,
            throttled_seconds: None,
            memory: None,
            memory_limit: None,
        }
    }

    #[test]
    fn two_readings_tell_a_rate_or_nothing() {
        for (what, before, after, between, expected) in [
            ("steady", (0, 5.0), (10_000, 10.0), 10, Some(0.5)),
            ("idle", (0, 5.0), (10_000, 5.0), 10, Some(0.0)),
            ("began anew", (0, 5.0), (10_000, 1.0), 10, None),
            ("the same reading", (0, 5.0), (0, 5.0), 10, None),
            ("the clock goes back", (10_000, 5.0), (0, 10.0), 10, None),
            ("an hour ahead", (0, 5.0), (3_610_000, 10.0), 10, None),
            ("almost back", (0, 5.0), (200, 10.0), 10, None),
            ("a late answer", (0, 5.0), (14_000, 12.0), 10, Some(0.5)),
            ("soon", (0, 5.0), (1_000, 5.25), 1, Some(0.25)),
        ] {
            let told = rate(
                &reading(before.0, before.1),
                &reading(after.0, after.1),
                Duration::from_secs(between),
            );
            assert_eq!(told.map(|rate| rate.cpu), expected, "{what}");
        }
    }

    #[test]
    fn what_is_missing_is_not_made_up() {
        let second = Duration::from_secs(1);
        let (before, mut after) = (reading(0, 1.0), reading(1000, 2.0));
        assert!(rate(&reading(0, None), &after, second).is_none());
        after.throttled_seconds = Some(0.5);
        let told = rate(&before, &after, second).unwrap();
        assert_eq!(told.throttled, None, "it was not told before");
        let before = Reading {
            throttled_seconds: Some(0.25),
            ..before
        };
        let told = rate(&before, &after, second).unwrap();
        assert_eq!(told.throttled, Some(0.25));
        after.at = None;
        assert!(rate(&before, &after, second).is_none());
    }

    proptest! {
        #[test]
        fn a_rate_is_a_number_and_never_less_than_nothing(
            times in (any::<i32>(), any::<i32>()),
            cpus in (any::<f64>(), any::<f64>()),
            between in 0..100_000_u64,
        ) {
            let (before, after) = (reading(times.0.into(), cpus.0), reading(times.1.into(), cpus.1));
            if let Some(rate) = rate(&before, &after, Duration::from_millis(between)) {
                prop_assert!(rate.cpu.is_finite() && rate.cpu >= 0.0);
                prop_assert!(after.at > before.at);
            }
        }
    }
}
