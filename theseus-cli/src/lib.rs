//! The `theseus` command, and `theseus-viewer`, which is one of its commands by itself: a thin layer of
//! arguments, words and colours over `theseus-core`. Both are binaries of this crate; it is a library
//! only so that they share everything.

mod args;
mod commands;
mod config;
mod connect;
mod failure;
mod identity;
mod interrupt;
mod memory;
mod output;
mod proxy;
mod rehearsal;
mod sandbox_file;
mod saved_plan;

use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime;

use crate::args::{Cli, Command, Global, ViewerCli};
use crate::failure::{Code, Failure};

/// Large plans are made of very many small pieces, by several threads at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The `theseus` program.
pub fn theseus() -> ExitCode {
    let cli = Cli::parse();
    output::set_up(&cli.global);
    let runtime = runtime(&cli.command);
    run(runtime, commands::run(cli))
}

/// The `theseus-viewer` program.
pub fn viewer() -> ExitCode {
    let ViewerCli { global, args } = ViewerCli::parse();
    output::set_up(&global);
    run(runtime::Builder::new_multi_thread(), view(global, args))
}

async fn view(global: Global, args: commands::viewer::Args) -> Result<Code, Failure> {
    commands::viewer::run(&global, &args).await
}

/// What a command runs on.
fn runtime(command: &Command) -> runtime::Builder {
    match command {
        // One look at one store: handing each piece of it from thread to thread would take longer than
        // what is done with it.
        Command::Endpoints(_) => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    }
}

/// Does it, and tells what went wrong.
fn run(
    mut runtime: runtime::Builder,
    command: impl Future<Output = Result<Code, Failure>>,
) -> ExitCode {
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("theseus: cannot start: {error}");
            return ExitCode::from(1);
        }
    };
    let result = runtime.block_on(command);
    // Whatever still runs in the background has nothing left to do that anybody waits for.
    runtime.shutdown_background();
    match result {
        Ok(code) => code.into(),
        Err(failure) => {
            failure.print();
            failure.code.into()
        }
    }
}
