//! Browsers that have signed in. A session is of this process alone: it ends with it.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::random::{Digest, Secret, digest, random};

/// How long after the sign-in a browser has to sign in again.
pub(crate) const LIFE: Duration = Duration::from_secs(12 * 3600);
/// So many browsers at most are signed in. With one more, the oldest session ends.
const MAX: usize = 256;

/// The sessions, by the digests of what their browsers hold.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    begun: HashMap<Digest, Instant>,
}

impl Sessions {
    /// Begins one, and gives what the browser is to hold.
    pub(crate) fn begin(&mut self) -> Result<Secret, getrandom::Error> {
        let secret = random()?;
        self.begun.retain(|_, begun| begun.elapsed() < LIFE);
        if self.begun.len() >= MAX {
            let oldest = self.begun.iter().min_by_key(|(_, begun)| **begun);
            if let Some(oldest) = oldest.map(|(session, _)| *session) {
                self.begun.remove(&oldest);
            }
        }
        self.begun.insert(digest(secret.reveal()), Instant::now());
        Ok(secret)
    }

    /// Whether somebody has signed in who holds this. What is looked up is a digest, so how long it
    /// takes tells nothing.
    pub(crate) fn has(&self, held: &str) -> bool {
        let begun = self.begun.get(&digest(held));
        begun.is_some_and(|begun| begun.elapsed() < LIFE)
    }

    /// Ends one.
    pub(crate) fn end(&mut self, held: &str) {
        self.begun.remove(&digest(held));
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        let alive = self.begun.values().filter(|begun| begun.elapsed() < LIFE);
        alive.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sessions_end_by_themselves_and_when_there_are_too_many() {
        let mut sessions = Sessions::default();
        let first = sessions.begin().unwrap();
        assert!(sessions.has(first.reveal()) && !sessions.has("made up"));
        tokio::time::advance(LIFE / 2).await;
        let second = sessions.begin().unwrap();
        tokio::time::advance(LIFE / 2).await;
        assert!(!sessions.has(first.reveal()) && sessions.has(second.reveal()));
        sessions.end(second.reveal());
        assert!(!sessions.has(second.reveal()));

        let oldest = sessions.begin().unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..MAX {
            sessions.begin().unwrap();
        }
        assert_eq!(sessions.len(), MAX);
        assert!(!sessions.has(oldest.reveal()));
    }
}
