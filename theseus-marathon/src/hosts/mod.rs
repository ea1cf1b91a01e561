//! The machines, as far as somebody tells: all of them by the Mesos master, or else those that
//! Marathon has had offers of lately and did not use.
//!
//! Mesos is nobody that Theseus was told to talk to. So it is found through Marathon, is asked with
//! credentials only where it is at Marathon's own address, and may well be out of reach.

mod agents;
mod offers;
mod ports;

use theseus_core::cluster::Inventory;
use url::Url;

use crate::config::is_loopback;
use crate::failure::Failure;
use crate::http::{Http, Request};
use crate::wire::read::{Info, Lenient};

pub(crate) async fn hosts(http: &Http) -> Result<Inventory, Failure> {
    if let Some(master) = master(http).await? {
        match agents(http, master.clone()).await {
            Ok(inventory) => return Ok(inventory),
            Err(failure) => tracing::debug!(%master, ?failure, "Mesos does not tell its hosts"),
        }
    }
    // Old versions do not know the word, and tell the queue without any offers.
    let request = Request::get("/v2/queue").query("embed", "lastUnusedOffers");
    http.read(&request, offers::hosts).await
}

/// Where the leading master is, if the configuration or Marathon tells. Another one may lead at any
/// time, so it is asked anew.
pub(crate) async fn master(http: &Http) -> Result<Option<Url>, Failure> {
    if let Some(configured) = &http.config().mesos {
        return Ok(Some(leader(http, configured).await));
    }
    let config = info(http).await?.config.and_then(Lenient::sound);
    let told = config.and_then(|config| config.mesos_leader_ui_url);
    Ok(told.and_then(|url| url.parse().ok()))
}

/// Which master leads, by what this one says. Old ones that do not lead answer with nothing rather
/// than lead on. What stands before a master, under a path or with TLS, is not to be passed by.
async fn leader(http: &Http, configured: &Url) -> Url {
    let alone = http.elsewhere(configured.clone()).ok();
    let is_master = configured.scheme() == "http" && configured.path() == "/";
    let leads = match alone.filter(|_| is_master) {
        Some(alone) => alone.leads_to(&Request::get("/redirect")).await,
        None => None,
    };
    // What another machine calls `localhost` is not looked for here.
    let leads = leads.filter(|url| !is_loopback(url) || is_loopback(configured));
    leads.unwrap_or_else(|| configured.clone())
}

/// What Mesos knows Marathon by, once it is registered there.
pub(crate) async fn framework(http: &Http) -> Result<Option<String>, Failure> {
    Ok(info(http).await?.framework_id)
}

async fn info(http: &Http) -> Result<Info, Failure> {
    let read = |body: &[u8]| serde_json::from_slice::<Info>(body);
    http.ask(&Request::get("/v2/info"), read).await
}

/// Asks for all agents, as hosts.
pub(crate) async fn agents(http: &Http, master: Url) -> Result<Inventory, Failure> {
    ask_agents(http, master, agents::hosts).await
}

/// Asks for all agents. Who does not answer this soon is out of reach.
pub(crate) async fn ask_agents<T: Send + 'static>(
    http: &Http,
    master: Url,
    read: fn(&[u8]) -> serde_json::Result<T>,
) -> Result<T, Failure> {
    let mesos = http
        .elsewhere(master)
        .map_err(|error| Failure::Garbled(error.to_string()))?;
    match mesos.ask(&Request::get("/slaves"), read).await {
        // What stands before a master may know the longer path only.
        Err(Failure::Garbled(_) | Failure::Gone(_)) => {
            let request = Request::get("/master/slaves");
            mesos.ask(&request, read).await
        }
        told => told,
    }
}
