//! How much is used at one time.

use serde::Serialize;

use crate::cluster::{Rate, Reading};

/// How much is used at one time, of how much; `None` where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Amount {
    /// How many processors are busy.
    pub cpu: Option<f64>,
    /// How many there may be.
    pub cpu_limit: Option<f64>,
    /// How many more there would be, but for the limit.
    pub throttled: Option<f64>,
    /// How much memory is held, in bytes.
    pub memory: Option<u64>,
    /// How much may be.
    pub memory_limit: Option<u64>,
}

impl Amount {
    /// What a container uses.
    pub fn of(reading: &Reading, rate: Option<Rate>) -> Self {
        Self {
            cpu: rate.map(|rate| rate.cpu),
            cpu_limit: reading.cpu_limit,
            throttled: rate.and_then(|rate| rate.throttled),
            memory: reading.memory,
            memory_limit: reading.memory_limit,
        }
    }

    /// Both together; what is known of one only is all that is known.
    pub fn add(&mut self, other: &Self) {
        fn sum<T>(a: Option<T>, b: Option<T>, add: fn(T, T) -> T) -> Option<T>
        where
            T: Copy,
        {
            match (a, b) {
                (Some(a), Some(b)) => Some(add(a, b)),
                (a, b) => a.or(b),
            }
        }
        let add: fn(f64, f64) -> f64 = |a, b| a + b;
        self.cpu = sum(self.cpu, other.cpu, add);
        self.cpu_limit = sum(self.cpu_limit, other.cpu_limit, add);
        self.throttled = sum(self.throttled, other.throttled, add);
        self.memory = sum(self.memory, other.memory, u64::saturating_add);
        let limits = (self.memory_limit, other.memory_limit);
        self.memory_limit = sum(limits.0, limits.1, u64::saturating_add);
    }
}
