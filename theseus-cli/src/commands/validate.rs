//! `theseus validate`

use std::path::PathBuf;

use theseus_core::plan::Desired;

use serde::Serialize;
use theseus_core::model::GroupId;

use super::manifests;
use crate::args::{Format, Global};
use crate::failure::{Code, Failure};
use crate::output::{human, print, print_json};

const EXAMPLES: &str = "\
Examples:
  theseus validate *.yaml
  theseus validate - < ingestor.yaml";

/// Check manifests, without talking to anything
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Manifests in YAML or JSON; - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Valid<'a> {
    format_version: u32,
    deploy: Vec<&'a GroupId>,
    remove: Vec<&'a GroupId>,
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let desired = Desired::from(manifests::read(&args.files)?);
    if global.format == Format::Json {
        let (deploy, remove) = (
            desired.deploy.keys().collect(),
            desired.remove.iter().collect(),
        );
        print_json(&Valid {
            format_version: 1,
            deploy,
            remove,
        })?;
    } else {
        print(&format!(
            "Valid: {} to deploy, {} to remove.\n",
            human::count(desired.deploy.len(), "group"),
            human::count(desired.remove.len(), "group"),
        ))?;
    }
    Ok(Code::Done)
}
