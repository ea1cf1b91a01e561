//! How groups are doing by what is written down, without asking the cluster.

use serde::de::DeserializeOwned;

use super::record::{CONTAINERS, COUNTS};
use crate::cluster::Snapshot;
use crate::engine::{EngineError, observe};
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
    let records = Observed::new(records, Snapshot::default());
    Ok(recorded(&records, counts, containers))
}

async fn read<T: DeserializeOwned>(store: &dyn Store, prefix: &str) -> Result<Vec<T>, EngineError> {
    let (entries, _) = list_all(store, prefix).await?;
    let mut found = Vec::with_capacity(entries.len());
    for entry in &entries {
        found.push(records::decode(entry)?.record);
    }
    Ok(found)
}
