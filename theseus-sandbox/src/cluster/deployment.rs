//! Deployments: plans of steps, one after the other, and how far each has come.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;

use super::task::TaskKey;
use crate::definition::AppSpec;
use crate::path_id::PathId;
use crate::time::Stamp;

#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    pub(super) id: Arc<str>,
    pub(super) version: Stamp,
    pub(super) steps: Vec<PlanStep>,
    /// Definitions of the affected apps before the change and after it.
    #[serde(skip)]
    pub(crate) original: Vec<Arc<AppSpec>>,
    #[serde(skip)]
    pub(crate) target: Vec<Arc<AppSpec>>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct PlanStep {
    pub(super) actions: Arc<[PlannedAction]>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PlannedAction {
    pub(super) action: ActionKind,
    pub(super) app: PathId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::enum_variant_names, reason = "Marathon's names")]
pub(super) enum ActionKind {
    StartApplication,
    StopApplication,
    ScaleApplication,
    RestartApplication,
}

/// A deployment on its way.
#[derive(Debug)]
pub(super) struct Deployment {
    pub(super) plan: Arc<Plan>,
    /// Index of the step being carried out.
    pub(super) step: usize,
    /// Actions of that step that have not come to their end.
    pub(super) open: usize,
    /// What the affected apps were, for a rollback.
    pub(super) original: BTreeMap<PathId, Option<Arc<AppSpec>>>,
    /// Tasks that a kill with scaling chose.
    pub(super) victims: BTreeMap<PathId, Vec<TaskKey>>,
}

/// What happens to one app.
#[derive(Debug)]
pub(super) struct AppChange {
    pub(super) from: Option<Arc<AppSpec>>,
    pub(super) to: Option<Arc<AppSpec>>,
    pub(super) restart: bool,
}

impl AppChange {
    /// What is done to the app in the step of its layer; a removed one is stopped before.
    fn kind(&self) -> ActionKind {
        match (&self.from, &self.to) {
            (_, None) => ActionKind::StopApplication,
            (Some(_), Some(_)) if self.restart => ActionKind::RestartApplication,
            _ => ActionKind::ScaleApplication,
        }
    }
}

/// Removed apps stop, new ones are started empty, then layer by layer of the dependencies apps are
/// scaled or restarted.
pub(super) fn steps(
    changes: &BTreeMap<PathId, AppChange>,
    layers: &HashMap<PathId, usize>,
) -> Vec<PlanStep> {
    let mut sorted: BTreeMap<(u8, usize), Vec<PlannedAction>> = BTreeMap::new();
    for (app, change) in changes {
        let mut add = |place, action| {
            sorted.entry(place).or_default().push(PlannedAction {
                action,
                app: app.clone(),
            });
        };
        match change.kind() {
            ActionKind::StopApplication => add((0, 0), ActionKind::StopApplication),
            kind => {
                if change.from.is_none() {
                    add((1, 0), ActionKind::StartApplication);
                }
                add((2, layers.get(app).copied().unwrap_or(0)), kind);
            }
        }
    }
    sorted
        .into_values()
        .map(|actions| PlanStep {
            actions: actions.into(),
        })
        .collect()
}

/// The layer of each app: one above the highest of those it depends on. `None` if they go round
/// in a circle. `dependencies` holds only apps that depend on something.
pub(super) fn layers(
    dependencies: &HashMap<PathId, Vec<PathId>>,
) -> Option<HashMap<PathId, usize>> {
    let mut layers: HashMap<PathId, usize> = HashMap::new();
    let mut remaining: Vec<&PathId> = dependencies.keys().collect();
    // Dependents of an app wait until all it depends on have a layer.
    while !remaining.is_empty() {
        let before = remaining.len();
        remaining.retain(|app| {
            let below = dependencies[*app].iter().map(|dependency| {
                let known = layers.get(dependency).copied();
                known.or_else(|| (!dependencies.contains_key(dependency)).then_some(0))
            });
            let highest = below
                .collect::<Option<Vec<_>>>()
                .map(|it| it.into_iter().max());
            match highest {
                Some(highest) => {
                    layers.insert((*app).clone(), highest.map_or(0, |layer| layer + 1));
                    false
                }
                None => true,
            }
        });
        if remaining.len() == before {
            return None;
        }
    }
    Some(layers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> PathId {
        PathId::absolute(name).unwrap()
    }

    fn graph(edges: &[(&str, &[&str])]) -> HashMap<PathId, Vec<PathId>> {
        let ids = |names: &&[&str]| names.iter().map(|name| id(name)).collect();
        edges.iter().map(|(app, on)| (id(app), ids(on))).collect()
    }

    #[test]
    fn layers_follow_the_longest_path_and_circles_are_refused() {
        let found = layers(&graph(&[
            ("a", &["b", "c"]),
            ("b", &["c"]),
            ("d", &["gone"]),
        ]))
        .unwrap();
        assert_eq!(
            (found[&id("a")], found[&id("b")], found[&id("d")]),
            (2, 1, 1)
        );
        assert!(layers(&graph(&[("a", &["b"]), ("b", &["a"])])).is_none());
    }

    #[test]
    fn steps_stop_then_start_then_go_layer_by_layer() {
        let app = |name| Some(Arc::new(AppSpec::blank(id(name))));
        let change = |from, to, restart| AppChange { from, to, restart };
        let changes = BTreeMap::from([
            (id("gone"), change(app("gone"), None, false)),
            (id("new"), change(None, app("new"), false)),
            (id("rolled"), change(app("rolled"), app("rolled"), true)),
            (id("scaled"), change(app("scaled"), app("scaled"), false)),
        ]);
        let layers = HashMap::from([(id("rolled"), 1)]);
        let names: Vec<String> = steps(&changes, &layers)
            .iter()
            .map(|step| {
                let names = step
                    .actions
                    .iter()
                    .map(|it| format!("{:?}{}", it.action, it.app));
                names.collect::<Vec<_>>().join(" ")
            })
            .collect();
        let expected = [
            "StopApplication/gone",
            "StartApplication/new",
            "ScaleApplication/new ScaleApplication/scaled",
            "RestartApplication/rolled",
        ];
        assert_eq!(names, expected);
    }
}
