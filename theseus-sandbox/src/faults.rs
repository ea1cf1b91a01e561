//! Answers that go wrong on demand.

use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::lock;
use crate::millis;

/// What happens to certain requests instead of, or after, what should. In JSON:
/// `{"method": "PUT", "path": "/v2/apps", "times": 3, "action": {"status": 503}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpFault {
    /// Only requests with this method; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only requests whose path starts with this; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only this many requests; until cleared if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What happens to them.
    pub action: FaultAction,
}

/// How a request goes wrong. In JSON: `{"status": 503}`, `{"delay": 1500}` (milliseconds),
/// `"cutBody"`, `"dropConnection"` or `"loseRequest"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FaultAction {
    /// It is answered with this status and nothing is done.
    Status(u16),
    /// It is handled as it should be, but only after this time.
    #[serde(with = "millis")]
    Delay(Duration),
    /// It is handled, but the connection breaks half-way through the body of the answer.
    CutBody,
    /// It is handled, but the connection breaks before a byte is answered.
    DropConnection,
    /// It is not handled, and the connection breaks before a byte is answered.
    LoseRequest,
}

impl HttpFault {
    /// A fault of the next `times` requests of any kind.
    pub fn next(times: u32, action: FaultAction) -> Self {
        Self {
            method: None,
            path: None,
            times: Some(times),
            action,
        }
    }

    /// Only for requests with this method.
    #[must_use]
    pub fn with_method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Only for requests whose path starts with `prefix`.
    #[must_use]
    pub fn with_path(mut self, prefix: impl Into<String>) -> Self {
        self.path = Some(prefix.into());
        self
    }

    fn fits(&self, method: &str, path: &str) -> bool {
        self.times != Some(0)
            && self
                .method
                .as_ref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self
                .path
                .as_ref()
                .is_none_or(|prefix| path.starts_with(prefix))
    }
}

/// The faults in force; the first that fits a request is used up by one.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<HttpFault>>);

impl Faults {
    pub(crate) fn add(&self, fault: HttpFault) {
        lock(&self.0).push(fault);
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    pub(crate) fn all(&self) -> Vec<HttpFault> {
        lock(&self.0).clone()
    }

    pub(crate) fn strike(&self, method: &str, path: &str) -> Option<FaultAction> {
        let mut faults = lock(&self.0);
        let fault = faults.iter_mut().find(|fault| fault.fits(method, path))?;
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        let action = fault.action;
        faults.retain(|fault| fault.times != Some(0));
        Some(action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_strike_what_they_fit_and_are_used_up() {
        let faults = Faults::default();
        faults.add(
            HttpFault::next(1, FaultAction::Status(503))
                .with_method("put")
                .with_path("/v2/a"),
        );
        faults.add(
            HttpFault {
                times: None,
                ..HttpFault::next(0, FaultAction::CutBody)
            }
            .with_path("/b"),
        );
        assert_eq!(faults.strike("GET", "/v2/apps"), None);
        assert_eq!(
            faults.strike("PUT", "/v2/apps"),
            Some(FaultAction::Status(503))
        );
        assert_eq!(faults.strike("PUT", "/v2/apps"), None);
        assert_eq!(faults.strike("GET", "/b"), Some(FaultAction::CutBody));
        assert_eq!(faults.strike("GET", "/b"), Some(FaultAction::CutBody));
    }

    #[test]
    fn faults_read_from_json() {
        let delay: HttpFault = serde_json::from_str(r#"{"action":{"delay":20}}"#).unwrap();
        assert_eq!(delay.action, FaultAction::Delay(Duration::from_millis(20)));
        let cut: HttpFault = serde_json::from_str(r#"{"times":2,"action":"cutBody"}"#).unwrap();
        assert_eq!(cut, HttpFault::next(2, FaultAction::CutBody));
        let lost: HttpFault = serde_json::from_str(r#"{"action":"loseRequest"}"#).unwrap();
        assert_eq!(lost.action, FaultAction::LoseRequest);
    }
}
