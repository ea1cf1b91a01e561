//! What goes wrong, and how often: each run draws a mix of its own, in which about half of all kinds
//! of trouble do not occur at all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::dice::Dice;
use crate::simulated::{Fate, Fates};

/// How often each kind of trouble occurs: per mille of requests or calls, or as weights of what
/// happens beside them.
#[derive(Debug, Clone)]
pub(super) struct Mix {
    status: u32,
    refused: u32,
    lost: u32,
    unanswered: u32,
    slow: u32,
    late: u32,
    cut: u32,
    store_down: u32,
    store_before: u32,
    store_after: u32,
    pub(super) watch_cut: u32,
    /// What else happens, and with what weights.
    pub(super) happenings: Vec<(Happening, u32)>,
    /// How long it is on average from one of them to the next.
    pub(super) pause: Duration,
}

/// What happens beside requests and calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    CutStreams,
    SilenceStreams,
    LoseHost,
    FailTask,
    SickenTask,
    /// A person scales an app by hand.
    ScaleByHand,
    /// A lease ends before its time.
    ExpireLock,
    /// A deployer is killed, and started again.
    Kill,
    /// A deployer stands still, perhaps for longer than its lease.
    Freeze,
}

/// What becomes of a call to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreFate {
    Answered,
    /// Nobody answers, and nothing was done.
    Unreachable,
    /// It is not done, and nobody says so.
    Before,
    /// It is done, and nobody says so.
    After,
}

impl Mix {
    fn draw(dice: &mut Dice) -> Self {
        let mut rate = |most: u32| {
            if dice.chance(500) {
                0
            } else {
                1 + dice.below(most)
            }
        };
        let [status, refused, lost, unanswered] = [rate(80), rate(80), rate(60), rate(60)];
        let [slow, late, cut] = [rate(80), rate(8), rate(60)];
        let [store_down, store_before, store_after] = [rate(60), rate(50), rate(50)];
        let watch_cut = rate(500);
        let happenings = [
            Happening::CutStreams,
            Happening::SilenceStreams,
            Happening::LoseHost,
            Happening::FailTask,
            Happening::SickenTask,
            Happening::ScaleByHand,
            Happening::ExpireLock,
            Happening::Kill,
            Happening::Freeze,
        ]
        .map(|kind| (kind, rate(10)));
        Self {
            status,
            refused,
            lost,
            unanswered,
            slow,
            late,
            cut,
            store_down,
            store_before,
            store_after,
            watch_cut,
            happenings: happenings
                .into_iter()
                .filter(|(_, weight)| *weight > 0)
                .collect(),
            pause: dice.millis(2_000, 20_000),
        }
    }
}

/// The trouble of one run, while it lasts.
#[derive(Debug)]
pub(super) struct Weather {
    pub(super) mix: Mix,
    storm: AtomicBool,
    dice: Mutex<Dice>,
}

impl Weather {
    /// The calm before a storm.
    pub(super) fn new(dice: &mut Dice) -> Self {
        Self {
            mix: Mix::draw(dice),
            storm: AtomicBool::new(false),
            dice: Mutex::new(dice.split()),
        }
    }

    /// Begins the storm.
    pub(super) fn begin(&self) {
        self.storm.store(true, Ordering::Relaxed);
    }

    /// Ends the storm, for ever.
    pub(super) fn calm(&self) {
        self.storm.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_stormy(&self) -> bool {
        self.storm.load(Ordering::Relaxed)
    }

    /// Draws something.
    pub(super) fn draw<T>(&self, draw: impl FnOnce(&mut Dice) -> T) -> T {
        draw(&mut self.dice.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next of what happens beside requests.
    pub(super) fn happening(&self) -> Option<Happening> {
        let total: u32 = self.mix.happenings.iter().map(|(_, weight)| weight).sum();
        if total == 0 {
            return None;
        }
        let mut drawn = self.draw(|dice| dice.below(total));
        self.mix.happenings.iter().find_map(|(kind, weight)| {
            let is_it = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            is_it.then_some(*kind)
        })
    }

    /// Decides over requests to the cluster.
    pub(super) fn fates(self: &Arc<Self>) -> Fates {
        let weather = Arc::clone(self);
        Arc::new(move |_, _| {
            if !weather.is_stormy() {
                return Fate::Answered;
            }
            weather.draw(|dice| weather.mix.fate(dice))
        })
    }

    /// Decides over a call to the store.
    pub(super) fn store_fate(&self) -> StoreFate {
        if !self.is_stormy() {
            return StoreFate::Answered;
        }
        let Mix {
            store_down,
            store_before,
            store_after,
            ..
        } = self.mix;
        let fates = [
            (store_down, StoreFate::Unreachable),
            (store_before, StoreFate::Before),
            (store_after, StoreFate::After),
        ];
        let drawn = self.draw(|dice| dice.below(1000));
        drawn_from(&fates, drawn).unwrap_or(StoreFate::Answered)
    }
}

impl Mix {
    fn fate(&self, dice: &mut Dice) -> Fate {
        let fates = [
            (self.status, Fate::Status(503)),
            (self.refused, Fate::Refused),
            (self.lost, Fate::Lost),
            (self.unanswered, Fate::Unanswered),
            (self.slow, Fate::Delayed(dice.millis(50, 4_000))),
            // Longer than an answer is waited for.
            (self.late, Fate::Delayed(dice.millis(61_000, 75_000))),
            (self.cut, Fate::Cut),
        ];
        let drawn = dice.below(1000);
        drawn_from(&fates, drawn).unwrap_or(Fate::Answered)
    }

    /// How long a request may be on its way at most.
    pub(super) fn longest_delay(&self) -> Duration {
        match (self.slow, self.late) {
            (_, 1..) => Duration::from_secs(75),
            (1.., 0) => Duration::from_secs(4),
            (0, 0) => Duration::ZERO,
        }
    }
}

fn drawn_from<T: Clone>(choices: &[(u32, T)], drawn: u32) -> Option<T> {
    let mut end = 0;
    let hit = choices.iter().find(|(rate, _)| {
        end += rate;
        drawn < end
    })?;
    Some(hit.1.clone())
}
