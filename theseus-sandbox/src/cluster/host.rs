//! Hosts and what of them is free.

use super::event::IpAddress;
use crate::config::HostConfig;
use crate::definition::AppSpec;
use crate::random::Random;

/// CPU, memory and disk in thousandths: whole numbers add up to exactly what was taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Amounts {
    cpus: i64,
    mem: i64,
    disk: i64,
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, and nobody has that many"
)]
fn thousandths(amount: f64) -> i64 {
    (amount * 1000.0).round() as i64
}

/// What one task of an app takes.
#[derive(Debug)]
pub(super) struct Demand {
    amounts: Amounts,
    gpus: u32,
    ports: Vec<Option<u16>>,
    accepts_unreserved: bool,
}

impl Demand {
    pub(super) fn of(app: &AppSpec) -> Self {
        let roles = app.accepted_resource_roles.as_ref();
        Self {
            amounts: Amounts {
                cpus: thousandths(app.cpus),
                mem: thousandths(app.mem),
                disk: thousandths(app.disk),
            },
            gpus: app.gpus,
            ports: app.host_ports(),
            accepts_unreserved: roles.is_none_or(|roles| roles.iter().any(|role| role == "*")),
        }
    }
}

/// Why an offer was turned down, in the order in which Marathon looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(super) enum Reject {
    UnfulfilledRole,
    UnfulfilledConstraint,
    NoCorrespondingReservationFound,
    InsufficientCpus,
    InsufficientMemory,
    InsufficientDisk,
    InsufficientGpus,
    InsufficientPorts,
    DeclinedScarceResources,
}

impl Reject {
    pub(super) const ALL: [Self; 9] = [
        Self::UnfulfilledRole,
        Self::UnfulfilledConstraint,
        Self::NoCorrespondingReservationFound,
        Self::InsufficientCpus,
        Self::InsufficientMemory,
        Self::InsufficientDisk,
        Self::InsufficientGpus,
        Self::InsufficientPorts,
        Self::DeclinedScarceResources,
    ];
}

#[derive(Debug)]
pub(super) struct Host {
    /// The id of the Mesos agent.
    pub(super) agent: String,
    pub(super) config: HostConfig,
    pub(super) up: bool,
    pub(super) address: IpAddress,
    free: Amounts,
    free_ports: Vec<u16>,
}

impl Host {
    pub(super) fn new(number: usize, config: HostConfig) -> Self {
        let mut free_ports: Vec<u16> = config.ports.iter().cloned().flatten().collect();
        free_ports.sort_unstable();
        free_ports.dedup();
        Self {
            agent: format!("00000000-0000-0000-0000-000000000000-S{number}"),
            up: true,
            address: IpAddress::of_host(number),
            free: Amounts {
                cpus: thousandths(config.cpus),
                mem: thousandths(config.mem),
                disk: thousandths(config.disk),
            },
            free_ports,
            config,
        }
    }

    /// What a constraint on `field` sees of this host.
    pub(super) fn field(&self, field: &str) -> Option<&str> {
        match field {
            "hostname" | "@hostname" => Some(&self.config.name),
            attribute => self.config.attributes.get(attribute).map(String::as_str),
        }
    }

    /// Whether the host has room; `admitted` is the answer of the constraints.
    pub(super) fn fits(&self, demand: &Demand, admitted: bool) -> Result<(), Reject> {
        let Demand {
            amounts,
            gpus,
            ports,
            accepts_unreserved,
        } = demand;
        let fixed_are_free = ports
            .iter()
            .flatten()
            .all(|port| self.free_ports.contains(port));
        let checks = [
            (*accepts_unreserved, Reject::UnfulfilledRole),
            (admitted, Reject::UnfulfilledConstraint),
            (amounts.cpus <= self.free.cpus, Reject::InsufficientCpus),
            (amounts.mem <= self.free.mem, Reject::InsufficientMemory),
            (amounts.disk <= self.free.disk, Reject::InsufficientDisk),
            (*gpus == 0, Reject::InsufficientGpus),
            (
                ports.len() <= self.free_ports.len() && fixed_are_free,
                Reject::InsufficientPorts,
            ),
        ];
        checks
            .into_iter()
            .find(|(holds, _)| !holds)
            .map_or(Ok(()), |(_, reject)| Err(reject))
    }

