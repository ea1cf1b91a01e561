//! How one request travels to a server and its answer comes back: over the [`network`], or straight
//! into a [`service`] of this process.
//!
//! A transport sends once and reports truly. What is sent where, how long an answer may take and
//! what is sent again is decided in `http`, alike for all of them.

mod distrust;
mod network;
mod service;

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::{Request, Response};

pub use distrust::Distrust;
pub(crate) use network::Network;
pub use service::ServiceTransport;

/// The body of an answer, as it comes in. After an error nothing more comes.
pub type Chunks = BoxStream<'static, Result<Bytes, TransportError>>;

/// Brings requests to servers, and their answers back.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends a request, whose address is absolute, once. Answers as soon as the head of an answer
    /// of any status is there. Redirects are answers like any other.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Chunks>, TransportError>;
}

/// Why there is no answer, or no end of it.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Surely nothing has reached a server: whatever was asked for was not done.
    #[error("the request was not sent")]
    NotSent(#[source] Box<dyn Error + Send + Sync>),
    /// The request may have been acted on.
    #[error("the connection broke")]
    Unknown(#[source] Box<dyn Error + Send + Sync>),
    /// The two sides do not trust each other. Nothing was asked.
    #[error(transparent)]
    Untrusted(Distrust),
}

impl TransportError {
    /// An error of which nobody can say how far the request got.
    pub(crate) fn unknown(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unknown(source.into())
    }

    /// What happened, without what it means for the request.
    pub(crate) fn into_source(self) -> Box<dyn Error + Send + Sync> {
        match self {
            Self::NotSent(source) | Self::Unknown(source) => source,
            Self::Untrusted(distrust) => Box::new(distrust),
        }
    }
}
