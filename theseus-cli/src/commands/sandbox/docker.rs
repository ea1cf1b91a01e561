//! `theseus sandbox --runtime docker`, and `theseus sandbox down`: whose containers are whose.
//!
//! A sandbox's containers carry its directory: that of `--state`, else one of its own by its port.
//! While it runs it holds a lock there, so that anybody can tell what was left by one that does not.

use std::fs::{File, TryLockError};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use theseus_core::causes::chain;
use theseus_sandbox::{Docker, DockerConfig, DockerError, HostConfig, sandboxes, sweep};

use crate::args::{Format, Global};
use crate::failure::{Code, Failure};
use crate::output::{print, print_json, say};
use crate::sandbox_file::state_dir;

/// Bytes of a log file of a task before it is rotated.
const LOG_SIZE: u64 = 10 << 20;

/// Where the engine listens, unless `DOCKER_HOST` says otherwise.
const SOCKET: &str = "/var/run/docker.sock";

/// Each host is an address of the loopback network, and one byte is what they differ in.
const MOST_HOSTS: u16 = 250;

/// Remove the containers that sandboxes have left in Docker
///
/// Those of sandboxes that run are left alone. Left over are those of a sandbox that was killed, and
/// those that one was told to --keep.
#[derive(Debug, clap::Args)]
pub(crate) struct Down {
    /// Only those of the sandbox with this --state
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// The containers of a sandbox that runs.
#[derive(Debug)]
pub(super) struct Real {
    docker: Docker,
    directory: PathBuf,
    /// Held for as long as it is there.
    _lock: File,
}

impl Real {
    /// Takes hold of the directory and of the containers that belong to it. Without a state to go on
    /// from, those are left over from a sandbox that was killed.
    pub(super) async fn open(kept: Option<&Path>, port: u16) -> Result<Self, Failure> {
        let directory = match kept {
            Some(directory) => directory.to_owned(),
            None => scratch(port)?,
        };
        let Some(lock) = lock(&directory)? else {
            let message = format!("another sandbox runs in {}", directory.display());
            return Err(Failure::new(Code::Failed, message)
                .hint("end it first, or choose another --state or --port"));
        };
        let socket = socket()?;
        let sandbox = directory.display().to_string();
        if kept.is_none_or(|kept| !kept.join("cluster.json").exists()) {
            let removed = sweep(&socket, &sandbox)
                .await
                .map_err(|error| told(&error))?;
            if removed > 0 {
                say(&format!(
                    "Removed {removed} containers that an earlier sandbox left.\n"
                ));
            }
        }
        if kept.is_none() {
            clear(&directory);
        }
        let config = DockerConfig {
            socket,
            sandbox,
            directory: directory.join("tasks"),
            log_size: LOG_SIZE,
            credentials: credentials(),
        };
        let docker = Docker::open(config).await.map_err(|error| told(&error))?;
        if docker.found() > 0 {
            say(&format!("Found {} containers again.\n", docker.found()));
        }
        Ok(Self {
            docker,
            directory,
            _lock: lock,
        })
    }

