//! Discovery: where the containers of a group or a service listen, from the store alone.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::listener::Listener;
use super::parts;
use super::record::{ContainerRecord, REGISTRAR_LOCK, REGISTRY, RegistryRecord};
use crate::cluster::{ContainerId, Revision};
use crate::model::{GroupId, GroupSelector};
use crate::records::{self, LockRecord, RecordError, group_key};
use crate::store::{Entry, Page, Store, StoreError};

/// Why the registry cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The store did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What it holds is not understood.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Where a container listens on one of its ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// The group of the container.
    pub group: GroupId,
    /// The container.
    pub container: ContainerId,
    /// Which revision of the group it is.
    pub revision: Revision,
    /// Its host's name.
    pub host: Arc<str>,
    /// The name of the port.
    pub port: String,
    /// Its number on the host.
    pub number: u16,
    /// `host:number`, with brackets around a host that is an IPv6 address.
    pub address: String,
}

/// The same while its record is read: whoever needs no more than a glance at each of many copies
/// nothing. Its `Display` is its address.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The group of the container.
    pub group: &'a GroupId,
    /// The container.
    pub container: &'a str,
    /// Which revision of the group it is.
    pub revision: Revision,
    /// Its host's name.
    pub host: &'a str,
    /// The name of the port.
    pub port: &'a str,
    /// Its number on the host.
    pub number: u16,
}

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", bracketed(self.host), self.number)
    }
}

impl From<Found<'_>> for Endpoint {
    fn from(found: Found<'_>) -> Self {
        Self {
            group: found.group.clone(),
            container: ContainerId(found.container.to_owned()),
            revision: found.revision,
            host: Arc::from(found.host),
            port: found.port.to_owned(),
            number: found.number,
            address: found.to_string(),
        }
    }
}

/// How far the registry can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who leads the registrars; nobody when `None`.
    pub leader: Option<LockRecord>,
    /// What the last one who led said of the registry; `None` if none ever did.
    pub word: Option<RegistryRecord>,
}

impl Standing {
    /// Whether the registry is kept true at the moment.
    pub fn is_kept(&self) -> bool {
        self.leader.is_some()
            && self
                .word
                .as_ref()
                .is_some_and(|word| word.trouble.is_none())
    }
}

/// How far the registry can be trusted at the moment.
pub async fn standing(store: &dyn Store) -> Result<Standing, RegistryError> {
    let (leader, word) = tokio::try_join!(store.get(REGISTRAR_LOCK), store.get(REGISTRY))?;
    // Who leads is for people to read; that somebody does is known from the lock alone.
    let leader = leader.map(|entry| {
        records::decode(&entry).map_or_else(
            |_| LockRecord {
                by: String::new(),
                since: jiff::Timestamp::UNIX_EPOCH,
            },
            |stored| stored.record,
        )
    });
    let word = word.as_ref().map(records::decode::<RegistryRecord>);
    Ok(Standing {
        leader,
        word: word.transpose()?.map(|stored| stored.record),
    })
}

/// Where the containers of these groups and services listen that do their work: on the port of this
/// name, or on each of their ports. In the order of the containers' keys.
pub async fn endpoints(
    store: &dyn Store,
    selectors: &[GroupSelector],
    port: Option<&str>,
) -> Result<Vec<Endpoint>, RegistryError> {
    let mut found = Vec::new();
    each_endpoint(store, selectors, port, |it| found.push(it.into())).await?;
    Ok(found)
}

/// The same, one by one as they are read.
pub async fn each_endpoint(
    store: &dyn Store,
    selectors: &[GroupSelector],
    port: Option<&str>,
    mut found: impl FnMut(Found<'_>),
) -> Result<(), RegistryError> {
    // Neighbours are of one group, mostly.
    let mut group = None;
    let work = |entries: Vec<Entry>| {
        for entry in &entries {
            let listener: Listener<'_> = records::decode(entry)?.record;
            if listener.ready && is_named(entry, listener.host()) {
                listener.endpoints(entry, port, &mut group, &mut found)?;
            }
        }
        Ok(())
    };
    parts::each_page(store, selectors, work).await
}

/// The containers that do their work, of these groups and services, in the order of their keys.
pub async fn containers(
    store: &dyn Store,
    selectors: &[GroupSelector],
) -> Result<Vec<ContainerRecord>, RegistryError> {
    let mut found = Vec::new();
    let work = |entries: Vec<Entry>| {
        for entry in &entries {
            found.extend(serving(entry)?);
        }
        Ok(())
    };
    parts::each_page(store, selectors, work).await?;
    Ok(found)
}

/// Whether a group or service is known, be it without a container that does its work.
pub async fn is_known(store: &dyn Store, selector: &GroupSelector) -> Result<bool, RegistryError> {
    let some = |prefix: String| async move {
        let page = Page::first(1);
        Ok::<_, StoreError>(!store.list(&prefix, page).await?.entries.is_empty())
    };
    let is_deployed = match selector {
        GroupSelector::Group(group) => store.get(&group_key(group)).await?.is_some(),
        GroupSelector::Service(service) => some(format!("{}{service}/", records::GROUPS)).await?,
    };
    Ok(is_deployed || some(parts::below(selector)).await?)
}

/// The container in an entry, if it does its work and its host can be named.
pub(super) fn serving(entry: &Entry) -> Result<Option<ContainerRecord>, RegistryError> {
    let record: ContainerRecord = records::decode(entry)?.record;
    let serves = record.ready && is_named(entry, record.host.as_deref());
    Ok(serves.then_some(record))
}

/// Whether the host of a container that does its work can be named.
fn is_named(entry: &Entry, host: Option<&str>) -> bool {
    let is_named = host.is_some_and(is_name);
    if !is_named {
        tracing::warn!(
            key = entry.key,
            "its host has no name that can be written into a file"
        );
    }
    is_named
}

/// Whether a host's name is one, or an address. What is written into the configuration of a load
/// balancer comes from the cluster, and is not to add lines of its own to it.
fn is_name(host: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    !host.is_empty() && host.chars().all(is_plain)
}

/// A host as it stands before a port.
pub(super) fn bracketed(host: &str) -> Cow<'_, str> {
    if host.contains(':') {
        format!("[{host}]").into()
    } else {
        host.into()
    }
}

impl ContainerRecord {
    /// Where it listens: on the port of this name, or on each of its ports. None before it has a
    /// host.
    pub fn endpoints<'a>(&'a self, port: Option<&'a str>) -> impl Iterator<Item = Endpoint> + 'a {
        let ports = self.ports.iter();
        let meant = ports.filter(move |(name, _)| port.is_none_or(|port| port == *name));
        meant.filter_map(|(name, &number)| {
            let host = self.host.as_ref()?;
            let found = Found {
                group: &self.group,
                container: &self.id.0,
                revision: self.revision,
                host,
                port: name,
                number,
            };
            Some(found.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        for (host, expected) in [
            ("agent-1.example.com", Some("agent-1.example.com")),
            ("10.0.0.1", Some("10.0.0.1")),
            ("fe80::1", Some("[fe80::1]")),
            ("", None),
            ("a b", None),
            ("a\n  server evil", None),
            ("größe", None),
        ] {
            let shown = is_name(host).then(|| bracketed(host));
            assert_eq!(shown.as_deref(), expected, "{host:?}");
        }
    }
}
