//! Where the tasks of apps listen, as lines of text for a proxy.

use std::fmt::Write;

use super::Cluster;
use super::task::{Task, TaskState};
use crate::behaviour;
use crate::definition::AppSpec;

impl Cluster {
    /// A line for each service port of each app with the places of its running tasks, or a line with
    /// their hosts for an app without ports.
    pub(crate) fn tasks_as_text<'a>(&'a self, apps: impl Iterator<Item = &'a AppSpec>) -> String {
        let without_addresses = self.version.has(behaviour::TEXT_WITHOUT_ADDRESSES);
        let mut text = String::new();
        for app in apps.filter(|app| !(without_addresses && app.has_address())) {
            // Writing to a string cannot fail.
            let _ = self.write_tasks(app, &mut text);
        }
        text
    }

    fn write_tasks(&self, app: &AppSpec, text: &mut String) -> std::fmt::Result {
        let id = app.id.task_prefix();
        let tasks = self.tasks_in(self.runs.get(&app.id));
        let running: Vec<&Task> = tasks.filter(|it| it.state == TaskState::Running).collect();
        let host = |task: &Task| &self.hosts[task.host].config.name;
        let ports = app.service_ports();
        if ports.is_empty() {
            let separator = self.version.pick(behaviour::TEXT_SEPARATOR);
            write!(text, "{id}\t \t")?;
            for task in &running {
                write!(text, "{}{separator}", host(task))?;
            }
            return writeln!(text);
        }
        for (index, service) in ports.iter().enumerate() {
            write!(text, "{id}\t{service}\t")?;
            for task in &running {
                if let Some(port) = task.ports.get(index) {
                    write!(text, "{}:{port}\t", host(task))?;
                }
            }
            writeln!(text)?;
        }
        Ok(())
    }
}
