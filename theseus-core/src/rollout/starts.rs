//! Counting containers that failed to start or to stay up.
//!
//! One look cannot tell: a container that crashed is simply not there any more. So this is fed with
//! every look, and with what Theseus itself has told the engine to stop.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::census::{count, staying};
use crate::cluster::{App, AppId, Change, Container, ContainerId, ContainerState, Revision};

/// The containers of one revision that have ended before they were told to.
///
/// A crash shows in two ways: a container that was there is gone, and the engine tells of a
/// failure. Either may be missed, and nothing says which belong together; so of each app the more
/// numerous ones count, and no crash counts twice.
#[derive(Debug)]
pub struct Starts {
    revision: Revision,
    since: Timestamp,
    apps: BTreeMap<AppId, Tally>,
}

/// What happened to the containers of one app.
#[derive(Debug)]
struct Tally {
    /// Those that were there at the last look.
    alive: BTreeMap<ContainerId, Fate>,
    /// Those that were over already when they were first seen, or are counted.
    over: BTreeSet<ContainerId>,
    /// How many the engine was last told to run.
    told: u32,
    /// How many more may go because that is fewer, and the engine chooses itself.
    excused: u32,
    /// How many ended or vanished unasked.
    vanished: u32,
    /// How many failures the engine told of.
    failures: u32,
    /// How many were lost with their hosts, for which the engine may tell of a failure, too.
    lost: u32,
    /// When the last failure was that is known.
    last_failure: Timestamp,
}

/// What is to be made of the end of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It counts.
    Counts,
    /// Its host was lost, and it may be lost with it.
    Unreachable,
    /// It was told to stop.
    Told,
}

impl Starts {
    /// Counts the containers of `revision` from now on; failures before `since` do not count.
    pub fn new(revision: Revision, since: Timestamp) -> Self {
        Self {
            revision,
            since,
            apps: BTreeMap::new(),
        }
    }

    /// How many containers have failed.
    pub fn failed(&self) -> u32 {
        let present = self.apps.values().map(Tally::failed);
        present.fold(0, u32::saturating_add)
    }

    /// Takes note of a change that the engine may have taken.
    pub fn told(&mut self, change: &Change) {
        if let Change::Update(_) = change {
            // Whatever runs in a stable app is about to be replaced.
            self.apps.values_mut().for_each(Tally::tell_all);
            return;
        }
        let Some(tally) = change.app().and_then(|app| self.apps.get_mut(app)) else {
            return;
        };
        match change {
            Change::Shrink { containers, .. } => {
                for id in containers {
                    tally.tell(id);
                }
            }
            Change::Scale { instances, .. } => {
                let running = count(tally.alive.values().filter(|fate| **fate != Fate::Told));
                tally.excused = running.saturating_sub(*instances);
                tally.told = *instances;
            }
            Change::Delete { .. } | Change::Pin { .. } | Change::Revert { .. } => tally.tell_all(),
            Change::Create(_) | Change::Update(_) | Change::Release { .. } => {}
        }
    }

    /// Takes note of what is there.
    pub fn look(&mut self, apps: &[App]) {
        let own = |app: &&App| app.revision == self.revision;
        let present: BTreeSet<&AppId> = apps.iter().filter(own).map(|app| &app.id).collect();
        // Who takes an app away takes its containers, and they have not failed.
        let gone = self.apps.iter_mut().filter(|(id, _)| !present.contains(id));
        gone.for_each(|(_, tally)| tally.alive.clear());
        for app in apps.iter().filter(|app| app.revision == self.revision) {
            self.apps
                .entry(app.id.clone())
                .or_insert_with(|| Tally::new(app, self.since))
                .look(app);
        }
    }
}

impl Tally {
    fn new(app: &App, since: Timestamp) -> Self {
        let ended = |c: &&Container| c.state == ContainerState::Ended;
        Self {
            alive: BTreeMap::new(),
            over: app
                .containers
                .iter()
                .filter(ended)
                .map(|c| c.id.clone())
                .collect(),
            told: app.instances,
            excused: 0,
            vanished: 0,
            failures: 0,
            lost: 0,
            last_failure: since,
        }
    }

    fn failed(&self) -> u32 {
        self.vanished.max(self.failures.saturating_sub(self.lost))
    }

    fn tell(&mut self, id: &ContainerId) {
        if let Some(fate) = self.alive.get_mut(id) {
            *fate = Fate::Told;
        }
    }

    fn tell_all(&mut self) {
        self.alive.values_mut().for_each(|fate| *fate = Fate::Told);
    }

    fn look(&mut self, app: &App) {
        let mut before = std::mem::take(&mut self.alive);
        for container in app.containers.iter().filter(|c| !c.outdated) {
            let known = before.remove(&container.id);
            if self.over.contains(&container.id) {
                continue;
            }
            let fate = match (container.state, known) {
                (ContainerState::Ended, known) => {
                    self.over.insert(container.id.clone());
                    self.end(known.unwrap_or(Fate::Counts));
                    continue;
                }
                (_, Some(Fate::Told)) => Fate::Told,
                (ContainerState::Unreachable, _) | (_, Some(Fate::Unreachable)) => {
                    Fate::Unreachable
                }
                (_, Some(Fate::Counts) | None) => Fate::Counts,
            };
            self.alive.insert(container.id.clone(), fate);
        }
        let outdated: BTreeSet<_> = app
            .containers
            .iter()
            .filter(|c| c.outdated)
            .map(|c| &c.id)
            .collect();
        for (id, fate) in before {
            if !outdated.contains(&id) {
                self.end(fate);
                self.over.insert(id);
            }
        }
        // The engine has chosen when no more run than are to run. Until it knows, it has not.
        if app.instances <= self.told && count(staying(app)) <= app.instances {
            self.excused = 0;
        }
        if let Some(at) = app.last_failure.as_ref().and_then(|failure| failure.at)
            && at > self.last_failure
        {
            self.last_failure = at;
            self.failures += 1;
        }
    }

    /// A container is over.
    fn end(&mut self, fate: Fate) {
        match fate {
            Fate::Told => {}
            Fate::Unreachable => self.lost += 1,
            Fate::Counts if self.excused > 0 => self.excused -= 1,
            Fate::Counts => self.vanished += 1,
        }
    }
}
