//! What is shown: the last state that was seen, how old it is, and what changed in which version.
//!
//! Each look makes a new [`View`] with a higher [`Version`]. Whatever is shown remembers the version
//! in which it last changed, so a page that holds version `n` needs only what is stamped later,
//! however many versions it missed.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use theseus_core::model::GroupId;
use theseus_core::status::{ContainerStatus, GroupStatus, Status};

/// The number of a view. It rises from one view to the next, and over restarts of the process too:
/// it begins with the time, so that a page from before a restart is out of date after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Version(pub(crate) u64);

impl Version {
    /// The version of somebody who has seen nothing.
    pub(crate) const NONE: Self = Self(0);

    /// The first version of a process that starts at this time. In microseconds it stays below
    /// 2^53 for two centuries, so scripts can hold it.
    fn starting_at(now: Timestamp) -> Self {
        Self(u64::try_from(now.as_microsecond()).unwrap_or(1).max(1))
    }

    fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Everything that pages show.
#[derive(Debug)]
pub(crate) struct View {
    /// Its number.
    pub(crate) version: Version,
    /// What was last seen; `None` before the first look.
    pub(crate) known: Option<Arc<Known>>,
    /// Why looking does not succeed at the moment.
    pub(crate) trouble: Option<Trouble>,
    /// When `trouble` came, went or changed.
    pub(crate) trouble_changed: Version,
}

/// What a look that succeeded saw.
#[derive(Debug)]
pub(crate) struct Known {
    /// When.
    pub(crate) observed_at: Timestamp,
    /// What.
    pub(crate) status: Status,
    groups: Stamps,
    containers: Vec<Stamps>,
}

/// Why looking does not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Since when.
    pub(crate) since: Timestamp,
    /// The error and its causes.
    pub(crate) message: String,
}

/// When each thing of a list last changed, and when the list itself did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamps {
    /// When a thing came, went or moved.
    pub(crate) list: Version,
    /// When each thing changed, in the order of the list.
    pub(crate) each: Vec<Version>,
}

impl View {
    /// Before the first look.
    pub(crate) fn first(now: Timestamp) -> Self {
        let version = Version::starting_at(now);
        Self {
            version,
            known: None,
            trouble: None,
            trouble_changed: version,
        }
    }

    /// The view after a look that succeeded.
    pub(crate) fn seen(&self, status: Status, now: Timestamp) -> Self {
        let version = self.version.next();
        let known = Known::new(self.known.as_deref(), status, now, version);
        self.succeeded_by(Some(Arc::new(known)), None)
    }

    /// The view after a look that failed: what was known, and the reason.
    pub(crate) fn failed(&self, message: String, now: Timestamp) -> Self {
        let since = self.trouble.as_ref().map_or(now, |trouble| trouble.since);
        self.succeeded_by(self.known.clone(), Some(Trouble { since, message }))
    }

    fn succeeded_by(&self, known: Option<Arc<Known>>, trouble: Option<Trouble>) -> Self {
        let version = self.version.next();
        let first = known.is_some() != self.known.is_some();
        let trouble_changed = if first || trouble != self.trouble {
            version
        } else {
            self.trouble_changed
        };
        Self {
            version,
            known,
            trouble,
            trouble_changed,
        }
    }
}

impl Known {
    fn new(before: Option<&Self>, status: Status, now: Timestamp, version: Version) -> Self {
        let groups = Stamps::new(
            before.map(|before| (&*before.status.groups, &before.groups)),
            &status.groups,
            |group| &group.group,
            version,
        );
        let containers = status
            .groups
            .iter()
            .map(|group| {
                Stamps::new(
                    before
                        .and_then(|before| before.group(&group.group))
                        .map(|(group, _, stamps)| (&*group.containers, stamps)),
                    &group.containers,
                    |container| &container.id,
                    version,
                )
            })
            .collect();
        Self {
            observed_at: now,
            status,
            groups,
            containers,
        }
    }

