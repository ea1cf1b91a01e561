//! A lock that is held for as long as its holder works: that of one who deploys, and that of the
//! registrar who leads.
//!
//! One who deploys has one lease for all groups that are worked on.
//! Each rollout names the lock under which it is carried out, and every record of it is written on
//! condition that the lock is still held. Whoever wants the rollout next writes on condition that
//! the lock is gone. So the store itself keeps two deployers of one group apart, and a thousand
//! groups need one lease. The cluster cannot check a lock; so before each change it is made sure
//! that the lease was renewed recently, by a clock that goes on while the process is frozen.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::records::{self, LOCKS, LockRecord};
use crate::store::{self, Compare, Lease, Store, StoreError};

/// How long a lock outlives whoever held it.
pub(crate) const TTL: Duration = Duration::from_secs(10);
/// How soon a renewal that failed is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// Clocks and answers may be so much off.
const MARGIN: Duration = Duration::from_secs(1);
/// How many who begin in the same instant are told apart.
const MAX_TWINS: u32 = 1000;

/// A lock that is held.
pub(crate) struct Hold {
    lease: Lease,
    renewed: Mutex<Instant>,
    lost: AtomicBool,
}

impl Hold {
    /// Takes a lock of its own in the name of `by`.
    pub(crate) async fn take(
        store: &dyn Store,
        by: &str,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let record = records::encode(&LockRecord {
            by: by.to_owned(),
            since: now,
        });
        let mut twin = 0;
        loop {
            let key = format!("{LOCKS}{}-{twin}", now.as_nanosecond());
            let asked = Instant::now();
            match store.lock(&key, record.clone(), TTL).await {
                Ok(lease) => return Ok(Self::of(lease, asked)),
                // Taken by somebody else in the same instant, or by ourselves before the answer
                // was lost; that one ends by itself.
                Err(StoreError::Held { .. } | StoreError::Unclear { .. }) if twin < MAX_TWINS => {
                    twin += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Holds what was taken, and asked for at this time.
    pub(crate) fn of(lease: Lease, asked: Instant) -> Self {
        Self {
            lease,
            renewed: Mutex::new(asked),
            lost: AtomicBool::new(false),
        }
    }

    /// The lock's key.
    pub(crate) fn key(&self) -> &str {
        &self.lease.key
    }

    /// When it was taken, by the store's own count.
    pub(crate) fn acquired(&self) -> store::Revision {
        self.lease.acquired
    }

    /// The condition that everything is written on.
    pub(crate) fn fence(&self) -> Compare {
        self.lease.fence()
    }

    /// Whether the lock surely is still held.
    pub(crate) fn is_sure(&self) -> bool {
        !self.lost.load(Ordering::Relaxed) && self.age() + MARGIN < self.lease.ttl
    }

    /// Whether the lock surely is not held any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Takes note that the store knows the lock no more.
    pub(crate) fn lose(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    /// Renews the lock for as long as it is held.
    pub(crate) async fn keep(&self, store: &dyn Store) {
        // Three times before it ends.
        let usual = self.lease.ttl * 3 / 10;
        let mut pause = usual;
        loop {
            sleep(pause).await;
            let asked = Instant::now();
            pause = match store.renew(&self.lease).await {
                Ok(()) => {
                    *self.renewed() = asked;
                    usual
                }
                Err(StoreError::LeaseLost { .. }) => return self.lose(),
                Err(error) => {
                    tracing::debug!(%error, "the lock is not renewed");
                    AGAIN
                }
            };
        }
    }

    /// Gives the lock up. Should that fail, it ends by itself.
    pub(crate) async fn release(self, store: &dyn Store) {
        if let Err(error) = store.release(self.lease).await {
            tracing::debug!(%error, "the lock is not given up");
        }
    }

    fn age(&self) -> Duration {
        self.renewed().elapsed()
    }

    fn renewed(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.renewed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Hold {
        Hold {
            lease: Lease {
                key: format!("{LOCKS}0-0"),
                acquired: store::Revision(1),
                ttl: TTL,
                token: 1,
            },
            renewed: Mutex::new(Instant::now()),
            lost: AtomicBool::new(false),
        }
    }

    /// As when the store is out of reach for a while: it may have let the lock go without saying so.
    #[tokio::test(start_paused = true)]
    async fn a_lock_is_sure_only_for_as_long_as_its_last_renewal_holds() {
        let hold = held();
        sleep(TTL.saturating_sub(MARGIN * 2)).await;
        assert!(hold.is_sure());
        sleep(MARGIN).await;
        assert!(!hold.is_sure(), "it may end at any moment");
        assert!(!hold.is_lost(), "nobody has said so");
        *hold.renewed() = Instant::now();
        assert!(hold.is_sure());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lock_that_the_store_knows_no_more_is_lost_however_fresh() {
        let hold = held();
        hold.lose();
        assert!(hold.is_lost() && !hold.is_sure());
    }
}
