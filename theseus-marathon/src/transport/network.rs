//! Requests over TCP and TLS.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Method, Request, Response};
use reqwest::{Certificate, Client, ClientBuilder, Identity, redirect};
use url::{Origin, Url};

use super::{Chunks, Distrust, Transport, TransportError};
use crate::config::{ConfigError, MarathonConfig, is_loopback};

/// HTTP clients with their pools of connections.
#[derive(Debug)]
pub(crate) struct Network {
    client: Client,
    /// Where a certificate is shown, and what talks to everybody else.
    certified: Option<(Vec<Origin>, Client)>,
}

impl Network {
    pub(crate) fn new(config: &MarathonConfig) -> Result<Self, ConfigError> {
        // An error only says that the process has a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = build(builder(config)?)?;
        let Some(shown) = &config.certificate else {
            return Ok(Self {
                client,
                certified: None,
            });
        };
        let pem = [&*shown.certificate, b"\n", &*shown.key].concat();
        let identity = Identity::from_pem(&pem).map_err(ConfigError::Certificate)?;
        let certified = builder(config)?.identity(identity);
        let origins = config.urls.iter().map(Url::origin).collect();
        Ok(Self {
            client,
            certified: Some((
                origins,
                certified.build().map_err(ConfigError::Certificate)?,
            )),
        })
    }
}

fn build(builder: ClientBuilder) -> Result<Client, ConfigError> {
    builder.build().map_err(ConfigError::Client)
}

fn builder(config: &MarathonConfig) -> Result<ClientBuilder, ConfigError> {
    let addresses = u32::try_from(config.urls.len().max(1)).unwrap_or(u32::MAX);
    let mut builder = Client::builder()
        .user_agent(concat!("theseus/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        // All addresses are to have had their turn before patience ends.
        .connect_timeout(config.connect_timeout.min(config.patience / addresses));
    // A proxy of the environment is for the way out of this machine.
    if config.urls.iter().all(is_loopback) {
        builder = builder.no_proxy();
    }
    Ok(match &config.authorities {
        Some(pem) => {
            let certificates =
                Certificate::from_pem_bundle(pem).map_err(ConfigError::Authorities)?;
            builder.tls_certs_only(certificates)
        }
        // Without TLS the system's certificates need not be there, nor be read.
        None if config.urls.iter().all(|url| url.scheme() == "http") => builder.tls_certs_only([]),
        None => builder,
    })
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Chunks>, TransportError> {
        let (head, body) = request.into_parts();
        let url: Url = head
            .uri
            .to_string()
            .parse()
            .map_err(|error| TransportError::NotSent(Box::new(error)))?;
        let certified = self.certified.as_ref();
        let certified = certified.filter(|(origins, _)| origins.contains(&url.origin()));
        let client = certified.map_or(&self.client, |(_, client)| client);
        let has_certificate = certified.is_some();
        let mut builder = client
            .request(head.method.clone(), url)
            .headers(head.headers);
        // Marathon's own proxies lose a body whose length is not told; that of none is told too.
        if head.method != Method::GET {
            builder = builder.body(body);
        }
        let mut answer = builder
            .send()
            .await
            .map_err(|error| failure(error, has_certificate))?;
        let mut response = Response::new(());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let chunks = answer.bytes_stream();
        Ok(response.map(|()| {
            let chunks = chunks.map(move |it| it.map_err(|error| failure(error, has_certificate)));
            chunks.boxed()
        }))
    }
}

/// Without the address, which the outer error names, and which may hold a query.
fn failure(error: reqwest::Error, has_certificate: bool) -> TransportError {
    let never_left = error.is_connect() || error.is_builder();
    match Distrust::of(&error, has_certificate) {
        // Once a connection stands, only certificates are a reason to have asked for nothing.
        Some(distrust) if never_left || distrust.is_about_certificates() => {
            return TransportError::Untrusted(distrust);
        }
        _ => {}
    }
    let source = Box::new(error.without_url());
    if never_left {
        TransportError::NotSent(source)
    } else {
        TransportError::Unknown(source)
    }
}
