//! What is used right now by containers, groups or hosts, in rows to be shown: a pure function of
//! what was seen.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{Amount, Metered};
use crate::cluster::{App, Container, ContainerId, ContainerState};
use crate::model::GroupId;
use crate::registry::CountsRecord;
use crate::state::Observed;

/// What a row is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// A container.
    Container,
    /// All containers of a group.
    Group,
    /// All containers on a host.
    Host,
}

/// Which rows come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// Those that keep the most processors busy.
    Cpu,
    /// Those that hold the most memory.
    Memory,
    /// Those that are kept from processors the most.
    Throttled,
    /// Those that were restarted most often.
    Restarts,
    /// The first of the alphabet.
    Name,
}

/// What rows are made of.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// What runs.
    pub observed: &'a Observed,
    /// What of it uses how much.
    pub metered: &'a [Metered],
    /// The hosts that do not tell.
    pub quiet: &'a [Quiet],
    /// How often containers were restarted, as far as a registrar has counted.
    pub counts: &'a BTreeMap<GroupId, CountsRecord>,
    /// Since when containers cannot be reached that the engine has lost.
    pub unreachable: &'a BTreeMap<ContainerId, Timestamp>,
}

/// A host that does not tell what its containers use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quiet {
    /// Its name.
    pub host: Arc<str>,
    /// Why it does not.
    pub reason: String,
    /// When it last did, where it ever has while somebody looked.
    pub since: Option<Timestamp>,
}

/// What is used right now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Top {
    /// The version of this shape.
    pub format_version: u32,
    /// When it was looked at.
    pub at: Timestamp,
    /// What the rows are of.
    pub by: By,
    /// The rows.
    pub rows: Vec<Row>,
    /// All of them together.
    pub total: Total,
    /// The hosts that do not tell.
    pub quiet: Vec<Quiet>,
}

/// What a container, a group or a host uses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The container's id, the group, or the host.
    pub name: String,
    /// The group of a container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// The host of a container, once it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Arc<str>>,
    /// How far a container is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ContainerState>,
    /// How many containers it is.
    pub containers: u32,
    /// How much they use, as far as that is known.
    #[serde(flatten)]
    pub amount: Amount,
    /// How often containers of it ended though they were wanted; `None` where nobody counts, or
    /// where it cannot be said whose place a container has taken.
    pub restarts: Option<u32>,
    /// How many of the containers cannot be reached, or their hosts.
    pub out_of_reach: u32,
    /// Since when the first of those cannot, where that is known.
    pub out_of_reach_since: Option<Timestamp>,
}

/// What all rows use together.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Total {
    /// How many containers they are.
    pub containers: u32,
    /// How much they use, as far as that is known.
    #[serde(flatten)]
    pub amount: Amount,
    /// How many of the containers cannot be reached, or their hosts.
    pub out_of_reach: u32,
}

/// The rows of the groups that are meant, in this order.
pub fn top(
    at: Timestamp,
    by: By,
    sort: Sort,
    seen: &Seen<'_>,
    is_meant: impl Fn(&GroupId) -> bool,
) -> Top {
    let containers = containers(seen, is_meant);
    let mut total = Total::default();
    for row in &containers {
        total.containers += row.containers;
        total.out_of_reach += row.out_of_reach;
        total.amount.add(&row.amount);
    }
    let mut rows = match by {
        By::Container => containers,
        By::Group => {
            let groups = together(containers, |row| row.group.clone()).into_iter();
            let counted = groups.map(|(group, row)| Row {
                restarts: seen.counts.get(&group).map(CountsRecord::restarts),
                ..row
            });
            counted.collect()
        }
        By::Host => together(containers, |row| row.host.clone())
            .into_values()
            .collect(),
    };
    rows.sort_by(|a, b| sort.compare(a, b));
    Top {
        format_version: 1,
        at,
        by,
        rows,
        total,
        quiet: seen.quiet.to_vec(),
    }
}

