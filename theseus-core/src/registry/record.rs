//! What the registry holds in the store: shapes and keys.
//!
//! A container's key ends in its id, which is the engine's and may hold anything. So it is written
//! with `%` and two digits for each byte that is not plain, which can be read back.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cluster::{AppId, ContainerId, ContainerState, HealthState, Revision};
use crate::model::GroupId;

/// The prefix of all containers.
pub const CONTAINERS: &str = "containers/";
/// The prefix of the counts of all groups.
pub const COUNTS: &str = "counts/";
/// The key of what is said of the registry as a whole.
pub const REGISTRY: &str = "registry";
/// The key of the lock of the registrar who leads.
pub const REGISTRAR_LOCK: &str = "locks/registrar";

/// A container that runs, or is about to, or stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerRecord {
    /// The group that it belongs to.
    pub group: GroupId,
    /// The engine's name of it.
    pub id: ContainerId,
    /// The revision of the group that it is a copy of.
    pub revision: Revision,
    /// Its numbered place, in a group with a fixed host for each container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<u32>,
    /// The host that it runs on; `None` before it is placed.
    pub host: Option<Arc<str>>,
    /// The host's ports by the names in the spec of its revision, or by their position, counted
    /// from 0, where that spec is not known.
    pub ports: IndexMap<String, u16>,
    /// The ports on which it listens inside, by the same names, as far as the spec is known.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub container_ports: IndexMap<String, u16>,
    /// How far it is.
    pub state: ContainerState,
    /// What its health checks say; unknown where it has none.
    pub health: HealthState,
    /// Whether it does its work: it runs, and passes its checks if it has any.
    pub ready: bool,
    /// Since when it is in its state.
    pub since: Timestamp,
    /// When it began to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// The image that it was made from, as far as the spec is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Arc<str>>,
}

/// How many containers of a group there are, and how they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountsRecord {
    /// Which group.
    pub group: GroupId,
    /// How many containers run, of whatever revision.
    pub running: u32,
    /// How many of those do their work.
    pub healthy: u32,
    /// How many cannot be reached.
    pub unreachable: u32,
    /// What the cluster runs for the group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<AppCount>,
    /// Whether containers of apps that are gone already still die.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopping: bool,
    /// Containers that are gone and counted, and may still be in the registry, as one transaction does
    /// not remove so many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<ContainerId>,
    /// The last container of each part but the last in which they are read, where they are very many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ContainerId>,
}

/// How many containers an app has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AppCount {
    /// Which app.
    pub app: AppId,
    /// The revision that it runs.
    pub revision: Revision,
    /// How many, in whatever state.
    pub containers: usize,
    /// How many of them are told to go, because the app is another one now.
    #[serde(default, skip_serializing_if = "is_none")]
    pub outdated: usize,
    /// The only host that they may run on, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_to: Option<Arc<str>>,
    /// How many containers of it have ended though they were wanted, so that others took their
    /// places.
    #[serde(default, skip_serializing_if = "is_never")]
    pub restarts: u32,
    /// When the last of those was found to have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Timestamp>,
    /// The last that failed, by what the engine tells: it is among those, or of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<ContainerId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_never(count: &u32) -> bool {
    *count == 0
}

