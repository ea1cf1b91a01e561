//! From one look after another at what containers use to rates.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::Amount;
use crate::cluster::{ContainerId, Reading, rate};

/// Makes rates of one look after another.
#[derive(Debug, Default)]
pub struct Meter {
    before: Option<(Instant, HashMap<ContainerId, Reading>)>,
}

/// What a container uses.
#[derive(Debug, Clone, PartialEq)]
pub struct Metered {
    /// Which container.
    pub container: ContainerId,
    /// The host that tells it.
    pub host: Arc<str>,
    /// How much.
    pub amount: Amount,
}

impl Meter {
    /// What each container uses, by these readings, which were asked for at this time, and those
    /// before them. A container that is seen for the first time has no rates.
    pub fn take(&mut self, readings: Vec<Reading>, asked: Instant) -> Vec<Metered> {
        let rate_of = |reading: &Reading| {
            let (then, before) = self.before.as_ref()?;
            let between = asked.duration_since(*then);
            rate(before.get(&reading.container)?, reading, between)
        };
        let metered = readings
            .iter()
            .map(|reading| Metered {
                container: reading.container.clone(),
                host: Arc::clone(&reading.host),
                amount: Amount::of(reading, rate_of(reading)),
            })
            .collect();
        let readings = readings.into_iter();
        let readings = readings.map(|reading| (reading.container.clone(), reading));
        self.before = Some((asked, readings.collect()));
        metered
    }
}
