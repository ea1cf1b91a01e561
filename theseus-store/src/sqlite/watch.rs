//! Watches: each looks at the file every tenth of a second, and at once after a write by its own
//! store.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use theseus_core::store::{Revision, StoreError, Watched};
use tokio::sync::watch;

use super::{SqliteStore, tables};
use crate::keys::KeyRange;

/// How soon the writes of other processes are seen.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How many revisions are read at once by a watch that is far behind.
const AT_ONCE: u64 = 1000;

pub(super) fn follow(
    store: SqliteStore,
    range: KeyRange,
    after: Revision,
) -> BoxStream<'static, Result<Watched, StoreError>> {
    let changed = store.inner.changed.subscribe();
    let following = Following {
        store,
        changed,
        range,
        after,
        ready: VecDeque::new(),
    };
    stream::try_unfold(following, |mut following| async {
        let watched = following.next().await?;
        Ok(Some((watched, following)))
    })
    .boxed()
}

/// A watch: where it is, and what it has read but not told yet.
struct Following {
    store: SqliteStore,
    changed: watch::Receiver<()>,
    range: KeyRange,
    after: Revision,
    ready: VecDeque<Watched>,
}

impl Following {
    async fn next(&mut self) -> Result<Watched, StoreError> {
        loop {
            if let Some(watched) = self.ready.pop_front() {
                return Ok(watched);
            }
            self.changed.mark_unchanged();
            let at_present = self.read().await?;
            if self.ready.is_empty() && at_present {
                // The sender lives as long as the store; a time-out is only the next look.
                let _ = tokio::time::timeout(LOOK_EVERY, self.changed.changed()).await;
            }
        }
    }

    /// Reads on; says whether it has come to the present.
    async fn read(&mut self) -> Result<bool, StoreError> {
        let (range, after) = (self.range.clone(), self.after);
        let news = self.store.read(move |transaction| {
            let head = tables::head(transaction)?;
            if after < head.forgotten {
                return Ok(Err(StoreError::Compacted { from: after }));
            }
            let through = head.revision.min(Revision(after.0.saturating_add(AT_ONCE)));
            let changes = tables::changes(transaction, &range, after, through)?;
            Ok(Ok((changes, through, through == head.revision)))
        });
        let (changes, through, at_present) = news.await??;
        self.ready.extend(changes);
        self.after = self.after.max(through);
        Ok(at_present)
    }
}
