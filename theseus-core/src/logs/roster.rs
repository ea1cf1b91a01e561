//! Who belongs to what is followed: looked up when something happens, and now and then.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep_until};

use super::Speaker;
use super::reader::Message;
use crate::attribution::attributed;
use crate::causes::chain;
use crate::cluster::{Cluster, ContainerState, Event, EventKind, Events, Scope};
use crate::engine::EngineError;
use crate::engine::observe::observe;
use crate::model::{GroupId, GroupSelector};
use crate::state::Observed;
use crate::store::Store;

/// From what happens to the look at it: what belongs together is one look.
const SOON: Duration = Duration::from_millis(250);
/// From one look to the next while things happen,
const PACE: Duration = Duration::from_secs(1);
/// while nothing does,
const IDLE: Duration = Duration::from_secs(10);
/// and while nobody tells what does.
const BLIND: Duration = Duration::from_secs(2);

/// The cluster and the records in which containers are looked up.
#[derive(Clone)]
pub struct Scene {
    /// What runs them.
    pub cluster: Arc<dyn Cluster>,
    /// The records.
    pub store: Arc<dyn Store>,
}

impl std::fmt::Debug for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scene")
    }
}

/// What is known of who belongs.
#[derive(Debug)]
pub(super) enum Roster {
    Seen {
        /// All that run.
        speakers: Vec<Speaker>,
        /// Whether any of the groups is there at all.
        is_there: bool,
    },
    /// The cluster does not tell.
    Away(String),
}

/// Tells who belongs, until nobody listens any more.
pub(super) async fn keep(
    scene: Scene,
    selectors: Vec<GroupSelector>,
    told: UnboundedSender<Message>,
) {
    let mut roster = Keeper {
        scene,
        selectors,
        events: None,
        heard: BTreeSet::new(),
    };
    let mut next_look = Instant::now();
    let mut last_look;
    loop {
        let looked = roster.look().await;
        last_look = Instant::now();
        if told.send(Message::Roster(looked)).is_err() {
            return;
        }
        if roster.events.is_none() {
            let events = roster.scene.cluster.events().await.ok();
            let store = || Arc::clone(&roster.scene.store);
            roster.events = events.map(|events| attributed(events, store()));
        }
        let idle = if roster.events.is_some() { IDLE } else { BLIND };
        next_look = next_look.max(last_look + idle);
        loop {
            tokio::select! {
                () = sleep_until(next_look) => break,
                () = told.closed() => return,
                concerns = roster.hear() => if concerns {
                    next_look = (Instant::now() + SOON).max(last_look + PACE).min(next_look);
                },
            }
        }
        next_look = Instant::now();
    }
}

struct Keeper {
    scene: Scene,
    selectors: Vec<GroupSelector>,
    events: Option<Events>,
    /// Containers that something was heard of since the last look.
    heard: BTreeSet<(GroupId, crate::cluster::ContainerId)>,
}

impl Keeper {
    /// Waits for the next event; says whether it is worth a look.
    async fn hear(&mut self) -> bool {
        let Some(events) = &mut self.events else {
            return std::future::pending().await;
        };
        if let Some(Ok(event)) = events.next().await {
            return self.concerns(event);
        }
        self.events = None;
        true
    }

    fn concerns(&mut self, event: Event) -> bool {
        match (event.group, event.kind) {
            (None, EventKind::Attached) => true,
            (Some(group), kind) if self.selectors.iter().any(|it| it.matches(&group)) => {
                if let EventKind::Container { id, state, .. } = kind {
                    // One that did not run has written nothing.
                    if state >= ContainerState::Running {
                        self.heard.insert((group, id));
                    }
                }
                true
            }
            _ => false,
        }
    }

    /// Looks who is there. One that something was heard of, and that is gone already, has a log all the
    /// same.
    async fn look(&mut self) -> Roster {
        let heard = std::mem::take(&mut self.heard);
        let observed = match observed(&self.scene, &self.selectors).await {
            Ok(observed) => observed,
            Err(error) => {
                self.heard = heard;
                return Roster::Away(chain(&error));
            }
        };
        let mut speakers = super::speakers(&observed, &self.selectors);
        let seen: BTreeSet<_> = speakers.iter().map(|it| it.container.clone()).collect();
        let gone = heard.into_iter().filter(|(_, id)| !seen.contains(id));
        speakers.extend(gone.map(|(group, container)| Speaker {
            group: Some(group),
            container,
            host: None,
            revision: None,
            is_over: true,
        }));
        let is_there = observed.groups.iter().any(|(group, state)| {
            !state.is_absent() && self.selectors.iter().any(|it| it.matches(group))
        });
        Roster::Seen { speakers, is_there }
    }
}

async fn observed(scene: &Scene, selectors: &[GroupSelector]) -> Result<Observed, EngineError> {
    let groups = selectors.iter().map(|selector| match selector {
        GroupSelector::Group(group) => Some(group.clone()),
        GroupSelector::Service(_) => None,
    });
    let groups: Option<Vec<GroupId>> = groups.collect();
    let scope = groups.map_or(Scope::All, Scope::Groups);
    observe(&*scene.cluster, &*scene.store, &scope).await
}
