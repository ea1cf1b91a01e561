//! What the cluster's events say is worth a look.
//!
//! Events are hints: which group to look at, and when a container came to a state that nobody tells
//! the time of later. Any number of them is held in the room of the groups that they concern.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::Happening;
use super::picture::Heard;
use super::registrar::Tell;
use crate::attribution::attributed;
use crate::causes::chain;
use crate::cluster::{AppId, Cluster, ContainerId, ContainerState, Event, EventKind};
use crate::model::GroupId;
use crate::records::{self, ADOPTED, AdoptedRecord};
use crate::store::{Page, Store, StoreError, Watched};

/// How soon events are asked for again that came to an end.
const AGAIN: Duration = Duration::from_secs(5);
/// More groups than this are not told apart: all are looked at.
const MANY: usize = 2000;
/// So many that failed between two looks are told apart.
const MANY_FAILED: usize = 10_000;

/// What is worth a look, and how it was learned of.
#[derive(Debug, Default)]
pub(super) struct Hints {
    state: Mutex<State>,
    woken: Notify,
}

#[derive(Debug, Default)]
struct State {
    worth: Worth,
    attached: bool,
}

/// What is worth a look.
#[derive(Debug, Default)]
pub(super) struct Worth {
    /// Everything.
    pub(super) all: bool,
    /// These groups.
    pub(super) groups: BTreeSet<GroupId>,
    /// Groups in which something is coming to its end.
    pub(super) ending: bool,
    /// When containers came to their states.
    pub(super) heard: Heard,
    /// Containers that failed, and the apps that are without them now.
    pub(super) failed: BTreeMap<ContainerId, AppId>,
    /// When the first of this was learned of.
    pub(super) first: Option<Instant>,
}

impl Worth {
    /// Whether nothing is.
    pub(super) fn is_empty(&self) -> bool {
        !self.all && !self.ending && self.groups.is_empty()
    }

    fn note(&mut self, event: Event) {
        match event.kind {
            EventKind::Attached => self.all = true,
            EventKind::Detached => return,
            EventKind::Operation { .. } => self.ending = true,
            EventKind::Container { id, state, failed } => {
                if let Some(app) = failed.filter(|_| event.group.is_some())
                    && self.failed.len() < MANY_FAILED
                {
                    self.failed.insert(id.clone(), app);
                }
                let is_told_later = !matches!(
                    state,
                    ContainerState::Unreachable | ContainerState::Stopping
                );
                if let (Some(at), false) = (event.at, is_told_later) {
                    self.heard.insert(id, (state, at));
                }
            }
            EventKind::Health { .. } | EventKind::App => {}
        }
        self.groups.extend(event.group);
        if self.groups.len() > MANY {
            self.all = true;
            self.groups.clear();
        }
        self.first.get_or_insert_with(Instant::now);
    }

    /// Puts back what was taken and not done.
    fn restore(&mut self, other: Self) {
        self.all |= other.all;
        self.ending |= other.ending;
        self.groups.extend(other.groups);
        for (id, heard) in other.heard {
            self.heard.entry(id).or_insert(heard);
        }
        self.failed.extend(other.failed);
        self.first = [self.first, other.first].into_iter().flatten().min();
    }
}

impl Hints {
    /// Listens to the cluster for as long as this is polled.
    pub(super) async fn listen(
        &self,
        cluster: &dyn Cluster,
        store: &Arc<dyn Store>,
        tell: Tell<'_>,
    ) -> Infallible {
        loop {
            match cluster.events().await {
                Ok(events) => {
                    let mut events = attributed(events, Arc::clone(store));
                    while let Some(event) = events.next().await {
                        match event {
                            Ok(event) => self.hear(event, tell),
                            Err(error) => {
                                tell(Happening::trouble("events", chain(&error)));
                                break;
                            }
                        }
                    }
                }
                Err(error) => tell(Happening::trouble("events", chain(&error))),
            }
            self.attach(false);
            sleep(AGAIN).await;
        }
    }

