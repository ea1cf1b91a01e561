//! The Mesos agents: where each is, and what runs and ran there.
//!
//! The master tells where they are. What it says is taken for granted no more than anything else:
//! an agent is asked without credentials unless it is at Marathon's own address, and what another
//! machine calls `localhost` is not looked for here. Lists are kept for some seconds, so that who
//! reads a hundred logs asks each agent once.

mod state;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use crate::config::is_loopback;
use crate::failure::Failure;
use crate::hosts::{ask_agents, master};
use crate::http::{Http, Request};
use crate::wire::mesos;

pub(crate) use state::{Run, State};

/// How long a list is good.
const FRESH: Duration = Duration::from_secs(3);

/// Where an agent listens that does not say so.
const PORT: u16 = 5051;

/// An agent that can be asked.
#[derive(Debug)]
pub(crate) struct Agent {
    /// The name of its host.
    pub(crate) host: Arc<str>,
    pub(crate) http: Http,
    /// What it is called in its own paths: `slave(1)`.
    name: String,
    /// Which spelling of `/state` it understands.
    spelling: AtomicUsize,
    /// Whether its files are asked for in the old spelling.
    is_old: AtomicBool,
    state: Mutex<Kept<State>>,
}

/// Something that was told, and when.
type Kept<T> = Option<(Instant, Arc<T>)>;

fn fresh<T>(kept: Option<&(Instant, Arc<T>)>) -> Option<Arc<T>> {
    let (at, told) = kept?;
    (at.elapsed() < FRESH).then(|| Arc::clone(told))
}

/// All agents.
#[derive(Debug, Default)]
pub(crate) struct Agents {
    kept: Mutex<Kept<Vec<Arc<Agent>>>>,
}

impl Agents {
    /// The agents that the master knows.
    pub(crate) async fn all(&self, http: &Http) -> Result<Arc<Vec<Arc<Agent>>>, Failure> {
        // Whoever comes meanwhile waits for the same answer.
        let mut kept = self.kept.lock().await;
        if let Some(agents) = fresh(kept.as_ref()) {
            return Ok(agents);
        }
        let Some(master) = master(http).await? else {
            return Err(Failure::Garbled(
                "it does not tell where the Mesos master is".to_owned(),
            ));
        };
        let told = ask_agents(http, master.clone(), known).await?;
        let before = kept.take().map(|(_, agents)| agents);
        let before = before.iter().flat_map(|agents| agents.iter());
        let before: BTreeMap<String, &Arc<Agent>> =
            before.map(|agent| (agent.http.address(), agent)).collect();
        let agents = told.iter().filter_map(|told| {
            let agent = Agent::new(http, &master, told)?;
            // What is known of it is kept.
            let same = before.get(&agent.http.address());
            let same = same.filter(|before| before.host == agent.host);
            Some(same.map_or_else(|| Arc::new(agent), |before| Arc::clone(before)))
        });
        let agents = Arc::new(agents.collect::<Vec<_>>());
        *kept = Some((Instant::now(), Arc::clone(&agents)));
        Ok(agents)
    }

    /// The agents on this host.
    pub(crate) async fn on(&self, http: &Http, host: &str) -> Result<Vec<Arc<Agent>>, Failure> {
        let agents = self.all(http).await?;
        let here = agents.iter().filter(|agent| &*agent.host == host);
        Ok(here.cloned().collect())
    }
}

/// The agents in the answer to `GET /slaves`.
fn known(body: &[u8]) -> serde_json::Result<Vec<mesos::Agent>> {
    let told: mesos::Agents = serde_json::from_slice(body)?;
    let agents = told.slaves.into_iter();
    Ok(agents
        .filter_map(crate::wire::read::Lenient::sound)
        .collect())
}

impl Agent {
    fn new(http: &Http, master: &Url, told: &mesos::Agent) -> Option<Self> {
        let (name, url) = address(master, told)?;
        Some(Self {
            host: told.hostname.as_str().into(),
            http: http.elsewhere(url).ok()?,
            name,
            spelling: AtomicUsize::new(0),
            is_old: AtomicBool::new(false),
            state: Mutex::new(None),
        })
    }

    /// Whether paths were spelled as files when something was last found there: before Mesos 1.0.
    pub(crate) fn is_old(&self) -> bool {
        self.is_old.load(Ordering::Relaxed)
    }

    pub(crate) fn spells_as_file(&self, is_old: bool) {
        self.is_old.store(is_old, Ordering::Relaxed);
    }

