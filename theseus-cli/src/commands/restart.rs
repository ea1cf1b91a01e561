//! `theseus restart`

use theseus_core::audit::Deed;
use theseus_core::cluster::Scope;
use theseus_core::model::GroupSelector;
use theseus_core::plan::{self, Plan};

use super::carry_out::{Options, carry_out};
use super::selection::{lost_record, select};
use crate::args::Global;
use crate::connect::{Connection, connect};
use crate::failure::{Code, Failure};

const EXAMPLES: &str = "\
Examples:
  theseus restart ingestor:dev
  theseus restart ingestor --yes           all groups of the service";

/// Replace every container of groups by a new one of the same kind, as a deploy would
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
    let connection = connect(global).await?.asked_to(Deed::Restart);
    let plan = async || restarting(&connection, &args.groups).await;
    carry_out(global, &connection, &args.options, plan).await
}

async fn restarting(connection: &Connection, groups: &[GroupSelector]) -> Result<Plan, Failure> {
    let observed = connection.engine.observe(&Scope::All).await?;
    let mut plan = Plan::default();
    for group in select(&observed, groups)? {
        let state = &observed.groups[group];
        let restarted = plan::restart(group, state).ok_or_else(|| lost_record(group))?;
        plan.groups.push(restarted);
    }
    Ok(connection.engine.foresee(plan, &observed).await)
}
