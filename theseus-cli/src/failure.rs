//! What goes wrong, as it reaches a person: one message, its causes, and what to do.

use std::process::ExitCode;

use theseus_core::causes::chain;
use theseus_core::cluster::ClusterError;
use theseus_core::engine::{AskError, CheckError, ControlError, EngineError, UnknownGroup};
use theseus_core::plan::RollbackError;
use theseus_core::registry::RegistryError;
use theseus_core::store::StoreError;
use theseus_marathon::ConfigError;

use crate::output::style;
use crate::proxy;

/// How the process ends. The numbers are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// All is done.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// The arguments or a manifest are wrong.
    Usage = 2,
    /// The former revision runs again.
    RolledBack = 3,
    /// Somebody else is at it, or the plan is out of date.
    Conflict = 4,
    /// Cluster or store are out of reach.
    OutOfReach = 5,
    /// `plan --exit-code` found changes.
    Changes = 10,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// A message for a person, and the exit code that goes with it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// A file that could not be read or written.
    pub(crate) fn file(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::usage(format!("cannot {doing} {}: {error}", path.display()))
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a hint where there is none.
    pub(crate) fn or_hint(mut self, hint: &str) -> Self {
        self.hint.get_or_insert_with(|| hint.to_owned());
        self
    }

    /// What went wrong, and what to do about it.
    pub(crate) fn into_parts(self) -> (String, Option<String>) {
        (self.message, self.hint)
    }

    /// Tells it on stderr.
    pub(crate) fn print(&self) {
        let (red, blue) = (style::BAD, style::NOTE);
        if !self.message.is_empty() {
            anstream::eprintln!("{red}error:{red:#} {}", self.message);
        }
        if let Some(hint) = &self.hint {
            anstream::eprintln!("{blue}help:{blue:#} {hint}");
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Cluster(error) => error.into(),
            EngineError::Store(error) => error.into(),
            error => Self::new(Code::Failed, chain(&error)),
        }
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Store(error) => error.into(),
            error => Self::new(Code::Failed, chain(&error)),
        }
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        let message = chain(&error);
        let hint = match error {
            ControlError::Engine(error) => return error.into(),
            ControlError::NothingUnderWay { group } => {
                format!("theseus history {group} tells how its last rollout ended")
            }
            ControlError::AlreadyHalted { group, .. } => format!(
                "theseus rollout resume {group} goes on, theseus rollout abort {group} takes it back"
            ),
            ControlError::AlreadyTurningBack { group, .. } => format!(
                "theseus rollout status {group} tells how far it is and who does it, \
                 theseus rollout resume {group} does it where nobody does"
            ),
            ControlError::NoCanaries { group } => {
                format!("theseus rollout status {group} tells what it waits for")
            }
            _ => return Self::new(Code::Failed, message),
        };
        Self::new(Code::Failed, message).hint(hint)
    }
}

impl From<UnknownGroup> for Failure {
    fn from(unknown: UnknownGroup) -> Self {
        let failure = Self::usage(unknown.to_string());
        match unknown.near {
            Some(near) => failure.hint(format!("did you mean {near}?")),
            None if unknown.nothing_there => failure.hint("nothing is deployed yet"),
            None => failure.hint("theseus status lists what is deployed"),
        }
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        let message = error.to_string();
        match error {
            AskError::Unknown(unknown) => unknown.into(),
            AskError::LostRecord { .. } => {
                Self::new(Code::Failed, message).hint("deploy its manifest again")
            }
            AskError::NoWayBack(error) => error.into(),
            AskError::NothingUnderWay { group } => ControlError::NothingUnderWay { group }.into(),
            AskError::Engine(error) => error.into(),
            _ => Self::new(Code::Failed, message),
        }
    }
}

impl From<RollbackError> for Failure {
    fn from(error: RollbackError) -> Self {
        let message = error.to_string();
        match error {
            RollbackError::Unknown { group, .. } => {
                Self::usage(message).hint(format!("theseus history {group} lists its revisions"))
            }
            RollbackError::NoHistory { group } => Self::new(Code::Failed, message)
                .hint(format!("theseus history {group} lists its revisions")),
            _ => Self::new(Code::Failed, message),
        }
    }
}

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Refused(faults) => Self::usage(faults.to_string()),
            CheckError::Cluster(error) => error.into(),
            error => Self::new(Code::Failed, chain(&error)),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let failure = Self::usage(chain(&error));
        match error {
            ConfigError::PlainHttp(_) => failure.hint(
                "write urls: [https://…] under marathon in mesos.yaml, or allow-plain-http: true to send them all the same",
            ),
            ConfigError::CredentialsInUrl(_) => failure.hint(
                "write user: and password-file: under marathon in mesos.yaml",
            ),
            ConfigError::Certificate(_) => failure.hint(
                "cert-file and key-file under marathon in mesos.yaml are PEM, and belong to each other",
            ),
            ConfigError::Authorities(_) => {
                failure.hint("ca-file under marathon in mesos.yaml is PEM")
            }
            _ => failure,
        }
    }
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        let message = chain(&error);
        match error {
            ClusterError::Untrusted { advice, .. } => {
                Self::new(Code::OutOfReach, message).hint(advice)
            }
            ClusterError::Unreachable { address, .. } => {
                Self::new(Code::OutOfReach, message).hint(format!(
                    "is it running, and does its address belong to it? try: curl {}/ping{}",
                    first(&address),
                    proxied(&address)
                ))
            }
            ClusterError::Denied { .. } => Self::new(Code::OutOfReach, message)
                .hint("check user and password-file, or the file of the token, under marathon in mesos.yaml"),
            ClusterError::Garbled { address, .. } => {
                Self::new(Code::OutOfReach, message).hint(format!(
                    "does the address under marathon in mesos.yaml belong to a Marathon?{}",
                    proxied(&address)
                ))
            }
            ClusterError::Unclear { .. } => Self::new(Code::OutOfReach, message).hint(
                "look with: theseus status; the same command again goes on where this one was",
            ),
            _ => Self::new(Code::Failed, message),
        }
    }
}

/// The first of the addresses that were tried.
fn first(addresses: &str) -> &str {
    let first = addresses.split(',').next().unwrap_or(addresses);
    first.trim().trim_end_matches('/')
}

/// That a proxy may be what answers, or does not, if so.
fn proxied(addresses: &str) -> String {
    proxy::before(first(addresses)).map_or_else(String::new, |variable| {
        format!(" {variable} is set: perhaps it is the proxy that answers; NO_PROXY goes past it")
    })
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let message = chain(&error);
        match error {
            StoreError::Unreachable { .. } => Self::new(Code::OutOfReach, message)
                .hint("is it running, and are its endpoints under etcd in mesos.yaml right?"),
            StoreError::Denied { .. } => Self::new(Code::OutOfReach, message)
                .hint("check user and password-file under etcd in mesos.yaml"),
            StoreError::Unclear { .. } => Self::new(Code::OutOfReach, message)
                .hint("the same command again goes on where this one was"),
            StoreError::Held { .. }
            | StoreError::Conflict { .. }
            | StoreError::LeaseLost { .. } => Self::new(Code::Conflict, message),
            _ => Self::new(Code::Failed, message),
        }
    }
}
