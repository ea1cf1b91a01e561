//! The `theseus` command: a thin layer of arguments, words and colours over `theseus-core`.

mod args;
mod commands;
mod config;
mod connect;
mod failure;
mod identity;
mod interrupt;
mod output;
mod rehearsal;
mod sandbox_file;
mod saved_plan;

use std::process::ExitCode;

use clap::Parser;

use args::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    output::set_up(&cli.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("theseus: cannot start: {error}");
            return ExitCode::from(1);
        }
    };
    let result = runtime.block_on(commands::run(cli));
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
