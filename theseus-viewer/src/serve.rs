//! A server for the router. Whatever a client does or leaves undone takes a bounded part of it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower_http::timeout::TimeoutLayer;

use crate::exposure::{Exposure, ExposureError};
use crate::guard::Peer;
use crate::routes::routed;
use crate::viewer::Viewer;

/// How long requests that are being answered may take once the server is to stop.
const GRACE: Duration = Duration::from_secs(2);
/// So many connections at most are open; further ones wait.
const CONNECTIONS: usize = 1024;
/// So much may be asked at once over one connection of HTTP/2.
const STREAMS: u32 = 64;
/// How long a client may take to say who it is, and then what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// So long after a request a connection is kept for the next one, or until nothing answers.
const IDLE: Duration = Duration::from_secs(30);
/// How long it may take until an answer begins, with all that has to be read for it.
const ANSWER: Duration = Duration::from_secs(60);
/// All headers of a request together, in bytes.
const HEADERS: u32 = 16 << 10;
/// How long nobody is let in after the system had no room for one more.
const REST: Duration = Duration::from_millis(100);

/// Why the viewer cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// It would not be safe.
    #[error(transparent)]
    Exposed(#[from] ExposureError),
    /// The listener does not work.
    #[error("cannot listen")]
    Listen(#[from] io::Error),
}

/// Serves the viewer's pages until `stop` is ready, then ends all streams and the viewer itself.
pub async fn serve(
    listener: TcpListener,
    viewer: Viewer,
    exposure: Exposure,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let access = exposure.access(listener.local_addr()?)?;
    let (router, works) = routed(viewer.clone(), access);
    let router = router.layer(TimeoutLayer::with_status_code(
        axum::http::StatusCode::GATEWAY_TIMEOUT,
        ANSWER,
    ));
    let graceful = GracefulShutdown::new();
    let server = Server {
        router,
        tls: exposure.tls.as_ref().map(crate::tls::Tls::acceptor),
        room: Arc::new(Semaphore::new(CONNECTIONS)),
    };
    tokio::select! {
        () = server.accept(&listener, &graceful) => {}
        () = stop => {}
    }
    drop(listener);
    viewer.stop();
    // What does not end by then ends with the process.
    let _ = timeout(GRACE, async {
        graceful.shutdown().await;
        works.ended().await;
    })
    .await;
    Ok(())
}

struct Server {
    router: Router,
    tls: Option<tokio_rustls::TlsAcceptor>,
    room: Arc<Semaphore>,
}

impl Server {
    /// Lets clients in, as long as there is room.
    async fn accept(&self, listener: &TcpListener, graceful: &GracefulShutdown) {
        loop {
            let Ok(permit) = Arc::clone(&self.room).acquire_owned().await else {
                // Nobody closes it.
                return;
            };
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Of one client, or of all until some file is closed.
                    tracing::debug!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            };
            let _ = stream.set_nodelay(true);
            let (router, tls) = (self.router.clone(), self.tls.clone());
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                if let Err(error) = connection(stream, peer, tls, router, watcher).await {
                    tracing::debug!(%error, %peer, "a connection ended");
                }
                drop(permit);
            });
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<tokio_rustls::TlsAcceptor>,
    router: Router,
    watcher: Watcher,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let Some(tls) = tls else {
        return speak(stream, false, peer, router, watcher).await;
    };
    let stream = timeout(PATIENCE, tls.accept(stream)).await??;
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    speak(stream, is_h2, peer, router, watcher).await
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    is_h2: bool,
    peer: SocketAddr,
    router: Router,
    watcher: Watcher,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let stream = TokioIo::new(stream);
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer.ip()));
            tower::ServiceExt::oneshot(router, request).await
        }
    });
    if is_h2 {
        let speaking = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADERS)
            .keep_alive_interval(IDLE)
            .keep_alive_timeout(PATIENCE)
            .serve_connection(stream, service);
        watcher.watch(speaking).await?;
    } else {
        let speaking = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_buf_size(HEADERS as usize)
            .serve_connection(stream, service);
        watcher.watch(speaking).await?;
    }
    Ok(())
}
