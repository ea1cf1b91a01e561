//! Points in time as Marathon writes them, and the clock they come from.
//!
//! All of the sandbox reads one clock: a wall time given at the start plus what `tokio::time` says
//! has passed since. Pausing tokio's clock therefore pauses the whole cluster.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::{StdFmtWrite, temporal::DateTimePrinter};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tokio::time::Instant;

/// Marathon writes exactly three digits of a second, always in UTC.
static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// A moment, to the millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Stamp(i64);

impl Stamp {
    pub(crate) fn from_timestamp(timestamp: Timestamp) -> Self {
        Self(timestamp.as_millisecond())
    }

    pub(crate) fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        PRINTER
            .print_timestamp(&timestamp, StdFmtWrite(out))
            .map_err(|_| fmt::Error)
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let timestamp = Timestamp::deserialize(deserializer).map_err(de::Error::custom)?;
        Ok(Self::from_timestamp(timestamp))
    }
}

/// Wall time that follows tokio's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    base: Stamp,
    start: Instant,
}

impl Clock {
    pub(crate) fn starting_at(base: Timestamp) -> Self {
        Self {
            base: Stamp::from_timestamp(base),
            start: Instant::now(),
        }
    }

    /// Now, rounded down: a timer is due once its whole millisecond has come.
    pub(crate) fn now(&self) -> Stamp {
        let millis = self.start.elapsed().as_millis();
        self.base.plus(Duration::from_millis(
            u64::try_from(millis).unwrap_or(u64::MAX),
        ))
    }

    pub(crate) fn instant(&self, stamp: Stamp) -> Instant {
        self.start + stamp.since(self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_always_carry_three_digits() {
        let stamp = Stamp::from_timestamp("2026-01-02T03:04:05Z".parse().unwrap());
        assert_eq!(stamp.to_string(), "2026-01-02T03:04:05.000Z");
        assert_eq!(
            stamp.plus(Duration::from_millis(42)).to_string(),
            "2026-01-02T03:04:05.042Z"
        );
        assert_eq!(
            serde_json::from_str::<Stamp>("\"2026-01-02T03:04:05.000Z\"").unwrap(),
            stamp
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_follows_tokio() {
        let clock = Clock::starting_at("2026-01-02T03:04:05Z".parse().unwrap());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(clock.now().to_string(), "2026-01-02T03:04:07.000Z");
        assert_eq!(clock.instant(clock.now()), Instant::now());
    }
}
