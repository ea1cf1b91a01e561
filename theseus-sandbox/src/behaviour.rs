//! Where the versions of Marathon differ, as data. Everything else asks
//! [`has`](MarathonVersion::has) and [`pick`](MarathonVersion::pick), and compares no versions.

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
