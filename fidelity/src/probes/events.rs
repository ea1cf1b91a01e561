//! Events: the stream, the callbacks, and what is told.

use serde_json::{Value, json};

use super::health::checked;
use super::{app, given, running, stuck};
use crate::check::{
    Check, fits, frame, has, header, holds_none, holds_one, includes, is, lacks, list, object,
    says, stamp, starts, status, text,
};
use crate::probe::{Probe, delete, get, post, put};
use crate::stream::HEARTBEAT;

pub(super) fn probes() -> Vec<Probe> {
    stream()
        .into_iter()
        .chain(of_apps())
        .chain(of_tasks())
        .chain(callbacks())
        .collect()
}

/// A probe that hears a stream from its first event on.
fn hearing(name: &'static str, section: &'static str, source: &'static str) -> Probe {
    Probe::new(name, section, source)
        .since(0, 9, 0)
        .listen("/v2/events")
        .hear("event_stream_attached")
}

fn stream() -> Vec<Probe> {
    vec![
        Probe::new("stream-head", "§1.8", "v0.9.0:HttpEventStreamServlet.scala")
            .since(0, 9, 0)
            .listen("/v2/events")
            .holds(status(200))
            .holds(header("content-type", "text/event-stream")),
        Probe::new(
            "stream-wants-its-type",
            "§1.8",
            "v0.9.0:HttpEventStreamServlet.scala",
        )
        .since(0, 9, 0)
        .send(get("/v2/events").accepting("application/json"))
        .holds(status(405))
        .send(get("/v2/events").accepting(None))
        .holds(status(405)),
        Probe::new(
            "stream-wants-its-type-alone",
            "§1.8",
            "v0.9.0:HttpEventStreamServlet.scala",
        )
        .since(0, 9, 0)
        .send(get("/v2/events").accepting("text/event-stream, */*"))
        .holds(status(405)),
        hearing(
            "stream-begins-with-oneself",
            "§1.8",
            "v0.9.0:HttpEventStreamActor.scala",
        )
        .holds(text("/remoteAddress"))
        .holds(stamp("/timestamp")),
        hearing(
            "stream-of-named-frames",
            "§1.8",
            "v0.11.1:HttpEventStreamServlet.scala",
        )
        .since(0, 11, 0)
        .holds(frame(
            "event: event_stream_attached\\r\\ndata: {…}\\r\\n\\r\\n",
            |it| {
                it.starts_with("event: event_stream_attached\r\ndata: {")
                    && it.ends_with("}\r\n\r\n")
                    && it.matches("\r\n").count() == 3
            },
        )),
        hearing(
            "stream-of-nameless-frames",
            "§1.8",
            "v0.9.0:HttpEventStreamServlet.scala",
        )
        .before(0, 11, 0)
        .holds(frame("data: {…}\\r\\n\\r\\n", |it| {
            it.starts_with("data: {")
                && it.ends_with("}\r\n\r\n")
                && it.matches("\r\n").count() == 2
        })),
        hearing("stream-beats", "§1.8", "HEAD:EventSourceServlet").hear(HEARTBEAT),
        Probe::new(
            "stream-of-some-types",
            "§1.8",
            "v1.3.7:HttpEventStreamServlet.scala",
        )
        .since(1, 3, 7)
        .listen("/v2/events?event_type=deployment_success&event_type=group_change_success")
        .with(given(app("a")))
        .hear("deployment_success")
        .hear_only(Check::new("one of the types asked for", |event, _| {
            let kind = event.at("/eventType").and_then(|it| it.as_str());
            let kind = kind.unwrap_or("deployment_success");
            if ["deployment_success", "group_change_success"].contains(&kind) {
                Ok(())
            } else {
                Err(kind.to_owned())
            }
        })),
        hearing(
            "plans-are-light",
            "§1.8",
            "v1.8.180:HttpEventStreamServlet.scala",
        )
        .since(1, 8, 180)
        .with(given(app("a")))
        .hear("deployment_success")
        .holds(object("/plan"))
        .holds(lacks("/plan/original"))
        .holds(lacks("/plan/target")),
        Probe::new(
            "plans-are-light-at-will",
            "§1.8",
            "v1.5.9:HttpEventStreamServlet.scala",
        )
        .since(1, 5, 9)
        .before(1, 6, 0)
        .and_since(1, 6, 322)
        .listen("/v2/events?plan-format=light")
        .with(given(app("a")))
        .hear("deployment_info")
        .holds(object("/plan"))
        .holds(lacks("/plan/original"))
        .holds(lacks("/plan/target")),
        hearing("plans-are-heavy", "§7", "v1.4.0:Formats.scala")
            .before(1, 7, 0)
            .with(given(app("a")))
            .hear("deployment_info")
            .holds(text("/plan/id"))
            .holds(is("/plan/original/id", "/"))
            .holds(is("/plan/target/id", "/"))
            .holds(list("/plan/steps"))
            .holds(stamp("/plan/version")),
    ]
}

