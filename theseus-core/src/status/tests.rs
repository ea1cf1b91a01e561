use super::*;
use crate::cluster::{App, AppId, Container, Part, Snapshot};
use crate::model::{EnvValue, GroupId, Port, Spec};
use crate::records::{Goal, GroupRecord, RevisionCounter, RolloutRecord, Stored};
use crate::state::{GroupState, Observed, Records};
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
        unread: None,
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
