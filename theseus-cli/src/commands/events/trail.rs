//! The audit trail, as it is and as it grows.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use theseus_core::audit::{self, AUDIT, AuditRecord, Outcome};
use theseus_core::store::{Entry, Page, Revision, Store, StoreError, Watched};
use theseus_core::told::Told;
use tokio::time::sleep;

use super::Teller;
use crate::failure::Failure;

/// How soon the store is asked again that broke off.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) type Writes = BoxStream<'static, Result<Watched, StoreError>>;

/// What was told of the audit trail.
pub(super) struct Trail {
    /// Everything from here on is told.
    since: Timestamp,
    /// What is told already of what may be read again.
    told: BTreeSet<(Timestamp, String, &'static str)>,
}

impl Trail {
    pub(super) fn new(since: Option<Duration>) -> Self {
        let ago =
            SignedDuration::try_from(since.unwrap_or_default()).unwrap_or(SignedDuration::MAX);
        let since = Timestamp::now().saturating_sub(ago);
        Self {
            since: since.unwrap_or(Timestamp::MIN),
            told: BTreeSet::new(),
        }
    }

    /// Tells what is written and was not told; gives where the trail goes on.
    pub(super) async fn catch_up(
        &mut self,
        store: &dyn Store,
        teller: &Teller<'_>,
    ) -> Result<(bool, Revision), Failure> {
        // What is written while the trail is read is told once more by a watch from here.
        let page = store.list(AUDIT, Page::first(1)).await?;
        let mut is_read = true;
        for record in audit::since(store, self.since).await? {
            is_read = is_read && self.tell(record, teller)?;
        }
        Ok((is_read, page.revision))
    }

    pub(super) fn tell(
        &mut self,
        record: AuditRecord,
        teller: &Teller<'_>,
    ) -> Result<bool, Failure> {
        let outcome: Outcome = record.outcome;
        let key = (record.at, record.group.to_string(), outcome.as_str());
        if record.at < self.since || !self.told.insert(key) {
            return Ok(true);
        }
        // Clocks differ: what is read again goes back a little from the last that was told.
        let recent = record.at.saturating_sub(SignedDuration::from_mins(1));
        if let Ok(recent) = recent
            && recent > self.since
        {
            self.since = recent;
            self.told.retain(|(at, ..)| *at >= recent);
        }
        teller.tell(&Told::Audit(record))
    }
}

/// What is added to the trail; `None` when that is not known any more.
pub(super) async fn written(writes: &mut Option<Writes>) -> Option<Entry> {
    while let Some(Ok(watched)) = writes.as_mut()?.next().await {
        if let Watched::Put(entry) = watched {
            return Some(entry);
        }
    }
    None
}

/// Takes the trail up again where it broke off.
pub(super) async fn take_up(
    store: &dyn Store,
    trail: &mut Trail,
    teller: &Teller<'_>,
) -> Option<Writes> {
    sleep(AGAIN).await;
    match trail.catch_up(store, teller).await {
        Ok((_, revision)) => store.watch(AUDIT, revision).await.ok(),
        Err(failure) => {
            tracing::debug!(?failure, "the trail is away");
            None
        }
    }
}
