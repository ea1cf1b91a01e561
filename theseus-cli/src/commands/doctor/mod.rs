//! `theseus doctor`

mod cluster;
mod report;
mod store;

use theseus_core::cluster::ClusterError;

use crate::args::{Format, Global};
use crate::config::{self, Resolved, Target};
use crate::connect::{client_of, context_of, store_of};
use crate::failure::{Code, Failure};
use crate::output::{print, print_json};
use report::{Check, Report, State};

const EXAMPLES: &str = "\
Examples:
  theseus doctor
  theseus doctor --context staging --format json | jq '.checks[] | select(.state != \"ok\")'

Exit codes: 0 when all is well or nearly so, 2 when the configuration is wrong, 5 when cluster or
store are out of reach.";

/// Check the configuration, the cluster and the store, and say what to mend
///
/// Nothing is changed, but that a lock is taken in the store and given up again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) async fn run(global: &Global, _: &Args) -> Result<Code, Failure> {
    let report = examine(global).await;
    match global.format {
        Format::Json => print_json(&report)?,
        Format::Text => print(&report.render())?,
    }
    Ok(report.code())
}

/// Checks everything, as far as what comes before it allows.
async fn examine(global: &Global) -> Report {
    let mut report = Report::default();
    let resolved = match config::resolve(global) {
        Ok(resolved) => resolved,
        Err(failure) => {
            report.fails(Code::Usage, Check::of_failure("configuration", failure));
            return report;
        }
    };
    report.add(configuration(&resolved));
    let context = context_of(&resolved.target);
    let (cluster, store) = tokio::join!(
        async {
            match client_of(&context) {
                Ok(marathon) => cluster::examine(&marathon).await,
                Err(failure) => Report::failed("configuration", failure),
            }
        },
        async {
            match store_of(&resolved.target).await {
                Ok((store, _)) => store::examine(&*store).await,
                Err(failure) => Report::failed("store", failure),
            }
        },
    );
    report.append(cluster);
    report.append(store);
    report
}

fn configuration(resolved: &Resolved) -> Check {
    let source = match (&resolved.target, &resolved.file) {
        (Target::Sandbox(_), _) => "the sandbox that runs on this machine".to_owned(),
        (Target::Configured(_), Some(file)) => file.display().to_string(),
        (Target::Configured(_), None) => "there is no mesos.yaml".to_owned(),
    };
    let mut parts = vec![source];
    if let (Target::Configured(_), Some(name)) = (&resolved.target, &resolved.name) {
        parts.push(format!("context {name}"));
    }
    if !resolved.overrides.is_empty() {
        let overrides = resolved.overrides.join(" and ");
        parts.push(format!("overridden by {overrides}"));
    }
    let detail = parts.join(", ");
    Check::new("configuration", State::Ok, detail)
}

/// A check that a cluster did not pass.
fn failed(check: &'static str, state: State, error: ClusterError) -> Check {
    Check::of_failure(check, Failure::from(error)).in_state(state)
}