    /// The groups, and when each of them last changed.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&GroupStatus, Version)> {
        self.status
            .groups
            .iter()
            .zip(self.groups.each.iter().copied())
    }

    /// When a group last came or went.
    pub(crate) fn groups_changed(&self) -> Version {
        self.groups.list
    }

    /// A group, when it last changed, and when each of its containers did.
    pub(crate) fn group(&self, id: &GroupId) -> Option<(&GroupStatus, Version, &Stamps)> {
        let groups = &self.status.groups;
        let index = groups.binary_search_by(|group| group.group.cmp(id)).ok()?;
        Some((
            &groups[index],
            self.groups.each[index],
            &self.containers[index],
        ))
    }
}

impl Stamps {
    /// Stamps what is new or differs from before with `version`.
    fn new<T: PartialEq, K: Eq + Hash>(
        before: Option<(&[T], &Self)>,
        now: &[T],
        key: impl Fn(&T) -> &K,
        version: Version,
    ) -> Self {
        let Some((before, stamps)) = before else {
            return Self {
                list: version,
                each: vec![version; now.len()],
            };
        };
        let known: HashMap<&K, (&T, Version)> = before
            .iter()
            .zip(stamps.each.iter().copied())
            .map(|(thing, stamp)| (key(thing), (thing, stamp)))
            .collect();
        let each = now
            .iter()
            .map(|thing| match known.get(key(thing)) {
                Some((same, stamp)) if *same == thing => *stamp,
                _ => version,
            })
            .collect();
        let list = if before.iter().map(&key).eq(now.iter().map(&key)) {
            stamps.list
        } else {
            version
        };
        Self { list, each }
    }

    /// Each container of a group with its stamp.
    pub(crate) fn of<'a>(
        &'a self,
        containers: &'a [ContainerStatus],
    ) -> impl Iterator<Item = (&'a ContainerStatus, Version)> {
        containers.iter().zip(self.each.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(list: u64, each: &[u64]) -> Stamps {
        Stamps {
            list: Version(list),
            each: each.iter().copied().map(Version).collect(),
        }
    }

    /// Things with a key and a value.
    fn stamp(before: &[(&str, u8)], old: &Stamps, now: &[(&str, u8)]) -> Stamps {
        Stamps::new(Some((before, old)), now, |(key, _)| key, Version(9))
    }

    #[test]
    fn only_what_changed_gets_a_new_stamp() {
        let (before, old) = ([("a", 1), ("b", 1)], stamps(3, &[4, 5]));
        for (now, expected) in [
            (&[("a", 1), ("b", 1)][..], stamps(3, &[4, 5])),
            (&[("a", 1), ("b", 2)], stamps(3, &[4, 9])),
            (&[("b", 1)], stamps(9, &[5])),
            (&[("b", 1), ("a", 1)], stamps(9, &[5, 4])),
            (&[("a", 1), ("b", 1), ("c", 1)], stamps(9, &[4, 5, 9])),
            (&[], stamps(9, &[])),
        ] {
            assert_eq!(stamp(&before, &old, now), expected, "{now:?}");
        }
    }

    fn empty() -> Status {
        theseus_core::status::status(&theseus_core::state::Observed::default())
    }

    #[test]
    fn trouble_keeps_what_was_known_and_since_when() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let seen = View::first(at(1)).seen(empty(), at(2));
        let failed = seen.failed("away".to_owned(), at(3));
        let again = failed.failed("away".to_owned(), at(4));
        assert_eq!(again.known.as_ref().unwrap().observed_at, at(2));
        assert_eq!(again.trouble.as_ref().unwrap().since, at(3));
        assert_eq!(again.trouble_changed, failed.version);
        let healed = again.seen(empty(), at(5));
        assert_eq!(healed.trouble, None);
        assert_eq!(healed.trouble_changed, healed.version);
    }

    #[test]
    fn versions_rise_over_a_restart() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let before = View::first(at(1_000)).seen(empty(), at(1_001));
        assert!(View::first(at(1_002)).version > before.version);
    }
}