    /// What runs and ran there, as of a few seconds ago.
    pub(crate) async fn state(&self) -> Result<Arc<State>, Failure> {
        let mut kept = self.state.lock().await;
        if let Some(state) = fresh(kept.as_ref()) {
            return Ok(state);
        }
        let state = Arc::new(self.ask_state().await?);
        *kept = Some((Instant::now(), Arc::clone(&state)));
        Ok(state)
    }

    async fn ask_state(&self) -> Result<State, Failure> {
        let paths = [
            "/state".to_owned(),
            "/state.json".to_owned(),
            format!("/{}/state", self.name),
            format!("/{}/state.json", self.name),
        ];
        let first = self.spelling.load(Ordering::Relaxed);
        let mut unknown = Failure::Garbled("it knows no path to its state".to_owned());
        for (index, path) in paths
            .iter()
            .enumerate()
            .cycle()
            .skip(first)
            .take(paths.len())
        {
            match self.http.find(&Request::get(path), state::read).await {
                Ok(Some(state)) => {
                    self.spelling.store(index, Ordering::Relaxed);
                    return Ok(state);
                }
                Ok(None) => {}
                Err(failure @ (Failure::Garbled(_) | Failure::Refused(_))) => unknown = failure,
                Err(failure) => return Err(failure),
            }
        }
        Err(unknown)
    }
}

/// What an agent is called in its own paths, and where it is.
pub(crate) fn address(master: &Url, told: &mesos::Agent) -> Option<(String, Url)> {
    let (name, place) = match told.pid.as_deref().and_then(|pid| pid.split_once('@')) {
        Some((name, place)) => (name, place.to_owned()),
        None => ("slave(1)", format!("{}:{PORT}", told.hostname)),
    };
    let url = |place: &str| Url::parse(&format!("{}://{place}/", master.scheme())).ok();
    let mut url = url(&place).filter(is_bare)?;
    if is_loopback(&url) && !is_loopback(master) {
        // So it calls itself; others call it by its name.
        url.set_host(Some(&told.hostname)).ok()?;
        if is_loopback(&url) {
            return None;
        }
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "()-_.".contains(c);
    let name = if name.chars().all(is_plain) {
        name
    } else {
        "slave(1)"
    };
    Some((name.to_owned(), url))
}

/// Whether an address is a host and a port, and nothing else.
fn is_bare(url: &Url) -> bool {
    let has_more = url.query().is_some() || url.fragment().is_some() || url.path() != "/";
    url.has_host() && url.username().is_empty() && url.password().is_none() && !has_more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_agent_is() {
        for (master, pid, expected) in [
            (
                "http://m:5050",
                Some("slave(1)@10.0.0.1:5051"),
                Some("slave(1) http://10.0.0.1:5051/"),
            ),
            (
                "https://m:5050",
                Some("slave(2)@[fe80::1]:5052"),
                Some("slave(2) https://[fe80::1]:5052/"),
            ),
            ("http://m:5050", None, Some("slave(1) http://h1:5051/")),
            // What another machine calls itself.
            (
                "http://m:5050",
                Some("slave(1)@127.0.0.1:5051"),
                Some("slave(1) http://h1:5051/"),
            ),
            (
                "http://localhost:5050",
                Some("slave(1)@127.0.0.1:7000"),
                Some("slave(1) http://127.0.0.1:7000/"),
            ),
            // Nonsense.
            (
                "http://m:5050",
                Some("../x@10.0.0.1:5051"),
                Some("slave(1) http://10.0.0.1:5051/"),
            ),
            ("http://m:5050", Some("slave(1)@u:p@evil:80"), None),
            ("http://m:5050", Some("slave(1)@h:80/path?x"), None),
            ("http://m:5050", Some("slave(1)@"), None),
        ] {
            let told = serde_json::json!({"hostname": "h1", "pid": pid});
            let told: mesos::Agent = serde_json::from_value(told).unwrap();
            let found = address(&master.parse().unwrap(), &told);
            let found = found.map(|(name, url)| format!("{name} {url}"));
            assert_eq!(found.as_deref(), expected, "{master} {pid:?}");
        }
        let told = serde_json::json!({"hostname": "localhost", "pid": "slave(1)@127.0.0.1:5051"});
        let told: mesos::Agent = serde_json::from_value(told).unwrap();
        assert!(address(&"http://m:5050".parse().unwrap(), &told).is_none());
    }
}
