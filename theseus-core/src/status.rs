//! How groups are doing: what `status` and `ps` tell, and the viewer shows.
//!
//! A [`Status`] is a pure view of an [`Observed`]. Its JSON is stable, and says nothing of a spec
//! but its image and the names of its ports, so no secret can be in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;

use crate::cluster::{App, Container, ContainerId, ContainerState, HealthState, Revision};
use crate::model::{GroupId, Labels, ServiceName};
use crate::plan::Drift;
use crate::records::{Goal, Halt, HaltKind, RolloutRecord};
use crate::registry::{ContainerRecord, CountsRecord};
use crate::state::{GroupState, Observed};

/// The version of the shape. It rises only when a reader of the former shape would go wrong.
const FORMAT_VERSION: u32 = 1;

/// How all groups that were looked at are doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The version of this shape.
    pub format_version: u32,
    /// The groups, in the order of their names.
    pub groups: Vec<GroupStatus>,
    /// How many apps run that no group accounts for, where everything was looked at. Left out of
    /// the JSON when there are none.
    #[serde(skip_serializing_if = "is_none")]
    pub foreign: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "as `skip_serializing_if` wants it"
)]
fn is_none(count: &usize) -> bool {
    *count == 0
}

/// How one group is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupStatus {
    /// Which group.
    pub group: GroupId,
    /// The service that it belongs to.
    pub service: ServiceName,
    /// What tells it apart from the service's other groups.
    pub labels: Labels,
    /// The revision that it is, or is on its way to be; `None` where no record tells.
    pub revision: Option<Revision>,
    /// The image of that revision.
    pub image: Option<String>,
    /// How many containers it is to have: none while it is being removed, or without a record.
    pub instances: u32,
    /// How many containers run, of whatever revision.
    pub running: u32,
    /// How many of those do their work. Where there are health checks they must pass; where there
    /// are none, running is all that can be asked, so that `healthy` reaches `instances` in every
    /// group that is well.
    pub healthy: u32,
    /// How often containers of what runs have ended though they were wanted. Left out of the JSON
    /// where no registrar has counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u32>,
    /// The deploy or removal that is not done.
    pub rollout: Option<RolloutStatus>,
    /// Its containers, of whatever revision: older revisions first, then in the order in which
    /// they were asked for.
    pub containers: Vec<ContainerStatus>,
    /// Apps that no record accounts for. Left out of the JSON when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// When the last deploy of it was done. Not in the JSON.
    #[serde(skip)]
    pub deployed_at: Option<Timestamp>,
}

/// A deploy or removal that is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RolloutStatus {
    /// The revision that it leads to; `None` for a removal.
    pub revision: Option<Revision>,
    /// When it began.
    pub started_at: Timestamp,
    /// What it does.
    pub action: RolloutAction,
    /// Who began it; empty where nobody said so.
    pub by: String,
    /// Why nobody is to carry it out for now.
    pub halted: Option<Halt>,
    /// Why it takes the group back to what it was, when it does.
    pub rolled_back: Option<String>,
}

/// What a rollout does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutAction {
    /// It brings the group to a revision.
    Deploy,
    /// It takes the group away.
    Remove,
}

/// How one container is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContainerStatus {
    /// The engine's name of it.
    pub id: ContainerId,
    /// The host that it runs on; `None` before it is placed.
    pub host: Option<Arc<str>>,
    /// The host's ports, by the names in the spec of its revision, or by their position, counted
    /// from 0, where that spec is not known.
    pub ports: IndexMap<String, u16>,
    /// How far it is.
    pub state: ContainerState,
    /// What its health checks say; unknown where it has none.
    pub health: HealthState,
    /// The revision of the group that it is a copy of.
    pub revision: Revision,
    /// When it began to run.
    pub started_at: Option<Timestamp>,
}

/// How a group is doing, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// Nothing of it does its work.
    Down,
    /// Less of it does its work than is wanted.
    Degraded,
    /// A deploy of it has failed and was left as it is.
    Failed,
    /// A deploy of it waits for a person.
    Paused,
    /// More of it runs than is wanted, or something that no record accounts for.
    Drifted,
    /// A deploy of it is under way.
    Deploying,
    /// It is being taken away.
    Removing,
    /// It is as it should be.
    Well,
}