fn of_apps() -> Vec<Probe> {
    let created = |name, source| {
        Probe::new(name, "§7", source)
            .since(0, 9, 0)
            .listen("/v2/events")
            .hear("event_stream_attached")
            .with(given(app("a")))
            .keep("version", "/version")
            .keep("deployment", "/deployments/0/id")
    };
    vec![
        created("event-of-a-post", "v0.9.0:Events.scala")
            .hear("api_post_event")
            .holds(is("/appDefinition/id", "{g}/a"))
            .holds(text("/clientIp"))
            .holds(says("/uri", "/v2/apps")),
        created("event-of-a-group-change", "v0.9.0:Events.scala")
            .hear("group_change_success")
            .holds(is("/version", "{version}"))
            .holds(starts("/groupId", "/")),
        created("event-of-a-deployment", "v0.9.0:Events.scala")
            .hear("deployment_info")
            .holds(is("/plan/id", "{deployment}"))
            .holds(object("/currentStep"))
            .holds(list("/currentStep/actions")),
        created("event-of-a-step", "v0.9.0:Events.scala")
            .hear("deployment_step_success")
            .holds(is("/plan/id", "{deployment}"))
            .holds(object("/currentStep")),
        created("event-of-an-action", "v1.1.2:Formats.scala")
            .since(1, 1, 2)
            .hear("deployment_info")
            .holds(is("/plan/id", "{deployment}"))
            .holds(holds_one("/currentStep/actions", json!({"app": "{g}/a"})))
            .holds(text("/currentStep/actions/0/action")),
        created("event-of-an-action-with-a-type", "v1.1.1:Formats.scala")
            .before(1, 1, 2)
            .hear("deployment_info")
            .holds(is("/plan/id", "{deployment}"))
            .holds(text("/currentStep/actions/0/type")),
        created("event-of-success", "v0.9.0:Events.scala")
            .hear("deployment_success")
            .holds(is("/id", "{deployment}")),
        created("event-of-success-has-the-plan", "v0.10.0:Events.scala")
            .since(0, 10, 0)
            .hear("deployment_success")
            .holds(is("/id", "{deployment}"))
            .holds(is("/plan/id", "{deployment}"))
            .holds(stamp("/timestamp")),
        created("event-of-the-end", "v0.9.0:Events.scala")
            .send(delete("/v2/apps{g}/a"))
            .hear("app_terminated_event")
            .holds(is("/appId", "{g}/a")),
        created("event-of-failure", "v0.9.0:Events.scala")
            .with(given(stuck("b")))
            .keep("stuck", "/deployments/0/id")
            .wait_for(get("/v2/deployments"))
            .holds(has("[id={stuck}]"))
            .send(delete("/v2/deployments/{stuck}?force=true"))
            .hear("deployment_failed")
            .holds(is("/id", "{stuck}")),
        created("event-of-a-refused-change", "v0.9.0:Events.scala")
            .with(given(stuck("b")))
            .keep("stuck", "/deployments/0/id")
            .wait_for(get("/v2/deployments"))
            .holds(has("[id={stuck}]"))
            .send(delete("/v2/apps{g}/b?force=false"))
            .holds(status(409))
            .hear("group_change_failed")
            .holds(text("/reason"))
            .holds(starts("/groupId", "/")),
    ]
}

