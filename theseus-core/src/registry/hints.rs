//! What the cluster's events say is worth a look.
//!
//! Events are hints: which group to look at, and when a container came to a state that nobody tells
//! the time of later. Any number of them is held in bounded room: of groups that are too many, all are
//! looked at, and of containers that are too many, the first are told apart.

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
/// So many containers are told apart of which something was told between two looks.
const MANY_CONTAINERS: usize = 10_000;

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
    /// Containers that failed.
    pub(super) failed: Failed,
    /// When the first of this was learned of.
    pub(super) first: Option<Instant>,
}

/// Containers that failed, and the apps that are without them now, by group.
#[derive(Debug, Default)]
pub(super) struct Failed {
    groups: BTreeMap<GroupId, BTreeMap<ContainerId, AppId>>,
    containers: usize,
}

impl Failed {
    /// Those of a group.
    pub(super) fn of(&self, group: &GroupId) -> Option<&BTreeMap<ContainerId, AppId>> {
        self.groups.get(group)
    }

    /// Only those of groups that are meant.
    pub(super) fn retain(&mut self, is_meant: impl Fn(&GroupId) -> bool) {
        self.groups.retain(|group, _| is_meant(group));
        self.containers = self.groups.values().map(BTreeMap::len).sum();
    }

    fn insert(&mut self, group: GroupId, id: ContainerId, app: AppId) {
        if self.containers < MANY_CONTAINERS {
            let of_group = self.groups.entry(group).or_default();
            self.containers += usize::from(of_group.insert(id, app).is_none());
        }
    }
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
                if let (Some(group), Some(app)) = (&event.group, failed) {
                    self.failed.insert(group.clone(), id.clone(), app);
                }
                let is_told_later = !matches!(
                    state,
                    ContainerState::Unreachable | ContainerState::Stopping
                );
                if let (Some(at), false) = (event.at, is_told_later)
                    && (self.heard.len() < MANY_CONTAINERS || self.heard.contains_key(&id))
                {
                    self.heard.insert(id, (state, at));
                }
            }
            EventKind::Health { .. } | EventKind::App => {}
        }
        self.look_at(event.group);
        self.first.get_or_insert_with(Instant::now);
    }

    fn look_at(&mut self, groups: impl IntoIterator<Item = GroupId>) {
        self.groups.extend(groups);
        if self.groups.len() > MANY {
            self.all = true;
            self.groups.clear();
        }
    }

    /// Puts back what was taken and not done.
    fn restore(&mut self, other: Self) {
        self.all |= other.all;
        self.ending |= other.ending;
        self.look_at(other.groups);
        let room = MANY_CONTAINERS.saturating_sub(self.heard.len());
        for (id, heard) in other.heard.into_iter().take(room) {
            self.heard.entry(id).or_insert(heard);
        }
        for (group, containers) in other.failed.groups {
            for (id, app) in containers {
                self.failed.insert(group.clone(), id, app);
            }
        }
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
        let mut is_anew = false;
        loop {
            if let Err(error) = self.watch_adopters(store, is_anew).await {
                tell(Happening::trouble("store", chain(&error)));
            }
            is_anew = true;
            sleep(AGAIN).await;
        }
    }

    async fn watch_adopters(&self, store: &dyn Store, is_anew: bool) -> Result<(), StoreError> {
        let now = store.list(ADOPTED, Page::first(1)).await?.revision;
        let mut changes = store.watch(ADOPTED, now).await?;
        if is_anew {
            // What was adopted meanwhile is not told.
            self.state().worth.all = true;
            self.woken.notify_one();
        }
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

    fn failed(group: &str, id: usize) -> Event {
        let kind = EventKind::Container {
            id: ContainerId(id.to_string()),
            state: ContainerState::Unreachable,
            failed: Some(AppId(format!("/{group}"))),
        };
        event(Some(group), kind)
    }

    #[test]
    fn what_is_told_again_and_again_is_held_in_bounded_room() {
        let hints = Hints::default();
        for turn in 0..3 {
            let taken = hints.take();
            for n in 0..=MANY_CONTAINERS {
                hints.note(failed("a:b", turn * 1_000_000 + n));
            }
            hints.give_back(taken);
        }
        let worth = hints.take();
        assert_eq!(worth.failed.containers, MANY_CONTAINERS);
        assert_eq!(worth.heard.len(), MANY_CONTAINERS);
    }

    #[test]
    fn what_failed_is_known_by_its_group() {
        let mut worth = Worth::default();
        for (group, id) in [("a:b", 1), ("a:b", 1), ("a:b", 2), ("c:d", 3)] {
            worth.note(failed(group, id));
        }
        assert_eq!(worth.failed.containers, 3);
        let (ab, cd) = ("a:b".parse().unwrap(), "c:d".parse().unwrap());
        assert_eq!(worth.failed.of(&ab).map(BTreeMap::len), Some(2));
        worth.failed.retain(|group| *group == cd);
        assert_eq!((worth.failed.of(&ab), worth.failed.containers), (None, 1));
    }
}