/// A row for each container.
fn containers(seen: &Seen<'_>, is_meant: impl Fn(&GroupId) -> bool) -> Vec<Row> {
    let metered: HashMap<&ContainerId, &Metered> =
        seen.metered.iter().map(|it| (&it.container, it)).collect();
    let quiet: HashMap<&str, &Quiet> = seen.quiet.iter().map(|it| (&*it.host, it)).collect();
    let groups = seen.observed.groups.iter();
    let apps = groups
        .filter(|(group, _)| is_meant(group))
        .flat_map(|(_, state)| &state.apps);
    let containers = apps.flat_map(|app| app.containers.iter().map(move |it| (app, it)));
    containers
        .filter(|(_, container)| container.state != ContainerState::Ended)
        .map(|(app, container)| {
            let quiet = container.host.as_deref().and_then(|host| quiet.get(host));
            let is_lost = container.state == ContainerState::Unreachable;
            let told = metered.get(&container.id);
            Row {
                name: container.id.0.clone(),
                group: Some(app.group.clone()),
                host: container.host.clone(),
                state: Some(container.state),
                containers: 1,
                amount: told.map(|it| it.amount).unwrap_or_default(),
                restarts: restarts(app, container, seen.counts),
                out_of_reach: u32::from(is_lost || quiet.is_some()),
                out_of_reach_since: if is_lost {
                    seen.unreachable.get(&container.id).copied()
                } else {
                    quiet.and_then(|quiet| quiet.since)
                },
            }
        })
        .collect()
}

/// How often the one container of an app has taken the place of another: where an app has several,
/// nobody knows which one took whose place.
fn restarts(
    app: &App,
    container: &Container,
    counts: &BTreeMap<GroupId, CountsRecord>,
) -> Option<u32> {
    if app.instances != 1 || container.outdated {
        return None;
    }
    let counts = counts.get(&app.group)?;
    let counted = counts.apps.iter().find(|counted| counted.app == app.id)?;
    Some(counted.restarts)
}

/// One row for all that belong to the same.
fn together<K: Ord + ToString>(
    rows: Vec<Row>,
    whose: impl Fn(&Row) -> Option<K>,
) -> BTreeMap<K, Row> {
    let mut sums: BTreeMap<K, Row> = BTreeMap::new();
    for row in rows {
        let Some(key) = whose(&row) else { continue };
        let name = key.to_string();
        let sum = sums.entry(key).or_insert_with(|| Row {
            name,
            group: None,
            host: None,
            state: None,
            containers: 0,
            amount: Amount::default(),
            restarts: None,
            out_of_reach: 0,
            out_of_reach_since: None,
        });
        sum.containers += row.containers;
        sum.amount.add(&row.amount);
        sum.out_of_reach += row.out_of_reach;
        let since = [sum.out_of_reach_since, row.out_of_reach_since];
        sum.out_of_reach_since = since.into_iter().flatten().min();
    }
    sums
}

