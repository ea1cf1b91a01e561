//! From a configuration to a cluster, a store, and an engine over both.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use theseus_core::audit::Deed;
use theseus_core::cluster::Cluster;
use theseus_core::engine::Engine;
use theseus_core::store::Store;
use theseus_marathon::{Callbacks, ClientCertificate, Credentials, MarathonConfig};
use theseus_store::etcd::{Identity, Login, Secret, Tls};
use theseus_store::{EtcdConfig, EtcdStore, SqliteStore};
use url::Url;

use crate::args::Global;
use crate::config::{self, Context, Etcd, Marathon, Mesos, Resolved, Subscriber, Target};
use crate::failure::Failure;
use crate::identity;
use crate::output;
use crate::sandbox_file::{Running, state_dir};

/// Where Marathon, Mesos and etcd listen unless the configuration says otherwise.
const MARATHON_PORT: u16 = 8080;
const MESOS_PORT: u16 = 5050;
const ETCD_PORT: u16 = 2379;
/// Where Marathon's callbacks arrive.
const SUBSCRIBER_PORT: u16 = 5000;
/// The root of all keys in etcd.
const ETCD_PREFIX: &str = "/theseus";
/// No password, token or certificate is larger.
const MAX_SECRET: u64 = 1 << 20;

/// What a command works on.
pub(crate) struct Connection {
    /// What to call it: the context's name, or Marathon's address.
    pub(crate) name: String,
    pub(crate) engine: Engine,
    pub(crate) cluster: Arc<dyn Cluster>,
    /// The cluster as what it is, for what no other cluster has.
    pub(crate) marathon: Arc<theseus_marathon::Marathon>,
    pub(crate) store: Arc<dyn Store>,
    /// Where a registrar is to listen, if that is configured.
    pub(crate) subscriber: Option<Subscriber>,
    noticed: AtomicBool,
}

impl Connection {
    /// The same, to do something else than to deploy: the audit trail is to tell what.
    pub(crate) fn asked_to(mut self, deed: Deed) -> Self {
        self.engine = self.engine.asked_to(deed);
        self
    }

    /// Tells people once what they should know of the cluster before they rely on it.
    pub(crate) async fn tell_notices(&self) -> Result<(), Failure> {
        if self.noticed.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        for notice in self.cluster.engine().await?.notices {
            output::say(&format!("note: {notice}\n"));
        }
        Ok(())
    }
}

/// Opens the store alone, for what needs no cluster: neither that one is configured, nor that it
/// can be reached.
pub(crate) async fn connect_store(global: &Global) -> Result<Arc<dyn Store>, Failure> {
    let resolved = config::resolve_store(global)?;
    Ok(store_of(&resolved.target).await?.0)
}

/// Finds out what is meant and opens it.
pub(crate) async fn connect(global: &Global) -> Result<Connection, Failure> {
    let Resolved { name, target, .. } = config::resolve(global)?;
    let context = context_of(&target);
    open(name, &target, context).await
}

/// The cluster and store of a sandbox that runs in this process, which listens there for what happens.
pub(crate) async fn sandbox(
    running: &Running,
    subscriber: Subscriber,
) -> Result<Connection, Failure> {
    let target = Target::Sandbox(Box::new(running.clone()));
    let context = Context {
        subscriber: Some(subscriber),
        ..context_of(&target)
    };
    open(None, &target, context).await
}

async fn open(
    name: Option<String>,
    target: &Target,
    context: Context,
) -> Result<Connection, Failure> {
    // What is wrong in the configuration is told before anybody is waited for.
    let marathon = Arc::new(client_of(&context)?);
    let cluster: Arc<dyn Cluster> = Arc::clone(&marathon) as Arc<dyn Cluster>;
    let name = match (target, name) {
        (Target::Sandbox(_), _) => "the sandbox".to_owned(),
        (Target::Configured(_), Some(name)) => format!("context {name}"),
        (Target::Configured(_), None) => urls(&marathon_of(&context)?)?
            .first()
            .map_or_else(String::new, Url::to_string),
    };
    let (store, etcd) = store_of(target).await?;
    let mut engine = Engine::new(Arc::clone(&cluster), Arc::clone(&store), Timestamp::now)
        .in_the_name_of(identity::own());
    if let Some(address) = etcd {
        engine = engine.with_environment("ETCD_HOST_ADDRESS", address);
    }
    Ok(Connection {
        name,
        engine,
        cluster,
        marathon,
        store,
        subscriber: context.subscriber,
        noticed: AtomicBool::new(false),
    })
}

