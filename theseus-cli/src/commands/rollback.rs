//! `theseus rollback`

use theseus_core::audit::Deed;
use theseus_core::cluster::{Revision, Scope};
use theseus_core::model::GroupSelector;
use theseus_core::plan::{self, Plan, RollbackError};

use super::carry_out::{Options, carry_out};
use super::selection::select;
use crate::args::Global;
use crate::connect::{Connection, connect};
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
    let connection = connect(global).await?.asked_to(Deed::Rollback);
    let plan = async || going_back(&connection, args).await;
    carry_out(global, &connection, &args.options, plan).await
}

async fn going_back(connection: &Connection, args: &Args) -> Result<Plan, Failure> {
    let observed = connection.engine.observe(&Scope::All).await?;
    let mut plan = Plan::default();
    for group in select(&observed, &args.groups)? {
        let history = connection.engine.history(group).await?;
        let state = &observed.groups[group];
        let back = plan::rollback(group, state, &history, args.to).map_err(no_way_back)?;
        plan.groups.push(back);
    }
    Ok(connection.engine.foresee(plan, &observed).await)
}

fn no_way_back(error: RollbackError) -> Failure {
    let message = error.to_string();
    match error {
        RollbackError::Unknown { group, .. } => {
            Failure::usage(message).hint(format!("theseus history {group} lists its revisions"))
        }
        RollbackError::NoHistory { group } => Failure::new(Code::Failed, message)
            .hint(format!("theseus history {group} lists its revisions")),
        _ => Failure::new(Code::Failed, message),
    }
}