impl Condition {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Paused => "paused",
            Self::Drifted => "drifted",
            Self::Deploying => "deploying",
            Self::Removing => "removing",
            Self::Well => "well",
        }
    }
}

impl GroupStatus {
    /// How the group is doing, in one word. What is under way comes first: whatever is missing
    /// meanwhile may be part of it.
    pub fn condition(&self) -> Condition {
        if let Some(rollout) = &self.rollout {
            return match (&rollout.halted, rollout.action) {
                (Some(halt), _) if halt.kind == HaltKind::Kept => Condition::Failed,
                (Some(_), _) => Condition::Paused,
                (None, RolloutAction::Deploy) => Condition::Deploying,
                (None, RolloutAction::Remove) => Condition::Removing,
            };
        }
        if self.healthy < self.instances {
            if self.healthy == 0 {
                Condition::Down
            } else {
                Condition::Degraded
            }
        } else if !self.drift.is_empty() || self.running > self.instances {
            Condition::Drifted
        } else if self.revision.is_none() {
            // No record and no app: all that is left of it is containers that still die.
            Condition::Removing
        } else {
            Condition::Well
        }
    }
}

/// How the groups that were looked at are doing. Groups that nobody knows are left out.
pub fn status(observed: &Observed) -> Status {
    let groups = observed
        .groups
        .iter()
        .filter(|(_, state)| !state.is_absent())
        .map(|(group, state)| group_status(group, state))
        .collect();
    Status {
        format_version: FORMAT_VERSION,
        groups,
        foreign: observed.foreign,
    }
}

fn group_status(group: &GroupId, state: &GroupState) -> GroupStatus {
    let rollout = state
        .rollout
        .as_ref()
        .map(|stored| rollout_status(&stored.record));
    let removing = rollout
        .as_ref()
        .is_some_and(|rollout| rollout.action == RolloutAction::Remove);
    let target = state.target();
    let count = |counted: fn(&App, &Container) -> bool| {
        let containers = all_containers(state).filter(|(app, c)| counted(app, c));
        u32::try_from(containers.count()).unwrap_or(u32::MAX)
    };
    GroupStatus {
        group: group.clone(),
        service: group.service.clone(),
        labels: group.labels.clone(),
        revision: target.map(|(revision, _)| revision),
        image: target.map(|(_, spec)| spec.image.clone()),
        instances: target.map_or(0, |(_, spec)| if removing { 0 } else { spec.instances }),
        running: count(|_, container| container.state == ContainerState::Running),
        healthy: count(App::is_served_by),
        restarts: None,
        rollout,
        containers: containers(state),
        drift: drift(state),
        deployed_at: state
            .record
            .as_ref()
            .map(|stored| stored.record.deployed_at),
    }
}

impl Status {
    /// Takes over from the registry what nobody can see at a look.
    pub fn tell_restarts(&mut self, counts: &BTreeMap<GroupId, CountsRecord>) {
        for group in &mut self.groups {
            group.restarts = counts.get(&group.group).map(CountsRecord::restarts);
        }
    }
}

/// How groups are doing by what is written down alone: records, counts and containers of the
/// registry. Groups that are neither recorded nor counted are left out.
pub(crate) fn recorded(
    records: &Observed,
    counts: Vec<CountsRecord>,
    containers: Vec<ContainerRecord>,
) -> Status {
    let mut counts: BTreeMap<GroupId, CountsRecord> = counts
        .into_iter()
        .map(|counts| (counts.group.clone(), counts))
        .collect();
    let mut by_group: BTreeMap<GroupId, Vec<ContainerRecord>> = BTreeMap::new();
    for container in containers {
        let group = by_group.entry(container.group.clone()).or_default();
        group.push(container);
    }
    let known = records
        .groups
        .iter()
        .filter(|(_, state)| !state.is_absent());
    let names: BTreeSet<GroupId> = known
        .map(|(group, _)| group)
        .chain(counts.keys())
        .cloned()
        .collect();
    let nothing = GroupState::default();
    let groups = names.into_iter().map(|group| {
        let state = records.groups.get(&group).unwrap_or(&nothing);
        let mut status = group_status(&group, state);
        if let Some(counts) = counts.remove(&group) {
            status.running = counts.running;
            status.healthy = counts.healthy;
            status.restarts = Some(counts.restarts());
            let apps = counts.apps.into_iter();
            status.drift = apps
                .filter(|app| !state.accounts_for(app.revision))
                .map(|app| Drift {
                    group: group.clone(),
                    revision: app.revision,
                    app: app.app,
                    containers: app.containers,
                })
                .collect();
        }
        let mut containers = by_group.remove(&group).unwrap_or_default();
        containers.sort_by(|a, b| (a.revision, &a.id).cmp(&(b.revision, &b.id)));
        status.containers = containers.into_iter().map(ContainerStatus::from).collect();
        status
    });
    Status {
        foreign: 0,
        format_version: FORMAT_VERSION,
        groups: groups.collect(),
    }
}

