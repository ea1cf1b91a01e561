//! [`Cluster`] for Mesosphere Marathon, over its HTTP API. Versions from 0.7 on are spoken to.
//!
//! A revision of a group is one Marathon app, `/theseus/{service}/{labels}/r{revision}`, or one for
//! each of its slots, and that is never changed but in its number of instances and, once, in where
//! it may run. So Marathon never replaces a container by its own rules, unless that is what is
//! asked for: then the group is one stable app. What is not called so is touched only where core says
//! that a group has adopted it, and never in its definition.
//!
//! What it keeps to:
//! * Nothing is forced. What a running deployment holds is answered with [`ClusterError::Busy`].
//! * What surely did nothing is sent again, for a while (`MarathonConfig::patience`); what perhaps
//!   did something is never sent again by itself, but answered with [`ClusterError::Unclear`].
//! * No answer is believed to be Marathon's because it came from there, nor to be small, nor to
//!   come soon.
//!
//! From the outside in: `observe`, `apply`, `events`, `hosts`, `delays`, `usage` and `logs` are the
//! parts of [`Cluster`], the last by way of Mesos's `agents`, and `checkup` looks all of it over;
//! `names`, `encode`, `decode` and `fields` translate between Theseus's words and Marathon's;
//! `dialect` knows the versions, `acquaintance` which of them this Marathon is; `classify` says what an answer means; `http` sends and receives,
//! over a [`Transport`], to the `addresses` and with the `credentials` of the configuration; `wire`
//! holds Marathon's JSON.

mod acquaintance;
mod addresses;
mod agents;
mod apply;
mod checkup;
mod classify;
mod config;
mod credentials;
mod decode;
mod delays;
mod dialect;
mod encode;
mod events;
mod failure;
mod fields;
mod hosts;
mod http;
mod logs;
mod names;
mod observe;
mod operations;
mod survey;
mod transport;
mod usage;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use theseus_core::cluster::{
    Accepted, AppId, Change, Cluster, ClusterError, ContainerId, Delay, Ended, EngineInfo, Events,
    Foreign, Found, Inventory, LogRequest, Logs, Refusal, Scope, Snapshot, Tenant, Usage,
};
use theseus_core::model::{GroupId, Spec};

pub use checkup::{Checked, Mesos, Reached};
pub use config::{ConfigError, MarathonConfig, is_loopback};
pub use credentials::{ClientCertificate, Credentials, Secret};
pub use events::{Callbacks, Hearing};
pub use transport::{Chunks, Distrust, ServiceTransport, Transport, TransportError};

use self::acquaintance::{Acquaintance, Known};
use self::agents::Agents;
use self::dialect::{Dialect, Version};
use self::failure::{ENGINE, Failure};
use self::http::Http;
use self::observe::Pasts;
use self::transport::Network;

/// A Marathon. Making one does nothing yet; its version is asked when it is first needed, and again
/// when it may have changed.
#[derive(Debug)]
pub struct Marathon {
    http: Arc<Http>,
    acquaintance: Arc<Acquaintance>,
    pasts: Pasts,
    hub: events::Hub,
    /// How events were heard when that was last asked for.
    hearing: Mutex<Option<Hearing>>,
    agents: Arc<Agents>,
}

impl Marathon {
    /// A client of the Marathon that the configuration names.
    pub fn new(config: MarathonConfig) -> Result<Self, ConfigError> {
        let network = Network::new(&config)?;
        Self::over(config, Arc::new(network))
    }

    /// A client of the Marathon that the configuration names, reached in another way. What the
    /// configuration says of connections (`authorities`, `connect_timeout`) is then up to that.
    pub fn over(
        config: MarathonConfig,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, ConfigError> {
        let configured = config.version.as_deref().map(configured).transpose()?;
        Ok(Self {
            http: Arc::new(Http::new(config, transport)?),
            acquaintance: Arc::new(Acquaintance::new(configured)),
            pasts: Pasts::default(),
            hub: events::Hub::default(),
            hearing: Mutex::default(),
            agents: Arc::default(),
        })
    }

    async fn known(&self) -> Result<Arc<Known>, Failure> {
        self.acquaintance.known(&self.http).await
    }

    /// Reads something in the dialect that is known; once more in another one, if what came was not
    /// understood and Marathon turns out to be of another version by now.
    async fn read<T, F>(&self, read: impl Fn(Dialect) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let dialect = self.known().await?.dialect;
        let garbled = match read(dialect).await {
            Err(failure @ Failure::Garbled(_)) => failure,
            done => return done,
        };
        self.acquaintance.doubt();
        match self.acquaintance.sure(&self.http).await {
            Ok(known) if known.dialect != dialect => read(known.dialect).await,
            _ => Err(garbled),
        }
    }

    /// What happens from now on, and how it is heard.
    pub async fn hear(&self) -> Result<(Events, Hearing), ClusterError> {
        let listening = self.listen().await;
        listening.map_err(|failure| self.error(failure))
    }

    /// What takes in the events that a Marathon without an event stream sends, for whoever listens
    /// at the address of [`MarathonConfig::callbacks`] anyway. Without it, that address is listened
    /// on as soon as somebody wants to know what happens.
    pub fn callbacks(&self) -> axum::Router {
        self.hub.router()
    }

    async fn listen(&self) -> Result<(Events, Hearing), Failure> {
        events::listen(&self.http, &self.acquaintance, &self.hub).await
    }

    fn error(&self, failure: Failure) -> ClusterError {
        failure.into_error(ENGINE, &self.http.address(), |fault| fault.refusal(None))
    }
}

/// The version that a configuration names.
fn configured(text: &str) -> Result<Version, ConfigError> {
    let version = Version::parse(text);
    let version = version.filter(|version| Dialect::of(*version).is_ok());
    version.ok_or_else(|| ConfigError::Version(text.to_owned()))
}

#[async_trait]
impl Cluster for Marathon {
    async fn engine(&self) -> Result<EngineInfo, ClusterError> {
        let known = self.known().await.map_err(|failure| self.error(failure))?;
        Ok(EngineInfo {
            name: ENGINE.to_owned(),
            version: known.version.clone(),
            address: self.http.address(),
            notices: known.notices.clone(),
        })
    }

