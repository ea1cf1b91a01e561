//! How other commands find the sandbox that runs on this machine: a small file that it leaves in
//! the user's state directory while it runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::failure::{Code, Failure};

/// A sandbox that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Where its Marathon listens.
    pub(crate) url: Url,
    /// Where its viewer listens.
    pub(crate) viewer: Url,
    /// Where its registrar tells how it fares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) registrar: Option<Url>,
    /// The file that holds the records.
    pub(crate) store: PathBuf,
    /// Its process.
    pub(crate) pid: u32,
}

/// The file, which is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct SandboxFile {
    path: PathBuf,
}

/// The user's state directory for Theseus, made if need be.
pub(crate) fn state_dir() -> Result<PathBuf, Failure> {
    let base = etcetera::choose_base_strategy().map_err(|error| {
        Failure::new(
            Code::Failed,
            format!("cannot find your home directory: {error}"),
        )
    })?;
    let dir = base
        .state_dir()
        .unwrap_or_else(|| base.data_dir())
        .join("theseus");
    std::fs::create_dir_all(&dir).map_err(|error| Failure::file("make", &dir, &error))?;
    Ok(dir)
}

impl SandboxFile {
    fn path() -> Result<PathBuf, Failure> {
        Ok(state_dir()?.join("sandbox.json"))
    }

    /// Leaves word that a sandbox runs.
    pub(crate) fn write(running: &Running) -> Result<Self, Failure> {
        let path = Self::path()?;
        let text = serde_json::to_vec_pretty(running).map_err(|error| {
            Failure::new(
                Code::Failed,
                format!("cannot describe the sandbox: {error}"),
            )
        })?;
        // Written beside and moved, so that nobody reads half of it.
        let beside = path.with_extension("json.new");
        std::fs::write(&beside, text).map_err(|error| Failure::file("write", &beside, &error))?;
        std::fs::rename(&beside, &path).map_err(|error| Failure::file("write", &path, &error))?;
        Ok(Self { path })
    }

    /// The sandbox that runs, if one does. A file that one left behind when it was killed does
    /// not count.
    pub(crate) fn find() -> Result<Option<Running>, Failure> {
        Ok(read(&Self::path()?).filter(answers))
    }
}

impl Drop for SandboxFile {
    fn drop(&mut self) {
        // Another sandbox may have started since; its word stays.
        if read(&self.path).is_some_and(|running| running.pid == std::process::id()) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn read(path: &Path) -> Option<Running> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Whether somebody listens there.
fn answers(running: &Running) -> bool {
    let Ok(addresses) = running.url.socket_addrs(|| None) else {
        return false;
    };
    addresses.iter().any(|address| {
        std::net::TcpStream::connect_timeout(address, Duration::from_millis(500)).is_ok()
    })
}
