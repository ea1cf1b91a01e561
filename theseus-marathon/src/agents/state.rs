//! From an agent's `/state` to what runs and ran there.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::wire::read::{Lenient, or_default};

/// The answer to `GET /state` of an agent, as far as it is used.
#[derive(Debug, Deserialize)]
struct Told {
    frameworks: Vec<Lenient<Framework>>,
    #[serde(default, deserialize_with = "or_default")]
    completed_frameworks: Vec<Lenient<Framework>>,
}

#[derive(Debug, Deserialize)]
struct Framework {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    executors: Vec<Lenient<Executor>>,
    #[serde(default, deserialize_with = "or_default")]
    completed_executors: Vec<Lenient<Executor>>,
}

#[derive(Debug, Deserialize)]
struct Executor {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    directory: String,
    #[serde(default, deserialize_with = "or_default")]
    queued_tasks: Vec<Lenient<Task>>,
    #[serde(default, deserialize_with = "or_default")]
    tasks: Vec<Lenient<Task>>,
    #[serde(default, deserialize_with = "or_default")]
    completed_tasks: Vec<Lenient<Task>>,
}

#[derive(Debug, Deserialize)]
struct Task {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    statuses: Vec<Lenient<Status>>,
}

#[derive(Debug, Deserialize)]
struct Status {
    state: String,
    timestamp: f64,
}

/// What runs and ran at an agent.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// By the task's id.
    pub(crate) runs: HashMap<String, Run>,
    /// The frameworks that run something there: id, name, and how many tasks.
    pub(crate) frameworks: Vec<(String, String, u32)>,
}

/// One task at an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// The framework that it is of.
    pub(crate) framework: String,
    /// Where its files are; empty where the agent does not tell.
    pub(crate) directory: String,
    pub(crate) is_over: bool,
    pub(crate) started: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
}

pub(super) fn read(body: &[u8]) -> serde_json::Result<State> {
    let told: Told = serde_json::from_slice(body)?;
    let mut state = State::default();
    let sound = |it: Vec<Lenient<Framework>>| it.into_iter().filter_map(Lenient::sound);
    for framework in sound(told.completed_frameworks) {
        state.add(framework);
    }
    for framework in sound(told.frameworks) {
        let id = framework.id.clone();
        let name = framework.name.clone();
        let tasks = state.add(framework);
        state.frameworks.push((id, name, tasks));
    }
    Ok(state)
}

impl State {
    /// Adds a framework's tasks; tells how many of them are there now. What runs counts more than
    /// what ran under the same id before, and what ran last more than what was earlier.
    fn add(&mut self, framework: Framework) -> u32 {
        let mut count = 0;
        let over = framework
            .completed_executors
            .into_iter()
            .map(|it| (it, true));
        let live = framework.executors.into_iter().map(|it| (it, false));
        for (executor, is_over) in over.chain(live) {
            let Some(executor) = executor.sound() else {
                continue;
            };
            let present = [(executor.tasks, is_over), (executor.queued_tasks, is_over)];
            let gone = [(executor.completed_tasks, true)];
            let mut names_itself = false;
            for (tasks, is_over) in gone.into_iter().chain(present) {
                for task in tasks.into_iter().filter_map(Lenient::sound) {
                    count += u32::from(!is_over);
                    names_itself |= task.id == executor.id;
                    let run = Run {
                        framework: framework.id.clone(),
                        directory: executor.directory.clone(),
                        is_over,
                        started: task.at(&["TASK_RUNNING"]),
                        ended: is_over.then(|| task.last()).flatten(),
                    };
                    self.runs.insert(task.id, run);
                }
            }
            // Agents that were restarted forget the tasks of an executor that is over.
            if !names_itself {
                let run = Run {
                    framework: framework.id.clone(),
                    directory: executor.directory,
                    is_over,
                    started: None,
                    ended: None,
                };
                self.runs.entry(executor.id).or_insert(run);
            }
        }
        count
    }
}

impl Task {
    /// When it first came to such a state.
    fn at(&self, states: &[&str]) -> Option<Timestamp> {
        let mut told = self.told().filter(|it| states.contains(&&*it.state));
        time(told.next()?.timestamp)
    }

    fn last(&self) -> Option<Timestamp> {
        time(self.told().last()?.timestamp)
    }

    fn told(&self) -> impl Iterator<Item = &Status> {
        self.statuses.iter().filter_map(|status| match status {
            Lenient::Sound(status) => Some(status),
            Lenient::Alien(_) => None,
        })
    }
}

fn time(seconds: f64) -> Option<Timestamp> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, and is then out of range"
    )]
    let millis = (seconds * 1000.0).round() as i64;
    Timestamp::from_millisecond(millis)
        .ok()
        .filter(|_| millis > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(told: &Value) -> State {
        super::read(told.to_string().as_bytes()).unwrap()
    }

    fn task(id: &str) -> Value {
        json!({"id": id, "statuses": [
            {"state": "TASK_STARTING", "timestamp": 1}, 7,
            {"state": "TASK_RUNNING", "timestamp": 2.5},
            {"state": "TASK_KILLED", "timestamp": 9.0},
        ]})
    }

    #[test]
    fn what_runs_and_what_ran() {
        let state = read(&json!({
            "frameworks": [{
                "id": "F1", "name": "marathon",
                "executors": [
                    {"id": "a.1", "directory": "/a1", "tasks": [task("a.1")]},
                    {"id": "own", "directory": "/own", "tasks": [task("b.1")], "queued_tasks": [task("b.2")], "completed_tasks": [task("b.0")]},
                    7, {"id": 7},
                ],
                "completed_executors": [
                    {"id": "a.0", "directory": "/a0", "completed_tasks": [task("a.0")]},
                    {"id": "a.1", "directory": "/old", "completed_tasks": [task("a.1")]},
                    {"id": "forgotten", "directory": "/f"},
                ],
            }, {"id": "F2", "name": "chronos", "executors": [{"id": "c", "tasks": [task("c")]}]}],
            "completed_frameworks": [{"id": "F0", "completed_executors": [{"id": "z", "directory": "/z"}]}],
        }));
        let told = |id: &str| {
            let run = &state.runs[id];
            (run.directory.as_str(), run.is_over)
        };
        for (id, expected) in [
            ("a.1", ("/a1", false)),
            ("a.0", ("/a0", true)),
            ("b.0", ("/own", true)),
            ("b.1", ("/own", false)),
            ("b.2", ("/own", false)),
            ("forgotten", ("/f", true)),
            ("c", ("", false)),
            ("z", ("/z", true)),
        ] {
            assert_eq!(told(id), expected, "{id}");
        }
        let times = |id: &str| (state.runs[id].started, state.runs[id].ended);
        let at = |millis| Timestamp::from_millisecond(millis).ok();
        assert_eq!(times("a.0"), (at(2500), at(9000)));
        assert_eq!(times("a.1"), (at(2500), None));
        let others: Vec<_> = state
            .frameworks
            .iter()
            .map(|it| (it.1.as_str(), it.2))
            .collect();
        assert_eq!(others, [("marathon", 3), ("chronos", 1)]);
    }

    #[test]
    fn what_is_no_state_is_refused() {
        for told in [json!({}), json!([]), json!({"frameworks": 7})] {
            assert!(super::read(told.to_string().as_bytes()).is_err(), "{told}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_may_be_an_answer(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = super::read(&body);
        }
    }
}
