//! When each thing of a list last changed.

use std::collections::HashMap;
use std::hash::Hash;

use super::Version;

/// When each thing of a list last changed, and when the list itself did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamps {
    /// When a thing came, went or moved.
    pub(crate) list: Version,
    /// When each thing changed, in the order of the list.
    pub(crate) each: Vec<Version>,
}

impl Stamps {
    /// Stamps what is new or differs from before with `version`. `same` is asked whether the thing
    /// that was at one place is the one that is at another.
    pub(super) fn new<K: Eq + Hash>(
        before: Option<(&[K], &Self)>,
        now: &[K],
        same: impl Fn(usize, usize) -> bool,
        version: Version,
    ) -> Self {
        let Some((before, stamps)) = before else {
            return Self {
                list: version,
                each: vec![version; now.len()],
            };
        };
        if before == now {
            // As a rule only what things are has changed.
            let stamp = |(index, stamp): (usize, &Version)| {
                if same(index, index) { *stamp } else { version }
            };
            return Self {
                list: stamps.list,
                each: stamps.each.iter().enumerate().map(stamp).collect(),
            };
        }
        let known: HashMap<&K, usize> = before.iter().zip(0..).collect();
        let stamp = |(index, key): (usize, &K)| match known.get(key) {
            Some(&former) if same(former, index) => stamps.each[former],
            _ => version,
        };
        Self {
            list: version,
            each: now.iter().enumerate().map(stamp).collect(),
        }
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
        let former: Vec<_> = before.iter().map(|(key, _)| *key).collect();
        let keys: Vec<_> = now.iter().map(|(key, _)| *key).collect();
        let same = |one: usize, other: usize| before[one] == now[other];
        Stamps::new(Some((&former, old)), &keys, same, Version(9))
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
}
