//! `theseus scale`

use theseus_core::engine::Ask;
use theseus_core::model::GroupSelector;

use super::carry_out::{Options, do_as_asked};
use crate::args::Global;
use crate::failure::{Code, Failure};

const EXAMPLES: &str = "\
Examples:
  theseus scale ingestor:dev 8
  theseus scale ingestor 0 --yes           all groups of the service";

/// Give groups another number of containers; those that stay are not touched
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Groups such as ingestor:dev, or a service for all of its groups
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<GroupSelector>,
    /// How many containers each is to have
    #[arg(value_name = "INSTANCES", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    instances: u32,
    #[command(flatten)]
    options: Options,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let ask = Ask::Scale(args.instances);
    do_as_asked(global, &args.options, &args.groups, ask).await
}
