//! The sampler of the registrar who leads: now and then it asks what is used, and writes it into the
//! history, on condition that the registrar still leads.
//!
//! It never queues anything: a look that takes longer than the time to the next one lets that go by,
//! and says so. Nor does it remove anything by a clock that has just jumped: one that goes a year ahead
//! and is put right within ten minutes takes nothing along. One that stays there is believed in the end.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep_until};

use super::block::{Block, Kind, Name, Part};
use super::{Amount, Meter, Metered, Span};
use crate::causes::chain;
use crate::cluster::{Cluster, ContainerId};
use crate::engine::Clock;
use crate::hold::Hold;
use crate::model::GroupId;
use crate::records;
use crate::registry::{Happening, batches};
use crate::store::{Page, Store, StoreError, Write, list_all};

/// How many bytes a second are written of each span, on the average.
const BUDGET: f64 = 4096.0;

/// For so long the clock has to go on evenly before anything is removed by it.
const SURE: Duration = Duration::from_secs(600);
/// A clock that is off by no more than this between two looks goes on evenly.
const UNEVEN: Duration = Duration::from_secs(30);

/// Which containers are of which group, as the registrar last saw it.
#[derive(Debug, Default)]
pub(crate) struct Roster(Mutex<BTreeMap<GroupId, Vec<ContainerId>>>);

