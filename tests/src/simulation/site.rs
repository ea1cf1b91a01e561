//! Where a run takes place, and what is noted of it.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use theseus_core::engine::Engine;

use super::flaky_store::FlakyStore;
use super::weather::Weather;
use crate::simulated::{Fates, Simulated, Streams};

/// The cluster, the store, the weather, and the log of a run.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) world: Simulated,
    pub(super) weather: Arc<Weather>,
    pub(super) streams: Arc<Streams>,
    log: Arc<Mutex<Log>>,
}

#[derive(Debug, Default)]
struct Log {
    trace: Vec<String>,
    violations: Vec<String>,
}

impl Site {
    pub(super) fn new(world: Simulated, weather: Weather) -> Self {
        Self {
            world,
            weather: Arc::new(weather),
            streams: Arc::default(),
            log: Arc::default(),
        }
    }

    /// Begins the storm.
    pub(super) fn begin_storm(&self) {
        self.note("the storm begins");
        self.weather.begin();
    }

    /// Writes something down.
    pub(super) fn note(&self, what: impl std::fmt::Display) {
        note(&self.log, self.world.now(), &what);
    }

    /// Writes down that a promise was broken.
    pub(super) fn accuse(&self, what: &str) {
        self.note(format_args!("VIOLATION {what}"));
        let at = self.world.age();
        lock(&self.log)
            .violations
            .push(format!("after {at:.3?}: {what}"));
    }

    /// All that was written down, and the broken promises.
    pub(super) fn told(&self) -> (Vec<String>, Vec<String>) {
        let log = lock(&self.log);
        (log.trace.clone(), log.violations.clone())
    }

    /// An engine of one process of this name, in this weather.
    pub(super) fn engine(&self, by: &str) -> Engine {
        let store = FlakyStore {
            inner: self.world.store.clone(),
            weather: Arc::clone(&self.weather),
        };
        let marathon = self
            .world
            .client(by, self.fates(), Arc::clone(&self.streams));
        let engine = self.world.engine_over(marathon, Arc::new(store));
        engine.in_the_name_of(by)
    }

    fn fates(&self) -> Fates {
        let fates = self.weather.fates();
        let (log, start) = (Arc::clone(&self.log), self.world.now());
        let age = self.world.age();
        Arc::new(move |number, sent| {
            let fate = fates(number, sent);
            let body = String::from_utf8_lossy(&sent.body);
            let body: String = body.chars().take(300).collect();
            let at = start
                + jiff::SignedDuration::try_from(sent.at.saturating_sub(age))
                    .expect("a short time");
            note(
                &log,
                at,
                &format_args!("{} {} {body} {fate:?}", sent.by, sent.what),
            );
            fate
        })
    }
}

fn note(log: &Mutex<Log>, at: Timestamp, what: &dyn std::fmt::Display) {
    lock(log)
        .trace
        .push(format!("{} {what}", at.strftime("%H:%M:%S%.3f")));
}

fn lock(log: &Mutex<Log>) -> std::sync::MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
