//! `theseus plan`

use std::path::PathBuf;

use serde::Serialize;
use theseus_core::plan::Plan;

use super::carry_out::code;
use super::manifests;
use crate::args::{Format, Global};
use crate::failure::{Code, Failure};
use crate::output::{self, print, print_json, width};
use crate::rehearsal::{self, Rehearsal};
use crate::saved_plan;

const EXAMPLES: &str = "\
Examples:
  theseus plan ingestor.yaml
  theseus plan *.yaml --exit-code          for a job: exits with 10 when there are changes
  theseus plan ingestor.yaml --rehearse    what would happen, and when
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
    /// Carry it out on a copy of the cluster in memory, and show what happened when
    ///
    /// Nothing real is changed. Exits with 1 or 3 when that does not end well.
    #[arg(long)]
    rehearse: bool,
}

/// A plan and how its rehearsal went.
#[derive(Serialize)]
struct Rehearsed<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    rehearsal: &'a Rehearsal,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let sources = manifests::read_sources(&args.files)?;
    let (connection, plan) = manifests::plan(global, &sources).await?;
    if let Some(path) = &args.out {
        saved_plan::save(path, &args.files, &sources, &plan)?;
    }
    let rehearsal = if args.rehearse {
        let desired = manifests::desired(&sources)?;
        Some(rehearsal::rehearse(&connection, desired).await?)
    } else {
        None
    };
    match global.format {
        Format::Json => match &rehearsal {
            Some(rehearsal) => print_json(&Rehearsed {
                plan: &plan,
                rehearsal,
            })?,
            None => print_json(&plan)?,
        },
        Format::Text => print(&output::plan::render(&plan, global.verbose > 0, width()))?,
    }
    if let Some(rehearsal) = &rehearsal {
        if global.format == Format::Text {
            print(&output::rehearsal::render(
                rehearsal,
                global.verbose > 0,
                width(),
            ))?;
        }
        let code = code(rehearsal.outcome());
        if code != Code::Done {
            return Ok(code);
        }
    }
    let code = if args.exit_code && !plan.is_empty() {
        Code::Changes
    } else {
        Code::Done
    };
    // The process ends here, and giving very many groups back one by one would keep people waiting.
    std::mem::forget(plan);
    Ok(code)
}
