//! Where the versions of Marathon differ, as data. Everything else asks
//! [`has`](MarathonVersion::has) and [`pick`](MarathonVersion::pick), and compares no versions.

use std::time::Duration;

use crate::version::{MarathonVersion, v};

/// The versions that have something: one or two ranges, each without its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span([(MarathonVersion, MarathonVersion); 2]);

/// What holds from a version on, oldest first; the first row starts at 0.7.0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since<T: 'static>(pub(crate) &'static [(MarathonVersion, T)]);

const NEVER: MarathonVersion = v(u16::MAX, 0, 0);

const fn since(first: MarathonVersion) -> Span {
    between(first, NEVER)
}

const fn between(first: MarathonVersion, end: MarathonVersion) -> Span {
    Span([(first, end), (NEVER, NEVER)])
}

impl MarathonVersion {
    /// Whether this version has it.
    pub(crate) fn has(self, what: Span) -> bool {
        let mut ranges = what.0.into_iter();
        ranges.any(|(first, end)| first <= self && self < end)
    }

    /// What holds in this version.
    pub(crate) fn pick<T: Copy>(self, table: Since<T>) -> T {
        let mut rows = table.0.iter();
        let row = rows.rfind(|(first, _)| *first <= self);
        row.or(table.0.first()).expect("no table is empty").1
    }
}

// Endpoints.

pub(crate) const RESTART: Span = since(v(0, 7, 6));
pub(crate) const LEADER: Span = since(v(0, 8, 0));
pub(crate) const TASKS_DELETE: Span = since(v(0, 8, 1));
pub(crate) const EVENT_STREAM: Span = since(v(0, 9, 0));
pub(crate) const QUEUE_DELAY: Span = since(v(0, 10, 0));
/// PATCH of apps, and `partialUpdate`.
pub(crate) const PATCH: Span = since(v(1, 4, 0));

// Headers.

pub(crate) const NEVER_CACHED: Span = since(v(0, 8, 1));
pub(crate) const LEADER_HEADER: Span = since(v(0, 9, 0));
pub(crate) const DEPLOYMENT_HEADER: Span = since(v(1, 4, 0));

// Errors.

/// A path that is none is answered with 500 rather than 404.
pub(crate) const UNKNOWN_URI_IS_500: Span = since(v(1, 6, 486));
/// JSON that is none is told apart from what the parser says of it.
pub(crate) const INVALID_JSON: Span = since(v(0, 13, 0));
/// What has a wrong type is told with its place.
pub(crate) const SHAPE_DETAILS: Span = since(v(0, 11, 0));
/// What has a wrong type is refused like what makes no sense.
pub(crate) const SHAPE_IS_422: Span = since(v(1, 5, 0));
/// How a definition is refused that makes no sense.
pub(crate) const INVALID: Since<Invalid> = Since(&[
    (v(0, 7, 0), Invalid::Errors),
    (v(0, 9, 0), Invalid::Bean),
    (v(0, 14, 0), Invalid::Attributes),
    (v(1, 0, 0), Invalid::Paths),
]);

/// The body that names what is wrong with a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// `{"errors": [{"attribute", "error"}]}`
    Errors,
    /// The same, with a message.
    Bean,
    /// `{"message", "details": [{"attribute", "error"}]}`
    Attributes,
    /// `{"message", "details": [{"path", "errors"}]}`
    Paths,
}

// Endpoints that come and go.

pub(crate) const EVENT_SUBSCRIPTIONS: Span = between(v(0, 7, 0), v(1, 5, 0));
pub(crate) const ARTIFACTS: Span = between(v(0, 7, 0), v(1, 5, 0));
pub(crate) const SCHEMAS: Span = between(v(0, 8, 2), v(1, 8, 180));
pub(crate) const PLUGINS: Span = since(v(1, 0, 0));
pub(crate) const PODS: Span = since(v(1, 4, 0));
pub(crate) const PROMETHEUS: Span = since(v(1, 7, 50));
/// The shape of `/metrics`.
pub(crate) const METRICS: Since<Metrics> = Since(&[
    (v(0, 7, 0), Metrics::Dropwizard),
    (v(1, 5, 0), Metrics::Kamon),
    (v(1, 7, 149), Metrics::Dropwizard),
]);
/// What `DELETE /v2/leader` says.
pub(crate) const ABDICATED: Since<&str> = Since(&[
    (v(0, 7, 0), "Leadership abdicted"),
    (v(0, 9, 0), "Leadership abdicated"),
]);

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metrics {
    /// `{version, gauges, counters, histograms, meters, timers}`
    Dropwizard,
    /// `{start, end, counters, gauges, histograms, min-max-counters}`
    Kamon,
}

// Groups and versions.

/// Groups are shown with what is asked for, and their apps with what is known of them.
pub(crate) const GROUP_EMBED: Span = since(v(1, 0, 0));
pub(crate) const GROUP_DRY_RUN: Span = since(v(0, 8, 1));
/// A group may say that its apps have to take its role.
pub(crate) const ENFORCE_ROLE: Span = since(v(1, 9, 0));
/// A change of a group restarts every app in it, changed or not.
pub(crate) const GROUP_CHANGE_RESTARTS: Span = between(v(0, 7, 0), v(0, 11, 1));
/// A group is not created where an app is.
pub(crate) const GROUP_YIELDS_TO_APP: Span = since(v(1, 0, 0));
/// A group of apps that is none is told from one without apps.
pub(crate) const UNKNOWN_GROUP_OF_APPS: Span = since(v(1, 0, 0));
/// Versions that are kept.
pub(crate) const KEPT_VERSIONS: Since<usize> = Since(&[(v(0, 7, 0), 25), (v(1, 4, 0), 50)]);

// The queue.

pub(crate) const QUEUE_OVERDUE: Span = since(v(0, 8, 1));
pub(crate) const QUEUE_TIME_LEFT: Span = since(v(0, 10, 0));
/// Since when an app waits, and how the offers fared that it has seen.
pub(crate) const QUEUE_OFFERS: Span = since(v(1, 4, 0));
pub(crate) const QUEUE_ROLE: Span = since(v(1, 9, 0));

// Kills, readiness and loss.

/// Who goes first when an app has too many tasks.
pub(crate) const KILL_RULE: Since<KillRule> = Since(&[
    (v(0, 7, 0), KillRule::Newest),
    (v(0, 10, 0), KillRule::Balanced),
    (v(1, 4, 0), KillRule::LeastStarted),
]);

/// Who goes first when an app has too many tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KillRule {
    /// The newest.
    Newest,
    /// Of the fullest group of a `GROUP_BY` constraint, the newest.
    Balanced,
    /// Of that group the one least far started, then as the app's `killSelection` has it.
    LeastStarted,
}

/// Deployments wait for readiness checks, and tell their results.
pub(crate) const READINESS: Span = since(v(1, 1, 0));
/// What becomes of a task whose host is gone.
pub(crate) const LOSS: Since<Loss> = Since(&[
    (v(0, 7, 0), Loss::Gone),
    (v(0, 15, 4), Loss::Listed(Duration::from_secs(24 * 3600))),
    (v(1, 3, 0), Loss::Listed(Duration::from_secs(75))),
    (v(1, 4, 0), Loss::Strategy),
]);

/// What becomes of a task whose host is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It is lost, and replaced at once.
    Gone,
    /// It is replaced at once, and listed as lost for so long.
    Listed(Duration),
    /// As its app's `unreachableStrategy` has it.
    Strategy,
}
