//! Deployments: plans of steps, one after the other, and how far each has come.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;

use super::task::TaskKey;
use crate::behaviour::{self, StepShape};
use crate::definition::AppSpec;
use crate::path_id::PathId;
use crate::time::Stamp;
use crate::version::MarathonVersion;

#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    pub(super) id: Arc<str>,
    pub(crate) version: Stamp,
    pub(super) steps: Vec<PlanStep>,
    /// Definitions of the affected apps before the change and after it.
    #[serde(skip)]
    pub(crate) original: Vec<Arc<AppSpec>>,
    #[serde(skip)]
    pub(crate) target: Vec<Arc<AppSpec>>,
}

#[derive(Clone, Debug)]
pub(crate) struct PlanStep {
    pub(super) actions: Arc<[PlannedAction]>,
    shape: StepShape,
}

impl PlanStep {
    /// The same step, written in another way.
    pub(super) fn shaped(&self, shape: StepShape) -> Self {
        Self {
            actions: Arc::clone(&self.actions),
            shape,
        }
    }
}

impl Serialize for PlanStep {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let actions = self.actions.iter();
        let actions: Vec<_> = actions.map(|it| it.shaped(self.shape)).collect();
        if self.shape.in_object {
            BTreeMap::from([("actions", actions)]).serialize(serializer)
        } else {
            actions.serialize(serializer)
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlannedAction {
    pub(super) action: ActionKind,
    pub(super) app: PathId,
}

impl PlannedAction {
    pub(super) fn shaped(&self, shape: StepShape) -> BTreeMap<&'static str, &str> {
        BTreeMap::from([
            (shape.action, self.action.name()),
            (shape.target, self.app.as_str()),
        ])
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ActionKind {
    StartApplication,
    StopApplication,
    ScaleApplication,
    RestartApplication,
    KillAllOldTasksOf,
}

impl ActionKind {
    fn name(self) -> &'static str {
        match self {
            Self::StartApplication => "StartApplication",
            Self::StopApplication => "StopApplication",
            Self::ScaleApplication => "ScaleApplication",
            Self::RestartApplication => "RestartApplication",
            Self::KillAllOldTasksOf => "KillAllOldTasksOf",
        }
    }
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
    /// What all other apps were, where a rollback takes them back as well.
    pub(super) others: Option<BTreeMap<PathId, Arc<AppSpec>>>,
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
    fn kind(&self, version: MarathonVersion) -> ActionKind {
        match (&self.from, &self.to) {
            (_, None) => ActionKind::StopApplication,
            (_, Some(to)) if to.instances == 0 && version.has(behaviour::SCALES_TO_NONE) => {
                ActionKind::ScaleApplication
            }
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
    version: MarathonVersion,
) -> Vec<PlanStep> {
    let mut sorted: BTreeMap<(u8, usize), Vec<PlannedAction>> = BTreeMap::new();
    for (app, change) in changes {
        let mut add = |place, action| {
            sorted.entry(place).or_default().push(PlannedAction {
                action,
                app: app.clone(),
            });
        };
        match change.kind(version) {
            ActionKind::StopApplication => add((0, 0), ActionKind::StopApplication),
            kind => {
                if change.from.is_none() {
                    add((1, 0), ActionKind::StartApplication);
                }
                // Up to three steps for each layer.
                let place = 3 * layers.get(app).copied().unwrap_or(0);
                add((2, place), kind);
                if kind == ActionKind::RestartApplication
                    && version.has(behaviour::RESTART_IN_THREE_STEPS)
                {
                    add((2, place + 1), ActionKind::KillAllOldTasksOf);
                    add((2, place + 2), ActionKind::ScaleApplication);
                }
            }
        }
    }
    sorted
        .into_values()
        .map(|actions| PlanStep {
            actions: actions.into(),
            shape: version.pick(behaviour::PLAN_STEPS),
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
        let app = |name| {
            Some(Arc::new(AppSpec::blank(
                id(name),
                crate::MarathonVersion::default(),
            )))
        };
        let change = |from, to, restart| AppChange { from, to, restart };
        let changes = BTreeMap::from([
            (id("gone"), change(app("gone"), None, false)),
            (id("new"), change(None, app("new"), false)),
            (id("rolled"), change(app("rolled"), app("rolled"), true)),
            (id("scaled"), change(app("scaled"), app("scaled"), false)),
        ]);
        let layers = HashMap::from([(id("rolled"), 1)]);
        let names: Vec<String> = steps(&changes, &layers, MarathonVersion::default())
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
