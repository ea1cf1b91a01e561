//! What old versions tell apart from the list of apps: the tasks of an app (0.7.6), and what it was
//! when each of them was started (before 0.11).

use std::collections::HashMap;

use theseus_core::cluster::{App, AppId, Container, ContainerId, HealthState, Part, Revision};

use super::definition::{UNKNOWN, pinned_to};
use super::{Hosts, Listing, container};
use crate::wire::read::{self, Text};

/// An app that does not tell when it was last changed in more than its number of instances. Its own
/// version tells of every change, so of a container with another one it is not known whether it is
/// outdated.
#[derive(Debug)]
pub(crate) struct Undated {
    pub(crate) app: AppId,
    /// The version of each container that has another than the app.
    pub(crate) containers: Vec<(ContainerId, String)>,
    /// The version of the app.
    version: Option<String>,
}

impl Undated {
    pub(super) fn of(app: &AppId, version: Option<&Text<'_>>, tasks: &[read::Task<'_>]) -> Self {
        let mut undated = Self {
            app: app.clone(),
            version: version.map(|version| version.as_ref().to_owned()),
            containers: Vec::new(),
        };
        for task in tasks {
            undated.add(
                &ContainerId(task.id.as_ref().to_owned()),
                task.version.as_ref(),
            );
        }
        undated
    }

    fn add(&mut self, container: &ContainerId, version: Option<&Text<'_>>) {
        let version = version.map(AsRef::as_ref);
        if let Some(version) = version.filter(|it| self.version.as_deref() != Some(it)) {
            let dated = (container.clone(), version.to_owned());
            self.containers.push(dated);
        }
    }
}

/// A task that was read apart from its app.
#[derive(Debug)]
pub(crate) struct Stray {
    pub(crate) app: AppId,
    container: Container,
    version: Option<String>,
}

/// The tasks in the answer to `GET /v2/tasks`.
pub(crate) fn tasks(body: &[u8]) -> serde_json::Result<Vec<Stray>> {
    let told: read::Tasks<'_> = serde_json::from_slice(body)?;
    let mut hosts = Hosts::default();
    let strays = told.tasks.into_iter().filter_map(|task| {
        let app = task.app_id.as_ref()?.as_ref();
        let app = AppId(app.to_owned());
        let version = task.version.as_ref();
        Some(Stray {
            app,
            version: version.map(|version| version.as_ref().to_owned()),
            container: container(task, true, None, &mut hosts),
        })
    });
    Ok(strays.collect())
}

impl Listing {
    /// Brings tasks to their apps, where those do not have them already.
    pub(crate) fn take_in(&mut self, strays: Vec<Stray>) {
        if strays.is_empty() {
            return;
        }
        let places = self.apps.iter().enumerate();
        let places: HashMap<AppId, usize> = places.map(|(at, app)| (app.id.clone(), at)).collect();
        let foreign = self.foreign.iter().enumerate();
        let foreign: HashMap<AppId, usize> =
            foreign.map(|(at, app)| (app.id.clone(), at)).collect();
        let undated = self.undated.iter().enumerate();
        let undated: HashMap<AppId, usize> = undated.map(|(at, it)| (it.app.clone(), at)).collect();
        for Stray {
            app,
            mut container,
            version,
        } in strays
        {
            // An app that was gone by then, or is made since.
            let (checked, containers) = match (places.get(&app), foreign.get(&app)) {
                (Some(&place), _) => {
                    let known = &mut self.apps[place];
                    (known.checked, &mut known.containers)
                }
                (None, Some(&place)) => {
                    let known = &mut self.foreign[place];
                    (known.checked, &mut known.containers)
                }
                (None, None) => continue,
            };
            if containers.iter().any(|it| it.id == container.id) {
                continue;
            }
            if !checked {
                container.health = HealthState::Unknown;
                container.healthy_since = None;
            }
            if let Some(&place) = undated.get(&app) {
                let version = version.map(|version| Text(version.into()));
                self.undated[place].add(&container.id, version.as_ref());
            }
            containers.push(container);
        }
    }
}

/// What an app was at one of its versions, as far as that decides what its containers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Past {
    pub(crate) revision: Revision,
    pinned_to: Option<String>,
}

