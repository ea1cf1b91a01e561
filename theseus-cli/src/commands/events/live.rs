//! What happens from now on: by events, and by looks where events have gaps.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use theseus_core::attribution::attributed;
use theseus_core::cluster::{Event, EventKind, Scope};
use theseus_core::hearsay::Ledger;
use theseus_core::told::Told;
use theseus_marathon::Hearing;

use super::Teller;
use super::trail::{self, catch_up, take_up, written};
use crate::connect::Connection;
use crate::failure::{Code, Failure};
use crate::output::say;
use crate::output::style::{NOTE, inert, paint};

/// Tells what happens, until nobody reads any more.
pub(super) async fn live(
    connection: &Connection,
    teller: &Teller<'_>,
    since: Option<Duration>,
) -> Result<Code, Failure> {
    let store = &*connection.store;
    let mut trail = trail::since(since);
    let mut writes = catch_up(store, &mut trail, teller).await?;
    let mut is_read = writes.is_some();
    let (events, hearing) = connection.marathon.hear().await?;
    let mut events = attributed(events, Arc::clone(&connection.store));
    explain(&hearing);
    let mut listener = Listener {
        connection,
        teller,
        ledger: Ledger::default(),
        attached: None,
    };
    while is_read {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => is_read = listener.hear(event).await?,
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(Code::Done),
            },
            written = written(&mut writes) => match written {
                Some(entry) => {
                    if let Some(record) = trail.added(&entry, Timestamp::now()) {
                        is_read = teller.tell(&Told::Audit(record))?;
                    }
                }
                None => writes = take_up(store, &mut trail, teller).await,
            },
        }
    }
    Ok(Code::Done)
}

/// Says how what happens is heard, where that is not as usual.
fn explain(hearing: &Hearing) {
    let note = paint(NOTE, "note:");
    match hearing {
        Hearing::Callbacks(url) => say(&format!(
            "{note} this Marathon has no event stream; it sends what happens to {url}\n"
        )),
        Hearing::Looking(why) => say(&format!(
            "{note} the cluster is looked at every few seconds, and what comes and goes in between \
             is not seen: {}\n",
            inert(why)
        )),
        _ => {}
    }
}

/// Hears events, and tells those that are news.
struct Listener<'a> {
    connection: &'a Connection,
    teller: &'a Teller<'a>,
    ledger: Ledger,
    /// Whether it was told that what happens is known, or is not.
    attached: Option<bool>,
}

impl Listener<'_> {
    /// Tells what an event says, and, where something may have been missed, what a look shows; says
    /// whether anybody reads.
    async fn hear(&mut self, event: Event) -> Result<bool, Failure> {
        let is_news = match event.kind {
            EventKind::Attached => self.attached.replace(true) != Some(true),
            EventKind::Detached => self.attached.replace(false) != Some(false),
            _ => self.ledger.hear(&event),
        };
        let is_gap = event.kind == EventKind::Attached;
        let told = Told::of(event).filter(|_| is_news);
        let is_read = told.map_or(Ok(true), |told| self.teller.tell(&told))?;
        if is_read && is_gap {
            return self.look().await;
        }
        Ok(is_read)
    }

    /// Tells what has changed without being told.
    async fn look(&mut self) -> Result<bool, Failure> {
        let observed = match self.connection.engine.observe(&Scope::All).await {
            Ok(observed) => observed,
            // The next gap, or the next time to look, leads to another look.
            Err(error) => {
                tracing::debug!(%error, "cannot look at what was missed");
                return Ok(true);
            }
        };
        for event in self.ledger.look(&observed, Timestamp::now()) {
            if let Some(told) = Told::of(event)
                && !self.teller.tell(&told)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
