//! From Marathon's answers to what core knows: apps, containers, and what still dies.

mod apart;
mod definition;
mod pieces;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use theseus_core::cluster::{
    App, AppId, Container, ContainerId, ContainerState, Failure, Foreign, HealthState, OperationId,
    Part,
};

use crate::classify::excerpt;
use crate::names::{self, Name};
use crate::wire::read::{self, Text};
use crate::wire::tolerant::Whole;
use definition::{UNKNOWN, configured_at, is_outdated, pinned_to};

pub(crate) use apart::{Past, Stray, Undated, past, tasks};
pub(crate) use pieces::AppsInPieces;

/// What `GET /v2/apps` tells.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Theseus's apps.
    pub(crate) apps: Vec<App>,
    /// Those of other people.
    pub(crate) foreign: Vec<Foreign>,
    /// Those of them whose containers it leaves open whether they are outdated.
    pub(crate) undated: Vec<Undated>,
}

/// Reads the answer to `GET /v2/apps`.
pub(crate) fn apps(body: &[u8]) -> serde_json::Result<Listing> {
    #[derive(Deserialize)]
    struct Answer {
        apps: Listing,
    }
    // It is quicker to see that all is UTF-8 than that each of very many texts is.
    let answer: Answer = match str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text)?,
        Err(_) => serde_json::from_slice(body)?,
    };
    Ok(answer.apps)
}

/// The app in the answer to `GET /v2/apps/{id}`, if it is somebody else's.
pub(crate) fn foreign(body: &[u8]) -> serde_json::Result<Option<Foreign>> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        app: read::App<'a>,
    }
    #[derive(Deserialize)]
    struct Unread<'a> {
        #[serde(borrow)]
        app: read::Id<'a>,
    }
    let app = serde_json::from_slice::<Answer<'_>>(body).map(|answer| answer.app);
    let id = || serde_json::from_slice::<Unread<'_>>(body).map(|answer| answer.app);
    somebody_elses(app, id)
}

/// An app by itself, if it is somebody else's.
pub(crate) fn alone(app: &str) -> serde_json::Result<Option<Foreign>> {
    somebody_elses(serde_json::from_str(app), || serde_json::from_str(app))
}

/// An app, if it is somebody else's. One that cannot be read is known by its id.
fn somebody_elses<'a>(
    app: serde_json::Result<read::App<'a>>,
    id: impl FnOnce() -> serde_json::Result<read::Id<'a>>,
) -> serde_json::Result<Option<Foreign>> {
    let mut told = Listing::default();
    match app {
        Ok(app) => told.add(app, &mut Hosts::default()),
        Err(error) => match id() {
            Ok(app) => told.add_unread(&app.id.0, excerpt(&error.to_string())),
            Err(_) => return Err(error),
        },
    }
    Ok(told.foreign.pop())
}

impl<'de> Deserialize<'de> for Listing {
    /// Each app is made as soon as it is read: a list of all of them as they are on the wire would
    /// take more room than the answer itself.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(AppsVisitor)
    }
}

struct AppsVisitor;

impl<'de> Visitor<'de> for AppsVisitor {
    type Value = Listing;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of apps")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Listing, A::Error> {
        let (mut told, mut hosts) = (Listing::default(), Hosts::default());
        while let Some(item) = items.next_element()? {
            told.add(item, &mut hosts);
        }
        Ok(told)
    }
}

/// The names of hosts, each kept once however many containers run there.
#[derive(Debug, Default)]
struct Hosts(HashSet<Arc<str>>);

impl Hosts {
    fn intern(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        let name = Arc::<str>::from(name);
        self.0.insert(name.clone());
        name
    }
}

impl Listing {
    fn add(&mut self, mut app: read::App<'_>, hosts: &mut Hosts) {
        let configured_at = configured_at(app.version_info.take());
        let Some(name) = names::decode(app.id.as_ref()) else {
            let foreign = running(app, configured_at.as_ref(), hosts);
            self.foreign.push(foreign);
            return;
        };
        let Name {
            group,
            part,
            revision,
        } = name;
        // What is never changed but in its number of instances has nothing outdated.
        if configured_at.is_none() && part != Part::Whole {
            let id = AppId(app.id.as_ref().to_owned());
            let undated = Undated::of(&id, app.version.as_ref(), &app.tasks);
            self.undated.push(undated);
        }
        // Where there are no labels, the environment tells.
        let revision = revision.or(app.labels.0).or(app.env.0);
        let pinned_to = match part {
            Part::Slot(_) => pinned_to(app.constraints.take()).map(|host| hosts.intern(&host)),
            Part::Whole | Part::Stable => None,
        };
        let running = running(app, configured_at.as_ref(), hosts);
        self.apps.push(App {
            part,
            pinned_to,
            ..running.adopted_by(group, revision.unwrap_or(UNKNOWN))
        });
    }

