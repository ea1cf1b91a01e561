//! From one look after another at what containers use to rates.

use std::sync::Arc;

use tokio::time::Instant;

use super::Amount;
use crate::cluster::{ContainerId, Reading, rate};

/// Makes rates of one look after another.
#[derive(Debug, Default)]
pub struct Meter {
    /// When it was asked, and what was told, by container.
    before: Option<(Instant, Vec<Reading>)>,
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
    pub fn take(&mut self, mut readings: Vec<Reading>, asked: Instant) -> Vec<Metered> {
        let rate_of = |reading: &Reading| {
            let (then, before) = self.before.as_ref()?;
            let end = before.partition_point(|it| it.container <= reading.container);
            let before = before[..end].last();
            let before = before.filter(|it| it.container == reading.container)?;
            rate(before, reading, asked.duration_since(*then))
        };
        let metered = readings
            .iter()
            .map(|reading| Metered {
                container: reading.container.clone(),
                host: Arc::clone(&reading.host),
                amount: Amount::of(reading, rate_of(reading)),
            })
            .collect();
        readings.sort_by(|a, b| a.container.cmp(&b.container));
        readings.shrink_to_fit();
        self.before = Some((asked, readings));
        metered
    }
}
