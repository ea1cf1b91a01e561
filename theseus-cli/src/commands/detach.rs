//! Carrying a plan out in a process of its own, which goes on when this one, and its terminal, are
//! gone. It is handed the very plan that was shown, as a saved plan, so that it does that or nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use theseus_core::manifest::Source;
use theseus_core::model::{GroupId, duration};
use theseus_core::plan::{GroupPlan, Plan};

use super::carry_out::Options;
use crate::args::{Format, Global};
use crate::connect::Connection;
use crate::failure::{Code, Failure};
use crate::identity;
use crate::output::style::{GOOD, STRONG, paint};
use crate::output::{human, print, print_json, say};
use crate::sandbox_file::state_dir;
use crate::saved_plan::{self, create_private};

/// How soon it is looked again whether it has begun.
const AGAIN: Duration = Duration::from_millis(100);
/// So many lines of what it said are told when it could not begin.
const LINES: usize = 20;

/// Where the plan is that the other process reads.
pub(super) enum PlanFile<'a> {
    /// Kept by somebody before.
    Given(&'a Path),
    /// To be kept for this once, from these manifests.
    Made {
        /// Their files.
        files: &'a [PathBuf],
        /// What was read of them.
        sources: &'a [Source],
    },
}

#[derive(Serialize)]
struct Detached<'a> {
    event: &'static str,
    pid: u32,
    log: &'a Path,
    groups: &'a [GroupId],
}

/// Starts the process, and returns when it has begun, or has ended before.
pub(super) async fn begin(
    global: &Global,
    connection: &Connection,
    plan: &Plan,
    file: &PlanFile<'_>,
    options: &Options,
) -> Result<Code, Failure> {
    let log = log_path()?;
    let made = log.with_extension("plan");
    let path = match file {
        PlanFile::Given(path) => *path,
        PlanFile::Made { files, sources } => {
            saved_plan::save(&made, files, sources, plan)?;
            made.as_path()
        }
    };
    let started = start(global, path, options, &log);
    let begun = match started {
        Ok(child) => wait_for(global, connection, plan, child, &log).await,
        Err(failure) => Err(failure),
    };
    // It was read before anything was begun. What was given stays.
    let _ = fs::remove_file(&made);
    begun
}

/// Where the process writes what it has to say.
fn log_path() -> Result<PathBuf, Failure> {
    let directory = state_dir()?.join("deploys");
    fs::create_dir_all(&directory).map_err(|error| Failure::file("make", &directory, &error))?;
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    Ok(directory.join(format!("{now}-{}.log", std::process::id())))
}

fn start(global: &Global, plan: &Path, options: &Options, log: &Path) -> Result<Child, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::new(
            Code::Failed,
            format!("cannot start in the background: {error}"),
        )
    };
    let output = create_private(log).map_err(|error| Failure::file("write", log, &error))?;
    let errors = output.try_clone().map_err(cannot)?;
    let mut command = Command::new(std::env::current_exe().map_err(cannot)?);
    command.args(["deploy", "--yes"]).arg(plan);
    if let Some(context) = &global.context {
        command.arg("--context").arg(context);
    }
    if let Some(config) = &global.config {
        command.arg("--config").arg(config);
    }
    command.args(std::iter::repeat_n("-v", global.verbose.into()));
    if let Some(timeout) = options.manner.timeout {
        command.arg("--timeout").arg(duration::format(timeout));
    }
    command.arg("--parallel").arg(options.parallel.to_string());
    if options.fail_fast {
        command.arg("--fail-fast");
    }
    if options.force {
        command.arg("--force");
    }
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    apart(&mut command);
    command.spawn().map_err(cannot)
}

/// Keeps what a terminal does to those in front of it, such as Ctrl-C, from the process.
#[cfg(unix)]
fn apart(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn apart(_: &mut Command) {}

async fn wait_for(
    global: &Global,
    connection: &Connection,
    plan: &Plan,
    mut child: Child,
    log: &Path,
) -> Result<Code, Failure> {
    let changed = plan.groups.iter().filter(|plan| !GroupPlan::is_empty(plan));
    let groups: Vec<GroupId> = changed.map(|plan| plan.group.clone()).collect();
    let name = identity::of(child.id());
    loop {
        let ended = child.try_wait().map_err(|error| {
            Failure::new(
                Code::Failed,
                format!("cannot look after the process: {error}"),
            )
        })?;
        if let Some(status) = ended {
            return over(status, log);
        }
        let holders = connection.engine.holders(&groups).await?;
        if holders.values().any(|holder| holder.by == name) {
            return begun(global, child.id(), &groups, log);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn begun(global: &Global, pid: u32, groups: &[GroupId], log: &Path) -> Result<Code, Failure> {
    if global.format == Format::Json {
        print_json(&Detached {
            event: "detached",
            pid,
            log,
            groups,
        })?;
        return Ok(Code::Done);
    }
    let follow = match groups {
        [group] => format!("theseus rollout status {group} --watch"),
        _ => "theseus rollout status GROUP --watch".to_owned(),
    };
    print(&format!(
        "{} {} in the background, as process {pid}\n  follow it  {}\n  its log    {}\n",
        paint(GOOD, "✔"),
        human::count(groups.len(), "group"),
        paint(STRONG, &follow),
        log.display(),
    ))?;
    Ok(Code::Done)
}

/// The process ended before it was seen at work: with little to do, or in trouble.
fn over(status: ExitStatus, log: &Path) -> Result<Code, Failure> {
    let said = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = said.lines().collect();
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        say(&format!("  {line}\n"));
    }
    let code = match status.code() {
        Some(0) => return Ok(Code::Done),
        Some(2) => Code::Usage,
        Some(3) => Code::RolledBack,
        Some(4) => Code::Conflict,
        Some(5) => Code::OutOfReach,
        _ => Code::Failed,
    };
    Err(Failure::new(code, "it ended in the background")
        .hint(format!("what it said is in {}", log.display())))
}
