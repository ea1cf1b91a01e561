//! A server for the router, on loopback.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::guard::AllowedHosts;
use crate::routes::router;
use crate::viewer::Viewer;

/// How long requests that are being answered may take once the server is to stop.
const GRACE: Duration = Duration::from_secs(2);

/// Why the viewer cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Others could reach the address, and there is no token that would keep them out.
    #[error("the viewer is only served on a loopback address such as 127.0.0.1, not on {address}")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The listener does not work.
    #[error("cannot listen")]
    Listen(#[from] io::Error),
}

/// Serves the viewer's pages until `stop` is ready, then ends all streams and the viewer itself.
pub async fn serve(
    listener: TcpListener,
    viewer: Viewer,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback { address });
    }
    let router = router(viewer.clone(), AllowedHosts::loopback(address.port()));
    let (stopping, stopped) = oneshot::channel();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move {
        stop.await;
        viewer.stop();
        // Nobody listens when the server has ended already.
        let _ = stopping.send(());
    });
    let overdue = async {
        // The sender goes without a word only together with the server.
        if stopped.await.is_ok() {
            tokio::time::sleep(GRACE).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        result = serving => Ok(result?),
        () = overdue => Ok(()),
    }
}