    pub(super) fn docker(&self) -> Docker {
        self.docker.clone()
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The virtual hosts. Each is an address of this machine, so that their ports never clash, and
    /// each has all that the machine has.
    pub(super) fn hosts(&self, count: u16) -> Result<Vec<HostConfig>, Failure> {
        if count > MOST_HOSTS {
            let message = format!("--runtime docker has room for {MOST_HOSTS} hosts");
            return Err(Failure::usage(message));
        }
        let machine = self.docker.machine();
        let hosts = HostConfig::several(usize::from(count)).into_iter();
        (1..=u8::try_from(count).unwrap_or(u8::MAX))
            .zip(hosts)
            .map(|(number, host)| {
                let address = Ipv4Addr::new(127, 0, 0, number);
                // On Linux all of them are there; elsewhere somebody has to add them.
                TcpListener::bind((address, 0)).map_err(|error| {
                    let message = format!("this machine has no address {address}: {error}");
                    Failure::new(Code::Failed, message)
                        .hint("each host needs one of its own: add it, or try --hosts 1")
                })?;
                Ok(HostConfig {
                    name: address.to_string(),
                    cpus: machine.cpus,
                    mem: machine.mem,
                    ..host
                })
            })
            .collect()
    }

    /// From now on the containers are left alone.
    pub(super) fn leave(&self) {
        self.docker.leave();
    }

    /// Removes the containers, unless they are to be kept.
    pub(super) async fn end(self, keep: bool) -> Result<(), Failure> {
        if keep {
            say("Its containers stay; remove them with: theseus sandbox down\n");
            return Ok(());
        }
        let removed = self.docker.clear().await.map_err(|error| {
            told(&error).hint("when Docker answers again, remove them with: theseus sandbox down")
        })?;
        say(&format!("Removed {removed} containers.\n"));
        Ok(())
    }
}

/// Removes what is left over.
pub(super) async fn down(global: &Global, down: &Down) -> Result<Code, Failure> {
    let socket = socket()?;
    let all = sandboxes(&socket).await.map_err(|error| told(&error))?;
    let only = down.state.as_deref().map(|directory| {
        let directory = std::fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
        directory.display().to_string()
    });
    let mut removed = 0;
    let mut running = Vec::new();
    for sandbox in all.into_keys() {
        if only.as_ref().is_some_and(|only| *only != sandbox) {
            continue;
        }
        // A directory that is gone is nobody's any more.
        let directory = Path::new(&sandbox);
        let held = if directory.is_dir() {
            let Some(lock) = lock(directory)? else {
                running.push(sandbox);
                continue;
            };
            Some(lock)
        } else {
            None
        };
        removed += sweep(&socket, &sandbox)
            .await
            .map_err(|error| told(&error))?;
        drop(held);
    }
    running.sort();
    if global.format == Format::Json {
        let told = serde_json::json!({"format_version": 1, "removed": removed, "running": running});
        print_json(&told)?;
    } else {
        print(&format!("Removed {removed} containers.\n"))?;
    }
    for sandbox in &running {
        say(&format!(
            "The sandbox in {sandbox} runs and keeps its own; Ctrl-C ends it.\n"
        ));
    }
    Ok(if only.is_some() && !running.is_empty() {
        Code::Failed
    } else {
        Code::Done
    })
}

/// Takes the lock of a directory; nothing if a sandbox that runs has it.
fn lock(directory: &Path) -> Result<Option<File>, Failure> {
    let path = directory.join("lock");
    let file = File::create(&path).map_err(|error| Failure::file("make", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Failure::file("lock", &path, &error)),
    }
}

/// The directory of a sandbox that keeps nothing.
fn scratch(port: u16) -> Result<PathBuf, Failure> {
    let name = match port {
        0 => format!("docker-process-{}", std::process::id()),
        port => format!("docker-{port}"),
    };
    let directory = state_dir()?.join(name);
    std::fs::create_dir_all(&directory)
        .map_err(|error| Failure::file("make", &directory, &error))?;
    std::fs::canonicalize(&directory).map_err(|error| Failure::file("find", &directory, &error))
}

/// Removes what an earlier sandbox left in a directory whose lock is held.
fn clear(directory: &Path) {
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        // What is not there need not go.
        let _ = std::fs::remove_file(directory.join(name));
    }
}

fn socket() -> Result<PathBuf, Failure> {
    let Some(host) = std::env::var("DOCKER_HOST")
        .ok()
        .filter(|host| !host.is_empty())
    else {
        return Ok(SOCKET.into());
    };
    host.strip_prefix("unix://")
        .map(PathBuf::from)
        .ok_or_else(|| {
            let message =
                format!("DOCKER_HOST is {host}, and a sandbox needs the Docker of this machine");
            Failure::usage(message).hint("let it be unix:///path/of/docker.sock, or unset it")
        })
}

/// Where `docker login` keeps what it learns.
fn credentials() -> Option<PathBuf> {
    let directory = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let directory =
        directory.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")));
    Some(directory?.join("config.json"))
}

fn told(error: &DockerError) -> Failure {
    let hint = match error {
        DockerError::Absent { .. } => {
            "start it (sudo systemctl start docker), say where it is with DOCKER_HOST, or leave out \
             --runtime docker: the simulated runtime needs nothing"
        }
        DockerError::Forbidden { .. } => {
            "join its group (sudo usermod -aG docker $USER, then log in anew), or run this as root"
        }
        _ => "docker info may tell more",
    };
    Failure::new(Code::OutOfReach, chain(error)).hint(hint)
}
