//! What the registry holds now, and what it takes to make it hold something else.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::picture::Picture;
use super::record::{
    AppCount, CONTAINERS, COUNTS, ContainerRecord, CountsRecord, container_key, container_of,
    containers_prefix, counted_group, counts_key,
};
use crate::cluster::{AppId, ContainerId};
use crate::model::GroupId;
use crate::records;
use crate::store::{Entry, Store, StoreError, Write, each_page, list_all};

/// How many containers are read at a time.
const PAGE: usize = 1000;

/// How many containers counts name at most, so that a store takes them.
const MOST_NAMED: usize = 4000;

/// An entry of the registry. One that cannot be read is as good as a wrong one: it is written anew,
/// or goes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Held<T> {
    /// It says this.
    Record(T),
    /// Nobody knows what it says.
    Unreadable,
}

impl<T> Held<T> {
    fn record(&self) -> Option<&T> {
        match self {
            Self::Record(record) => Some(record),
            Self::Unreadable => None,
        }
    }
}

/// What the registry holds of a group.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct HeldGroup {
    /// Its containers.
    pub(super) containers: BTreeMap<ContainerId, Held<ContainerRecord>>,
    /// Its counts.
    pub(super) counts: Option<Held<CountsRecord>>,
}

impl HeldGroup {
    /// What is held of a container, where that can be read.
    pub(super) fn container(&self, id: &ContainerId) -> Option<&ContainerRecord> {
        self.containers.get(id)?.record()
    }

    /// All containers that are held, as far as they can be read.
    pub(super) fn records(&self) -> impl Iterator<Item = &ContainerRecord> {
        self.containers.values().filter_map(Held::record)
    }

    /// The containers of which a picture tells anew that they are over: those that are held and not
    /// shown any more, and those that failed last.
    pub(super) fn over_by<'a>(
        &'a self,
        picture: &'a Picture,
    ) -> impl Iterator<Item = ContainerId> + 'a {
        let held = self.containers.keys();
        let gone = held.filter(|id| !picture.containers.contains_key(id));
        let counted = picture.counts.iter().flat_map(|counts| &counts.apps);
        let failed = counted.filter_map(|now| {
            let before = self.app(&now.app);
            let before = before.and_then(|before| before.failed.as_ref());
            now.failed.as_ref().filter(|id| before != Some(*id))
        });
        gone.chain(failed).cloned()
    }

    /// Its counts, where they can be read.
    pub(super) fn counted(&self) -> Option<&CountsRecord> {
        self.counts.as_ref()?.record()
    }

    /// What is counted of an app.
    pub(super) fn app(&self, id: &AppId) -> Option<&AppCount> {
        let counts = self.counted()?;
        // They are written in this order.
        let found = counts.apps.binary_search_by(|counted| counted.app.cmp(id));
        counts.apps.get(found.ok()?)
    }

    /// Whether something of it still died when it was last seen.
    pub(super) fn is_stopping(&self) -> bool {
        self.counted().is_some_and(|counts| counts.stopping)
    }

    /// Whether nothing is held of the group.
    pub(super) fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.counts.is_none()
    }
}

impl From<Picture> for HeldGroup {
    fn from(picture: Picture) -> Self {
        let containers = picture.containers.into_iter();
        Self {
            containers: containers
                .map(|(id, record)| (id, Held::Record(record)))
                .collect(),
            counts: picture.counts.map(Held::Record),
        }
    }
}

/// What the registry holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct HeldAll {
    /// By group.
    pub(super) groups: BTreeMap<GroupId, HeldGroup>,
    /// Keys that belong to nothing.
    pub(super) strays: Vec<String>,
}

