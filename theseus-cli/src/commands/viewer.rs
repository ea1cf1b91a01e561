//! `theseus viewer`, which is `theseus-viewer`, too.

mod certificate;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use theseus_core::causes::chain;
use theseus_viewer::{
    Exposure, ExposureError, Links, ServeError, TlsError, Token, UnfitLink, Viewer, WeakToken,
};
use tokio::net::TcpListener;
use url::Url;

use crate::args::Global;
use crate::connect::{Connection, connect, secret_text};
use crate::failure::{Code, Failure};
use crate::output::say;
use crate::{identity, interrupt};
use certificate::Files;

/// Where the viewer listens unless told otherwise.
pub(crate) const PORT: u16 = 5001;

const EXAMPLES: &str = "\
Examples:
  theseus viewer                                   on this machine alone, and it only shows
  head -c 32 /dev/urandom | base64 > token
  theseus viewer --token-file token --allow-changes
  theseus viewer --listen 0.0.0.0:443 --host-name theseus.example.com --token-file token \\
    --cert-file cert.pem --key-file key.pem
  theseus viewer --listen 10.0.0.7:5001 --host-name theseus.example.com --token-file token \\
    --behind-tls-proxy";

/// Serve the web viewer and its API
///
/// On a loopback address it shows everything to whoever asks on this machine. On any other it wants a
/// token and TLS, its own or that of a proxy, and is not started without. Programs send the token as
/// Authorization: Bearer; people sign in with it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Listen here
    #[arg(long, value_name = "ADDR:PORT", default_value_t = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT))]
    listen: SocketAddr,
    /// Listen on this port of the loopback address
    #[arg(long, value_name = "PORT", conflicts_with = "listen")]
    port: Option<u16>,
    #[command(flatten)]
    exposure: ExposureArgs,
    #[command(flatten)]
    links: LinkArgs,
}

/// Pages of the cluster's own that the viewer's pages lead to.
#[derive(Debug, clap::Args)]
struct LinkArgs {
    /// Link to Marathon's own pages, which browsers find at this address
    #[arg(long, value_name = "URL")]
    marathon_url: Option<Url>,
    /// Link to the pages of the Mesos master, which browsers find at this address
    #[arg(long, value_name = "URL")]
    mesos_url: Option<Url>,
}

impl LinkArgs {
    fn read(&self) -> Result<Links, Failure> {
        let mut links = Links::default();
        if let Some(url) = &self.marathon_url {
            links = links
                .marathon(url)
                .map_err(|error| unfit("--marathon-url", error))?;
        }
        if let Some(url) = &self.mesos_url {
            links = links
                .mesos(url)
                .map_err(|error| unfit("--mesos-url", error))?;
        }
        Ok(links)
    }
}

fn unfit(flag: &str, error: UnfitLink) -> Failure {
    Failure::usage(format!("{flag}: {error}"))
}

/// How the viewer is reached, and by whom.
#[derive(Debug, clap::Args)]
struct ExposureArgs {
    /// Serve only whoever has the token in this file: at least 128 bits, made at random
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The certificate chain of the viewer's own TLS, in PEM. It is read anew when it is renewed
    #[arg(long, value_name = "FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// The key of that certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    key_file: Option<PathBuf>,
    /// A proxy in front of the viewer speaks TLS, is the only one who reaches it, and tells in
    /// X-Forwarded-For who asks
    #[arg(long, conflicts_with = "cert_file")]
    behind_tls_proxy: bool,
    /// A name by which browsers ask for it, with its port unless that is 443 or its own; may be
    /// given several times
    #[arg(long, value_name = "NAME")]
    host_name: Vec<String>,
    /// Let whoever has the token deploy, scale, roll back, and so on
    #[arg(long, requires = "token_file")]
    allow_changes: bool,
}

