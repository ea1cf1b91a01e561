//! Health and readiness checks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{nullable, number, number_or};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HealthCheck {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command: Option<Command>,
    #[serde(default = "number::<15>", deserialize_with = "number_or::<15, _>")]
    delay_seconds: u32,
    #[serde(default = "number::<300>", deserialize_with = "number_or::<300, _>")]
    grace_period_seconds: u32,
    #[serde(default, deserialize_with = "nullable")]
    ignore_http1xx: bool,
    #[serde(default = "number::<60>", deserialize_with = "number_or::<60, _>")]
    interval_seconds: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip_protocol: Option<String>,
    #[serde(default = "number::<3>", deserialize_with = "number_or::<3, _>")]
    pub(crate) max_consecutive_failures: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port_index: Option<usize>,
    #[serde(default, deserialize_with = "nullable")]
    protocol: Protocol,
    #[serde(default = "number::<20>", deserialize_with = "number_or::<20, _>")]
    timeout_seconds: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Command {
    value: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Protocol {
    #[default]
    Http,
    Https,
    Tcp,
    Command,
    MesosHttp,
    MesosHttps,
    MesosTcp,
}

impl HealthCheck {
    pub(crate) fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_period_seconds.into())
    }

    /// Time between two checks; never zero, so that a timer always moves on.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_seconds.max(1).into())
    }

    /// Points a check that names no port at the first one.
    pub(super) fn settle_port(&mut self, has_ports: bool) {
        let by_port = self.protocol != Protocol::Command;
        if by_port && has_ports && self.port.is_none() && self.port_index.is_none() {
            self.port_index = Some(0);
        }
    }

    pub(super) fn is_by_mesos(&self) -> bool {
        matches!(
            self.protocol,
            Protocol::MesosHttp | Protocol::MesosHttps | Protocol::MesosTcp
        )
    }

    /// The port index, where it means anything.
    pub(super) fn index(&self) -> Option<usize> {
        self.port_index
            .filter(|_| self.protocol != Protocol::Command)
    }

    pub(super) fn fault(&self) -> Option<&'static str> {
        match (self.protocol, &self.command) {
            (Protocol::Command, None) => Some("a COMMAND check needs a command"),
            (Protocol::Command, Some(_)) | (_, None) => None,
            (_, Some(_)) => Some("command is only for COMMAND checks"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadinessCheck {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    http_status_codes_for_ready: Option<Vec<u16>>,
    #[serde(default = "number::<30>", deserialize_with = "number_or::<30, _>")]
    interval_seconds: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port_name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    preserve_last_response: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(default = "number::<10>", deserialize_with = "number_or::<10, _>")]
    timeout_seconds: u32,
}

impl ReadinessCheck {
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("readinessCheck")
    }

    /// Time between two checks; never zero.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_seconds.max(1).into())
    }

    /// Whether the answer to the last check is told.
    pub(crate) fn tells_answer(&self) -> bool {
        self.preserve_last_response
    }

    /// The status of an answer that means so.
    pub(crate) fn status(&self, ready: bool) -> u16 {
        let codes = self
            .http_status_codes_for_ready
            .as_deref()
            .unwrap_or(&[200]);
        if ready {
            return codes.first().copied().unwrap_or(200);
        }
        let is_no = |code: &u16| !codes.contains(code);
        [503, 500, 404, 400].into_iter().find(is_no).unwrap_or(599)
    }
}
