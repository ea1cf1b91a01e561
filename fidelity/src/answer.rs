//! What came back: an answer to a request, or an event.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// An answer. An event is one, too: its body is the frame as it came, its JSON the data in it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) json: Option<Value>,
}

/// As much of a body as is shown.
const SHOWN: usize = 300;

impl Answer {
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        let json = serde_json::from_slice(&body).ok();
        Self {
            status,
            headers,
            body,
            json,
        }
    }

    pub(crate) fn event(frame: Bytes, data: Option<Value>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: frame,
            json: data,
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What stands at a path.
    pub(crate) fn at(&self, path: &str) -> Option<&Value> {
        at(self.json.as_ref()?, path)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        let shown: String = text.chars().take(SHOWN).collect();
        let more = if shown.len() < text.len() { "…" } else { "" };
        write!(f, "{} {}{more}", self.status.as_u16(), shown.trim_end())
    }
}

/// What stands at a path such as `/apps[id=/a/b]/tasks/0/id`: keys and indices after slashes, and in
/// brackets which item of a list is meant.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let Some(next) = path.chars().next() else {
        return Some(value);
    };
    if next == '[' {
        let (condition, rest) = path[1..].split_once(']')?;
        let (key, wanted) = condition.split_once('=')?;
        let items = value.as_array()?;
        let item = items.iter().find(|it| {
            at(it, &format!("/{}", key.replace('.', "/"))) == Some(&Value::from(wanted))
        });
        return at(item?, rest);
    }
    let rest = path.strip_prefix('/')?;
    let end = rest.find(['/', '[']).unwrap_or(rest.len());
    let (key, rest) = rest.split_at(end);
    let inner = match value {
        Value::Object(fields) => fields.get(key),
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    };
    at(inner?, rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let value = json!({"apps": [{"id": "/a"}, {"id": "/a/b", "tasks": [{"id": "t"}]}], "*": 1,
            "queue": [{"app": {"id": "/q"}, "count": 2}]});
        assert_eq!(at(&value, ""), Some(&value));
        assert_eq!(at(&value, "/apps[id=/a/b]/tasks/0/id"), Some(&json!("t")));
        assert_eq!(at(&value, "/queue[app.id=/q]/count"), Some(&json!(2)));
        assert_eq!(at(&value, "/*"), Some(&json!(1)));
        for nowhere in ["/apps[id=/c]", "/apps/7", "/apps/x", "/x/y", "apps", "/*/x"] {
            assert_eq!(at(&value, nowhere), None, "{nowhere}");
        }
    }
}
