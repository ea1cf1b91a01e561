//! `theseus sandbox`

mod docker;

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use jiff::Timestamp;
use theseus_core::plan::Desired;
use theseus_core::registry::Happening;
use theseus_sandbox::{HostConfig, MarathonVersion, SandboxConfig, SandboxServer, Snapshot};
use tokio::net::TcpListener;
use url::Url;

use super::carry_out::{Manner, Options, carry_out};
use super::manifests;
use super::registrar;
use super::viewer::{self, listen};
use crate::args::{Format, Global, parse_duration};
use crate::config::Subscriber;
use crate::connect::{self, Connection};
use crate::failure::{Code, Failure};
use crate::interrupt;
use crate::output::style::{STRONG, paint};
use crate::output::{print, print_json, say};
use crate::sandbox_file::{Running, SandboxFile, state_dir};
use crate::saved_plan::create_private;
use theseus_viewer::{Exposure, Token};

const EXAMPLES: &str = "\
Examples:
  theseus sandbox --deploy examples/ingestor.yaml
  theseus sandbox --hosts 20 --start-delay 200ms --state ./sandbox
  theseus sandbox --runtime docker --deploy web.yaml   real containers, on this machine's Docker
  theseus sandbox --runtime docker --state ./sandbox --keep
  theseus sandbox down                                 remove what sandboxes left in Docker";

/// How often the state of the cluster is kept, where it is to be kept.
const KEEP_EVERY: Duration = Duration::from_secs(5);

/// Run a cluster on this machine: a Marathon, a store and the viewer, to try things out
///
/// It runs in the foreground until Ctrl-C. Other commands find it by themselves, or as
/// --context sandbox.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// A manifest to deploy on it at once; may be given several times
    #[arg(long, value_name = "FILE")]
    deploy: Vec<PathBuf>,
    /// How many machines the cluster has
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    hosts: u16,
    /// What a container is
    #[arg(long, value_enum, default_value_t = Runtime::Simulated)]
    runtime: Runtime,
    /// How long a simulated container takes to start, such as 500ms or 2s
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = parse_duration)]
    start_delay: Duration,
    /// Which Marathon it is: a series such as 0.7, 1.4 or 1.11, or one release of it such as 1.4.2
    #[arg(long, value_name = "VERSION", default_value_t)]
    marathon_version: MarathonVersion,
    /// The port of its Marathon; 0 for any
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The port of its viewer; 0 for any
    #[arg(long, default_value_t = viewer::PORT)]
    viewer_port: u16,
    /// Let whoever has the viewer's token deploy, scale, roll back, and so on, in a browser too
    ///
    /// The token is made anew each time, and is in the file that is told.
    #[arg(long)]
    allow_changes: bool,
    /// The port at which its registrar serves /health and /metrics; 0 for any
    #[arg(long, default_value_t = 0)]
    registrar_port: u16,
    /// Keep cluster and records in this directory, to go on from there the next time
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Leave the containers in Docker when the sandbox ends, for the next one with the same --state
    #[arg(long, requires = "state")]
    keep: bool,
}

/// What else can be done about sandboxes.
#[derive(Debug, clap::Subcommand)]
enum Action {
    Down(docker::Down),
}

/// What a container of the sandbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Runtime {
    /// A name with a state: nothing is run
    Simulated,
    /// A container of the Docker Engine on this machine
    Docker,
}

