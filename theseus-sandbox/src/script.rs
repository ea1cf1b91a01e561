//! Scripted behaviour: which tasks are slow, sick or short-lived.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::millis;

/// How the tasks of certain apps behave in the simulated runtime. What a script does not say goes
/// as in [`SandboxConfig`](crate::SandboxConfig). In JSON durations are milliseconds:
/// `{"image": "flask:2", "neverHealthy": true, "exit": {"afterMs": 500, "success": false}}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Script {
    /// Applies to images that contain this text; every image (and none) if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Applies to apps whose id starts with this; every app if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Applies to this many launches only; to all if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// From launch to running.
    #[serde(
        rename = "startDelayMs",
        with = "millis::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub start_delay: Option<Duration>,
    /// From running to the first result of the health checks.
    #[serde(
        rename = "healthDelayMs",
        with = "millis::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub health_delay: Option<Duration>,
    /// Health checks fail from the beginning.
    pub never_healthy: bool,
    /// From running until the readiness checks find the task ready.
    #[serde(
        rename = "readyDelayMs",
        with = "millis::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub ready_delay: Option<Duration>,
    /// Readiness checks never find the task ready.
    pub never_ready: bool,
    /// The task fails when it should begin to run.
    pub fail_start: bool,
    /// From one request that the task answers, and writes down, to the next: a second, if absent.
    #[serde(
        rename = "logEveryMs",
        with = "millis::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub log_every: Option<Duration>,
    /// Requests that it has written down already when it begins to run, as if it had run before.
    pub log_backlog: u64,
    /// What the task writes when it begins to run, control characters and all; what is not ASCII
    /// becomes `?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_greeting: Option<String>,
    /// When what the task says is rotated: after 8,192 requests, and one former file is kept, if
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_rotation: Option<Rotation>,
    /// The task ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
}

/// When a log is rotated: `stdout` becomes `stdout.1`, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotation {
    /// After so many requests; more than 0.
    pub lines: u64,
    /// How many former files are kept.
    pub keep: u32,
    /// Whether those from `stdout.2.gz` on are compressed.
    #[serde(default)]
    pub compress: bool,
}

impl Default for Rotation {
    fn default() -> Self {
        Self {
            lines: 8192,
            keep: 1,
            compress: false,
        }
    }
}

/// The end of a task by its own doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exit {
    /// From running to the end.
    #[serde(rename = "afterMs", with = "millis")]
    pub after: Duration,
    /// Whether it ends as `TASK_FINISHED` rather than `TASK_FAILED`.
    #[serde(default)]
    pub success: bool,
}

impl Script {
    /// A script for the images that contain `text`, to be filled in.
    pub fn for_image(text: impl Into<String>) -> Self {
        Self {
            image: Some(text.into()),
            ..Self::default()
        }
    }

    fn fits(&self, app: &str, image: Option<&str>) -> bool {
        let image_fits = |text: &String| image.is_some_and(|image| image.contains(text));
        self.times != Some(0)
            && self
                .app
                .as_ref()
                .is_none_or(|prefix| app.starts_with(prefix))
            && self.image.as_ref().is_none_or(image_fits)
    }
}

/// The script for one launch, which uses it up by one.
pub(crate) fn script_for(scripts: &mut [Script], app: &str, image: Option<&str>) -> Script {
    let Some(script) = scripts.iter_mut().find(|script| script.fits(app, image)) else {
        return Script::default();
    };
    if let Some(times) = &mut script.times {
        *times -= 1;
    }
    script.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fitting_script_decides_until_it_is_used_up() {
        let mut scripts = vec![
            Script {
                times: Some(1),
                fail_start: true,
                ..Script::for_image("flask")
            },
            Script {
                app: Some("/shop".into()),
                never_healthy: true,
                ..Script::default()
            },
        ];
        let mut launch = |app, image| script_for(&mut scripts, app, image);
        assert!(launch("/shop/cart", Some("x/flask:2")).fail_start);
        assert!(launch("/shop/cart", Some("x/flask:2")).never_healthy);
        assert_eq!(launch("/other", Some("x/flask:2")), Script::default());
        assert_eq!(launch("/other", None), Script::default());
    }

    #[test]
    fn scripts_read_from_json() {
        let json = r#"{"image":"a","startDelayMs":1500,"exit":{"afterMs":20}}"#;
        let script: Script = serde_json::from_str(json).unwrap();
        assert_eq!(script.start_delay, Some(Duration::from_millis(1500)));
        let exit = Exit {
            after: Duration::from_millis(20),
            success: false,
        };
        assert_eq!(script.exit, Some(exit));
        assert!(serde_json::from_str::<Script>(r#"{"imagee":"a"}"#).is_err());
    }
}
