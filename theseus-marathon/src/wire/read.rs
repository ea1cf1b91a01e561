//! What Marathon answers. Unknown fields are passed over and `null` counts as absent. Texts are
//! borrowed from the body where they hold no escapes, because a body can be tens of megabytes.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::tolerant::{Ports, Told, Whole};

/// A text out of the body. (serde borrows a bare `Cow` but not one inside an `Option`.)
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// A value, or what should be one: what is alien in one place spoils nothing around it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Lenient<T> {
    Sound(T),
    Alien(IgnoredAny),
}

impl<T> Lenient<T> {
    pub(crate) fn sound(self) -> Option<T> {
        match self {
            Self::Sound(value) => Some(value),
            Self::Alien(_) => None,
        }
    }
}

/// An app in the answer to `GET /v2/apps`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct App<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    #[serde(default)]
    pub(crate) instances: Whole,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) health_checks: Vec<Anything>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) deployments: Vec<Id<'a>>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) tasks: Vec<Task<'a>>,
    pub(crate) last_task_failure: Option<TaskFailure<'a>>,
    #[serde(default)]
    pub(crate) labels: Told,
    #[serde(default)]
    pub(crate) env: Told,
    pub(crate) constraints: Option<Lenient<Vec<Vec<Text<'a>>>>>,
    pub(crate) version: Option<Text<'a>>,
    pub(crate) version_info: Option<Lenient<VersionInfo<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VersionInfo<'a> {
    #[serde(borrow)]
    pub(crate) last_config_change_at: Option<Text<'a>>,
}

/// A value that is only counted.
#[derive(Debug)]
pub(crate) struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// An object of which only the id counts.
#[derive(Debug, Deserialize)]
pub(crate) struct Id<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Task<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    /// Only in `/v2/tasks`.
    pub(crate) app_id: Option<Text<'a>>,
    pub(crate) host: Option<Text<'a>>,
    #[serde(default)]
    pub(crate) ports: Ports,
    pub(crate) staged_at: Option<Text<'a>>,
    pub(crate) started_at: Option<Text<'a>>,
    pub(crate) state: Option<Text<'a>>,
    pub(crate) version: Option<Text<'a>>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) health_check_results: Vec<Option<HealthResult<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HealthResult<'a> {
    pub(crate) alive: Option<bool>,
    #[serde(borrow)]
    pub(crate) first_success: Option<Text<'a>>,
    pub(crate) last_failure: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskFailure<'a> {
    #[serde(borrow)]
    pub(crate) task_id: Option<Text<'a>>,
    pub(crate) message: Option<Text<'a>>,
    pub(crate) host: Option<Text<'a>>,
    pub(crate) state: Option<Text<'a>>,
    pub(crate) timestamp: Option<Text<'a>>,
}

/// `GET /v2/info`
#[derive(Debug, Deserialize)]
pub(crate) struct Info {
    pub(crate) version: String,
    /// As `host:port`, where there is one.
    pub(crate) leader: Option<String>,
    /// What Mesos knows Marathon by.
    #[serde(rename = "frameworkId")]
    pub(crate) framework_id: Option<String>,
    #[serde(rename = "marathon_config")]
    pub(crate) config: Option<Lenient<InfoConfig>>,
}

/// How Marathon was started, and whom it has found.
#[derive(Debug, Deserialize)]
pub(crate) struct InfoConfig {
    /// The leading Mesos master; not known before Marathon has registered there.
    pub(crate) mesos_leader_ui_url: Option<String>,
}

/// What a change that was taken is answered with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Taken {
    pub(crate) deployment_id: Option<String>,
    /// Of a new app, which is answered with itself.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) deployments: Vec<Deploying>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Deploying {
    pub(crate) id: String,
}

/// The answer to `GET /v2/tasks`.
#[derive(Debug, Deserialize)]
pub(crate) struct Tasks<'a> {
    #[serde(borrow)]
    pub(crate) tasks: Vec<Task<'a>>,
}

/// The answer to `GET /v2/apps/{id}/versions`.
#[derive(Debug, Deserialize)]
pub(crate) struct Versions {
    pub(crate) versions: Vec<String>,
}

/// The events that are listened to, whatever their type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event<'a> {
    #[serde(borrow, rename = "eventType")]
    pub(crate) kind: Text<'a>,
    pub(crate) timestamp: Option<Text<'a>>,
    pub(crate) app_id: Option<Text<'a>>,
    pub(crate) task_id: Option<Text<'a>>,
    pub(crate) instance_id: Option<Text<'a>>,
    pub(crate) task_status: Option<Text<'a>>,
    pub(crate) alive: Option<bool>,
    pub(crate) id: Option<Text<'a>>,
}

pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
