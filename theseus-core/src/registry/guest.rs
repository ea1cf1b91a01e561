//! For a process inside a container: where the others are, and who it is itself.
//!
//! All that is needed is what every container is told: the variables of its environment, which are
//! taken as a map, and a store. The functions bear the names that they have always had.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::endpoints::{RegistryError, bracketed, containers};
use super::record::{CONTAINERS, ContainerRecord, container_key, containers_prefix};
use super::watch::{Watch, watch};
use crate::cluster::{ContainerId, Revision};
use crate::model::{GroupId, GroupIdError, GroupSelector, Label, NameError, ServiceName};
use crate::records;
use crate::store::{Store, list_all};

/// Why a question of a process inside a container has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuestError {
    /// A variable is not set.
    #[error("{name} is not set: is this a container that Theseus started?")]
    Unset {
        /// Which.
        name: &'static str,
    },
    /// A variable holds no service name.
    #[error("{name} holds no service name")]
    Service {
        /// Which.
        name: &'static str,
        /// Why it is none.
        #[source]
        source: NameError,
    },
    /// A variable holds no group, or no list of groups and services.
    #[error("{name} holds no group")]
    Group {
        /// Which.
        name: &'static str,
        /// Why it is none.
        #[source]
        source: GroupIdError,
    },
    /// A variable holds something else than it should.
    #[error("{name} is {value:?}, and should be {expected}")]
    Malformed {
        /// Which.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// The service has fewer containers that do their work than are needed.
    #[error("{service} has {found} containers that do their work, and {minimum} are needed")]
    TooFew {
        /// Which.
        service: ServiceName,
        /// How many it has.
        found: usize,
        /// How many are needed.
        minimum: usize,
    },
    /// The registry knows no such container.
    #[error("the registry has no container {container} of {of}")]
    NoContainer {
        /// Of what.
        of: String,
        /// Which.
        container: String,
    },
    /// The container has no such port.
    #[error("{container} has no port {port:?}")]
    NoPort {
        /// Which.
        container: ContainerId,
        /// The port's name.
        port: String,
    },
    /// The registry cannot be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl From<records::RecordError> for GuestError {
    fn from(error: records::RecordError) -> Self {
        Self::Registry(error.into())
    }
}

impl From<crate::store::StoreError> for GuestError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Registry(error.into())
    }
}

/// A process inside a container.
#[derive(Clone)]
pub struct Guest {
    store: Arc<dyn Store>,
    variables: BTreeMap<String, String>,
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What else is in an environment is not to be shown.
        f.debug_struct("Guest")
            .field("store", &self.store.address())
            .finish_non_exhaustive()
    }
}

/// Where the store is: `ETCD_HOST_ADDRESS`, which may be several endpoints.
pub fn etcd_endpoints(variables: &BTreeMap<String, String>) -> Result<Vec<String>, GuestError> {
    const NAME: &str = "ETCD_HOST_ADDRESS";
    let address = variables.get(NAME).filter(|it| !it.is_empty());
    let address = address.ok_or(GuestError::Unset { name: NAME })?;
    Ok(address
        .split(',')
        .map(|it| it.trim().to_owned())
        .filter(|it| !it.is_empty())
        .collect())
}

impl Guest {
    /// A process with these variables in its environment, and the store that they name.
    pub fn new(
        store: Arc<dyn Store>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self {
            store,
            variables: variables.into_iter().collect(),
        }
    }

    fn variable(&self, name: &'static str) -> Result<&str, GuestError> {
        let value = self.variables.get(name).filter(|it| !it.is_empty());
        value.map(String::as_str).ok_or(GuestError::Unset { name })
    }

    /// The service that it belongs to: `SERVICE_NAME`.
    pub fn get_service_name(&self) -> Result<ServiceName, GuestError> {
        const NAME: &str = "SERVICE_NAME";
        let value = self.variable(NAME)?;
        value
            .parse()
            .map_err(|source| GuestError::Service { name: NAME, source })
    }

    /// The group that it belongs to: `THESEUS_GROUP`.
    pub fn get_group(&self) -> Result<GroupId, GuestError> {
        const NAME: &str = "THESEUS_GROUP";
        let value = self.variable(NAME)?;
        value
            .parse()
            .map_err(|source| GuestError::Group { name: NAME, source })
    }

    /// The revision of its group: `THESEUS_REVISION`.
    pub fn get_revision(&self) -> Result<Revision, GuestError> {
        const NAME: &str = "THESEUS_REVISION";
        let value = self.variable(NAME)?;
        value.parse().map_err(|_| GuestError::Malformed {
            name: NAME,
            value: value.to_owned(),
            expected: "a number from 1",
        })
    }

    /// The container that it is in: `MESOS_TASK_ID`, or `CONTAINER_NAME`.
    pub fn get_container_name(&self) -> Result<ContainerId, GuestError> {
        let name = self
            .variable("MESOS_TASK_ID")
            .or_else(|_| self.variable("CONTAINER_NAME"))?;
        Ok(ContainerId(name.to_owned()))
    }

    /// Where the containers of a service are that do their work, of the groups that have all of these
    /// labels: `host`, and a `:number` for each of these ports, in their order. A container without
    /// one of the ports is left out.
    pub async fn get_node_list(
        &self,
        service: &ServiceName,
        ports: &[&str],
        labels: &[Label],
        minimum: usize,
    ) -> Result<Vec<String>, GuestError> {
        let selector = [GroupSelector::Service(service.clone())];
        let found = containers(&*self.store, &selector).await?;
        let is_meant = |record: &&ContainerRecord| {
            let mut has = labels
                .iter()
                .map(|label| record.group.labels.iter().any(|it| it == label));
            has.all(|has| has)
        };
        let nodes: Vec<String> = found
            .iter()
            .filter(is_meant)
            .filter_map(|record| node(record, ports))
            .collect();
        if nodes.len() < minimum {
            return Err(GuestError::TooFew {
                service: service.clone(),
                found: nodes.len(),
                minimum,
            });
        }
        Ok(nodes)
    }

