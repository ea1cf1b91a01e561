//! How requests get to a Marathon.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::{Request, Response};

/// A body as it comes.
pub type ByteStream = BoxStream<'static, Result<Bytes, Lost>>;

/// There is no answer, or no more of it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Lost(pub String);

/// Carries requests to a Marathon, whose addresses are whole URLs.
#[async_trait]
pub trait Wire: Send + Sync {
    /// The answer, as soon as its head is there. Redirects are answers.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>, Lost>;
}

/// The wire that there is outside of tests.
#[derive(Debug)]
pub struct HttpWire(reqwest::Client);

impl HttpWire {
    /// A client for `http` addresses.
    pub fn new() -> Result<Self, Lost> {
        // An error only says that the process has a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .tls_certs_only([])
            .no_gzip()
            .redirect(reqwest::redirect::Policy::none())
            .build();
        client.map(Self).map_err(|error| told(&error))
    }
}

#[async_trait]
impl Wire for HttpWire {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>, Lost> {
        let request = reqwest::Request::try_from(request).map_err(|error| told(&error))?;
        let answer = self
            .0
            .execute(request)
            .await
            .map_err(|error| told(&error))?;
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            *headers = answer.headers().clone();
        }
        let body = answer
            .bytes_stream()
            .map(|chunk| chunk.map_err(|error| told(&error)));
        response.body(body.boxed()).map_err(|error| told(&error))
    }
}

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> Lost {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    Lost(text)
}
