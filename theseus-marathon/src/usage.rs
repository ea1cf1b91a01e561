//! What containers use, by the Mesos agents that run them.
//!
//! The master tells where the agents are. Each is asked by itself, once, without credentials unless
//! it is at Marathon's own address, and not for long: one that is out of reach is named, and the
//! others go on. What another machine calls `localhost` is not looked for here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::Timestamp;
use serde::Deserialize;
use theseus_core::cluster::{ContainerId, Reading, Silent, Usage};
use tokio::time::timeout;
use url::Url;

use crate::agents::address;
use crate::failure::Failure;
use crate::hosts::{ask_agents, framework, master};
use crate::http::{Http, Request};
use crate::wire::mesos::{Agent, Agents};
use crate::wire::read::{Lenient, or_default};

/// How many agents are asked at the same time.
const AT_A_TIME: usize = 64;
/// How long an agent may take in all.
const PATIENCE: Duration = Duration::from_secs(4);
/// The largest answer of one agent, in bytes: thousands of containers.
const LARGEST: usize = 8 << 20;
/// Before Mesos 1.0 everything was spelled as a file.
const SPELLINGS: [&str; 2] = ["/monitor/statistics", "/monitor/statistics.json"];

/// What containers use on these hosts, or on all.
pub(crate) async fn usage(
    http: &Http,
    hosts: Option<&BTreeSet<Arc<str>>>,
) -> Result<Usage, Failure> {
    let Some(master) = master(http).await? else {
        return Err(Failure::Garbled(
            "it does not tell where the Mesos master is".to_owned(),
        ));
    };
    let (framework, agents) =
        tokio::try_join!(framework(http), ask_agents(http, master.clone(), known))?;
    let wanted = agents
        .into_iter()
        .filter(|agent| hosts.is_none_or(|hosts| hosts.contains(agent.hostname.as_str())));
    let asked = wanted.map(|agent| {
        let (master, framework) = (&master, framework.as_deref());
        async move {
            let told = match address(master, &agent) {
                Some((_, url)) => ask(http, url).await,
                None => Err("the master does not tell where it is reached".to_owned()),
            };
            let host: Arc<str> = agent.hostname.into();
            told.map(|told| readings(&host, told, framework))
                .map_err(|reason| Silent { host, reason })
        }
    });
    let mut usage = Usage::default();
    let mut told = stream::iter(asked).buffer_unordered(AT_A_TIME);
    while let Some(told) = told.next().await {
        match told {
            Ok(readings) => usage.readings.extend(readings),
            Err(silent) => usage.silent.push(silent),
        }
    }
    // A host that has two agents is known as far as they tell.
    usage.silent.sort_by(|a, b| a.host.cmp(&b.host));
    usage.silent.dedup_by(|a, b| a.host == b.host);
    Ok(usage)
}

/// The agents in the answer to `GET /slaves` that the master has not lost.
fn known(body: &[u8]) -> serde_json::Result<Vec<Agent>> {
    let told: Agents = serde_json::from_slice(body)?;
    Ok(told.slaves.into_iter().filter_map(Lenient::sound).collect())
}

/// What an agent tells of its containers, or why it does not.
async fn ask(http: &Http, url: Url) -> Result<Vec<Lenient<Entry>>, String> {
    let agent = http
        .elsewhere(url)
        .map_err(|error| error.to_string())?
        .with_answers_up_to(LARGEST);
    let told = timeout(PATIENCE, async {
        let mut unknown = None;
        for path in SPELLINGS {
            // Hundreds of connections that wait for the next time would take more memory than all that
            // is told.
            match agent.probe(&Request::get(path).closing(), entries).await {
                Ok((_, told)) => return Ok(told),
                Err(failure @ (Failure::Gone(_) | Failure::Garbled(_) | Failure::Refused(_))) => {
                    unknown.get_or_insert(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(unknown.unwrap_or_else(|| Failure::unreachable("there is no path to ask for")))
    });
    match told.await {
        Ok(told) => told.map_err(|failure| failure.reason()),
        Err(_) => Err(format!("it does not answer within {PATIENCE:?}")),
    }
}

/// What an agent tells of one container.
#[derive(Debug, Deserialize)]
struct Entry {
    /// Of what Marathon runs the same as the task's id.
    executor_id: String,
    framework_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    statistics: Statistics,
}

/// Whatever is missing or no number is not known.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Statistics {
    timestamp: Number,
    cpus_limit: Number,
    cpus_user_time_secs: Number,
    cpus_system_time_secs: Number,
    cpus_throttled_time_secs: Number,
    mem_limit_bytes: Number,
    mem_rss_bytes: Number,
    mem_anon_bytes: Number,
    mem_total_bytes: Number,
}

/// A number that is none less than nothing, or whatever stands in its place.
#[derive(Debug, Default)]
struct Number(Option<f64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let told = Option::<Lenient<f64>>::deserialize(deserializer)?;
        let told = told.and_then(Lenient::sound);
        Ok(Self(told.filter(|it| it.is_finite() && *it >= 0.0)))
    }
}

impl Number {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it ends at the last that fits, and is not less than nothing"
    )]
    fn whole(&self) -> Option<u64> {
        self.0.map(|number| number as u64)
    }
}