impl ExposureArgs {
    /// Reads what is in files, and says which of them are to be read again.
    fn read(&self) -> Result<(Exposure, Option<Files>), Failure> {
        let token = self.token_file.as_deref().map(token).transpose()?;
        let files = match (&self.cert_file, &self.key_file) {
            (Some(certificates), Some(key)) => {
                Some(Files::read(certificates.clone(), key.clone())?)
            }
            _ => None,
        };
        let exposure = Exposure {
            token,
            tls: files.as_ref().map(Files::tls).transpose()?,
            behind_tls_proxy: self.behind_tls_proxy,
            host_names: self.host_name.clone(),
            allow_changes: self.allow_changes,
        };
        Ok((exposure, files))
    }
}

fn token(path: &Path) -> Result<Token, Failure> {
    Token::new(&secret_text(path)?).map_err(|error| weak(path, error))
}

fn weak(path: &Path, error: WeakToken) -> Failure {
    Failure::usage(format!("{}: {error}", path.display())).hint(format!(
        "make one: head -c 32 /dev/urandom | base64 > {}",
        path.display()
    ))
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        Self::usage(chain(&error))
            .hint("--cert-file and --key-file are PEM, and belong to each other")
    }
}

impl From<ExposureError> for Failure {
    fn from(error: ExposureError) -> Self {
        let failure = Self::usage(error.to_string());
        match error {
            ExposureError::NoToken(_) => failure.hint(
                "make one: head -c 32 /dev/urandom | base64 > token; and give --token-file token",
            ),
            ExposureError::NoTls(_) => failure.hint(
                "give --cert-file and --key-file, or --behind-tls-proxy where a proxy speaks TLS",
            ),
            ExposureError::NoNames(_) => failure.hint("give --host-name theseus.example.com"),
            ExposureError::ChangesForAnybody => failure.hint("give --token-file"),
            _ => failure,
        }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Exposed(error) => error.into(),
            error => Self::new(Code::Failed, chain(&error)),
        }
    }
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    // What must not be is told before anything else is waited for.
    let (exposure, files) = args.exposure.read()?;
    let links = args.links.read()?;
    let wanted = match args.port {
        Some(port) => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
        None => args.listen,
    };
    exposure.access(wanted)?;
    let connection = connect(global).await?;
    let listener = listen(wanted, "viewer").await?;
    let address = address(&listener)?;
    exposure.access(address)?;
    say(&format!(
        "The viewer of {} is at {}\n",
        connection.name,
        url(address, &exposure)
    ));
    let cluster = Arc::clone(&connection.cluster);
    let viewer = of(&connection).linked_to(links);
    let renewed = exposure
        .tls
        .clone()
        .zip(files)
        .map(|(tls, files)| files.keep(tls));
    let renewing = renewed.map(tokio::spawn);
    let served = theseus_viewer::serve(listener, viewer, exposure, interrupt::requested()).await;
    if let Some(renewing) = renewing {
        renewing.abort();
    }
    cluster.unsubscribe().await;
    served?;
    Ok(Code::Done)
}

/// A viewer of this cluster and this store, which does what it is asked in a name of its own.
pub(crate) fn of(connection: &Connection) -> Viewer {
    let engine = connection.engine.clone();
    Viewer::start(
        engine.in_the_name_of(identity::own_as("viewer")),
        Arc::clone(&connection.cluster),
        Arc::clone(&connection.store),
    )
}

/// Where people open it.
fn url(address: SocketAddr, exposure: &Exposure) -> String {
    let is_tls = exposure.tls.is_some() || exposure.behind_tls_proxy;
    let scheme = if is_tls { "https" } else { "http" };
    let usual = if is_tls { 443 } else { 80 };
    let port = match address.port() {
        port if port == usual || exposure.behind_tls_proxy => String::new(),
        port => format!(":{port}"),
    };
    let host = match exposure.host_names.first() {
        Some(name) if name.contains(':') => return format!("{scheme}://{name}"),
        Some(name) => name.clone(),
        None if address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) => "localhost".to_owned(),
        None => match address.ip() {
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        },
    };
    format!("{scheme}://{host}{port}")
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    let address = listener.local_addr();
    address.map_err(|error| Failure::new(Code::Failed, format!("cannot listen: {error}")))
}

/// Takes an address.
pub(crate) async fn listen(address: SocketAddr, what: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(
            Code::Failed,
            format!("cannot listen on {address} for the {what}: {error}"),
        )
        .hint("something else listens there: choose another port")
    })
}
