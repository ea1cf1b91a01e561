//! One file per command: its arguments, whose doc comments are its help, and what it does.

pub(crate) mod adopt;
pub(crate) mod completions;
pub(crate) mod deploy;
pub(crate) mod describe;
pub(crate) mod doctor;
pub(crate) mod endpoints;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod hosts;
pub(crate) mod logs;
pub(crate) mod plan;
pub(crate) mod ps;
pub(crate) mod registrar;
pub(crate) mod remove;
pub(crate) mod restart;
pub(crate) mod rollback;
pub(crate) mod rollout;
pub(crate) mod sandbox;
pub(crate) mod scale;
pub(crate) mod status;
pub(crate) mod top;
pub(crate) mod validate;
pub(crate) mod viewer;

mod carry_out;
mod detach;
pub(crate) mod manifests;
mod selection;
mod waiting;

use crate::args::{Cli, Command};
use crate::failure::{Code, Failure};

/// Does what was asked for.
pub(crate) async fn run(cli: Cli) -> Result<Code, Failure> {
    let global = &cli.global;
    match cli.command {
        Command::Sandbox(args) => sandbox::run(global, args).await,
        Command::Validate(args) => validate::run(global, &args),
        Command::Plan(args) => plan::run(global, &args).await,
        Command::Deploy(args) => deploy::run(global, &args).await,
        Command::Remove(args) => remove::run(global, &args).await,
        Command::Scale(args) => scale::run(global, &args).await,
        Command::Restart(args) => restart::run(global, &args).await,
        Command::Rollback(args) => rollback::run(global, &args).await,
        Command::Rollout(args) => rollout::run(global, &args).await,
        Command::Adopt(args) => adopt::run(global, &args).await,
        Command::Export(args) => export::run(global, &args).await,
        Command::History(args) => history::run(global, &args).await,
        Command::Status(args) => status::run(global, &args).await,
        Command::Ps(args) => ps::run(global, &args).await,
        Command::Describe(args) => describe::run(global, &args).await,
        Command::Hosts(args) => hosts::run(global, &args).await,
        Command::Top(args) => top::run(global, &args).await,
        Command::Logs(args) => logs::run(global, &args).await,
        Command::Endpoints(args) => endpoints::run(global, &args).await,
        Command::Events(args) => events::run(global, &args).await,
        Command::Registrar(args) => registrar::run(global, &args).await,
        Command::Doctor(args) => doctor::run(global, &args).await,
        Command::Viewer(args) => viewer::run(global, &args).await,
        Command::Completions(args) => completions::run(&args),
    }
}
