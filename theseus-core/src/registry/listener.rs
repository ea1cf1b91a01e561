//! What of a container's record says where it listens.
//!
//! Whoever looks up addresses reads records by the ten thousand. To read no more of each than this,
//! and to borrow it, takes a fraction of the time that the whole record takes.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::endpoints::Found;
use crate::cluster::Revision;
use crate::model::{GroupId, GroupIdError};
use crate::records::RecordError;
use crate::store::Entry;

/// The part of a [`ContainerRecord`](super::ContainerRecord) that its endpoints are made of.
#[derive(Debug, Deserialize)]
pub(super) struct Listener<'a> {
    #[serde(borrow)]
    group: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    revision: Revision,
    #[serde(borrow)]
    host: Option<Text<'a>>,
    #[serde(borrow)]
    ports: Ports<'a>,
    /// Whether it does its work.
    pub(super) ready: bool,
}

/// Text that is borrowed unless something in it is escaped.
#[derive(Debug, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The host's ports by their names, in the order in which they are written.
#[derive(Debug)]
struct Ports<'a>(Vec<(Text<'a>, u16)>);

impl Listener<'_> {
    /// The host that it runs on, once it is placed.
    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_ref().map(|host| &*host.0)
    }

    /// Tells its endpoints: the one of this port, or that of each. `last` is the group of the entry
    /// before, by the text that it was read from.
    pub(super) fn endpoints(
        &self,
        entry: &Entry,
        port: Option<&str>,
        last: &mut Option<(String, GroupId)>,
        found: &mut impl FnMut(Found<'_>),
    ) -> Result<(), RecordError> {
        let Some(host) = self.host() else {
            return Ok(());
        };
        let is_meant = |name: &str| port.is_none_or(|port| port == name);
        let group = self.group(entry, last)?;
        for (name, number) in self.ports.0.iter().filter(|(name, _)| is_meant(&name.0)) {
            found(Found {
                group,
                container: &self.id.0,
                revision: self.revision,
                host,
                port: &name.0,
                number: *number,
            });
        }
        Ok(())
    }

    fn group<'a>(
        &self,
        entry: &Entry,
        last: &'a mut Option<(String, GroupId)>,
    ) -> Result<&'a GroupId, RecordError> {
        let text = &*self.group.0;
        let last = match last.take() {
            Some(known) if known.0 == text => last.insert(known),
            _ => {
                let parsed = text.parse();
                let group = parsed.map_err(|bad: GroupIdError| RecordError::Malformed {
                    key: entry.key.clone(),
                    source: serde::de::Error::custom(bad),
                })?;
                last.insert((text.to_owned(), group))
            }
        };
        Ok(&last.1)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Ports<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;

        impl<'de> Visitor<'de> for Named {
            type Value = Ports<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("ports by their names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ports<'de>, A::Error> {
                let mut ports = Vec::new();
                while let Some(port) = map.next_entry()? {
                    ports.push(port);
                }
                Ok(Ports(ports))
            }
        }

        deserializer.deserialize_map(Named)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::super::endpoints::Endpoint;
    use super::super::record::ContainerRecord;
    use super::*;
    use crate::cluster::{ContainerId, ContainerState, HealthState};
    use crate::records;
    use crate::store;

    fn entry(value: bytes::Bytes) -> Entry {
        Entry {
            key: "containers/web/canary,dev/t".to_owned(),
            value,
            modified: store::Revision(1),
        }
    }

    /// The endpoints by what is borrowed of a record.
    fn read(entry: &Entry, port: Option<&str>) -> Result<Vec<Endpoint>, RecordError> {
        let (mut last, mut found) = (None, Vec::new());
        let listener: Listener<'_> = records::decode(entry)?.record;
        listener.endpoints(entry, port, &mut last, &mut |it| found.push(it.into()))?;
        Ok(found)
    }

    fn any_record() -> impl Strategy<Value = ContainerRecord> {
        let ports = proptest::collection::vec((".{0,6}", any::<u16>()), 0..4);
        let host = proptest::option::of(".{0,12}");
        (any::<String>(), host, ports, any::<bool>()).prop_map(|(id, host, ports, ready)| {
            ContainerRecord {
                group: "web:canary,dev".parse().unwrap(),
                id: ContainerId(id),
                revision: 3,
                slot: Some(1),
                host: host.map(Into::into),
                ports: ports.into_iter().collect(),
                container_ports: [("api".to_owned(), 5000)].into_iter().collect(),
                state: ContainerState::Running,
                health: HealthState::Unknown,
                ready,
                since: Timestamp::UNIX_EPOCH,
                started_at: None,
                image: None,
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_borrowed_says_what_the_whole_record_says(
            record in any_record(),
            chosen in proptest::option::of(0..4_usize),
        ) {
            let port = chosen.and_then(|index| Some(record.ports.get_index(index)?.0.as_str()));
            let entry = entry(records::encode(&record));
            let whole: Vec<Endpoint> = record.endpoints(port).collect();
            prop_assert_eq!(read(&entry, port).unwrap(), whole);
            let listener: Listener<'_> = records::decode(&entry).unwrap().record;
            prop_assert_eq!(listener.ready, record.ready);
            prop_assert_eq!(listener.host(), record.host.as_deref());
        }
    }

    #[test]
    fn a_record_that_says_nonsense_is_refused_by_its_key() {
        for value in [
            &br#"{"v":1,"group":"web","id":"t","revision":1,"host":"a","ports":{"api":1},"ready":true}"#[..],
            br#"{"v":1,"group":"web:dev","id":"t","revision":1,"host":"a","ports":{"api":70000},"ready":true}"#,
            br#"{"v":1,"group":"web:dev"}"#,
        ] {
            let error = read(&entry(value.into()), None).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the record containers/web/canary,dev/t cannot be read"
            );
        }
    }
}
