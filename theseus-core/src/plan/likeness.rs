//! What makes a plan that very plan, so that just what was shown is carried out, or nothing.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Plan;

/// What is kept of a plan that was shown, to know it again. No secret is in it: it has no more than
/// what was shown, and the store's revisions of the records that the plan was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Likeness {
    bases: Vec<(Option<u64>, Option<u64>)>,
    plan: Value,
}

/// Why a plan is another than the one that was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Moved {
    /// Somebody has deployed something.
    #[error("what is deployed has changed")]
    Records,
    /// The same records lead to something else.
    #[error("what runs has changed")]
    Cluster,
}

impl Likeness {
    /// What is to be kept of a plan. Fails with nothing but what JSON itself cannot say.
    pub fn of(plan: &Plan) -> serde_json::Result<Self> {
        Ok(Self {
            bases: bases(plan),
            plan: serde_json::to_value(plan)?,
        })
    }

    /// Whether a plan that was made later is another one, and why.
    pub fn moved(&self, later: &Self) -> Option<Moved> {
        if self.bases != later.bases {
            return Some(Moved::Records);
        }
        (lasting(self.plan.clone()) != lasting(later.plan.clone())).then_some(Moved::Cluster)
    }
}

fn bases(plan: &Plan) -> Vec<(Option<u64>, Option<u64>)> {
    plan.groups
        .iter()
        .map(|group| {
            (
                group.base.record.map(|r| r.0),
                group.base.rollout.map(|r| r.0),
            )
        })
        .collect()
}

/// What makes a plan that very plan. What else was shown tells of times, and of the cluster's load:
/// that changes by itself.
fn lasting(mut plan: Value) -> Value {
    let groups = plan.get_mut("groups").and_then(Value::as_array_mut);
    for group in groups
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        group.remove("outlook");
        group.remove("notices");
        if let Some(obstacle) = group.get_mut("obstacle").and_then(Value::as_object_mut) {
            obstacle.remove("message");
        }
    }
    plan
}
