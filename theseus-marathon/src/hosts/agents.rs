//! From a Mesos master's agents to hosts.

use std::collections::BTreeMap;

use serde_json::Value;
use theseus_core::cluster::{Amounts, Host, HostState, Inventory};

use super::ports;
use crate::wire::mesos::{Agent, Agents};

/// The hosts in the answer to `GET /slaves`. The list is complete unless something in it is not
/// understood, or nothing is in it: so answer old masters that do not lead.
pub(super) fn hosts(body: &[u8]) -> serde_json::Result<Inventory> {
    let told: Agents = serde_json::from_slice(body)?;
    let known = told.slaves.into_iter().map(|agent| (agent, None));
    // Of what these have taken nobody knows anything before they are heard of again.
    let recovered = told.recovered_slaves.into_iter();
    let recovered = recovered.map(|agent| (agent, Some(HostState::Gone)));
    let mut is_complete = true;
    let mut hosts: BTreeMap<String, Host> = BTreeMap::new();
    for (agent, state) in known.chain(recovered) {
        let Some(agent) = agent.sound() else {
            is_complete = false;
            continue;
        };
        let name = agent.hostname.clone();
        let host = host(agent, state);
        // A machine that came back may be listed a second time, as what it was before.
        match hosts.get(&name) {
            Some(other) if other.state <= host.state => {}
            _ => {
                hosts.insert(name, host);
            }
        }
    }
    Ok(Inventory {
        is_complete: is_complete && !hosts.is_empty(),
        hosts: hosts.into_values().collect(),
    })
}

fn host(agent: Agent, state: Option<HostState>) -> Host {
    let state = state.unwrap_or_else(|| self::state(&agent));
    let total = agent.resources.as_ref().map(amounts);
    let used = agent.used_resources.as_ref().map(amounts);
    let attributes = agent.attributes.into_iter();
    Host {
        name: agent.hostname.into(),
        state,
        attributes: attributes
            .filter_map(|(name, value)| Some((name, text(&value)?)))
            .collect(),
        free: total
            .as_ref()
            .zip(used)
            .map(|(total, used)| free(total, &used)),
        total,
    }
}

/// An agent that is being emptied, or is kept empty, is not active either.
fn state(agent: &Agent) -> HostState {
    if agent.deactivated == Some(true) || agent.drain_info.is_some() {
        HostState::Draining
    } else if agent.active == Some(false) {
        HostState::Gone
    } else {
        HostState::Active
    }
}

fn amounts(resources: &BTreeMap<String, Value>) -> Amounts {
    let number = |name| {
        let told = resources.get(name).and_then(Value::as_f64);
        told.unwrap_or_default().max(0.0)
    };
    let ranges = resources.get("ports").and_then(Value::as_str);
    Amounts {
        cpus: number("cpus"),
        mem: number("mem"),
        disk: number("disk"),
        ports: ranges.map(ports::parse).unwrap_or_default(),
    }
}

fn free(total: &Amounts, used: &Amounts) -> Amounts {
    Amounts {
        cpus: (total.cpus - used.cpus).max(0.0),
        mem: (total.mem - used.mem).max(0.0),
        disk: (total.disk - used.disk).max(0.0),
        ports: ports::without(&total.ports, &used.ports),
    }
}

/// An attribute as constraints compare it. Mesos writes a whole number as `3.0`.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => number.as_f64().map(|number| number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(agents: &Value) -> Inventory {
        hosts(json!({"slaves": agents}).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn an_agent_in_full() {
        let inventory = read(&json!([{
            "id": "S1",
            "hostname": "h1",
            "port": 5051,
            "pid": "slave(1)@10.0.0.1:5051",
            "active": true,
            "attributes": {"rack": "a", "level": 3.0, "share": 0.5, "odd": {"x": 1}},
            "resources": {
                "cpus": 4.0, "mem": 8192, "disk": 1000.5, "gpus": 0,
                "ports": "[31000-32000, 33000-33000]",
            },
            "used_resources": {"cpus": 1.5, "mem": 192.0, "ports": "[31000-31001, 31500-31500]"},
        }]));
        insta::assert_debug_snapshot!(inventory);
    }

    #[test]
    fn whether_an_agent_takes_containers() {
        for (fields, expected) in [
            (json!({}), HostState::Active),
            (
                json!({"active": true, "deactivated": false}),
                HostState::Active,
            ),
            (json!({"active": false}), HostState::Gone),
            (
                json!({"active": false, "deactivated": true}),
                HostState::Draining,
            ),
            (
                json!({"active": true, "drain_info": {"state": "DRAINING"}}),
                HostState::Draining,
            ),
            (
                json!({"active": null, "drain_info": null}),
                HostState::Active,
            ),
        ] {
            let mut agent = fields.clone();
            agent["hostname"] = "h1".into();
            assert_eq!(read(&json!([agent])).hosts[0].state, expected, "{fields}");
        }
    }

    #[test]
    fn a_host_is_listed_once_as_the_best_it_is() {
        let agent = |active: bool, cpus: u32| json!({"hostname": "h1", "active": active, "resources": {"cpus": cpus}});
        for agents in [
            json!([agent(false, 1), agent(true, 2), agent(true, 3)]),
            json!([agent(true, 2), agent(false, 1)]),
        ] {
            let inventory = read(&agents);
            assert_eq!(inventory.hosts.len(), 1);
            let host = inventory.host("h1").unwrap();
            assert_eq!(host.state, HostState::Active);
            assert_eq!(host.total.as_ref().map(|total| total.cpus), Some(2.0));
        }
    }

    #[test]
    fn who_was_not_heard_of_since_another_master_leads_is_gone() {
        let body = json!({
            "slaves": [{"hostname": "h1"}],
            "recovered_slaves": [{"hostname": "h2", "active": true}, {"hostname": "h1"}],
        });
        let inventory = hosts(body.to_string().as_bytes()).unwrap();
        assert!(inventory.is_complete);
        let states: Vec<_> = inventory.hosts.iter().map(|host| host.state).collect();
        assert_eq!(states, [HostState::Active, HostState::Gone]);
    }

    #[test]
    fn what_is_not_told_is_not_known_and_less_than_nothing_is_nothing() {
        let inventory = read(&json!([
            {"hostname": "a"},
            {"hostname": "b", "resources": {"cpus": 1}},
            {"hostname": "c", "resources": {"cpus": "many", "mem": -5, "ports": 80}, "used_resources": {"cpus": 1e300}},
        ]));
        let told: Vec<_> = inventory
            .hosts
            .iter()
            .map(|host| (host.total.is_some(), host.free.is_some()))
            .collect();
        assert_eq!(told, [(false, false), (true, false), (true, true)]);
        assert_eq!(inventory.hosts[2].free, Some(Amounts::default()));
    }

    #[test]
    fn an_alien_agent_or_none_at_all_spoils_only_that_all_are_known() {
        let alien = [
            json!(7),
            json!({"hostname": 7}),
            json!({"hostname": "x", "resources": []}),
        ];
        for alien in alien {
            let inventory = read(&json!([alien, {"hostname": "h1"}]));
            assert!(!inventory.is_complete, "{alien}");
            assert_eq!(inventory.hosts.len(), 1, "{alien}");
        }
        assert!(!read(&json!([])).is_complete);
        for body in [
            json!({}),
            json!([]),
            json!({"slaves": null}),
            json!({"slaves": {}}),
        ] {
            assert!(hosts(body.to_string().as_bytes()).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_may_be_an_answer(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = hosts(&body);
        }
    }
}
