//! What an event says, as far as Theseus cares.

use theseus_core::cluster::{
    AppId, ContainerId, ContainerState, Event, EventKind, HealthState, OperationId,
};

use crate::decode::{state_of, time};
use crate::names;
use crate::wire::read;

/// The types that are listened to. Old versions send all the others too.
pub(super) const TYPES: [&str; 6] = [
    "event_stream_attached",
    "status_update_event",
    "health_status_changed_event",
    "deployment_success",
    "deployment_failed",
    "app_terminated_event",
];

/// What the text of an event means; `None` for what is malformed or nobody's business here.
pub(super) fn of(data: &str) -> Option<Event> {
    let event: read::Event<'_> = serde_json::from_str(data).ok()?;
    let kind = kind(&event)?;
    let (mut group, mut foreign) = (None, None);
    if let Some(app) = &event.app_id {
        match names::decode(app.as_ref()) {
            Some(name) => group = Some(name.group),
            None => foreign = Some(AppId(app.as_ref().to_owned())),
        }
    }
    Some(Event {
        at: time(event.timestamp.as_ref()),
        group,
        foreign,
        kind,
    })
}

fn kind(event: &read::Event<'_>) -> Option<EventKind> {
    Some(match event.kind.as_ref() {
        "status_update_event" => {
            let status = event.task_status.as_ref()?.as_ref();
            let state = state_of(status)?;
            let failed = state == ContainerState::Ended && status != "TASK_KILLED";
            let app = event.app_id.as_ref().filter(|_| failed);
            EventKind::Container {
                id: ContainerId(event.task_id.as_ref()?.as_ref().to_owned()),
                state,
                failed: app.map(|app| AppId(app.as_ref().to_owned())),
            }
        }
        "health_status_changed_event" => match checked(event) {
            Some(id) => EventKind::Health {
                id,
                health: if event.alive? {
                    HealthState::Healthy
                } else {
                    HealthState::Unhealthy
                },
            },
            None => EventKind::App,
        },
        "deployment_success" | "deployment_failed" => EventKind::Operation {
            id: OperationId(event.id.as_ref()?.as_ref().to_owned()),
            succeeded: event.kind.as_ref() == "deployment_success",
        },
        "app_terminated_event" => EventKind::App,
        _ => return None,
    })
}

/// The container that was checked. Since 1.4 only its instance is told, `app.marathon-UUID`, whose
/// task is `app.UUID`; since 1.8 an instance has one task after another, and which it is remains
/// open.
fn checked(event: &read::Event<'_>) -> Option<ContainerId> {
    if let Some(task) = &event.task_id {
        return Some(ContainerId(task.as_ref().to_owned()));
    }
    let (app, uuid) = event
        .instance_id
        .as_ref()?
        .as_ref()
        .rsplit_once(".marathon-")?;
    Some(ContainerId(format!("{app}.{uuid}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_each_event_means() {
        let app = "/theseus/ingestor/dev/r1";
        let container = |id: &str| ContainerId(id.to_owned());
        for (event, expected) in [
            (
                json!({"eventType": "status_update_event", "appId": app, "taskId": "t.1", "taskStatus": "TASK_RUNNING"}),
                Some(EventKind::Container {
                    id: container("t.1"),
                    state: ContainerState::Running,
                    failed: None,
                }),
            ),
            (
                json!({"eventType": "status_update_event", "appId": app, "taskId": "t.1", "taskStatus": "TASK_FAILED"}),
                Some(EventKind::Container {
                    id: container("t.1"),
                    state: ContainerState::Ended,
                    failed: Some(AppId(app.to_owned())),
                }),
            ),
            (
                json!({"eventType": "status_update_event", "appId": app, "taskId": "t.1", "taskStatus": "TASK_KILLED"}),
                Some(EventKind::Container {
                    id: container("t.1"),
                    state: ContainerState::Ended,
                    failed: None,
                }),
            ),
            (
                json!({"eventType": "status_update_event", "appId": app, "taskId": "t.1", "taskStatus": "TASK_NEW"}),
                None,
            ),
            (
                json!({"eventType": "status_update_event", "appId": app, "taskId": null}),
                None,
            ),
            (
                json!({"eventType": "status_update_event", "appId": "/other", "taskId": "t", "taskStatus": "TASK_RUNNING"}),
                Some(EventKind::Container {
                    id: container("t"),
                    state: ContainerState::Running,
                    failed: None,
                }),
            ),
            (
                json!({"eventType": "health_status_changed_event", "appId": app, "taskId": "t.1", "alive": true}),
                Some(EventKind::Health {
                    id: container("t.1"),
                    health: HealthState::Healthy,
                }),
            ),
            (
                json!({"eventType": "health_status_changed_event", "appId": app, "instanceId": "a_b.marathon-7", "alive": false}),
                Some(EventKind::Health {
                    id: container("a_b.7"),
                    health: HealthState::Unhealthy,
                }),
            ),
            (
                json!({"eventType": "health_status_changed_event", "appId": app, "instanceId": "a_b.instance-7", "alive": false}),
                Some(EventKind::App),
            ),
            (
                json!({"eventType": "app_terminated_event", "appId": app}),
                Some(EventKind::App),
            ),
            (
                json!({"eventType": "event_stream_attached", "remoteAddress": "::1"}),
                None,
            ),
            (json!({"eventType": "something_new", "appId": app}), None),
            (json!({"eventType": 7}), None),
            (json!([]), None),
        ] {
            let data = event.to_string();
            assert_eq!(of(&data).map(|event| event.kind), expected, "{data}");
        }
    }

    #[test]
    fn the_group_and_the_time_are_told() {
        let data = json!({
            "eventType": "app_terminated_event",
            "appId": "/theseus/ingestor/dev/r1",
            "timestamp": "2026-01-02T03:04:05.678Z",
        });
        let event = of(&data.to_string()).unwrap();
        assert_eq!(event.group.unwrap().to_string(), "ingestor:dev");
        assert_eq!(event.at.unwrap().to_string(), "2026-01-02T03:04:05.678Z");
        let data = json!({"eventType": "deployment_failed", "id": "d1", "timestamp": "once"});
        let event = of(&data.to_string()).unwrap();
        let id = OperationId("d1".to_owned());
        assert_eq!(
            event.kind,
            EventKind::Operation {
                id,
                succeeded: false
            }
        );
        assert_eq!((event.group, event.foreign, event.at), (None, None, None));
    }

    #[test]
    fn an_app_of_other_people_is_told_by_its_name() {
        let data = json!({"eventType": "app_terminated_event", "appId": "/shop/web"});
        let event = of(&data.to_string()).unwrap();
        let app = AppId("/shop/web".to_owned());
        assert_eq!((event.group, event.foreign), (None, Some(app)));
    }

    proptest! {
        #[test]
        fn any_text_may_be_an_event(data in ".{0,60}") {
            let _ = of(&data);
        }
    }
}
