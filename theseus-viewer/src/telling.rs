//! Telling whoever looks after the viewer who was refused. Whoever is refused at will fills no disk
//! with it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::Method;

use crate::metrics::Denial;

/// How much of a path is told, in characters.
const LONGEST_PATH: usize = 200;

/// So much is told within so long.
const MOST: u32 = 60;
const SPAN: Duration = Duration::from_secs(60);

/// What somebody attempt for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) from: Option<IpAddr>,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
}

impl<'a> Attempt<'a> {
    pub(crate) fn by(request: &'a Request, from: Option<IpAddr>) -> Self {
        Self {
            from,
            method: request.method(),
            path: request.uri().path(),
        }
    }
}

/// What was told lately.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    since: Option<Instant>,
    told: u32,
    left_out: u64,
}

impl Telling {
    /// Tells that this was refused.
    pub(crate) fn refused(&mut self, why: Denial, attempt: Attempt<'_>, now: Instant) {
        let Some(left_out) = self.one(now) else {
            return;
        };
        if left_out > 0 {
            tracing::warn!(left_out, "more requests were refused than are told");
        }
        let from = attempt.from.map(|it| it.to_string());
        tracing::warn!(
            from = from.as_deref().unwrap_or("somewhere"),
            method = attempt.method.as_str(),
            path = short(attempt.path),
            why = why.as_str(),
            "a request was refused"
        );
    }

    /// Whether one more is told now; if so, how many were left out before it.
    fn one(&mut self, now: Instant) -> Option<u64> {
        let is_new = self
            .since
            .is_none_or(|since| now.saturating_duration_since(since) >= SPAN);
        if is_new {
            self.since = Some(now);
            self.told = 0;
        }
        if self.told >= MOST {
            self.left_out += 1;
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

fn short(path: &str) -> &str {
    let end = path.char_indices().nth(LONGEST_PATH);
    end.map_or(path, |(at, _)| &path[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_much_is_told_and_then_how_much_was_not() {
        let (start, mut telling) = (Instant::now(), Telling::default());
        let told = (0..1000).filter(|_| telling.one(start).is_some()).count();
        assert_eq!(told, 60);
        assert_eq!(telling.one(start + SPAN), Some(940));
        assert_eq!(telling.one(start + SPAN), Some(0));
    }
}
