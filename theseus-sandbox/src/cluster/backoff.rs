//! The launch back-off of an app: each failure lengthens the wait for the next launch.

use std::time::Duration;

use crate::definition::AppSpec;
use crate::time::Stamp;

/// A delay that ended this long ago without another failure is forgotten.
const FORGIVEN_AFTER: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Backoff {
    current: Option<(Duration, Stamp)>,
}

impl Backoff {
    /// When the next launch may be, if that is not now.
    pub(super) fn until(&self, now: Stamp) -> Option<Stamp> {
        self.current
            .map(|(_, until)| until)
            .filter(|until| *until > now)
    }

    pub(super) fn reset(&mut self) {
        self.current = None;
    }

    /// A task failed: the first delay is `backoffSeconds`, each next one is longer by the factor.
    pub(super) fn failed(&mut self, app: &AppSpec, now: Stamp) {
        let first = Duration::from_secs(app.backoff_seconds.into());
        let longest = Duration::from_secs(app.max_launch_delay_seconds.into());
        let delay = match self.current {
            Some((delay, until)) if now < until.plus(FORGIVEN_AFTER) => {
                Duration::try_from_secs_f64(delay.as_secs_f64() * app.backoff_factor)
                    .map_or(longest, |delay| delay.min(longest))
            }
            _ => first.min(longest),
        };
        self.current = Some((delay, now.plus(delay)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path_id::PathId;

    #[test]
    fn delays_grow_by_the_factor_up_to_the_limit_and_are_forgiven() {
        let mut app = AppSpec::blank(PathId::root(), crate::MarathonVersion::default());
        app.backoff_factor = 2.0;
        app.max_launch_delay_seconds = 5;
        let mut backoff = Backoff::default();
        let mut now = Stamp::default();
        assert_eq!(backoff.until(now), None);
        for expected in [1, 2, 4, 5, 5] {
            backoff.failed(&app, now);
            let until = backoff.until(now).unwrap();
            assert_eq!(until.since(now), Duration::from_secs(expected));
            now = until;
            assert_eq!(backoff.until(now), None);
        }
        backoff.failed(&app, now.plus(FORGIVEN_AFTER));
        assert_eq!(backoff.current.unwrap().0, Duration::from_secs(1));
        backoff.reset();
        assert_eq!(backoff, Backoff::default());
    }
}
