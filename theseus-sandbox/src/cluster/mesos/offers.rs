//! Offers that an app in the queue could not use.

use serde::Serialize;

use super::super::Cluster;
use super::super::host::{Host, Reject};
use super::super::launch::Offers;
use super::{Range, ranges, units};
use crate::time::Stamp;

/// An offer that was turned down, and why.
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

#[derive(Debug, Serialize)]
struct Attribute<'a> {
    name: &'a str,
    text: &'a str,
}

impl Cluster {
    /// The offers of the last round that an app turned down. What they held is told as of now.
    pub(in crate::cluster) fn unused_offers<'a>(
        &'a self,
        offers: &'a Offers,
    ) -> Vec<UnusedOffer<'a>> {
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