/// What is configured; of a sandbox what it would be.
pub(crate) fn context_of(target: &Target) -> Context {
    match target {
        Target::Configured(context) => Context::clone(context),
        Target::Sandbox(running) => Context {
            marathon: Some(Marathon {
                urls: vec![running.url.clone()],
                ..Marathon::default()
            }),
            ..Context::default()
        },
    }
}

/// A client of the context's Marathon.
pub(crate) fn client_of(context: &Context) -> Result<theseus_marathon::Marathon, Failure> {
    let marathon = marathon_of(context)?;
    let config = MarathonConfig {
        mesos: context.mesos.as_ref().map(mesos_url).transpose()?,
        ..marathon_config(&marathon, context.subscriber.as_ref())?
    };
    Ok(theseus_marathon::Marathon::new(config)?)
}

/// The store, and its address where containers are told it.
pub(crate) async fn store_of(target: &Target) -> Result<(Arc<dyn Store>, Option<String>), Failure> {
    let etcd = match target {
        Target::Sandbox(running) => return Ok((open_file(running.store.clone()).await?, None)),
        Target::Configured(context) => context.etcd.as_ref(),
    };
    let Some(etcd) = etcd else {
        return Ok((open_file(state_dir()?.join("theseus.db")).await?, None));
    };
    let config = etcd_config(etcd)?;
    let address = config.endpoints.join(",");
    Ok((Arc::new(EtcdStore::connect(config).await?), Some(address)))
}

async fn open_file(path: PathBuf) -> Result<Arc<dyn Store>, Failure> {
    Ok(Arc::new(SqliteStore::open(path).await?))
}

fn marathon_of(context: &Context) -> Result<Marathon, Failure> {
    let marathon = context.marathon.clone();
    marathon.ok_or_else(|| Failure::usage("the context names no marathon"))
}

fn urls(marathon: &Marathon) -> Result<Vec<Url>, Failure> {
    if !marathon.urls.is_empty() {
        return Ok(marathon.urls.clone());
    }
    let Some(host) = &marathon.host else {
        return Err(Failure::usage("marathon has neither host nor urls")
            .hint("write marathon: {host: 10.0.0.1, port: 8080}"));
    };
    let port = marathon.port.unwrap_or(MARATHON_PORT);
    Ok(vec![plain_url("Marathon", host, port)?])
}

fn mesos_url(mesos: &Mesos) -> Result<Url, Failure> {
    match (&mesos.url, &mesos.host) {
        (Some(url), None) => Ok(url.clone()),
        (None, Some(host)) => plain_url("Mesos", host, mesos.port.unwrap_or(MESOS_PORT)),
        _ => Err(Failure::usage("mesos wants either host or url")
            .hint("write mesos: {host: 10.0.0.1, port: 5050}")),
    }
}

fn plain_url(whose: &str, host: &str, port: u16) -> Result<Url, Failure> {
    let text = format!("http://{host}:{port}");
    Url::parse(&text)
        .map_err(|error| Failure::usage(format!("{text} is no address of {whose}: {error}")))
}

