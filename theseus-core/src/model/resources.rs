//! What a container takes and a host has.

use serde::{Deserialize, Serialize};

/// An amount of machine.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Resources {
    /// Processors; fractions are shares of one.
    pub cpus: f64,
    /// Memory, in MiB.
    pub mem: f64,
    /// Disk, in MiB.
    pub disk: f64,
}