    /// The port inside this very container that has this name.
    pub async fn get_port(&self, name: &str) -> Result<u16, GuestError> {
        let record = self.own().await?;
        exposed(&record, name)
    }

    /// The host of a container of a service.
    pub async fn get_specific_host(
        &self,
        service: &ServiceName,
        container: &ContainerId,
    ) -> Result<Arc<str>, GuestError> {
        let record = self.specific(service, container).await?;
        record.host.ok_or_else(|| missing(service, container))
    }

    /// The port of the host that leads to a port of a container of a service.
    pub async fn get_specific_port(
        &self,
        service: &ServiceName,
        container: &ContainerId,
        port: &str,
    ) -> Result<u16, GuestError> {
        let record = self.specific(service, container).await?;
        let number = record.ports.get(port);
        number.copied().ok_or_else(|| no_port(&record, port))
    }

    /// The port inside a container of a service that has this name.
    pub async fn get_specific_exposed_port(
        &self,
        service: &ServiceName,
        container: &ContainerId,
        port: &str,
    ) -> Result<u16, GuestError> {
        let record = self.specific(service, container).await?;
        exposed(&record, port)
    }

    /// The groups and services that it wants to know of: `WATCHES`, with commas between. None where
    /// that is not set.
    pub fn watches(&self) -> Result<Vec<GroupSelector>, GuestError> {
        const NAME: &str = "WATCHES";
        let Ok(value) = self.variable(NAME) else {
            return Ok(Vec::new());
        };
        selectors(value).map_err(|source| GuestError::Group { name: NAME, source })
    }

    /// Follows the groups and services that it wants to know of.
    pub fn watch(&self) -> Result<Watch, GuestError> {
        Ok(watch(Arc::clone(&self.store), &self.watches()?))
    }

    /// What the registry says of this very container, or, where that does not know it yet, of another
    /// one of the same revision.
    async fn own(&self) -> Result<ContainerRecord, GuestError> {
        let group = self.get_group()?;
        if let Ok(id) = self.get_container_name()
            && let Some(entry) = self.store.get(&container_key(&group, &id)).await?
        {
            return Ok(records::decode(&entry)?.record);
        }
        let revision = self.get_revision()?;
        let (entries, _) = list_all(&*self.store, &containers_prefix(&group)).await?;
        for entry in &entries {
            let record: ContainerRecord = records::decode(entry)?.record;
            if record.revision == revision {
                return Ok(record);
            }
        }
        Err(GuestError::NoContainer {
            of: group.to_string(),
            container: format!("of revision {revision}"),
        })
    }

    async fn specific(
        &self,
        service: &ServiceName,
        container: &ContainerId,
    ) -> Result<ContainerRecord, GuestError> {
        let (entries, _) = list_all(&*self.store, &format!("{CONTAINERS}{service}/")).await?;
        for entry in &entries {
            let record: ContainerRecord = records::decode(entry)?.record;
            if record.id == *container {
                return Ok(record);
            }
        }
        Err(missing(service, container))
    }
}

/// What is written with commas between. The labels of a group have commas between them, too: in
/// `web:a,b,db` both `b` and `db` could be either, and are services. Groups of several labels are
/// told apart by semicolons.
fn selectors(text: &str) -> Result<Vec<GroupSelector>, GroupIdError> {
    let separator = if text.contains(';') { ';' } else { ',' };
    let parts = text.split(separator).map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(str::parse)
        .collect()
}

fn missing(service: &ServiceName, container: &ContainerId) -> GuestError {
    GuestError::NoContainer {
        of: service.to_string(),
        container: container.to_string(),
    }
}

fn no_port(record: &ContainerRecord, port: &str) -> GuestError {
    GuestError::NoPort {
        container: record.id.clone(),
        port: port.to_owned(),
    }
}

fn exposed(record: &ContainerRecord, port: &str) -> Result<u16, GuestError> {
    let number = record.container_ports.get(port);
    number.copied().ok_or_else(|| no_port(record, port))
}

/// A container and its ports, as the list of nodes has it.
fn node(record: &ContainerRecord, ports: &[&str]) -> Option<String> {
    let mut node = bracketed(record.host.as_deref()?).into_owned();
    for port in ports {
        let number = record.ports.get(*port)?;
        node.push(':');
        node.push_str(&number.to_string());
    }
    Some(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_watched_is_a_list() {
        let shown = |text| {
            let selectors = selectors(text).unwrap();
            selectors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(shown("cassandra,zookeeper"), ["cassandra", "zookeeper"]);
        assert_eq!(shown(" web:dev , db "), ["web:dev", "db"]);
        assert_eq!(shown("web:a,b;db"), ["web:a,b", "db"]);
        assert_eq!(shown(""), [""; 0]);
        assert!(selectors("a b").is_err());
    }

    #[test]
    fn the_store_is_where_the_variable_says() {
        let variables =
            |value: &str| BTreeMap::from([("ETCD_HOST_ADDRESS".to_owned(), value.to_owned())]);
        assert_eq!(
            etcd_endpoints(&variables("a:2379, b:2379")).unwrap(),
            ["a:2379", "b:2379"]
        );
        assert_eq!(
            etcd_endpoints(&variables("")).unwrap_err().to_string(),
            "ETCD_HOST_ADDRESS is not set: is this a container that Theseus started?"
        );
    }
}
