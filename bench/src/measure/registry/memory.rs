//! How much memory a registrar takes that holds 10,000 containers.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use theseus_core::registry::CONTAINERS;
use theseus_core::store::list_all;
use theseus_core::usage::USAGE;
use theseus_store::EtcdStore;
use theseus_store::testing::EtcdServer;
use tokio::process::Command;

use super::{EACH, GROUPS, connect};
use crate::Failure;
use crate::fleet::{desired, manifest};
use crate::marathon::{Pace, Sandbox, deploy};
use crate::program;
use crate::table::{Row, megabytes};

const PREFIX: &str = "/memory";
const PATIENCE: Duration = Duration::from_secs(60);
/// By then it has written a whole block of five minutes of what containers use, when it holds the most.
const SAMPLED: Duration = Duration::from_secs(330);

/// The most that `theseus registrar` ever held, of 10,000 containers of a sandbox: while it
/// registered them, and when it has sampled them for a while.
pub(super) async fn measure(server: &EtcdServer) -> Result<Row, Failure> {
    let directory = tempfile::tempdir()?;
    let sandbox = Sandbox::start(Pace::INSTANT).await?;
    let store = Arc::new(connect(server, PREFIX).await?);
    let (engine, _) = sandbox.engine_over(Arc::clone(&store) as _)?;
    let each = u32::try_from(EACH)?;
    deploy(&engine, &desired(&manifest(GROUPS, each))?).await?;
    let mut registrar = registrar(server, &sandbox, directory.path())?.spawn()?;
    let process = registrar.id().ok_or("the registrar has ended")?;
    until(&store, CONTAINERS, GROUPS * EACH).await?;
    tokio::time::sleep(SAMPLED).await;
    until(&store, USAGE, 1).await?;
    if let Some(status) = registrar.try_wait()? {
        return Err(format!("the registrar has ended: {status}").into());
    }
    Ok(Row::new(
        "memory of `theseus registrar` with 10,000 containers, at most",
        megabytes(program::peak(process)?),
        "< 100 MB",
    ))
}

fn registrar(server: &EtcdServer, sandbox: &Sandbox, directory: &Path) -> Result<Command, Failure> {
    let config = directory.join("mesos.yaml");
    let text = format!(
        "marathon: {{urls: ['{}']}}\netcd: {{endpoints: ['{}'], prefix: {PREFIX}}}\n",
        sandbox.url,
        server.endpoint()
    );
    std::fs::write(&config, text)?;
    let mut command = Command::new(program::path()?);
    command
        .env_clear()
        .env("HOME", directory)
        .arg("registrar")
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    Ok(command)
}

/// Waits until so many records, or more, are below a prefix.
async fn until(store: &EtcdStore, prefix: &str, count: usize) -> Result<(), Failure> {
    let began = Instant::now();
    while list_all(store, prefix).await?.0.len() < count {
        if began.elapsed() > PATIENCE {
            return Err(format!("there are never {count} records below {prefix}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
