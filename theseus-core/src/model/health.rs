//! How to see whether a container is well.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// How to see whether a container is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Health {
    /// What is tried.
    #[serde(flatten)]
    pub probe: Probe,
    /// How long after the start failures do not count.
    #[serde(with = "duration")]
    pub grace: Duration,
    /// How often it is tried.
    #[serde(with = "duration")]
    pub interval: Duration,
    /// How long an answer may take.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// After how many failures in a row the container is killed; 0 for never.
    pub failures: u32,
}

impl Health {
    /// The check with the manifest's defaults.
    pub fn new(probe: Probe) -> Self {
        Self {
            probe,
            grace: Duration::from_secs(300),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(20),
            failures: 3,
        }
    }
}

/// What a health check tries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// A GET that must be answered with a status from 200 to 399.
    Http {
        /// The name of the port.
        port: String,
        /// The path.
        path: String,
    },
    /// A connection that must be accepted.
    Tcp {
        /// The name of the port.
        port: String,
    },
    /// A command that must exit with 0.
    Command(String),
}

impl Probe {
    /// The name of the port that is tried, if one is.
    pub fn port(&self) -> Option<&str> {
        match self {
            Self::Http { port, .. } | Self::Tcp { port } => Some(port),
            Self::Command(_) => None,
        }
    }
}
