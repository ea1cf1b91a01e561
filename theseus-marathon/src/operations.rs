//! What Marathon is carrying out: its deployments, as operations that hold apps.

use std::collections::BTreeSet;

use theseus_core::cluster::{Accepted, AppId, ClusterError, Operation, OperationId, OperationStep};
use theseus_core::model::GroupId;

use crate::classify::excerpt;
use crate::decode::time;
use crate::http::{Http, Request};
use crate::names;
use crate::wire::deployment::{Deployment, Step};
use crate::wire::read::Lenient;

/// What is done to an app that is to be no more.
const STOPS: &str = "stops";

/// The operations in the answer to `GET /v2/deployments`.
pub(crate) fn read(body: &[u8]) -> serde_json::Result<Vec<Operation>> {
    let told: Vec<Lenient<Deployment<'_>>> = serde_json::from_slice(body)?;
    let told = told.into_iter().filter_map(Lenient::sound);
    Ok(told.map(operation).collect())
}

/// Adds to answers that name operations what Marathon tells of them. One that is over meanwhile
/// holds nothing any more, but did.
pub(crate) async fn explain(http: &Http, answers: &mut [Result<Accepted, ClusterError>]) {
    let mut named: Vec<&mut Operation> = answers
        .iter_mut()
        .filter_map(|answer| match answer {
            Err(ClusterError::Busy { operations, .. }) => Some(operations),
            _ => None,
        })
        .flatten()
        .filter(|operation| operation.steps.is_empty())
        .collect();
    if named.is_empty() {
        return;
    }
    match http.read(&Request::get("/v2/deployments"), read).await {
        Ok(told) => {
            for operation in &mut named {
                if let Some(told) = told.iter().find(|told| told.id == operation.id) {
                    told.clone_into(operation);
                }
            }
        }
        Err(failure) => tracing::debug!(?failure, "nobody tells what holds an app"),
    }
}

/// The apps that these stop, each with the group that it belongs to by its name.
pub(crate) fn stopped(
    operations: &[Operation],
) -> impl Iterator<Item = (&AppId, Option<&GroupId>)> {
    let all = operations.iter().flat_map(|operation| &operation.steps);
    let stops = all.filter(|step| step.does == STOPS);
    stops.map(|step| (&step.app, step.group.as_ref()))
}

fn operation(told: Deployment<'_>) -> Operation {
    let actions = told.steps.iter().flat_map(Step::actions);
    let mut seen = BTreeSet::new();
    let mut steps: Vec<OperationStep> = actions
        .filter_map(|action| {
            let (action, app) = (action.name.as_ref()?, action.target.as_ref()?);
            Some((in_a_word(action.as_ref()), app.as_ref()))
        })
        // A new app is started and scaled: once is enough.
        .filter(|(_, app)| seen.insert((*app).to_owned()))
        .map(|(does, app)| step(does, app))
        .collect();
    // What it affects and does nothing to is held all the same.
    let affected = told.affected_apps.iter().chain(&told.affected_pods);
    let affected = affected.map(AsRef::as_ref);
    let affected = affected.filter(|app: &&str| seen.insert((*app).to_owned()));
    steps.extend(affected.map(|app| step("holds".to_owned(), app)));
    Operation {
        id: OperationId(told.id.0.into_owned()),
        since: time(told.version.as_ref()),
        steps,
    }
}

fn step(does: String, app: &str) -> OperationStep {
    OperationStep {
        does,
        app: AppId(app.to_owned()),
        group: names::decode(app).map(|name| name.group),
    }
}

/// An action, as what the deployment does.
fn in_a_word(action: &str) -> String {
    match action {
        "StartApplication" | "StartPod" => "starts",
        "StopApplication" | "StopPod" => STOPS,
        "ScaleApplication" | "ScalePod" => "scales",
        "RestartApplication" | "RestartPod" => "restarts",
        "KillAllOldTasksOf" => "stops the old tasks of",
        "ResolveArtifacts" => "fetches what it takes for",
        other => return excerpt(other),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn deployments_in_every_form_of_theirs() {
        let ours = "/theseus/ingestor/dev/r1";
        let version = "2026-01-02T03:04:05.678Z";
        let body = json!([
            {"id": "d1", "version": version, "affectedApps": [ours], "steps": [[{"action": "RestartApplication", "app": ours}]]},
            {"id": "d2", "version": version, "affectedApps": ["/cart"], "steps": [
                {"actions": [{"action": "StartApplication", "app": "/cart"}]},
                {"actions": [{"type": "ScaleApplication", "app": "/cart"}]},
            ]},
            {"id": "d3", "steps": [[{"action": "StopApplication", "apps": "/old"}]]},
            {"id": "d4", "affectedPods": ["/pod"], "steps": [{"actions": [{"action": "ScalePod", "pod": "/pod"}]}]},
            {"id": "d5", "affectedApps": null, "version": "once", "steps": null},
            {"id": "d6", "affectedApps": ["/x"], "steps": [{"actions": [{"action": "Dance", "app": 7}, {}]}]},
            {"id": 7},
            8,
        ]);
        let told = read(body.to_string().as_bytes()).unwrap();
        let told: Vec<_> = told.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "operation d1, since 2026-01-02T03:04:05Z, which restarts /theseus/ingestor/dev/r1 of ingestor:dev",
                "operation d2, since 2026-01-02T03:04:05Z, which starts /cart",
                "operation d3, which stops /old",
                "operation d4, which scales /pod",
                "operation d5",
                "operation d6, which holds /x",
            ]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_may_be_an_answer(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&body);
        }
    }
}
