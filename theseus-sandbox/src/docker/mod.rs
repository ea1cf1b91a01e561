//! The container engine behind a sandbox whose tasks are real: the local Docker Engine, over its
//! socket. The cluster decides ([`Order`](crate::cluster::Order)); here it is carried out, one small
//! life for each container, and told what comes of it.
//!
//! | module | what it is |
//! | --- | --- |
//! | `create` | what a container is, in the engine's words; pure |
//! | `parameters` | options of `docker run` among them; pure |
//! | `driver` | takes orders, and notices when the engine is gone or back |
//! | `life` | one container from its image to its removal |
//! | `probe` | health checks |
//! | `logs` | what containers write, as files |
//! | `usage` | what they use |
//! | `credentials` | who one is to a registry |
//!
//! Containers carry labels that say whose they are. What runs is what the engine says, not what was
//! saved: a sandbox that starts takes up the tasks that its containers carry, and no others.

mod create;
mod credentials;
mod driver;
mod life;
mod logs;
mod parameters;
mod probe;
mod usage;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error as Refusal;
use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as State};
use bollard::query_parameters::{
    KillContainerOptions, ListContainersOptions, RemoveContainerOptions,
};
use futures_util::future::join_all;
use tokio::sync::watch;

use crate::snapshot::SavedTask;

pub(crate) use driver::drive;
pub(crate) use logs::LogFile;

/// The label that holds the sandbox a container belongs to.
const SANDBOX: &str = "theseus.sandbox";
/// The label that holds the task that it is.
const TASK: &str = "theseus.task";

/// No request takes longer to be answered.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a container that is removed has to end by itself.
const FAREWELL: Duration = Duration::from_secs(3);

/// Where the engine is, and what a sandbox wants of it.
#[derive(Clone, Debug)]
pub struct DockerConfig {
    /// The engine's socket.
    pub socket: PathBuf,
    /// Tells the containers of this sandbox from those of others.
    pub sandbox: String,
    /// Where the files of tasks are kept.
    pub directory: PathBuf,
    /// `stdout` and `stderr` become `stdout.1` and `stderr.1` when they are so long, in bytes; of
    /// each two such are kept.
    pub log_size: u64,
    /// The file in which `docker login` keeps what it learns.
    pub credentials: Option<PathBuf>,
}

/// The local Docker Engine as one sandbox uses it. Clones are the same.
#[derive(Clone, Debug)]
pub struct Docker {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: bollard::Docker,
    config: DockerConfig,
    machine: Machine,
    /// What was found at the start.
    found: Vec<SavedTask>,
    /// Set once nothing is to be done to containers any more.
    closed: watch::Sender<bool>,
}

/// What the machine behind the engine has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// Processors.
    pub cpus: f64,
    /// MiB of memory.
    pub mem: f64,
}

/// What keeps the engine from being used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DockerError {
    /// There is no such socket, or nobody behind it.
    #[error("no Docker Engine answers at {}", .socket.display())]
    Absent {
        /// Where it was looked for.
        socket: PathBuf,
        /// What was said instead.
        #[source]
        source: Refusal,
    },
    /// The socket belongs to others.
    #[error("you may not use the Docker Engine at {}", .socket.display())]
    Forbidden {
        /// Where it is.
        socket: PathBuf,
        /// What was said.
        #[source]
        source: Refusal,
    },
    /// It runs other things than Linux containers.
    #[error("the Docker Engine runs containers of {0}, not of linux")]
    Foreign(String),
    /// A request failed.
    #[error("cannot {what}")]
    Failed {
        /// What was tried.
        what: &'static str,
        /// Why it did not work.
        #[source]
        source: Refusal,
    },
}

impl Docker {
    /// Finds the engine, and those containers on it that belong to the sandbox. What was made and
    /// never started is removed.
    pub async fn open(config: DockerConfig) -> Result<Self, DockerError> {
        let client = connect(&config.socket).await?;
        let info = client
            .info()
            .await
            .map_err(failed("ask the Docker Engine what it is"))?;
        if let Some(kind) = info.os_type.filter(|kind| kind != "linux") {
            return Err(DockerError::Foreign(kind));
        }
        #[expect(clippy::cast_precision_loss, reason = "no machine has so much")]
        let machine = Machine {
            cpus: info.ncpu.unwrap_or(1) as f64,
            mem: (info.mem_total.unwrap_or(1 << 30) / (1 << 20)) as f64,
        };
        let mut found = Vec::new();
        for container in owned(&client, Some(&config.sandbox)).await? {
            let task = saved(&container);
            let never_ran = matches!(container.state, Some(State::CREATED | State::DEAD) | None);
            match task {
                Some(task) if !never_ran => found.push(task),
                _ => remove(&client, container.id.as_deref().unwrap_or_default()).await?,
            }
        }
        Ok(Self {
            inner: Arc::new(Inner {
                client,
                config,
                machine,
                found,
                closed: watch::Sender::new(false),
            }),
        })
    }

    /// What the machine behind it has.
    pub fn machine(&self) -> Machine {
        self.inner.machine
    }

    /// How many containers of an earlier time were found.
    pub fn found(&self) -> usize {
        self.inner.found.len()
    }

    /// From now on containers are left alone, whatever becomes of the sandbox.
    pub fn leave(&self) {
        self.inner.closed.send_replace(true);
    }

    /// [Leaves](Self::leave) the containers and removes them; says how many there were.
    pub async fn clear(&self) -> Result<usize, DockerError> {
        self.leave();
        clear(&self.inner.client, &self.inner.config.sandbox).await
    }

    pub(crate) fn found_tasks(&self) -> &[SavedTask] {
        &self.inner.found
    }

