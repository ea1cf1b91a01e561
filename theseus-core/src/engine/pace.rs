//! When to look again: soon after something happened, and now and then in any case.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::time::{Instant, sleep, sleep_until};

use crate::attribution::attributed;
use crate::causes::chain;
use crate::cluster::{Cluster, EventKind, Events};
use crate::records::ROLLOUTS;
use crate::store::{self, Entry, Store, StoreError, Watched};

/// With a stream of events, a look without one is only for what the stream may have lost.
const WITH_EVENTS: Duration = Duration::from_secs(5);
/// Without, it is all there is.
const WITHOUT_EVENTS: Duration = Duration::from_secs(2);
/// Events come in swarms: so long after the first of them, one look serves all.
const SWARM: Duration = Duration::from_millis(25);

type Writes = BoxStream<'static, Result<Watched, StoreError>>;

/// The rhythm of the loop.
pub(super) struct Pace {
    events: Option<Events>,
    /// What is written of rollouts.
    writes: Option<Writes>,
    /// Whether the stream is attached at the moment.
    attached: bool,
    /// Why there are no events, where there are none.
    unheard: Option<String>,
}

impl Pace {
    /// Attaches to the cluster's events, and to what is written of rollouts after `since`. A cluster
    /// that has no events is looked at more often.
    pub(super) async fn attach(
        cluster: &dyn Cluster,
        store: &Arc<dyn Store>,
        since: store::Revision,
    ) -> Self {
        let writes = store.watch(ROLLOUTS, since).await;
        if let Err(error) = &writes {
            tracing::debug!(%error, "rollouts are not watched");
        }
        let events = cluster.events().await;
        let (events, unheard) = match events {
            Ok(events) => (Some(attributed(events, Arc::clone(store))), None),
            Err(error) => (None, Some(chain(&error))),
        };
        Self {
            attached: events.is_some(),
            events,
            writes: writes.ok(),
            unheard,
        }
    }

    /// Why the cluster did not let us attach to its events, if so.
    pub(super) fn unheard(&self) -> Option<String> {
        self.unheard.clone()
    }

    /// Waits until it is time for another look, which took `last` the last time. `known` are the
    /// rollouts that matter, and when each was written last as far as is known.
    pub(super) async fn wait(
        &mut self,
        now: Timestamp,
        until: Option<Timestamp>,
        last: Duration,
        known: &BTreeMap<String, store::Revision>,
    ) {
        let poll = if self.attached {
            WITH_EVENTS
        } else {
            WITHOUT_EVENTS
        };
        let due =
            until.map(|until| Duration::try_from(until.duration_since(now)).unwrap_or_default());
        let deadline = Instant::now() + due.map_or(poll, |due| due.clamp(SWARM, poll));
        tokio::select! {
            biased;
            () = sleep_until(deadline) => {}
            () = event(&mut self.events, &mut self.attached) => {
                self.drain(SWARM.max(last)).await;
            }
            () = write(&mut self.writes, known) => {}
        }
    }

    /// Lets a swarm pass. A costly look also earns itself a longer rest.
    async fn drain(&mut self, rest: Duration) {
        let rest = sleep(rest);
        tokio::pin!(rest);
        loop {
            tokio::select! {
                biased;
                () = &mut rest => return,
                () = event(&mut self.events, &mut self.attached) => {}
            }
        }
    }
}

/// Waits for something that may concern us.
async fn event(events: &mut Option<Events>, attached: &mut bool) {
    let Some(stream) = events else {
        return std::future::pending().await;
    };
    loop {
        match stream.next().await {
            Some(Ok(event)) => match event.kind {
                EventKind::Detached => *attached = false,
                EventKind::Attached => {
                    *attached = true;
                    return;
                }
                _ => return,
            },
            Some(Err(error)) => {
                tracing::debug!(%error, "the events ended");
                break;
            }
            None => break,
        }
    }
    *events = None;
    *attached = false;
}

/// Waits until somebody else writes into a rollout that matters.
async fn write(writes: &mut Option<Writes>, known: &BTreeMap<String, store::Revision>) {
    let Some(stream) = writes else {
        return std::future::pending().await;
    };
    while let Some(Ok(watched)) = stream.next().await {
        let (Watched::Put(Entry { key, .. }) | Watched::Deleted { key, .. }) = &watched;
        if known
            .get(key)
            .is_some_and(|known| *known < watched.revision())
        {
            return;
        }
    }
    // The looks in between see it all the same.
    *writes = None;
    std::future::pending::<()>().await;
}
