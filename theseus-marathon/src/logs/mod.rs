//! What tasks write, from the files that their Mesos agents show.
//!
//! `files` says which files hold an output, `text` makes bytes of what an agent answers, and `track`
//! decides what is read next; none of them makes a request. `sandbox` does, `start` finds where to
//! begin, `gunzip` unpacks what was compressed, and `follow` brings all of it together: one
//! look a second at a directory in which nothing happens, and else as many reads as there is to read.

mod files;
mod follow;
mod gunzip;
mod place;
mod sandbox;
mod start;
mod text;
mod track;

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use theseus_core::cluster::{
    AppId, ClusterError, ContainerId, Ended, EndedContainer, LogRequest, Logs, Tenant,
};

use crate::agents::{Agent, Agents, Run};
use crate::failure::{AGENT, ENGINE, Failure};
use crate::hosts::framework;
use crate::http::Http;
use crate::names;

/// How many agents are asked at the same time.
const AT_A_TIME: usize = 8;

/// What a container writes.
pub(crate) fn logs(
    http: &Arc<Http>,
    agents: &Arc<Agents>,
    container: &ContainerId,
    want: &LogRequest,
) -> Logs {
    let finder = Finder {
        http: Arc::clone(http),
        agents: Arc::clone(agents),
        container: container.clone(),
        host: want.host.clone(),
    };
    let follower = follow::Follower::new(finder, want);
    stream::unfold(follower, async |mut follower| {
        let piece = follower.next().await?;
        Some((piece, follower))
    })
    .boxed()
}

/// Looks for a task among the agents.
#[derive(Debug)]
struct Finder {
    http: Arc<Http>,
    agents: Arc<Agents>,
    container: ContainerId,
    host: Option<Arc<str>>,
}

/// What came of looking for a task.
#[derive(Debug)]
enum Search {
    Found(Arc<Agent>, Run),
    /// No agent that was asked knows it.
    Unknown,
    /// Not all agents could be asked that might know it.
    OutOfReach(Failure),
}

impl Finder {
    async fn find(&self) -> Search {
        let agents = match &self.host {
            Some(host) => self.agents.on(&self.http, host).await,
            None => self.agents.all(&self.http).await.map(|all| all.to_vec()),
        };
        let agents = match agents {
            Ok(agents) => agents,
            Err(failure) => return Search::OutOfReach(failure),
        };
        if let (Some(host), true) = (&self.host, agents.is_empty()) {
            let reason = format!("the Mesos master does not list the host {host}");
            return Search::OutOfReach(Failure::unreachable(reason));
        }
        let asked = agents.into_iter().map(|agent| async {
            let state = agent.state().await;
            let found = state.map(|state| state.runs.get(&self.container.0).cloned());
            (agent, found)
        });
        let mut asked = stream::iter(asked).buffer_unordered(AT_A_TIME);
        let mut search = Search::Unknown;
        while let Some((agent, found)) = asked.next().await {
            match found {
                Ok(Some(run)) => return Search::Found(agent, run),
                Ok(None) => {}
                Err(failure) => {
                    search = Search::OutOfReach(failure.at(&agent.host));
                }
            }
        }
        search
    }

    fn error(&self, failure: Failure) -> ClusterError {
        let address = match &self.host {
            Some(host) => host.to_string(),
            None => self.http.address(),
        };
        failure.into_error(AGENT, &address, |fault| fault.refusal(None))
    }

    fn gone(&self) -> ClusterError {
        ClusterError::Gone {
            what: match &self.host {
                Some(host) => format!("the log of {} on {host}", self.container),
                None => format!("the log of {}", self.container),
            },
        }
    }
}

