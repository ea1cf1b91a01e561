//! The process that keeps the registry true.
//!
//! ```text
//! events --> hints --\
//! now and then ------+--> look --> picture, diff (pure) --> fenced transactions
//! ```
//!
//! Any number of registrars may run. The one that holds the lock leads; every write of it compares
//! the lock, so that one which lost it unknowingly writes nothing. Nothing is remembered that cannot
//! be read again: whoever takes over reads what the registry holds, looks, and writes what differs.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout};

use super::desk::Desk;
use super::happening::Happening;
use super::hints::Hints;
use super::record::REGISTRAR_LOCK;
use crate::causes::chain;
use crate::cluster::Cluster;
use crate::engine::Clock;
use crate::hold::Hold;
use crate::records::{self, LockRecord};
use crate::store::{Store, StoreError};
use crate::usage::{Roster, Sampler};

/// How long the lock outlives the registrar that leads.
const TTL: Duration = Duration::from_secs(6);
/// How often one that stands by looks whether the lock is free.
const STAND_BY: Duration = Duration::from_secs(1);
/// How long giving up the lock may take; it ends by itself anyway.
const GOODBYE: Duration = Duration::from_secs(2);

/// Is told what happens.
pub type Tell<'a> = &'a (dyn Fn(Happening) + Send + Sync);

/// Keeps the registry equal to what runs.
#[derive(Clone)]
pub struct Registrar {
    pub(super) cluster: Arc<dyn Cluster>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    pub(super) by: String,
    sample_every: Option<Duration>,
}

impl fmt::Debug for Registrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrar")
            .field("store", &self.store.address())
            .finish_non_exhaustive()
    }
}

impl Registrar {
    /// A registrar over these two, which asks `clock` for the time.
    pub fn new(
        cluster: Arc<dyn Cluster>,
        store: Arc<dyn Store>,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        Self {
            cluster,
            store,
            clock: Arc::new(clock),
            by: String::new(),
            sample_every: None,
        }
    }

    /// Says in whose name it works: `ana@ci-7`. Others read it in the lock.
    #[must_use]
    pub fn in_the_name_of(mut self, by: impl Into<String>) -> Self {
        self.by = by.into();
        self
    }

    /// Has it keep a history of what is used, too, looking so often; not more than once a second.
    #[must_use]
    pub fn sampling_every(mut self, every: Duration) -> Self {
        self.sample_every = Some(every.max(Duration::from_secs(1)));
        self
    }

    /// Stands by until it can lead, leads for as long as it can, and stands by again, until `stop`
    /// is ready. Whatever goes wrong is told and tried again.
    pub async fn run(&self, tell: Tell<'_>, stop: impl Future<Output = ()> + Send) {
        tokio::pin!(stop);
        loop {
            let hold = tokio::select! {
                biased;
                () = &mut stop => return,
                hold = self.take_the_lead(tell) => hold,
            };
            tell(Happening::Leads);
            let reason = tokio::select! {
                biased;
                () = &mut stop => None,
                reason = self.lead(&hold, tell) => Some(reason),
            };
            // Whatever happened: nobody is to wait for us any longer.
            let _ = timeout(GOODBYE, hold.release(&*self.store)).await;
            match reason {
                Some(reason) => tell(Happening::Yielded { reason }),
                None => return,
            }
        }
    }

    /// Waits until nobody leads, and takes the lock.
    async fn take_the_lead(&self, tell: Tell<'_>) -> Hold {
        let mut told = None;
        loop {
            match self.try_to_lead().await {
                Ok(Ok(hold)) => return hold,
                Ok(Err(holder)) => {
                    if told.as_ref() != Some(&holder) {
                        told = Some(holder.clone());
                        tell(Happening::StandsBy { holder });
                    }
                }
                Err(error) => tell(Happening::trouble("store", chain(&error))),
            }
            sleep(STAND_BY).await;
        }
    }

    /// Takes the lock, or says who holds it.
    async fn try_to_lead(&self) -> Result<Result<Hold, Option<LockRecord>>, StoreError> {
        let read = |entry| Some(records::decode(entry).ok()?.record);
        // Asking first is cheaper than trying: it leaves nothing behind in the store.
        if let Some(entry) = self.store.get(REGISTRAR_LOCK).await? {
            return Ok(Err(read(&entry)));
        }
        let record = LockRecord {
            by: self.by.clone(),
            since: (self.clock)(),
        };
        let asked = Instant::now();
        let lock = self
            .store
            .lock(REGISTRAR_LOCK, records::encode(&record), TTL);
        match lock.await {
            Ok(lease) => Ok(Ok(Hold::of(lease, asked))),
            Err(StoreError::Held { .. }) => Ok(Err(None)),
            Err(error) => Err(error),
        }
    }

    /// Keeps the registry true for as long as the lock is held; says why no longer.
    async fn lead(&self, hold: &Hold, tell: Tell<'_>) -> &'static str {
        let hints = Hints::default();
        let roster = Roster::default();
        let mut desk = Desk::new(self, hold, &hints, &roster, tell);
        tokio::select! {
            biased;
            () = hold.keep(&*self.store) => "the lock was lost",
            never = hints.listen(&*self.cluster, &self.store, tell) => match never {},
            never = hints.watch(&*self.store, tell) => match never {},
            never = self.sample(hold, &roster, tell) => match never {},
            reason = desk.work() => reason,
        }
    }

    /// Keeps the history of what is used, where that is wanted.
    async fn sample(&self, hold: &Hold, roster: &Roster, tell: Tell<'_>) -> Infallible {
        let Some(every) = self.sample_every else {
            return std::future::pending().await;
        };
        let sampler = Sampler {
            cluster: &*self.cluster,
            store: &*self.store,
            clock: &self.clock,
            hold,
            roster,
            tell,
            every,
        };
        sampler.run().await
    }
}
