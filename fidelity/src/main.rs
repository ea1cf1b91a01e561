//! `theseus-fidelity --url http://HOST:PORT`: tries on a Marathon what must hold of every one.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use theseus_fidelity::{HttpWire, Suite, Version, probes};

/// Tries on a Marathon what must hold of every one, and tells where it differs.
///
/// Everything that it makes lives under one group with a name of its own, /theseus-fidelity-…, and is
/// deleted at the end, after a failure and after Ctrl-C, too. It starts a few dozen small tasks
/// (`sleep 1000`, 0.01 CPUs and 32 MiB each), some at the same time.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask fidelity", disable_version_flag = true)]
struct Arguments {
    /// The address of the Marathon.
    #[arg(long, required_unless_present = "list")]
    url: Option<String>,
    /// The version whose facts must hold, rather than that which it tells.
    #[arg(long, value_parser = version)]
    version: Option<Version>,
    /// Only the probes whose names hold this text.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Lists the probes with their versions and where their facts stand; needs no Marathon.
    #[arg(long)]
    list: bool,
}

fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).ok_or_else(|| "not a version such as 1.5.11".to_owned())
}

#[tokio::main]
async fn main() -> ExitCode {
    match start(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprint!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprint!(": {error}");
                cause = error.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well.
async fn start(arguments: Arguments) -> Result<bool, Box<dyn Error>> {
    let Some(url) = arguments.url.filter(|_| !arguments.list) else {
        list(arguments.version, arguments.only.as_deref());
        return Ok(true);
    };
    let suite = Suite {
        wire: Arc::new(HttpWire::new()?),
        url: url.trim_end_matches('/').to_owned(),
        version: arguments.version,
        group: Suite::fresh_group(),
        patience: Duration::from_secs(60),
        parallel: 4,
        only: arguments.only,
    };
    let outline = suite.look().await?;
    println!(
        "{} probes for Marathon {} at {}; all that they make lives under /{} and is deleted at the end",
        outline.probes.len(),
        outline.version,
        suite.url,
        suite.group
    );
    let stop = async {
        // Without a way to be told, it is never told.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        eprintln!("stopping: cleaning up first");
    };
    let report = suite.run(&outline, |trial| println!("{trial}"), stop).await;
    println!("{report}");
    Ok(report.is_well())
}

fn list(version: Option<Version>, only: Option<&str>) {
    for probe in probes::all() {
        let is_wanted = version.is_none_or(|it| probe.is_for(it))
            && only.is_none_or(|only| probe.name().contains(only));
        if is_wanted {
            println!(
                "{:<48} {:<40} {}",
                probe.name(),
                probe.versions(),
                probe.origin()
            );
        }
    }
}
