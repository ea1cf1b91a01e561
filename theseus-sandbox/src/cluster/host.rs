//! Hosts: what of them is free, and the tasks that only they still know.

use std::collections::VecDeque;

use super::event::IpAddress;
use super::task::Task;
use crate::config::HostConfig;
use crate::definition::AppSpec;
use crate::random::Random;
use crate::time::Stamp;

/// Where agents listen, if they listen.
const AGENT_PORT: u16 = 5051;

/// Tasks that are over and whose files a host keeps.
const MOST_ENDED: usize = 32;

/// CPU, memory and disk in thousandths: whole numbers add up to exactly what was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Amounts {
    pub(super) cpus: i64,
    pub(super) mem: i64,
    pub(super) disk: i64,
}

impl Amounts {
    fn of(host: &HostConfig) -> Self {
        Self {
            cpus: thousandths(host.cpus),
            mem: thousandths(host.mem),
            disk: thousandths(host.disk),
        }
    }

    pub(super) fn add(&mut self, other: Self, times: i64) {
        self.cpus += other.cpus * times;
        self.mem += other.mem * times;
        self.disk += other.disk * times;
    }
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

    pub(super) fn amounts(&self) -> Amounts {
        self.amounts
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
    /// It keeps the tasks it has, and gets no more.
    pub(super) draining: bool,
    pub(super) registered_at: Stamp,
    pub(super) address: IpAddress,
    /// Where its agent listens, as `host:port`.
    pub(super) endpoint: String,
    /// Tasks that came to their end here, the last few, oldest first.
    pub(super) ended: VecDeque<Task>,
    /// Tasks that were forgotten while the host was lost; they hold what they held.
    pub(super) strays: Vec<Task>,
    free: Amounts,
    free_ports: Vec<u16>,
}

impl Host {
    pub(super) fn new(number: usize, config: HostConfig, registered_at: Stamp) -> Self {
        let address = IpAddress::of_host(number);
        Self {
            agent: format!("00000000-0000-0000-0000-000000000000-S{number}"),
            up: true,
            draining: false,
            registered_at,
            endpoint: format!("{}:{AGENT_PORT}", address.as_str()),
            address,
            ended: VecDeque::new(),
            strays: Vec::new(),
            free: Amounts::of(&config),
            free_ports: all_ports(&config),
            config,
        }
    }

    /// The address of its agent among those that Mesos's processes have.
    pub(super) fn pid(&self) -> String {
        format!("slave(1)@{}", self.endpoint)
    }

    /// Keeps a task that is over, and gives back the one whose place it takes.
    pub(super) fn remember(&mut self, task: Task) -> Option<Task> {
        let full = self.ended.len() == MOST_ENDED;
        let forgotten = full.then(|| self.ended.pop_front()).flatten();
        self.ended.push_back(task);
        forgotten
    }

    /// Whether anything of it is on offer.
    pub(super) fn offers(&self) -> bool {
        self.up && !self.draining
    }

    /// What is free, with the ports in ascending order.
    pub(super) fn free(&self) -> (Amounts, Vec<u16>) {
        let mut ports = self.free_ports.clone();
        ports.sort_unstable();
        (self.free, ports)
    }

    /// What is taken, with the ports in ascending order.
    pub(super) fn used(&self) -> (Amounts, Vec<u16>) {
        let mut used = Amounts::of(&self.config);
        used.add(self.free, -1);
        let (_, free) = self.free();
        let mut ports = all_ports(&self.config);
        ports.retain(|port| free.binary_search(port).is_err());
        (used, ports)
    }

    /// All there is, with the ports in ascending order.
    pub(super) fn whole(&self) -> (Amounts, Vec<u16>) {
        (Amounts::of(&self.config), all_ports(&self.config))
    }

    /// What a constraint on `field` sees of this host.
    pub(super) fn field(&self, field: &str) -> Option<&str> {
        match field {
            "hostname" | "@hostname" => Some(&self.config.name),
            attribute => self.config.attributes.get(attribute).map(String::as_str),
        }
    }

    /// What speaks against a task here; `admitted` is the answer of the constraints.
    pub(super) fn rejects(
        &self,
        demand: &Demand,
        admitted: bool,
    ) -> impl Iterator<Item = Reject> + use<> {
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
        let broken = checks.into_iter().filter(|(holds, _)| !holds);
        broken.map(|(_, reject)| reject)
    }

    /// Takes what a fitting demand asks for and says which ports it got.
    pub(super) fn take(&mut self, demand: &Demand, random: &mut Random) -> Vec<u16> {
        self.free.add(demand.amounts, -1);
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
        self.free.add(demand.amounts, -1);
        self.free_ports.retain(|port| !ports.contains(port));
    }

    pub(super) fn release(&mut self, demand: &Demand, ports: &[u16]) {
        self.free.add(demand.amounts, 1);
        let ranges = &self.config.ports;
        // A task that was there before may hold ports that are not on offer.
        let offered = |port: &&u16| ranges.iter().any(|range| range.contains(port));
        self.free_ports.extend(ports.iter().filter(offered));
    }
}

fn all_ports(config: &HostConfig) -> Vec<u16> {
    let mut ports: Vec<u16> = config.ports.iter().cloned().flatten().collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{AppUpdate, Manner};
    use crate::path_id::PathId;
    use crate::version::MarathonVersion;
    use serde_json::json;

    fn demand(app: serde_json::Value) -> Demand {
        let version = MarathonVersion::default();
        let update: AppUpdate = serde_json::from_value(app).unwrap();
        Demand::of(
            &update
                .apply(
                    AppSpec::blank(PathId::absolute("/x").unwrap(), version),
                    Manner::whole(version),
                )
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
            Stamp::default(),
        );
        let cases = [
            (
                json!({"acceptedResourceRoles": ["prod"], "cpus": 99}),
                true,
                Some(Reject::UnfulfilledRole),
            ),
            (
                json!({"cpus": 99}),
                false,
                Some(Reject::UnfulfilledConstraint),
            ),
            (
                json!({"cpus": 99, "mem": 1e9}),
                true,
                Some(Reject::InsufficientCpus),
            ),
            (json!({"mem": 1e9}), true, Some(Reject::InsufficientMemory)),
            (json!({"disk": 1e9}), true, Some(Reject::InsufficientDisk)),
            (json!({"gpus": 1}), true, Some(Reject::InsufficientGpus)),
            (
                json!({"ports": [0, 0, 0]}),
                true,
                Some(Reject::InsufficientPorts),
            ),
            (
                json!({"ports": [80], "requirePorts": true}),
                true,
                Some(Reject::InsufficientPorts),
            ),
            (
                json!({"ports": [31001, 31000], "requirePorts": true}),
                true,
                None,
            ),
            (json!({"ports": [80]}), true, None),
        ];
        for (app, admitted, expected) in cases {
            let first = host.rejects(&demand(app.clone()), admitted).next();
            assert_eq!(first, expected, "{app}");
        }
    }

    #[test]
    fn what_is_taken_comes_back() {
        let mut host = Host::new(0, HostConfig::named("h"), Stamp::default());
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
