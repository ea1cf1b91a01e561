//! The programs that some tests run, and where they come from.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, run};

/// A program, and the Debian package that has it.
struct Program {
    name: &'static str,
    package: &'static str,
}

const NEEDED: [Program; 3] = [
    Program {
        name: "etcd",
        package: "etcd-server",
    },
    Program {
        name: "haproxy",
        package: "haproxy",
    },
    Program {
        name: "nginx",
        package: "nginx-light",
    },
];

/// Installs those that are missing, where that is possible, and fails where it is not.
pub(crate) fn install_missing() -> Outcome {
    let missing: Vec<&Program> = NEEDED
        .iter()
        .filter(|program| !is_there(program.name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    if !is_there("apt-get") {
        return Err(format!(
            "the tests need {}: install what your system calls so",
            packages.join(", ")
        ));
    }
    apt(&["update", "--quiet=2"])?;
    let mut arguments = vec!["install", "--yes", "--quiet=2", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments)?;
    match missing.iter().find(|program| !is_there(program.name)) {
        Some(program) => Err(format!(
            "{} was installed and has no {}",
            program.package, program.name
        )),
        None => Ok(()),
    }
}

fn apt(arguments: &[&str]) -> Outcome {
    run(Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // The tests start what they need themselves; a service that runs already is in their way.
        .env("RUNLEVEL", "1"))
}

/// Whether the program is on the path, or where Debian keeps what only root is thought to run.
fn is_there(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(system)
        .any(|dir| is_file(&dir.join(name)))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}
