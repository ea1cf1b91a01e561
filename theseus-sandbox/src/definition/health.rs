//! Health and readiness checks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AppSpec, nullable, number, number_or};

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

/// A question to a container, as its definition asks it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Probe {
    Http {
        port: u16,
        path: String,
    },
    Tcp {
        port: u16,
    },
    Command(String),
    /// It cannot be asked, and why.
    Impossible(&'static str),
}

impl HealthCheck {
    /// How long an answer may take.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.max(1).into())
    }

    /// What is asked of a task that has these ports.
    pub(crate) fn probe(&self, app: &AppSpec, ports: &[u16]) -> Probe {
        let by_index = || app.checked_port(self.port_index.unwrap_or(0), ports);
        let port = self.port.or_else(by_index);
        match (self.protocol, port) {
            (Protocol::Command, _) => {
                let command = self.command.as_ref();
                Probe::Command(command.map(|it| it.value.clone()).unwrap_or_default())
            }
            (Protocol::Https | Protocol::MesosHttps, _) => {
                Probe::Impossible("the sandbox checks HTTP, TCP and commands, not HTTPS")
            }
            (_, None) => Probe::Impossible("the checked port leads to no port of the host"),
            (Protocol::Http | Protocol::MesosHttp, Some(port)) => Probe::Http {
                port,
                path: self.path.clone().unwrap_or_else(|| "/".into()),
            },
            (Protocol::Tcp | Protocol::MesosTcp, Some(port)) => Probe::Tcp { port },
        }
    }

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

/// A readiness check, with all that was left out of it filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "ToldReadinessCheck")]
pub(crate) struct ReadinessCheck {
    http_status_codes_for_ready: Vec<u16>,
    interval_seconds: u32,
    name: String,
    path: String,
    port_name: String,
    preserve_last_response: bool,
    protocol: String,
    timeout_seconds: u32,
}

/// A readiness check as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldReadinessCheck {
    http_status_codes_for_ready: Option<Vec<u16>>,
    interval_seconds: Option<u32>,
    name: Option<String>,
    path: Option<String>,
    port_name: Option<String>,
    preserve_last_response: Option<bool>,
    protocol: Option<String>,
    timeout_seconds: Option<u32>,
}

impl From<ToldReadinessCheck> for ReadinessCheck {
    fn from(told: ToldReadinessCheck) -> Self {
        let or = |told: Option<String>, usual: &str| told.unwrap_or_else(|| usual.to_owned());
        Self {
            http_status_codes_for_ready: told
                .http_status_codes_for_ready
                .unwrap_or_else(|| vec![200]),
            interval_seconds: told.interval_seconds.unwrap_or(30),
            name: or(told.name, "readinessCheck"),
            path: or(told.path, "/"),
            port_name: or(told.port_name, "http-api"),
            preserve_last_response: told.preserve_last_response.unwrap_or_default(),
            protocol: or(told.protocol, "HTTP"),
            timeout_seconds: told.timeout_seconds.unwrap_or(10),
        }
    }
}

impl ReadinessCheck {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong with it in an app with ports of these names.
    pub(super) fn fault(&self, port_names: &[&str]) -> Option<String> {
        if self.timeout_seconds >= self.interval_seconds {
            return Some("timeoutSeconds must be less than intervalSeconds".into());
        }
        (!port_names.contains(&&*self.port_name)).then(|| {
            let port = &self.port_name;
            format!("portName must address an existing port definition, and `{port}` does not")
        })
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
        let codes = &self.http_status_codes_for_ready;
        if ready {
            return codes.first().copied().unwrap_or(200);
        }
        let is_no = |code: &u16| !codes.contains(code);
        [503, 500, 404, 400].into_iter().find(is_no).unwrap_or(599)
    }
}
