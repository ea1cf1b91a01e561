//! The records themselves: plain data and plain functions of them and of the time.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use bytes::Bytes;
use theseus_core::store::{
    Compare, Entry, Lease, Listing, Page, Revision, StoreError, Watched, Write,
};
use tokio::time::Instant;

use crate::HISTORY;
use crate::keys::KeyRange;

#[derive(Default)]
pub(super) struct Records {
    entries: BTreeMap<String, Stored>,
    /// When the entries end that do so by themselves.
    leases: BTreeMap<String, Instant>,
    revision: Revision,
    /// The last changes, oldest first, and always whole commits.
    history: VecDeque<Watched>,
    /// The last revision whose changes are no longer in the history.
    forgotten: Revision,
}

struct Stored {
    value: Bytes,
    modified: Revision,
}

impl Stored {
    fn entry(&self, key: &str) -> Entry {
        Entry {
            key: key.to_owned(),
            value: self.value.clone(),
            modified: self.modified,
        }
    }
}

impl Records {
    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    pub(super) fn get(&self, key: &str) -> Option<Entry> {
        self.entries.get(key).map(|stored| stored.entry(key))
    }

    pub(super) fn list(&self, prefix: &str, mut page: Page) -> Listing {
        let range = KeyRange::below(prefix).part(&page);
        page.limit = page.limit.max(1);
        let mut found = self.within(&range);
        let entries: Vec<Entry> = found
            .by_ref()
            .take(page.limit)
            .map(|(key, stored)| stored.entry(key))
            .collect();
        let last = found.next().and(entries.last());
        let next = last.map(|last| page.following(&last.key));
        Listing {
            entries,
            revision: self.revision,
            next,
        }
    }

    /// The first key whose compare does not hold.
    pub(super) fn conflict(&self, compares: &[Compare]) -> Option<String> {
        let broken = compares.iter().find(|compare| {
            let modified = self
                .entries
                .get(compare.key())
                .map(|stored| stored.modified);
            match compare {
                Compare::Absent(_) => modified.is_some(),
                Compare::Unchanged(_, revision) => modified != Some(*revision),
            }
        })?;
        Some(broken.key().to_owned())
    }

    pub(super) fn write(&mut self, writes: Vec<Write>) -> Revision {
        if !writes.is_empty() {
            self.raise_revision();
        }
        for write in writes {
            match write {
                Write::Put(key, value) => self.put(key, value),
                Write::Delete(key) => self.delete(&key),
                Write::DeletePrefix(prefix) => {
                    let range = KeyRange::below(&prefix);
                    let keys: Vec<String> =
                        self.within(&range).map(|(key, _)| key.clone()).collect();
                    for key in keys {
                        self.delete(&key);
                    }
                }
            }
        }
        self.forget();
        self.revision
    }

    pub(super) fn lock(&mut self, key: &str, holder: Bytes, expires: Instant) -> Revision {
        let revision = self.write(vec![Write::Put(key.to_owned(), holder)]);
        self.leases.insert(key.to_owned(), expires);
        revision
    }

    /// Prolongs the lease; `false` when it is lost.
    pub(super) fn renew(&mut self, lease: &Lease, expires: Instant) -> bool {
        self.holds(lease) && self.leases.insert(lease.key.clone(), expires).is_some()
    }

    pub(super) fn release(&mut self, lease: &Lease) {
        if self.holds(lease) {
            self.write(vec![Write::Delete(lease.key.clone())]);
        }
    }

    fn holds(&self, lease: &Lease) -> bool {
        self.entries
            .get(&lease.key)
            .is_some_and(|stored| stored.modified == lease.acquired)
    }

    /// Removes the entries whose leases have ended.
    pub(super) fn expire(&mut self, now: Instant) {
        let ended = self.leases.iter().filter(|(_, expires)| **expires <= now);
        let writes = ended.map(|(key, _)| Write::Delete(key.clone())).collect();
        self.write(writes);
    }

    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.leases.values().min().copied()
    }

    /// What changed in the range after this revision.
    pub(super) fn changes(
        &self,
        range: &KeyRange,
        after: Revision,
    ) -> Result<Vec<Watched>, StoreError> {
        if after < self.forgotten {
            return Err(StoreError::Compacted { from: after });
        }
        let start = self
            .history
            .partition_point(|watched| watched.revision() <= after);
        let news = self.history.range(start..);
        Ok(news
            .filter(|watched| range.contains(key(watched)))
            .cloned()
            .collect())
    }

    fn within(&self, range: &KeyRange) -> impl Iterator<Item = (&String, &Stored)> {
        self.entries
            .range::<str, _>((Bound::Included(range.from.as_str()), Bound::Unbounded))
            .take_while(|(key, _)| range.is_before_end(key))
    }

    fn raise_revision(&mut self) {
        self.revision.0 += 1;
    }

    fn put(&mut self, key: String, value: Bytes) {
        let stored = Stored {
            value,
            modified: self.revision,
        };
        self.history.push_back(Watched::Put(stored.entry(&key)));
        self.leases.remove(&key);
        self.entries.insert(key, stored);
    }

    fn delete(&mut self, key: &str) {
        self.leases.remove(key);
        if self.entries.remove(key).is_some() {
            let revision = self.revision;
            self.history.push_back(Watched::Deleted {
                key: key.to_owned(),
                revision,
            });
        }
    }

    /// Drops the oldest commits from the history until it is short enough again.
    fn forget(&mut self) {
        let surplus = self.history.len().saturating_sub(HISTORY);
        if let Some(last) = surplus
            .checked_sub(1)
            .and_then(|index| self.history.get(index))
        {
            self.forgotten = last.revision();
            let end = self
                .history
                .partition_point(|change| change.revision() <= self.forgotten);
            self.history.drain(..end);
        }
    }
}

fn key(watched: &Watched) -> &str {
    match watched {
        Watched::Put(entry) => &entry.key,
        Watched::Deleted { key, .. } => key,
    }
}
