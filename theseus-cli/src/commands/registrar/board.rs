//! What is known of a registrar that runs: for `/health` and `/metrics`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use theseus_core::registry::Happening;
use theseus_viewer::OpenMetrics;

use super::metrics::Metrics;

/// What is known of it.
pub(crate) struct Board {
    health: Mutex<Health>,
    metrics: Metrics,
}

/// How a registrar is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Health {
    pub(super) status: Role,
    /// Since when it is in this role.
    since: Timestamp,
    /// Who leads, where that is another one.
    leader: Option<String>,
    /// Whether the cluster tells what happens.
    attached: bool,
    /// The registry was seen to be true at this time.
    as_of: Option<Timestamp>,
    /// How many containers it holds.
    containers: usize,
    /// What keeps it from its work.
    pub(super) trouble: Option<Trouble>,
}

/// What a registrar does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Role {
    /// It has not yet found out whether it leads.
    Starting,
    /// It keeps the registry true.
    Leading,
    /// Another one does, and it is ready to take over.
    StandingBy,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Trouble {
    with: &'static str,
    message: String,
    since: Timestamp,
}

impl Health {
    /// Whether it can do its work.
    pub(super) fn is_well(&self) -> bool {
        self.status != Role::Starting && self.trouble.is_none()
    }
}

impl Board {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            health: Mutex::new(Health {
                status: Role::Starting,
                since: now,
                leader: None,
                attached: false,
                as_of: None,
                containers: 0,
                trouble: None,
            }),
            metrics: Metrics::new(),
        }
    }

    /// Takes note of what happened.
    pub(crate) fn note(&self, happening: &Happening, now: Timestamp) {
        self.metrics.note(happening);
        let mut health = self.lock();
        match happening {
            Happening::Leads => health.take(Role::Leading, now),
            Happening::StandsBy { holder } => {
                health.take(Role::StandingBy, now);
                health.leader = holder.as_ref().map(|holder| holder.by.clone());
                health.containers = 0;
                health.as_of = None;
            }
            Happening::Yielded { .. } => health.take(Role::Starting, now),
            Happening::Attached => health.attached = true,
            Happening::Detached => health.attached = false,
            Happening::Settled(settled) => {
                health.as_of = Some(settled.as_of);
                health.containers = settled.containers;
                health.trouble = None;
            }
            Happening::Trouble { with, message } => {
                let since = health.trouble.as_ref().map_or(now, |trouble| trouble.since);
                health.trouble = Some(Trouble {
                    with,
                    message: message.clone(),
                    since,
                });
            }
            _ => {}
        }
    }

    pub(super) fn health(&self) -> Health {
        self.lock().clone()
    }

    /// The metrics, as Prometheus reads them.
    pub(super) fn metrics(&self) -> OpenMetrics {
        self.metrics.render()
    }

    pub(super) fn is_in_trouble(&self) -> bool {
        self.lock().trouble.is_some()
    }

    /// Whether this is another trouble than the one that is known.
    pub(super) fn is_new_trouble(&self, message: &str) -> bool {
        let health = self.lock();
        health
            .trouble
            .as_ref()
            .is_none_or(|trouble| trouble.message != message)
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Health {
    fn take(&mut self, role: Role, now: Timestamp) {
        self.status = role;
        self.since = now;
        self.leader = None;
        self.attached = false;
        self.trouble = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_well_while_it_can_do_its_work() {
        let board = Board::new(Timestamp::UNIX_EPOCH);
        let trouble = Happening::Trouble {
            with: "store",
            message: "cannot reach the store".to_owned(),
        };
        let mut seen = Vec::new();
        for happening in [
            Happening::StandsBy { holder: None },
            trouble.clone(),
            Happening::Leads,
            trouble,
            Happening::Yielded { reason: "" },
        ] {
            board.note(&happening, Timestamp::UNIX_EPOCH);
            seen.push(board.health().is_well());
        }
        assert_eq!(seen, [true, false, true, false, false]);
        insta::assert_snapshot!(
            serde_json::to_string(&board.health()).unwrap(),
            @r#"{"status":"starting","since":"1970-01-01T00:00:00Z","leader":null,"attached":false,"as_of":null,"containers":0,"trouble":null}"#
        );
    }
}