impl HeldAll {
    /// Reads all of it.
    pub(super) async fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let mut held = Self::default();
        let containers = each_page(store, CONTAINERS, PAGE, |page| {
            held.take_containers(page);
            Ok::<_, StoreError>(())
        });
        containers.await?;
        for group in held.groups.values_mut() {
            // A map that grew in order is half empty.
            group.containers = std::mem::take(&mut group.containers).into_iter().collect();
        }
        held.take_counts(list_all(store, COUNTS).await?.0);
        Ok(held)
    }

    /// Takes note that the registry holds what is in this picture of a group.
    pub(super) fn take_over(&mut self, group: GroupId, picture: Picture) {
        let now = HeldGroup::from(picture);
        if now.is_empty() {
            self.groups.remove(&group);
        } else {
            self.groups.insert(group, now);
        }
    }

    fn take_containers(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            match container_of(&entry.key) {
                Some((group, id)) => {
                    let record = read(&entry, |record: &ContainerRecord| {
                        record.group == group && record.id == id
                    });
                    let group = self.groups.entry(group).or_default();
                    group.containers.insert(id, record);
                }
                None => self.strays.push(entry.key),
            }
        }
    }

    fn take_counts(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            match counted_group(&entry.key) {
                Some(group) => {
                    let record = read(&entry, |record: &CountsRecord| record.group == group);
                    self.groups.entry(group).or_default().counts = Some(record);
                }
                None => self.strays.push(entry.key),
            }
        }
    }
}

/// The record in an entry, if it is one and belongs there.
fn read<T: DeserializeOwned>(entry: &Entry, belongs: impl Fn(&T) -> bool) -> Held<T> {
    match records::decode::<T>(entry) {
        Ok(stored) if belongs(&stored.record) => Held::Record(stored.record),
        _ => Held::Unreadable,
    }
}

/// What has to be written so that the registry holds what it should of a group: only what differs.
/// One after the other, so that nobody who reads meanwhile sees fewer containers than there are, and so
/// that what is gone and is counted is never found again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Diff {
    /// What comes.
    pub(super) comes: Vec<Write>,
    /// The counts, which name what goes where one transaction does not remove that.
    pub(super) named: Option<Write>,
    /// What goes; and the counts, where all of it is one transaction.
    pub(super) goes: Vec<Write>,
    /// The counts when nothing of that is left.
    pub(super) counts: Option<Write>,
}