    async fn unsupported(
        &self,
        wanted: &BTreeMap<GroupId, Arc<Spec>>,
    ) -> Result<BTreeMap<GroupId, Vec<Refusal>>, ClusterError> {
        let known = self.known().await.map_err(|failure| self.error(failure))?;
        let refusals = wanted.iter().map(|(group, spec)| {
            let refusals = encode::unsupported(group, spec, known.dialect);
            (group.clone(), refusals)
        });
        Ok(refusals
            .filter(|(_, refusals)| !refusals.is_empty())
            .collect())
    }

    async fn observe(&self, scope: &Scope) -> Result<Snapshot, ClusterError> {
        let look = |dialect| observe::observe(&self.http, dialect, &self.pasts, scope);
        self.read(look).await.map_err(|failure| self.error(failure))
    }

    async fn foreign(&self, apps: &[AppId]) -> Result<Vec<Foreign>, ClusterError> {
        let look = |dialect| observe::foreign(&self.http, dialect, apps);
        self.read(look).await.map_err(|failure| self.error(failure))
    }

    async fn survey(&self, apps: Option<&[AppId]>) -> Result<Vec<Found>, ClusterError> {
        let survey = |dialect| survey::survey(&self.http, dialect, apps);
        self.read(survey)
            .await
            .map_err(|failure| self.error(failure))
    }

    async fn apply(&self, changes: &[Change]) -> Vec<Result<Accepted, ClusterError>> {
        match self.known().await {
            Ok(known) => apply::apply(&self.http, known.dialect, changes).await,
            Err(failure) => changes
                .iter()
                .map(|_| Err(self.error(failure.clone())))
                .collect(),
        }
    }

    async fn events(&self) -> Result<Events, ClusterError> {
        let (events, hearing) = self.hear().await?;
        *self.hearing.lock().unwrap_or_else(PoisonError::into_inner) = Some(hearing);
        Ok(events)
    }

    fn unheard(&self) -> Option<String> {
        match &*self.hearing.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Hearing::Looking(why)) => Some(why.clone()),
            _ => None,
        }
    }

    async fn unsubscribe(&self) {
        self.hub.unsubscribe(&self.http).await;
    }

    async fn hosts(&self) -> Result<Inventory, ClusterError> {
        let (known, inventory) = tokio::join!(self.known(), hosts::hosts(&self.http));
        known.and(inventory).map_err(|failure| self.error(failure))
    }

    async fn delays(&self, scope: &Scope) -> Result<Vec<Delay>, ClusterError> {
        let (known, delays) = tokio::join!(self.known(), delays::delays(&self.http, scope));
        known.and(delays).map_err(|failure| self.error(failure))
    }

    async fn usage(&self, hosts: Option<&BTreeSet<Arc<str>>>) -> Result<Usage, ClusterError> {
        let usage = usage::usage(&self.http, hosts).await;
        usage.map_err(|failure| self.error(failure))
    }

    async fn logs(&self, container: &ContainerId, want: &LogRequest) -> Result<Logs, ClusterError> {
        Ok(logs::logs(&self.http, &self.agents, container, want))
    }

    async fn ended(&self) -> Result<Ended, ClusterError> {
        let ended = logs::ended(&self.http, &self.agents).await;
        ended.map_err(|failure| self.error(failure))
    }

    async fn tenants(&self, host: &str) -> Result<Vec<Tenant>, ClusterError> {
        let tenants = logs::tenants(&self.http, &self.agents, host).await;
        tenants.map_err(|failure| self.error(failure))
    }
}