    /// Watches who adopts what, for as long as this is polled: the cluster is told nothing of that, and
    /// so tells nothing.
    pub(super) async fn watch(&self, store: &dyn Store, tell: Tell<'_>) -> Infallible {
        loop {
            if let Err(error) = self.watch_adopters(store).await {
                tell(Happening::trouble("store", chain(&error)));
            }
            sleep(AGAIN).await;
        }
    }

    async fn watch_adopters(&self, store: &dyn Store) -> Result<(), StoreError> {
        let now = store.list(ADOPTED, Page::first(1)).await?.revision;
        let mut changes = store.watch(ADOPTED, now).await?;
        while let Some(change) = changes.next().await {
            if let Watched::Put(entry) = change?
                && let Ok(stored) = records::decode::<AdoptedRecord>(&entry)
            {
                self.note(Event {
                    at: None,
                    group: Some(stored.record.group),
                    foreign: None,
                    kind: EventKind::App,
                });
            }
        }
        Ok(())
    }

    fn hear(&self, event: Event, tell: Tell<'_>) {
        match event.kind {
            EventKind::Attached => {
                self.attach(true);
                tell(Happening::Attached);
            }
            EventKind::Detached => {
                self.attach(false);
                tell(Happening::Detached);
            }
            _ => tell(Happening::Event),
        }
        self.note(event);
    }

    fn note(&self, event: Event) {
        let mut state = self.state();
        state.worth.note(event);
        let is_worth = !state.worth.is_empty();
        drop(state);
        if is_worth {
            self.woken.notify_one();
        }
    }

    /// Whether events come at the moment.
    pub(super) fn is_attached(&self) -> bool {
        self.state().attached
    }

    fn attach(&self, attached: bool) {
        self.state().attached = attached;
    }

    /// Waits until something is worth a look.
    pub(super) async fn wait(&self) {
        while self.state().worth.is_empty() {
            self.woken.notified().await;
        }
    }

    /// Takes what is worth a look.
    pub(super) fn take(&self) -> Worth {
        std::mem::take(&mut self.state().worth)
    }

    /// Gives back what could not be looked at.
    pub(super) fn give_back(&self, worth: Worth) {
        self.state().worth.restore(worth);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::cluster::OperationId;

    fn event(group: Option<&str>, kind: EventKind) -> Event {
        Event {
            at: Some(Timestamp::UNIX_EPOCH),
            group: group.map(|group| group.parse().unwrap()),
            foreign: None,
            kind,
        }
    }

    fn container(state: ContainerState) -> EventKind {
        EventKind::Container {
            id: ContainerId("c".to_owned()),
            state,
            failed: None,
        }
    }

    #[tokio::test]
    async fn ten_thousand_events_are_one_thing_to_look_at() {
        let hints = Hints::default();
        for _ in 0..10_000 {
            hints.hear(
                event(Some("a:b"), container(ContainerState::Running)),
                &|_| (),
            );
        }
        hints.wait().await;
        let worth = hints.take();
        assert_eq!((worth.all, worth.groups.len()), (false, 1));
        assert!(worth.heard.is_empty(), "the engine tells when it started");
        assert!(hints.take().is_empty());
    }

    #[test]
    fn what_events_are_worth() {
        let mut worth = Worth::default();
        worth.note(event(None, EventKind::Detached));
        assert!(worth.is_empty());
        worth.note(event(
            None,
            EventKind::Operation {
                id: OperationId("d".to_owned()),
                succeeded: true,
            },
        ));
        assert!(worth.ending && worth.groups.is_empty());
        worth.note(event(Some("a:b"), container(ContainerState::Unreachable)));
        assert_eq!((worth.groups.len(), worth.heard.len()), (1, 1));
        worth.note(event(None, EventKind::Attached));
        assert!(worth.all);
        for n in 0..=MANY {
            worth.note(event(Some(&format!("a:l{n}")), EventKind::App));
        }
        assert!(worth.groups.len() <= MANY);
    }

    #[test]
    fn what_was_not_done_is_not_forgotten() {
        let hints = Hints::default();
        hints.hear(event(Some("a:b"), EventKind::App), &|_| ());
        let taken = hints.take();
        hints.hear(event(Some("c:d"), EventKind::App), &|_| ());
        hints.give_back(taken);
        assert_eq!(hints.take().groups.len(), 2);
    }
}
