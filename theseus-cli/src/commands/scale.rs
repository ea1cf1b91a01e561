//! `theseus scale`

use std::sync::Arc;

use theseus_core::audit::Deed;
use theseus_core::cluster::Scope;
use theseus_core::model::{GroupSelector, Spec};
use theseus_core::plan::{self, Desired, Plan};

use super::carry_out::{Options, carry_out};
use super::selection::{lost_record, select};
use crate::args::Global;
use crate::connect::{Connection, connect};
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
    let connection = connect(global).await?.asked_to(Deed::Scale);
    let plan = async || scaling(&connection, args).await;
    carry_out(global, &connection, &args.options, plan).await
}

async fn scaling(connection: &Connection, args: &Args) -> Result<Plan, Failure> {
    let observed = connection.engine.observe(&Scope::All).await?;
    let mut desired = Desired::default();
    for group in select(&observed, &args.groups)? {
        let Some((_, spec)) = observed.groups[group].target() else {
            return Err(lost_record(group));
        };
        let spec = Spec {
            instances: args.instances,
            ..Spec::clone(spec)
        };
        desired.deploy.insert(group.clone(), Arc::new(spec));
    }
    let plan = plan::plan(&desired, &observed);
    Ok(connection.engine.foresee(plan, &observed).await)
}
