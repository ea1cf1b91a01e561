//! Browsers that have signed in. A session is of this process alone: it ends with it.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::random::{Digest, Secret, digest, random};

/// How long after the sign-in a browser has to sign in again.
pub(crate) const LIFE: Duration = Duration::from_secs(12 * 3600);
/// So many browsers at most are signed in. With one more, the oldest session ends.
const MAX: usize = 256;

/// The sessions, by the digests of what their browsers hold.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    alive: HashMap<Digest, Session>,
}

#[derive(Debug)]
struct Session {
    begun: Instant,
    /// Goes with the session, and so tells those who wait for its end.
    alive: watch::Sender<()>,
}

impl Session {
    fn is_over(&self) -> bool {
        self.begun.elapsed() >= LIFE
    }
}

/// Knows when a session ends: by itself, by a sign-out, or since there are too many.
#[derive(Debug, Clone)]
pub(crate) struct End {
    at: Instant,
    alive: watch::Receiver<()>,
}

impl End {
    /// Ready once it has.
    pub(crate) async fn reached(mut self) {
        tokio::select! {
            () = sleep_until(self.at) => {}
            // Nothing is ever sent, so it changes with the end only.
            _ = self.alive.changed() => {}
        }
    }
}

impl Sessions {
    /// Begins one, and gives what the browser is to hold.
    pub(crate) fn begin(&mut self) -> Result<Secret, getrandom::Error> {
        let secret = random()?;
        self.alive.retain(|_, session| !session.is_over());
        if self.alive.len() >= MAX {
            let oldest = self.alive.iter().min_by_key(|(_, session)| session.begun);
            if let Some(oldest) = oldest.map(|(held, _)| *held) {
                self.alive.remove(&oldest);
            }
        }
        let session = Session {
            begun: Instant::now(),
            alive: watch::channel(()).0,
        };
        self.alive.insert(digest(secret.reveal()), session);
        Ok(secret)
    }

    /// The end of the session of whoever holds this, if he has signed in. What is looked up is a
    /// digest, so how long it takes tells nothing.
    pub(crate) fn find(&self, held: &str) -> Option<End> {
        let session = self.alive.get(&digest(held))?;
        (!session.is_over()).then(|| End {
            at: session.begun + LIFE,
            alive: session.alive.subscribe(),
        })
    }

    /// Ends one.
    pub(crate) fn end(&mut self, held: &str) {
        self.alive.remove(&digest(held));
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        let alive = self.alive.values().filter(|session| !session.is_over());
        alive.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(sessions: &Sessions, held: &Secret) -> bool {
        sessions.find(held.reveal()).is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_end_by_themselves_and_when_there_are_too_many() {
        let mut sessions = Sessions::default();
        let first = sessions.begin().unwrap();
        assert!(has(&sessions, &first) && sessions.find("made up").is_none());
        tokio::time::advance(LIFE / 2).await;
        let second = sessions.begin().unwrap();
        tokio::time::advance(LIFE / 2).await;
        assert!(!has(&sessions, &first) && has(&sessions, &second));
        sessions.end(second.reveal());
        assert!(!has(&sessions, &second));

        let oldest = sessions.begin().unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..MAX {
            sessions.begin().unwrap();
        }
        assert_eq!(sessions.len(), MAX);
        assert!(!has(&sessions, &oldest));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_an_end_is_told_of_each_kind() {
        let mut sessions = Sessions::default();
        let held = sessions.begin().unwrap();
        let began = Instant::now();
        sessions.find(held.reveal()).unwrap().reached().await;
        assert_eq!(began.elapsed(), LIFE, "by itself");

        let held = sessions.begin().unwrap();
        let end = sessions.find(held.reveal()).unwrap();
        sessions.end(held.reveal());
        let began = Instant::now();
        end.reached().await;

        let held = sessions.begin().unwrap();
        let end = sessions.find(held.reveal()).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..MAX {
            sessions.begin().unwrap();
        }
        end.reached().await;
        assert!(began.elapsed() < LIFE, "by somebody");
    }
}
