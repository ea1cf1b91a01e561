//! The events of `/v2/events`.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::deployment::{Plan, PlanStep};
use super::task::{End, Task, TaskState};
use crate::behaviour;
use crate::path_id::PathId;
use crate::time::Stamp;
use crate::version::MarathonVersion;

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
    AddHealthCheckEvent {
        app_id: PathId,
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<Stamp>,
        health_check: Value,
    },
    ApiPostEvent {
        client_ip: String,
        uri: String,
        app_definition: Value,
    },
    AppTerminatedEvent {
        app_id: PathId,
    },
    DeploymentFailed {
        id: Arc<str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        plan: Option<Arc<Plan>>,
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
        #[serde(skip_serializing_if = "Option::is_none")]
        plan: Option<Arc<Plan>>,
    },
    EventStreamAttached {
        remote_address: String,
    },
    EventStreamDetached {
        remote_address: String,
    },
    FailedHealthCheckEvent {
        app_id: PathId,
        #[serde(flatten)]
        who: Who,
        health_check: Value,
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
        #[serde(flatten)]
        who: Who,
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
        task_status: &'static str,
        message: String,
        app_id: PathId,
        host: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        ip_addresses: Option<[IpAddress; 1]>,
        ports: Vec<u16>,
        version: Stamp,
    },
    UnknownInstanceTerminatedEvent {
        instance_id: Arc<str>,
        run_spec_id: PathId,
        condition: &'static str,
    },
    RemoveHealthCheckEvent {
        app_id: PathId,
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
    UnhealthyTaskKillEvent {
        app_id: PathId,
        task_id: Arc<str>,
        version: Stamp,
        reason: String,
        host: String,
        slave_id: String,
    },
}

/// Whom the news is of: a task, or since there are instances one of these.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Who {
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<Arc<str>>,
}

impl Who {
    pub(super) fn of(task: &Task) -> Self {
        Self {
            task_id: Some(Arc::clone(&task.id)),
            instance_id: Some(Arc::clone(&task.instance)),
        }
    }

    fn in_version(&mut self, version: MarathonVersion) {
        if version.has(behaviour::INSTANCES) {
            self.task_id = None;
        } else {
            self.instance_id = None;
        }
    }
}

impl EventBody {
    /// The event as `version` tells it, if it does.
    pub(super) fn in_version(mut self, version: MarathonVersion) -> Option<Self> {
        let known = match &self {
            Self::AppTerminatedEvent { .. } => version.has(behaviour::APP_TERMINATED_EVENT),
            Self::InstanceChangedEvent { .. } | Self::InstanceHealthChangedEvent { .. } => {
                version.has(behaviour::INSTANCES)
            }
            Self::UnhealthyInstanceKillEvent { .. } => version.has(behaviour::UNHEALTHY_KILL_EVENT),
            _ => true,
        };
        match &mut self {
            Self::StatusUpdateEvent { ip_addresses, .. }
                if !version.has(behaviour::IP_ADDRESSES) =>
            {
                *ip_addresses = None;
            }
            Self::HealthStatusChangedEvent { who, .. } => who.in_version(version),
            Self::FailedHealthCheckEvent { who, .. } => {
                who.in_version(version);
                if version.has(behaviour::FAILED_CHECK_MISNAMES) {
                    who.task_id = who.instance_id.take();
                }
            }
            Self::DeploymentSuccess { plan, .. } | Self::DeploymentFailed { plan, .. }
                if !version.has(behaviour::PLAN_AT_END) =>
            {
                *plan = None;
            }
            Self::AddHealthCheckEvent { version: told, .. }
                if !version.has(behaviour::HEALTH_CHECK_EVENT_VERSION) =>
            {
                *told = None;
            }
            _ => {}
        }
        let of_task = !version.has(behaviour::INSTANCES);
        known.then(|| if of_task { self.of_task() } else { self })
    }

    /// An event of an instance as one of its task, where there was such a one.
    fn of_task(self) -> Self {
        match self {
            Self::UnhealthyInstanceKillEvent {
                app_id,
                task_id,
                version,
                reason,
                host,
                slave_id,
                ..
            } => Self::UnhealthyTaskKillEvent {
                app_id,
                task_id,
                version,
                reason,
                host,
                slave_id,
            },
            other => other,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum TaskStatus {
    Now(TaskState),
    Ended(End),
}

impl TaskStatus {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Now(state) => state.name(),
            Self::Ended(end) => end.name(),
        }
    }

    pub(super) fn condition(self) -> &'static str {
        match self {
            Self::Now(state) => state.condition(),
            Self::Ended(end) => end.condition(),
        }
    }
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
            | EventBody::DeploymentSuccess { plan, .. } => plan.as_deref(),
            EventBody::DeploymentInfo { plan, .. }
            | EventBody::DeploymentStepSuccess { plan, .. } => Some(plan),
            _ => None,
        }
    }
}
