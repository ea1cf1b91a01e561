//! `theseus plan`

use std::path::PathBuf;

use super::manifests;
use crate::args::{Format, Global};
use crate::failure::{Code, Failure};
use crate::output::{self, print, print_json, width};
use crate::saved_plan;

const EXAMPLES: &str = "\
Examples:
  theseus plan ingestor.yaml
  theseus plan *.yaml --exit-code          for a job: exits with 10 when there are changes
  theseus plan ingestor.yaml --out P && theseus deploy P";

/// Show what a deploy would change, and change nothing
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Manifests in YAML or JSON; - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Exit with 10 when there are changes
    #[arg(long)]
    exit_code: bool,
    /// Keep the plan, for `theseus deploy PLAN` to carry out just this or nothing
    #[arg(long, value_name = "PLAN")]
    out: Option<PathBuf>,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let sources = manifests::read_sources(&args.files)?;
    let (_, plan) = manifests::plan(global, &sources).await?;
    if let Some(path) = &args.out {
        saved_plan::save(path, &args.files, &sources, &plan)?;
    }
    match global.format {
        Format::Json => print_json(&plan)?,
        Format::Text => print(&output::plan::render(&plan, global.verbose > 0, width()))?,
    }
    Ok(if args.exit_code && !plan.is_empty() {
        Code::Changes
    } else {
        Code::Done
    })
}
