//! What is shown: the last state that was seen, how old it is, and what changed in which version.
//!
//! Each look makes a new [`View`] with a higher [`Version`]. Whatever is shown remembers the version
//! in which it last changed, so a page that holds version `n` needs only what is stamped later,
//! however many versions it missed.

mod happened;
mod known;
mod machines;
mod mark;
mod stamps;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use happened::{Entry, Happened};
pub(crate) use known::{Group, Known, Picture, Progress};
pub(crate) use machines::{Machine, Machines, News};
pub(crate) use mark::{Kind, Mark};
pub(crate) use stamps::Stamps;

use crate::lock::lock;

/// So many of what open pages are told are kept. What is made up by who asks is soon more.
const MOST_UPDATES: usize = 512;
/// How much of them is kept, in bytes, together with who asked for them.
const MOST_UPDATE_BYTES: usize = 32 << 20;

/// The number of a view. It rises from one view to the next, and over restarts of the process too:
/// it begins with the time, so that a page from before a restart is out of date after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// What happened lately.
    pub(crate) happened: Arc<Happened>,
    /// What open pages are told of this view: many of them show the same, and have the same.
    updates: Mutex<Updates>,
}

#[derive(Debug, Default)]
struct Updates {
    made: HashMap<String, Arc<str>>,
    bytes: usize,
}

/// Why looking does not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Since when.
    pub(crate) since: Timestamp,
    /// The error and its causes.
    pub(crate) message: String,
}

impl Trouble {
    /// What is wrong now, since when it is.
    pub(crate) fn go_on(before: Option<&Self>, message: String, now: Timestamp) -> Self {
        let since = before.map_or(now, |trouble| trouble.since);
        Self { since, message }
    }
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
            happened: Arc::new(Happened::none(version)),
            updates: Mutex::default(),
        }
    }

    /// The view after this one: with this picture, where there is a newer one, with what is wrong
    /// with looking, and with what happened meanwhile.
    pub(crate) fn next(
        &self,
        picture: Option<&Picture>,
        trouble: Option<Trouble>,
        fresh: Vec<Entry>,
    ) -> Self {
        let version = self.version.next();
        let known = match picture {
            Some(picture) => Some(Arc::new(Known::new(
                self.known.as_deref(),
                picture,
                version,
            ))),
            None => self.known.clone(),
        };
        let first = known.is_some() != self.known.is_some();
        let trouble_changed = if first || trouble != self.trouble {
            version
        } else {
            self.trouble_changed
        };
        let happened = if fresh.is_empty() {
            Arc::clone(&self.happened)
        } else {
            Arc::new(self.happened.and(fresh, version))
        };
        Self {
            version,
            known,
            trouble,
            trouble_changed,
            happened,
            updates: Mutex::default(),
        }
    }

    /// What `make` makes for whoever has this, made once.
    pub(crate) fn update(&self, has: String, make: impl FnOnce() -> String) -> Arc<str> {
        // Two may make it at the same time; nothing is locked meanwhile.
        if let Some(update) = lock(&self.updates).made.get(&has) {
            return Arc::clone(update);
        }
        let update: Arc<str> = make().into();
        let mut updates = lock(&self.updates);
        let bytes = updates.bytes + has.len() + update.len();
        if updates.made.len() < MOST_UPDATES && bytes <= MOST_UPDATE_BYTES {
            // Who made the same meanwhile is counted twice, which keeps less and never more.
            updates.bytes = bytes;
            updates.made.insert(has, Arc::clone(&update));
        }
        update
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn picture(second: i64) -> Picture {
        Picture::new(theseus_core::state::Observed::default(), at(second))
    }

    #[test]
    fn trouble_keeps_what_was_known_and_since_when() {
        let away = |before: &View, second| {
            let message = "away".to_owned();
            let trouble = Trouble::go_on(before.trouble.as_ref(), message, at(second));
            before.next(None, Some(trouble), Vec::new())
        };
        let seen = View::first(at(1)).next(Some(&picture(2)), None, Vec::new());
        let failed = away(&seen, 3);
        let again = away(&failed, 4);
        assert_eq!(again.known.as_ref().unwrap().observed_at, at(2));
        assert_eq!(again.trouble.as_ref().unwrap().since, at(3));
        assert_eq!(again.trouble_changed, failed.version);
        let healed = again.next(Some(&picture(5)), None, Vec::new());
        assert_eq!(healed.trouble, None);
        assert_eq!(healed.trouble_changed, healed.version);
    }

    #[test]
    fn versions_rise_over_a_restart() {
        let before = View::first(at(1_000)).next(Some(&picture(1_001)), None, Vec::new());
        assert!(View::first(at(1_002)).version > before.version);
    }

    #[test]
    fn what_is_told_of_a_view_is_made_once() {
        let view = View::first(at(1));
        let made = view.update("a".to_owned(), || "1".to_owned());
        let again = view.update("a".to_owned(), || unreachable!("it is there"));
        assert_eq!((&*made, &*again), ("1", "1"));
        assert_eq!(&*view.update("b".to_owned(), || "2".to_owned()), "2");
        for made_up in 0..2 * MOST_UPDATES {
            view.update(made_up.to_string(), String::new);
        }
        assert_eq!(lock(&view.updates).made.len(), MOST_UPDATES);
        let view = View::first(at(1));
        for made_up in 0..40 {
            let _ = view.update(made_up.to_string(), || "x".repeat(1 << 20));
        }
        let kept = lock(&view.updates).made.len();
        assert_eq!(kept, 31, "of 1 MiB each, and who asked for them");
    }
}