pub(crate) async fn run(global: &Global, args: Args) -> Result<Code, Failure> {
    if let Some(Action::Down(down)) = &args.action {
        return docker::down(global, down).await;
    }
    if args.keep && args.runtime == Runtime::Simulated {
        return Err(Failure::usage(
            "--keep is about containers of --runtime docker".to_owned(),
        ));
    }
    // A manifest with a fault is told before anything is started.
    let desired = if args.deploy.is_empty() {
        None
    } else {
        Some(Desired::from(manifests::read(&args.deploy)?))
    };
    let kept = args.state.as_deref().map(Kept::open).transpose()?;
    let real = match args.runtime {
        Runtime::Simulated => None,
        Runtime::Docker => {
            let directory = kept.as_ref().map(|kept| kept.directory.as_path());
            Some(docker::Real::open(directory, args.port).await?)
        }
    };
    let server = start(&args, kept.as_ref(), real.as_ref()).await?;
    let own = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let viewer_listener = listen(own(args.viewer_port), "viewer").await?;
    let registrar_listener = listen(own(args.registrar_port), "registrar").await?;
    let directory = match (&kept, &real) {
        (Some(kept), _) => kept.directory.clone(),
        (None, Some(real)) => real.directory().to_owned(),
        (None, None) => scratch(server.address().port())?,
    };
    let running = Running {
        url: address_url(server.address())?,
        viewer: address_url(place(&viewer_listener)?)?,
        registrar: Some(address_url(place(&registrar_listener)?)?),
        store: directory.join("store.db"),
        pid: std::process::id(),
    };
    let connection = connect::sandbox(&running, subscriber(&registrar_listener)?).await?;
    let _file = SandboxFile::write(&running)?;
    let exposure = exposure(&args, &directory)?;
    announce(global, &running)?;

    let pages = viewer::of(&connection);
    let (quit, quitting) = tokio::sync::oneshot::channel::<()>();
    let stop = async {
        // Dropping the sender means the same.
        let _ = quitting.await;
    };
    let serving = theseus_viewer::serve(viewer_listener, pages, exposure, stop);
    let serving = tokio::spawn(serving);
    let keeping = async {
        match &kept {
            Some(kept) => kept.keep_on(&server).await,
            None => std::future::pending().await,
        }
    };
    let working = async {
        if let Some(desired) = &desired {
            deploy(global, &connection, desired).await;
        }
        suggest(global, &running, &args);
        std::future::pending::<()>().await;
    };
    // A deploy that is under way is broken off: its cluster ends with it.
    tokio::select! {
        () = interrupt::requested() => {}
        () = working => {}
        () = keeping => {}
        () = register(registrar_listener, &connection) => {}
    }
    say("Stopping the sandbox.\n");
    connection.cluster.unsubscribe().await;
    drop(quit);
    // What is decided from now on is for nobody.
    if let Some(real) = &real {
        real.leave();
    }
    let outcome = serving.await;
    if let Some(kept) = &kept {
        kept.keep(&server)?;
    }
    server.shutdown().await;
    if let Some(real) = real {
        real.end(args.keep).await?;
    }
    if kept.is_none() {
        let _ = std::fs::remove_dir_all(&directory);
    }
    match outcome {
        Ok(Err(error)) => Err(error.into()),
        _ => Ok(Code::Done),
    }
}

async fn start(
    args: &Args,
    kept: Option<&Kept>,
    real: Option<&docker::Real>,
) -> Result<SandboxServer, Failure> {
    let hosts = match real {
        Some(real) => real.hosts(args.hosts)?,
        None => HostConfig::several(usize::from(args.hosts)),
    };
    let config = SandboxConfig {
        version: args.marathon_version,
        hosts,
        docker: real.map(docker::Real::docker),
        start_delay: args.start_delay,
        state: kept.map(Kept::load).transpose()?.flatten(),
        seed: u64::from(std::process::id()),
        ..SandboxConfig::default()
    };
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), args.port);
    SandboxServer::start(config, address)
        .await
        .map_err(|error| {
            Failure::new(
                Code::Failed,
                format!("cannot listen on {address} for the sandbox's Marathon: {error}"),
            )
            .hint(
                "something else listens there, perhaps another sandbox: choose another with --port",
            )
        })
}

/// Keeps the registry true, and tells how that fares.
async fn register(listener: TcpListener, connection: &Connection) {
    let board = Arc::new(registrar::Board::new(Timestamp::now()));
    let note = |happening: Happening| {
        tracing::debug!(?happening, "registrar");
        board.note(&happening, Timestamp::now());
    };
    let registrar = registrar::of(connection, registrar::SAMPLE_EVERY);
    tokio::select! {
        () = registrar.run(&note, std::future::pending()) => {}
        failure = registrar::serve(listener, connection, Arc::clone(&board)) => failure.print(),
    }
}

/// Where an old Marathon is to send what happens.
fn subscriber(listener: &TcpListener) -> Result<Subscriber, Failure> {
    let address = place(listener)?;
    Ok(Subscriber {
        host: address.ip().to_string(),
        port: Some(address.port()),
    })
}

fn place(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| cannot_listen(&error))
}

fn cannot_listen(error: &std::io::Error) -> Failure {
    Failure::new(Code::Failed, format!("cannot listen: {error}"))
}

fn address_url(address: SocketAddr) -> Result<Url, Failure> {
    Url::parse(&format!("http://{address}"))
        .map_err(|error| Failure::new(Code::Failed, format!("{address} is no address: {error}")))
}

