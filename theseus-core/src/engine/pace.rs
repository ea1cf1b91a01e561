//! When to look again: soon after something happened, and now and then in any case.

use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::time::{Instant, sleep, sleep_until};

use crate::cluster::{Cluster, EventKind, Events};

/// With a stream of events, a look without one is only for what the stream may have lost.
const WITH_EVENTS: Duration = Duration::from_secs(5);
/// Without, it is all there is.
const WITHOUT_EVENTS: Duration = Duration::from_secs(2);
/// Events come in swarms: so long after the first of them, one look serves all.
const SWARM: Duration = Duration::from_millis(25);

/// The rhythm of the loop.
pub(super) struct Pace {
    events: Option<Events>,
    /// Whether the stream is attached at the moment.
    attached: bool,
}

impl Pace {
    /// Attaches to the cluster's events. A cluster that has none is looked at more often.
    pub(super) async fn attach(cluster: &dyn Cluster) -> Self {
        let events = cluster.events().await;
        if let Err(error) = &events {
            tracing::debug!(%error, "no events");
        }
        let events = events.ok();
        Self {
            attached: events.is_some(),
            events,
        }
    }

    /// Waits until it is time for another look, which took `last` the last time.
    pub(super) async fn wait(&mut self, now: Timestamp, until: Option<Timestamp>, last: Duration) {
        let poll = if self.attached {
            WITH_EVENTS
        } else {
            WITHOUT_EVENTS
        };
        let known =
            until.map(|until| Duration::try_from(until.duration_since(now)).unwrap_or_default());
        let deadline = Instant::now() + known.map_or(poll, |known| known.clamp(SWARM, poll));
        tokio::select! {
            () = sleep_until(deadline) => {}
            () = self.event() => self.drain(SWARM.max(last)).await,
        }
    }

    /// Waits for something that may concern us.
    async fn event(&mut self) {
        let Some(events) = &mut self.events else {
            return std::future::pending().await;
        };
        loop {
            match events.next().await {
                Some(Ok(event)) => match event.kind {
                    EventKind::Detached => self.attached = false,
                    EventKind::Attached => {
                        self.attached = true;
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
        self.events = None;
        self.attached = false;
    }

    /// Lets a swarm pass. A costly look also earns itself a longer rest.
    async fn drain(&mut self, rest: Duration) {
        let rest = sleep(rest);
        tokio::pin!(rest);
        loop {
            tokio::select! {
                () = &mut rest => return,
                () = self.event() => {}
            }
        }
    }
}
