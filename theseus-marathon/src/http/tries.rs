//! Trying again: how often, after which pauses, and when to give up.

use std::time::Duration;

use backon::ExponentialBackoff;
use http::header::{HeaderMap, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use tokio::time::Instant;

use crate::failure::Failure;

/// The tries of one request.
pub(super) struct Tries {
    pauses: ExponentialBackoff,
    patience: Duration,
    began: Instant,
    /// When the last try began.
    last: Instant,
}

impl Tries {
    pub(super) fn new(pauses: ExponentialBackoff, patience: Duration) -> Self {
        Self {
            pauses,
            patience,
            began: Instant::now(),
            last: Instant::now(),
        }
    }

    /// Waits before the next try, or gives the failure back: because trying again cannot help, or
    /// because a try as long as the last would end too late.
    pub(super) async fn pause_after(&mut self, failure: Failure) -> Result<(), Failure> {
        let Failure::Unreachable { cause, after } = &failure else {
            return Err(failure);
        };
        let pause = self
            .pauses
            .next()
            .unwrap_or(self.patience)
            .max(after.unwrap_or_default());
        if self.began.elapsed() + pause + self.last.elapsed() > self.patience {
            return Err(failure);
        }
        tracing::debug!(%cause, ?pause, "trying again");
        tokio::time::sleep(pause).await;
        self.last = Instant::now();
        Ok(())
    }
}

/// How long a server asks to wait: so many seconds, or until a time.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = rfc2822::parse(value).ok()?.timestamp();
    let now = Timestamp::now();
    Some(until.duration_since(now).try_into().unwrap_or_default())
}
