//! The work of the registrar who leads: one look after another, and what follows from each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use tokio::time::{Instant, sleep, sleep_until};

use super::batch::batches;
use super::happening::{Happening, Settled};
use super::held::{HeldAll, HeldGroup, diff};
use super::hints::{Hints, Worth};
use super::picture::{Known, picture};
use super::record::{CountsRecord, REGISTRY, RegistryRecord};
use super::registrar::{Registrar, Tell};
use super::restarts::Over;
use super::shapes::Shapes;
use crate::audit;
use crate::causes::chain;
use crate::cluster::{ContainerId, Scope};
use crate::engine::{EngineError, observe};
use crate::hold::Hold;
use crate::model::GroupId;
use crate::records;
use crate::state::{GroupState, Observed};
use crate::store::{StoreError, Txn, Write};
use crate::usage::Roster;

/// Events come in swarms: so long after the first of them, one look serves all.
const SWARM: Duration = Duration::from_millis(25);
/// A costly look earns a longer rest, but no longer than this.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// How long the events are waited for before the first look.
const FIRST: Duration = Duration::from_secs(1);
/// With events, a look at everything is only for what they may have lost.
const WITH_EVENTS: Duration = Duration::from_secs(180);
/// Without, it is all there is.
const WITHOUT_EVENTS: Duration = Duration::from_secs(10);
/// A group of which events told is looked at once more: the engine may tell of a change before its
/// answers show it.
const AGAIN: Duration = Duration::from_secs(2);
/// How long a deployed group may be missing from what is seen before that is believed.
const DOUBT: Duration = Duration::from_secs(5);
/// How often it is written down that the registry is still true.
const BEAT: Duration = Duration::from_secs(30);
/// How many transactions are under way at the same time.
const PARALLEL: usize = 4;
/// How soon what failed is tried again, at first and at last.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What keeps a turn from being done.
enum Trouble {
    /// The registrar does not lead any more.
    Lost,
    /// It is to be tried again.
    Passing { with: &'static str, message: String },
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Passing {
            with: "store",
            message: chain(&error),
        }
    }
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        let with = match error {
            EngineError::Cluster(_) => "cluster",
            EngineError::Store(_) | EngineError::Record(_) => "store",
        };
        Self::Passing {
            with,
            message: chain(&error),
        }
    }
}

/// Counts of groups, and the containers that are in them.
type Unsure = BTreeMap<GroupId, (Option<CountsRecord>, Vec<ContainerId>)>;

