//! What Prometheus is told: of the viewer itself, and of the groups as it sees them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use theseus_core::status::Condition;
use tokio::time::Instant;

use crate::openmetrics::{OpenMetrics, Seconds, signed};
use crate::routes::App;
use crate::view::View;

/// The bounds of what takes time, in seconds.
const SECONDS: [f64; 8] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 2.5, 10.0];

/// Why somebody was not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Denial {
    /// He asked for another host.
    Host,
    /// A page of another site asked.
    Origin,
    /// By a method that nothing here has.
    Method,
    /// Without a token or a session.
    NoToken,
    /// With another token.
    WrongToken,
    /// With too many of those.
    TooManyTries,
    /// For a change, of a viewer that only shows.
    ShowsOnly,
}

impl Denial {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Origin => "origin",
            Self::Method => "method",
            Self::NoToken => "no-token",
            Self::WrongToken => "wrong-token",
            Self::TooManyTries => "too-many-tries",
            Self::ShowsOnly => "shows-only",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    path: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct How {
    condition: &'static str,
}

/// The metrics of one viewer.
pub(crate) struct Metrics {
    registry: Registry,
    answers: Family<Answer, Counter>,
    answer_seconds: Histogram,
    denials: Family<Why, Counter>,
    streams: Gauge,
    sessions: Gauge,
    works: Gauge,
    as_of: Seconds,
    in_touch: Gauge,
    groups: Family<How, Gauge>,
    running: Gauge,
    healthy: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("theseus");
        let metrics = Self {
            registry: Registry::default(),
            answers: Family::default(),
            answer_seconds: Histogram::new(SECONDS),
            denials: Family::default(),
            streams: Gauge::default(),
            sessions: Gauge::default(),
            works: Gauge::default(),
            as_of: Seconds::default(),
            in_touch: Gauge::default(),
            groups: Family::default(),
            running: Gauge::default(),
            healthy: Gauge::default(),
        };
        let own = registry.sub_registry_with_prefix("viewer");
        own.register("answers", "Answers to requests", metrics.answers.clone());
        own.register_with_unit(
            "answer",
            "How long it takes until an answer begins",
            Unit::Seconds,
            metrics.answer_seconds.clone(),
        );
        own.register(
            "denials",
            "Requests that were refused before anything was done",
            metrics.denials.clone(),
        );
        own.register(
            "streams",
            "Live pages that are open",
            metrics.streams.clone(),
        );
        own.register(
            "sessions",
            "Browsers that are signed in",
            metrics.sessions.clone(),
        );
        own.register(
            "deploys",
            "Deploys that are carried out",
            metrics.works.clone(),
        );
        own.register_with_unit(
            "as_of_timestamp",
            "When what is shown was seen",
            Unit::Seconds,
            metrics.as_of.clone(),
        );
        own.register(
            "in_touch",
            "Whether the last look at cluster and store succeeded",
            metrics.in_touch.clone(),
        );
        own.register("groups", "Groups, by how they are", metrics.groups.clone());
        own.register("running", "Containers that run", metrics.running.clone());
        own.register(
            "healthy",
            "Containers that do their work",
            metrics.healthy.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }

    pub(crate) fn denied(&self, why: Denial) {
        let reason = why.as_str();
        self.denials.get_or_create(&Why { reason }).inc();
    }

    fn look(&self, view: &View) {
        self.in_touch.set(i64::from(view.trouble.is_none()));
        let Some(known) = &view.known else {
            return;
        };
        self.as_of
            .set(known.observed_at.as_duration().as_secs_f64());
        let mut conditions: BTreeMap<Condition, i64> = BTreeMap::new();
        let (mut running, mut healthy) = (0, 0);
        for group in &known.status.groups {
            *conditions.entry(group.condition()).or_default() += 1;
            running += i64::from(group.running);
            healthy += i64::from(group.healthy);
        }
        self.groups.clear();
        for (condition, count) in conditions {
            let condition = condition.as_str();
            self.groups.get_or_create(&How { condition }).set(count);
        }
        self.running.set(running);
        self.healthy.set(healthy);
    }
}

/// Counts an answer.
pub(crate) async fn count(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    // What is asked for that there is not is not for a label.
    let path = path.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let began = Instant::now();
    let response = next.run(request).await;
    metrics
        .answer_seconds
        .observe(began.elapsed().as_secs_f64());
    let status = response.status().as_u16();
    metrics
        .answers
        .get_or_create(&Answer { path, status })
        .inc();
    response
}

/// `GET /metrics`
pub(crate) async fn show(State(app): State<App>) -> OpenMetrics {
    let metrics = &app.metrics;
    metrics.look(&app.viewer.view());
    metrics.streams.set(signed(app.viewer.streams()));
    metrics.sessions.set(signed(app.gate.sessions()));
    metrics.works.set(signed(app.works.under_way()));
    OpenMetrics::from(&metrics.registry)
}
