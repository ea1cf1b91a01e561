//! How groups are doing by what is written down, without asking the cluster.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::record::{CONTAINERS, COUNTS, ContainerRecord, CountsRecord, containers_prefix};
use crate::cluster::{Container, ContainerId, ContainerState};
use crate::engine::{EngineError, observe};
use crate::model::GroupId;
use crate::records;
use crate::state::Observed;
use crate::status::{Status, recorded};
use crate::store::{Store, list_all};

/// What a status by what is written down tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Groups with their counts: the containers are not even read.
    Counts,
    /// Each container.
    Containers,
}

/// How all groups are doing by what is written down. It is as true as the registry: see
/// [`standing`](super::standing).
pub async fn status(store: &dyn Store, detail: Detail) -> Result<Status, EngineError> {
    let (records, counts) = tokio::try_join!(observe::all(store), read(store, COUNTS))?;
    let containers = match detail {
        Detail::Counts => Vec::new(),
        Detail::Containers => read(store, CONTAINERS).await?,
    };
    let records = Observed::recorded(records);
    Ok(recorded(&records, counts, containers))
}

/// The counts of all groups, as far as a registrar has written any.
pub async fn counts(store: &dyn Store) -> Result<BTreeMap<GroupId, CountsRecord>, EngineError> {
    let counts: Vec<CountsRecord> = read(store, COUNTS).await?;
    Ok(counts
        .into_iter()
        .map(|counts| (counts.group.clone(), counts))
        .collect())
}

/// Since when containers cannot be reached of which that is seen, and that are meant, as far as a
/// registrar knows. Where nothing is lost the store is not asked.
pub async fn unreachable_since(
    store: &dyn Store,
    observed: &Observed,
    is_meant: impl Fn(&GroupId, &Container) -> bool,
) -> Result<BTreeMap<ContainerId, Timestamp>, EngineError> {
    let lost = observed.groups.iter().filter(|(group, state)| {
        let mut containers = state.apps.iter().flat_map(|app| &app.containers);
        containers.any(|it| it.state == ContainerState::Unreachable && is_meant(group, it))
    });
    let lost: Vec<&GroupId> = lost.map(|(group, _)| group).collect();
    let mut since = BTreeMap::new();
    for group in lost {
        let containers: Vec<ContainerRecord> = read(store, &containers_prefix(group)).await?;
        let unreachable = containers.into_iter();
        since.extend(
            unreachable
                .filter(|it| it.state == ContainerState::Unreachable)
                .map(|it| (it.id, it.since)),
        );
    }
    Ok(since)
}

async fn read<T: DeserializeOwned>(store: &dyn Store, prefix: &str) -> Result<Vec<T>, EngineError> {
    let (entries, _) = list_all(store, prefix).await?;
    let mut found = Vec::with_capacity(entries.len());
    for entry in &entries {
        found.push(records::decode(entry)?.record);
    }
    Ok(found)
}