    /// Takes what a fitting demand asks for and says which ports it got.
    pub(super) fn take(&mut self, demand: &Demand, random: &mut Random) -> Vec<u16> {
        self.take_amounts(demand);
        self.free_ports
            .retain(|port| !demand.ports.contains(&Some(*port)));
        let mut any = || {
            (!self.free_ports.is_empty()).then(|| {
                let index = random.below(self.free_ports.len());
                self.free_ports.swap_remove(index)
            })
        };
        demand
            .ports
            .iter()
            .filter_map(|port| port.or_else(&mut any))
            .collect()
    }

    /// Takes what a task that is already there holds.
    pub(super) fn retake(&mut self, demand: &Demand, ports: &[u16]) {
        self.take_amounts(demand);
        self.free_ports.retain(|port| !ports.contains(port));
    }

    fn take_amounts(&mut self, demand: &Demand) {
        self.free.cpus -= demand.amounts.cpus;
        self.free.mem -= demand.amounts.mem;
        self.free.disk -= demand.amounts.disk;
    }

    pub(super) fn release(&mut self, demand: &Demand, ports: &[u16]) {
        self.free.cpus += demand.amounts.cpus;
        self.free.mem += demand.amounts.mem;
        self.free.disk += demand.amounts.disk;
        self.free_ports.extend(ports);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::AppUpdate;
    use crate::path_id::PathId;
    use serde_json::json;

    fn demand(app: serde_json::Value) -> Demand {
        let update: AppUpdate = serde_json::from_value(app).unwrap();
        Demand::of(
            &update
                .apply(AppSpec::blank(PathId::absolute("/x").unwrap()))
                .unwrap(),
        )
    }

    #[test]
    fn the_first_reason_in_marathons_order_is_told() {
        let host = Host::new(
            0,
            HostConfig {
                ports: vec![31000..=31001],
                ..HostConfig::named("h")
            },
        );
        let cases = [
            (
                json!({"acceptedResourceRoles": ["prod"], "cpus": 99}),
                true,
                Err(Reject::UnfulfilledRole),
            ),
            (
                json!({"cpus": 99}),
                false,
                Err(Reject::UnfulfilledConstraint),
            ),
            (
                json!({"cpus": 99, "mem": 1e9}),
                true,
                Err(Reject::InsufficientCpus),
            ),
            (json!({"mem": 1e9}), true, Err(Reject::InsufficientMemory)),
            (json!({"disk": 1e9}), true, Err(Reject::InsufficientDisk)),
            (json!({"gpus": 1}), true, Err(Reject::InsufficientGpus)),
            (
                json!({"ports": [0, 0, 0]}),
                true,
                Err(Reject::InsufficientPorts),
            ),
            (
                json!({"ports": [80], "requirePorts": true}),
                true,
                Err(Reject::InsufficientPorts),
            ),
            (
                json!({"ports": [31001, 31000], "requirePorts": true}),
                true,
                Ok(()),
            ),
            (json!({"ports": [80]}), true, Ok(())),
        ];
        for (app, admitted, expected) in cases {
            assert_eq!(host.fits(&demand(app.clone()), admitted), expected, "{app}");
        }
    }

    #[test]
    fn what_is_taken_comes_back() {
        let mut host = Host::new(0, HostConfig::named("h"));
        let free = host.free;
        let demand = demand(json!({"cpus": 0.1, "ports": [0, 31500], "requirePorts": true}));
        let ports = host.take(&demand, &mut Random::seeded(1));
        assert_eq!(ports[1], 31500);
        assert_ne!(ports[0], 31500);
        assert_eq!(host.free_ports.len(), 999);
        host.release(&demand, &ports);
        assert_eq!((host.free, host.free_ports.len()), (free, 1001));
    }
}
