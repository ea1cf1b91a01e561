//! `theseus rollout`

mod control;
mod follow;
mod look;

use clap::Subcommand;
use theseus_core::audit::Deed;
use theseus_core::model::GroupId;

use super::carry_out::Manner;
use crate::args::Global;
use crate::connect::connect;
use crate::failure::{Code, Failure};

const EXAMPLES: &str = "\
Examples:
  theseus rollout status ingestor:dev --watch
  theseus rollout pause ingestor:dev --reason 'the database is slow'
  theseus rollout promote ingestor:dev     the canaries are good: on with the others
  theseus rollout abort ingestor:dev       back to what was there before";

/// Look at what is under way in one group, and tell it what to do
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show how far it is, who carries it out, and what it waits for
    ///
    /// With --watch: exits with 0 when it is done, 3 when it was rolled back, 1 when it failed or
    /// stands still.
    Status {
        /// A group such as ingestor:dev
        group: GroupId,
        /// Go on showing what changes, until it is over
        #[arg(long, short)]
        watch: bool,
    },
    /// Stop it where it is, until somebody resumes or aborts it
    Pause {
        /// A group such as ingestor:dev
        group: GroupId,
        /// Why, for others to read
        #[arg(long, value_name = "TEXT", default_value = "no reason was given")]
        reason: String,
    },
    /// Go on with it, where it was paused, has failed, or was left by who carried it out
    Resume {
        /// A group such as ingestor:dev
        group: GroupId,
        #[command(flatten)]
        manner: Manner,
    },
    /// Take it back: the group becomes what it was before
    Abort {
        /// A group such as ingestor:dev
        group: GroupId,
        #[command(flatten)]
        manner: Manner,
    },
    /// Say that its canaries are good, so that the others follow
    Promote {
        /// A group such as ingestor:dev
        group: GroupId,
    },
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let connection = connect(global).await?;
    let connection = match &args.command {
        Command::Resume { .. } => connection.asked_to(Deed::Resume),
        Command::Abort { .. } => connection.asked_to(Deed::Abort),
        _ => connection,
    };
    match &args.command {
        Command::Status { group, watch: true } => follow::watch(global, &connection, group).await,
        Command::Status { group, .. } => look::show(global, &connection, group).await,
        Command::Pause { group, reason } => {
            control::pause(global, &connection, group, reason).await
        }
        Command::Resume { group, manner } => {
            control::resume(global, &connection, group, manner).await
        }
        Command::Abort { group, manner } => {
            control::abort(global, &connection, group, manner).await
        }
        Command::Promote { group } => control::promote(global, &connection, group).await,
    }
}
