//! A sandbox on sockets: one for Marathon and the Mesos master, and one for each agent.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::task::JoinHandle;

use crate::{Sandbox, SandboxConfig};

/// Agents that get a socket; those of further hosts are told at addresses where nobody listens.
const MOST_AGENTS: usize = 256;

/// A sandbox that serves on an address until it is shut down or dropped.
#[derive(Debug)]
pub struct SandboxServer {
    sandbox: Sandbox,
    address: SocketAddr,
    tasks: Vec<JoinHandle<std::io::Result<()>>>,
}

impl SandboxServer {
    /// Binds `address` (port 0 for any free one) and serves. The address it got is what
    /// `/v2/leader` then tells. The Mesos agents of the first 256 hosts listen on free ports
    /// beside it; the master tells which.
    pub async fn start(
        mut config: SandboxConfig,
        address: impl ToSocketAddrs,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        config.leader = address.to_string();
        let sandbox = Sandbox::new(config);
        let serving = sandbox.clone();
        let mut server = Self {
            tasks: vec![tokio::spawn(async move { serving.serve(listener).await })],
            sandbox,
            address,
        };
        server.start_agents().await?;
        Ok(server)
    }

    async fn start_agents(&mut self) -> std::io::Result<()> {
        let ip = match self.address.ip() {
            ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip => ip,
        };
        for index in 0..self.sandbox.host_count().min(MOST_AGENTS) {
            let listener = TcpListener::bind((ip, 0)).await?;
            self.sandbox.agent_listens(index, listener.local_addr()?);
            let agent = self.sandbox.agent(index);
            let serving = async move { axum::serve(listener, agent).await };
            self.tasks.push(tokio::spawn(serving));
        }
        Ok(())
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

    /// Stops listening and returns once the ports are free; open connections end with the runtime.
    pub async fn shutdown(mut self) {
        for task in &self.tasks {
            task.abort();
        }
        for task in std::mem::take(&mut self.tasks) {
            drop(task.await);
        }
    }
}

impl Drop for SandboxServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
