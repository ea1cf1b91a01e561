//! `theseus rollback`

use theseus_core::cluster::Revision;
use theseus_core::engine::Ask;
use theseus_core::model::GroupSelector;

use super::carry_out::{Options, do_as_asked};
use crate::args::Global;
use crate::failure::{Code, Failure};

const EXAMPLES: &str = "\
Examples:
  theseus rollback ingestor:dev            to what ran before
  theseus rollback ingestor:dev --to 3     to a revision that theseus history shows";

/// Bring groups back to an earlier revision, as a deploy would
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Groups such as ingestor:dev, or a service for all of its groups
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<GroupSelector>,
    /// Which revision, instead of the last one that ran before
    #[arg(long, value_name = "REV")]
    to: Option<Revision>,
    #[command(flatten)]
    options: Options,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let ask = Ask::Rollback(args.to);
    do_as_asked(global, &args.options, &args.groups, ask).await
}
