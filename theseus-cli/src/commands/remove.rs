//! `theseus remove`

use theseus_core::engine::Ask;
use theseus_core::model::GroupSelector;

use super::carry_out::{Options, do_as_asked};
use crate::args::Global;
use crate::failure::{Code, Failure};

const EXAMPLES: &str = "\
Examples:
  theseus remove ingestor:dev
  theseus remove ingestor --yes            all groups of the service";

/// Take groups away: their containers and their records
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Groups such as ingestor:dev, or a service for all of its groups
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<GroupSelector>,
    #[command(flatten)]
    options: Options,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    do_as_asked(global, &args.options, &args.groups, Ask::Remove).await
}