    pub(crate) fn client(&self) -> &bollard::Docker {
        &self.inner.client
    }

    /// The directory of a task. Its id comes from whoever posted the app, and stays one name.
    pub(crate) fn directory(&self, task: &str) -> PathBuf {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        let name: String = task
            .char_indices()
            .map(|(index, letter)| match letter {
                '.' if index > 0 => '.',
                letter if plain(letter) => letter,
                _ => '_',
            })
            .collect();
        self.inner.config.directory.join(name)
    }

    fn log_size(&self) -> u64 {
        self.inner.config.log_size.max(1)
    }

    /// Removes the directories of tasks that are not among these.
    pub(crate) fn keep_files_of(&self, tasks: &[Arc<str>]) {
        let kept: Vec<PathBuf> = tasks.iter().map(|task| self.directory(task)).collect();
        let entries = std::fs::read_dir(&self.inner.config.directory);
        for entry in entries.into_iter().flatten().flatten() {
            if !kept.contains(&entry.path()) {
                // It takes room, and nothing else.
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// The sandboxes that have containers on the engine behind a socket, and how many each.
pub async fn sandboxes(socket: &Path) -> Result<HashMap<String, usize>, DockerError> {
    let client = connect(socket).await?;
    let mut counts = HashMap::new();
    for container in owned(&client, None).await? {
        if let Some(sandbox) = label(&container, SANDBOX) {
            *counts.entry(sandbox.to_owned()).or_default() += 1;
        }
    }
    Ok(counts)
}

/// Removes the containers of a sandbox that does not run; says how many there were.
pub async fn sweep(socket: &Path, sandbox: &str) -> Result<usize, DockerError> {
    clear(&connect(socket).await?, sandbox).await
}

async fn connect(socket: &Path) -> Result<bollard::Docker, DockerError> {
    let told = |source: Refusal| {
        let socket = socket.to_owned();
        if is_denied(&source) {
            DockerError::Forbidden { socket, source }
        } else {
            DockerError::Absent { socket, source }
        }
    };
    let path = socket.to_string_lossy();
    let client =
        bollard::Docker::connect_with_unix(&path, PATIENCE.as_secs(), bollard::API_DEFAULT_VERSION);
    client
        .map_err(told)?
        .negotiate_version()
        .await
        .map_err(told)
}

/// Whether the system let nobody through; the reason lies at the bottom of the error.
fn is_denied(error: &Refusal) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::PermissionDenied
        {
            return true;
        }
        cause = error.source();
    }
    false
}

fn failed(what: &'static str) -> impl Fn(Refusal) -> DockerError {
    move |source| DockerError::Failed { what, source }
}

/// The status that the engine answered with, if it did.
fn status(error: &Refusal) -> Option<u16> {
    match error {
        Refusal::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// What the engine says, without the words of the client around it.
fn words(error: &Refusal) -> String {
    let words = match error {
        Refusal::DockerResponseServerError { message, .. } => message,
        Refusal::DockerStreamError { error } => error,
        other => &other.to_string(),
    };
    words.trim().to_owned()
}

/// The containers of a sandbox, or of all, whatever their state.
async fn owned(
    client: &bollard::Docker,
    sandbox: Option<&str>,
) -> Result<Vec<ContainerSummary>, DockerError> {
    let label = sandbox.map_or_else(|| SANDBOX.to_owned(), |it| format!("{SANDBOX}={it}"));
    let options = ListContainersOptions {
        all: true,
        filters: Some(HashMap::from([("label".to_owned(), vec![label])])),
        ..ListContainersOptions::default()
    };
    let listed = client.list_containers(Some(options)).await;
    listed.map_err(failed("list the sandbox's containers"))
}

fn label<'a>(container: &'a ContainerSummary, name: &str) -> Option<&'a str> {
    let value = container.labels.as_ref()?.get(name)?;
    Some(value)
}

fn saved(container: &ContainerSummary) -> Option<SavedTask> {
    let mut task: SavedTask = serde_json::from_str(label(container, TASK)?).ok()?;
    let created = jiff::Timestamp::from_second(container.created?).ok()?;
    task.started_at
        .get_or_insert(crate::time::Stamp::from_timestamp(created));
    Some(task)
}

/// Removes a container with what it alone used. One that is gone is as good.
async fn remove(client: &bollard::Docker, container: &str) -> Result<(), DockerError> {
    let options = RemoveContainerOptions {
        force: true,
        v: true,
        ..RemoveContainerOptions::default()
    };
    match client.remove_container(container, Some(options)).await {
        // 409: somebody else is removing it.
        Err(error) if !matches!(status(&error), Some(404 | 409)) => {
            Err(failed("remove a container")(error))
        }
        _ => Ok(()),
    }
}

async fn signal(client: &bollard::Docker, container: &str, signal: &str) -> Result<(), Refusal> {
    let options = KillContainerOptions {
        signal: signal.to_owned(),
    };
    client.kill_container(container, Some(options)).await
}

/// Asks all to end, and removes them.
async fn clear(client: &bollard::Docker, sandbox: &str) -> Result<usize, DockerError> {
    let containers = owned(client, Some(sandbox)).await?;
    let ends = containers.iter().map(async |container| {
        let id = container.id.as_deref().unwrap_or_default();
        if container.state == Some(State::RUNNING) && signal(client, id, "SIGTERM").await.is_ok() {
            let ended = async {
                while life::runs(client, id).await {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            };
            // Who does not end by then is ended.
            let _ = tokio::time::timeout(FAREWELL, ended).await;
        }
        remove(client, id).await
    });
    let ends: Result<Vec<()>, DockerError> = join_all(ends).await.into_iter().collect();
    ends.map(|all| all.len())
}
