//! A sandbox on a socket.

use std::net::SocketAddr;

use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::task::JoinHandle;

use crate::{Sandbox, SandboxConfig};

/// A sandbox that serves on an address until it is shut down or dropped.
#[derive(Debug)]
pub struct SandboxServer {
    sandbox: Sandbox,
    address: SocketAddr,
    task: JoinHandle<std::io::Result<()>>,
}

impl SandboxServer {
    /// Binds `address` (port 0 for any free one) and serves. The address it got is what
    /// `/v2/leader` then tells.
    pub async fn start(
        mut config: SandboxConfig,
        address: impl ToSocketAddrs,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        config.leader = address.to_string();
        let sandbox = Sandbox::new(config);
        let serving = sandbox.clone();
        let task = tokio::spawn(async move { serving.serve(listener).await });
        Ok(Self {
            sandbox,
            address,
            task,
        })
    }

    /// The handle to the cluster behind it.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base address for clients, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening and returns once the port is free; open connections end with the runtime.
    pub async fn shutdown(mut self) {
        self.task.abort();
        drop((&mut self.task).await);
    }
}

impl Drop for SandboxServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