/// What the one who leads has before him.
pub(super) struct Desk<'a> {
    registrar: &'a Registrar,
    hold: &'a Hold,
    hints: &'a Hints,
    roster: &'a Roster,
    tell: Tell<'a>,
    began: Instant,
    /// What the registry holds; `None` when that has to be read.
    held: Option<HeldAll>,
    shapes: Shapes,
    /// Containers that are over.
    over: Over,
    /// Where it is not known whether counts were written: these counts, and the containers that were
    /// told to have failed and are in them.
    unsure: Unsure,
    /// Deployed groups that were missing, and since when.
    missing: BTreeMap<GroupId, Instant>,
    /// What is to be looked at once more, and when.
    again: Option<(Instant, BTreeSet<GroupId>)>,
    /// When everything was looked at last.
    looked_at_all: Option<Instant>,
    /// How long the last turn took.
    took: Duration,
    /// What is written of the registry as a whole, and when that was.
    word: Option<(Instant, RegistryRecord)>,
    pause: Duration,
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        registrar: &'a Registrar,
        hold: &'a Hold,
        hints: &'a Hints,
        roster: &'a Roster,
        tell: Tell<'a>,
    ) -> Self {
        Self {
            registrar,
            hold,
            hints,
            roster,
            tell,
            began: Instant::now(),
            held: None,
            shapes: Shapes::default(),
            over: Over::default(),
            unsure: Unsure::new(),
            missing: BTreeMap::new(),
            again: None,
            looked_at_all: None,
            took: Duration::ZERO,
            word: None,
            pause: FIRST_PAUSE,
        }
    }

    /// Works until the lock is lost; says so.
    pub(super) async fn work(&mut self) -> &'static str {
        loop {
            self.wait().await;
            let mut worth = self.hints.take();
            let began = Instant::now();
            match self.turn(&mut worth, began).await {
                Ok(()) => {
                    self.took = began.elapsed();
                    self.pause = FIRST_PAUSE;
                }
                Err(Trouble::Lost) => return "the lock was lost",
                Err(Trouble::Passing { with, message }) => {
                    self.hints.give_back(worth);
                    self.leave_word_of_trouble(&message).await;
                    (self.tell)(Happening::trouble(with, message));
                    sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Waits until there is something to do.
    async fn wait(&self) {
        let again = self.again.as_ref().map(|(due, _)| *due);
        let word = self.word.as_ref().filter(|_| self.hints.is_attached());
        let beat = word.map(|(written, _)| *written + BEAT);
        let due = [again, beat, Some(self.all_due())].into_iter().flatten();
        // Whether events come may change meanwhile, and with it what is due.
        let soon = Instant::now() + WITHOUT_EVENTS;
        let due = due.fold(soon, Instant::min);
        tokio::select! {
            biased;
            () = self.hints.wait() => sleep(self.took.clamp(SWARM, LONGEST_REST)).await,
            () = sleep_until(due) => {}
        }
    }

    /// When everything is to be looked at.
    fn all_due(&self) -> Instant {
        let pause = if self.hints.is_attached() {
            WITH_EVENTS
        } else {
            // A large cluster is not kept busy by being looked at.
            WITHOUT_EVENTS.max(self.took * 10)
        };
        self.looked_at_all
            .map_or(self.began + FIRST, |looked| looked + pause)
    }

    /// Looks at what is worth it, and makes the registry equal to what is seen.
    async fn turn(&mut self, worth: &mut Worth, now: Instant) -> Result<(), Trouble> {
        let is_due = now >= self.all_due();
        let told: BTreeSet<GroupId> = worth.groups.clone();
        if let Some((_, groups)) = self.again.take_if(|(due, _)| *due <= now) {
            worth.groups.extend(groups);
        }
        // Somebody else may have written there: now and then it is read anew. What was known before is
        // not held beside it.
        let known = self.held.take().filter(|_| !is_due);
        let mut held = match known {
            Some(held) => held,
            None => self.read().await?,
        };
        if std::mem::take(&mut worth.ending) {
            let groups = held.groups.iter();
            let stopping = groups.filter(|(_, held)| held.is_stopping());
            worth
                .groups
                .extend(stopping.map(|(group, _)| group.clone()));
        }
        let all = worth.all || is_due;
        let as_of = (self.registrar.clock)();
        let looks = all || !worth.groups.is_empty();
        if looks {
            let settled = self.settle(&mut held, worth, all, as_of).await?;
            (self.tell)(Happening::Settled(settled));
            self.look_again(told, now);
        }
        self.hints.give_back(Worth {
            failed: std::mem::take(&mut worth.failed),
            ..Worth::default()
        });
        if all {
            self.looked_at_all = Some(now);
            self.prune().await?;
        }
        self.held = Some(held);
        if looks || self.hints.is_attached() {
            self.leave_word(as_of).await?;
        }
        Ok(())
    }

    /// Reads what the registry holds. What is counted there is not counted once more.
    async fn read(&mut self) -> Result<HeldAll, Trouble> {
        let held = HeldAll::read(&*self.registrar.store).await?;
        for (group, (counts, failed)) in std::mem::take(&mut self.unsure) {
            let written = held.groups.get(&group).and_then(HeldGroup::counted);
            let written = written.cloned().map(|counts| CountsRecord {
                leaving: Vec::new(),
                ..counts
            });
            if written == counts {
                self.over.extend(failed, Instant::now());
            }
        }
        Ok(held)
    }

    /// Looks, and writes what differs.
    async fn settle(
        &mut self,
        held: &mut HeldAll,
        worth: &mut Worth,
        all: bool,
        as_of: Timestamp,
    ) -> Result<Settled, Trouble> {
        let mut observed = self.look(worth, all).await?;
        let groups: BTreeSet<GroupId> = if all {
            let known = held.groups.keys().chain(observed.groups.keys());
            known.cloned().collect()
        } else {
            worth.groups.clone()
        };
        let nothing_held = HeldGroup::default();
        // Of a large cluster nothing is held twice that need not be: what was seen of a group goes when
        // there is a picture of it, and the picture if it shows nothing new.
        let mut new = BTreeMap::new();
        let mut settled = BTreeSet::new();
        let most = self.registrar.store.max_txn_operations().saturating_sub(1);
        let (mut comes, mut goes) = (Vec::new(), Vec::new());
        let (mut named, mut emptied) = (Vec::new(), Vec::new());
        let mut gone: Vec<ContainerId> = Vec::new();
        let mut unsure = Unsure::new();
        let mut doubtful = BTreeSet::new();
        let nothing_failed = BTreeMap::new();
        for group in groups {
            let state = observed.groups.remove(&group).unwrap_or_default();
            let before = held.groups.get(&group).unwrap_or(&nothing_held);
            if self.is_doubtful(&group, &state, before) {
                doubtful.insert(group);
                continue;
            }
            let failed = worth.failed.of(&group).unwrap_or(&nothing_failed);
            let known = Known {
                held: before,
                shapes: self.shapes.of(&group),
                heard: &worth.heard,
                failed,
                over: &self.over,
                now: as_of,
            };
            let picture = picture(&group, &state, known);
            gone.extend(before.over_by(&picture));
            if !failed.is_empty() {
                let failed: Vec<ContainerId> = failed.keys().cloned().collect();
                gone.extend(failed.iter().cloned());
                unsure.insert(group.clone(), (picture.counts.clone(), failed));
            }
            let differs = diff(&group, before, &picture, most);
            if !differs.is_empty() {
                comes.extend(differs.comes.into_iter().map(|write| vec![write]));
                named.extend(differs.named.map(|write| vec![write]));
                goes.push(differs.goes);
                emptied.extend(differs.counts.map(|write| vec![write]));
                new.insert(group.clone(), picture);
            }
            settled.insert(group);
        }
        if all {
            goes.extend(held.strays.drain(..).map(|key| vec![Write::Delete(key)]));
        }
        self.unsure = unsure;
        let (mut written, mut transactions) = (0, 0);
        for writes in [comes, named, goes, emptied] {
            written += writes.iter().map(Vec::len).sum::<usize>();
            transactions += self.commit(writes).await?;
        }
        self.unsure.clear();
        self.over.extend(gone, Instant::now());
        // What was told of the others is counted when they can be relied on.
        worth
            .failed
            .retain(|group| doubtful.contains(group) || (!all && !settled.contains(group)));
        for (group, picture) in new {
            held.take_over(group, picture);
        }
        let mut counts = BTreeMap::new();
        for group in settled {
            let now = held.groups.get(&group).unwrap_or(&nothing_held);
            self.roster
                .set(&group, now.containers.keys().cloned().collect());
            counts.insert(group, now.counted().cloned());
        }
        Ok(Settled {
            as_of,
            writes: written,
            transactions,
            since_event: worth.first.map(|first| first.elapsed()),
            counts,
            containers: held.groups.values().map(|it| it.containers.len()).sum(),
        })
    }

    async fn look(&mut self, worth: &Worth, all: bool) -> Result<Observed, Trouble> {
        let began = Instant::now();
        let (cluster, store) = (&*self.registrar.cluster, &*self.registrar.store);
        let scope = if all {
            Scope::All
        } else {
            Scope::Groups(worth.groups.iter().cloned().collect())
        };
        let observed = observe::observe(cluster, store, &scope).await?;
        (self.tell)(Happening::Looked {
            groups: (!all).then_some(worth.groups.len()),
            took: began.elapsed(),
        });
        self.shapes.learn(store, &observed, all).await?;
        Ok(observed)
    }

    /// Whether what is seen of a group cannot be relied on: an app of its could not be read, or it is
    /// missing though it should be there: it is deployed, nobody works on it, and the
    /// cluster knows nothing of it. An engine that just came back may tell less than there is; what
    /// relies on the registry is not to lose all of a group for that.
    fn is_doubtful(&mut self, group: &GroupId, state: &GroupState, held: &HeldGroup) -> bool {
        if state.unread().is_some() {
            self.look_again(BTreeSet::from([group.clone()]), Instant::now());
            return true;
        }
        let is_missing = state.record.is_some()
            && state.rollout.is_none()
            && state.apps.is_empty()
            && !held.containers.is_empty();
        if !is_missing {
            self.missing.remove(group);
            return false;
        }
        let now = Instant::now();
        let since = *self.missing.entry(group.clone()).or_insert(now);
        if now.duration_since(since) >= DOUBT {
            self.missing.remove(group);
            return false;
        }
        self.look_again(BTreeSet::from([group.clone()]), now);
        true
    }

    fn look_again(&mut self, groups: BTreeSet<GroupId>, now: Instant) {
        if groups.is_empty() {
            return;
        }
        let (_, again) = self
            .again
            .get_or_insert_with(|| (now + AGAIN, BTreeSet::new()));
        again.extend(groups);
    }

    /// Writes, for as long as the lock is held, what stands together in one transaction; says in how
    /// many of them.
    async fn commit(&self, together: Vec<Vec<Write>>) -> Result<usize, Trouble> {
        let store = &*self.registrar.store;
        let txns = batches(together, store.max_txn_operations(), &self.hold.fence());
        let count = txns.len();
        if count > 0 {
            self.commit_all(txns).await?;
        }
        Ok(count)
    }

    async fn commit_all(&self, txns: Vec<Txn>) -> Result<(), Trouble> {
        if self.hold.is_lost() {
            return Err(Trouble::Lost);
        }
        if !self.hold.is_sure() {
            return Err(Trouble::Passing {
                with: "store",
                message: "the lock could not be renewed for a while".to_owned(),
            });
        }
        let store = &*self.registrar.store;
        let commits = txns.into_iter().map(|txn| store.commit(txn));
        let committed = stream::iter(commits)
            .buffer_unordered(PARALLEL)
            .try_for_each(|_| std::future::ready(Ok(())));
        match committed.await {
            Ok(()) => Ok(()),
            // All that is compared is the lock.
            Err(StoreError::Conflict { .. }) => {
                self.hold.lose();
                Err(Trouble::Lost)
            }
            // What was written and what was not is read before anything else is written.
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps the audit trail within its bounds.
    async fn prune(&self) -> Result<(), Trouble> {
        let store = &*self.registrar.store;
        let old = audit::surplus(store).await?;
        if old.is_empty() {
            return Ok(());
        }
        let entries = old.len();
        let old = old.into_iter().map(|key| vec![Write::Delete(key)]);
        self.commit(old.collect()).await?;
        (self.tell)(Happening::Pruned { entries });
        Ok(())
    }

    /// Writes down that the registry is true, where that was not written lately.
    async fn leave_word(&mut self, as_of: Timestamp) -> Result<(), Trouble> {
        let is_fresh = self
            .word
            .as_ref()
            .is_some_and(|(at, word)| word.trouble.is_none() && at.elapsed() < BEAT);
        if is_fresh {
            return Ok(());
        }
        self.write_word(RegistryRecord {
            by: self.registrar.by.clone(),
            as_of,
            trouble: None,
        })
        .await
    }

    /// Writes down that the registry may be out of date, where it does not say so already.
    async fn leave_word_of_trouble(&mut self, message: &str) {
        if self.word.is_none() {
            // Nothing was seen yet: what the last one wrote still holds.
            let written = self.registrar.store.get(REGISTRY).await;
            let Ok(Some(entry)) = written else { return };
            let Ok(stored) = records::decode::<RegistryRecord>(&entry) else {
                return;
            };
            self.word = Some((Instant::now(), stored.record));
        }
        let Some((_, word)) = &self.word else { return };
        if word.trouble.is_some() && word.by == self.registrar.by {
            return;
        }
        let word = RegistryRecord {
            by: self.registrar.by.clone(),
            trouble: Some(message.to_owned()),
            ..word.clone()
        };
        // Where even this cannot be written, the next turn tells why.
        let _ = self.write_word(word).await;
    }

    async fn write_word(&mut self, word: RegistryRecord) -> Result<(), Trouble> {
        let write = Write::Put(REGISTRY.to_owned(), records::encode(&word));
        self.commit(vec![vec![write]]).await?;
        self.word = Some((Instant::now(), word));
        Ok(())
    }
}