impl Diff {
    /// Whether the registry holds what it should.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How what is held of a group differs from what is to be. One transaction has at most so many writes.
pub(super) fn diff(group: &GroupId, held: &HeldGroup, picture: &Picture, most: usize) -> Diff {
    let mut diff = Diff::default();
    for (id, record) in &picture.containers {
        if held.container(id) != Some(record) {
            let write = Write::Put(container_key(group, id), records::encode(record));
            diff.comes.push(write);
        }
    }
    let put = |counts: &CountsRecord| Write::Put(counts_key(group), records::encode(counts));
    let counted = held.counts.as_ref();
    match &picture.counts {
        Some(counts) if held.counted() != Some(counts) => diff.counts = Some(put(counts)),
        None if counted.is_some() => diff.counts = Some(Write::Delete(counts_key(group))),
        _ => {}
    }
    let held = held.containers.keys();
    let gone: Vec<&ContainerId> = held
        .filter(|id| !picture.containers.contains_key(*id))
        .collect();
    if picture.containers.is_empty() && !gone.is_empty() {
        diff.goes = vec![Write::DeletePrefix(containers_prefix(group))];
    } else {
        let gone = gone.iter();
        diff.goes = gone
            .map(|id| Write::Delete(container_key(group, id)))
            .collect();
    }
    match &picture.counts {
        Some(counts) if diff.goes.len() >= most => {
            let named = CountsRecord {
                leaving: gone.into_iter().take(MOST_NAMED).cloned().collect(),
                ..counts.clone()
            };
            diff.named = Some(put(&named));
            diff.counts = Some(put(counts));
        }
        _ => diff.goes.extend(diff.counts.take()),
    }
    diff
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{app, container, group, look, spec, state_of, time};
    use super::*;
    use crate::cluster::{Container, ContainerState, HealthState};
    use crate::registry::picture::Heard;
    use crate::store::Revision;

    /// A store of a few keys.
    type Keys = BTreeMap<String, bytes::Bytes>;

    fn apply(keys: &mut Keys, diff: Diff) {
        let Diff {
            comes,
            named,
            goes,
            counts,
        } = diff;
        for write in comes.into_iter().chain(named).chain(goes).chain(counts) {
            match write {
                Write::Put(key, value) => drop(keys.insert(key, value)),
                Write::Delete(key) => drop(keys.remove(&key)),
                Write::DeletePrefix(prefix) => keys.retain(|key, _| !key.starts_with(&prefix)),
            }
        }
    }

    fn read_back(keys: &Keys) -> HeldAll {
        let entries = |prefix: &str| -> Vec<Entry> {
            let below = keys.iter().filter(|(key, _)| key.starts_with(prefix));
            below
                .map(|(key, value)| Entry {
                    key: key.clone(),
                    value: value.clone(),
                    modified: Revision(1),
                })
                .collect()
        };
        let mut held = HeldAll::default();
        held.take_containers(entries(CONTAINERS));
        held.take_counts(entries(COUNTS));
        held
    }

    fn some_container() -> impl Strategy<Value = Container> {
        let states = [
            ContainerState::Staging,
            ContainerState::Running,
            ContainerState::Stopping,
            ContainerState::Unreachable,
            ContainerState::Ended,
        ];
        let healths = [HealthState::Healthy, HealthState::Unhealthy];
        (
            "[a-c/%]{0,2}",
            prop::sample::select(states.to_vec()),
            prop::sample::select(healths.to_vec()),
            any::<bool>(),
        )
            .prop_map(|(id, state, health, outdated)| Container {
                state,
                health,
                outdated,
                ..container(&id)
            })
    }

    fn some_state() -> impl Strategy<Value = crate::state::GroupState> {
        let apps = prop::collection::vec(
            (1..4u32, prop::collection::vec(some_container(), 0..4)),
            0..3,
        );
        apps.prop_map(|apps| {
            let apps = apps.into_iter().map(|(revision, it)| app(revision, it));
            state_of(2, spec("a:2", &["api"]), apps.collect())
        })
    }

    proptest! {
        /// Whatever is held before, be it nonsense: what is written makes it equal to what should be,
        /// and then there is nothing left to write.
        #[test]
        fn writing_what_differs_makes_it_equal(
            before in some_state(),
            now in some_state(),
            is_gone in any::<bool>(),
            most in 1..5_usize,
            nonsense in prop::collection::vec("[a-c/%]{0,2}", 0..3),
        ) {
            let look = |state: &crate::state::GroupState, held: &HeldGroup| {
                look(state, held, &Heard::new(), time(9))
            };
            let mut keys = Keys::new();
            let first = look(&before, &HeldGroup::default());
            apply(&mut keys, diff(&group(), &HeldGroup::default(), &first, most));
            for id in nonsense {
                keys.insert(container_key(&group(), &ContainerId(id)), "{}".into());
            }
            let absent = crate::state::GroupState::default();
            let now = if is_gone { &absent } else { &now };
            let held = read_back(&keys).groups.remove(&group()).unwrap_or_default();
            let wanted = look(now, &held);
            apply(&mut keys, diff(&group(), &held, &wanted, most));
            let held = read_back(&keys).groups.remove(&group()).unwrap_or_default();
            prop_assert_eq!(&held, &HeldGroup::from(wanted));
            let again = look(now, &held);
            prop_assert_eq!(diff(&group(), &held, &again, most), Diff::default());
        }
    }

    #[test]
    fn what_belongs_to_nothing_is_found() {
        let mut keys = Keys::new();
        for key in [
            "containers/ingestor",
            "containers/a b/c/d",
            "counts/x",
            "containers/ingestor/dev/a",
        ] {
            keys.insert(key.to_owned(), "{}".into());
        }
        let held = read_back(&keys);
        assert_eq!(
            held.strays,
            ["containers/a b/c/d", "containers/ingestor", "counts/x"]
        );
        let ids = &held.groups[&group()].containers;
        assert_eq!(
            ids.values().collect::<Vec<_>>(),
            [&Held::<ContainerRecord>::Unreadable]
        );
    }

    #[test]
    fn a_group_that_is_gone_takes_two_writes_however_large_it_was() {
        let containers = (0..50).map(|n| container(&format!("c{n}"))).collect();
        let state = state_of(1, spec("a:1", &[]), vec![app(1, containers)]);
        let seen = look(&state, &HeldGroup::default(), &Heard::new(), time(9));
        let held = HeldGroup::from(seen);
        assert_eq!(
            diff(&group(), &held, &Picture::default(), 126).goes,
            [
                Write::DeletePrefix("containers/ingestor/dev/".to_owned()),
                Write::Delete("counts/ingestor/dev".to_owned()),
            ]
        );
    }
}