fn entries(body: &[u8]) -> serde_json::Result<Vec<Lenient<Entry>>> {
    serde_json::from_slice(body)
}

/// The readings of Marathon's own containers. Where it does not tell what Mesos knows it by, all may
/// be its own: nobody else names a container so.
fn readings(host: &Arc<str>, told: Vec<Lenient<Entry>>, framework: Option<&str>) -> Vec<Reading> {
    let sound = told.into_iter().filter_map(Lenient::sound);
    let is_own = |entry: &Entry| match (framework, entry.framework_id.as_deref()) {
        (Some(own), Some(its)) => own == its,
        _ => true,
    };
    sound
        .filter(is_own)
        .map(|entry| entry.reading(Arc::clone(host)))
        .collect()
}

impl Entry {
    fn reading(self, host: Arc<str>) -> Reading {
        let told = self.statistics;
        let busy = told.cpus_user_time_secs.0.zip(told.cpus_system_time_secs.0);
        Reading {
            container: ContainerId(self.executor_id),
            host,
            at: told.timestamp.0.and_then(time),
            cpu_seconds: busy.map(|(user, system)| user + system),
            cpu_limit: told.cpus_limit.0,
            throttled_seconds: told.cpus_throttled_time_secs.0,
            // What is in the cache of files would be given up when it is needed.
            memory: [
                told.mem_rss_bytes,
                told.mem_anon_bytes,
                told.mem_total_bytes,
            ]
            .iter()
            .find_map(Number::whole),
            memory_limit: told.mem_limit_bytes.whole(),
        }
    }
}

/// A time in seconds since 1970, to a thousandth.
#[expect(
    clippy::cast_possible_truncation,
    reason = "it ends at the last that fits, which is no time"
)]
fn time(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(told: &Value, framework: Option<&str>) -> Vec<Reading> {
        let told = entries(told.to_string().as_bytes()).unwrap();
        readings(&"h1".into(), told, framework)
    }

    #[test]
    fn a_container_in_full() {
        let told = json!([{
            "executor_id": "a.1", "executor_name": "x", "framework_id": "F", "source": "a.1",
            "statistics": {
                "timestamp": 1_767_323_045.25, "cpus_limit": 1.1,
                "cpus_user_time_secs": 10.5, "cpus_system_time_secs": 2.25,
                "cpus_nr_periods": 9, "cpus_nr_throttled": 3, "cpus_throttled_time_secs": 1.5,
                "mem_limit_bytes": 167_772_160, "mem_rss_bytes": 1_048_576,
                "mem_total_bytes": 9_999_999,
            },
        }]);
        let expected = Reading {
            container: ContainerId("a.1".to_owned()),
            host: "h1".into(),
            at: Some("2026-01-02T03:04:05.25Z".parse().unwrap()),
            cpu_seconds: Some(12.75),
            cpu_limit: Some(1.1),
            throttled_seconds: Some(1.5),
            memory: Some(1 << 20),
            memory_limit: Some(160 << 20),
        };
        assert_eq!(read(&told, Some("F")), [expected]);
    }

    #[test]
    fn whatever_is_missing_or_alien_is_not_known_and_spoils_nothing() {
        let told = json!([
            {"executor_id": "a"},
            {"executor_id": "b", "statistics": null},
            {"executor_id": "c", "statistics": {"timestamp": "soon", "mem_rss_bytes": -1,
                "mem_total_bytes": 7, "cpus_user_time_secs": 1, "cpus_limit": [1]}},
            {"executor_id": "d", "statistics": {"timestamp": 1e300, "mem_limit_bytes": 1e300}},
            {"statistics": {}},
            7,
            null,
        ]);
        let told = read(&told, None);
        let ids: Vec<&str> = told.iter().map(|it| it.container.0.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c", "d"]);
        assert!(
            told.iter()
                .all(|it| it.at.is_none() && it.cpu_seconds.is_none())
        );
        assert_eq!(told[2].memory, Some(7));
        assert_eq!(told[3].memory_limit, Some(u64::MAX));
    }

    #[test]
    fn containers_of_other_frameworks_are_passed_over() {
        let told = json!([
            {"executor_id": "own", "framework_id": "F"},
            {"executor_id": "other", "framework_id": "G"},
            {"executor_id": "whose"},
        ]);
        let ids = |framework| -> Vec<String> {
            let told = read(&told, framework).into_iter();
            told.map(|it| it.container.0).collect()
        };
        assert_eq!(ids(Some("F")), ["own", "whose"]);
        assert_eq!(ids(None), ["own", "other", "whose"]);
    }

    proptest! {
        #[test]
        fn any_bytes_may_be_an_answer(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = entries(&body);
        }
    }
}