impl From<ContainerRecord> for ContainerStatus {
    fn from(record: ContainerRecord) -> Self {
        Self {
            id: record.id,
            host: record.host,
            ports: record.ports,
            state: record.state,
            health: record.health,
            revision: record.revision,
            started_at: record.started_at,
        }
    }
}

fn rollout_status(rollout: &RolloutRecord) -> RolloutStatus {
    let (revision, action) = match rollout.goal {
        Goal::Present { revision, .. } => (Some(revision), RolloutAction::Deploy),
        Goal::Absent => (None, RolloutAction::Remove),
    };
    RolloutStatus {
        revision,
        started_at: rollout.started_at,
        action,
        by: rollout.by.clone(),
        halted: rollout.halted.clone(),
        rolled_back: rollout.rolled_back.clone(),
    }
}

fn all_containers(state: &GroupState) -> impl Iterator<Item = (&App, &Container)> {
    state
        .apps
        .iter()
        .flat_map(|app| app.containers.iter().map(move |container| (app, container)))
}

fn containers(state: &GroupState) -> Vec<ContainerStatus> {
    let mut all: Vec<_> = all_containers(state).collect();
    all.sort_by_key(|(app, container)| (app.revision, container.staged_at, &container.id));
    all.into_iter()
        .map(|(app, container)| ContainerStatus {
            id: container.id.clone(),
            host: container.host.clone(),
            ports: named_ports(
                state.spec_of(app.revision).map(|spec| spec.ports.keys()),
                &container.ports,
            ),
            state: container.state,
            health: container.health,
            revision: app.revision,
            started_at: container.started_at,
        })
        .collect()
}

/// The host's ports by these names, or by their position where there are none.
pub(crate) fn named_ports<'a>(
    names: Option<impl Iterator<Item = &'a String>>,
    ports: &[u16],
) -> IndexMap<String, u16> {
    let ports = ports.iter().copied();
    match names {
        Some(names) => names.cloned().zip(ports).collect(),
        None => (0..).map(|n: usize| n.to_string()).zip(ports).collect(),
    }
}