/// A directory for the records of a sandbox that keeps nothing. Its port is its own while it runs,
/// so whatever lies there is left over from one that was killed.
fn scratch(port: u16) -> Result<PathBuf, Failure> {
    let directory = state_dir()?.join(format!("sandbox-{port}"));
    match std::fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::file("clear", &directory, &error));
        }
        _ => {}
    }
    std::fs::create_dir_all(&directory)
        .map_err(|error| Failure::file("make", &directory, &error))?;
    Ok(directory)
}

/// The viewer of a sandbox is for this machine alone; changes take a token all the same, since pages of
/// other sites run on this machine, too.
fn exposure(args: &Args, directory: &Path) -> Result<Exposure, Failure> {
    if !args.allow_changes {
        return Ok(Exposure::default());
    }
    let failed =
        |error: std::io::Error| Failure::new(Code::Failed, format!("cannot make a token: {error}"));
    let (token, text) = Token::generate().map_err(failed)?;
    let path = token_file(directory);
    let mut file = create_private(&path).map_err(|error| Failure::file("write", &path, &error))?;
    writeln!(file, "{text}").map_err(|error| Failure::file("write", &path, &error))?;
    Ok(Exposure {
        token: Some(token),
        allow_changes: true,
        ..Exposure::default()
    })
}

/// Where the token of the viewer is.
fn token_file(directory: &Path) -> PathBuf {
    directory.join("viewer.token")
}

fn announce(global: &Global, running: &Running) -> Result<(), Failure> {
    if global.format == Format::Json {
        return print_json(running);
    }
    let registrar = running.registrar.as_ref().map_or_else(String::new, |url| {
        format!("  registrar {url}health, {url}metrics\n")
    });
    print(&format!(
        "{}\n  Marathon  {}\n  viewer    {}\n{registrar}",
        paint(STRONG, "The sandbox runs."),
        running.url,
        running.viewer,
    ))
}

/// Deploys what was asked for. The sandbox goes on whatever comes of it.
async fn deploy(global: &Global, connection: &Connection, desired: &Desired) {
    let options = Options::from(Manner::unasked());
    let plan = async || Ok(connection.engine.plan(desired).await?);
    let result = carry_out(global, connection, &options, plan);
    if let Err(failure) = result.await {
        failure.print();
    }
}

/// Says what to try next, in another terminal.
fn suggest(global: &Global, running: &Running, args: &Args) {
    if global.format == Format::Json {
        return;
    }
    let file = args.deploy.first().map_or_else(
        || "examples/ingestor.yaml".to_owned(),
        |file| file.display().to_string(),
    );
    say(&format!(
        "\nTry next, in another terminal:\n  \
         theseus status\n  \
         theseus ps\n  \
         edit {file}, then: theseus plan {file}\n  \
         theseus deploy {file}\n\
         or open {} in a browser. Ctrl-C ends the sandbox.\n",
        running.viewer,
    ));
    if let (true, Some(directory)) = (args.allow_changes, running.store.parent()) {
        let token = token_file(directory);
        say(&format!(
            "Sign in there with the token that this shows: cat {token}\n\
             Programs send it, too: curl -H \"Authorization: Bearer $(cat {token})\" {}api/v1/status\n",
            running.viewer,
            token = token.display(),
        ));
    }
}

/// A directory in which the sandbox keeps its state.
struct Kept {
    directory: PathBuf,
}

impl Kept {
    fn open(directory: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(directory)
            .map_err(|error| Failure::file("make", directory, &error))?;
        let directory = std::fs::canonicalize(directory)
            .map_err(|error| Failure::file("find", directory, &error))?;
        Ok(Self { directory })
    }

    fn file(&self) -> PathBuf {
        self.directory.join("cluster.json")
    }

    fn load(&self) -> Result<Option<Snapshot>, Failure> {
        let path = self.file();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read", &path, &error)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            Failure::usage(format!(
                "{} is no state of a sandbox: {error}",
                path.display()
            ))
        })
    }

    fn keep(&self, server: &SandboxServer) -> Result<(), Failure> {
        let path = self.file();
        let beside = path.with_extension("json.new");
        let text = serde_json::to_vec(&server.sandbox().snapshot()).map_err(|error| {
            Failure::new(Code::Failed, format!("cannot write the state: {error}"))
        })?;
        std::fs::write(&beside, text).map_err(|error| Failure::file("write", &beside, &error))?;
        std::fs::rename(&beside, &path).map_err(|error| Failure::file("write", &path, &error))
    }

    /// Keeps the state now and then, so that little is lost when the sandbox is killed.
    async fn keep_on(&self, server: &SandboxServer) {
        loop {
            tokio::time::sleep(KEEP_EVERY).await;
            if let Err(failure) = self.keep(server) {
                failure.print();
            }
        }
    }
}