impl CountsRecord {
    /// The counts of a group of which there is nothing.
    pub fn none(group: GroupId) -> Self {
        Self {
            group,
            running: 0,
            healthy: 0,
            unreachable: 0,
            apps: Vec::new(),
            stopping: false,
            leaving: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// How many containers of what runs now have ended though they were wanted.
    pub fn restarts(&self) -> u32 {
        let restarts = self.apps.iter().map(|app| app.restarts);
        restarts.fold(0, u32::saturating_add)
    }

    /// When the last of those ended.
    pub fn restarted_at(&self) -> Option<Timestamp> {
        self.apps.iter().filter_map(|app| app.restarted_at).max()
    }
}

/// What is said of the registry as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryRecord {
    /// The registrar who writes it.
    pub by: String,
    /// The registry was seen to be equal to what ran at this time, or later.
    pub as_of: Timestamp,
    /// Why it may be out of date since then, if it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// The prefix of a group's containers.
pub fn containers_prefix(group: &GroupId) -> String {
    format!("{CONTAINERS}{}/{}/", group.service, group.labels)
}

/// The key of a container of a group.
pub fn container_key(group: &GroupId, container: &ContainerId) -> String {
    let mut key = containers_prefix(group);
    escape(&container.0, &mut key);
    key
}

/// The key of a group's counts.
pub fn counts_key(group: &GroupId) -> String {
    format!("{COUNTS}{}/{}", group.service, group.labels)
}

/// The group and the container of a key; `None` when no container has that key.
pub(super) fn container_of(key: &str) -> Option<(GroupId, ContainerId)> {
    let (group, id) = key.strip_prefix(CONTAINERS)?.rsplit_once('/')?;
    let (group, id) = (group_of(group)?, ContainerId(unescape(id)?));
    (container_key(&group, &id) == key).then_some((group, id))
}

/// The group of the key of counts; `None` when no group has that key.
pub(super) fn counted_group(key: &str) -> Option<GroupId> {
    let group = group_of(key.strip_prefix(COUNTS)?)?;
    (counts_key(&group) == key).then_some(group)
}

fn group_of(path: &str) -> Option<GroupId> {
    let (service, labels) = path.split_once('/')?;
    format!("{service}:{labels}").parse().ok()
}

/// Writes an id so that it holds nothing but `A-Z a-z 0-9 . _ -` and `%`, and is not empty.
fn escape(id: &str, to: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if id.is_empty() {
        to.push('%');
    }
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
            to.push(char::from(byte));
        } else {
            to.push('%');
            to.push(char::from(DIGITS[usize::from(byte >> 4)]));
            to.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

/// What was written so.
fn unescape(text: &str) -> Option<String> {
    if text == "%" {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let value = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group() -> GroupId {
        "ingestor:canary,dev".parse().unwrap()
    }

    #[test]
    fn keys_are_plain_whatever_an_id_holds() {
        for (id, end) in [
            (
                "theseus_ingestor_dev_r1.4711-0",
                "theseus_ingestor_dev_r1.4711-0",
            ),
            ("a/b", "a%2Fb"),
            ("50%", "50%25"),
            ("größe\0\n", "gr%C3%B6%C3%9Fe%00%0A"),
            ("", "%"),
        ] {
            let id = ContainerId(id.to_owned());
            let key = container_key(&group(), &id);
            assert_eq!(key, format!("containers/ingestor/canary,dev/{end}"));
            assert_eq!(container_of(&key), Some((group(), id)));
        }
    }

    #[test]
    fn keys_that_nothing_has_are_told_from_those_that_something_has() {
        for key in [
            "containers/",
            "containers/ingestor",
            "containers/ingestor/dev",
            "containers/ingestor/dev/",
            "containers/ingestor/dev,canary/a",
            "containers/ingestor/dev/a%2f",
            "containers/ingestor/dev/a%",
            "containers/ingestor/dev/%61",
            "containers/ingestor/dev/%FF",
            "containers/in gestor/dev/a",
            "containers/ingestor/a/b/c",
            "other/ingestor/dev/a",
        ] {
            assert_eq!(container_of(key), None, "{key}");
        }
        assert_eq!(counted_group("counts/ingestor/canary,dev"), Some(group()));
        assert_eq!(counted_group("counts/ingestor/dev,canary"), None);
    }

    proptest! {
        #[test]
        fn every_id_is_read_back_and_no_two_share_a_key(one in any::<String>(), other in any::<String>()) {
            let key = |id: &str| container_key(&group(), &ContainerId(id.to_owned()));
            prop_assert_eq!(container_of(&key(&one)), Some((group(), ContainerId(one.clone()))));
            prop_assert_eq!(key(&one) == key(&other), one == other);
        }

        #[test]
        fn any_key_may_lie_in_the_store(end in ".{0,40}") {
            let key = format!("{CONTAINERS}ingestor/dev/{end}");
            if let Some((group, id)) = container_of(&key) {
                prop_assert_eq!(container_key(&group, &id), key);
            }
        }
    }
}
