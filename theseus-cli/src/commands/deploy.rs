//! `theseus deploy`

use std::path::PathBuf;

use super::carry_out::{Options, carry_out};
use super::manifests;
use crate::args::Global;
use crate::failure::{Code, Failure};
use crate::saved_plan::SavedPlan;

const EXAMPLES: &str = "\
Examples:
  theseus deploy ingestor.yaml
  theseus deploy *.yaml --yes --timeout 15m
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
    #[command(flatten)]
    options: Options,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let mut sources = manifests::read_sources(&args.files)?;
    let saved = SavedPlan::recognise(&sources)?;
    if let Some(saved) = &saved {
        sources = saved.sources()?;
    }
    let (connection, plan) = manifests::plan(global, &sources).await?;
    if let Some(saved) = &saved {
        saved.check(&plan)?;
    }
    carry_out(global, &connection, &plan, &args.options).await
}
