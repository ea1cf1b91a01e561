//! Requests over TCP and TLS.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Method, Request, Response};
use reqwest::{Certificate, Client, redirect};

use super::{Chunks, Transport, TransportError};
use crate::config::{ConfigError, MarathonConfig};

/// An HTTP client with its pool of connections.
#[derive(Debug)]
pub(crate) struct Network(Client);

impl Network {
    pub(crate) fn new(config: &MarathonConfig) -> Result<Self, ConfigError> {
        // An error only says that the process has a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let addresses = u32::try_from(config.urls.len().max(1)).unwrap_or(u32::MAX);
        let builder = Client::builder()
            .user_agent(concat!("theseus/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            // All addresses are to have had their turn before patience ends.
            .connect_timeout(config.connect_timeout.min(config.patience / addresses));
        let builder = match &config.authorities {
            Some(pem) => {
                let certificates =
                    Certificate::from_pem_bundle(pem).map_err(ConfigError::Authorities)?;
                builder.tls_certs_only(certificates)
            }
            // Without TLS the system's certificates need not be there, nor be read.
            None if config.urls.iter().all(|url| url.scheme() == "http") => {
                builder.tls_certs_only([])
            }
            None => builder,
        };
        builder.build().map(Self).map_err(ConfigError::Client)
    }
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Chunks>, TransportError> {
        let (head, body) = request.into_parts();
        let has_body = head.method != Method::GET;
        let mut builder = self.0.request(head.method, head.uri.to_string());
        builder = builder.headers(head.headers);
        if has_body {
            builder = builder.body(body);
        }
        let mut answer = builder.send().await?;
        let mut response = Response::new(());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let chunks = answer.bytes_stream();
        Ok(response.map(|()| chunks.map(|chunk| Ok(chunk?)).boxed()))
    }
}

impl From<reqwest::Error> for TransportError {
    /// Without the address, which the outer error names, and which may hold a query.
    fn from(error: reqwest::Error) -> Self {
        let never_left = error.is_connect() || error.is_builder();
        let source = Box::new(error.without_url());
        if never_left {
            Self::NotSent(source)
        } else {
            Self::Unknown(source)
        }
    }
}
