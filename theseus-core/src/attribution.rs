//! Whose events are: an engine tells of apps, and which group has adopted one is the store's
//! knowledge.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::time::{Instant, timeout};

use crate::cluster::{AppId, ClusterError, Event, Events};
use crate::model::GroupId;
use crate::records::{self, ADOPTED, AdoptedRecord};
use crate::store::{Store, StoreError, Watched, list_all};

/// How long the store may take to say who has adopted what; events wait for it.
const PATIENCE: Duration = Duration::from_secs(2);
/// How soon it is asked again after it did not.
const AGAIN: Duration = Duration::from_secs(5);

/// The same events, with those of adopted apps brought to their groups, and without those of apps
/// that are nobody's here. The store is asked when the first event of an app comes that Theseus did
/// not name, and watched from then on. As long as it does not answer, what it said last holds, and
/// events of apps that it did not tell of are lost, as events may be.
pub fn attributed(events: Events, store: Arc<dyn Store>) -> Events {
    let attribution = Attribution {
        events,
        adopters: BTreeMap::new(),
        changes: None,
        next_try: Instant::now(),
        store,
    };
    stream::unfold(attribution, Attribution::next).boxed()
}

struct Attribution {
    events: Events,
    store: Arc<dyn Store>,
    /// Which groups have adopted which apps.
    adopters: BTreeMap<AppId, GroupId>,
    /// What is written of that; `None` while nobody watches.
    changes: Option<BoxStream<'static, Result<Watched, StoreError>>>,
    next_try: Instant,
}

impl Attribution {
    async fn next(mut self) -> Option<(Result<Event, ClusterError>, Self)> {
        loop {
            let told = tokio::select! {
                biased;
                change = change(&mut self.changes) => {
                    self.learn(change);
                    continue;
                }
                told = self.events.next() => told?,
            };
            match told {
                Ok(event) => {
                    if let Some(event) = self.attribute(event).await {
                        return Some((Ok(event), self));
                    }
                }
                Err(error) => return Some((Err(error), self)),
            }
        }
    }

    /// The event as one of a group; `None` where it is nobody's.
    async fn attribute(&mut self, mut event: Event) -> Option<Event> {
        let Some(app) = event.foreign.take() else {
            return Some(event);
        };
        if self.changes.is_none() && self.next_try <= Instant::now() {
            match timeout(PATIENCE, self.ask()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "who has adopted what is not known"),
                Err(_) => tracing::debug!("the store does not tell who has adopted what"),
            }
            self.next_try = Instant::now() + AGAIN;
        }
        event.group = Some(self.adopters.get(&app)?.clone());
        Some(event)
    }

    async fn ask(&mut self) -> Result<(), StoreError> {
        let (entries, now) = list_all(&*self.store, ADOPTED).await?;
        self.changes = Some(self.store.watch(ADOPTED, now).await?);
        self.adopters.clear();
        for entry in entries {
            self.learn(Some(Watched::Put(entry)));
        }
        Ok(())
    }

    /// Takes note of a change; of none, when there will be no more of them.
    fn learn(&mut self, change: Option<Watched>) {
        match change {
            Some(Watched::Put(entry)) => match records::decode::<AdoptedRecord>(&entry) {
                Ok(stored) => {
                    let AdoptedRecord { app, group } = stored.record;
                    self.adopters.insert(app, group);
                }
                Err(error) => tracing::debug!(%error, "passed over"),
            },
            Some(Watched::Deleted { key, .. }) => {
                if let Some(app) = key.strip_prefix(ADOPTED) {
                    self.adopters.remove(&AppId(app.to_owned()));
                }
            }
            None => self.changes = None,
        }
    }
}

/// The next change; `None` when there are no more of them.
async fn change(
    changes: &mut Option<BoxStream<'static, Result<Watched, StoreError>>>,
) -> Option<Watched> {
    match changes {
        Some(changes) => changes.next().await?.ok(),
        None => std::future::pending().await,
    }
}
