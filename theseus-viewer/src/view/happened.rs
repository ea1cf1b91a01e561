//! What happened lately: what people did, and what the cluster told. Both are bounded, each by
//! itself, so that a storm of events does not drive out who did what.

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;
use theseus_core::told::Told;

use super::Version;

/// How many of each kind are kept.
pub(crate) const KEPT: usize = 500;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// Tells it from all others of this process.
    pub(crate) number: u64,
    /// When, as far as that is known.
    pub(crate) at: Timestamp,
    /// What.
    pub(crate) told: Told,
}

/// What happened lately, the latest first, each with the version in which it was first shown.
#[derive(Debug)]
pub(crate) struct Happened {
    /// When something was added.
    pub(crate) changed: Version,
    deeds: Vec<(Version, Arc<Entry>)>,
    events: Vec<(Version, Arc<Entry>)>,
}

impl Happened {
    /// Nothing so far.
    pub(super) fn none(version: Version) -> Self {
        Self {
            changed: version,
            deeds: Vec::new(),
            events: Vec::new(),
        }
    }

    /// The same with more.
    pub(super) fn and(&self, fresh: Vec<Entry>, version: Version) -> Self {
        let (mut deeds, mut events) = (self.deeds.clone(), self.events.clone());
        for entry in fresh {
            let list = match entry.told {
                Told::Audit(_) => &mut deeds,
                _ => &mut events,
            };
            list.push((version, Arc::new(entry)));
        }
        for list in [&mut deeds, &mut events] {
            // What is read late, as after an outage of the store, still stands where it belongs.
            list.sort_by_key(|(_, entry)| Reverse((entry.at, entry.number)));
            list.truncate(KEPT);
        }
        Self {
            changed: version,
            deeds,
            events,
        }
    }

    /// All of it, the latest first.
    pub(crate) fn all(&self) -> Vec<&(Version, Arc<Entry>)> {
        let mut all: Vec<_> = self.deeds.iter().chain(&self.events).collect();
        all.sort_by_key(|(_, entry)| Reverse((entry.at, entry.number)));
        all
    }
}

#[cfg(test)]
mod tests {
    use theseus_core::audit::{AuditRecord, Deed, Outcome};

    use super::*;

    fn entry(number: u64, told: Told) -> Entry {
        let at = Timestamp::from_second(i64::try_from(number).unwrap()).unwrap();
        Entry { number, at, told }
    }

    #[test]
    fn a_storm_of_events_does_not_drive_out_who_did_what() {
        let deed = Told::Audit(AuditRecord {
            at: Timestamp::UNIX_EPOCH,
            by: "ana".to_owned(),
            group: "a:b".parse().unwrap(),
            deed: Deed::Scale,
            action: None,
            revision: None,
            outcome: Outcome::Done,
            reason: None,
        });
        let mut happened = Happened::none(Version(1)).and(vec![entry(0, deed)], Version(2));
        for round in 0..3 {
            let storm = (1..=400).map(|number| entry(round * 400 + number, Told::Attached));
            happened = happened.and(storm.collect(), Version(3 + round));
        }
        let all = happened.all();
        assert_eq!(all.len(), KEPT + 1);
        assert_eq!(all[0].1.number, 1200, "the latest comes first");
        assert_eq!((all[KEPT].0, all[KEPT].1.number), (Version(2), 0));
    }
}
