//! `theseus remove`

use theseus_core::audit::Deed;
use theseus_core::cluster::Scope;
use theseus_core::model::GroupSelector;
use theseus_core::plan::{self, Desired, Plan};

use super::carry_out::{Options, carry_out};
use super::selection::select;
use crate::args::Global;
use crate::connect::{Connection, connect};
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
    let connection = connect(global).await?.asked_to(Deed::Remove);
    let plan = async || removal(&connection, &args.groups).await;
    carry_out(global, &connection, &args.options, plan).await
}

async fn removal(connection: &Connection, groups: &[GroupSelector]) -> Result<Plan, Failure> {
    let observed = connection.engine.observe(&Scope::All).await?;
    let remove = select(&observed, groups)?.into_iter().cloned().collect();
    let desired = Desired {
        remove,
        ..Desired::default()
    };
    let plan = plan::plan(&desired, &observed);
    Ok(connection.engine.foresee(plan, &observed).await)
}
