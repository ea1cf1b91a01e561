//! The store: whether it can be read, written and locked.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use theseus_core::model::duration;
use theseus_core::records::{self, GROUPS, LOCKS, LockRecord};
use theseus_core::store::{Page, Store, StoreError};

use super::report::{Check, Report, State};
use crate::failure::Failure;
use crate::identity;

/// How long the lock lives that is tried, should nobody give it up.
const TTL: Duration = Duration::from_secs(5);

pub(super) async fn examine(store: &dyn Store) -> Report {
    let mut report = Report::default();
    let began = Instant::now();
    if let Err(error) = store.list(GROUPS, Page::first(1)).await {
        return Report::failed("store", Failure::from(error));
    }
    let read = took(began);
    let began = Instant::now();
    if let Err(error) = lock(store).await {
        return Report::failed("store", Failure::from(error));
    }
    let detail = format!(
        "{}: read in {read}, written and locked in {}",
        store.address(),
        took(began)
    );
    report.add(Check::new("store", State::Ok, detail));
    report
}

/// Takes a lock of its own, which writes, and gives it up.
async fn lock(store: &dyn Store) -> Result<(), StoreError> {
    let holder = records::encode(&LockRecord {
        by: identity::own(),
        since: Timestamp::now(),
    });
    let key = format!("{LOCKS}doctor-{}", std::process::id());
    let lease = store.lock(&key, holder, TTL).await?;
    store.release(lease).await
}

fn took(began: Instant) -> String {
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    duration::format(Duration::from_millis(millis.max(1)))
}
