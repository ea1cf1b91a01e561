//! Requests to a server in this process, without sockets: on tokio's paused clock a whole cluster
//! lives through hours in a moment, and the same way each time.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyDataStream, Full};
use tower::{Service, ServiceExt as _};

use super::{Chunks, Transport, TransportError};

/// Calls a [`Service`], such as an axum router, for every request, wherever it is addressed to.
///
/// It is a connection that can break like any other: when the body of an answer ends in an error
/// before its first byte, there is no answer; when it does so later, the answer is cut there. And a
/// request that was sent is served even when nobody waits for the answer any more.
#[derive(Clone)]
pub struct ServiceTransport<S>(S);

impl<S> ServiceTransport<S> {
    /// A way to this service.
    pub fn new(service: S) -> Self {
        Self(service)
    }
}

impl<S> fmt::Debug for ServiceTransport<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceTransport").finish_non_exhaustive()
    }
}

#[async_trait]
impl<S, B> Transport for ServiceTransport<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Chunks>, TransportError> {
        let served = tokio::spawn(self.0.clone().oneshot(request.map(Full::new))).await;
        let response = served.map_err(TransportError::unknown)?;
        let (head, body) = response.map_err(TransportError::unknown)?.into_parts();
        let mut chunks = BodyDataStream::new(body)
            .map(|chunk| chunk.map_err(TransportError::unknown))
            .boxed()
            .fuse();
        // A server sends the head together with what is ready of the body.
        let first = chunks.next().now_or_never().flatten().transpose()?;
        let whole = stream::iter(first.map(Ok)).chain(chunks).boxed();
        Ok(Response::from_parts(head, whole))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io;
    use std::time::Duration;

    use futures_util::TryStreamExt as _;
    use http_body_util::StreamBody;
    use tokio::sync::mpsc;
    use tower::service_fn;

    use super::*;

    /// An answer whose body is these chunks; an error where there is none.
    async fn answer(chunks: &[Option<&'static str>]) -> Result<Chunks, TransportError> {
        let frames: Vec<_> = chunks
            .iter()
            .map(|chunk| match chunk {
                Some(text) => Ok(http_body::Frame::data(Bytes::from_static(text.as_bytes()))),
                None => Err(io::Error::other("cut")),
            })
            .collect();
        let frames = std::sync::Mutex::new(Some(frames));
        let frames = std::sync::Arc::new(frames);
        let service = service_fn(move |_: Request<Full<Bytes>>| {
            let frames = frames.lock().unwrap().take().unwrap();
            async { Ok::<_, Infallible>(Response::new(StreamBody::new(stream::iter(frames)))) }
        });
        let transport = ServiceTransport::new(service);
        let response = transport.send(Request::new(Bytes::new())).await?;
        Ok(response.into_body())
    }

    #[tokio::test]
    async fn a_body_that_breaks_at_once_takes_the_head_along() {
        assert!(matches!(
            answer(&[None]).await,
            Err(TransportError::Unknown(_))
        ));
        let whole: Vec<Bytes> = answer(&[Some("a"), Some("b")])
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        assert_eq!(whole, ["a", "b"]);
        let mut cut = answer(&[Some("a"), None]).await.unwrap();
        assert_eq!(cut.next().await.unwrap().unwrap(), "a");
        assert!(cut.next().await.unwrap().is_err());
        assert!(answer(&[]).await.unwrap().next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_sent_is_served_although_nobody_waits() {
        let (served, mut was_served) = mpsc::channel(1);
        let transport = ServiceTransport::new(service_fn(move |_: Request<Full<Bytes>>| {
            let served = served.clone();
            async move {
                tokio::time::sleep(Duration::from_secs(9)).await;
                served.send(()).await.unwrap();
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
            }
        }));
        let sent = transport.send(Request::new(Bytes::new()));
        let waited = tokio::time::timeout(Duration::from_secs(1), sent).await;
        assert!(waited.is_err());
        assert_eq!(was_served.recv().await, Some(()));
    }
}
