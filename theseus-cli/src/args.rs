//! The arguments that all commands share, and the list of commands.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use theseus_core::model::duration;

use crate::commands;

const EXAMPLES: &str = "\
Examples:
  theseus sandbox --deploy examples/ingestor.yaml   a cluster on this machine, with a group on it
  theseus plan ingestor.yaml                        what a deploy would change
  theseus deploy ingestor.yaml                      plan, ask, carry out
  theseus status                                    what is deployed
  theseus logs ingestor:dev --follow                what its containers write
  theseus scale ingestor:dev 8                      more containers
  theseus rollout status ingestor:dev --watch       what happens to it now
  theseus rollback ingestor:dev                     back to what ran before

Exit codes: 0 done, 1 failed, 2 wrong usage or manifest, 3 rolled back, 4 somebody else is at it
or the plan is stale, 5 cluster or store out of reach, 10 plan --exit-code found changes.";

/// Services and labeled groups of containers on Marathon.
///
/// Describe services and their labeled groups in one YAML file, look at the plan, deploy it.
/// Theseus creates, scales, rolls and removes what is needed, and keeps track of it.
#[derive(Debug, Parser)]
#[command(name = "theseus", version, after_help = EXAMPLES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Serve the web viewer of Theseus, and its API
///
/// The same as `theseus viewer`.
#[derive(Debug, Parser)]
#[command(name = "theseus-viewer", version)]
pub(crate) struct ViewerCli {
    #[command(flatten)]
    pub(crate) args: commands::viewer::Args,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// What every command understands.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The cluster and store to talk to, by its name in mesos.yaml, or `sandbox`
    #[arg(
        long,
        global = true,
        env = "THESEUS_CONTEXT",
        hide_env_values = true,
        value_name = "NAME"
    )]
    pub(crate) context: Option<String>,
    /// The configuration, instead of ./mesos.yaml
    #[arg(
        long,
        global = true,
        env = "THESEUS_CONFIG",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub(crate) config: Option<PathBuf>,
    /// For people (`text`) or for programs (`json`)
    #[arg(long, global = true, value_enum, hide_possible_values = true, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// When to use colours: `auto` (on a terminal, unless `NO_COLOR` is set), `always` or `never`
    #[arg(long, global = true, value_enum, hide_possible_values = true, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Tell more of what goes on; twice for everything
    #[arg(long, short, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    /// Tell only results and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// Reads a duration where an argument is one.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| format!("expected {}", duration::EXPECTED))
}

/// For whom output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Even into a pipe
    Always,
    /// Not at all
    Never,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Sandbox(commands::sandbox::Args),
    Validate(commands::validate::Args),
    Plan(commands::plan::Args),
    Deploy(commands::deploy::Args),
    Remove(commands::remove::Args),
    Scale(commands::scale::Args),
    Restart(commands::restart::Args),
    Rollback(commands::rollback::Args),
    Rollout(commands::rollout::Args),
    Adopt(commands::adopt::Args),
    Export(commands::export::Args),
    History(commands::history::Args),
    Status(commands::status::Args),
    Ps(commands::ps::Args),
    Describe(commands::describe::Args),
    Hosts(commands::hosts::Args),
    Top(commands::top::Args),
    Logs(commands::logs::Args),
    Endpoints(commands::endpoints::Args),
    Events(commands::events::Args),
    Registrar(commands::registrar::Args),
    Doctor(commands::doctor::Args),
    Viewer(commands::viewer::Args),
    Completions(commands::completions::Args),
}
