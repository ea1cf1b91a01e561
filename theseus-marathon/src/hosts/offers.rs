//! From the offers that Marathon did not use to hosts: those that it happens to know, each with what
//! it had to offer last.

use std::collections::BTreeMap;

use jiff::Timestamp;
use theseus_core::cluster::{Amounts, Host, HostState, Inventory};

use super::ports;
use crate::decode::time;
use crate::wire::queue::{Named, Offer, Queue};
use crate::wire::read::Lenient;

/// The hosts in the answer to `GET /v2/queue?embed=lastUnusedOffers`.
pub(super) fn hosts(body: &[u8]) -> serde_json::Result<Inventory> {
    let told: Queue<'_> = serde_json::from_slice(body)?;
    let items = told.queue.into_iter().filter_map(Lenient::sound);
    let offers = items.flat_map(|item| item.last_unused_offers);
    let mut last: BTreeMap<String, (Option<Timestamp>, Offer<'_>)> = BTreeMap::new();
    for unused in offers.filter_map(Lenient::sound) {
        let at = time(unused.timestamp.as_ref());
        let name = unused.offer.hostname.as_ref();
        if last.get(name).is_none_or(|(before, _)| *before < at) {
            last.insert(name.to_owned(), (at, unused.offer));
        }
    }
    let offers = last.into_values().map(|(_, offer)| offer);
    Ok(Inventory {
        hosts: offers.map(host).collect(),
        is_complete: false,
    })
}

fn host(offer: Offer<'_>) -> Host {
    let attributes = offer.attributes.into_iter().filter_map(Lenient::sound);
    let resources = offer.resources.into_iter().filter_map(Lenient::sound);
    Host {
        name: offer.hostname.as_ref().into(),
        state: HostState::Active,
        attributes: attributes.filter_map(attribute).collect(),
        total: None,
        free: Some(amounts(resources)),
    }
}

fn attribute(named: Named<'_>) -> Option<(String, String)> {
    let scalar = named.scalar.map(|number| number.to_string());
    let value = named.text.map(|text| text.0.into_owned()).or(scalar)?;
    Some((named.name.0.into_owned(), value))
}

/// A resource is offered in pieces where some of it is reserved.
fn amounts<'a>(resources: impl Iterator<Item = Named<'a>>) -> Amounts {
    let mut sum = Amounts::default();
    let mut ranges = Vec::new();
    for resource in resources {
        let amount = resource.scalar.unwrap_or_default().max(0.0);
        match resource.name.as_ref() {
            "cpus" => sum.cpus += amount,
            "mem" => sum.mem += amount,
            "disk" => sum.disk += amount,
            "ports" => {
                let offered = resource.ranges.iter();
                ranges.extend(offered.filter_map(|range| ports::clamped(range.begin, range.end)));
            }
            _ => {}
        }
    }
    sum.ports = ports::merged(ranges);
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(queue: &Value) -> Inventory {
        hosts(json!({"queue": queue}).to_string().as_bytes()).unwrap()
    }

    fn unused(host: &str, cpus: f64, timestamp: &str) -> Value {
        json!({
            "offer": {"hostname": host, "resources": [{"name": "cpus", "scalar": cpus}]},
            "reason": ["InsufficientMemory"],
            "timestamp": timestamp,
        })
    }

    #[test]
    fn an_offer_in_full() {
        let inventory = read(&json!([{
            "app": {"id": "/x"},
            "count": 1,
            "lastUnusedOffers": [{
                "offer": {
                    "id": "O1", "hostname": "h1", "agentId": "S1",
                    "resources": [
                        {"name": "cpus", "role": "*", "scalar": 1.5, "set": []},
                        {"name": "cpus", "role": "web", "scalar": 0.5},
                        {"name": "mem", "role": "*", "scalar": 100},
                        {"name": "ports", "role": "*", "ranges": [
                            {"begin": 31010, "end": 31020}, {"begin": 31000, "end": 31009},
                        ]},
                        {"name": "gpus", "scalar": 1},
                    ],
                    "attributes": [
                        {"name": "rack", "text": "a"},
                        {"name": "level", "scalar": 3.0},
                        {"name": "set", "set": ["x"]},
                    ],
                },
                "reason": ["UnfulfilledConstraint"],
                "timestamp": "2026-01-02T03:04:05.000Z",
            }],
        }]));
        insta::assert_debug_snapshot!(inventory);
    }

    #[test]
    fn of_each_host_the_last_offer_counts() {
        let (early, late) = ("2026-01-02T03:04:05.000Z", "2026-01-02T03:04:06.000Z");
        let inventory = read(&json!([
            {"lastUnusedOffers": [unused("h1", 1.0, late), unused("h2", 2.0, early)]},
            {"lastUnusedOffers": [unused("h1", 3.0, early), unused("h2", 4.0, late), unused("h3", 5.0, "")]},
        ]));
        let cpus: Vec<_> = inventory
            .hosts
            .iter()
            .map(|host| (&*host.name, host.free.as_ref().unwrap().cpus))
            .collect();
        assert_eq!(cpus, [("h1", 1.0), ("h2", 4.0), ("h3", 5.0)]);
        assert!(!inventory.is_complete);
    }

    #[test]
    fn what_is_alien_spoils_nothing_around_it() {
        let good = unused("h1", 1.0, "2026-01-02T03:04:05.000Z");
        for alien in [
            json!(1),
            json!({"offer": 1}),
            json!({"offer": {"hostname": null}}),
        ] {
            let inventory = read(&json!([7, {"lastUnusedOffers": [alien, good]}, {}]));
            assert_eq!(inventory.hosts.len(), 1, "{alien}");
        }
        assert_eq!(read(&json!([])), Inventory::default());
    }

    proptest! {
        #[test]
        fn any_bytes_may_be_an_answer(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = hosts(&body);
        }
    }
}
