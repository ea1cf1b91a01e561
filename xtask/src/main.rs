//! Chores of the project: `cargo xtask test`, `cargo xtask check`, and searches that take longer.
//!
//! `test` installs what the tests need where it can, and runs all of them. `check` is what must
//! pass before tests are worth running: formatting, lints and documentation.

mod engine;
mod leftovers;
mod planted;
mod programs;

use std::env;
use std::process::{Command, ExitCode};

const USAGE: &str = "\
usage: cargo xtask <COMMAND>

  check   formatting, clippy and documentation, warnings denied
  test    install what the tests need (Debian, as root), then run all tests
  simulate [--release] [--seeds N] [--from S] | --trace SEED | --double-cuts
          live through simulated stories, through one of them with all that happens,
          or kill deployers at all pairs of their effects
  planted [NAME]
          plant bugs, one at a time, and see that a test finds each
  fidelity --url http://HOST:PORT [--version X] [--only NAME] | --list
          try on a Marathon what must hold of every one";

/// Says what failed; the command itself has said why.
type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let outcome = match env::args().nth(1).as_deref() {
        Some("check") => check(),
        Some("test") => test(),
        Some("simulate") => simulate(env::args().skip(2)),
        Some("fidelity") => fidelity(env::args().skip(2)),
        Some("planted") => planted::run(env::args().nth(2).as_deref()),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn check() -> Outcome {
    cargo(&["fmt", "--all", "--check"], &[])?;
    let deny = "-Dwarnings";
    cargo(&["clippy", "--workspace", "--all-targets", "--", deny], &[])?;
    cargo(
        &["doc", "--workspace", "--no-deps"],
        &[("RUSTDOCFLAGS", deny)],
    )
}

/// Runs every test, those marked `#[ignore = "needs …"]` too: a program that cannot be had makes
/// this fail, so that no test is skipped unnoticed.
fn test() -> Outcome {
    programs::install_missing()?;
    // The stories run the binaries themselves, which belong to another package than they do. Built
    // with the tests, they share dependencies with them; on their own, some would be built twice.
    cargo(&["build", "--workspace", "--bins", "--tests"], &[])?;
    let docker = engine::Engine::start()?;
    cargo(
        &[
            "test",
            "--workspace",
            "--no-fail-fast",
            "--",
            "--include-ignored",
        ],
        &[("DOCKER_HOST", &docker.host())],
    )
}

/// Searches for broken promises; what is not for cargo is for the search.
fn simulate(arguments: impl Iterator<Item = String>) -> Outcome {
    let (release, rest): (Vec<String>, Vec<String>) =
        arguments.partition(|argument| argument == "--release");
    let mut all = vec![
        "run",
        "--quiet",
        "--package",
        "theseus-tests",
        "--bin",
        "simulate",
    ];
    all.extend(release.iter().map(String::as_str));
    all.push("--");
    all.extend(rest.iter().map(String::as_str));
    cargo(&all, &[])
}

/// Tries the probes; that some differ is told by them already.
fn fidelity(arguments: impl Iterator<Item = String>) -> Outcome {
    let rest: Vec<String> = arguments.collect();
    let mut all = vec!["run", "--quiet", "--package", "theseus-fidelity", "--"];
    all.extend(rest.iter().map(String::as_str));
    cargo(&all, &[])
}

fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
    let program = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    run(Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied()))
}

/// Runs a command to its end, with its output going where ours goes.
fn run(command: &mut Command) -> Outcome {
    let shown = format!("{command:?}").replace('"', "");
    eprintln!("$ {shown}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("failed ({status}): {shown}")),
        Err(error) => Err(format!("cannot run {shown}: {error}")),
    }
}