impl Roster {
    /// These are the containers of a group from now on.
    pub(crate) fn set(&self, group: &GroupId, containers: Vec<ContainerId>) {
        let mut groups = self.lock();
        if containers.is_empty() {
            groups.remove(group);
        } else {
            groups.insert(group.clone(), containers);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<GroupId, Vec<ContainerId>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Samples what is used.
pub(crate) struct Sampler<'a> {
    pub(crate) cluster: &'a dyn Cluster,
    pub(crate) store: &'a dyn Store,
    pub(crate) clock: &'a Clock,
    pub(crate) hold: &'a Hold,
    pub(crate) roster: &'a Roster,
    pub(crate) tell: &'a (dyn Fn(Happening) + Send + Sync),
    /// How often.
    pub(crate) every: Duration,
}

impl Sampler<'_> {
    /// Samples for as long as this is polled.
    pub(crate) async fn run(&self) -> Infallible {
        let seconds = u32::try_from(self.every.as_secs()).unwrap_or(u32::MAX);
        let mut pages = [Span::Hour, Span::Week].map(|span| Pages::new(span, seconds));
        let mut meter = Meter::default();
        let mut watched = Watched::default();
        let mut next = Instant::now() + self.every;
        loop {
            sleep_until(next).await;
            let began = Instant::now();
            let sampled = self.sample(&mut pages, &mut meter, &mut watched).await;
            let mut skipped = 0;
            next += self.every;
            while next <= Instant::now() {
                next += self.every;
                skipped += 1;
            }
            (self.tell)(match sampled {
                Ok((containers, silent)) => Happening::Sampled {
                    containers,
                    silent,
                    skipped,
                    took: began.elapsed(),
                },
                Err(reason) => Happening::Unsampled { reason, skipped },
            });
        }
    }

    /// Asks once, and takes what is told into the history; of how many containers and of how many
    /// hosts nothing is told.
    async fn sample(
        &self,
        pages: &mut [Pages],
        meter: &mut Meter,
        watched: &mut Watched,
    ) -> Result<(usize, usize), String> {
        let asked = Instant::now();
        let usage = self.cluster.usage(None).await;
        let usage = usage.map_err(|error| chain(&error))?;
        let silent = usage.silent.len();
        let metered = meter.take(usage.readings, asked);
        let amounts = amounts(&metered, &self.roster.lock());
        let now = (self.clock)();
        let is_sure = watched.is_even(now, Instant::now());
        let written = async {
            for page in pages {
                page.turn_to(now, self).await?;
                page.prune_if_due(now, is_sure, self).await?;
                page.take(now, &amounts);
                page.write_if_due(self).await?;
            }
            Ok::<_, StoreError>(())
        };
        written.await.map_err(|error| chain(&error))?;
        let of_containers = amounts.keys().filter(|name| name.is_container());
        Ok((of_containers.count(), silent))
    }

    /// Writes, for as long as the registrar leads.
    async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let fence = self.hold.fence();
        let each = writes.into_iter().map(|write| vec![write]);
        for txn in batches(each, self.store.max_txn_operations(), &fence) {
            if !self.hold.is_sure() {
                return Ok(());
            }
            match self.store.commit(txn).await {
                Ok(_) => {}
                // All that is compared is the lock: another one writes from now on.
                Err(StoreError::Conflict { .. }) => {
                    self.hold.lose();
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A clock that is watched by one that does not jump.
#[derive(Default)]
struct Watched {
    before: Option<(Timestamp, Instant)>,
    /// Since when it goes on evenly.
    since: Option<Instant>,
}

impl Watched {
    /// Whether it has gone on evenly for long enough, now that it shows this.
    fn is_even(&mut self, shown: Timestamp, now: Instant) -> bool {
        let before = self.before.replace((shown, now));
        let is_off = before.is_none_or(|(then_shown, then)| {
            let passed = SignedDuration::try_from(now.duration_since(then));
            let off = passed.map(|passed| shown.duration_since(then_shown).saturating_sub(passed));
            off.map_or(true, |off| off.unsigned_abs() > UNEVEN)
        });
        let since = self.since.filter(|_| !is_off).unwrap_or(now);
        self.since = Some(since);
        now.duration_since(since) >= SURE
    }
}

/// What each container, group and host uses. Containers of nobody's group are not told of.
fn amounts(
    metered: &[Metered],
    groups: &BTreeMap<GroupId, Vec<ContainerId>>,
) -> BTreeMap<Name, Amount> {
    let containers = groups.iter().flat_map(|(group, containers)| {
        let of_group = containers.iter();
        of_group.map(move |container| (container, group))
    });
    let groups: HashMap<&ContainerId, &GroupId> = containers.collect();
    let mut amounts: BTreeMap<Name, Amount> = BTreeMap::new();
    for metered in metered {
        let Some(group) = groups.get(&metered.container) else {
            continue;
        };
        for name in [
            Name::new(Kind::Container, &metered.container.0),
            Name::new(Kind::Group, &group.to_string()),
            Name::new(Kind::Host, &metered.host),
        ] {
            amounts.entry(name).or_default().add(&metered.amount);
        }
    }
    amounts
}

/// The block of a span that is under way.
struct Pages {
    span: Span,
    step: u32,
    start: Option<i64>,
    parts: BTreeMap<Part, Block>,
    /// When it may be written again.
    due: Instant,
    is_written: bool,
    /// Whether what is too old was removed since this block began.
    is_pruned: bool,
}

impl Pages {
    fn new(span: Span, every: u32) -> Self {
        Self {
            span,
            step: span.step(every),
            start: None,
            parts: BTreeMap::new(),
            due: Instant::now(),
            is_written: true,
            is_pruned: false,
        }
    }

    /// Goes on with the block of this time: what somebody has written of it stays. The one before is
    /// written in full.
    async fn turn_to(&mut self, now: Timestamp, sampler: &Sampler<'_>) -> Result<(), StoreError> {
        let start = self.span.start(now);
        if self.start == Some(start) {
            return Ok(());
        }
        self.write(sampler).await?;
        self.is_pruned = false;
        let (entries, _) = list_all(sampler.store, &self.span.block_prefix(start)).await?;
        self.parts.clear();
        for entry in entries {
            let part = self.span.part_of(start, &entry.key);
            let block = records::decode::<Block>(&entry).ok();
            if let (Some(part), Some(block)) = (part, block)
                && block.record.step == self.step
            {
                self.parts.insert(part, block.record);
            }
        }
        self.start = Some(start);
        Ok(())
    }

    async fn prune_if_due(
        &mut self,
        now: Timestamp,
        is_sure: bool,
        sampler: &Sampler<'_>,
    ) -> Result<(), StoreError> {
        if is_sure && !self.is_pruned {
            self.prune(now, sampler).await?;
            self.is_pruned = true;
        }
        Ok(())
    }

    /// Removes the blocks that are not kept any more, and those of a time to come.
    async fn prune(&self, now: Timestamp, sampler: &Sampler<'_>) -> Result<(), StoreError> {
        const AT_A_TIME: usize = 4;
        let oldest = self.span.starts(now).next().unwrap_or_default();
        let newest = self.span.start(now);
        let mut old = Vec::new();
        let prefix = self.span.prefix();
        let mut after = None;
        loop {
            let page = Page {
                after: after.take(),
                ..Page::first(AT_A_TIME)
            };
            let listing = sampler.store.list(&prefix, page).await?;
            let Some(last) = listing.entries.last() else {
                break;
            };
            let start = self.span.start_of(&last.key);
            let is_kept = |start: i64| (oldest..=newest).contains(&start);
            let keys = listing.entries.iter().map(|entry| &entry.key);
            let gone = keys.filter(|key| !self.span.start_of(key).is_some_and(is_kept));
            old.extend(gone.map(|key| Write::Delete(key.clone())));
            // What is kept need not be read: behind it come only blocks of a time to come.
            after = match start {
                Some(start) if is_kept(start) => {
                    Some(format!("{}~", self.span.block_prefix(newest)))
                }
                _ => Some(last.key.clone()),
            };
        }
        sampler.commit(old).await
    }

    fn take(&mut self, now: Timestamp, amounts: &BTreeMap<Name, Amount>) {
        let Some(start) = self.start else { return };
        let passed = now.as_second().saturating_sub(start).max(0);
        let index = usize::try_from(passed / i64::from(self.step)).unwrap_or_default();
        for (name, amount) in amounts {
            let step = self.step;
            let part = self.parts.entry(name.part());
            let block = part.or_insert_with(|| Block::new(step));
            block.take(name, index, amount);
        }
        self.is_written &= amounts.is_empty();
    }

    async fn write_if_due(&mut self, sampler: &Sampler<'_>) -> Result<(), StoreError> {
        if Instant::now() < self.due {
            return Ok(());
        }
        self.write(sampler).await
    }

    async fn write(&mut self, sampler: &Sampler<'_>) -> Result<(), StoreError> {
        let Some(start) = self.start.filter(|_| !self.is_written) else {
            return Ok(());
        };
        let mut bytes = 0_u32;
        for (part, block) in &self.parts {
            // One after another: all of them at once would be held twice.
            let value = records::encode(block);
            bytes = bytes.saturating_add(u32::try_from(value.len()).unwrap_or(u32::MAX));
            let write = Write::Put(self.span.key(start, *part), value);
            sampler.commit(vec![write]).await?;
        }
        self.is_written = true;
        // The larger it is, the longer it waits, but no longer than it is under way.
        let wait = Duration::from_secs_f64(f64::from(bytes) / BUDGET);
        self.due = Instant::now() + wait;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_believed_once_it_has_gone_on_evenly() {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let began = Instant::now();
        // After how many minutes it shows which, and whether it is believed then.
        for (name, looks) in [
            (
                "even",
                &[(0, 0, false), (5, 5, false), (10, 10, true), (15, 15, true)][..],
            ),
            (
                "a year ahead and back",
                &[
                    (0, 0, false),
                    (10, 10, true),
                    (11, 525_600, false),
                    (20, 525_609, false),
                    (21, 525_610, true),
                    (22, 22, false),
                    (31, 31, false),
                    (32, 32, true),
                ],
            ),
            (
                "it stands still",
                &[(0, 0, false), (10, 0, false), (20, 0, false)],
            ),
        ] {
            let mut watched = Watched::default();
            for (passed, shown, expected) in looks {
                let shown = Timestamp::from_second(shown * 60).unwrap();
                let is_even = watched.is_even(shown, began + minutes(*passed));
                assert_eq!(is_even, *expected, "{name}: after {passed} minutes");
            }
        }
    }
}