fn drift(state: &GroupState) -> Vec<Drift> {
    state.unaccounted().map(Drift::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{AppId, Part, Snapshot};
    use crate::model::{EnvValue, Port, Spec};
    use crate::records::{GroupRecord, RevisionCounter, Stored};
    use crate::state::Records;
    use crate::store;

    fn group() -> GroupId {
        "ingestor:dev".parse().unwrap()
    }

    fn spec(image: &str, instances: u32, ports: &[&str]) -> Arc<Spec> {
        let mut spec = Spec::new(image);
        spec.instances = instances;
        for (name, number) in ports.iter().zip(5000..) {
            spec.ports.insert((*name).to_owned(), Port::tcp(number));
        }
        Arc::new(spec)
    }

    fn stored<T>(record: T) -> Stored<T> {
        Stored {
            record,
            modified: store::Revision(1),
        }
    }

    fn record(revision: Revision, spec: Arc<Spec>) -> Stored<GroupRecord> {
        stored(GroupRecord {
            group: group(),
            revision,
            spec,
            deployed_at: Timestamp::UNIX_EPOCH,
            adopted: None,
        })
    }

    fn rollout(goal: Goal) -> Stored<RolloutRecord> {
        stored(RolloutRecord {
            group: group(),
            goal,
            rolled_back: None,
            started_at: Timestamp::UNIX_EPOCH,
            by: String::new(),
            lock: None,
            halted: None,
            promoted: false,
        })
    }

    fn app(revision: Revision, checked: bool, containers: Vec<Container>) -> App {
        App {
            id: AppId(format!("/ingestor/{revision}")),
            group: group(),
            revision,
            instances: u32::try_from(containers.len()).unwrap(),
            part: Part::Whole,
            pinned_to: None,
            checked,
            operations: Vec::new(),
            containers,
            last_failure: None,
        }
    }

    fn container(id: &str, state: ContainerState, health: HealthState) -> Container {
        Container {
            id: ContainerId(id.to_owned()),
            host: Some("host1".into()),
            ports: vec![31005, 31006],
            state,
            health,
            staged_at: None,
            started_at: Some("2026-01-02T03:04:05Z".parse().unwrap()),
            healthy_since: None,
            outdated: false,
        }
    }

    fn running(id: &str) -> Container {
        container(id, ContainerState::Running, HealthState::Unknown)
    }

    fn state() -> GroupState {
        GroupState::default()
    }

    fn status_of(state: GroupState) -> GroupStatus {
        let observed = Observed {
            groups: [(group(), state)].into(),
            ..Observed::default()
        };
        status(&observed).groups.remove(0)
    }

    #[test]
    fn the_json_has_its_stable_shape() {
        let mut spec = Spec::new("a:2");
        spec.ports.insert("api".to_owned(), Port::tcp(5000));
        spec.environment
            .0
            .insert("PASSWORD".to_owned(), EnvValue::Plain("hunter2".to_owned()));
        let records = Records {
            groups: vec![record(3, Arc::new(spec))],
            ..Records::default()
        };
        let snapshot = Snapshot {
            apps: vec![app(3, false, vec![running("a")])],
            ..Snapshot::default()
        };
        let json = serde_json::to_string(&status(&Observed::new(records, snapshot))).unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"format_version":1,"groups":[{"group":"ingestor:dev","service":"ingestor","#,
                r#""labels":["dev"],"revision":3,"image":"a:2","instances":1,"running":1,"#,
                r#""healthy":1,"rollout":null,"containers":[{"id":"a","host":"host1","#,
                r#""ports":{"api":31005},"state":"running","health":"unknown","revision":3,"#,
                r#""started_at":"2026-01-02T03:04:05Z"}]}]}"#,
            )
        );
    }

    #[test]
    fn a_group_of_which_only_the_counter_is_left_is_not_told() {
        let records = Records {
            counters: vec![RevisionCounter {
                group: group(),
                last: 7,
            }],
            ..Records::default()
        };
        let observed = Observed::new(records, Snapshot::default());
        assert_eq!(status(&observed).groups, []);
    }

    #[test]
    fn checks_must_pass_where_there_are_any() {
        use ContainerState::{Ended, Running, Staging, Unreachable};
        use HealthState::{Healthy, Unhealthy, Unknown};
        for (checked, (state_now, health), expected) in [
            (true, (Running, Healthy), (1, 1)),
            (true, (Running, Unknown), (1, 0)),
            (true, (Running, Unhealthy), (1, 0)),
            (false, (Running, Unknown), (1, 1)),
            (false, (Running, Unhealthy), (1, 0)),
            (false, (Staging, Unknown), (0, 0)),
            (true, (Unreachable, Healthy), (0, 0)),
            (true, (Ended, Healthy), (0, 0)),
        ] {
            let status = status_of(GroupState {
                record: Some(record(1, spec("a:1", 1, &[]))),
                apps: vec![app(1, checked, vec![container("a", state_now, health)])],
                ..state()
            });
            assert_eq!(
                (status.running, status.healthy),
                expected,
                "{checked} {state_now:?} {health:?}"
            );
        }
    }

    #[test]
    fn during_a_rollout_the_goal_counts_and_each_revision_names_its_own_ports() {
        let status = status_of(GroupState {
            record: Some(record(3, spec("a:3", 2, &["ssh", "api"]))),
            rollout: Some(rollout(Goal::Present {
                revision: 4,
                spec: spec("a:4", 5, &["api"]),
            })),
            apps: vec![
                app(2, false, vec![running("c")]),
                app(3, false, vec![running("b")]),
                app(4, false, vec![running("a")]),
            ],
            ..state()
        });
        assert_eq!(
            (status.revision, status.image.as_deref(), status.instances),
            (Some(4), Some("a:4"), 5)
        );
        assert_eq!(status.rollout.as_ref().unwrap().revision, Some(4));
        assert_eq!(status.condition(), Condition::Deploying);
        let ports: Vec<Vec<(&str, u16)>> = status
            .containers
            .iter()
            .map(|c| {
                c.ports
                    .iter()
                    .map(|(name, port)| (&**name, *port))
                    .collect()
            })
            .collect();
        assert_eq!(
            ports,
            [
                vec![("0", 31005), ("1", 31006)],
                vec![("ssh", 31005), ("api", 31006)],
                vec![("api", 31005)],
            ]
        );
    }

    #[test]
    fn a_removal_wants_no_containers() {
        let status = status_of(GroupState {
            record: Some(record(3, spec("a:3", 2, &[]))),
            rollout: Some(rollout(Goal::Absent)),
            apps: vec![app(3, false, vec![running("a")])],
            ..state()
        });
        assert_eq!((status.revision, status.instances), (Some(3), 0));
        assert_eq!(status.condition(), Condition::Removing);
        let json = serde_json::to_value(&status.rollout).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "revision": null, "started_at": "1970-01-01T00:00:00Z", "action": "remove",
                "by": "", "halted": null, "rolled_back": null
            })
        );
    }

    #[test]
    fn what_stands_still_says_why() {
        for (kind, expected) in [
            (HaltKind::Paused, Condition::Paused),
            (HaltKind::Failed, Condition::Paused),
            (HaltKind::Kept, Condition::Failed),
        ] {
            let mut standing = rollout(Goal::Present {
                revision: 2,
                spec: spec("a:2", 1, &[]),
            });
            standing.record.halted = Some(Halt {
                kind,
                reason: "lunch".to_owned(),
                at: Timestamp::UNIX_EPOCH,
                by: "ana".to_owned(),
            });
            let status = status_of(GroupState {
                rollout: Some(standing),
                ..state()
            });
            assert_eq!(status.condition(), expected);
            let json = serde_json::to_value(&status.rollout).unwrap();
            assert_eq!(json["halted"]["reason"], "lunch");
        }
    }

    #[test]
    fn one_word_for_a_group() {
        let deployed = |instances| Some(record(1, spec("a:1", instances, &[])));
        let two = || vec![running("a"), running("b")];
        for (expected, state) in [
            (
                Condition::Well,
                GroupState {
                    record: deployed(2),
                    apps: vec![app(1, false, two())],
                    ..state()
                },
            ),
            (
                Condition::Well,
                GroupState {
                    record: deployed(0),
                    apps: vec![app(1, false, Vec::new())],
                    ..state()
                },
            ),
            (
                Condition::Degraded,
                GroupState {
                    record: deployed(3),
                    apps: vec![app(1, false, two())],
                    ..state()
                },
            ),
            (
                Condition::Down,
                GroupState {
                    record: deployed(2),
                    apps: vec![app(1, true, two())],
                    ..state()
                },
            ),
            (
                Condition::Drifted,
                GroupState {
                    record: deployed(1),
                    apps: vec![app(1, false, two())],
                    ..state()
                },
            ),
            (
                Condition::Drifted,
                GroupState {
                    apps: vec![app(9, false, two())],
                    ..state()
                },
            ),
            (
                Condition::Removing,
                GroupState {
                    stopping: true,
                    ..state()
                },
            ),
        ] {
            assert_eq!(status_of(state.clone()).condition(), expected, "{state:?}");
        }
    }

    #[test]
    fn what_no_record_accounts_for_is_told_as_drift() {
        let status = status_of(GroupState {
            record: Some(record(1, spec("a:1", 1, &[]))),
            apps: vec![
                app(1, false, vec![running("a")]),
                app(9, false, vec![running("z")]),
            ],
            ..state()
        });
        let json = serde_json::to_value(&status.drift).unwrap();
        assert_eq!(
            json,
            serde_json::json!([
                {"group": "ingestor:dev", "revision": 9, "app": "/ingestor/9", "containers": 1}
            ])
        );
    }
}
