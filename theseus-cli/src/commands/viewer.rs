//! `theseus viewer`

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::args::Global;
use crate::connect::connect;
use crate::failure::{Code, Failure, chain};
use crate::interrupt;
use crate::output::say;

/// Where the viewer listens unless told otherwise.
pub(crate) const PORT: u16 = 5001;

/// Serve the web viewer on this machine
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The port on the loopback address
    #[arg(long, default_value_t = PORT)]
    port: u16,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let connection = connect(global).await?;
    let listener = listen(args.port, "viewer").await?;
    say(&format!(
        "The viewer of {} is at http://localhost:{}\n",
        connection.name, args.port
    ));
    let cluster = Arc::clone(&connection.cluster);
    let viewer =
        theseus_viewer::Viewer::start(connection.engine, connection.cluster, connection.store);
    let served = theseus_viewer::serve(listener, viewer, interrupt::requested()).await;
    cluster.unsubscribe().await;
    served.map_err(|error| Failure::new(Code::Failed, chain(&error)))?;
    Ok(Code::Done)
}

/// Takes a port of the loopback address.
pub(crate) async fn listen(port: u16, what: &str) -> Result<TcpListener, Failure> {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(
            Code::Failed,
            format!("cannot listen on {address} for the {what}: {error}"),
        )
        .hint("something else listens there: choose another port")
    })
}
