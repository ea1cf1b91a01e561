//! What a plan will do to one group, step by step, as far as it can be told beforehand.

use std::fmt;

use serde::Serialize;

use crate::cluster::{App, Revision};
use crate::model::Spec;
use crate::records::Goal;
use crate::rollout::Bounds;
use crate::state::GroupState;

/// One thing that will be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Containers of a revision are started.
    Start {
        /// Which revision.
        revision: Revision,
        /// How many.
        containers: u32,
    },
    /// A revision gets another number of containers.
    Scale {
        /// Which revision.
        revision: Revision,
        /// How many it has.
        from: u32,
        /// How many it will have.
        to: u32,
    },
    /// Containers are replaced, some at a time.
    Replace {
        /// How many are replaced in all.
        containers: u32,
        /// How many new ones may run before as many old ones are gone.
        surge: u32,
        /// How many may be missing meanwhile.
        unavailable: u32,
    },
    /// What runs of a revision is stopped.
    Stop {
        /// Which revision.
        revision: Revision,
        /// How many containers.
        containers: u32,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start {
                revision,
                containers,
            } => {
                write!(
                    f,
                    "start {} of revision {revision}",
                    containers_word(*containers)
                )
            }
            Self::Scale { revision, from, to } => {
                write!(
                    f,
                    "scale revision {revision} from {from} to {}",
                    containers_word(*to)
                )
            }
            Self::Replace {
                containers,
                surge,
                unavailable,
            } => {
                write!(
                    f,
                    "replace {}, at most {surge} more and {unavailable} fewer at a time",
                    containers_word(*containers)
                )
            }
            Self::Stop {
                revision,
                containers,
            } => {
                write!(
                    f,
                    "stop {} of revision {revision}",
                    containers_word(*containers)
                )
            }
        }
    }
}

fn containers_word(count: u32) -> String {
    if count == 1 {
        "1 container".to_owned()
    } else {
        format!("{count} containers")
    }
}

/// What is still to be done for a group to come to `goal`.
pub fn remaining(goal: &Goal, state: &GroupState) -> Vec<Step> {
    match goal {
        Goal::Present { revision, spec } => towards(*revision, spec, state),
        Goal::Absent => removal(state),
    }
}

/// The steps that bring a revision to strength and every other one out of the way.
pub(super) fn towards(revision: Revision, spec: &Spec, state: &GroupState) -> Vec<Step> {
    let wanted = spec.instances;
    let old: Vec<&App> = state
        .apps
        .iter()
        .filter(|app| app.revision != revision)
        .collect();
    let running: u32 = old.iter().map(|app| app.instances).sum();
    let missing = wanted.saturating_sub(state.instances(revision).unwrap_or(0));
    let replaced = running.min(missing);
    let mut steps = Vec::new();
    if let Some(instances) = state.instances(revision)
        && old.is_empty()
    {
        if instances != wanted {
            steps.push(Step::Scale {
                revision,
                from: instances,
                to: wanted,
            });
        }
        return steps;
    }
    if replaced > 0 {
        let bounds = Bounds::of(spec);
        steps.push(Step::Replace {
            containers: replaced,
            surge: bounds.ceiling - wanted,
            unavailable: wanted - bounds.floor,
        });
    }
    if missing > replaced {
        steps.push(Step::Start {
            revision,
            containers: missing - replaced,
        });
    }
    // What is replaced goes as its successor comes; only what has none is stopped besides.
    let mut succeeded = replaced;
    for app in old {
        let goes_with = app.instances.min(succeeded);
        succeeded -= goes_with;
        if app.instances > goes_with {
            let containers = app.instances - goes_with;
            steps.push(Step::Stop {
                revision: app.revision,
                containers,
            });
        }
    }
    steps
}

/// The steps that take a group away.
pub(super) fn removal(state: &GroupState) -> Vec<Step> {
    state
        .apps
        .iter()
        .map(|app| Step::Stop {
            revision: app.revision,
            containers: app.instances,
        })
        .collect()
}
