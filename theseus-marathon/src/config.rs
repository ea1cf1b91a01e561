//! Where Marathon is and how patiently it is talked to.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

use crate::credentials::{ClientCertificate, Credentials};
use crate::events::Callbacks;

/// Where Marathon is and how patiently it is talked to. There is no default address.
#[derive(Debug, Clone)]
pub struct MarathonConfig {
    /// Where its API is, such as `http://10.0.0.1:8080` or `https://dcos.example/service/marathon`.
    /// Of several, the one that leads or was the last to answer is asked first, and the others when
    /// it cannot be reached, cannot serve, or takes long.
    pub urls: Vec<Url>,
    /// Where a Mesos master is, such as `http://10.0.0.1:5050`, whatever Marathon says of that:
    /// before 0.11 it says nothing. `None` to believe it.
    pub mesos: Option<Url>,
    /// Which version of Marathon it is spoken to as, such as `1.4` or `1.8.222`, whatever it says
    /// itself. `None` to believe it.
    pub version: Option<String>,
    /// Who is asking. It is told at `urls` only, wherever an answer leads.
    pub credentials: Option<Credentials>,
    /// The same, shown on TLS connections.
    pub certificate: Option<ClientCertificate>,
    /// Whether credentials may be sent where everybody on the way can read them.
    pub allow_plain_http: bool,
    /// Certificates, in PEM, of the only authorities that are trusted; the system's when `None`.
    pub authorities: Option<Vec<u8>>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long it may take until an answer begins.
    pub answer_timeout: Duration,
    /// How long the rest of an answer may take.
    pub body_timeout: Duration,
    /// How long something is tried again before its failure is told.
    pub patience: Duration,
    /// The pause before the second try. Each pause is about twice the one before it.
    pub first_pause: Duration,
    /// The longest pause between two tries.
    pub longest_pause: Duration,
    /// How long the event stream may be silent before it is attached anew. Marathon sends at least
    /// an empty line every ten seconds.
    pub longest_silence: Duration,
    /// The largest answer that is read, in bytes.
    pub largest_answer: usize,
    /// Where Marathon reaches this machine: before it had an event stream, it sends events there.
    pub callbacks: Option<Callbacks>,
    /// Decides by how much pauses differ from each other; chance does when `None`.
    pub seed: Option<u64>,
}

impl Default for MarathonConfig {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            mesos: None,
            version: None,
            credentials: None,
            certificate: None,
            allow_plain_http: false,
            authorities: None,
            connect_timeout: Duration::from_secs(2),
            answer_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            patience: Duration::from_millis(4500),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
            longest_silence: Duration::from_secs(30),
            largest_answer: 512 << 20,
            callbacks: None,
            seed: None,
        }
    }
}

impl MarathonConfig {
    /// Whether all of it can be used together.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.urls.is_empty() {
            return Err(ConfigError::NoUrl);
        }
        for url in self.urls.iter().chain(&self.mesos) {
            if !matches!(url.scheme(), "http" | "https") {
                return Err(ConfigError::NotHttp(url.to_string()));
            }
            if !url.username().is_empty() || url.password().is_some() {
                let shown = format!("{}{}", url.origin().ascii_serialization(), url.path());
                return Err(ConfigError::CredentialsInUrl(shown));
            }
        }
        for url in &self.urls {
            let is_open = url.scheme() == "http" && !is_loopback(url);
            if is_open && self.credentials.is_some() && !self.allow_plain_http {
                return Err(ConfigError::PlainHttp(url.to_string()));
            }
        }
        Ok(())
    }
}

/// Whether nothing that is sent there leaves this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Why there can be no client with a configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no address.
    #[error("no address of Marathon is given")]
    NoUrl,
    /// An address is not one of HTTP.
    #[error("{0:?} is no address of Marathon or Mesos: these begin with http:// or https://")]
    NotHttp(String),
    /// A user or a password is written in an address, where it would be shown. The address is
    /// given without them.
    #[error("the address {0} holds credentials; they belong into files or the environment")]
    CredentialsInUrl(String),
    /// Credentials would go where everybody on the way can read them.
    #[error("at {0} everybody on the way could read the credentials")]
    PlainHttp(String),
    /// The version is none that can be spoken to.
    #[error(
        "{0:?} is no version of Marathon that can be spoken to: write one from 0.7 on, such as 1.4 \
         or 1.8.222"
    )]
    Version(String),
    /// A character that no header can hold.
    #[error("the credentials hold a character that cannot be sent")]
    Credentials,
    /// A password or a token cannot be read.
    #[error("cannot read {}", .path.display())]
    SecretFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The authorities' certificates cannot be used.
    #[error("cannot use the certificates of the authorities")]
    Authorities(#[source] reqwest::Error),
    /// The certificate that says who is asking, or its key, cannot be used.
    #[error("cannot use the client's certificate with its key")]
    Certificate(#[source] reqwest::Error),
    /// The HTTP client cannot be made, for instance because the system has no certificates.
    #[error("cannot set up HTTPS")]
    Client(#[source] reqwest::Error),
}