/// Marathon's tasks that are over, as far as the agents still know them.
pub(crate) async fn ended(http: &Http, agents: &Agents) -> Result<Ended, Failure> {
    let (framework, agents) = tokio::join!(framework(http), agents.all(http));
    let (framework, agents) = (framework?, agents?);
    let asked = Vec::clone(&agents).into_iter().map(async |agent| {
        let state = agent.state().await;
        (agent, state)
    });
    let mut asked = stream::iter(asked).buffer_unordered(AT_A_TIME);
    let mut ended = Ended::default();
    while let Some((agent, state)) = asked.next().await {
        let state = match state {
            Ok(state) => state,
            Err(failure) => {
                let address = agent.http.address();
                let reason = failure.into_error(AGENT, &address, |it| it.refusal(None));
                ended
                    .silent
                    .push((Arc::clone(&agent.host), reason.to_string()));
                continue;
            }
        };
        let over = state.runs.iter().filter(|(_, run)| run.is_over);
        let ours =
            over.filter(|(_, run)| framework.as_ref().is_none_or(|ours| run.framework == *ours));
        ended
            .containers
            .extend(ours.filter_map(|(task, run)| over_there(task, run, &agent.host)));
    }
    let key = |it: &EndedContainer| (it.ended_at, it.id.clone());
    ended.containers.sort_by_cached_key(key);
    ended.silent.sort();
    Ok(ended)
}

/// A task whose id Marathon has given.
fn over_there(task: &str, run: &Run, host: &Arc<str>) -> Option<EndedContainer> {
    let app = app_of(task)?;
    let name = names::decode(&app);
    Some(EndedContainer {
        id: ContainerId(task.to_owned()),
        revision: name.as_ref().and_then(|name| name.revision),
        group: name.map(|name| name.group),
        app: AppId(app),
        host: Arc::clone(host),
        started_at: run.started,
        ended_at: run.ended,
    })
}

/// The app that a task was of, by its id: `theseus_web_dev_r1.<uuid>` and, in later versions,
/// `theseus_web_dev_r1.instance-<uuid>._app.1`.
fn app_of(task: &str) -> Option<String> {
    let mut marks = [".instance-", ".marathon-"].into_iter();
    let named = marks.find_map(|mark| task.split_once(mark));
    let (app, _) = named.or_else(|| task.rsplit_once('.'))?;
    let app = app.strip_prefix('/').unwrap_or(app);
    (!app.is_empty()).then(|| format!("/{}", app.replace('_', "/")))
}

/// Who runs things on a host besides Marathon.
pub(crate) async fn tenants(
    http: &Http,
    agents: &Agents,
    host: &str,
) -> Result<Vec<Tenant>, Failure> {
    let (framework, agents) = tokio::join!(framework(http), agents.on(http, host));
    let framework = framework?;
    let mut tenants = Vec::new();
    for agent in agents? {
        let state = agent.state().await?;
        let others = state.frameworks.iter().filter(|(id, name, tasks)| {
            let is_ours = match &framework {
                Some(ours) => id == ours,
                None => name == ENGINE,
            };
            !is_ours && *tasks > 0
        });
        tenants.extend(others.map(|(id, name, tasks)| Tenant {
            name: if name.is_empty() { id } else { name }.clone(),
            tasks: *tasks,
        }));
    }
    tenants.sort();
    Ok(tenants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_app_a_task_was_of() {
        for (task, expected) in [
            (
                "theseus_web_dev_r1.b8d1e0a2-77e5-11e6-a2b9-0242ac110002",
                Some("/theseus/web/dev/r1"),
            ),
            (
                "theseus_db_prod_r3.s0.b8d1e0a2-77e5-11e6-a2b9-0242ac110002",
                Some("/theseus/db/prod/r3.s0"),
            ),
            (
                "theseus_web_a.zz.b_r2.instance-b8d1e0a2-77e5-11e6-a2b9-0242ac110002._app.1",
                Some("/theseus/web/a.zz.b/r2"),
            ),
            ("web.marathon-b8d1e0a2", Some("/web")),
            ("nothing", None),
            (".x", None),
        ] {
            assert_eq!(app_of(task).as_deref(), expected, "{task}");
        }
    }
}