impl Sort {
    /// Which of two rows comes first: the one with more, and that of which nothing is known last.
    /// Rows that are equal stand in the order of their names.
    pub fn compare(self, a: &Row, b: &Row) -> Ordering {
        let more = |part: fn(&Row) -> Option<f64>| {
            let (a, b) = (part(a).unwrap_or(-1.0), part(b).unwrap_or(-1.0));
            b.total_cmp(&a)
        };
        let by_name = || (&a.group, &a.name).cmp(&(&b.group, &b.name));
        let first = match self {
            Self::Cpu => more(|row| row.amount.cpu),
            Self::Memory => b.amount.memory.cmp(&a.amount.memory),
            Self::Throttled => more(|row| row.amount.throttled),
            Self::Restarts => b.restarts.cmp(&a.restarts),
            Self::Name => Ordering::Equal,
        };
        first.then_with(by_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{AppId, HealthState, Part, Snapshot};
    use crate::registry::AppCount;
    use crate::state::Records;

    fn container(id: &str, host: &str, state: ContainerState) -> Container {
        Container {
            id: ContainerId(id.to_owned()),
            host: Some(host.into()),
            ports: Vec::new(),
            state,
            health: HealthState::Unknown,
            staged_at: None,
            started_at: None,
            healthy_since: None,
            outdated: false,
        }
    }

    fn app(group: &str, containers: Vec<Container>) -> App {
        App {
            id: AppId(format!("/{group}")),
            group: group.parse().unwrap(),
            revision: 1,
            part: Part::Whole,
            pinned_to: None,
            instances: u32::try_from(containers.len()).unwrap(),
            checked: false,
            operations: Vec::new(),
            containers,
            last_failure: None,
            unread: None,
        }
    }

    fn metered(id: &str, cpu: Option<f64>, memory: u64) -> Metered {
        Metered {
            container: ContainerId(id.to_owned()),
            host: "h1".into(),
            amount: Amount {
                cpu,
                cpu_limit: Some(0.5),
                throttled: cpu.map(|cpu| cpu / 4.0),
                memory: Some(memory),
                memory_limit: Some(100),
            },
        }
    }

    fn counts(group: &str, restarts: u32) -> (GroupId, CountsRecord) {
        let id: GroupId = group.parse().unwrap();
        let app = AppCount {
            app: AppId(format!("/{group}")),
            revision: 1,
            containers: 1,
            restarts,
            ..AppCount::default()
        };
        let record = CountsRecord {
            running: 1,
            healthy: 1,
            apps: vec![app],
            ..CountsRecord::none(id.clone())
        };
        (id, record)
    }

    /// A look at two groups on two hosts, of which one does not tell.
    fn told(by: By, sort: Sort, only: Option<&str>) -> Top {
        let (running, lost) = (ContainerState::Running, ContainerState::Unreachable);
        let snapshot = Snapshot {
            apps: vec![
                app(
                    "web:dev",
                    vec![
                        container("w1", "h1", running),
                        container("w2", "h1", running),
                        container("w3", "h2", running),
                        container("w4", "h1", ContainerState::Ended),
                    ],
                ),
                app("db:dev", vec![container("d1", "h3", lost)]),
            ],
            ..Snapshot::default()
        };
        let at = |second| Timestamp::from_second(second).unwrap();
        let observed = Observed::new(Records::default(), snapshot);
        let seen = Seen {
            observed: &observed,
            metered: &[
                metered("w1", Some(0.25), 10),
                metered("w2", None, 30),
                metered("stranger", Some(9.0), 9),
            ],
            quiet: &[Quiet {
                host: "h2".into(),
                reason: "it does not answer".to_owned(),
                since: Some(at(7)),
            }],
            counts: &[counts("web:dev", 2), counts("db:dev", 5)].into(),
            unreachable: &[(ContainerId("d1".to_owned()), at(3))].into(),
        };
        let only: Option<GroupId> = only.map(|group| group.parse().unwrap());
        top(at(10), by, sort, &seen, |group| {
            only.as_ref().is_none_or(|only| only == group)
        })
    }

    fn names(top: &Top) -> Vec<&str> {
        top.rows.iter().map(|row| row.name.as_str()).collect()
    }

    #[test]
    fn what_each_container_uses() {
        let told = told(By::Container, Sort::Cpu, None);
        insta::assert_snapshot!(serde_json::to_string_pretty(&told).unwrap());
    }

    #[test]
    fn groups_and_hosts_are_the_sums_of_their_containers() {
        let groups = told(By::Group, Sort::Name, None);
        assert_eq!(names(&groups), ["db:dev", "web:dev"]);
        let web = &groups.rows[1];
        assert_eq!((web.containers, web.out_of_reach), (3, 1));
        assert_eq!((web.amount.memory, web.amount.cpu), (Some(40), Some(0.25)));
        assert_eq!(web.amount.cpu_limit, Some(1.0));
        assert_eq!(web.restarts, Some(2));
        let hosts = told(By::Host, Sort::Memory, None);
        assert_eq!(names(&hosts), ["h1", "h2", "h3"]);
        assert_eq!(hosts.rows[0].containers, 2);
        assert_eq!(hosts.rows[1].amount, Amount::default());
        assert_eq!(groups.total, hosts.total);
    }

    #[test]
    fn the_most_comes_first_and_the_unknown_last() {
        for (sort, expected) in [
            (Sort::Cpu, ["w1", "d1", "w2", "w3"]),
            (Sort::Memory, ["w2", "w1", "d1", "w3"]),
            (Sort::Restarts, ["d1", "w1", "w2", "w3"]),
            (Sort::Name, ["d1", "w1", "w2", "w3"]),
        ] {
            assert_eq!(names(&told(By::Container, sort, None)), expected);
        }
    }

    #[test]
    fn only_what_is_meant_is_told() {
        let told = told(By::Container, Sort::Name, Some("db:dev"));
        assert_eq!(names(&told), ["d1"]);
        assert_eq!((told.total.containers, told.total.out_of_reach), (1, 1));
    }
}