    /// An app that is there, and of which nothing else is known.
    fn add_unread(&mut self, id: &str, why: String) {
        let unread = Foreign {
            id: AppId(id.to_owned()),
            unread: Some(why),
            ..Foreign::default()
        };
        match names::decode(id) {
            None => self.foreign.push(unread),
            Some(name) => self.apps.push(App {
                part: name.part,
                ..unread.adopted_by(name.group, name.revision.unwrap_or(UNKNOWN))
            }),
        }
    }

    fn append(&mut self, mut other: Self) {
        self.apps.append(&mut other.apps);
        self.foreign.append(&mut other.foreign);
        self.undated.append(&mut other.undated);
    }
}

/// What runs of an app, whosever it is.
fn running(app: read::App<'_>, configured_at: Option<&Text<'_>>, hosts: &mut Hosts) -> Foreign {
    let checked = !app.health_checks.is_empty();
    let ids = app.deployments.into_iter();
    // Collected, they would be kept in the room that they had on the wire, which is three times theirs.
    let mut containers = Vec::with_capacity(app.tasks.len());
    let tasks = app.tasks.into_iter();
    containers.extend(tasks.map(|task| container(task, checked, configured_at, hosts)));
    Foreign {
        id: AppId(app.id.0.into_owned()),
        checked,
        instances: instances(app.instances),
        operations: ids
            .map(|deployment| OperationId(deployment.id.0.into_owned()))
            .collect(),
        containers,
        last_failure: app.last_task_failure.map(failure),
        unread: None,
        stopping: false,
    }
}

