//! The audit trail, as it is and as it grows.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use theseus_core::audit::{AUDIT, Trail};
use theseus_core::store::{Entry, Store, StoreError, Watched};
use theseus_core::told::Told;
use tokio::time::sleep;

use super::Teller;
use crate::failure::Failure;

/// How soon the store is asked again that broke off.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) type Writes = BoxStream<'static, Result<Watched, StoreError>>;

/// The trail from so long ago on.
pub(super) fn since(ago: Option<Duration>) -> Trail {
    let ago = SignedDuration::try_from(ago.unwrap_or_default()).unwrap_or(SignedDuration::MAX);
    let since = Timestamp::now().saturating_sub(ago);
    Trail::since(since.unwrap_or(Timestamp::MIN))
}

/// Tells what is written and was not told, and gives what is added to it; `None` when nobody reads
/// any more.
pub(super) async fn catch_up(
    store: &dyn Store,
    trail: &mut Trail,
    teller: &Teller<'_>,
) -> Result<Option<Writes>, Failure> {
    let (news, revision) = trail.catch_up(store, Timestamp::now()).await?;
    for record in news {
        if !teller.tell(&Told::Audit(record))? {
            return Ok(None);
        }
    }
    Ok(Some(store.watch(AUDIT, revision).await?))
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
    match catch_up(store, trail, teller).await {
        Ok(writes) => writes,
        Err(failure) => {
            tracing::debug!(?failure, "the trail is away");
            None
        }
    }
}
