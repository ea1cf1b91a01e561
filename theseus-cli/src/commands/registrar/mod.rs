//! `theseus registrar`

mod board;
mod http;
mod metrics;
mod samples;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use theseus_core::causes::chain;
use theseus_core::registry::{Happening, Registrar};
use tokio::net::TcpListener;

pub(crate) use self::board::Board;
use crate::args::{Global, parse_duration};
use crate::config::Subscriber;
use crate::connect::{Connection, connect};
use crate::failure::{Code, Failure};
use crate::output::say;
use crate::output::style::{CHANGE, GOOD, paint};
use crate::{identity, interrupt, memory};

/// Where it listens unless the configuration says otherwise.
const PORT: u16 = 5000;

const EXAMPLES: &str = "\
Examples:
  theseus registrar                            where mesos.yaml has subscriber: {host: …, port: …}
  theseus registrar --listen 127.0.0.1:5000
  curl -s http://127.0.0.1:5000/health";

/// Keep the registry true: who runs where, on which ports
///
/// It follows the cluster and writes into the store what endpoints and other programs read there.
/// Several may run: one leads, and within ten seconds another takes its place. On its address it
/// serves /health, which answers 503 while it cannot do its work, and /metrics for Prometheus; what
/// a Marathon without an event stream sends to the subscriber of mesos.yaml is to arrive there, too.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Listen here, instead of at the subscriber of mesos.yaml
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Look so often at what containers use, for the history of the last hour and the last week;
    /// not at all with 0s
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "10s")]
    sample_every: Duration,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    memory::in_small_pages();
    let connection = connect(global).await?;
    let address = address(args, connection.subscriber.as_ref());
    let board = Arc::new(Board::new(Timestamp::now()));
    let listener = match &address {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    say(&format!(
        "The registrar of {}{}; Ctrl-C ends it.\n",
        connection.name,
        address.map_or_else(
            || " serves no /health: mesos.yaml has no subscriber".to_owned(),
            |address| format!(" is at http://{address}"),
        )
    ));
    let serving = async {
        match listener {
            Some(listener) => serve(listener, &connection, Arc::clone(&board)).await,
            None => std::future::pending().await,
        }
    };
    let registrar = of(&connection, args.sample_every);
    let tell = |happening: Happening| {
        if let Some(text) = words(&happening, &board) {
            say(&text);
        }
        board.note(&happening, Timestamp::now());
    };
    tokio::select! {
        () = registrar.run(&tell, interrupt::requested()) => {}
        failure = serving => return Err(failure),
    }
    // What was left with Marathon so that it tells what happens goes with whoever was told.
    connection.cluster.unsubscribe().await;
    Ok(Code::Done)
}

/// Serves how a registrar fares, and takes in what a Marathon without an event stream sends to the
/// same address. It goes on for as long as it is polled; says why no longer.
pub(crate) async fn serve(
    listener: TcpListener,
    connection: &Connection,
    board: Arc<Board>,
) -> Failure {
    let router = http::router(board).merge(connection.marathon.callbacks());
    let served = axum::serve(listener, router).await;
    let why = served.map_or_else(|error| chain(&error), |()| "it came to an end".to_owned());
    Failure::new(Code::Failed, format!("cannot listen: {why}"))
}

/// How often a registrar looks at what is used, unless something else is said.
pub(crate) const SAMPLE_EVERY: Duration = Duration::from_secs(10);

/// A registrar of this cluster and this store, which looks so often at what is used.
pub(crate) fn of(connection: &Connection, sample_every: Duration) -> Registrar {
    let (cluster, store) = (connection.cluster.clone(), connection.store.clone());
    let registrar = Registrar::new(cluster, store, Timestamp::now).in_the_name_of(identity::own());
    if sample_every.is_zero() {
        return registrar;
    }
    registrar.sampling_every(sample_every)
}

fn address(args: &Args, subscriber: Option<&Subscriber>) -> Option<String> {
    let configured = || {
        let Subscriber { host, port } = subscriber?;
        Some(format!("{host}:{}", port.unwrap_or(PORT)))
    };
    args.listen.clone().or_else(configured)
}

async fn listen(address: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(
            Code::Failed,
            format!("cannot listen on {address} for the registrar: {error}"),
        )
        .hint("subscriber in mesos.yaml is to be an address of this machine; --listen 0.0.0.0:5000 takes all of them")
    })
}

/// What a person is told of it; what goes on without end is for /health and /metrics.
fn words(happening: &Happening, board: &Board) -> Option<String> {
    Some(match happening {
        Happening::Leads => format!("{}\n", paint(GOOD, "It leads.")),
        Happening::StandsBy { holder } => match holder {
            Some(holder) => format!(
                "It stands by: {} leads since {:.0}.\n",
                holder.by, holder.since
            ),
            None => "It stands by: another one leads.\n".to_owned(),
        },
        Happening::Yielded { reason } => {
            format!("{}: {reason}\n", paint(CHANGE, "It does not lead any more"))
        }
        Happening::Trouble { with, message } if board.is_new_trouble(message) => {
            format!(
                "{} {message}\n",
                paint(CHANGE, &format!("trouble with the {with}:"))
            )
        }
        Happening::Settled(_) if board.is_in_trouble() => {
            format!("{}\n", paint(GOOD, "The registry is true again."))
        }
        _ => return None,
    })
}
