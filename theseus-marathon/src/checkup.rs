//! Looking Marathon over, for whoever has to mend something: each of its addresses by itself, how
//! events are heard, and whether Mesos answers.

use std::time::Duration;

use http::header::{DATE, HeaderMap};
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use theseus_core::cluster::ClusterError;
use tokio::time::Instant;
use url::Url;

use crate::addresses::{leader, standby};
use crate::failure::{ENGINE, Failure, MASTER};
use crate::http::Request;
use crate::wire::read::Info;
use crate::{Hearing, Marathon, hosts};

/// How one of Marathon's addresses fares.
#[derive(Debug)]
pub struct Checked {
    /// The address.
    pub url: Url,
    /// What it answers, or why it does not.
    pub reached: Result<Reached, ClusterError>,
}

/// What an address answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// How long the answer took.
    pub took: Duration,
    /// Which version it says that it is.
    pub version: String,
    /// Who leads, as it says.
    pub leader: Option<String>,
    /// Whether what answers does not lead itself, but passes questions on.
    pub is_standby: bool,
    /// How much its clock is ahead of this machine's, to a second; less than nothing when behind.
    pub ahead: Option<SignedDuration>,
}

/// Where Mesos is, and whether it answers.
#[derive(Debug)]
pub enum Mesos {
    /// Marathon does not tell where it is.
    Unknown,
    /// It tells so many hosts.
    Reached {
        /// Where it is.
        url: Url,
        /// How many hosts it has.
        hosts: usize,
    },
    /// It does not answer.
    Unreached {
        /// Where it is to be.
        url: Url,
        /// Why.
        error: ClusterError,
    },
}

impl Marathon {
    /// Asks each address of the configuration by itself, all at the same time.
    pub async fn check_addresses(&self) -> Vec<Checked> {
        let urls = self.http.config().urls.iter();
        let checks = urls.map(|url| async {
            let reached = self.reached(url).await;
            Checked {
                url: url.clone(),
                reached: reached.map_err(|failure| {
                    let address = url.as_str().trim_end_matches('/');
                    failure.into_error(ENGINE, address, |fault| fault.refusal(None))
                }),
            }
        });
        futures_util::future::join_all(checks).await
    }

    /// Listens for a moment, to find out how.
    pub async fn check_events(&self) -> Result<Hearing, ClusterError> {
        let listening = self.listen().await;
        let heard = listening.map(|(_, hearing)| hearing);
        self.hub.unsubscribe(&self.http).await;
        heard.map_err(|failure| self.error(failure))
    }

    /// Asks Mesos for its hosts.
    pub async fn check_mesos(&self) -> Result<Mesos, ClusterError> {
        let master = hosts::master(&self.http).await;
        let Some(url) = master.map_err(|failure| self.error(failure))? else {
            return Ok(Mesos::Unknown);
        };
        Ok(match hosts::agents(&self.http, url.clone()).await {
            Ok(inventory) => Mesos::Reached {
                url,
                hosts: inventory.hosts.len(),
            },
            Err(failure) => Mesos::Unreached {
                error: failure.into_error(MASTER, url.as_str().trim_end_matches('/'), |fault| {
                    fault.refusal(None)
                }),
                url,
            },
        })
    }

    async fn reached(&self, url: &Url) -> Result<Reached, Failure> {
        let alone = self.http.elsewhere(url.clone()).map_err(|error| {
            // It was good enough for the client of all addresses.
            Failure::Garbled(error.to_string())
        })?;
        let began = Instant::now();
        let (headers, info) = alone.probe(&Request::get("/v2/info"), info).await?;
        let took = began.elapsed();
        Ok(Reached {
            took,
            version: info.version,
            leader: info
                .leader
                .or_else(|| leader(&headers).map(|url| origin(&url))),
            is_standby: standby(&headers),
            ahead: ahead(&headers, Timestamp::now()),
        })
    }
}

fn info(body: &[u8]) -> serde_json::Result<Info> {
    serde_json::from_slice(body)
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// How much the clock of who answers is ahead, at this time here.
fn ahead(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let told = rfc2822::parse(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(told.timestamp().duration_since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_much_a_clock_is_ahead() {
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        for (date, expected) in [
            ("Fri, 02 Jan 2026 03:04:05 GMT", Some(0)),
            ("Fri, 02 Jan 2026 03:05:05 GMT", Some(60)),
            ("Fri, 02 Jan 2026 02:04:05 GMT", Some(-3600)),
            ("once", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, date.parse().unwrap());
            let ahead = ahead(&headers, now);
            assert_eq!(ahead, expected.map(SignedDuration::from_secs), "{date}");
        }
        assert_eq!(ahead(&HeaderMap::new(), now), None);
    }
}
