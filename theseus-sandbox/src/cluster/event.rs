//! The events of `/v2/events`.

use std::sync::Arc;

use serde::Serialize;

use super::deployment::{Plan, PlanStep};
use super::task::{End, TaskState};
use crate::definition::{AppSpec, HealthCheck};
use crate::path_id::PathId;
use crate::time::Stamp;

#[derive(Debug, Serialize)]
pub(crate) struct Event {
    #[serde(flatten)]
    pub(super) body: EventBody,
    pub(super) timestamp: Stamp,
}

#[derive(Debug, Serialize)]
#[serde(
    tag = "eventType",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub(crate) enum EventBody {
    ApiPostEvent {
        client_ip: String,
        uri: String,
        app_definition: Arc<AppSpec>,
    },
    AppTerminatedEvent {
        app_id: PathId,
    },
    DeploymentFailed {
        id: Arc<str>,
        plan: Arc<Plan>,
    },
    DeploymentInfo {
        plan: Arc<Plan>,
        current_step: PlanStep,
    },
    DeploymentStepSuccess {
        plan: Arc<Plan>,
        current_step: PlanStep,
    },
    DeploymentSuccess {
        id: Arc<str>,
        plan: Arc<Plan>,
    },
    EventStreamAttached {
        remote_address: String,
    },
    EventStreamDetached {
        remote_address: String,
    },
    /// Its `taskId` holds an instance id; so it is in 1.5.
    FailedHealthCheckEvent {
        app_id: PathId,
        task_id: Arc<str>,
        health_check: HealthCheck,
    },
    GroupChangeFailed {
        group_id: PathId,
        version: Stamp,
        reason: String,
    },
    GroupChangeSuccess {
        group_id: PathId,
        version: Stamp,
    },
    HealthStatusChangedEvent {
        app_id: PathId,
        instance_id: Arc<str>,
        version: Stamp,
        alive: bool,
    },
    InstanceChangedEvent {
        instance_id: Arc<str>,
        condition: &'static str,
        run_spec_id: PathId,
        agent_id: String,
        host: String,
        run_spec_version: Stamp,
    },
    InstanceHealthChangedEvent {
        instance_id: Arc<str>,
        run_spec_id: PathId,
        run_spec_version: Stamp,
        healthy: Option<bool>,
    },
    SubscribeEvent {
        client_ip: String,
        callback_url: String,
    },
    UnsubscribeEvent {
        client_ip: String,
        callback_url: String,
    },
    StatusUpdateEvent {
        slave_id: String,
        task_id: Arc<str>,
        task_status: TaskStatus,
        message: String,
        app_id: PathId,
        host: String,
        ip_addresses: Vec<IpAddress>,
        ports: Vec<u16>,
        version: Stamp,
    },
    UnknownInstanceTerminatedEvent {
        instance_id: Arc<str>,
        run_spec_id: PathId,
        condition: &'static str,
    },
    UnhealthyInstanceKillEvent {
        app_id: PathId,
        task_id: Arc<str>,
        instance_id: Arc<str>,
        version: Stamp,
        reason: String,
        host: String,
        slave_id: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum TaskStatus {
    Now(TaskState),
    Ended(End),
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IpAddress {
    ip_address: Arc<str>,
    protocol: &'static str,
}

impl IpAddress {
    /// An address that stands for the host, since simulated hosts have none.
    pub(super) fn of_host(index: usize) -> Self {
        let (high, low) = (index / 250 % 250, index % 250 + 1);
        Self {
            ip_address: format!("10.0.{high}.{low}").into(),
            protocol: "IPv4",
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.ip_address
    }
}

impl Event {
    pub(crate) fn now(body: EventBody, now: Stamp) -> Self {
        Self {
            body,
            timestamp: now,
        }
    }

    /// The plan whose definitions `plan-format=light` leaves out.
    pub(crate) fn plan(&self) -> Option<&Plan> {
        match &self.body {
            EventBody::DeploymentFailed { plan, .. }
            | EventBody::DeploymentInfo { plan, .. }
            | EventBody::DeploymentStepSuccess { plan, .. }
            | EventBody::DeploymentSuccess { plan, .. } => Some(plan),
            _ => None,
        }
    }
}
