//! Whether anybody looks at something, so that it is asked for as often as that is worth.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::lock::lock;

/// How long a look counts.
const LASTS: Duration = Duration::from_secs(30);

/// Whether anybody looks at something.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    last: Mutex<Option<Instant>>,
    woken: Notify,
}

impl Interest {
    /// Says that somebody looks.
    pub(crate) fn show(&self) {
        *lock(&self.last) = Some(Instant::now());
        self.woken.notify_one();
    }

    fn is_shown(&self) -> bool {
        lock(&self.last).is_some_and(|last| last.elapsed() < LASTS)
    }

    /// Waits for `short` while somebody looks, else for `long`, or until somebody does.
    pub(crate) async fn rest(&self, short: Duration, long: Duration) {
        let began = Instant::now();
        tokio::time::sleep(short).await;
        while !self.is_shown() && began.elapsed() < long {
            let left = long.saturating_sub(began.elapsed());
            let _ = tokio::time::timeout(left, self.woken.notified()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_somebody_looks_at_is_asked_for_more_often() {
        let (short, long) = (Duration::from_secs(5), Duration::from_secs(60));
        let interest = Interest::default();
        let rest = async || {
            let began = Instant::now();
            interest.rest(short, long).await;
            began.elapsed()
        };
        assert_eq!(rest().await, long);
        interest.show();
        assert_eq!(rest().await, short);
        tokio::time::sleep(LASTS).await;
        let (rested, ()) = tokio::join!(rest(), async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            interest.show();
        });
        assert_eq!(rested, Duration::from_secs(20), "whoever comes is served");
    }
}
