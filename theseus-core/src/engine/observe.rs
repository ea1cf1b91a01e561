//! Looking at cluster and store together.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use tokio::task::{JoinSet, spawn_blocking};

use super::EngineError;
use crate::cluster::{AppId, Cluster, ClusterError, Foreign, Scope};
use crate::model::GroupId;
use crate::plan::Desired;
use crate::records::{self, RecordError, RevisionCounter, Stored};
use crate::state::{Observed, Records};
use crate::store::{Entry, Page, Store, list_all};

/// Up to this many groups are read key by key; more are read by listing all.
const FEW: usize = 16;
/// How many records are read at a time. So many take a while to decode, in which the cluster's answer
/// comes in.
const PAGE: usize = 1000;
/// Why the end of a task is its result.
const UNBROKEN: &str = "it neither panics nor is cancelled while it is waited for";

pub(crate) async fn observe(
    cluster: &dyn Cluster,
    store: &dyn Store,
    scope: &Scope,
) -> Result<Observed, EngineError> {
    let read = async {
        match scope {
            Scope::Groups(groups) => some(store, groups).await,
            Scope::All | Scope::Everything => all(store).await,
        }
    };
    let look = async { Ok(cluster.observe(scope).await?) };
    let (records, mut snapshot) = tokio::try_join!(read, look)?;
    let observed = Observed::recorded(records);
    if *scope != Scope::Everything {
        let in_scope = |group: &GroupId| match scope {
            Scope::Groups(groups) => groups.contains(group),
            Scope::All | Scope::Everything => true,
        };
        let adopted = observed.adopted().filter(|(_, (group, _))| in_scope(group));
        snapshot.foreign = foreign(cluster, adopted.map(|(app, _)| app)).await?;
    }
    let mut observed = observed.beside(snapshot);
    if let Scope::Groups(groups) = scope {
        let wanted: std::collections::BTreeSet<&GroupId> = groups.iter().collect();
        observed.groups.retain(|group, _| wanted.contains(group));
    }
    Ok(observed)
}

/// Looks at everything while what is wanted is still being read, which may take as long.
pub(super) async fn observe_beside<E: From<EngineError>>(
    cluster: &Arc<dyn Cluster>,
    store: &Arc<dyn Store>,
    reading: impl Future<Output = Result<Desired, E>>,
) -> Result<(Desired, Observed), E> {
    let (cluster, store) = (Arc::clone(cluster), Arc::clone(store));
    // Both end with this: whoever finds what he reads to be wrong waits for nobody.
    let (mut looking, mut listing) = (JoinSet::new(), JoinSet::new());
    looking.spawn(async move { cluster.observe(&Scope::Everything).await });
    listing.spawn(async move {
        let groups = async { Ok(list_all(&*store, records::GROUPS).await?.0) };
        tokio::try_join!(groups, beside_groups(&*store))
    });
    let desired = reading.await?;
    let (groups, rest) = joined(&mut listing).await?;
    let groups = groups.iter();
    let groups = groups.map(|entry| records::decode_beside(entry, &desired.deploy));
    let groups: Result<_, _> = groups.collect();
    let groups = groups.map_err(EngineError::from)?;
    let recorded = Observed::recorded(Records { groups, ..rest });
    let snapshot = joined(&mut looking).await.map_err(EngineError::from)?;
    Ok((desired, recorded.beside(snapshot)))
}

/// What the one task of a set comes to.
async fn joined<T: 'static>(task: &mut JoinSet<T>) -> T {
    let joined = task.join_next().await.expect("there is one");
    joined.expect(UNBROKEN)
}

/// What runs of apps that were adopted. As a rule there are none, and nobody is asked.
pub(super) async fn foreign(
    cluster: &dyn Cluster,
    adopted: impl Iterator<Item = &AppId>,
) -> Result<Vec<Foreign>, ClusterError> {
    let adopted: Vec<AppId> = adopted.cloned().collect();
    if adopted.is_empty() {
        return Ok(Vec::new());
    }
    cluster.foreign(&adopted).await
}

