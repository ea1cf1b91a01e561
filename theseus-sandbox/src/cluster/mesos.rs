//! What Mesos knows of the hosts: its agents, and the offers they make.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Cluster;
use super::host::{Amounts, Host, Reject};
use super::launch::Offers;
use crate::time::Stamp;

/// An agent as the master lists it.
#[derive(Debug, Serialize)]
pub(crate) struct Slave<'a> {
    id: &'a str,
    pid: String,
    hostname: &'a str,
    /// Not so while it is drained.
    active: bool,
    /// Seconds since 1970.
    registered_time: f64,
    attributes: &'a BTreeMap<String, String>,
    resources: Resources,
    used_resources: Resources,
}

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

/// An offer that an app in the queue could not use.
#[derive(Debug, Serialize)]
pub(crate) struct UnusedOffer<'a> {
    offer: Offer<'a>,
    reason: &'a [Reject],
    timestamp: Stamp,
}

/// What a host has on offer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Offer<'a> {
    id: String,
    hostname: &'a str,
    agent_id: &'a str,
    resources: Vec<OfferedResource>,
    attributes: Vec<Attribute<'a>>,
}

#[derive(Debug, Serialize)]
struct OfferedResource {
    name: &'static str,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scalar: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ranges: Option<Vec<Range>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Range {
    begin: u16,
    end: u16,
}

#[derive(Debug, Serialize)]
struct Attribute<'a> {
    name: &'a str,
    text: &'a str,
}

impl Cluster {
    /// The agents that the master can reach.
    pub(crate) fn slaves(&self) -> Vec<Slave<'_>> {
        let reachable = self.hosts.iter().filter(|host| host.up);
        reachable.map(Slave::of).collect()
    }

    /// The offers of the last round that an app turned down. What they held is told as of now.
    pub(super) fn unused_offers<'a>(&'a self, offers: &'a Offers) -> Vec<UnusedOffer<'a>> {
        let unused = offers.last_unused.iter();
        unused
            .map(|(host, unused)| UnusedOffer {
                offer: Offer::of(&self.hosts[*host], offers.processed),
                reason: &unused.rejects,
                timestamp: unused.at,
            })
            .collect()
    }
}

impl<'a> Slave<'a> {
    fn of(host: &'a Host) -> Self {
        Self {
            id: &host.agent,
            pid: format!("slave(1)@{}:5051", host.address.as_str()),
            hostname: &host.config.name,
            active: !host.draining,
            registered_time: host.registered_at.as_seconds(),
            attributes: &host.config.attributes,
            resources: Resources::of(host.whole()),
            used_resources: Resources::of(host.used()),
        }
    }
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

impl<'a> Offer<'a> {
    fn of(host: &'a Host, number: usize) -> Self {
        let (amounts, ports) = host.free();
        let scalar = |name, amount| OfferedResource {
            name,
            role: "*",
            scalar: Some(units(amount)),
            ranges: None,
        };
        let attributes = host.config.attributes.iter();
        Self {
            id: format!("{}-O{number}", host.agent),
            hostname: &host.config.name,
            agent_id: &host.agent,
            resources: vec![
                scalar("cpus", amounts.cpus),
                scalar("mem", amounts.mem),
                scalar("disk", amounts.disk),
                OfferedResource {
                    name: "ports",
                    role: "*",
                    scalar: None,
                    ranges: Some(ranges(&ports)),
                },
            ],
            attributes: attributes
                .map(|(name, text)| Attribute { name, text })
                .collect(),
        }
    }
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
