//! `theseus export`

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use theseus_core::cluster::Scope;
use theseus_core::manifest::{self, Secrets};
use theseus_core::model::{GroupId, GroupSelector, Spec};

use super::selection::select;
use crate::args::{Format, Global};
use crate::connect::connect;
use crate::failure::{Code, Failure};
use crate::output::style::{CHANGE, inert, paint};
use crate::output::{human, print, print_json, say};
use crate::saved_plan::create_private;

const EXAMPLES: &str = "\
Examples:
  theseus export ingestor:dev > ingestor.yaml
  theseus export --out all.yaml --show-secrets   every group, as it can be deployed";

/// Write the manifest of groups, as they are deployed
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Groups such as ingestor:dev, or services; everything when none is named
    #[arg(value_name = "GROUP")]
    groups: Vec<GroupSelector>,
    #[command(flatten)]
    pub(super) output: Output,
}

/// Where a manifest goes, and how much of it.
#[derive(Debug, clap::Args)]
pub(super) struct Output {
    /// Write the manifest to this file, which only its owner can read
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Write values that look secret, too
    ///
    /// Without it something else stands in their place, and such a manifest is refused until
    /// somebody has put the values in.
    #[arg(long)]
    pub(super) show_secrets: bool,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let connection = connect(global).await?;
    let observed = connection.engine.observe(&Scope::All).await?;
    let (mut groups, mut revealed) = (Vec::new(), Vec::new());
    for group in select(&observed, &args.groups)? {
        match observed.groups[group].target() {
            Some((revision, spec)) => {
                if args.output.show_secrets && manifest::hidden(spec).next().is_some() {
                    revealed.push((group.clone(), revision));
                }
                groups.push((group, spec));
            }
            None => say(&format!(
                "{} {group} is left out: no record says what it is\n",
                paint(CHANGE, "note:")
            )),
        }
    }
    if groups.is_empty() {
        return Err(Failure::new(Code::Failed, "there is no group to export"));
    }
    connection.engine.tell_exported(&revealed).await?;
    let text = args.output.manifest(&groups)?;
    match (&args.output.out, global.format) {
        (Some(_), _) => {}
        (None, Format::Text) => print(&text)?,
        (None, Format::Json) => print_json(&Exported {
            format_version: 1,
            groups: groups.iter().map(|(group, _)| *group).collect(),
            manifest: &text,
        })?,
    }
    Ok(Code::Done)
}

#[derive(serde::Serialize)]
struct Exported<'a> {
    format_version: u32,
    groups: Vec<&'a GroupId>,
    manifest: &'a str,
}

impl Output {
    /// The manifest of these groups, which goes into the file if there is to be one. What is hidden
    /// is told.
    pub(super) fn manifest(&self, groups: &[(&GroupId, &Arc<Spec>)]) -> Result<String, Failure> {
        let secrets = if self.show_secrets {
            Secrets::Shown
        } else {
            Secrets::Hidden
        };
        let text = manifest::write(groups.iter().copied(), secrets);
        if let Some(path) = &self.out {
            save(path, &text)?;
            let groups = human::count(groups.len(), "group");
            say(&format!("Wrote {groups} to {}.\n", path.display()));
        }
        if secrets == Secrets::Hidden {
            tell_hidden(groups);
        }
        Ok(text)
    }
}

fn save(path: &Path, text: &str) -> Result<(), Failure> {
    let written = create_private(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::file("write", path, &error))
}

/// What stands in the manifest as what it is not.
fn tell_hidden(groups: &[(&GroupId, &Arc<Spec>)]) {
    let mut hidden = Vec::new();
    for (group, spec) in groups {
        let names: Vec<String> = manifest::hidden(spec).map(inert).collect();
        if !names.is_empty() {
            hidden.push(format!("{} of {group}", names.join(", ")));
        }
    }
    if !hidden.is_empty() {
        say(&format!(
            "{} values that look secret are not written: {}. The manifest is refused until they are \
             put in; --show-secrets writes them.\n",
            paint(CHANGE, "note:"),
            hidden.join("; "),
        ));
    }
}