fn marathon_config(
    marathon: &Marathon,
    subscriber: Option<&Subscriber>,
) -> Result<MarathonConfig, Failure> {
    let file = |path: &PathBuf| theseus_marathon::Secret::File(path.clone());
    let credentials = match (
        (&marathon.user, &marathon.password_file),
        &marathon.token_file,
        &marathon.bearer_token_file,
    ) {
        ((None, None), None, None) => None,
        ((Some(user), Some(path)), None, None) => Some(Credentials::Basic {
            user: user.clone(),
            password: file(path),
        }),
        ((None, None), Some(path), None) => Some(Credentials::Token(file(path))),
        ((None, None), None, Some(path)) => Some(Credentials::Bearer(file(path))),
        _ => {
            return Err(Failure::usage(
                "marathon wants user and password-file, or token-file, or bearer-token-file, and not a mixture",
            ));
        }
    };
    let certificate = match (&marathon.cert_file, &marathon.key_file) {
        (Some(certificate), Some(key)) => Some(ClientCertificate {
            certificate: secret_bytes(certificate)?,
            key: secret_bytes(key)?,
        }),
        (None, None) => None,
        _ => {
            return Err(Failure::usage(
                "marathon wants cert-file and key-file together",
            ));
        }
    };
    let usual = MarathonConfig::default();
    Ok(MarathonConfig {
        urls: urls(marathon)?,
        version: marathon.version.clone(),
        credentials,
        certificate,
        allow_plain_http: marathon.allow_plain_http,
        authorities: marathon.ca_file.as_deref().map(secret_bytes).transpose()?,
        connect_timeout: marathon.timeouts.connect.unwrap_or(usual.connect_timeout),
        answer_timeout: marathon.timeouts.answer.unwrap_or(usual.answer_timeout),
        body_timeout: marathon.timeouts.body.unwrap_or(usual.body_timeout),
        callbacks: subscriber.map(|subscriber| Callbacks {
            host: subscriber.host.clone(),
            port: subscriber.port.unwrap_or(SUBSCRIBER_PORT),
        }),
        ..usual
    })
}

fn etcd_config(etcd: &Etcd) -> Result<EtcdConfig, Failure> {
    let endpoints = match (&etcd.endpoints[..], &etcd.host) {
        ([], Some(host)) => vec![format!("{host}:{}", etcd.port.unwrap_or(ETCD_PORT))],
        ([], None) => {
            return Err(Failure::usage("etcd has neither host nor endpoints")
                .hint("write etcd: {host: 10.0.0.1, port: 2379}"));
        }
        (endpoints, _) => endpoints.to_vec(),
    };
    let login = match (&etcd.user, &etcd.password_file) {
        (Some(user), Some(file)) => Some(Login {
            user: user.clone(),
            password: Secret::new(secret_text(file)?),
        }),
        (None, None) => None,
        _ => return Err(Failure::usage("etcd wants user and password-file together")),
    };
    let identity = match (&etcd.cert_file, &etcd.key_file) {
        (Some(certificate), Some(key)) => Some(Identity {
            certificate: secret_bytes(certificate)?,
            key: Secret::new(secret_bytes(key)?),
        }),
        (None, None) => None,
        _ => return Err(Failure::usage("etcd wants cert-file and key-file together")),
    };
    let ca = etcd.ca_file.as_deref().map(secret_bytes).transpose()?;
    let tls = (ca.is_some() || identity.is_some()).then_some(Tls { ca, identity });
    let prefix = etcd
        .prefix
        .clone()
        .unwrap_or_else(|| ETCD_PREFIX.to_owned());
    Ok(EtcdConfig {
        prefix,
        login,
        tls,
        ..EtcdConfig::new(endpoints)
    })
}

/// The text in a file that is nobody else's business.
pub(crate) fn secret_text(path: &Path) -> Result<String, Failure> {
    let text = String::from_utf8(secret_bytes(path)?)
        .map_err(|_| Failure::usage(format!("{} is no text", path.display())))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// What such a file holds.
pub(crate) fn secret_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = || {
        let size = std::fs::metadata(path)?.len();
        if size > MAX_SECRET {
            return Err(std::io::Error::other("it is too large"));
        }
        std::fs::read(path)
    };
    read().map_err(|error| Failure::file("read", path, &error))
}
