//! `theseus describe`

mod group;
mod host;

use theseus_core::model::GroupId;

use crate::args::Global;
use crate::failure::{Code, Failure};

const EXAMPLES: &str = "\
Examples:
  theseus describe ingestor:dev
  theseus describe host agent-3            a machine, and what runs on it";

/// Show one group, or one machine, in full: what it is, what runs, what happens
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    other: Option<Other>,
    /// A group such as ingestor:dev
    #[arg(value_name = "GROUP", required = true)]
    group: Option<GroupId>,
}

/// What else can be described.
#[derive(Debug, clap::Subcommand)]
enum Other {
    Host(host::Args),
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    match (&args.other, &args.group) {
        (Some(Other::Host(args)), _) => host::run(global, args).await,
        (None, Some(group)) => group::run(global, group).await,
        (None, None) => Err(Failure::usage("describe what? name a group, or host NAME")),
    }
}