/// One is meant where nothing is said.
fn instances(told: Whole) -> u32 {
    told.0
        .map_or(1, |number| u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}

fn container(
    task: read::Task<'_>,
    checked: bool,
    configured_at: Option<&Text<'_>>,
    hosts: &mut Hosts,
) -> Container {
    let results: Vec<_> = task.health_check_results.iter().flatten().collect();
    let health = if checked {
        health(&results)
    } else {
        HealthState::Unknown
    };
    let started_at = time(task.started_at.as_ref());
    Container {
        host: task.host.map(|host| hosts.intern(host.as_ref())),
        ports: task.ports.0,
        state: state(task.state.as_ref().map(AsRef::as_ref), started_at),
        health,
        staged_at: time(task.staged_at.as_ref()),
        started_at,
        healthy_since: (health == HealthState::Healthy)
            .then(|| healthy_since(&results))
            .flatten(),
        outdated: is_outdated(task.version.as_ref(), configured_at),
        id: ContainerId(task.id.0.into_owned()),
    }
}

/// How far a task is. Some versions do not say, and a state that a later one may add is unknown:
/// then a task that was started runs.
fn state(name: Option<&str>, started_at: Option<Timestamp>) -> ContainerState {
    name.and_then(state_of).unwrap_or(match started_at {
        Some(_) => ContainerState::Running,
        None => ContainerState::Staging,
    })
}

/// What a state of Mesos means.
pub(crate) fn state_of(name: &str) -> Option<ContainerState> {
    Some(match name {
        "TASK_STAGING" => ContainerState::Staging,
        "TASK_STARTING" => ContainerState::Starting,
        "TASK_RUNNING" => ContainerState::Running,
        "TASK_KILLING" => ContainerState::Stopping,
        "TASK_UNREACHABLE" | "TASK_UNKNOWN" => ContainerState::Unreachable,
        "TASK_FINISHED"
        | "TASK_FAILED"
        | "TASK_KILLED"
        | "TASK_ERROR"
        | "TASK_LOST"
        | "TASK_DROPPED"
        | "TASK_GONE"
        | "TASK_GONE_BY_OPERATOR" => ContainerState::Ended,
        _ => return None,
    })
}

fn health(results: &[&read::HealthResult<'_>]) -> HealthState {
    if results.iter().any(|result| result.alive == Some(false)) {
        HealthState::Unhealthy
    } else if !results.is_empty() && results.iter().all(|result| result.alive == Some(true)) {
        HealthState::Healthy
    } else {
        HealthState::Unknown
    }
}

/// All checks have passed since the last of them began to, or failed for the last time.
fn healthy_since(results: &[&read::HealthResult<'_>]) -> Option<Timestamp> {
    let times = results
        .iter()
        .flat_map(|result| [&result.first_success, &result.last_failure]);
    times.filter_map(|text| time(text.as_ref())).max()
}

fn failure(failure: read::TaskFailure<'_>) -> Failure {
    let said = |text: Option<Text<'_>>| text.map(|text| text.0.into_owned());
    let at = time(failure.timestamp.as_ref());
    let message = said(failure.message).filter(|message| !message.is_empty());
    Failure {
        container: said(failure.task_id).map(ContainerId),
        message: message.or(said(failure.state)).unwrap_or_default(),
        host: said(failure.host),
        at,
    }
}

/// A time; one that is not understood is as good as none.
pub(crate) fn time(text: Option<&Text<'_>>) -> Option<Timestamp> {
    text?.as_ref().parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    pub(super) fn decode(app: &Value) -> App {
        let body = json!({ "apps": [app] }).to_string();
        apps(body.as_bytes()).unwrap().apps.remove(0)
    }

    fn one_task(checks: &Value, task: &Value) -> Container {
        let app = json!({
            "id": "/theseus/ingestor/dev/r1",
            "healthChecks": checks,
            "tasks": [task],
        });
        decode(&app).containers.remove(0)
    }

    #[test]
    fn an_app_in_full() {
        let app = decode(&json!({
            "id": "/theseus/ingestor/canary.zz.dev/r3",
            "cmd": null,
            "instances": 2,
            "container": {"docker": {"image": "a:1"}},
            "healthChecks": [{"protocol": "HTTP"}],
            "deployments": [{"id": "d1"}],
            "tasks": [
                {
                    "id": "t.1", "appId": "/x", "host": "h\"1", "ports": [31005, 31006],
                    "stagedAt": "2026-01-02T03:04:05.000Z", "startedAt": "2026-01-02T03:04:06.000Z",
                    "state": "TASK_RUNNING", "version": "v", "ipAddresses": null,
                    "healthCheckResults": [
                        {"alive": true, "firstSuccess": "2026-01-02T03:04:07.000Z", "lastFailure": null},
                    ],
                },
                {"id": "t.2", "host": "h1", "ports": null, "startedAt": null},
            ],
            "lastTaskFailure": {
                "taskId": "t.0", "message": "", "state": "TASK_FAILED", "host": "h2",
                "timestamp": "2026-01-02T03:00:00.000Z",
            },
        }));
        insta::assert_debug_snapshot!(app);
    }

    #[test]
    fn apps_of_other_people_are_told_apart_whatever_they_hold() {
        let body = json!({"apps": [
            {"id": "/other"},
            {"id": "/theseus/x", "tasks": [{"id": "t"}]},
            {"id": "/theseus/ingestor/dev/r1", "tasks": null, "deployments": null, "healthChecks": null},
        ]});
        let found = apps(body.to_string().as_bytes()).unwrap();
        let [app] = &found.apps[..] else {
            panic!("{found:?}");
        };
        assert_eq!((app.revision, app.instances), (1, 1));
        let ids: Vec<_> = found.foreign.iter().map(|app| &*app.id.0).collect();
        assert_eq!(ids, ["/other", "/theseus/x"]);
    }

    #[test]
    fn how_far_a_task_is() {
        const STARTED: &str = "2026-01-02T03:04:06.000Z";
        for (state, started, expected) in [
            (Some("TASK_STAGING"), None, ContainerState::Staging),
            (Some("TASK_STARTING"), None, ContainerState::Starting),
            (Some("TASK_RUNNING"), Some(STARTED), ContainerState::Running),
            (
                Some("TASK_KILLING"),
                Some(STARTED),
                ContainerState::Stopping,
            ),
            (
                Some("TASK_UNREACHABLE"),
                Some(STARTED),
                ContainerState::Unreachable,
            ),
            (Some("TASK_LOST"), Some(STARTED), ContainerState::Ended),
            (Some("TASK_FAILED"), None, ContainerState::Ended),
            (
                Some("TASK_NEW_FANGLED"),
                Some(STARTED),
                ContainerState::Running,
            ),
            (Some("TASK_NEW_FANGLED"), None, ContainerState::Staging),
            (None, Some(STARTED), ContainerState::Running),
            (None, Some("yesterday"), ContainerState::Staging),
            (None, None, ContainerState::Staging),
        ] {
            let task = json!({"id": "t", "state": state, "startedAt": started});
            assert_eq!(
                one_task(&json!([]), &task).state,
                expected,
                "{state:?} {started:?}"
            );
        }
    }

    #[test]
    fn what_health_checks_say() {
        let check = || json!([{"protocol": "HTTP"}]);
        for (checks, results, expected) in [
            (json!([]), json!([{"alive": true}]), HealthState::Unknown),
            (check(), json!(null), HealthState::Unknown),
            (check(), json!([]), HealthState::Unknown),
            (check(), json!([null]), HealthState::Unknown),
            (check(), json!([{}]), HealthState::Unknown),
            (check(), json!([{"alive": true}]), HealthState::Healthy),
            (
                check(),
                json!([{"alive": true}, {"alive": false}]),
                HealthState::Unhealthy,
            ),
        ] {
            let task = json!({"id": "t", "healthCheckResults": results});
            let container = one_task(&checks, &task);
            assert_eq!(container.health, expected, "{results}");
            assert_eq!(container.healthy_since, None);
        }
    }

    #[test]
    fn healthy_since_the_last_trouble_of_any_check() {
        let results = json!([
            {"alive": true, "firstSuccess": "2026-01-01T00:00:01.000Z", "lastFailure": "2026-01-01T00:00:09.000Z"},
            {"alive": true, "firstSuccess": "2026-01-01T00:00:05.000Z", "lastFailure": null},
        ]);
        let task = json!({"id": "t", "healthCheckResults": results});
        let since = one_task(&json!([{}, {}]), &task).healthy_since.unwrap();
        assert_eq!(since.to_string(), "2026-01-01T00:00:09Z");
    }

    #[test]
    fn hosts_are_kept_once() {
        let tasks = json!([{"id": "a", "host": "h"}, {"id": "b", "host": "h"}]);
        let app = decode(&json!({"id": "/theseus/a/b/r1", "tasks": tasks}));
        let hosts: Vec<_> = app
            .containers
            .iter()
            .map(|it| it.host.as_ref().unwrap())
            .collect();
        assert!(Arc::ptr_eq(hosts[0], hosts[1]));
    }

    #[test]
    fn numbers_out_of_range_spoil_nothing() {
        let body = json!({"apps": [
            {"id": "/theseus/a/x/r1", "instances": -3, "tasks": [
                {"id": "t", "ports": [31000, 99999, 31002]},
            ]},
            {"id": "/theseus/b/x/r1", "instances": 1e12},
            {"id": "/theseus/c/x/r1", "instances": "many"},
        ]});
        let apps = apps(body.to_string().as_bytes()).unwrap().apps;
        let instances: Vec<_> = apps.iter().map(|app| app.instances).collect();
        assert_eq!(instances, [0, u32::MAX, 1]);
        assert_eq!(apps[0].containers[0].ports, [31000]);
    }

    proptest! {
        #[test]
        fn any_bytes_may_be_an_answer(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = apps(&body);
            let _ = tasks(&body);
            let _ = past(&body);
        }

        #[test]
        fn an_answer_may_be_cut_anywhere(at in 0..400_usize) {
            let body = json!({"apps": [{
                "id": "/theseus/ingestor/dev/r1",
                "tasks": [{"id": "t", "ports": [1], "healthCheckResults": [{"alive": true}]}],
                "lastTaskFailure": {"message": "ü\n"},
            }]}).to_string();
            let cut = &body.as_bytes()[..at.min(body.len() - 1)];
            prop_assert!(apps(cut).unwrap_err().is_eof());
        }
    }
}
