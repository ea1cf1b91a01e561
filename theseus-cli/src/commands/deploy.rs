//! `theseus deploy`

use std::cell::Cell;
use std::path::{Path, PathBuf};

use theseus_core::plan::Plan;

use super::carry_out::{Options, agreed, carry_out, plan_in_turn, show};
use super::{detach, manifests};
use crate::args::Global;
use crate::failure::{Code, Failure};
use crate::saved_plan::SavedPlan;

const EXAMPLES: &str = "\
Examples:
  theseus deploy ingestor.yaml
  theseus deploy *.yaml --yes --timeout 15m
  theseus deploy ingestor.yaml --wait      after whoever deploys it now
  theseus deploy ingestor.yaml --detach    in the background, also without this terminal
  theseus deploy P                         just what `theseus plan --out P` showed, or nothing";

/// Plan, ask, and carry the plan out, with live progress
///
/// Interrupt it at any time: the same command again goes on where it was.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Manifests in YAML or JSON, or one plan kept by `theseus plan --out`; - for standard input
    #[arg(required = true, value_name = "FILE|PLAN")]
    files: Vec<PathBuf>,
    /// Carry it out in the background, and return when it has begun
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    options: Options,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let is_stdin = |path: &PathBuf| path == Path::new("-");
    if args.detach && args.files.iter().any(is_stdin) {
        return Err(Failure::usage(
            "what comes from standard input cannot be deployed in the background",
        )
        .hint("give a file"));
    }
    let mut sources = manifests::read_sources(&args.files)?;
    let saved = SavedPlan::recognise(&sources)?;
    if let Some(saved) = &saved {
        sources = saved.sources()?;
    }
    let checked = |plan: Plan| match &saved {
        Some(saved) => saved.check(&plan).map(|()| plan),
        None => Ok(plan),
    };
    let (connection, first) = manifests::plan(global, &sources).await?;
    let first = Cell::new(Some(first));
    let plan = async || match first.take() {
        Some(plan) => checked(plan),
        None => checked(manifests::plan_again(&connection, &sources).await?),
    };
    if !args.detach {
        return carry_out(global, &connection, &args.options, plan).await;
    }
    let plan = plan_in_turn(&connection, &args.options, &plan).await?;
    show(global, &plan);
    if plan.is_empty() {
        return Ok(Code::Done);
    }
    if !agreed(&connection, &plan, &args.options)? {
        return Ok(Code::Failed);
    }
    let file = match saved {
        Some(_) => detach::PlanFile::Given(&args.files[0]),
        None => detach::PlanFile::Made {
            files: &args.files,
            sources: &sources,
        },
    };
    detach::begin(global, &connection, &plan, &file, &args.options).await
}
