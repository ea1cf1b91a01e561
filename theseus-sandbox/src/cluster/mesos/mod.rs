//! What Mesos knows of the cluster: the master's list of agents and tasks, what each agent knows
//! of its own, what tasks write and use, and the offers that are made.

mod agent;
mod diary;
mod files;
mod master;
mod offers;
mod task;
mod usage;

use serde::Serialize;

use super::host::Amounts;

pub(crate) use self::diary::{Note, Sizes};
pub(crate) use self::files::{FileInfo, FilePart, LARGEST_READ, NoFile};
pub(crate) use self::offers::UnusedOffer;
pub(crate) use self::usage::Reading;

/// The id under which Marathon is registered.
pub(crate) const FRAMEWORK: &str = "00000000-0000-0000-0000-000000000000-0000";

/// The version that master and agents tell.
const VERSION: &str = "1.4.1";

#[derive(Debug, Serialize)]
struct Resources {
    cpus: f64,
    mem: f64,
    disk: f64,
    gpus: f64,
    /// Such as `[31000-31004, 31006-32000]`; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<String>,
}

impl Resources {
    fn of((amounts, ports): (Amounts, Vec<u16>)) -> Self {
        let ranges = ranges(&ports);
        let texts: Vec<String> = ranges
            .iter()
            .map(|range| format!("{}-{}", range.begin, range.end))
            .collect();
        Self {
            cpus: units(amounts.cpus),
            mem: units(amounts.mem),
            disk: units(amounts.disk),
            gpus: 0.0,
            ports: (!texts.is_empty()).then(|| format!("[{}]", texts.join(", "))),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Range {
    begin: u16,
    end: u16,
}

/// From thousandths.
#[expect(
    clippy::cast_precision_loss,
    reason = "nobody has so many that a float could not hold them"
)]
fn units(thousandths: i64) -> f64 {
    thousandths as f64 / 1000.0
}

/// Ascending ports, those that follow each other taken together.
fn ranges(ports: &[u16]) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    for &port in ports {
        match ranges.last_mut() {
            Some(range) if range.end.checked_add(1) == Some(port) => range.end = port,
            _ => ranges.push(Range {
                begin: port,
                end: port,
            }),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_follow_each_other_are_a_range() {
        let range = |begin, end| Range { begin, end };
        assert_eq!(
            ranges(&[1, 2, 3, 7, 65_534, 65_535]),
            [range(1, 3), range(7, 7), range(65_534, 65_535)]
        );
        assert_eq!(ranges(&[]), []);
    }
}
