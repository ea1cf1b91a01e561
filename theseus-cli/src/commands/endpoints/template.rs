//! What a template makes of endpoints.
//!
//! A template sees `containers`, those that do their work, each with its `ports` by name, and
//! `endpoints`, one for each port that is meant. A name that it misspells is an error, not an empty
//! text.

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, context};
use serde::Serialize;
use theseus_core::causes::chain;
use theseus_core::cluster::Revision;
use theseus_core::model::{GroupId, Label};
use theseus_core::registry::ContainerRecord;

use super::all;
use crate::failure::{Code, Failure};

/// No template is larger.
const MAX_BYTES: u64 = 1 << 20;
const NAME: &str = "template";

/// A template that is understood.
#[derive(Debug)]
pub(super) struct Template {
    environment: Environment<'static>,
    path: String,
}

/// A container as a template sees it.
#[derive(Serialize)]
struct Container<'a> {
    group: &'a GroupId,
    service: &'a str,
    labels: Vec<&'a str>,
    id: &'a str,
    revision: Revision,
    slot: Option<u32>,
    host: Option<&'a Arc<str>>,
    ports: &'a IndexMap<String, u16>,
    image: Option<&'a Arc<str>>,
}

impl Template {
    /// Reads a template.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let read = || {
            if std::fs::metadata(path)?.len() > MAX_BYTES {
                return Err(std::io::Error::other("it is too large for a template"));
            }
            std::fs::read_to_string(path)
        };
        let text = read().map_err(|error| Failure::file("read", path, &error))?;
        Self::new(text, &path.display().to_string())
    }

    fn new(text: String, path: &str) -> Result<Self, Failure> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_keep_trailing_newline(true);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        let template = Self {
            environment,
            path: path.to_owned(),
        };
        template.with(text)
    }

    fn with(mut self, text: String) -> Result<Self, Failure> {
        match self.environment.add_template_owned(NAME, text) {
            Ok(()) => Ok(self),
            Err(error) => Err(self.failure(&error, Code::Usage)),
        }
    }

    /// What it makes of these containers.
    pub(super) fn render(
        &self,
        containers: &[ContainerRecord],
        port: Option<&str>,
    ) -> Result<String, Failure> {
        let seen: Vec<Container<'_>> = containers.iter().map(Container::of).collect();
        let context = context! { containers => seen, endpoints => all(containers, port) };
        self.environment
            .get_template(NAME)
            .and_then(|template| template.render(context))
            .map_err(|error| self.failure(&error, Code::Failed))
    }

    fn failure(&self, error: &minijinja::Error, code: Code) -> Failure {
        let place = error
            .line()
            .map_or_else(String::new, |line| format!(":{line}"));
        let failure = Failure::new(code, format!("{}{place}: {}", self.path, chain(error)));
        if error.kind() == ErrorKind::UndefinedError {
            return failure.hint(
                "there are containers (group, service, labels, id, revision, slot, host, ports, image) and \
                 endpoints (address, host, port, number, group, container, revision)",
            );
        }
        failure
    }
}

impl<'a> Container<'a> {
    fn of(record: &'a ContainerRecord) -> Self {
        Self {
            group: &record.group,
            service: record.group.service.as_str(),
            labels: record.group.labels.iter().map(Label::as_str).collect(),
            id: &record.id.0,
            revision: record.revision,
            slot: record.slot,
            host: record.host.as_ref(),
            ports: &record.ports,
            image: record.image.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use theseus_core::cluster::{ContainerId, ContainerState, HealthState};

    use super::*;

    fn record(id: &str, host: &str) -> ContainerRecord {
        ContainerRecord {
            group: "web:canary,dev".parse().unwrap(),
            id: ContainerId(id.to_owned()),
            revision: 2,
            slot: None,
            host: Some(host.into()),
            ports: IndexMap::from([("api".to_owned(), 31005), ("ssh".to_owned(), 31006)]),
            container_ports: IndexMap::new(),
            state: ContainerState::Running,
            health: HealthState::Healthy,
            ready: true,
            since: Timestamp::UNIX_EPOCH,
            started_at: None,
            image: Some("web:2".into()),
        }
    }

    fn render(text: &str) -> Result<String, Failure> {
        let containers = [record("t.1", "a"), record("t.2", "fe80::1")];
        Template::new(text.to_owned(), "x.j2")?.render(&containers, Some("api"))
    }

    #[test]
    fn a_template_sees_containers_and_endpoints() {
        let text = "\
{% for e in endpoints %}
server {{ e.container }} {{ e.address }}
{% endfor %}
{% for c in containers %}
{{ c.service }} {{ c.labels|join('+') }} {{ c.host }} {{ c.ports.ssh }} {{ c.image }} r{{ c.revision }}
{% endfor %}
";
        assert_eq!(
            render(text).unwrap(),
            "server t.1 a:31005\nserver t.2 [fe80::1]:31005\n\
             web canary+dev a 31006 web:2 r2\nweb canary+dev fe80::1 31006 web:2 r2\n"
        );
    }

    #[test]
    fn what_is_wrong_with_a_template_is_told_with_its_line() {
        for (text, expected) in [
            ("a\n{% for %}", "x.j2:2: "),
            ("a\n\n{{ endpoint }}", "x.j2:3: undefined value"),
            ("{{ endpoints[0].prot }}", "x.j2:1: undefined value"),
        ] {
            let failure = format!("{:?}", render(text).unwrap_err());
            assert!(failure.contains(expected), "{failure}");
        }
    }
}
