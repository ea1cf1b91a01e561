//! Points in time as Marathon writes them, and the clock they come from.
//!
//! All of the sandbox reads one clock: a wall time given at the start plus what `tokio::time` says
//! has passed since. Pausing tokio's clock therefore pauses the whole cluster.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tokio::time::Instant;

/// A moment, to the millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Stamp(i64);

impl Stamp {
    pub(crate) fn from_timestamp(timestamp: Timestamp) -> Self {
        Self(timestamp.as_millisecond())
    }

    /// Reads one as it is written.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::from_timestamp)
    }

    pub(crate) fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// So many milliseconds later, or earlier.
    pub(crate) fn shifted(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Seconds since 1970.
    #[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years")]
    pub(crate) fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written(|text| out.write_str(text))
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written(|text| serializer.serialize_str(text))
    }
}

impl Stamp {
    /// The text, for whoever takes it: exactly three digits of a second, always UTC. A list of all
    /// apps writes hundreds of thousands of these, hence by hand and without an allocation.
    fn written<T>(self, take: impl FnOnce(&str) -> T) -> T {
        let (year, month, day) = civil(self.0.div_euclid(DAY));
        let mut rest = self.0.rem_euclid(DAY);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |end: usize, width: usize, mut number: i64| {
            for digit in text[end - width..end].iter_mut().rev() {
                *digit = b"0123456789"[usize::try_from(number % 10).unwrap_or(0)];
                number /= 10;
            }
        };
        put(4, 4, year);
        put(7, 2, month);
        put(10, 2, day);
        for (end, width, unit) in [(23, 3, 1000), (19, 2, 60), (16, 2, 60), (13, 2, 24)] {
            put(end, width, rest % unit);
            rest /= unit;
        }
        take(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Year, month and day of a day counted from 1970, in the proleptic Gregorian calendar: years are
/// counted from March, so that the odd day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (year + era * 400 + carry, month, day)
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

    #[test]
    fn stamps_are_written_as_the_calendar_has_it() {
        let precise = jiff::fmt::temporal::DateTimePrinter::new().precision(Some(3));
        for day in (-100_000..100_000).step_by(37) {
            let millis = day * DAY + day.rem_euclid(DAY) * 811;
            let timestamp = Timestamp::from_millisecond(millis).unwrap();
            assert_eq!(
                Stamp(millis).to_string(),
                precise.timestamp_to_string(&timestamp)
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_follows_tokio() {
        let clock = Clock::starting_at("2026-01-02T03:04:05Z".parse().unwrap());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(clock.now().to_string(), "2026-01-02T03:04:07.000Z");
        assert_eq!(clock.instant(clock.now()), Instant::now());
    }
}