fn of_tasks() -> Vec<Probe> {
    vec![
        hearing("event-of-a-task", "§7", "v0.9.0:Events.scala")
            .with(running(json!({"ports": [0]})))
            .hear("status_update_event")
            .holds(is("/appId", "{g}/a"))
            .holds(is("/taskId", "{task}"))
            .holds(is("/taskStatus", "TASK_RUNNING"))
            .holds(is("/version", "{version}"))
            .holds(text("/host"))
            .holds(text("/slaveId"))
            .holds(list("/ports"))
            .holds(fits("/message", "is a text", Value::is_string)),
        hearing("event-of-a-killed-task", "§7", "v0.9.0:Events.scala")
            .with(running(json!({})))
            .send(delete("/v2/apps{g}/a/tasks/{task}"))
            .hear("status_update_event")
            .holds(is("/taskId", "{task}"))
            .holds(is("/taskStatus", "TASK_KILLED")),
        hearing("event-of-an-instance", "§7", "v1.4.0:Events.scala")
            .since(1, 4, 0)
            .with(running(json!({})))
            .hear("instance_changed_event")
            .holds(is("/runSpecId", "{g}/a"))
            .holds(is("/condition", "Running"))
            .holds(is("/runSpecVersion", "{version}"))
            .holds(text("/instanceId"))
            .holds(text("/agentId"))
            .holds(text("/host")),
        hearing("event-of-health", "§7", "v0.9.0:Events.scala")
            .before(1, 4, 0)
            .with(running(checked()))
            .hear("health_status_changed_event")
            .holds(includes(
                "",
                json!({"appId": "{g}/a", "taskId": "{task}", "alive": true}),
            ))
            .holds(is("/version", "{version}")),
        hearing(
            "event-of-health-of-an-instance",
            "§7",
            "v1.4.0:Events.scala",
        )
        .since(1, 4, 0)
        .with(running(checked()))
        .hear("health_status_changed_event")
        .holds(includes("", json!({"appId": "{g}/a", "alive": true})))
        .holds(text("/instanceId"))
        .holds(lacks("/taskId")),
        hearing(
            "event-of-an-instance-and-its-health",
            "§7",
            "v1.4.0:Events.scala",
        )
        .since(1, 4, 0)
        .with(running(checked()))
        .hear("instance_health_changed_event")
        .holds(includes("", json!({"runSpecId": "{g}/a", "healthy": true})))
        .holds(is("/runSpecVersion", "{version}"))
        .holds(text("/instanceId")),
        hearing("event-of-a-new-check", "§7", "v0.9.0:Events.scala")
            .with(running(checked()))
            .hear("add_health_check_event")
            .holds(is("/appId", "{g}/a"))
            .holds(is("/healthCheck/protocol", "COMMAND"))
            .holds(is("/version", "{version}")),
    ]
}

fn callbacks() -> Vec<Probe> {
    let subscribed = |name| {
        Probe::new(name, "§1.9", "v1.4.0:EventSubscriptionsResource.scala")
            .before(1, 5, 0)
            .send(get("/v2/eventSubscriptions"))
            .holds(
                Check::new(
                    "status 200, or 400 where there are none",
                    |answer, _| match answer.status.as_u16() {
                        200 | 400 => Ok(()),
                        _ => Err(answer.to_string()),
                    },
                )
                .about_status(),
            )
    };
    let enabled = |probe: Probe| {
        probe
            .only_where(
                status(200),
                "this Marathon runs without --event_subscriber http_callback",
            )
            .holds(list("/callbackUrls"))
            .serve()
            .send(post("/v2/eventSubscriptions?callbackUrl={callback}", None))
    };
    vec![
        subscribed("callbacks-are-listed")
            .with(enabled)
            .holds(status(200))
            .holds(is("/eventType", "subscribe_event"))
            .holds(is("/callbackUrl", "{callback}"))
            .holds(text("/clientIp"))
            .wait_for(get("/v2/eventSubscriptions"))
            .holds(holds_one("/callbackUrls", json!("{callback}")))
            .send(delete("/v2/eventSubscriptions?callbackUrl={callback}"))
            .holds(is("/eventType", "unsubscribe_event"))
            .holds(is("/callbackUrl", "{callback}"))
            .wait_for(get("/v2/eventSubscriptions"))
            .holds(holds_none("/callbackUrls", json!("{callback}"))),
        subscribed("callbacks-are-called")
            .with(enabled)
            .send(put("/v2/groups{g}", json!({"apps": [app("a")]})))
            .keep("deployment", "/deploymentId")
            .hear("deployment_success")
            .holds(is("/id", "{deployment}"))
            .hear("deployment_info")
            .holds(is("/plan/id", "{deployment}")),
        subscribed("callbacks-tell-of-tasks")
            .with(enabled)
            .with(running(json!({})))
            .hear("status_update_event")
            .holds(is("/taskId", "{task}"))
            .holds(is("/taskStatus", "TASK_RUNNING")),
    ]
}
