//! Following the trail: what was written, then what is added to it, each entry once, however often
//! reading breaks off.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{AUDIT, AuditRecord, read, since};
use crate::store::{Entry, Page, Revision, Store, StoreError};

/// How far back is read again: the clocks of those who write differ.
const OVERLAP: SignedDuration = SignedDuration::from_mins(1);

/// What is known of the trail by whoever follows it.
#[derive(Debug)]
pub struct Trail {
    /// What was written before is not read again: of that only what is added is news.
    since: Timestamp,
    /// What is no news any more of what may be read again.
    given: BTreeSet<(Timestamp, String, &'static str)>,
}

impl Trail {
    /// The trail from this time on.
    pub fn since(time: Timestamp) -> Self {
        Self {
            since: time,
            given: BTreeSet::new(),
        }
    }

    /// The entries that are news, the oldest first, and the revision behind which what is added can
    /// be watched. `now` is the time of whoever follows: the clocks of those who write may be ahead.
    pub async fn catch_up(
        &mut self,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<(Vec<AuditRecord>, Revision), StoreError> {
        // What is written while the trail is read is told once more by a watch from here.
        let revision = store.list(AUDIT, Page::first(1)).await?.revision;
        let written = since(store, self.since).await?;
        let news = written.into_iter().filter_map(|it| self.news(it, now));
        Ok((news.collect(), revision))
    }

    /// The entry that was added, if it is news. One that cannot be read is none.
    pub fn added(&mut self, entry: &Entry, now: Timestamp) -> Option<AuditRecord> {
        self.news(read(entry)?, now)
    }

    fn news(&mut self, record: AuditRecord, now: Timestamp) -> Option<AuditRecord> {
        let key = (record.at, record.group.to_string(), record.outcome.as_str());
        if !self.given.insert(key) {
            return None;
        }
        // By a clock that is ahead nothing is over.
        if let Ok(recent) = record.at.min(now).saturating_sub(OVERLAP)
            && recent > self.since
        {
            self.since = recent;
            self.given.retain(|(at, ..)| *at >= recent);
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn every_entry_is_news_once() {
        let mut trail = Trail::since(at(100));
        let now = at(310);
        let mut is_news = |second| trail.news(record(at(second)), now).is_some();
        assert!(is_news(100) && !is_news(100));
        assert!(is_news(300) && !is_news(300));
        assert!(is_news(250), "by a clock that is behind");
        assert!(!is_news(250) && !is_news(300));
        assert!(is_news(20), "by one that is far behind, and is added now");
        assert!(
            is_news(100_000) && !is_news(100_000),
            "by one that is ahead"
        );
        assert!(is_news(305) && !is_news(305), "it hides no others");
        assert_eq!(trail.since, at(250));
    }
}
