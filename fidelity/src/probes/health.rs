//! Health checks of running tasks.

use serde_json::{Value, json};

use super::running;
use crate::check::{is, lacks, len, stamp, text};
use crate::probe::{Probe, get};

/// An app whose task is checked by a command that succeeds.
pub(super) fn checked() -> Value {
    json!({"healthChecks": [{"protocol": "COMMAND", "command": {"value": "true"},
        "gracePeriodSeconds": 5, "intervalSeconds": 2, "timeoutSeconds": 2}]})
}

/// A probe of the result of a check.
fn result(name: &'static str, source: &'static str) -> Probe {
    Probe::new(name, "§6", source)
        .with(running(checked()))
        .wait_for(get("/v2/apps{g}/a"))
        .holds(len("/app/tasks/0/healthCheckResults", 1))
        .holds(is("/app/tasks/0/healthCheckResults/0/alive", true))
        .send(get("/v2/apps{g}/a"))
}

pub(super) fn probes() -> Vec<Probe> {
    let one = |key: &str| format!("/app/tasks/0/healthCheckResults/0/{key}");
    vec![
        result("health-result", "v0.8.1:Health.scala")
            .holds(is(&one("consecutiveFailures"), 0))
            .holds(stamp(&one("firstSuccess")))
            .holds(stamp(&one("lastSuccess")))
            .holds(lacks(&one("lastFailure"))),
        result("health-result-of-a-task", "v1.3.0:Formats.scala")
            .before(1, 4, 0)
            .holds(is(&one("taskId"), "{task}")),
        result("health-result-of-an-instance", "v1.4.0:Formats.scala")
            .since(1, 4, 0)
            .holds(text(&one("instanceId")))
            .holds(lacks(&one("taskId"))),
        result("health-is-counted", "v0.8.1:AppsResource.scala")
            .since(0, 8, 1)
            .holds(is("/app/tasksHealthy", 1))
            .holds(is("/app/tasksUnhealthy", 0)),
    ]
}
