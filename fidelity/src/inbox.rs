//! Events that were heard, from streams and from callbacks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::answer::Answer;

/// As many events as are remembered; a large cluster tells a lot.
const MOST: usize = 10_000;

/// What was heard, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inbox(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    heard: Mutex<Vec<Heard>>,
    more: Notify,
}

#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) kind: String,
    pub(crate) event: Answer,
}

impl Inbox {
    pub(crate) fn put(&self, heard: Heard) {
        let mut all = self.heard();
        if all.len() < MOST {
            all.push(heard);
        }
        drop(all);
        self.0.more.notify_waiters();
    }

    pub(crate) fn all(&self) -> Vec<Heard> {
        self.heard().clone()
    }

    /// Waits until something that was heard pleases.
    pub(crate) async fn wait_for(&self, pleases: impl Fn(&Heard) -> bool) -> Heard {
        loop {
            let more = self.0.more.notified();
            tokio::pin!(more);
            more.as_mut().enable();
            let found = self.heard().iter().find(|it| pleases(it)).cloned();
            if let Some(found) = found {
                return found;
            }
            more.await;
        }
    }

    fn heard(&self) -> MutexGuard<'_, Vec<Heard>> {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