/// What the store alone knows of these groups.
pub(super) async fn records(
    store: &dyn Store,
    groups: &[GroupId],
) -> Result<Observed, EngineError> {
    Ok(Observed::recorded(some(store, groups).await?))
}

/// The unfinished rollouts of these groups as they are written, by their keys.
pub(super) async fn rollouts(
    store: &dyn Store,
    groups: &[GroupId],
) -> Result<BTreeMap<String, Entry>, EngineError> {
    let entries = if groups.len() > FEW {
        list_all(store, records::ROLLOUTS).await?.0
    } else {
        let mut entries = Vec::new();
        for group in groups {
            entries.extend(store.get(&records::rollout_key(group)).await?);
        }
        entries
    };
    Ok(entries
        .into_iter()
        .map(|entry| (entry.key.clone(), entry))
        .collect())
}

async fn some(store: &dyn Store, groups: &[GroupId]) -> Result<Records, EngineError> {
    if groups.len() > FEW {
        all(store).await
    } else {
        few(store, groups).await
    }
}

async fn few(store: &dyn Store, groups: &[GroupId]) -> Result<Records, EngineError> {
    let mut found = Records::default();
    for group in groups {
        let (group_key, rollout_key, counter_key) = (
            records::group_key(group),
            records::rollout_key(group),
            records::counter_key(group),
        );
        let slots_prefix = records::slots_prefix(group);
        let (record, rollout, counter, (slots, _)) = tokio::try_join!(
            store.get(&group_key),
            store.get(&rollout_key),
            store.get(&counter_key),
            list_all(store, &slots_prefix),
        )?;
        for slot in &slots {
            found.slots.push(records::decode(slot)?);
        }
        found
            .groups
            .extend(record.as_ref().map(records::decode).transpose()?);
        found
            .rollouts
            .extend(rollout.as_ref().map(records::decode).transpose()?);
        let counter: Option<Stored<RevisionCounter>> =
            counter.as_ref().map(records::decode).transpose()?;
        found.counters.extend(counter.map(|stored| stored.record));
    }
    Ok(found)
}

pub(crate) async fn all(store: &dyn Store) -> Result<Records, EngineError> {
    let (groups, rest) = tokio::try_join!(listed(store, records::GROUPS), beside_groups(store))?;
    Ok(Records { groups, ..rest })
}

/// All records but those of the groups themselves.
async fn beside_groups(store: &dyn Store) -> Result<Records, EngineError> {
    let (rollouts, counters, slots) = tokio::try_join!(
        listed(store, records::ROLLOUTS),
        listed::<RevisionCounter>(store, records::COUNTERS),
        listed(store, records::SLOTS),
    )?;
    let counters = counters.into_iter().map(|stored| stored.record).collect();
    Ok(Records {
        groups: Vec::new(),
        rollouts,
        counters,
        slots,
    })
}

/// Reads and decodes page by page, so that not all of it is held twice.
async fn listed<T: DeserializeOwned + Send + 'static>(
    store: &dyn Store,
    prefix: &str,
) -> Result<Vec<Stored<T>>, EngineError> {
    let mut records = Vec::new();
    let mut next = Some(Page::first(PAGE));
    while let Some(page) = next {
        let listing = store.list(prefix, page).await?;
        records.append(&mut decoded(listing.entries).await?);
        next = listing.next;
    }
    Ok(records)
}

async fn decoded<T: DeserializeOwned + Send + 'static>(
    entries: Vec<Entry>,
) -> Result<Vec<Stored<T>>, RecordError> {
    let is_quick = entries.len() < PAGE;
    let decode = move || entries.iter().map(records::decode).collect();
    if is_quick {
        return decode();
    }
    spawn_blocking(decode).await.expect(UNBROKEN)
}
