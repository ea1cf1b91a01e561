//! The `theseus` program, and others beside it: where it is, how it is run, what it takes.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

use crate::Failure;
use crate::marathon::Sandbox;

/// How often the memory of a running program is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Builds `theseus` as this program was built, so that what is measured is what is here.
pub(crate) fn build() -> Result<(), Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(cargo);
    command
        .args(["build", "--quiet", "--package", "theseus-cli"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build: its figures mean nothing. Use --release.");
    } else {
        command.arg("--release");
    }
    if !command.status()?.success() {
        return Err("theseus cannot be built".into());
    }
    Ok(())
}

/// Where `theseus` is: beside this program.
pub(crate) fn path() -> Result<PathBuf, Failure> {
    let path = std::env::current_exe()?.with_file_name("theseus");
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!("{} is not there", path.display()).into())
    }
}

/// This program once more, to do one thing that is measured.
pub(crate) fn own(words: &[&str]) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(words);
    Ok(command)
}

/// A command of `theseus` that finds this sandbox, and its records in this directory; its words
/// are still to be added.
pub(crate) fn theseus(sandbox: &Sandbox, directory: &Path) -> Result<Command, Failure> {
    let config = directory.join("mesos.yaml");
    std::fs::write(
        &config,
        format!("marathon: {{urls: ['{}']}}\n", sandbox.url),
    )?;
    let mut command = Command::new(path()?);
    command
        .env_clear()
        .env("HOME", directory)
        .env("XDG_STATE_HOME", directory)
        .arg("--config")
        .arg(config);
    Ok(command)
}

/// The file in which such a command keeps its records.
pub(crate) fn store(directory: &Path) -> PathBuf {
    directory.join("theseus/theseus.db")
}

/// Fetches these with one `curl` each, one after the other.
pub(crate) async fn curl(urls: &[&str]) -> Result<(), Failure> {
    for url in urls {
        let mut command = Command::new("curl");
        // Without -g, brackets would be looked at; without -q, the user's own settings.
        command.args(["-q", "-sSfg", "--noproxy", "*", "-o", "/dev/null", url]);
        run(&mut command).await?;
    }
    Ok(())
}

/// Runs a command to its end.
pub(crate) async fn run(command: &mut Command) -> Result<(), Failure> {
    output(command).await.map(drop)
}

/// Runs a command to its end; tells what it said.
pub(crate) async fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).output().await?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{:?} failed: {said}", command.as_std()).into())
}

/// Runs a command to its end; tells the most memory that it ever held, in bytes.
pub(crate) async fn peak_memory(command: &mut Command) -> Result<u64, Failure> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let process = child.id().ok_or("it is over already")?;
    let mut peak = 0;
    let began = Instant::now();
    while child.try_wait()?.is_none() {
        // It may end before it is looked at.
        peak = peak.max(status(process, "VmHWM:").unwrap_or(0));
        tokio::time::sleep(LOOK_EVERY).await;
    }
    if peak == 0 {
        return Err(format!("nothing was seen of its memory in {:?}", began.elapsed()).into());
    }
    Ok(peak)
}

/// How much memory a process holds, in bytes.
pub(crate) fn memory(process: u32) -> Result<u64, Failure> {
    status(process, "VmRSS:").ok_or_else(|| "nothing is known of its memory".into())
}

/// The most memory that a process has held so far, in bytes.
pub(crate) fn peak(process: u32) -> Result<u64, Failure> {
    status(process, "VmHWM:").ok_or_else(|| "nothing is known of its memory".into())
}

/// What `/proc/…/status` says of a process under this name, in bytes.
fn status(process: u32, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