/// Reads the answer to `GET /v2/apps/{id}/versions/{version}`.
pub(crate) fn past(body: &[u8]) -> serde_json::Result<Past> {
    let app: read::App<'_> = serde_json::from_slice(body)?;
    Ok(Past {
        revision: app.labels.0.or(app.env.0).unwrap_or(UNKNOWN),
        pinned_to: pinned_to(app.constraints),
    })
}

impl Past {
    /// Whether the app has since become another.
    pub(crate) fn is_outdated(&self, app: &App) -> bool {
        match app.part {
            Part::Stable => self.revision != app.revision,
            Part::Slot(_) => self.pinned_to.as_deref() != app.pinned_to.as_deref(),
            Part::Whole => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decode::apps;
    use crate::decode::tests::decode;

    #[test]
    fn tasks_that_were_read_apart_come_to_their_apps() {
        let body = json!({"apps": [
            {"id": "/theseus/a/x/r1", "version": "v2", "tasks": [{"id": "a.1"}]},
            {"id": "/theseus/a/x/stable", "version": "v2"},
            {"id": "/theseus/b/x/r1", "healthChecks": [{}]},
        ]});
        let mut told = apps(body.to_string().as_bytes()).unwrap();
        let body = json!({"tasks": [
            {"id": "a.1", "appId": "/theseus/a/x/r1", "version": "v1"},
            {"id": "a.2", "appId": "/theseus/a/x/r1", "version": "v1",
             "healthCheckResults": [{"alive": true}]},
            {"id": "s.1", "appId": "/theseus/a/x/stable", "version": "v1"},
            {"id": "s.2", "appId": "/theseus/a/x/stable", "version": "v2"},
            {"id": "b.1", "appId": "/theseus/b/x/r1", "healthCheckResults": [{"alive": true}]},
            {"id": "gone.1", "appId": "/theseus/c/x/r1"},
            {"id": "other.1", "appId": "/other"},
            {"id": "nobodys"},
        ]});
        told.take_in(tasks(body.to_string().as_bytes()).unwrap());
        let shown: Vec<_> = told
            .apps
            .iter()
            .flat_map(|app| &app.containers)
            .map(|it| format!("{} {:?}", it.id, it.health))
            .collect();
        let expected = [
            "a.1 Unknown",
            "a.2 Unknown",
            "s.1 Unknown",
            "s.2 Unknown",
            "b.1 Healthy",
        ];
        assert_eq!(shown, expected);
        let open: Vec<_> = told
            .undated
            .iter()
            .flat_map(|it| &it.containers)
            .map(|(id, version)| format!("{id} {version}"))
            .collect();
        assert_eq!(open, ["s.1 v1"]);
    }

    #[test]
    fn what_has_become_another_since() {
        let pin = json!([["hostname", "CLUSTER", "h1"]]);
        let labels = json!({"THESEUS_REVISION": "3"});
        for (id, now, then, expected) in [
            (
                "stable",
                json!({"labels": labels}),
                json!({"labels": labels}),
                false,
            ),
            (
                "stable",
                json!({"labels": labels}),
                json!({"env": labels}),
                false,
            ),
            (
                "stable",
                json!({"labels": labels}),
                json!({"labels": {"THESEUS_REVISION": "2"}}),
                true,
            ),
            ("stable", json!({"labels": labels}), json!({}), true),
            (
                "r3.s0",
                json!({"constraints": pin}),
                json!({"constraints": pin}),
                false,
            ),
            (
                "r3.s0",
                json!({"constraints": pin}),
                json!({"constraints": []}),
                true,
            ),
            ("r3.s0", json!({}), json!({"instances": 7}), false),
            ("r3", json!({}), json!({"constraints": pin}), false),
        ] {
            let (mut now, mut then) = (now, then);
            now["id"] = json!(format!("/theseus/db/prod/{id}"));
            then["id"] = now["id"].clone();
            let past = past(then.to_string().as_bytes()).unwrap();
            assert_eq!(past.is_outdated(&decode(&now)), expected, "{now} {then}");
        }
    }
}
