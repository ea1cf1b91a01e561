//! Plans that were shown and wait for a word.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use theseus_core::plan::Likeness;
use tokio::time::Instant;

use super::Asked;
use crate::access::{Secret, random};
use crate::lock::lock;

/// How long one waits.
const LIFE: Duration = Duration::from_secs(15 * 60);
/// How many wait at most, and how much room their manifests take together, in bytes. The oldest go
/// first.
const MAX: usize = 64;
const MAX_BYTES: usize = 64 << 20;

/// The plans that wait.
#[derive(Default)]
pub(crate) struct Shelf {
    shown: Mutex<VecDeque<Kept>>,
}

/// A plan that was shown, and what it was made of.
pub(crate) struct Shown {
    /// What is to be carried out.
    pub(crate) asked: Asked,
    /// By what the plan is known again.
    pub(crate) likeness: Likeness,
}

impl Shown {
    fn is(&self, other: &Self) -> bool {
        self.likeness == other.likeness && self.asked.is(&other.asked)
    }
}

struct Kept {
    key: Secret,
    since: Instant,
    shown: Shown,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelf")
    }
}

impl Shelf {
    /// Keeps a plan that is shown, and gives what it is asked for by. One that is shown again is the
    /// same as before: whoever reloads a page drives out nothing of others.
    pub(crate) fn keep(&self, shown: Shown) -> Result<String, getrandom::Error> {
        let mut kept = lock(&self.shown);
        kept.retain(|it| it.since.elapsed() < LIFE);
        let same = kept.iter().position(|it| it.shown.is(&shown));
        let key = match same.and_then(|at| kept.remove(at)) {
            Some(same) => same.key,
            None => random()?,
        };
        let text = key.reveal().to_owned();
        kept.push_back(Kept {
            key,
            since: Instant::now(),
            shown,
        });
        let mut bytes: usize = kept.iter().map(|it| it.shown.asked.size()).sum();
        while kept.len() > 1 && (kept.len() > MAX || bytes > MAX_BYTES) {
            let oldest = kept.pop_front();
            bytes -= oldest.map_or(0, |it| it.shown.asked.size());
        }
        Ok(text)
    }

    /// Takes a plan that was shown. It is there once, and not for ever.
    pub(crate) fn take(&self, key: &str) -> Option<Shown> {
        let mut kept = lock(&self.shown);
        kept.retain(|it| it.since.elapsed() < LIFE);
        let at = kept.iter().position(|it| it.key.reveal() == key)?;
        kept.remove(at).map(|it| it.shown)
    }
}

#[cfg(test)]
mod tests {
    use theseus_core::manifest::Source;
    use theseus_core::plan::Plan;

    use super::*;

    fn shown(name: &str, bytes: usize) -> Shown {
        Shown {
            asked: Asked::Manifest(vec![Source::new(name, vec![b' '; bytes])]),
            likeness: Likeness::of(&Plan::default()).unwrap(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_is_there_once_and_not_for_ever() {
        let shelf = Shelf::default();
        let key = shelf.keep(shown("a", 1)).unwrap();
        assert!(shelf.take("made up").is_none());
        assert!(shelf.take(&key).is_some() && shelf.take(&key).is_none());
        let key = shelf.keep(shown("a", 1)).unwrap();
        tokio::time::advance(LIFE).await;
        assert!(shelf.take(&key).is_none());
    }

    #[tokio::test]
    async fn the_oldest_go_when_there_are_too_many_or_they_are_too_large() {
        let shelf = Shelf::default();
        let first = shelf.keep(shown("first", 1)).unwrap();
        for number in 0..MAX {
            shelf.keep(shown(&number.to_string(), 1)).unwrap();
        }
        assert!(shelf.take(&first).is_none());
        let large: Vec<String> = ["a", "b", "c"]
            .map(|name| shelf.keep(shown(name, MAX_BYTES / 2)).unwrap())
            .into();
        assert!(shelf.take(&large[0]).is_none() && shelf.take(&large[2]).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_again_and_again_drives_out_nothing_of_others() {
        let shelf = Shelf::default();
        let others = shelf.keep(shown("others", 1)).unwrap();
        let first = shelf.keep(shown("own", 1)).unwrap();
        for _ in 0..2 * MAX {
            assert_eq!(shelf.keep(shown("own", 1)).unwrap(), first);
        }
        assert!(shelf.take(&others).is_some());
        assert!(shelf.take(&first).is_some() && shelf.take(&first).is_none());
        // What was carried out is asked for anew, and what was shown too long ago, too.
        let next = shelf.keep(shown("own", 1)).unwrap();
        assert_ne!(next, first);
        tokio::time::advance(LIFE).await;
        assert_ne!(shelf.keep(shown("own", 1)).unwrap(), next);
    }
}
